// thread_windows.c - waiting, threads, exits and clocks on Windows.

#include "platform/os_thread.h"
#include "platform/windows/windows_thread.h"

void mh_os_wait(const uint32_t *word, uint32_t expected) {
    mh_windows_wait_for(word, expected, UINT64_MAX);
}

void mh_os_wait_for(const uint32_t *word, uint32_t expected,
                    uint64_t timeout_ns) {
    mh_windows_wait_for(word, expected, timeout_ns);
}

void mh_os_wake(const uint32_t *word, bool all) {
    mh_windows_wake(word, all);
}

bool mh_os_barrier(void) {
    FlushProcessWriteBuffers();
    return true;
}

void mh_os_yield(void) {
    (void)SwitchToThread();
}

uint64_t mh_os_now_ns(void) {
    return mh_windows_clock();
}

uint64_t mh_os_thread_id(void) {
    return GetCurrentThreadId();
}

uint32_t *mh_os_thread_words(void) {
    return mh_windows_thread_words();
}

struct mh_os_err mh_os_on_thread_exit(void (*hook)(void *value)) {
    return mh_windows_on_thread_exit(hook);
}

struct mh_os_err mh_os_arm_thread_exit(void *value) {
    return mh_windows_arm_thread_exit(value);
}

// There is no fork.
struct mh_os_err mh_os_on_fork(void (*prepare)(void), void (*parent)(void),
                               void (*child)(void)) {
    (void)prepare;
    (void)parent;
    (void)child;
    return (struct mh_os_err){0};
}

struct mh_os_err mh_os_on_process_exit(void (*hook)(void)) {
    return mh_windows_on_process_exit(hook);
}

struct mh_os_err mh_os_thread_start(void (*main)(void *arg), void *arg,
                                    size_t stack_size) {
    return mh_windows_start(main, arg, stack_size);
}
