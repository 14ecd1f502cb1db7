// bench_pairs.c - what does one malloc, write and free of a small object cost?
//
// The same size again and again, so the object just freed is the next one
// handed out: the shortest path an allocator has, with everything in cache.
// One operation is a malloc, a store of one word, and a free.

#include <stdlib.h>

#include "bench_support.h"

enum { PAIRS_PER_READING = 100000 };

static void run_pairs(size_t size, size_t count) {
    for (size_t i = 0; i < count; i++) {
        void *object = malloc(size);
        if (object == NULL) {
            bench_out_of_memory();
        }
        bench_write(object, i);
        free(object);
    }
}

static void measure_pairs(struct bench_run *run, size_t size) {
    run_pairs(size, PAIRS_PER_READING); // warm up
    uint64_t done = 0;
    uint64_t start = bench_wall_ns();
    uint64_t cpu_start = bench_thread_cpu_ns();
    while (bench_more(&run->options, start, done)) {
        run_pairs(size, PAIRS_PER_READING);
        done += PAIRS_PER_READING;
    }
    bench_put_ns(run, "ns", bench_thread_cpu_ns() - cpu_start, done);
}

static const struct bench_case cases[] = {
    {"pair16", measure_pairs, 16},
    {"pair64", measure_pairs, 64},
    {"pair256", measure_pairs, 256},
    {"pair1024", measure_pairs, 1024},
};

static const struct bench_program program = {
    .name = "bench_pairs",
    .question = "what does malloc, write, free of one size cost?",
    .cases = cases,
    .ncases = sizeof cases / sizeof cases[0],
    .defaults = {.seed = 1, .threads = 1, .seconds = 0.5},
};

int main(int argc, char **argv) {
    return bench_main(&program, argc, argv);
}
