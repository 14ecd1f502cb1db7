// windows_thread.h - thread and process hooks over Windows threads.
//
// Included by exactly one file of a backend, which thereby owns the state
// below. Everything is registered once per process.

#ifndef MHEAP_PLATFORM_WINDOWS_WINDOWS_THREAD_H
#define MHEAP_PLATFORM_WINDOWS_WINDOWS_THREAD_H

#include "core/base/atomic.h"
#include "platform/os_thread.h"
#include "platform/windows/tls_windows.h"
#include "platform/windows/windows_util.h"

// WaitOnAddress and its wakes came with Windows 8.
typedef BOOL(WINAPI *windows_wait)(volatile void *, void *, SIZE_T, DWORD);
typedef void(WINAPI *windows_wake)(void *);

static struct {
    windows_wait wait;
    windows_wake wake_one, wake_all;
} windows_address;

static void (*windows_exit_hook)(void *value);

// What the calling thread armed itself with, NULL: nothing.
extern MH_WINDOWS_TLS void *mh_windows_exit_value;
MH_WINDOWS_TLS void *mh_windows_exit_value = NULL;

static inline void **windows_exit_value(void) {
    void **at;

    MH_WINDOWS_TLS_ADDRESS(at, mh_windows_exit_value);
    return at;
}

extern MH_WINDOWS_TLS uint32_t mh_windows_words[MH_OS_THREAD_WORDS];
MH_WINDOWS_TLS uint32_t mh_windows_words[MH_OS_THREAD_WORDS] = {0};

static inline uint32_t *mh_windows_thread_words(void) {
    uint32_t *at;

    MH_WINDOWS_TLS_ADDRESS(at, mh_windows_words);
    return at;
}

static FARPROC windows_find(HMODULE library, const char *name) {
    return library != NULL ? GetProcAddress(library, name) : NULL;
}

// GetProcAddress waits for the loader's lock, whose holder may be in malloc and
// wait for a lock of the heap. So it is asked once, before there is a second
// thread, when this thread has that lock anyway.
static void windows_find_calls(void) {
    HMODULE library = GetModuleHandleA("kernelbase.dll");

    windows_address.wait =
        (windows_wait)(void *)windows_find(library, "WaitOnAddress");
    windows_address.wake_one =
        (windows_wake)(void *)windows_find(library, "WakeByAddressSingle");
    windows_address.wake_all =
        (windows_wake)(void *)windows_find(library, "WakeByAddressAll");
    if (windows_address.wake_one == NULL || windows_address.wake_all == NULL) {
        windows_address.wait = NULL;
    }
}

static void windows_run_exit_hook(void) {
    void **value = windows_exit_value();
    void *armed = *value;

    if (armed != NULL) {
        *value = NULL;
        windows_exit_hook(armed);
    }
}

// The loader calls this around the life of the process and of each thread, see
// "TLS Callback Functions" in Microsoft's description of the PE format. The
// callbacks of the C library, which run destructors of the program, have names
// that sort before this one. A callback of FlsAlloc, the other way to be told,
// runs before them all, and crashes when its library was unloaded meanwhile.
static void NTAPI windows_told(void *image, DWORD reason, void *reserved) {
    (void)image;
    (void)reserved;
    if (reason == DLL_PROCESS_ATTACH) {
        windows_find_calls();
    } else if (reason == DLL_THREAD_DETACH) {
        windows_run_exit_hook();
    }
}

extern const PIMAGE_TLS_CALLBACK mh_windows_told;
__attribute__((section(".CRT$XLY"), used))
const PIMAGE_TLS_CALLBACK mh_windows_told = windows_told;

static inline struct mh_os_err mh_windows_on_thread_exit(void (*hook)(void *)) {
    windows_exit_hook = hook;
    return (struct mh_os_err){0};
}

static inline struct mh_os_err mh_windows_arm_thread_exit(void *value) {
    *windows_exit_value() = value;
    return (struct mh_os_err){0};
}

// Milliseconds, rounded up: a wait that ends early is made again and again.
static DWORD windows_milliseconds(uint64_t ns) {
    uint64_t ms = ns / 1000000 + (ns % 1000000 != 0);

    return ms < INFINITE ? (DWORD)ms : INFINITE;
}

// Without WaitOnAddress a short sleep: who waits looks again when it returns.
static inline void mh_windows_wait_for(const uint32_t *word, uint32_t expected,
                                       uint64_t timeout_ns) {
    DWORD saved = GetLastError();
    DWORD ms = windows_milliseconds(timeout_ns);

    if (windows_address.wait != NULL) {
        // Through a number, for the system's type lacks the const.
        (void)windows_address.wait((void *)(uintptr_t)word, &expected,
                                   sizeof(expected), ms);
    } else if (MH_LOAD_ACQUIRE(word) == expected) {
        Sleep(ms < 1 ? ms : 1);
    }
    SetLastError(saved);
}

static inline void mh_windows_wake(const uint32_t *word, bool all) {
    DWORD saved = GetLastError();

    if (windows_address.wait != NULL) {
        (all ? windows_address.wake_all
             : windows_address.wake_one)((void *)(uintptr_t)word);
    }
    SetLastError(saved);
}

static void (*windows_process_exit_hook)(void);

// A destructor function, as on POSIX: after the handlers of atexit, which the
// program registers later, and before the system ends the other threads.
__attribute__((destructor(101))) static void windows_run_process_exit(void) {
    if (windows_process_exit_hook != NULL) {
        windows_process_exit_hook();
    }
}

static inline struct mh_os_err mh_windows_on_process_exit(void (*hook)(void)) {
    windows_process_exit_hook = hook;
    return (struct mh_os_err){0};
}

// What a new thread is told. It lies on the stack of the thread that starts it,
// which waits until it was copied: nothing is allocated for it.
struct windows_start {
    void (*main)(void *arg);
    void *arg;
    uint32_t taken;
};

static DWORD WINAPI windows_entry(void *start_arg) {
    struct windows_start *start = start_arg;
    void (*main)(void *) = start->main;
    void *arg = start->arg;

    // release: pairs with the acquire in mh_windows_start, after which the
    // record is gone. The wake may name a dead address then: it wakes nobody.
    MH_STORE_RELEASE(&start->taken, 1);
    mh_windows_wake(&start->taken, true);
    main(arg);
    return 0;
}

// The size is of addresses, rounded up to the granularity; pages are committed
// as the stack grows. The system has no signals to block.
static inline struct mh_os_err mh_windows_start(void (*main)(void *), void *arg,
                                                size_t stack_size) {
    struct windows_start start = {main, arg, 0};
    DWORD saved = GetLastError();
    HANDLE thread = CreateThread(NULL, stack_size, windows_entry, &start,
                                 STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    struct mh_os_err err = mh_windows_done(thread != NULL, saved);

    if (thread == NULL) {
        return err;
    }
    while (MH_LOAD_ACQUIRE(&start.taken) == 0) {
        mh_windows_wait_for(&start.taken, 0, UINT64_MAX);
    }
    (void)CloseHandle(thread);
    return err;
}

#endif // MHEAP_PLATFORM_WINDOWS_WINDOWS_THREAD_H
