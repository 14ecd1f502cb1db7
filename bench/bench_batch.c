// bench_batch.c - what do malloc and free cost when 100,000 objects are made
// and then all of them are freed, in order, in reverse, or at random?
//
// Sizes are 16 to 1024 bytes, log-uniform. The working set (some 25 MB) is far
// larger than any thread cache, so every slow path takes part, and the order
// of the frees decides how far apart in memory neighbouring frees land.
// Malloc (with a store of one word) and free are timed apart.

#include <stdlib.h>
#include <string.h>

#include "bench_support.h"

enum { WARM_UP_ROUNDS = 3 };
enum order { ORDER_SAME, ORDER_REVERSE, ORDER_RANDOM };

struct batch {
    struct bench_rng rng;
    struct bench_sizes sizes;
    size_t count;
    void **objects; // in the order they were made
    void **victims; // in the order they are freed
    uint64_t malloc_ns;
    uint64_t free_ns;
};

static void make_objects(struct batch *batch) {
    for (size_t i = 0; i < batch->count; i++) {
        void *object = malloc(bench_sizes_pick(&batch->sizes, &batch->rng));
        if (object == NULL) {
            bench_out_of_memory();
        }
        bench_write(object, i);
        batch->objects[i] = object;
    }
}

// The order is laid out beforehand, so that the timed loop reads its pointers
// one after the other in every case.
static void order_victims(struct batch *batch, enum order order) {
    size_t count = batch->count;
    memcpy(batch->victims, batch->objects, count * sizeof(void *));
    if (order == ORDER_REVERSE) {
        for (size_t i = 0; i < count; i++) {
            batch->victims[i] = batch->objects[count - 1 - i];
        }
    } else if (order == ORDER_RANDOM) {
        for (size_t i = count - 1; i > 0; i--) {
            size_t j = bench_rng_below(&batch->rng, i + 1);
            void *swap = batch->victims[i];
            batch->victims[i] = batch->victims[j];
            batch->victims[j] = swap;
        }
    }
}

static void free_objects(struct batch *batch) {
    for (size_t i = 0; i < batch->count; i++) {
        free(batch->victims[i]);
    }
}

static void run_round(struct batch *batch, enum order order) {
    uint64_t begin = bench_thread_cpu_ns();
    make_objects(batch);
    uint64_t made = bench_thread_cpu_ns();
    order_victims(batch, order);
    uint64_t ordered = bench_thread_cpu_ns();
    free_objects(batch);
    batch->free_ns += bench_thread_cpu_ns() - ordered;
    batch->malloc_ns += made - begin;
}

static void measure_batches(struct bench_run *run, size_t order) {
    static struct batch batch;
    size_t table = run->options.objects * sizeof(void *);
    batch.rng = bench_rng_seed(run->options.seed);
    bench_sizes_log_uniform(&batch.sizes, &batch.rng, 16, 1024);
    batch.count = run->options.objects;
    batch.objects = bench_pages(table);
    batch.victims = bench_pages(table);

    for (int i = 0; i < WARM_UP_ROUNDS; i++) {
        run_round(&batch, (enum order)order);
    }
    batch.malloc_ns = 0;
    batch.free_ns = 0;
    uint64_t done = 0;
    uint64_t start = bench_wall_ns();
    while (bench_more(&run->options, start, done)) {
        run_round(&batch, (enum order)order);
        done += batch.count;
    }
    bench_put_ns(run, "malloc_ns", batch.malloc_ns, done);
    bench_put_ns(run, "free_ns", batch.free_ns, done);
    bench_pages_free(batch.objects, table);
    bench_pages_free(batch.victims, table);
}

static const struct bench_case cases[] = {
    {"same", measure_batches, ORDER_SAME},
    {"reverse", measure_batches, ORDER_REVERSE},
    {"random", measure_batches, ORDER_RANDOM},
};

static const struct bench_program program = {
    .name = "bench_batch",
    .question = "what do malloc and free cost in waves of many objects?",
    .cases = cases,
    .ncases = sizeof cases / sizeof cases[0],
    .defaults = {.seed = 1, .threads = 1, .seconds = 0.5, .objects = 100000},
};

int main(int argc, char **argv) {
    return bench_main(&program, argc, argv);
}
