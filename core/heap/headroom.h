// headroom.h - giving memory back so that the heaps stay below the limits.
//
// core/sys/limit.h says what is counted, and refuses what would pass the hard
// limit. Here is what is done so that little has to be refused, and nothing
// lies free above the soft limit, in the order of what it costs:
//
//   1. Before pages become Ready, free pages of the same heap are given back,
//      highest first, as many as are too many. With the heap's lock held.
//   2. On the way out of the call, before its caller can touch the memory: the
//      page caches of all threads, and free pages of the other heaps.
//   3. After that, what threads hold that make no calls, and the empty pages of
//      spans that keep objects, as a round of the scavenger does.
//
// While the program's own memory is below the soft limit, 1 and 2 bring the
// library below it, and cost in proportion to what becomes Ready. When they do
// not, and 3 does not, more is in use than the limit allows: then nothing is
// tried for nineteen times as long as the trying took.
//
// A call that is about to fail by the hard limit gives back all there is and
// tries once more. For that, as for 2 and 3, it waits until a round or a fork
// that is under way has ended, and for no thread beyond that.

#ifndef MHEAP_CORE_HEAP_HEADROOM_H
#define MHEAP_CORE_HEAP_HEADROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/sys/limit.h"

struct mheap;

// mh_heap_make_room_locked gives back free pages of a heap where `bytes` more
// would pass a limit. The caller holds the heap's lock and makes bytes of it
// Ready afterwards, or has just given some up (bytes 0). mh_heap_make_room
// takes the lock, when it must.
void mh_heap_make_room_slow(struct mheap *heap, size_t bytes);
void mh_heap_make_room_lock(struct mheap *heap, size_t bytes);

static inline bool mh_headroom_lacks(size_t bytes) {
    return MH_UNLIKELY(mh_limit_over_soft(bytes) != 0 ||
                       mh_limit_over_hard(bytes) != 0);
}

static inline void mh_heap_make_room_locked(struct mheap *heap, size_t bytes) {
    if (mh_headroom_lacks(bytes)) {
        mh_heap_make_room_slow(heap, bytes);
    }
}

static inline void mh_heap_make_room(struct mheap *heap, size_t bytes) {
    if (mh_headroom_lacks(bytes)) {
        mh_heap_make_room_lock(heap, bytes);
    }
}

// mh_headroom_relieve does 2 and 3, if the soft limit is passed. At the end of
// calls, with no lock held.
void mh_headroom_relieve(void);

// mh_headroom_changed is called after a limit was set: what is too much goes at
// once. No lock held.
void mh_headroom_changed(void);

// mh_headroom_refusals is how often the hard limit has refused anything.
static inline uint64_t mh_headroom_refusals(void) {
    return MH_LOAD_RELAXED(&mh_limits.refusals);
}

// mh_headroom_reclaim gives back everything that can be, if the hard limit has
// refused something since `refusals` was read. False when it has not: another
// try would be in vain. No lock held, and the thread in none of its caches.
bool mh_headroom_reclaim(uint64_t refusals);

#endif // MHEAP_CORE_HEAP_HEADROOM_H
