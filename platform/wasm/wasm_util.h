// wasm_util.h - what WebAssembly modules can ask of WASI, the system interface
// they run over (snapshot preview 1).
//
// Static functions: each file that includes this compiles its own copy.

#ifndef MHEAP_PLATFORM_WASM_WASM_UTIL_H
#define MHEAP_PLATFORM_WASM_WASM_UTIL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <wasi/api.h>

#include "core/base/attr.h"

// What memory grows by, in bytes.
#define WASM_PAGE ((size_t)65536)

enum { WASM_ENVIRONMENT = 16 * 1024, WASM_VARIABLES = 512, WASM_SIGABRT = 6 };

static inline uint64_t mh_wasm_clock(void) {
    struct timespec now = {0, 0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline void mh_wasm_nap(uint64_t ns) {
    const struct timespec nap = {.tv_sec = (time_t)(ns / 1000000000u),
                                 .tv_nsec = (long)(ns % 1000000000u)};
    int saved = errno;

    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
    errno = saved;
}

static inline void mh_wasm_write_error(const char *text, size_t size) {
    int saved = errno;

    while (size > 0) {
        ssize_t n = write(STDERR_FILENO, text, size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break;
        }
        text += n;
        size -= (size_t)n;
    }
    errno = saved;
}

static inline const char *wasm_find(char *const *variables, const char *name) {
    size_t length = strlen(name);

    for (; variables != NULL && *variables != NULL; variables++) {
        if (strncmp(*variables, name, length) == 0 &&
            (*variables)[length] == '=') {
            return *variables + length + 1;
        }
    }
    return NULL;
}

// The C library makes its copy of the environment when it is first asked for
// it, by malloc. Until then the system's is read, once, if it fits.
extern char **__wasilibc_environ;
#define WASM_NO_COPY_YET ((char **)-1)

static inline const char *mh_wasm_getenv(const char *name) {
    static char text[WASM_ENVIRONMENT];
    static char *variables[WASM_VARIABLES + 1];
    size_t count = 0, size = 0;

    if (__wasilibc_environ != WASM_NO_COPY_YET) {
        return wasm_find(__wasilibc_environ, name);
    }
    if (variables[0] == NULL &&
        (__wasi_environ_sizes_get(&count, &size) != 0 ||
         count > WASM_VARIABLES || size > sizeof(text) ||
         __wasi_environ_get((uint8_t **)(void *)variables, (uint8_t *)text) !=
             0)) {
        variables[0] = NULL;
    }
    return wasm_find(variables, name);
}

// There are no signals. A program that was linked with the C library's
// imitation of them (-lwasi-emulated-signal) may have a handler all the same.
extern int raise(int number) __attribute__((weak));

static inline MH_NORETURN void mh_wasm_abort(bool run_handler) {
    if (run_handler && raise != NULL) {
        (void)raise(WASM_SIGABRT);
    }
    __builtin_trap();
}

#endif // MHEAP_PLATFORM_WASM_WASM_UTIL_H
