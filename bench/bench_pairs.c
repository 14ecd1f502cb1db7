// bench_pairs.c - what does one malloc, write and free of a small object cost,
// alone and with other threads doing the same?
//
// The same size again and again, so the object just freed is the next one
// handed out: the shortest path an allocator has, with everything in cache.
// One operation is a malloc, a store of one word, and a free.
//
// One thread is the main thread of a process that never starts another, and
// pays no price for threads where an allocator tells the two apart.

#include <stdlib.h>

#include "bench_support.h"

enum { PAIRS_PER_READING = 100000 };

struct worker {
    const struct bench_options *options;
    pthread_barrier_t *warm;
    size_t size;
    uint64_t cpu_ns;
    uint64_t ops;
};

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

static void *work(void *arg) {
    struct worker *worker = arg;
    run_pairs(worker->size, PAIRS_PER_READING); // warm up
    pthread_barrier_wait(worker->warm);
    uint64_t start = bench_wall_ns();
    uint64_t cpu_start = bench_thread_cpu_ns();
    while (bench_more(worker->options, start, worker->ops)) {
        run_pairs(worker->size, PAIRS_PER_READING);
        worker->ops += PAIRS_PER_READING;
    }
    worker->cpu_ns = bench_thread_cpu_ns() - cpu_start;
    return NULL;
}

static void measure_pairs(struct bench_run *run, size_t size) {
    unsigned nthreads = run->options.threads;
    size_t workers_size = nthreads * sizeof(struct worker);
    size_t threads_size = nthreads * sizeof(pthread_t);
    struct worker *workers = bench_pages(workers_size);
    pthread_t *threads = bench_pages(threads_size);
    pthread_barrier_t warm;
    pthread_barrier_init(&warm, NULL, nthreads);
    for (unsigned i = 0; i < nthreads; i++) {
        workers[i] = (struct worker){
            .options = &run->options, .warm = &warm, .size = size};
    }
    if (nthreads == 1) {
        work(workers);
    } else {
        bench_threads_start(threads, nthreads, work, workers, sizeof *workers);
        bench_threads_join(threads, nthreads);
    }
    uint64_t cpu_ns = 0;
    uint64_t ops = 0;
    for (unsigned i = 0; i < nthreads; i++) {
        cpu_ns += workers[i].cpu_ns;
        ops += workers[i].ops;
    }
    bench_put_ns(run, "ns", cpu_ns, ops);
    pthread_barrier_destroy(&warm);
    bench_pages_free(threads, threads_size);
    bench_pages_free(workers, workers_size);
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
