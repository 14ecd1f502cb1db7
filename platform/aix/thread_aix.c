// thread_aix.c - waiting, threads, exits, forks and clocks on AIX.
//
// No call waits on a word of the program's own, so words share a few pairs of
// mutex and condition.

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/thread.h>
#include <unistd.h>

#include "core/base/atomic.h"
#include "platform/os_thread.h"
#include "platform/posix/posix_locals.h"
#include "platform/posix/posix_thread.h"
#include "platform/posix/posix_util.h"

enum { NPLACES = 16, NS_PER_S = 1000000000 };

// Where threads wait whose words fall there.
struct place {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    uint32_t nwaiting;
};

#define FREE_PLACE \
    { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 }

static const struct place free_place = FREE_PLACE;
static struct place places[NPLACES] = {
    FREE_PLACE, FREE_PLACE, FREE_PLACE, FREE_PLACE, FREE_PLACE, FREE_PLACE,
    FREE_PLACE, FREE_PLACE, FREE_PLACE, FREE_PLACE, FREE_PLACE, FREE_PLACE,
    FREE_PLACE, FREE_PLACE, FREE_PLACE, FREE_PLACE,
};

static struct place *place_of(const uint32_t *word) {
    uintptr_t at = (uintptr_t)word;

    return &places[(at >> 2 ^ at >> 12) % NPLACES];
}

// A condition waits for a time of day, which somebody may set: for no longer
// than a second at once, after which the caller looks at the word again.
static void sleep_at(struct place *place, uint64_t timeout_ns) {
    if (timeout_ns == UINT64_MAX) {
        (void)pthread_cond_wait(&place->cond, &place->mutex);
        return;
    }
    uint64_t part = timeout_ns < NS_PER_S ? timeout_ns : NS_PER_S;
    const struct timespec until =
        mh_posix_timespec(mh_posix_clock(CLOCK_REALTIME) + part);
    (void)pthread_cond_timedwait(&place->cond, &place->mutex, &until);
}

void mh_os_wait(const uint32_t *word, uint32_t expected) {
    mh_os_wait_for(word, expected, UINT64_MAX);
}

// Who waits counts itself before it looks at the word, who wakes looks at the
// count after the word was changed: one of the two sees the other. Waiting is a
// cancellation point, at which the mutex would stay taken.
void mh_os_wait_for(const uint32_t *word, uint32_t expected,
                    uint64_t timeout_ns) {
    struct place *place = place_of(word);
    int saved = errno;
    int state = 0;

    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    (void)pthread_mutex_lock(&place->mutex);
    MH_ADD_RELAXED(&place->nwaiting, 1);
    MH_FENCE_SEQ_CST();
    if (MH_LOAD_RELAXED(word) == expected) {
        sleep_at(place, timeout_ns);
    }
    MH_SUB_RELAXED(&place->nwaiting, 1);
    (void)pthread_mutex_unlock(&place->mutex);
    (void)pthread_setcancelstate(state, NULL);
    errno = saved;
}

// All of them: those that wait for another word sleep on.
void mh_os_wake(const uint32_t *word, bool all) {
    struct place *place = place_of(word);
    int saved = errno;

    (void)all;
    MH_FENCE_SEQ_CST();
    if (MH_LOAD_RELAXED(&place->nwaiting) != 0) {
        (void)pthread_mutex_lock(&place->mutex);
        (void)pthread_cond_broadcast(&place->cond);
        (void)pthread_mutex_unlock(&place->mutex);
    }
    errno = saved;
}

bool mh_os_barrier(void) {
    return false;
}

void mh_os_yield(void) {
    (void)sched_yield();
}

uint64_t mh_os_now_ns(void) {
    return mh_posix_clock(CLOCK_MONOTONIC);
}

uint64_t mh_os_thread_id(void) {
    return (uint64_t)thread_self();
}

uint32_t *mh_os_thread_words(void) {
    return mh_posix_thread_words();
}

struct mh_os_err mh_os_on_thread_exit(void (*hook)(void *value)) {
    return mh_posix_on_thread_exit(hook);
}

struct mh_os_err mh_os_arm_thread_exit(void *value) {
    return mh_posix_arm_thread_exit(value);
}

static void (*child_hook)(void);

// Threads that held a place, or waited there, are not in the child.
static void begin_child(void) {
    for (int i = 0; i < NPLACES; i++) {
        places[i] = free_place;
    }
    child_hook();
}

struct mh_os_err mh_os_on_fork(void (*prepare)(void), void (*parent)(void),
                               void (*child)(void)) {
    child_hook = child;
    return (struct mh_os_err){pthread_atfork(prepare, parent, begin_child)};
}

struct mh_os_err mh_os_on_process_exit(void (*hook)(void)) {
    mh_posix_on_process_exit(hook);
    return (struct mh_os_err){0};
}

struct mh_os_err mh_os_thread_start(void (*main)(void *arg), void *arg,
                                    size_t stack_size) {
    return mh_posix_start(main, arg, stack_size);
}
