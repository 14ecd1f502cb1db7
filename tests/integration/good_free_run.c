// good_free_run.c - many correct operations, none of which may raise an alarm.
//
// usage: good_free_run [--full] [--operations N] [--threads N] [--seed S]
//
// Threads make, resize and free objects, and swap them through a shared table,
// so that most are freed by a thread other than the one that made them. Threads
// end and are replaced all the time. Every object's contents are compared
// before it is freed. 10^6 operations unless told otherwise; --full does 10^8.

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mheap/mheap.h"
#include "run_support.h"

enum {
    NSHARED = 4096, // objects on the table
    NOWN = 512,     // objects a thread has to itself
    LIFE = 250000,  // operations a thread makes before it is replaced
    MAX_THREADS = 64,
};

// What the table holds is a record, itself from the heap.
static _Atomic(struct object *) table[NSHARED];
static atomic_ullong alarms;

struct life {
    pthread_t thread;
    uint64_t seed;
    uint64_t operations;
};

static void on_bad_free(const struct mheap_bad_free *what, void *context) {
    (void)context;
    (void)fprintf(stderr, "false alarm: %s of %p\n",
                  mheap_bad_free_name(what->kind), what->address);
    atomic_fetch_add(&alarms, 1);
}

static void *get_memory(uint64_t *rng, size_t size) {
    switch (random_below(rng, 16)) {
    case 0: {
        unsigned char *p = mheap_calloc(1, size);
        for (size_t i = 0; p != NULL && i < size; i += 61) {
            REQUIRE(p[i] == 0);
        }
        return p;
    }
    case 1: {
        size_t align = (size_t)16 << random_below(rng, 9);
        void *p = mheap_aligned_alloc(align, size);
        REQUIRE((uintptr_t)p % align == 0);
        return p;
    }
    default:
        return mheap_malloc(size);
    }
}

static size_t any_size(uint64_t *rng) {
    return random_below(rng, 1000) == 0 ? random_size(rng, 20)
                                        : random_size(rng, 10);
}

static struct object *make(uint64_t *rng) {
    struct object *object = mheap_malloc(sizeof(*object));
    REQUIRE(object != NULL);
    object->size = any_size(rng);
    object->tag = random_next(rng);
    object->p = get_memory(rng, object->size);
    REQUIRE(object->p != NULL && (uintptr_t)object->p % 16 == 0);
    object_fill(object);
    return object;
}

static void unmake(struct object *object, uint64_t *rng) {
    if (object == NULL) {
        return;
    }
    REQUIRE(object_holds(object, object->size));
    if (random_below(rng, 8) == 0) {
        REQUIRE(mheap_realloc(object->p, 0) == NULL);
    } else {
        mheap_free(object->p);
    }
    mheap_free_sized(object, sizeof(*object));
}

static void resize(struct object *object, uint64_t *rng) {
    size_t size = any_size(rng);
    unsigned char *p = mheap_realloc(object->p, size == 0 ? 1 : size);
    REQUIRE(p != NULL);
    object->p = p;

    // The pattern of an object depends on its size, so it is compared with the
    // old size as far as both reach, where every byte is filled.
    size_t kept = size < object->size ? size : object->size;
    REQUIRE(object_holds(object, kept < 256 ? kept : 256));
    object->size = size;
    object_fill(object);
}

static void *live_a_life(void *arg) {
    struct life *life = arg;
    uint64_t rng = life->seed;
    struct object *own[NOWN] = {NULL};

    for (uint64_t i = 0; i < life->operations; i++) {
        struct object **mine = &own[random_below(&rng, NOWN)];
        uint64_t what = random_below(&rng, 8);
        if (*mine == NULL) {
            *mine = make(&rng);
        } else if (what == 0) {
            resize(*mine, &rng);
        } else if (what < 4) {
            *mine = atomic_exchange(&table[random_below(&rng, NSHARED)], *mine);
        } else {
            unmake(*mine, &rng);
            *mine = NULL;
        }
    }
    for (size_t i = 0; i < NOWN; i++) {
        unmake(own[i], &rng);
    }
    return NULL;
}

static void start(struct life *life, uint64_t *rng, uint64_t *left) {
    life->seed = random_next(rng);
    life->operations = *left < LIFE ? *left : LIFE;
    *left -= life->operations;
    REQUIRE(pthread_create(&life->thread, NULL, live_a_life, life) == 0);
}

static void run(uint64_t operations, size_t nthreads, uint64_t seed) {
    struct life lives[MAX_THREADS];
    uint64_t left = operations, rng = seed;

    for (size_t i = 0; i < nthreads; i++) {
        start(&lives[i], &rng, &left);
    }
    for (size_t i = 0; left > 0; i = (i + 1) % nthreads) {
        REQUIRE(pthread_join(lives[i].thread, NULL) == 0);
        start(&lives[i], &rng, &left);
    }
    for (size_t i = 0; i < nthreads; i++) {
        REQUIRE(pthread_join(lives[i].thread, NULL) == 0);
    }
    for (size_t i = 0; i < NSHARED; i++) {
        unmake(table[i], &rng);
    }
}

static uint64_t argument(int argc, char **argv, const char *name,
                         uint64_t otherwise) {
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return strtoull(argv[i + 1], NULL, 0);
        }
    }
    return otherwise;
}

int main(int argc, char **argv) {
    bool full = argc > 1 && strcmp(argv[1], "--full") == 0;
    uint64_t operations =
        argument(argc, argv, "--operations", full ? 100000000 : 1000000);
    uint64_t nthreads = argument(argc, argv, "--threads", 4);
    uint64_t seed = argument(argc, argv, "--seed", 1);

    REQUIRE(nthreads >= 1 && nthreads <= MAX_THREADS);
    (void)printf("seed %llu\n", (unsigned long long)seed);
    (void)fflush(stdout);
    mheap_set_bad_free_handler(on_bad_free, NULL);
    run(operations, nthreads, seed);

    // All threads but this one are gone and everything is freed: no span may
    // be left that waits for a slot it will not be told of.
    struct mheap_stats stats;
    mheap_release(); // the side cache, too
    mheap_stats(NULL, &stats);
    REQUIRE(alarms == 0);
    REQUIRE(stats.spans == 0);
    REQUIRE(stats.bad_frees_total == 0);
    REQUIRE(stats.in_use_objects == 0);
    REQUIRE(mheap_check(mheap_default()) == 0);
    (void)printf("%llu operations, no alarm\n", (unsigned long long)operations);
    return EXIT_SUCCESS;
}
