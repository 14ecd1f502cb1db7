// soak.c - a long life: what a server does, for as long as one likes.
//
// usage: soak SECONDS [CYCLE_SECONDS]
//
// Four threads keep objects and replace them at random, also each other's.
// Their sizes drift: in the course of a cycle small ones give way to large ones
// and come back, so that every cycle begins as the one before. Threads end and
// are replaced; children are forked, work and end. Every object is compared
// before it is freed. Per cycle a line with the means of what lives and of what
// is resident: the second must not grow, since the first does not.

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/promises/probe.h"

enum {
    NTHREADS = 4,
    NOWN = 32768,
    NSHARED = 1024,
    OWN_BYTES = 12 << 20, // of a thread, about
    LIFE_MS = 2000,       // of a thread, at least, and twice as much at most
    FORK_EVERY = 5,       // seconds
    CHILD_SECONDS = 60,
};

static struct object shared[NSHARED];
static pthread_mutex_t shared_lock[NSHARED];
static atomic_bool stop;
static _Atomic uint64_t live_bytes, steps;
static uint64_t start_ms;
static unsigned cycle_seconds = 60;

static uint64_t now_ms(void) {
    struct timespec now;
    REQUIRE(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

// Bits of the largest size: from 7 to 17 and back in a cycle.
static unsigned max_bits(void) {
    uint64_t cycle = (uint64_t)cycle_seconds * 1000;
    uint64_t at = (now_ms() - start_ms) % cycle * 20 / cycle;
    return 7 + (unsigned)(at < 10 ? at : 20 - at);
}

static void drop(struct object *object) {
    if (object->p != NULL) {
        REQUIRE(object_holds(object, object->size));
        free(object->p);
        atomic_fetch_sub(&live_bytes, object->size);
        object->p = NULL;
        object->size = 0;
    }
}

static void make(struct object *object, unsigned bits, uint64_t *rng) {
    object->size = 1 + random_size(rng, bits);
    object->tag = random_next(rng);
    object->p = malloc(object->size);
    REQUIRE(object->p != NULL);
    object_fill(object);
    atomic_fetch_add(&live_bytes, object->size);
}

static void swap_with_others(struct object *own, uint64_t *rng) {
    size_t i = random_below(rng, NSHARED);
    struct object mine = *own;

    REQUIRE(pthread_mutex_lock(&shared_lock[i]) == 0);
    *own = shared[i];
    shared[i] = mine;
    REQUIRE(pthread_mutex_unlock(&shared_lock[i]) == 0);
}

// One life of a thread, which leaves what is on the table behind.
static void work(uint64_t *rng, unsigned ms) {
    struct object own[NOWN] = {{0}};
    uint64_t end = now_ms() + ms;

    while (now_ms() < end && !atomic_load(&stop)) {
        unsigned bits = max_bits();
        size_t most = (size_t)OWN_BYTES * bits >> bits; // of so many bytes
        most = most < 64 ? 64 : most < NOWN ? most : NOWN;
        for (size_t i = 0; i < 256; i++) {
            struct object *one = &own[random_below(rng, NOWN)];
            drop(one);
            if ((size_t)(one - own) < most) {
                make(one, bits, rng);
            }
            if (i % 8 == 0) {
                swap_with_others(one, rng);
            }
        }
        atomic_fetch_add(&steps, 256);
    }
    for (size_t i = 0; i < NOWN; i++) {
        drop(&own[i]);
    }
}

static void *be_a_thread(void *arg) {
    uint64_t rng = (uintptr_t)arg;
    // Lives of one length would begin together for ever, at a place of the
    // cycle that moves slowly: what is resident would seem to grow and shrink.
    work(&rng, LIFE_MS + (unsigned)random_below(&rng, LIFE_MS + 1));
    return NULL;
}

// Starts the next thread when one has ended.
static void *keep_running(void *arg) {
    uintptr_t seed = (uintptr_t)arg;
    while (!atomic_load(&stop)) {
        pthread_t thread;
        seed += 1000;
        REQUIRE(pthread_create(&thread, NULL, be_a_thread, (void *)seed) == 0);
        REQUIRE(pthread_join(thread, NULL) == 0);
    }
    return NULL;
}

// The child's threads are gone, and may have held locks of the table.
static void be_a_child(void) {
    struct object own[64] = {{0}};
    uint64_t rng = (uint64_t)getpid();

    alarm(CHILD_SECONDS);
    for (size_t i = 0; i < 5000; i++) {
        struct object *one = &own[random_below(&rng, 64)];
        drop(one);
        make(one, 12, &rng);
    }
    _exit(EXIT_SUCCESS);
}

static void fork_once(void) {
    int status = -1;
    pid_t child = fork();

    REQUIRE(child >= 0);
    if (child == 0) {
        be_a_child();
    }
    REQUIRE(waitpid(child, &status, 0) == child && status == 0);
}

// One cycle, looked at ten times a second.
static void watch(unsigned number) {
    uint64_t begin = now_ms(), n = 0;
    double live = 0, resident = 0;

    for (; now_ms() - begin < (uint64_t)cycle_seconds * 1000; n++) {
        (void)usleep(100000);
        live += (double)atomic_load(&live_bytes) / 1024;
        resident += (double)status_of("VmRSS:");
        if (n % (FORK_EVERY * 10) == FORK_EVERY * 10 - 1) {
            fork_once();
        }
    }
    (void)printf("cycle=%u live_kib=%.0f resident_kib=%.0f steps=%llu\n",
                 number, live / (double)n, resident / (double)n,
                 (unsigned long long)atomic_load(&steps));
    (void)fflush(stdout);
}

int main(int argc, char **argv) {
    uint64_t seconds = probe_argument(argc, argv, 1, 60);
    pthread_t threads[NTHREADS];

    cycle_seconds = (unsigned)probe_argument(argc, argv, 2, 60);
    REQUIRE(cycle_seconds > 0);
    for (size_t i = 0; i < NSHARED; i++) {
        REQUIRE(pthread_mutex_init(&shared_lock[i], NULL) == 0);
    }
    start_ms = now_ms();
    for (uintptr_t i = 0; i < NTHREADS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, keep_running,
                               (void *)(i + 1)) == 0);
    }
    for (unsigned n = 0; n * cycle_seconds < seconds; n++) {
        watch(n);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < NTHREADS; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    }
    for (size_t i = 0; i < NSHARED; i++) {
        drop(&shared[i]);
    }
    REQUIRE(atomic_load(&live_bytes) == 0);
    return EXIT_SUCCESS;
}
