// bench_churn.c - what does replacing a random object of a working set cost,
// alone and with other threads doing the same?
//
// Each thread owns a working set of objects of 16 to 1024 bytes, log-uniform.
// One operation picks one at random, frees it, and puts a new one of another
// size in its place. Choosing costs some 8 ns that every allocator pays alike.
// No object crosses threads, so what grows with the thread count is contention
// inside the allocator, or the lack of cores.
//
// `churn5m` asks the same of five million objects, where almost every free
// meets memory that no cache holds. They are of 16 to 512 bytes, 143 on
// average: 680 MiB asked for, which leaves an allocator that wastes a half
// below 1.2 GiB with the program's own table (38 MiB).

#include <stdlib.h>

#include "bench_support.h"

enum { OPS_PER_LOOK = 4096 };

enum { CHURN_1K, CHURN_20K, CHURN_100K, CHURN_5M };

struct working_set {
    size_t count;
    size_t largest; // bytes
};

static const struct working_set working_sets[] = {
    [CHURN_1K] = {1000, 1024},
    [CHURN_20K] = {20000, 1024},
    [CHURN_100K] = {100000, 1024},
    [CHURN_5M] = {5000000, 512},
};

struct worker {
    const struct bench_options *options;
    pthread_barrier_t *filled;
    const struct bench_sizes *sizes;
    struct bench_rng rng;
    void **objects;
    size_t count;
    uint64_t cpu_ns;
    uint64_t ops;
};

static void *make_object(struct worker *worker) {
    void *object = malloc(bench_sizes_pick(worker->sizes, &worker->rng));
    if (object == NULL) {
        bench_out_of_memory();
    }
    bench_write(object, worker->ops);
    return object;
}

static void replace_objects(struct worker *worker, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t at = bench_rng_below(&worker->rng, worker->count);
        free(worker->objects[at]);
        worker->objects[at] = make_object(worker);
    }
}

static void *churn(void *arg) {
    struct worker *worker = arg;
    for (size_t i = 0; i < worker->count; i++) {
        worker->objects[i] = make_object(worker);
    }
    // Once over, so that the set has lost the order it was made in.
    replace_objects(worker, worker->count);
    pthread_barrier_wait(worker->filled);

    uint64_t start = bench_wall_ns();
    uint64_t cpu_start = bench_thread_cpu_ns();
    while (bench_more(worker->options, start, worker->ops)) {
        replace_objects(worker, OPS_PER_LOOK);
        worker->ops += OPS_PER_LOOK;
    }
    worker->cpu_ns = bench_thread_cpu_ns() - cpu_start;

    pthread_barrier_wait(worker->filled); // nobody frees while others time
    for (size_t i = 0; i < worker->count; i++) {
        free(worker->objects[i]);
    }
    return NULL;
}

static void measure_churn(struct bench_run *run, size_t which) {
    unsigned nthreads = run->options.threads;
    size_t count = working_sets[which].count;
    if (run->options.objects != 0) {
        count = run->options.objects;
    }
    static struct bench_sizes sizes;
    struct bench_rng rng = bench_rng_seed(run->options.seed);
    bench_sizes_log_uniform(&sizes, &rng, 16, working_sets[which].largest);
    pthread_barrier_t filled;
    pthread_barrier_init(&filled, NULL, nthreads);

    size_t workers_size = nthreads * sizeof(struct worker);
    size_t set_size = count * sizeof(void *);
    struct worker *workers = bench_pages(workers_size);
    pthread_t *threads = bench_pages(nthreads * sizeof(pthread_t));
    for (unsigned i = 0; i < nthreads; i++) {
        workers[i].options = &run->options;
        workers[i].filled = &filled;
        workers[i].sizes = &sizes;
        workers[i].rng = bench_rng_seed(run->options.seed + i + 1);
        workers[i].objects = bench_pages(set_size);
        workers[i].count = count;
    }
    bench_threads_start(threads, nthreads, churn, workers, sizeof *workers);
    bench_threads_join(threads, nthreads);

    uint64_t cpu_ns = 0;
    uint64_t ops = 0;
    for (unsigned i = 0; i < nthreads; i++) {
        cpu_ns += workers[i].cpu_ns;
        ops += workers[i].ops;
        bench_pages_free(workers[i].objects, set_size);
    }
    bench_put_ns(run, "ns", cpu_ns, ops);
    // Made and in the end freed, and replaced once before.
    bench_put_untimed(run, (uint64_t)2 * count * nthreads);
    bench_pages_free(workers, workers_size);
    bench_pages_free(threads, nthreads * sizeof(pthread_t));
    pthread_barrier_destroy(&filled);
}

static const struct bench_case cases[] = {
    {"churn1k", measure_churn, CHURN_1K},
    {"churn20k", measure_churn, CHURN_20K},
    {"churn100k", measure_churn, CHURN_100K},
    {"churn5m", measure_churn, CHURN_5M},
};

static const struct bench_program program = {
    .name = "bench_churn",
    .question = "what does replacing a random object of a set cost?",
    .cases = cases,
    .ncases = sizeof cases / sizeof cases[0],
    .defaults = {.seed = 1, .threads = 1, .seconds = 0.5},
};

int main(int argc, char **argv) {
    return bench_main(&program, argc, argv);
}
