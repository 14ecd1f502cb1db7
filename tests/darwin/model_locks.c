// model_locks.c - mutexes, conditions, and sleeping on a word.

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/darwin/model.h"

// libpthread:include/pthread/pthread_impl.h: what a mutex or condition begins
// with that was only initialised by its macro.
enum { MUTEX_FRESH = 0x32AAABA7, COND_FRESH = 0x3CB0B1BB };
enum { MADE = 1 };

// The program has 64 bytes for a mutex and 48 for a condition; ours lie
// elsewhere.
struct shell {
    long signature;
    void *inner;
};

static void *inner_of(struct shell *shell, int fresh, size_t size) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

    (void)pthread_mutex_lock(&lock);
    if (shell->signature == fresh) {
        shell->inner = calloc(1, size); // zeroes are what both begin with
        shell->signature = MADE;
    }
    if (shell->signature != MADE || shell->inner == NULL) {
        broken("no mutex or condition", "");
    }
    (void)pthread_mutex_unlock(&lock);
    return shell->inner;
}

static pthread_mutex_t *mutex(struct shell *shell) {
    return inner_of(shell, MUTEX_FRESH, sizeof(pthread_mutex_t));
}

static pthread_cond_t *cond(struct shell *shell) {
    return inner_of(shell, COND_FRESH, sizeof(pthread_cond_t));
}

static int d_mutex_lock(struct shell *shell) {
    return pthread_mutex_lock(mutex(shell));
}
static int d_mutex_unlock(struct shell *shell) {
    return pthread_mutex_unlock(mutex(shell));
}
static int d_cond_wait(struct shell *shell, struct shell *with) {
    return pthread_cond_wait(cond(shell), mutex(with));
}
static int d_cond_broadcast(struct shell *shell) {
    return pthread_cond_broadcast(cond(shell));
}
static int d_cond_signal(struct shell *shell) {
    return pthread_cond_signal(cond(shell));
}

// xnu:bsd/sys/ulock.h: the operation in the low byte, flags above it; the
// timeout is in microseconds and 0 is none.
enum {
    COMPARE_AND_WAIT = 1,
    WAKE_ALL = 0x100,
    D_EINVAL = 22,
};

static int d_ulock_wait(uint32_t operation, uint32_t *word, uint64_t value,
                        uint32_t timeout_us) {
    struct timespec timeout = {timeout_us / 1000000,
                               (long)(timeout_us % 1000000) * 1000};

    if (operation != COMPARE_AND_WAIT) {
        return fail(D_EINVAL);
    }
    long result = syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, (uint32_t)value,
                          timeout_us != 0 ? &timeout : NULL, NULL, 0);
    if (result != 0 && errno == EAGAIN) {
        return 0; // the word had changed
    }
    return (int)done(result);
}

static int d_ulock_wake(uint32_t operation, uint32_t *word, uint64_t value) {
    (void)value;
    if ((operation & ~(uint32_t)WAKE_ALL) != COMPARE_AND_WAIT) {
        return fail(D_EINVAL);
    }
    long n = syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE,
                     (operation & WAKE_ALL) != 0 ? INT_MAX : 1, NULL, NULL, 0);
    if (n == 0) {
        errno = ENOENT;
        n = -1;
    }
    return n < 0 ? (int)done(-1) : 0;
}

const struct symbol lock_symbols[] = {
    {"pthread_mutex_lock", (void *)d_mutex_lock},
    {"pthread_mutex_unlock", (void *)d_mutex_unlock},
    {"pthread_cond_wait", (void *)d_cond_wait},
    {"pthread_cond_broadcast", (void *)d_cond_broadcast},
    {"pthread_cond_signal", (void *)d_cond_signal},
    {"__ulock_wait", (void *)d_ulock_wait},
    {"__ulock_wake", (void *)d_ulock_wake},
    {NULL, NULL},
};
