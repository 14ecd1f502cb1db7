// thread_linux.c - waiting, threads, exits, forks and clocks on Linux.

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/atomic.h"
#include "platform/os_thread.h"
#include "platform/posix/posix_locals.h"
#include "platform/posix/posix_thread.h"
#include "platform/posix/posix_util.h"

void mh_os_wait(const uint32_t *word, uint32_t expected) {
    mh_os_wait_for(word, expected, UINT64_MAX);
}

void mh_os_wait_for(const uint32_t *word, uint32_t expected,
                    uint64_t timeout_ns) {
    struct timespec timeout = mh_posix_timespec(timeout_ns);
    int saved = errno;

    (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected,
                  timeout_ns == UINT64_MAX ? NULL : &timeout, NULL, 0);
    errno = saved;
}

void mh_os_wake(const uint32_t *word, bool all) {
    int saved = errno;

    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, all ? INT_MAX : 1, NULL,
                  NULL, 0);
    errno = saved;
}

static long membarrier(int command) {
    return syscall(SYS_membarrier, command, 0, 0);
}

// The process registers once, and again after a fork where the kernel does not
// take that over.
bool mh_os_barrier(void) {
    int saved = errno;
    bool done = membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0;

    if (!done && errno == EPERM) {
        done = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0 &&
               membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0;
    }
    errno = saved;
    return done;
}

void mh_os_yield(void) {
    (void)sched_yield();
}

uint64_t mh_os_now_ns(void) {
    return mh_posix_clock(CLOCK_MONOTONIC);
}

uint64_t mh_os_thread_id(void) {
    return (uint64_t)syscall(SYS_gettid);
}

uint32_t *mh_os_thread_words(void) {
    return mh_posix_thread_words();
}

struct mh_os_err mh_os_on_thread_exit(void (*hook)(void *value)) {
    return mh_posix_on_thread_exit(hook);
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

struct mh_os_err mh_os_thread_start(void (*main)(void *arg), void *arg,
                                    size_t stack_size) {
    return mh_posix_start(main, arg, stack_size);
}
