// vanished.h - a thread that is not there any more in the child of a fork.
//
// A helper thread gets itself into a state and stops there; the main thread
// forks, and the child, where the helper is no more, must find everything
// whole. For one test program each: all of it is static.

#ifndef MHEAP_TESTS_SUPPORT_VANISHED_H
#define MHEAP_TESTS_SUPPORT_VANISHED_H

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/heap/heap.h"
#include "mheap/mheap.h"
#include "tests/support/books.h"
#include "tests/support/objects.h"

enum { N = 300, SIZE = 64 };

static void *mine[N];   // made by the main thread
static void *theirs[N]; // made by the helper
static void *large;     // made by the helper
static void *pages;     // likewise

static void (*helper_does)(void);
static pthread_barrier_t stopped;

static inline MH_NORETURN void *help(void *arg) {
    (void)arg;
    helper_does();
    pthread_barrier_wait(&stopped);
    for (;;) {
        pause();
    }
}

static inline void run_helper(void (*act)(void)) {
    pthread_t thread;
    mheap_option_set(MHEAP_OPTION_FIRST_OBJECTS, 0); // it has a cache at once
    helper_does = act;
    ck_assert_int_eq(pthread_barrier_init(&stopped, NULL, 2), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, help, NULL), 0);
    pthread_barrier_wait(&stopped);
}

static inline void fill(void **objects) {
    for (size_t i = 0; i < N; i++) {
        objects[i] = mheap_malloc(SIZE);
        mh_self_fill(objects[i], SIZE, i);
    }
}

static inline void drop(void **object) {
    if (*object != NULL) {
        if (!mh_self_holds(*object)) {
            fprintf(stderr, "an object lost its contents\n");
            _exit(2);
        }
        mheap_free(*object);
        *object = NULL;
    }
}

static inline void require_books(void) {
    const char *wrong = mh_books_wrong(mheap_default());
    if (wrong != NULL) {
        fprintf(stderr, "in the child: %s\n", wrong);
        _exit(3);
    }
    for (uint64_t a = 0; a < mh_arenas.count; a++) {
        for (size_t page = 0; page < MH_ARENA_PAGES; page++) {
            if (mh_arenas.table[a]->seq[page] % 2 != 0) {
                fprintf(stderr, "page %zu: an odd sequence number\n", page);
                _exit(3);
            }
        }
    }
}

// The child frees everything and finds the heap empty to the last page.
static inline void be_a_child(void) {
    require_books();
    for (size_t i = 0; i < N; i++) {
        drop(&mine[i]);
        drop(&theirs[i]);
    }
    mheap_free(large);
    mheap_pages_free(pages);
    mheap_thread_flush();
    require_books();
    struct mheap_stats stats;
    mheap_stats(NULL, &stats);
    if (stats.in_use_objects != 0 || stats.spans != 0 || stats.caches > 1 ||
        stats.manual_bytes != 0 || stats.bad_frees_total != 0) {
        fprintf(stderr, "%llu objects, %llu spans, %llu caches, %llu bad\n",
                (unsigned long long)stats.in_use_objects,
                (unsigned long long)stats.spans,
                (unsigned long long)stats.caches,
                (unsigned long long)stats.bad_frees_total);
        _exit(4);
    }
    void *p = mheap_malloc(100);
    mheap_free(p);
    _exit(p == NULL);
}

// Runs act in a child, and the child's child may do so again: a failure ends
// the processes one after the other.
static inline void in_child(void (*act)(void)) {
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        act();
        _exit(EXIT_SUCCESS);
    }
    if (waitpid(child, &status, 0) != child || status != 0) {
        fprintf(stderr, "the child ended with 0x%x\n", (unsigned)status);
        abort();
    }
}

static inline void fork_and_check(void) {
    in_child(be_a_child);
}

static inline struct mh_span *span_of(const void *p) {
    return mh_arena_span_at((uintptr_t)p);
}

static inline void fill_theirs(void) {
    fill(theirs);
}

static inline void *fill_and_end(void *arg) {
    (void)arg;
    fill_theirs();
    return NULL;
}

// It has a cache, and no more.
static inline void nothing(void) {
    mheap_free(mheap_malloc(SIZE));
}

#endif // MHEAP_TESTS_SUPPORT_VANISHED_H
