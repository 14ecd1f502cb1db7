// bench_handover.c - what do malloc and free cost when one thread makes every
// object and another frees it?
//
// The producer fills batches of 1000 objects of 16 to 1024 bytes, log-uniform,
// and the consumer frees them, with up to 8 batches on the way. Each side's
// CPU time is read around its batch only, so waiting for the other side does
// not count. In `handover` the consumer frees without looking; in
// `handover_read` it reads the first word of each object first, as the
// receiver of a message does, and pays for the cache line before the free.

#include <stdlib.h>

#include "bench_support.h"

enum { BATCH_MAX = 100000, BATCHES_ON_THE_WAY = 8 };

// A bounded queue of batches. `filled` counts batches that hold objects; the
// producer works at index produced % 8, the consumer at consumed % 8.
struct queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    void **batches[BATCHES_ON_THE_WAY];
    size_t batch_size;
    unsigned filled; // under lock
    bool closed;     // under lock: the producer has finished
};

struct consumer {
    struct queue *queue;
    bool reads;
    uint64_t cpu_ns;
    uint64_t ops;
    uint64_t sum; // keeps the reads alive
};

static void wait_for_room(struct queue *queue) {
    pthread_mutex_lock(&queue->lock);
    while (queue->filled == BATCHES_ON_THE_WAY) {
        pthread_cond_wait(&queue->changed, &queue->lock);
    }
    pthread_mutex_unlock(&queue->lock);
}

static bool wait_for_batch(struct queue *queue) {
    pthread_mutex_lock(&queue->lock);
    while (queue->filled == 0 && !queue->closed) {
        pthread_cond_wait(&queue->changed, &queue->lock);
    }
    bool some = queue->filled != 0;
    pthread_mutex_unlock(&queue->lock);
    return some;
}

static void change_filled(struct queue *queue, int by, bool close) {
    pthread_mutex_lock(&queue->lock);
    queue->filled = (unsigned)((int)queue->filled + by);
    queue->closed = queue->closed || close;
    pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

static void *consume(void *arg) {
    struct consumer *consumer = arg;
    struct queue *queue = consumer->queue;
    for (unsigned at = 0; wait_for_batch(queue); at++) {
        void **batch = queue->batches[at % BATCHES_ON_THE_WAY];
        uint64_t begin = bench_thread_cpu_ns();
        for (size_t i = 0; i < queue->batch_size; i++) {
            if (consumer->reads) {
                consumer->sum += *(volatile uint64_t *)batch[i];
            }
            free(batch[i]);
        }
        consumer->cpu_ns += bench_thread_cpu_ns() - begin;
        consumer->ops += queue->batch_size;
        change_filled(queue, -1, false);
    }
    return NULL;
}

static void fill_batch(void **batch, size_t count,
                       const struct bench_sizes *sizes, struct bench_rng *rng) {
    for (size_t i = 0; i < count; i++) {
        void *object = malloc(bench_sizes_pick(sizes, rng));
        if (object == NULL) {
            bench_out_of_memory();
        }
        bench_write(object, i);
        batch[i] = object;
    }
}

// produce runs on the calling thread and returns its CPU time.
static uint64_t produce(struct queue *queue, const struct bench_run *run,
                        uint64_t *ops) {
    static struct bench_sizes sizes;
    struct bench_rng rng = bench_rng_seed(run->options.seed);
    bench_sizes_log_uniform(&sizes, &rng, 16, 1024);
    uint64_t cpu_ns = 0;
    uint64_t start = bench_wall_ns();
    for (unsigned at = 0; bench_more(&run->options, start, *ops); at++) {
        wait_for_room(queue);
        void **batch = queue->batches[at % BATCHES_ON_THE_WAY];
        uint64_t begin = bench_thread_cpu_ns();
        fill_batch(batch, queue->batch_size, &sizes, &rng);
        cpu_ns += bench_thread_cpu_ns() - begin;
        *ops += queue->batch_size;
        change_filled(queue, 1, false);
    }
    change_filled(queue, 0, true);
    return cpu_ns;
}

static void measure_handover(struct bench_run *run, size_t reads) {
    if (run->options.objects > BATCH_MAX) {
        bench_broken("--objects is the batch size here: at most 100000");
    }
    struct queue queue = {.batch_size = run->options.objects};
    size_t table = queue.batch_size * sizeof(void *);
    pthread_mutex_init(&queue.lock, NULL);
    pthread_cond_init(&queue.changed, NULL);
    for (unsigned i = 0; i < BATCHES_ON_THE_WAY; i++) {
        queue.batches[i] = bench_pages(table);
    }
    struct consumer consumer = {.queue = &queue, .reads = reads != 0};
    pthread_t thread;
    bench_threads_start(&thread, 1, consume, &consumer, 0);
    uint64_t produced = 0;
    uint64_t malloc_ns = produce(&queue, run, &produced);
    bench_threads_join(&thread, 1);

    if (consumer.ops != produced) {
        bench_broken("the consumer did not free what the producer made");
    }
    bench_put_ns(run, "malloc_ns", malloc_ns, produced);
    bench_put_ns(run, "free_ns", consumer.cpu_ns, consumer.ops);
    for (unsigned i = 0; i < BATCHES_ON_THE_WAY; i++) {
        bench_pages_free(queue.batches[i], table);
    }
    pthread_cond_destroy(&queue.changed);
    pthread_mutex_destroy(&queue.lock);
}

static const struct bench_case cases[] = {
    {"handover", measure_handover, 0},
    {"handover_read", measure_handover, 1},
};

static const struct bench_program program = {
    .name = "bench_handover",
    .question = "what do malloc and free cost across two threads?",
    .cases = cases,
    .ncases = sizeof cases / sizeof cases[0],
    .defaults = {.seed = 1, .threads = 2, .seconds = 0.5, .objects = 1000},
};

int main(int argc, char **argv) {
    return bench_main(&program, argc, argv);
}
