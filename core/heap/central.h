// central.h - spans of one class that nobody owns.
//
// A span comes here when its thread exits or has too many; a thread whose own
// spans are full takes one. Spans without a free slot are on no list: the first
// free finds them by their page word.
//
// The lock of the class guards every owner-only field of every ownerless span
// of the class, listed or not.

#ifndef MHEAP_CORE_HEAP_CENTRAL_H
#define MHEAP_CORE_HEAP_CENTRAL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/heap/span.h"
#include "core/sys/lock.h"

struct mh_cache;
struct mheap;

struct mh_central {
    struct mh_lock lock;   // rank MH_RANK_CENTRAL
    struct mh_span *spans; // (l) without an owner, with free slots
    uint64_t nspans;       // (l) on the list
    struct mh_span *cut;   // (l) where the scavenger goes on making holes
};

// mh_central_end_idle gives back spans without any object that are still there
// because the system did not let their holes be filled (holes.h), if it does
// now. Takes the lock.
void mh_central_end_idle(struct mh_central *central);

// mh_central_take gives the cache a span of the class with free slots, already
// adopted; NULL when the list is empty.
struct mh_span *mh_central_take(struct mheap *heap, unsigned size_class,
                                struct mh_cache *cache);

// mh_central_put takes an ownerless span whose bins and told stack are settled.
// Caller holds the lock; an idle span is unlisted and the result is true: the
// caller frees it after unlocking.
bool mh_central_put_locked(struct mh_central *central, struct mh_span *span);

// mh_central_remove takes a span off the list if it is on it. Caller holds the
// lock.
void mh_central_remove_locked(struct mh_central *central, struct mh_span *span);

#endif // MHEAP_CORE_HEAP_CENTRAL_H
