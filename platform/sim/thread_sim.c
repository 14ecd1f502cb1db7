// thread_sim.c - threads of the simulated OS: the host's, over POSIX.
//
// Waiting is a short sleep: the contract allows to wake for no reason, callers
// must cope with that, and there is no state that a fork could leave locked.

#include <errno.h>
#include <sched.h>
#include <time.h>

#include "core/base/atomic.h"
#include "platform/os_thread.h"
#include "platform/posix/posix_thread.h"
#include "platform/posix/posix_util.h"
#include "platform/sim/sim_state.h"

enum { NAP_NS = 50 * 1000 };

static MH_THREAD_LOCAL char thread_mark;

void mh_os_wait(const uint32_t *word, uint32_t expected) {
    mh_os_wait_for(word, expected, UINT64_MAX);
}

void mh_os_wait_for(const uint32_t *word, uint32_t expected,
                    uint64_t timeout_ns) {
    const struct timespec nap =
        mh_posix_timespec(timeout_ns < NAP_NS ? timeout_ns : NAP_NS);
    int saved = errno;

    if (MH_LOAD_ACQUIRE(word) == expected) {
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
    }
    errno = saved;
}

void mh_os_wake(const uint32_t *word, bool all) {
    (void)word;
    (void)all;
}

// Enough where the other threads stand still, as they do in tests: what made
// them was a lock.
bool mh_os_barrier(void) {
    MH_FENCE_SEQ_CST();
    return true;
}

void mh_os_yield(void) {
    (void)sched_yield();
}

uint64_t mh_os_now_ns(void) {
    uint64_t set = mh_sim_clock();

    return set != 0 ? set : mh_posix_clock(CLOCK_MONOTONIC);
}

uint64_t mh_os_thread_id(void) {
    return (uint64_t)(uintptr_t)&thread_mark;
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
