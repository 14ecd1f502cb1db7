// lock.c - a small mutual-exclusion lock on wait and wake.
//
// The word is 0 free, 1 held, 2 held with possible sleepers. An unlock that
// finds 2 wakes one; the woken thread takes the lock as 2, because it cannot
// know whether it was the only one.

#include "core/sys/lock.h"

#include "core/base/assert.h"
#include "core/base/atomic.h"
#include "core/base/attr.h"
#include "core/base/fmt.h"
#include "core/sys/sys.h"
#include "platform/os_thread.h"

enum { FREE, HELD, CONTENDED };

// How often a thread looks again before it sleeps. Critical sections here are a
// few hundred instructions; sleeping and being woken costs thousands.
enum { SPINS = 100 };

#if MH_DEBUG_LEVEL >= 1
MH_STATIC_ASSERT((unsigned)MH_NRANKS <= MH_OS_THREAD_WORDS,
                 "each rank has a word");

static MH_COLD void rank_broken(const char *doing, uint32_t rank,
                                uint32_t above) {
    char buf[96];
    struct mh_text text = mh_text_start(buf, sizeof(buf));

    mh_text_str(&text, "lock rank: ");
    mh_text_str(&text, doing);
    mh_text_dec(&text, rank);
    mh_text_str(&text, " while holding ");
    mh_text_dec(&text, above);
    mh_fatal(buf);
}

// lowest is the least rank that must not be held already.
static void require_none(const char *doing, const struct mh_lock *lock,
                         uint32_t lowest) {
    const uint32_t *held = mh_os_thread_words();

    for (uint32_t rank = lowest; rank < MH_NRANKS; rank++) {
        if (held[rank] != 0) {
            rank_broken(doing, lock->rank, rank);
        }
    }
}

static void enter(const struct mh_lock *lock, uint32_t lowest) {
    // How many locks of each rank this thread holds: in a fork, all there are.
    uint32_t *held = mh_os_thread_words();

    MH_CHECK(lock->rank > MH_RANK_NONE && lock->rank < MH_NRANKS);
    require_none("taking ", lock, lowest);
    held[lock->rank]++;
}

static void leave(const struct mh_lock *lock) {
    uint32_t *held = mh_os_thread_words();

    MH_CHECK(held[lock->rank] > 0);
    require_none("letting go of ", lock, lock->rank + 1);
    held[lock->rank]--;
}

static void forget(const struct mh_lock *lock) {
    uint32_t *held = mh_os_thread_words();

    if (held[lock->rank] > 0) {
        held[lock->rank]--;
    }
}
#else
static void enter(const struct mh_lock *lock, uint32_t lowest) {
    (void)lock;
    (void)lowest;
}

static void leave(const struct mh_lock *lock) {
    (void)lock;
}

static void forget(const struct mh_lock *lock) {
    (void)lock;
}
#endif

void mh_lock_init(struct mh_lock *lock, enum mh_lock_rank rank) {
    lock->word = FREE;
    lock->rank = rank;
    lock->taken = 0;
    lock->contended = 0;
    lock->waits = 0;
}

static bool try_take(struct mh_lock *lock) {
    uint32_t expected = FREE;

    // acquire: pairs with the release in mh_unlock.
    return MH_LOAD_RELAXED(&lock->word) == FREE &&
           MH_CAS_ACQ_REL(&lock->word, &expected, HELD);
}

static MH_NOINLINE void take_slow(struct mh_lock *lock) {
    for (int i = 0; i < SPINS; i++) {
        MH_PAUSE();
        if (try_take(lock)) {
            return;
        }
    }
    MH_ADD_RELAXED(&lock->waits, 1);
    while (MH_EXCHANGE_ACQUIRE(&lock->word, CONTENDED) != FREE) {
        mh_os_wait(&lock->word, CONTENDED);
    }
}

// Counted once it is held: nobody else writes the counts then.
static void take(struct mh_lock *lock) {
    if (MH_UNLIKELY(!try_take(lock))) {
        take_slow(lock);
        MH_STORE_RELAXED(&lock->contended, lock->contended + 1);
    }
    MH_STORE_RELAXED(&lock->taken, lock->taken + 1);
}

void mh_lock(struct mh_lock *lock) {
    enter(lock, lock->rank);
    take(lock);
}

void mh_lock_same(struct mh_lock *lock) {
    enter(lock, lock->rank + 1);
    take(lock);
}

void mh_unlock(struct mh_lock *lock) {
    leave(lock);
    uint32_t was = MH_EXCHANGE_ACQ_REL(&lock->word, FREE);
    MH_ASSERT(was != FREE);
    if (MH_UNLIKELY(was == CONTENDED)) {
        mh_os_wake(&lock->word, false);
    }
}

void mh_lock_reset(struct mh_lock *lock) {
    forget(lock);
    MH_STORE_RELAXED(&lock->word, FREE);
}

bool mh_lock_is_held(const struct mh_lock *lock) {
    return MH_LOAD_RELAXED(&lock->word) != FREE;
}
