// bench_larson.c - what does an operation cost when threads come and go and
// each new one inherits its predecessor's whole working set?
//
// A server that starts a thread per connection looks like this. Each chain
// keeps 5000 objects of 8 to 1000 bytes. A thread replaces random ones, ten
// passes' worth, then starts its successor, hands it the set, and ends. The
// successor's first frees are all of objects another, vanished thread made.
// One operation is a free and a malloc; starting threads is in the price, so
// the CPU time of the whole process counts.

#include <stdlib.h>

#include "bench_support.h"

struct shared {
    const struct bench_options *options;
    struct bench_sizes sizes;
    uint64_t start;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    unsigned chains_running; // under lock
};

// Owned by the one thread of the chain that is alive.
struct chain {
    struct shared *shared;
    struct bench_rng rng;
    void **objects;
    uint64_t ops;
};

static void *make_object(struct chain *chain) {
    void *object = malloc(bench_sizes_pick(&chain->shared->sizes, &chain->rng));
    if (object == NULL) {
        bench_out_of_memory();
    }
    bench_write(object, chain->ops);
    return object;
}

static void end_chain(struct shared *shared) {
    pthread_mutex_lock(&shared->lock);
    shared->chains_running -= 1;
    pthread_cond_signal(&shared->ended);
    pthread_mutex_unlock(&shared->lock);
}

static void *generation(void *arg) {
    struct chain *chain = arg;
    struct shared *shared = chain->shared;
    size_t count = shared->options->objects;
    uint64_t turns = (uint64_t)count * shared->options->rounds;
    for (uint64_t i = 0; i < turns; i++) {
        size_t at = bench_rng_below(&chain->rng, count);
        free(chain->objects[at]);
        chain->objects[at] = make_object(chain);
    }
    chain->ops += turns;
    if (!bench_more(shared->options, shared->start, chain->ops)) {
        end_chain(shared);
        return NULL;
    }
    pthread_t successor;
    if (pthread_create(&successor, NULL, generation, chain) != 0) {
        bench_broken("a successor could not be started");
    }
    pthread_detach(successor);
    return NULL;
}

static void fill_chains(struct shared *shared, struct chain *chains) {
    const struct bench_options *options = shared->options;
    for (unsigned i = 0; i < options->threads; i++) {
        chains[i].shared = shared;
        chains[i].rng = bench_rng_seed(options->seed + i + 1);
        chains[i].objects = bench_pages(options->objects * sizeof(void *));
        for (size_t at = 0; at < options->objects; at++) {
            chains[i].objects[at] = make_object(&chains[i]);
        }
    }
}

static void start_chains(struct shared *shared, struct chain *chains) {
    const struct bench_options *options = shared->options;
    shared->chains_running = options->threads;
    shared->start = bench_wall_ns();
    for (unsigned i = 0; i < options->threads; i++) {
        pthread_t first;
        bench_threads_start(&first, 1, generation, &chains[i], 0);
        pthread_detach(first);
    }
}

static void wait_for_chains(struct shared *shared) {
    pthread_mutex_lock(&shared->lock);
    while (shared->chains_running > 0) {
        pthread_cond_wait(&shared->ended, &shared->lock);
    }
    pthread_mutex_unlock(&shared->lock);
}

static void measure_larson(struct bench_run *run, size_t unused) {
    (void)unused;
    // Static: the last thread of a chain may still be on its way out when the
    // main thread has gone on.
    static struct shared shared;
    unsigned nchains = run->options.threads;
    size_t chains_size = nchains * sizeof(struct chain);
    struct chain *chains = bench_pages(chains_size);
    struct bench_rng rng = bench_rng_seed(run->options.seed);
    shared.options = &run->options;
    bench_sizes_uniform(&shared.sizes, &rng, 8, 1000);
    pthread_mutex_init(&shared.lock, NULL);
    pthread_cond_init(&shared.ended, NULL);

    fill_chains(&shared, chains);
    uint64_t cpu_start = bench_process_cpu_ns();
    start_chains(&shared, chains);
    wait_for_chains(&shared);
    uint64_t cpu_ns = bench_process_cpu_ns() - cpu_start;

    uint64_t ops = 0;
    for (unsigned i = 0; i < nchains; i++) {
        ops += chains[i].ops;
        for (size_t at = 0; at < run->options.objects; at++) {
            free(chains[i].objects[at]);
        }
        bench_pages_free(chains[i].objects,
                         run->options.objects * sizeof(void *));
    }
    bench_put_ns(run, "ns", cpu_ns, ops);
    bench_pages_free(chains, chains_size);
}

static const struct bench_case cases[] = {
    {"larson", measure_larson, 0},
};

static const struct bench_program program = {
    .name = "bench_larson",
    .question = "what does handing whole working sets to new threads cost?",
    .cases = cases,
    .ncases = sizeof cases / sizeof cases[0],
    .defaults = {.seed = 1,
                 .threads = 2,
                 .seconds = 1.0,
                 .objects = 5000,
                 .rounds = 10},
};

int main(int argc, char **argv) {
    return bench_main(&program, argc, argv);
}
