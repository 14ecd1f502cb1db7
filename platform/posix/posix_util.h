// posix_util.h - what the backends of POSIX systems share.
//
// Static functions without state: each backend compiles its own copy. POSIX
// makes reading and writing cancellation points: a backend that knows a way
// around that, as Linux does, has functions of its own for them.

#ifndef MHEAP_PLATFORM_POSIX_POSIX_UTIL_H
#define MHEAP_PLATFORM_POSIX_POSIX_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "platform/os.h"

// mh_posix_done turns what a system call returned (0, or -1 and errno) into an
// mh_os_err and puts errno back to what it was before the call.
static inline struct mh_os_err mh_posix_done(int result, int saved_errno) {
    struct mh_os_err err = {result == 0 ? 0 : errno};

    errno = saved_errno;
    return err;
}

// mh_posix_map maps private anonymous memory; *base_out is untouched on
// failure.
static inline struct mh_os_err mh_posix_map(void *hint, size_t size,
                                            int protection, int more_flags,
                                            void **base_out) {
    int saved = errno;
    void *base = mmap(hint, size, protection,
                      MAP_PRIVATE | MAP_ANONYMOUS | more_flags, -1, 0);

    if (base == MAP_FAILED) {
        return mh_posix_done(-1, saved);
    }
    *base_out = base;
    return mh_posix_done(0, saved);
}

static inline struct mh_os_err mh_posix_protect(void *base, size_t size,
                                                int protection) {
    int saved = errno;

    return mh_posix_done(mprotect(base, size, protection), saved);
}

static inline struct mh_os_err mh_posix_unmap(void *base, size_t size) {
    int saved = errno;

    return mh_posix_done(munmap(base, size), saved);
}

// mh_posix_map_shared maps an inherited file for writing. Where the system has
// seals, only files of memory have them, and asking tells such a file from
// whatever else may have the inherited number.
static inline struct mh_os_err mh_posix_map_shared(int fd, size_t size,
                                                   void **base_out) {
    int saved = errno;
    struct stat file;

#ifdef F_GET_SEALS
    if (fcntl(fd, F_GET_SEALS) < 0) {
        return mh_posix_done(-1, saved);
    }
#endif
    if (fstat(fd, &file) != 0) {
        return mh_posix_done(-1, saved);
    }
    if (!S_ISREG(file.st_mode) || file.st_size < 0 ||
        (uint64_t)file.st_size < size) {
        return (struct mh_os_err){EINVAL};
    }
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED) {
        return mh_posix_done(-1, saved);
    }
    *base_out = base;
    return mh_posix_done(0, saved);
}

// ENOMEM covers memory, address space, the number of mappings and, where it is
// enforced, commit. EAGAIN is what locked memory and threads run out with.
static inline bool mh_posix_is_oom(int code) {
    return code == ENOMEM || code == EAGAIN;
}

// mh_posix_find looks name up in an array of "NAME=value" that ends with NULL.
static inline const char *mh_posix_find(char *const *variables,
                                        const char *name) {
    size_t length = strlen(name);

    for (; *variables != NULL; variables++) {
        if (strncmp(*variables, name, length) == 0 &&
            (*variables)[length] == '=') {
            return *variables + length + 1;
        }
    }
    return NULL;
}

// mh_posix_space_bytes is the limit of the process's addresses, 0 for none.
static inline size_t mh_posix_space_bytes(void) {
    struct rlimit limit;

    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
        return 0;
    }
    return (size_t)limit.rlim_cur;
}

// mh_posix_write_error writes all of the text. write is a point where a thread
// can be cancelled, and locks of the heap may be held.
static inline void mh_posix_write_error(const char *text, size_t size) {
    int saved = errno;
    int state = 0;

    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
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
    (void)pthread_setcancelstate(state, NULL);
    errno = saved;
}

static inline uint64_t mh_posix_clock(clockid_t clock) {
    struct timespec now = {0, 0};

    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline struct timespec mh_posix_timespec(uint64_t ns) {
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u),
                             .tv_nsec = (long)(ns % 1000000000u)};
}

// mh_posix_abort ends the process by SIGABRT whatever the program did to that
// signal. A handler of the program's runs first where the caller says that it
// may: with locks of the heap held, one that allocates would wait for ever.
static inline MH_NORETURN void mh_posix_abort(bool run_handler) {
    struct sigaction action;
    sigset_t only_abort;

    if (run_handler) {
        (void)raise(SIGABRT);
    }
    memset(&action, 0, sizeof(action));
    action.sa_handler = SIG_DFL;
    (void)sigaction(SIGABRT, &action, NULL);
    (void)sigemptyset(&only_abort);
    (void)sigaddset(&only_abort, SIGABRT);
    (void)pthread_sigmask(SIG_UNBLOCK, &only_abort, NULL);
    (void)raise(SIGABRT);
    // Reached when another thread sets the signal to ignored meanwhile, or in a
    // container's first process, which default actions do not kill.
    for (;;) {
        _exit(128 + SIGABRT);
    }
}

#endif // MHEAP_PLATFORM_POSIX_POSIX_UTIL_H
