// probe_forks.c - forks while threads allocate, free and end.
//
// usage: probe_forks [N [THREADS]]
//
// N times the main thread forks in the middle of it. The child allocates, frees
// what its parent made, starts a thread, and ends; one that hangs is ended by
// its alarm and counted. (tests/integration/fork_storm_test.c is the same at
// greater depth and smaller numbers.)

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/promises/probe.h"

enum { NSHARED = 512, MAX_THREADS = 64, CHILD_SECONDS = 30, LEAST = 19 };

static _Atomic(void *) shared[NSHARED];
static atomic_bool stop;

static void churn(uint64_t *rng, unsigned rounds) {
    for (unsigned i = 0; i < rounds; i++) {
        size_t size = random_size(rng, random_below(rng, 50) == 0 ? 18 : 10);
        unsigned char *p = malloc(size + 1);
        REQUIRE(p != NULL);
        p[0] = p[size] = 0x11;
        free(atomic_exchange(&shared[random_below(rng, NSHARED)], p));
    }
}

static void *churn_once(void *arg) {
    uint64_t rng = (uintptr_t)arg;
    churn(&rng, 100);
    return NULL;
}

// Every so often a thread starts and ends: forks meet that, too.
static void *storm(void *arg) {
    uint64_t rng = (uintptr_t)arg;

    // Sixteen would leave the main thread and its child a ninth of what two
    // processors do; they storm in all the time those leave.
    REQUIRE(setpriority(PRIO_PROCESS, (id_t)gettid(), LEAST) == 0);
    while (!atomic_load(&stop)) {
        pthread_t thread;
        churn(&rng, 200);
        REQUIRE(pthread_create(&thread, NULL, churn_once, arg) == 0);
        REQUIRE(pthread_join(thread, NULL) == 0);
        (void)usleep(1000); // the main thread gets its turn
    }
    return NULL;
}

static void be_a_child(uint64_t n) {
    uint64_t rng = n;
    pthread_t thread;

    alarm(CHILD_SECONDS);
    churn(&rng, 300);
    REQUIRE(pthread_create(&thread, NULL, churn_once, (void *)(uintptr_t)n) ==
            0);
    REQUIRE(pthread_join(thread, NULL) == 0);
    _exit(EXIT_SUCCESS);
}

int main(int argc, char **argv) {
    uint64_t n = probe_argument(argc, argv, 1, 1000);
    uint64_t nthreads = probe_argument(argc, argv, 2, 16);
    pthread_t threads[MAX_THREADS];
    uint64_t hangs = 0, crashes = 0;

    REQUIRE(nthreads <= MAX_THREADS);
    for (uintptr_t i = 0; i < nthreads; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, storm, (void *)(i + 1)) == 0);
    }
    for (uint64_t i = 0; i < n; i++) {
        int status = -1;
        pid_t child = fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            be_a_child(i);
        }
        REQUIRE(waitpid(child, &status, 0) == child);
        hangs += WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
        crashes += status != 0 &&
                   !(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < nthreads; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    }
    (void)printf("forks=%llu hangs=%llu crashes=%llu\n", (unsigned long long)n,
                 (unsigned long long)hangs, (unsigned long long)crashes);
    return EXIT_SUCCESS;
}
