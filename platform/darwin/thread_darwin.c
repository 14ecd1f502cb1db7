// thread_darwin.c - waiting, threads, exits, forks and clocks on Darwin.

#include <errno.h>
#include <mach/vm_page_size.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "core/base/atomic.h"
#include "core/base/bits.h"
#include "platform/darwin/darwin.h"
#include "platform/os_thread.h"
#include "platform/posix/posix_util.h"

// What posix_thread.h remembers of each thread.
static unsigned mh_posix_count_round(void) {
    uintptr_t round = (uintptr_t)mh_darwin_get(MH_DARWIN_ROUNDS) + 1;

    mh_darwin_set(MH_DARWIN_ROUNDS, (const void *)round);
    return (unsigned)round;
}

static void mh_posix_forget_rounds(void) {
    mh_darwin_set(MH_DARWIN_ROUNDS, NULL);
}

#include "platform/posix/posix_thread.h"

// Sleeping on a word: bsd/sys/ulock.h of xnu, which no SDK has. It is what the
// system's own locks and C++ library sleep on, from macOS 10.12 on;
// os_sync_wait_on_address, its public name, came with 14.4.
enum {
    UL_COMPARE_AND_WAIT = 1,
    ULF_WAKE_ALL = 0x100,
};
int __ulock_wait(uint32_t operation, void *address, uint64_t value,
                 uint32_t timeout_us);
int __ulock_wake(uint32_t operation, void *address, uint64_t wake_value);

void mh_os_wait(const uint32_t *word, uint32_t expected) {
    mh_os_wait_for(word, expected, UINT64_MAX);
}

// Trap: a timeout of 0 is for ever, and there is room for 71 minutes only. Who
// waits longer wakes up early, which os_thread.h allows.
static uint32_t microseconds(uint64_t timeout_ns) {
    if (timeout_ns == UINT64_MAX) {
        return 0;
    }
    uint64_t us = timeout_ns / 1000 + (timeout_ns % 1000 != 0);
    us = us != 0 ? us : 1;
    return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

void mh_os_wait_for(const uint32_t *word, uint32_t expected,
                    uint64_t timeout_ns) {
    int saved = errno;

    if (timeout_ns != 0) {
        (void)__ulock_wait(UL_COMPARE_AND_WAIT, (void *)(uintptr_t)word,
                           expected, microseconds(timeout_ns));
    }
    errno = saved;
}

void mh_os_wake(const uint32_t *word, bool all) {
    int saved = errno;

    (void)__ulock_wake(UL_COMPARE_AND_WAIT | (all ? ULF_WAKE_ALL : 0),
                       (void *)(uintptr_t)word, 0);
    errno = saved;
}

// No call of the system's is documented to do that.
bool mh_os_barrier(void) {
    return false;
}

void mh_os_yield(void) {
    (void)sched_yield();
}

uint64_t mh_os_now_ns(void) {
    return mh_posix_clock(CLOCK_MONOTONIC_RAW);
}

uint64_t mh_os_thread_id(void) {
    uint64_t id = 0;

    (void)pthread_threadid_np(NULL, &id);
    return id;
}

static void (*exit_hook)(void *value);

static void end_of_thread(void *value) {
    exit_hook(value);
    mh_darwin_drop_words();
}

// A thread that cannot count rounds would run the hook in the first of them.
struct mh_os_err mh_os_on_thread_exit(void (*hook)(void *value)) {
    if (!mh_darwin_has_keys()) {
        return (struct mh_os_err){EAGAIN};
    }
    exit_hook = hook;
    return mh_posix_on_thread_exit(end_of_thread);
}

struct mh_os_err mh_os_arm_thread_exit(void *value) {
    return mh_posix_arm_thread_exit(value);
}

struct mh_os_err mh_os_on_fork(void (*prepare)(void), void (*parent)(void),
                               void (*child)(void)) {
    return (struct mh_os_err){pthread_atfork(prepare, parent, child)};
}

struct mh_os_err mh_os_on_process_exit(void (*hook)(void)) {
    mh_posix_on_process_exit(hook);
    return (struct mh_os_err){0};
}

// Trap: a stack that is not whole pages is refused
// (pthread_attr_setstacksize(3)).
struct mh_os_err mh_os_thread_start(void (*main)(void *arg), void *arg,
                                    size_t stack_size) {
    return mh_posix_start(main, arg, mh_align_up(stack_size, vm_page_size));
}
