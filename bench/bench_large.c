// bench_large.c - what does an object of 64 KiB to 4 MiB cost, used or not?
//
// Sizes are log-uniform. `large1` makes one, writes a byte in each page and
// frees it; `large16` does the same with 16 alive, replacing a random one;
// `large_untouched` keeps 8 alive and writes the first word only. An allocator
// that gives the pages back at each free pays for faulting them in again, and
// the first two show it; the third shows the bookkeeping alone.

#include <stdlib.h>

#include "bench_support.h"

enum { LIVE_MAX = 16, OPS_PER_LOOK = 16 };
enum { CASE_ONE, CASE_SIXTEEN, CASE_UNTOUCHED };

static void replace_one(void **slot, size_t size, bool touch) {
    free(*slot);
    *slot = malloc(size);
    if (*slot == NULL) {
        bench_out_of_memory();
    }
    bench_write(*slot, size);
    if (touch) {
        bench_touch_pages(*slot, size);
    }
}

static void measure_large(struct bench_run *run, size_t which) {
    static const size_t live_by_case[] = {1, LIVE_MAX, 8};
    static struct bench_sizes sizes;
    static void *live[LIVE_MAX]; // all NULL between cases
    size_t nlive = live_by_case[which];
    bool touch = which != CASE_UNTOUCHED;
    struct bench_rng rng = bench_rng_seed(run->options.seed);
    bench_sizes_log_uniform(&sizes, &rng, (size_t)64 << 10, (size_t)4 << 20);

    for (size_t i = 0; i < 16 * nlive; i++) { // warm up
        replace_one(&live[i % nlive], bench_sizes_pick(&sizes, &rng), touch);
    }
    uint64_t done = 0;
    uint64_t start = bench_wall_ns();
    uint64_t cpu_start = bench_thread_cpu_ns();
    while (bench_more(&run->options, start, done)) {
        for (size_t i = 0; i < OPS_PER_LOOK; i++) {
            size_t at = bench_rng_below(&rng, nlive);
            replace_one(&live[at], bench_sizes_pick(&sizes, &rng), touch);
        }
        done += OPS_PER_LOOK;
    }
    bench_put_ns(run, "ns", bench_thread_cpu_ns() - cpu_start, done);
    for (size_t i = 0; i < nlive; i++) {
        free(live[i]);
        live[i] = NULL;
    }
}

static const struct bench_case cases[] = {
    {"large1", measure_large, CASE_ONE},
    {"large16", measure_large, CASE_SIXTEEN},
    {"large_untouched", measure_large, CASE_UNTOUCHED},
};

static const struct bench_program program = {
    .name = "bench_large",
    .question = "what does an object of 64 KiB to 4 MiB cost?",
    .cases = cases,
    .ncases = sizeof cases / sizeof cases[0],
    .defaults = {.seed = 1, .threads = 1, .seconds = 0.5},
};

int main(int argc, char **argv) {
    return bench_main(&program, argc, argv);
}
