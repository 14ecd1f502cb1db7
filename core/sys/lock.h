// lock.h - a small mutual-exclusion lock on wait and wake.
//
// Not recursive, not fair. It never allocates, and a zeroed lock with its rank
// set is a free lock, so that locks can lie in static and in fresh memory.

#ifndef MHEAP_CORE_SYS_LOCK_H
#define MHEAP_CORE_SYS_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/lock_rank.h"

// The counts are never reset. The first two are written by whoever holds the
// lock, so that counting costs a plain addition. The alignment keeps the one
// that every taking writes in the cache line of the word.
struct mh_lock {
    MH_ALIGNED(16) uint32_t word; // 0 free, 1 held, 2 held, and sleepers maybe
    uint32_t rank;                // enum mh_lock_rank
    uint64_t taken;               // how often it was taken
    uint64_t contended;           // of those, when it was held at first
    uint64_t waits;               // how often a thread had to sleep
};

#define MH_LOCK_INIT(rank_value) \
    { 0, (rank_value), 0, 0, 0 }

// mh_lock_init makes a free lock in memory the caller owns.
void mh_lock_init(struct mh_lock *lock, enum mh_lock_rank rank);

// mh_lock and mh_unlock are the usual pair. At debug level 1 the first asserts
// that the thread holds no lock of this or a higher rank, the second that it
// holds this one and none of a higher rank.
void mh_lock(struct mh_lock *lock);
void mh_unlock(struct mh_lock *lock);

// mh_lock_same takes one more lock of a rank already held, for fork, which
// takes all locks of a rank in a fixed order.
void mh_lock_same(struct mh_lock *lock);

// mh_lock_reset frees a lock in the child of a fork, where its waiters are
// gone.
void mh_lock_reset(struct mh_lock *lock);

// mh_lock_is_held: somebody holds it. For assertions.
bool mh_lock_is_held(const struct mh_lock *lock);

#endif // MHEAP_CORE_SYS_LOCK_H
