// sim_host_thread.h - the host's threads, clock and hooks under one name.
//
// Included by thread_sim.c only, which thereby owns the state of the hooks.

#ifndef MHEAP_PLATFORM_SIM_SIM_HOST_THREAD_H
#define MHEAP_PLATFORM_SIM_SIM_HOST_THREAD_H

#ifdef _WIN32
#    include "platform/windows/windows_thread.h"

#    define MH_HOST_THREAD_WORDS    mh_windows_thread_words
#    define MH_HOST_ON_THREAD_EXIT  mh_windows_on_thread_exit
#    define MH_HOST_ARM_THREAD_EXIT mh_windows_arm_thread_exit
#    define MH_HOST_START           mh_windows_start

static inline void mh_host_nap(uint64_t ns) {
    DWORD saved = GetLastError();

    Sleep(ns != 0);
    SetLastError(saved);
}

static inline void mh_host_yield(void) {
    (void)SwitchToThread();
}

static inline struct mh_os_err mh_host_on_fork(void (*prepare)(void),
                                               void (*parent)(void),
                                               void (*child)(void)) {
    (void)prepare;
    (void)parent;
    (void)child;
    return (struct mh_os_err){0};
}

static inline struct mh_os_err mh_host_on_process_exit(void (*hook)(void)) {
    return mh_windows_on_process_exit(hook);
}

static inline uint64_t mh_host_clock(void) {
    return mh_windows_clock();
}

#elif defined(__wasm__)
#    include "platform/wasm/wasm_thread.h"

#    define MH_HOST_THREAD_WORDS    mh_wasm_thread_words
#    define MH_HOST_ON_THREAD_EXIT  mh_wasm_on_thread_exit
#    define MH_HOST_ARM_THREAD_EXIT mh_wasm_arm_thread_exit
#    define MH_HOST_START           mh_wasm_start

static inline void mh_host_nap(uint64_t ns) {
    mh_wasm_nap(ns);
}

static inline void mh_host_yield(void) {
}

static inline struct mh_os_err mh_host_on_fork(void (*prepare)(void),
                                               void (*parent)(void),
                                               void (*child)(void)) {
    (void)prepare;
    (void)parent;
    (void)child;
    return (struct mh_os_err){0};
}

static inline struct mh_os_err mh_host_on_process_exit(void (*hook)(void)) {
    return mh_wasm_on_process_exit(hook);
}

static inline uint64_t mh_host_clock(void) {
    return mh_wasm_clock();
}

#else
#    include <sched.h>

#    include "platform/posix/posix_locals.h"
#    include "platform/posix/posix_thread.h"
#    include "platform/posix/posix_util.h"

#    define MH_HOST_THREAD_WORDS    mh_posix_thread_words
#    define MH_HOST_ON_THREAD_EXIT  mh_posix_on_thread_exit
#    define MH_HOST_ARM_THREAD_EXIT mh_posix_arm_thread_exit
#    define MH_HOST_START           mh_posix_start

static inline void mh_host_nap(uint64_t ns) {
    const struct timespec nap = mh_posix_timespec(ns);
    int saved = errno;

    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
    errno = saved;
}

static inline void mh_host_yield(void) {
    (void)sched_yield();
}

static inline uint64_t mh_host_clock(void) {
    return mh_posix_clock(CLOCK_MONOTONIC);
}

static inline struct mh_os_err mh_host_on_fork(void (*prepare)(void),
                                               void (*parent)(void),
                                               void (*child)(void)) {
    return (struct mh_os_err){pthread_atfork(prepare, parent, child)};
}

static inline struct mh_os_err mh_host_on_process_exit(void (*hook)(void)) {
    mh_posix_on_process_exit(hook);
    return (struct mh_os_err){0};
}

#endif

#endif // MHEAP_PLATFORM_SIM_SIM_HOST_THREAD_H
