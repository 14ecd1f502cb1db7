// bench_threads.c - what does a thread cost that lives for a few objects, in
// time and in memory?
//
// `short_lived`: a thread starts, makes 8 objects of 16 to 1024 bytes, frees
// half of them and ends; the starter frees the rest. One operation is one
// thread, counted in CPU time of the whole process, most of which is the
// system's. `parked`: 64 threads hold one object of 64 bytes each and sleep;
// the metric is resident KiB per thread, stack and thread block included.

#include <stdlib.h>

#include "bench_support.h"

enum { OBJECTS_EACH = 8, PARKED = 64 };

struct visitor {
    struct bench_sizes *sizes;
    struct bench_rng rng;
    void *left_behind[OBJECTS_EACH / 2];
};

static void *make_object(struct visitor *visitor) {
    void *object = malloc(bench_sizes_pick(visitor->sizes, &visitor->rng));
    if (object == NULL) {
        bench_out_of_memory();
    }
    bench_write(object, 1);
    return object;
}

static void *visit(void *arg) {
    struct visitor *visitor = arg;
    for (size_t i = 0; i < OBJECTS_EACH / 2; i++) {
        void *brief = make_object(visitor);
        visitor->left_behind[i] = make_object(visitor);
        free(brief);
    }
    return NULL;
}

static void run_visitors(struct visitor *visitors, unsigned count) {
    pthread_t threads[1024]; // the most --threads accepts
    bench_threads_start(threads, count, visit, visitors, sizeof *visitors);
    bench_threads_join(threads, count);
    for (unsigned i = 0; i < count; i++) {
        for (size_t at = 0; at < OBJECTS_EACH / 2; at++) {
            free(visitors[i].left_behind[at]);
        }
    }
}

static void measure_short_lived(struct bench_run *run, size_t unused) {
    (void)unused;
    static struct bench_sizes sizes;
    unsigned count = run->options.threads;
    size_t table = count * sizeof(struct visitor);
    struct visitor *visitors = bench_pages(table);
    struct bench_rng rng = bench_rng_seed(run->options.seed);
    bench_sizes_log_uniform(&sizes, &rng, 16, 1024);
    for (unsigned i = 0; i < count; i++) {
        visitors[i].sizes = &sizes;
        visitors[i].rng = bench_rng_seed(run->options.seed + i + 1);
    }
    run_visitors(visitors, count); // warm up: the stacks exist from here on
    uint64_t done = 0;
    uint64_t start = bench_wall_ns();
    uint64_t cpu_start = bench_process_cpu_ns();
    while (bench_more(&run->options, start, done)) {
        run_visitors(visitors, count);
        done += count;
    }
    bench_put_ns(run, "ns", bench_process_cpu_ns() - cpu_start, done);
    bench_pages_free(visitors, table);
}

static void *park(void *arg) {
    pthread_barrier_t *gate = arg;
    void *object = malloc(64);
    if (object == NULL) {
        bench_out_of_memory();
    }
    bench_write(object, 1);
    pthread_barrier_wait(gate); // everyone is here: measure
    pthread_barrier_wait(gate); // measured: leave
    free(object);
    return NULL;
}

static void measure_parked(struct bench_run *run, size_t unused) {
    (void)unused;
    pthread_t threads[PARKED];
    pthread_barrier_t gate;
    pthread_barrier_init(&gate, NULL, PARKED + 1);
    free(malloc(64)); // the main thread's own start is not a parked thread's
    uint64_t before = bench_rss_kib();
    bench_threads_start(threads, PARKED, park, &gate, 0);
    pthread_barrier_wait(&gate);
    uint64_t after = bench_rss_kib();
    pthread_barrier_wait(&gate);
    bench_threads_join(threads, PARKED);
    pthread_barrier_destroy(&gate);
    bench_put(run, "thread_kib",
              ((double)after - (double)before) / (double)PARKED);
    run->total_ops += PARKED;
}

static const struct bench_case cases[] = {
    {"parked", measure_parked, 0}, // first: needs stacks nobody used before
    {"short_lived", measure_short_lived, 0},
};

static const struct bench_program program = {
    .name = "bench_threads",
    .question = "what does a thread with a few objects cost?",
    .cases = cases,
    .ncases = sizeof cases / sizeof cases[0],
    .defaults = {.seed = 1, .threads = 2, .seconds = 0.5},
};

int main(int argc, char **argv) {
    return bench_main(&program, argc, argv);
}
