// thread_wasm.c - waiting, exits and clocks in a WebAssembly module.

#include "platform/os_thread.h"
#include "platform/wasm/wasm_thread.h"

// Nobody else could change the word, so that a wait without an end would last
// for ever. Returning at once, which os_thread.h allows, lets the caller look
// again: what it then does wrong shows as a loop and not as silence.
void mh_os_wait(const uint32_t *word, uint32_t expected) {
    (void)word;
    (void)expected;
}

void mh_os_wait_for(const uint32_t *word, uint32_t expected,
                    uint64_t timeout_ns) {
    if (*word == expected && timeout_ns != UINT64_MAX) {
        mh_wasm_nap(timeout_ns);
    }
}

void mh_os_wake(const uint32_t *word, bool all) {
    (void)word;
    (void)all;
}

// There are no other threads to pass a barrier.
bool mh_os_barrier(void) {
    return true;
}

void mh_os_yield(void) {
}

uint64_t mh_os_now_ns(void) {
    return mh_wasm_clock();
}

uint64_t mh_os_thread_id(void) {
    return 1;
}

uint32_t *mh_os_thread_words(void) {
    return mh_wasm_thread_words();
}

struct mh_os_err mh_os_on_thread_exit(void (*hook)(void *value)) {
    return mh_wasm_on_thread_exit(hook);
}

struct mh_os_err mh_os_arm_thread_exit(void *value) {
    return mh_wasm_arm_thread_exit(value);
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
    return mh_wasm_on_process_exit(hook);
}

struct mh_os_err mh_os_thread_start(void (*main)(void *arg), void *arg,
                                    size_t stack_size) {
    return mh_wasm_start(main, arg, stack_size);
}
