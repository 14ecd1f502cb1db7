// wasm_thread.h - the one thread of a WebAssembly module, and the module's end.
//
// Included by exactly one file of a backend, which thereby owns the state
// below. Threads need shared memory and a C library that starts them; wasi-libc
// as distributions build it has neither.

#ifndef MHEAP_PLATFORM_WASM_WASM_THREAD_H
#define MHEAP_PLATFORM_WASM_WASM_THREAD_H

#include "platform/os_thread.h"
#include "platform/wasm/wasm_util.h"

static inline uint32_t *mh_wasm_thread_words(void) {
    static uint32_t words[MH_OS_THREAD_WORDS];

    return words;
}

// The only thread does not end before the module does, and the heap needs no
// telling then.
static inline struct mh_os_err mh_wasm_on_thread_exit(void (*hook)(void *)) {
    (void)hook;
    return (struct mh_os_err){0};
}

static inline struct mh_os_err mh_wasm_arm_thread_exit(void *value) {
    (void)value;
    return (struct mh_os_err){0};
}

static void (*wasm_process_exit_hook)(void);

// A destructor function, as on POSIX. It is registered before main runs, and so
// called after what main registers.
__attribute__((destructor(101))) static void wasm_run_process_exit(void) {
    if (wasm_process_exit_hook != NULL) {
        wasm_process_exit_hook();
    }
}

static inline struct mh_os_err mh_wasm_on_process_exit(void (*hook)(void)) {
    wasm_process_exit_hook = hook;
    return (struct mh_os_err){0};
}

static inline struct mh_os_err mh_wasm_start(void (*main)(void *), void *arg,
                                             size_t stack_size) {
    (void)main;
    (void)arg;
    (void)stack_size;
    return (struct mh_os_err){ENOTSUP};
}

#endif // MHEAP_PLATFORM_WASM_WASM_THREAD_H
