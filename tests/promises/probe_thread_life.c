// probe_thread_life.c - what a thread that is no more leaves behind.
//
// usage: probe_thread_life [N]
//
// N threads, eight at a time, each with a value whose destructor allocates and
// sets the value anew, for four rounds. Some objects outlive their thread and
// are freed by the next. Resident memory after a tenth of them and at the end.

#include <pthread.h>

#include "tests/promises/probe.h"

enum { AT_A_TIME = 8, ROUNDS = 4, NLEFT = 64 };

static pthread_key_t key;
static _Atomic(void *) left[NLEFT];

struct value {
    unsigned round;
};

static void again(void *old) {
    struct value *next = NULL;
    unsigned round = ((struct value *)old)->round + 1;

    free(old);
    if (round < ROUNDS) {
        next = malloc(sizeof(*next));
        REQUIRE(next != NULL);
        next->round = round;
        free(malloc(1000));
    }
    REQUIRE(pthread_setspecific(key, next) == 0);
}

static void *live(void *arg) {
    uint64_t rng = (uintptr_t)arg;
    struct value *value = calloc(1, sizeof(*value));

    REQUIRE(value != NULL && pthread_setspecific(key, value) == 0);
    for (size_t i = 0; i < 20; i++) {
        void *p = malloc(random_size(&rng, 12));
        REQUIRE(p != NULL);
        free(__atomic_exchange_n(&left[random_below(&rng, NLEFT)], p,
                                 __ATOMIC_ACQ_REL));
    }
    return NULL;
}

static void run(uint64_t n) {
    for (uint64_t i = 0; i < n; i += AT_A_TIME) {
        pthread_t threads[AT_A_TIME];
        for (size_t k = 0; k < AT_A_TIME; k++) {
            REQUIRE(pthread_create(&threads[k], NULL, live,
                                   (void *)(uintptr_t)(i + k + 1)) == 0);
        }
        for (size_t k = 0; k < AT_A_TIME; k++) {
            REQUIRE(pthread_join(threads[k], NULL) == 0);
        }
    }
}

int main(int argc, char **argv) {
    uint64_t n = probe_argument(argc, argv, 1, 20000);

    REQUIRE(pthread_key_create(&key, again) == 0);
    run(n / 10);
    long before = resident_kib();
    run(n);
    double grown = (double)(resident_kib() - before) * 1024;
    (void)printf("threads=%llu grown_kib=%.0f bytes_per_thread=%.2f\n",
                 (unsigned long long)(n + n / 10), grown / 1024,
                 grown / (double)n);
    return EXIT_SUCCESS;
}
