// windows_util.h - what the files of the Windows backend share.
//
// Static functions: each file compiles its own copy.

#ifndef MHEAP_PLATFORM_WINDOWS_WINDOWS_UTIL_H
#define MHEAP_PLATFORM_WINDOWS_WINDOWS_UTIL_H

#ifndef WIN32_LEAN_AND_MEAN
#    define WIN32_LEAN_AND_MEAN
#endif
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <windows.h>

#include "core/base/atomic.h"
#include "core/base/attr.h"
#include "platform/os.h"

// mh_windows_done turns what a call returned into an mh_os_err, and puts the
// thread's last error back to what it was: a program may ask for it after a
// free that lies between its own call and the question.
static inline struct mh_os_err mh_windows_done(bool worked, DWORD saved) {
    struct mh_os_err err = {worked ? 0 : (int)GetLastError()};

    SetLastError(saved);
    return err;
}

// Memory, addresses, commit charge, and the quota of a job. Listed in
// Microsoft's "System Error Codes". Access denied is what wine says of a commit
// for which its own system has no memory; nothing else that is asked here is
// ever denied.
static inline bool mh_windows_is_oom(int code) {
    return code == ERROR_NOT_ENOUGH_MEMORY || code == ERROR_OUTOFMEMORY ||
           code == ERROR_COMMITMENT_LIMIT ||
           code == ERROR_NO_SYSTEM_RESOURCES ||
           code == ERROR_NOT_ENOUGH_QUOTA || code == ERROR_ACCESS_DENIED;
}

// The counter runs at a rate of its own; the two parts keep the product within
// 64 bits for centuries.
static inline uint64_t mh_windows_clock(void) {
    LARGE_INTEGER rate, now;

    (void)QueryPerformanceFrequency(&rate);
    (void)QueryPerformanceCounter(&now);
    uint64_t hz = (uint64_t)rate.QuadPart;
    uint64_t ticks = (uint64_t)now.QuadPart;
    return ticks / hz * 1000000000u + ticks % hz * 1000000000u / hz;
}

static inline void mh_windows_write_error(const char *text, size_t size) {
    DWORD saved = GetLastError();
    HANDLE stream = GetStdHandle(STD_ERROR_HANDLE);
    DWORD n = 0;

    while (size > 0) {
        DWORD part = size < 1u << 20 ? (DWORD)size : 1u << 20;
        if (!WriteFile(stream, text, part, &n, NULL) || n == 0) {
            break;
        }
        text += n;
        size -= n;
    }
    SetLastError(saved);
}

// The C library's copy of the environment is made late, may be of wide
// characters only, and moves when the program adds to it. So the system's own
// is asked, and what it says is kept where nothing ends it. Options are read
// once; for who asks again and again the room ends, and all is unset.
static inline const char *mh_windows_getenv(const char *name) {
    static char values[16 * 1024];
    static uint32_t used;
    char value[1024];
    DWORD saved = GetLastError();

    SetLastError(ERROR_SUCCESS);
    DWORD length = GetEnvironmentVariableA(name, value, sizeof(value));
    bool unset = length == 0 && GetLastError() != ERROR_SUCCESS;
    SetLastError(saved);
    if (unset || length >= sizeof(value)) {
        return NULL;
    }
    value[length] = '\0';
    uint32_t at = MH_LOAD_RELAXED(&used);
    do {
        if (at + length >= sizeof(values)) {
            return NULL;
        }
    } while (!MH_CAS_RELAXED(&used, &at, at + (uint32_t)length + 1));
    memcpy(values + at, value, length + 1);
    return values + at;
}

// mh_windows_abort ends the process with the status that Microsoft's reference
// of abort() names, 3. A handler of the program's runs first where the caller
// says that it may. abort() itself would print, or open a window, and then wait
// for somebody to close it.
static inline MH_NORETURN void mh_windows_abort(bool run_handler) {
    enum { ABORT_STATUS = 3 };

    if (run_handler) {
        (void)raise(SIGABRT);
    }
    // Unlike ExitProcess it runs no code of any library, which might wait for
    // a lock of ours.
    for (;;) {
        (void)TerminateProcess(GetCurrentProcess(), ABORT_STATUS);
    }
}

// mh_windows_is_on_stack: the bytes lie on pages of the calling thread's stack
// that are there. "NT_TIB": of the words of a thread's block the second says
// where its stack ends, the third where those pages begin. gcc 12 takes the
// function of the header for an access to an array of none.
static inline bool mh_windows_is_on_stack(uintptr_t address, size_t size) {
    uintptr_t begin = 0, end = 0;

#if defined(_WIN64)
    __asm__("movq %%gs:16, %0" : "=r"(begin));
    __asm__("movq %%gs:8, %0" : "=r"(end));
#else
    __asm__("movl %%fs:8, %0" : "=r"(begin));
    __asm__("movl %%fs:4, %0" : "=r"(end));
#endif
    return address >= begin && address < end && size <= end - address;
}

#endif // MHEAP_PLATFORM_WINDOWS_WINDOWS_UTIL_H
