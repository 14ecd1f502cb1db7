// bench_calloc.c - what does zeroed memory cost, 4 KiB to 1 MiB at a time?
//
// Eight objects are alive, sizes log-uniform; one operation replaces a random
// one and writes a byte in each of its pages. Memory that was used before must
// be cleared or exchanged for fresh pages: which of the two an allocator
// chooses, and whether it knows what is zero already, is what shows here. A
// byte in the middle and the last one are checked to be zero.

#include <stdlib.h>

#include "bench_support.h"

enum { NLIVE = 8, OPS_PER_LOOK = 16, WARM_UP_OPS = 128 };

static void replace_one(unsigned char **slot, size_t size) {
    free(*slot);
    unsigned char *object = calloc(1, size);
    if (object == NULL) {
        bench_out_of_memory();
    }
    // The last byte and a page's first are what earlier owners wrote.
    size_t page_in_middle = size / 2 & ~(size_t)4095;
    if (object[page_in_middle] != 0 || object[size - 1] != 0) {
        bench_broken("calloc returned memory that is not zero");
    }
    bench_touch_pages(object, size);
    object[size - 1] = 1;
    *slot = object;
}

static void measure_calloc(struct bench_run *run, size_t unused) {
    (void)unused;
    static struct bench_sizes sizes;
    unsigned char *live[NLIVE] = {NULL};
    struct bench_rng rng = bench_rng_seed(run->options.seed);
    bench_sizes_log_uniform(&sizes, &rng, (size_t)4 << 10, (size_t)1 << 20);

    for (size_t i = 0; i < WARM_UP_OPS; i++) { // warm up
        replace_one(&live[i % NLIVE], bench_sizes_pick(&sizes, &rng));
    }
    uint64_t done = 0;
    uint64_t start = bench_wall_ns();
    uint64_t cpu_start = bench_thread_cpu_ns();
    while (bench_more(&run->options, start, done)) {
        for (size_t i = 0; i < OPS_PER_LOOK; i++) {
            size_t at = bench_rng_below(&rng, NLIVE);
            replace_one(&live[at], bench_sizes_pick(&sizes, &rng));
        }
        done += OPS_PER_LOOK;
    }
    bench_put_ns(run, "ns", bench_thread_cpu_ns() - cpu_start, done);
    for (size_t i = 0; i < NLIVE; i++) {
        free(live[i]);
    }
}

static const struct bench_case cases[] = {
    {"calloc", measure_calloc, 0},
};

static const struct bench_program program = {
    .name = "bench_calloc",
    .question = "what does zeroed memory of 4 KiB to 1 MiB cost?",
    .cases = cases,
    .ncases = sizeof cases / sizeof cases[0],
    .defaults = {.seed = 1, .threads = 1, .seconds = 0.5},
};

int main(int argc, char **argv) {
    return bench_main(&program, argc, argv);
}
