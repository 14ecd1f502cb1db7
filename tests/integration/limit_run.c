// limit_run.c - a program under the limits of memory, watched from inside.
//
//   limit_run waves KIB   with four threads holds 40 MiB at a time, and frees
//                         half of it in pieces of no use for what comes next;
//                         KIB may be resident at most beside what was at the
//                         start
//   limit_run full        allocates until it is refused, and goes on living
//   limit_run touch MIB   touches so much, and says that it has
//
// The limits are in the environment: MHEAP_SOFT_LIMIT, MHEAP_HARD_LIMIT.

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run_support.h"

enum {
    NTHREADS = 4,
    NWAVES = 40,
    WAVE_BYTES = 10 << 20, // of one thread
    NOBJECTS = 1 << 20,
};

// ---- waves ------------------------------------------------------------------

// A list through the objects themselves: nothing else is resident.
struct link {
    struct link *next;
};

static struct link *get(size_t size, size_t bytes) {
    struct link *list = NULL;
    for (size_t got = 0; got + size <= bytes; got += size) {
        struct link *object = malloc(size);
        REQUIRE(object != NULL);
        memset(object, 0x5a, size);
        object->next = list;
        list = object;
    }
    return list;
}

static void drop(struct link *list) {
    while (list != NULL) {
        struct link *next = list->next;
        free(list);
        list = next;
    }
}

static void drop_every_second(struct link *list) {
    while (list != NULL && list->next != NULL) {
        struct link *next = list->next;
        list->next = next->next;
        free(next);
        list = list->next;
    }
}

// Half of what was there goes, in pieces that the next objects do not fit into;
// then small ones.
static void wave(uint64_t *rng, pthread_barrier_t *all_threads) {
    static const size_t pieces[] = {40000, 49000, 65000, 98000};
    static const size_t larger[] = {300000, 1 << 20, 5 << 20};
    static const size_t small[] = {48, 100, 640, 1000, 5000, 20000};
    struct link *list = get(pieces[random_below(rng, 4)], WAVE_BYTES);
    pthread_barrier_wait(all_threads);
    drop_every_second(list);
    struct link *more = get(larger[random_below(rng, 3)], WAVE_BYTES / 2);
    pthread_barrier_wait(all_threads);
    drop(list);
    drop(more);
    drop(get(small[random_below(rng, 6)], WAVE_BYTES / 2));
}

static pthread_barrier_t meeting;

static void *make_waves(void *arg) {
    uint64_t rng = (uint64_t)(uintptr_t)arg;
    for (int i = 0; i < NWAVES; i++) {
        wave(&rng, &meeting);
    }
    return NULL;
}

static int waves(long most_kib) {
    pthread_t threads[NTHREADS];
    free(malloc(100));
    REQUIRE(pthread_barrier_init(&meeting, NULL, NTHREADS) == 0);
    long before = status_of("VmRSS:");
    for (uintptr_t i = 0; i < NTHREADS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, make_waves,
                               (void *)(i + 1)) == 0);
    }
    for (int i = 0; i < NTHREADS; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    }
    long peak = status_of("VmHWM:") - before;
    printf("peak %ld KiB, %ld allowed, beside %ld at the start\n", peak,
           most_kib, before);
    return peak <= most_kib ? EXIT_SUCCESS : EXIT_FAILURE;
}

// ---- full -------------------------------------------------------------------

static void *all[NOBJECTS];

static size_t fill(size_t size) {
    size_t n = 0;
    while (n < NOBJECTS && (all[n] = malloc(size)) != NULL) {
        memset(all[n], (int)(n % 251), size);
        n++;
    }
    REQUIRE(n < NOBJECTS && errno == ENOMEM);
    return n;
}

static bool holds(size_t i, size_t size) {
    const unsigned char *p = all[i];
    return p[0] == i % 251 && p[size / 2] == i % 251 && p[size - 1] == i % 251;
}

static void *free_and_ask(void *p) {
    free(p);
    free(malloc(50)); // may be refused
    free(malloc(1 << 20));
    return NULL;
}

static void is_refused_and_lives(size_t size) {
    size_t n = fill(size);
    REQUIRE(n * size > 8 << 20);
    errno = 0;
    REQUIRE(realloc(all[0], 512 << 20) == NULL && errno == ENOMEM);
    REQUIRE(calloc(1, 512 << 20) == NULL && errno == ENOMEM);
    for (size_t i = 0; i < n; i++) {
        REQUIRE(holds(i, size));
    }
    // Threads that begin now, and a child, can do what frees.
    pthread_t thread;
    if (pthread_create(&thread, NULL, free_and_ask, all[0]) == 0) {
        REQUIRE(pthread_join(thread, NULL) == 0);
    } else {
        free(all[0]);
    }
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        for (size_t i = 1; i < n; i++) {
            free(all[i]);
        }
        REQUIRE(malloc(4 << 20) != NULL);
        _exit(EXIT_SUCCESS);
    }
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    for (size_t i = 1; i < n; i++) {
        REQUIRE(holds(i, size));
        free(all[i]);
    }
}

static int full(void) {
    static const size_t sizes[] = {64, 1000, 1 << 20, 30000, 200};
    memset(all, 1, sizeof(all)); // its pages are not what is measured
    long before = status_of("VmRSS:");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        is_refused_and_lives(sizes[i]);
    }
    void *p = malloc(8 << 20); // all of it can be used for anything again
    REQUIRE(p != NULL);
    free(p);
    printf("peak %ld KiB, beside %ld at the start\n",
           status_of("VmHWM:") - before, before);
    return EXIT_SUCCESS;
}

static int touch(size_t mib) {
    void *p = malloc(mib << 20);
    REQUIRE(p != NULL);
    memset(p, 1, mib << 20);
    puts("touched");
    return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
    REQUIRE(argc > 1);
    long number = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
    if (strcmp(argv[1], "waves") == 0) {
        return waves(number);
    }
    if (strcmp(argv[1], "touch") == 0) {
        return touch((size_t)number);
    }
    return full();
}
