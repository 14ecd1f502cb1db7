// parked_test.c - a thread that makes one object and then waits costs the
// program hardly more than the thread itself.
//
// Resident memory, not time: of 3,000 threads, stacks and all, in a process of
// their own; once without an object and once with one each.

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run_support.h"

enum {
    NTHREADS = 3000,
    ENOUGH = 1000, // where the system allows no more
    OBJECT_BYTES = 100,
    STACK_BYTES = 128 << 10,
    // With pages of 4 KiB: the thread takes 8.4 KiB, and the C library's own
    // malloc makes 9.2 of it. mheap made 29.4 of it when every thread had a
    // cache at once, and makes 8.5. What is to spare is for huge pages.
    MOST_KIB = 12,
    MOST_MORE_KIB = 3,
};

static sem_t here;
static size_t object_bytes;

static void *park(void *arg) {
    if (object_bytes != 0) {
        void *object = malloc(object_bytes);
        REQUIRE(object != NULL);
        memset(object, 1, object_bytes);
    }
    REQUIRE(sem_post(&here) == 0);
    for (;;) {
        pause();
    }
    return arg;
}

static unsigned start_threads(void) {
    pthread_attr_t attr;
    REQUIRE(pthread_attr_init(&attr) == 0);
    REQUIRE(pthread_attr_setstacksize(&attr, STACK_BYTES) == 0);
    unsigned n = 0;
    pthread_t thread;
    while (n < NTHREADS && pthread_create(&thread, &attr, park, NULL) == 0) {
        n++;
    }
    return n;
}

// KiB per thread, in this process, which ends with it.
static double measure(void) {
    free(malloc(OBJECT_BYTES)); // the first thread's own start
    REQUIRE(sem_init(&here, 0, 0) == 0);
    long before = resident_kib();
    unsigned n = start_threads();
    REQUIRE(n >= ENOUGH);
    for (unsigned i = 0; i < n; i++) {
        while (sem_wait(&here) != 0) {
        }
    }
    return (double)(resident_kib() - before) / n;
}

static double measure_in_child(size_t bytes) {
    int ends[2];
    double kib = 0;
    int status = -1;
    REQUIRE(pipe(ends) == 0);
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        object_bytes = bytes;
        kib = measure();
        ssize_t written = write(ends[1], &kib, sizeof(kib));
        _exit(written == sizeof(kib) ? 0 : 1);
    }
    (void)close(ends[1]);
    REQUIRE(read(ends[0], &kib, sizeof(kib)) == sizeof(kib));
    (void)close(ends[0]);
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return kib;
}

int main(void) {
    double bare = measure_in_child(0);
    double with_object = measure_in_child(OBJECT_BYTES);
    (void)printf("a thread that waits: %.2f KiB, with an object of %d: %.2f\n",
                 bare, OBJECT_BYTES, with_object);
    (void)fflush(stdout);
    REQUIRE(with_object <= bare + MOST_MORE_KIB);
    // Where pages are larger the stack alone is.
    REQUIRE(sysconf(_SC_PAGESIZE) > 4096 || with_object <= MOST_KIB);
    return 0;
}
