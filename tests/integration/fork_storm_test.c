// fork_storm_test.c - forks in the middle of a storm of allocation.
//
// Threads allocate, free each other's objects and end while the main thread
// forks. Each child goes through what it inherited, allocates, starts threads,
// and every tenth forks once more. A child that hangs is ended by its alarm.

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run_support.h"

enum {
    NTHREADS = 4,
    NFORKS = 60,
    NKEPT = 2000,  // objects made before the forks, verified in each child
    NSHARED = 512, // objects the storm passes around
    CHILD_SECONDS = 30,
};

static struct object kept[NKEPT];
static _Atomic(void *) shared[NSHARED];
static atomic_bool stop;

static void churn(uint64_t *rng, unsigned rounds) {
    for (unsigned i = 0; i < rounds; i++) {
        size_t size = random_size(rng, random_below(rng, 50) == 0 ? 20 : 11);
        void *p = malloc(size);
        REQUIRE(p != NULL);
        memset(p, 0x11, size);
        free(atomic_exchange(&shared[random_below(rng, NSHARED)], p));
    }
}

static void *storm_for_a_while(void *arg) {
    uint64_t rng = (uintptr_t)arg;
    churn(&rng, 5000);
    return NULL;
}

// Its threads end and start all the time: forks meet those moments too.
static void *storm(void *arg) {
    uintptr_t seed = (uintptr_t)arg;

    while (!atomic_load(&stop)) {
        pthread_t thread;
        seed += 1000;
        REQUIRE(pthread_create(&thread, NULL, storm_for_a_while,
                               (void *)seed) == 0);
        uint64_t rng = seed + 1;
        churn(&rng, 5000);
        REQUIRE(pthread_join(thread, NULL) == 0);
    }
    return NULL;
}

static void wait_for(pid_t child) {
    int status = -1;
    REQUIRE(child > 0);
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

// Frees half of what was inherited, then does what any process does.
static void work_in_a_child(unsigned n) {
    uint64_t rng = n;

    alarm(CHILD_SECONDS);
    for (size_t i = n % 2; i < NKEPT; i += 2) {
        REQUIRE(object_holds(&kept[i], kept[i].size));
        free(kept[i].p);
    }
    churn(&rng, 2000); // frees what threads that are no more had made

    pthread_t threads[2];
    for (uintptr_t i = 0; i < 2; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, storm_for_a_while,
                               (void *)(n + i)) == 0);
    }
    for (size_t i = 0; i < 2; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    }
}

static void be_a_child(unsigned n) {
    work_in_a_child(n);
    if (n % 10 != 0) {
        _exit(EXIT_SUCCESS);
    }
    pid_t child = fork();
    if (child == 0) {
        work_in_a_child(n + 1); // the other half
        _exit(EXIT_SUCCESS);
    }
    wait_for(child);
    exit(EXIT_SUCCESS); // through the exit handlers
}

int main(void) {
    uint64_t rng = 1;
    for (size_t i = 0; i < NKEPT; i++) {
        kept[i].size = random_size(&rng, i % 100 == 0 ? 18 : 10);
        kept[i].tag = random_next(&rng);
        kept[i].p = malloc(kept[i].size);
        REQUIRE(kept[i].p != NULL);
        object_fill(&kept[i]);
    }

    pthread_t threads[NTHREADS];
    for (uintptr_t i = 0; i < NTHREADS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, storm, (void *)(i * 77)) ==
                0);
    }
    for (unsigned n = 0; n < NFORKS; n++) {
        pid_t child = fork();
        if (child == 0) {
            be_a_child(n);
        }
        wait_for(child);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < NTHREADS; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    }
    for (size_t i = 0; i < NKEPT; i++) {
        REQUIRE(object_holds(&kept[i], kept[i].size));
        free(kept[i].p);
    }
    return EXIT_SUCCESS;
}
