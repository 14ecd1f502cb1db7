// thread_sim.c - threads of the simulated OS: the host's, over POSIX.
//
// Waiting is a short sleep: the contract allows to wake for no reason, callers
// must cope with that, and there is no state that a fork could leave locked.

#include "core/base/atomic.h"
#include "platform/os_thread.h"
#include "platform/sim/sim_host_thread.h"
#include "platform/sim/sim_state.h"

enum { NAP_NS = 50 * 1000 };

void mh_os_wait(const uint32_t *word, uint32_t expected) {
    mh_os_wait_for(word, expected, UINT64_MAX);
}

void mh_os_wait_for(const uint32_t *word, uint32_t expected,
                    uint64_t timeout_ns) {
    if (MH_LOAD_ACQUIRE(word) == expected) {
        mh_host_nap(timeout_ns < NAP_NS ? timeout_ns : NAP_NS);
    }
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
    mh_host_yield();
}

uint64_t mh_os_now_ns(void) {
    uint64_t set = mh_sim_clock();

    return set != 0 ? set : mh_host_clock();
}

uint64_t mh_os_thread_id(void) {
    return (uint64_t)(uintptr_t)mh_os_thread_words();
}

uint32_t *mh_os_thread_words(void) {
    return MH_HOST_THREAD_WORDS();
}

struct mh_os_err mh_os_on_thread_exit(void (*hook)(void *value)) {
    return MH_HOST_ON_THREAD_EXIT(hook);
}

struct mh_os_err mh_os_arm_thread_exit(void *value) {
    return MH_HOST_ARM_THREAD_EXIT(value);
}

struct mh_os_err mh_os_on_fork(void (*prepare)(void), void (*parent)(void),
                               void (*child)(void)) {
    return mh_host_on_fork(prepare, parent, child);
}

struct mh_os_err mh_os_on_process_exit(void (*hook)(void)) {
    return mh_host_on_process_exit(hook);
}

struct mh_os_err mh_os_thread_start(void (*main)(void *arg), void *arg,
                                    size_t stack_size) {
    return MH_HOST_START(main, arg, stack_size);
}
