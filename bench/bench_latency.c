// bench_latency.c - how long do single calls of malloc and free take, the rare
// slow ones included?
//
// Means hide the call that takes a lock, sweeps a list or asks the system for
// memory; whoever waits for an answer meets that call. Each thread replaces
// random objects of its own 20,000, and every call is timed by itself with the
// processor's counter. `latency_small` has sizes of 16 to 1024 bytes,
// log-uniform; in `latency_mixed` one object in 64 is of 4 to 256 KiB instead.
//
// Given are the quantiles p50, p99, p99.9 and p99.99 and the maximum, over all
// threads, in ns of wall time. Reading the counter is in them: `timer_ns` is
// what a reading of nothing says (median), and `step_ns` the step in which the
// counter advances; neither is subtracted. The first write to an object is not
// in them, so neither is the fault of a page that nobody touched before. A
// thread that loses its processor within a call has that in its maximum, and
// with more threads than processors in p99.99.

#include <stdlib.h>

#include "bench_support.h"
#include "histogram.h"
#include "ticks.h"

enum { OPS_PER_LOOK = 4096, READINGS = 10000, ONE_LARGE_IN = 64 };
enum { CASE_SMALL, CASE_MIXED };

struct worker {
    const struct bench_options *options;
    pthread_barrier_t *step;
    const struct bench_sizes *sizes;
    struct bench_rng rng;
    void **objects;
    uint64_t ops;
    struct histogram malloc_ticks;
    struct histogram free_ticks;
};

static void *timed_malloc(struct worker *worker) {
    size_t size = bench_sizes_pick(worker->sizes, &worker->rng);
    uint64_t begin = ticks_now();
    void *object = malloc(size);
    uint64_t end = ticks_now();
    if (object == NULL) {
        bench_out_of_memory();
    }
    histogram_add(&worker->malloc_ticks, end - begin);
    bench_write(object, worker->ops);
    return object;
}

static void timed_free(struct worker *worker, void *object) {
    uint64_t begin = ticks_now();
    free(object);
    uint64_t end = ticks_now();
    histogram_add(&worker->free_ticks, end - begin);
}

static void replace_objects(struct worker *worker, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t at = bench_rng_below(&worker->rng, worker->options->objects);
        timed_free(worker, worker->objects[at]);
        worker->objects[at] = timed_malloc(worker);
    }
}

static void *churn(void *arg) {
    struct worker *worker = arg;
    size_t count = worker->options->objects;
    for (size_t i = 0; i < count; i++) {
        worker->objects[i] = timed_malloc(worker);
    }
    replace_objects(worker, count); // so that it loses the order of birth
    worker->malloc_ticks = (struct histogram){0};
    worker->free_ticks = (struct histogram){0};
    pthread_barrier_wait(worker->step);

    uint64_t start = bench_wall_ns();
    while (bench_more(worker->options, start, worker->ops)) {
        replace_objects(worker, OPS_PER_LOOK);
        worker->ops += OPS_PER_LOOK;
    }
    pthread_barrier_wait(worker->step); // nobody frees while others time
    for (size_t i = 0; i < count; i++) {
        free(worker->objects[i]);
    }
    return NULL;
}

// ns_per_tick compares the two clocks over 50 ms.
static double ns_per_tick(void) {
    uint64_t ns = bench_wall_ns();
    uint64_t ticks = ticks_now();
    bench_sleep(0.05);
    ticks = ticks_now() - ticks;
    ns = bench_wall_ns() - ns;
    return ticks == 0 ? 0.0 : (double)ns / (double)ticks;
}

static uint64_t common_divisor(uint64_t a, uint64_t b) {
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

// measure_timer: some counters advance by several ticks at once, which shows
// in what all differences have in common.
static void measure_timer(struct bench_run *run, double tick_ns) {
    static struct histogram nothing;
    nothing = (struct histogram){0};
    uint64_t step = 0;
    for (int i = 0; i < READINGS; i++) {
        uint64_t begin = ticks_now();
        uint64_t end = ticks_now();
        histogram_add(&nothing, end - begin);
        step = common_divisor(end - begin, step);
    }
    bench_put(run, "step_ns", tick_ns * (double)step);
    bench_put(run, "timer_ns",
              tick_ns * (double)histogram_quantile(&nothing, 0.5));
}

static void put_quantiles(struct bench_run *run, const char *const names[5],
                          const struct histogram *ticks, double tick_ns) {
    static const double shares[] = {0.5, 0.99, 0.999, 0.9999, 1.0};
    for (int i = 0; i < 5; i++) {
        uint64_t value = histogram_quantile(ticks, shares[i]);
        bench_put(run, names[i], tick_ns * (double)value);
    }
    run->total_ops += ticks->count;
}

static void report(struct bench_run *run, struct worker *workers) {
    static const char *const of_malloc[] = {"malloc_p50_ns", "malloc_p99_ns",
                                            "malloc_p999_ns", "malloc_p9999_ns",
                                            "malloc_max_ns"};
    static const char *const of_free[] = {"free_p50_ns", "free_p99_ns",
                                          "free_p999_ns", "free_p9999_ns",
                                          "free_max_ns"};
    for (unsigned i = 1; i < run->options.threads; i++) {
        histogram_merge(&workers[0].malloc_ticks, &workers[i].malloc_ticks);
        histogram_merge(&workers[0].free_ticks, &workers[i].free_ticks);
    }
    double tick_ns = ns_per_tick();
    measure_timer(run, tick_ns);
    put_quantiles(run, of_malloc, &workers[0].malloc_ticks, tick_ns);
    put_quantiles(run, of_free, &workers[0].free_ticks, tick_ns);
}

static void fill_sizes(struct bench_sizes *sizes, struct bench_rng *rng,
                       size_t which) {
    static struct bench_sizes large;
    bench_sizes_log_uniform(sizes, rng, 16, 1024);
    bench_sizes_log_uniform(&large, rng, (size_t)4 << 10, (size_t)256 << 10);
    for (size_t i = 0; which == CASE_MIXED && i < BENCH_SIZES;
         i += ONE_LARGE_IN) {
        sizes->size[i] = large.size[i];
    }
}

static void measure_latency(struct bench_run *run, size_t which) {
    static struct bench_sizes sizes;
    unsigned count = run->options.threads;
    struct bench_rng rng = bench_rng_seed(run->options.seed);
    fill_sizes(&sizes, &rng, which);
    pthread_barrier_t step;
    pthread_barrier_init(&step, NULL, count);
    size_t workers_size = count * sizeof(struct worker);
    size_t set_size = run->options.objects * sizeof(void *);
    struct worker *workers = bench_pages(workers_size);
    pthread_t *threads = bench_pages(count * sizeof(pthread_t));
    for (unsigned i = 0; i < count; i++) {
        workers[i].options = &run->options;
        workers[i].step = &step;
        workers[i].sizes = &sizes;
        workers[i].rng = bench_rng_seed(run->options.seed + i + 1);
        workers[i].objects = bench_pages(set_size);
    }
    bench_threads_start(threads, count, churn, workers, sizeof *workers);
    bench_threads_join(threads, count);
    report(run, workers);
    for (unsigned i = 0; i < count; i++) {
        bench_pages_free(workers[i].objects, set_size);
    }
    bench_pages_free(threads, count * sizeof(pthread_t));
    bench_pages_free(workers, workers_size);
    pthread_barrier_destroy(&step);
}

static const struct bench_case cases[] = {
    {"latency_small", measure_latency, CASE_SMALL},
    {"latency_mixed", measure_latency, CASE_MIXED},
};

static const struct bench_program program = {
    .name = "bench_latency",
    .question = "how long do single calls of malloc and free take?",
    .cases = cases,
    .ncases = sizeof cases / sizeof cases[0],
    .defaults = {.seed = 1, .threads = 1, .seconds = 0.5, .objects = 20000},
};

int main(int argc, char **argv) {
    return bench_main(&program, argc, argv);
}
