// thread_exit_test.c - threads that go on allocating while they end.
//
// A thread's destructors run in an order nobody chooses, and may run again when
// they set their value anew. Some run after the allocator's own, and must find
// malloc and free working.

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "run_support.h"

enum { NKEYS = 8, NTHREADS = 8, NROUNDS = 100 };

static pthread_key_t keys[NKEYS];
static atomic_uint destroyed;

struct value {
    size_t key;
    unsigned round;
    struct object object;
};

static struct value *make_value(size_t key, unsigned round) {
    struct value *value = calloc(1, sizeof(*value));
    REQUIRE(value != NULL);
    value->key = key;
    value->round = round;
    uint64_t rng = key * 100 + round;
    value->object.size = random_size(&rng, round == 2 ? 20 : 12);
    value->object.tag = random_next(&rng);
    value->object.p = malloc(value->object.size);
    REQUIRE(value->object.p != NULL);
    object_fill(&value->object);
    return value;
}

static void destroy_value(void *arg) {
    struct value *value = arg;
    size_t key = value->key;
    unsigned round = value->round + 1;

    REQUIRE(object_holds(&value->object, value->object.size));
    value->object.p = realloc(value->object.p, value->object.size + 100);
    REQUIRE(object_holds(&value->object, value->object.size));
    free(value->object.p);
    free(value);
    atomic_fetch_add(&destroyed, 1);
    if (round < PTHREAD_DESTRUCTOR_ITERATIONS) {
        REQUIRE(pthread_setspecific(keys[key], make_value(key, round)) == 0);
    }
}

static void *live(void *arg) {
    (void)arg;
    for (size_t i = 0; i < NKEYS; i++) {
        REQUIRE(pthread_setspecific(keys[i], make_value(i, 0)) == 0);
    }
    return NULL;
}

// It never allocates before its destructors do.
static void *live_without_malloc(void *arg) {
    REQUIRE(pthread_setspecific(keys[0], arg) == 0);
    return NULL;
}

static void run_a_round(void) {
    pthread_t threads[NTHREADS];

    for (size_t i = 0; i < NTHREADS; i++) {
        bool idle = i == 0;
        void *arg = idle ? make_value(0, 0) : NULL;
        REQUIRE(pthread_create(&threads[i], NULL,
                               idle ? live_without_malloc : live, arg) == 0);
    }
    for (size_t i = 0; i < NTHREADS; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    }
}

int main(void) {
    // Half of the keys exist before the allocator makes its own, if it makes
    // one, half after.
    for (size_t i = 0; i < NKEYS; i++) {
        if (i == NKEYS / 2) {
            free(malloc(1));
        }
        REQUIRE(pthread_key_create(&keys[i], destroy_value) == 0);
    }
    for (unsigned round = 0; round < NROUNDS; round++) {
        run_a_round();
    }
    unsigned each = PTHREAD_DESTRUCTOR_ITERATIONS;
    REQUIRE(destroyed == NROUNDS * each * ((NTHREADS - 1) * NKEYS + 1));
    return EXIT_SUCCESS;
}
