// posix_thread.h - thread and process hooks over POSIX threads.
//
// Included by exactly one file of a backend, which thereby owns the state
// below. Everything is registered once per process. What each thread remembers
// comes from posix_locals.h or the backend's own, included before this.

#ifndef MHEAP_PLATFORM_POSIX_POSIX_THREAD_H
#define MHEAP_PLATFORM_POSIX_POSIX_THREAD_H

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "core/base/atomic.h"
#include "core/base/attr.h"
#include "platform/os.h"
#include "platform/os_thread.h"

// A sanitizer's own destructor ends its knowledge of the thread in the last
// round, and its checks must not run after that.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#    define POSIX_LAST_ROUND (PTHREAD_DESTRUCTOR_ITERATIONS - 1)
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#        define POSIX_LAST_ROUND (PTHREAD_DESTRUCTOR_ITERATIONS - 1)
#    endif
#endif
#ifndef POSIX_LAST_ROUND
#    define POSIX_LAST_ROUND PTHREAD_DESTRUCTOR_ITERATIONS
#endif

static pthread_key_t posix_exit_key;
static void (*posix_exit_hook)(void *value);

// Destructors run in up to PTHREAD_DESTRUCTOR_ITERATIONS rounds, in no promised
// order. Other keys' destructors may free and allocate, so the hook puts itself
// off, round after round, until there is no later one. What still runs after it
// are keys made later whose destructors re-arm as well; their calls find a
// thread that has exited as far as the heap is concerned.
static void posix_run_exit_hook(void *value) {
    if (mh_posix_count_round() < POSIX_LAST_ROUND &&
        pthread_setspecific(posix_exit_key, value) == 0) {
        return;
    }
    mh_posix_forget_rounds();
    posix_exit_hook(value);
}

static inline struct mh_os_err mh_posix_on_thread_exit(void (*hook)(void *)) {
    posix_exit_hook = hook;
    return (struct mh_os_err){
        pthread_key_create(&posix_exit_key, posix_run_exit_hook)};
}

static inline struct mh_os_err mh_posix_arm_thread_exit(void *value) {
    return (struct mh_os_err){pthread_setspecific(posix_exit_key, value)};
}

static void (*posix_process_exit_hook)(void);

// A destructor function of the library, rather than atexit: glibc's atexit
// allocates from the 33rd registration on and may then fail, and what it
// registers runs before the handlers a program registered earlier, which may
// still allocate. A destructor costs nothing and runs after all of them.
// Priority 101, the first that is not the compiler's own, runs last.
__attribute__((destructor(101))) static void posix_run_process_exit(void) {
    if (posix_process_exit_hook != NULL) {
        posix_process_exit_hook();
    }
}

static inline void mh_posix_on_process_exit(void (*hook)(void)) {
    posix_process_exit_hook = hook;
}

// What a new thread is told. It lies on the stack of the thread that starts it,
// which waits until it was copied: nothing is allocated for it.
struct posix_start {
    void (*main)(void *arg);
    void *arg;
    uint32_t taken;
};

static void *posix_entry(void *start_arg) {
    struct posix_start *start = start_arg;
    void (*main)(void *) = start->main;
    void *arg = start->arg;

    // release: pairs with the acquire in mh_posix_start, after which the record
    // is gone. The wake may then name a dead address, which wakes nobody.
    MH_STORE_RELEASE(&start->taken, 1);
    mh_os_wake(&start->taken, true);
    main(arg);
    return NULL;
}

// posix_create runs posix_entry(start) on a detached thread, all signals
// blocked, so that no handler of the program ever runs on a thread it does not
// know. The C library rejects stacks below its own needs, which grow with the
// program's thread-local data, so a rejected size is doubled up to a megabyte.
// musl takes 2 KiB, which one call with a small buffer overruns.
static inline int posix_create(struct posix_start *start, size_t stack_size) {
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, before;
    int code = pthread_attr_init(&attr);

    if (code != 0) {
        return code;
    }
    if (stack_size < MH_OS_LEAST_STACK) {
        stack_size = MH_OS_LEAST_STACK;
    }
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    do {
        code = pthread_attr_setstacksize(&attr, stack_size);
        if (code == 0) {
            code = pthread_create(&thread, &attr, posix_entry, start);
        }
        stack_size *= 2;
    } while (code == EINVAL && stack_size <= (size_t)1 << 20);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attr);
    return code;
}

static inline struct mh_os_err mh_posix_start(void (*main)(void *), void *arg,
                                              size_t stack_size) {
    struct posix_start start = {main, arg, 0};
    int code = posix_create(&start, stack_size);

    while (code == 0 && MH_LOAD_ACQUIRE(&start.taken) == 0) {
        mh_os_wait(&start.taken, 0);
    }
    return (struct mh_os_err){code};
}

#endif // MHEAP_PLATFORM_POSIX_POSIX_THREAD_H
