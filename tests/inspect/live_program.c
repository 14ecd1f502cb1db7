// live_program.c - a program with a heap of known shape, for a reader to judge.
//
// Usage: live_program still|churn [seconds]. It prints "used ADDR SIZE" for
// objects that stay, "gone ADDR" for one that is freed and of a size that
// nothing else here has, then "ready", and waits until its input ends. With
// churn, four threads allocate, free, and free one another's objects meanwhile.

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef LIVE_SHARED
void *shared_malloc(size_t size);
void shared_free(void *p);
#    define TAKE shared_malloc
#    define GIVE shared_free
#else
#    include "mheap/mheap.h"
#    define TAKE mheap_malloc
#    define GIVE mheap_free
#endif

enum { STAY = 200, SLOTS = 4096, SHARED = 256, THREADS = 4 };

static _Atomic(void *) shared[SHARED];

static size_t random_size(unsigned *seed) {
    *seed = *seed * 1103515245u + 12345u;
    unsigned pick = *seed >> 8;

    if (pick % 997 == 0) {
        return 40000 + pick % 300000;
    }
    return 1 + (pick >> 10) % ((pick & 15) == 0 ? 9000 : 500);
}

static void *churn(void *argument) {
    unsigned seed = (unsigned)(size_t)argument;
    static _Thread_local void *own[SLOTS];

    for (unsigned i = 0;; i++) {
        size_t size = random_size(&seed);
        char *p = TAKE(size);
        if (p == NULL) {
            abort();
        }
        p[0] = p[size - 1] = 1;
        if (i % 8 == 0) {
            // Whoever finds it frees it, mostly not its owner.
            GIVE(atomic_exchange(&shared[(seed >> 9) % SHARED], p));
        } else {
            size_t slot = (seed >> 9) % SLOTS;
            GIVE(own[slot]);
            own[slot] = p;
        }
    }
    return NULL;
}

static void print_stayers(void) {
    for (int i = 0; i < STAY; i++) {
        size_t size =
            i % 10 == 9 ? 100000 + (size_t)i * 100 : 16 + (size_t)i * 37;
        char *p = TAKE(size);
        memset(p, 0x5a, size);
        printf("used %p %zu\n", (void *)p, size);
    }
    // No other object here is of the class of 20000 bytes.
    char *gone = TAKE(20000);
    char *beside = TAKE(20000);
    memset(gone, 1, 20000);
    memset(beside, 1, 20000);
    GIVE(gone);
    printf("gone %p 20000\nused %p 20000\n", (void *)gone, (void *)beside);
}

int main(int argc, char **argv) {
    char byte;

    print_stayers();
    for (size_t i = 0; argc > 1 && strcmp(argv[1], "churn") == 0 && i < THREADS;
         i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, churn, (void *)(i + 1)) != 0) {
            return 1;
        }
    }
    printf("ready\n");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    _exit(0);
}
