// hard_delay.h - freed slots wait before they are used again.
//
// One for each thread cache. A freed slot takes the place of a random one of
// its class, and that one joins a queue, whose oldest goes back to its span: so
// no slot comes back at once, and nobody can count on when it does. To everyone
// else a slot that waits is one in the owner's cache: none of its three bits is
// set (core/heap/span.h). It is all zero.

#ifndef MHEAP_CORE_HEAP_HARD_DELAY_H
#define MHEAP_CORE_HEAP_HARD_DELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/heap/size_class.h"

struct mh_cache;

enum { MH_DELAY_MAX = 64 }; // slots of a class, in either place

struct mh_delay_class {
    uint32_t most;    // how many wait in either place
    uint32_t nheld;   // in no order
    uint32_t nqueued; // oldest at `oldest`, once the queue is full
    uint32_t oldest;
    uintptr_t held[MH_DELAY_MAX];
    uintptr_t queue[MH_DELAY_MAX];
};

// All of it is the cache's owner's.
struct mh_delay {
    uint64_t random;
    struct mh_delay_class classes[MH_NCLASSES];
};

// mh_delay_of is a cache's; made at the first call, NULL while there is no
// memory for it. Owner only, as all of these are.
struct mh_delay *mh_delay_of(struct mh_cache *cache);

// mh_delay_random is a number that the program cannot foretell.
uint64_t mh_delay_random(struct mh_delay *delay);

// mh_delay_put lets a slot wait. The result is one that has waited long enough,
// or 0.
uintptr_t mh_delay_put(struct mh_delay *delay, unsigned size_class,
                       uintptr_t slot);

// mh_delay_give gives a slot that does not wait, and is nobody's, back to its
// span; mh_delay_flush does that with all that wait. Owner only, who has
// entered.
void mh_delay_give(struct mh_cache *cache, unsigned size_class, uintptr_t slot);
void mh_delay_flush(struct mh_cache *cache);

// mh_delay_forget empties it: the slots have been dealt with by other means.
void mh_delay_forget(struct mh_delay *delay);

#endif // MHEAP_CORE_HEAP_HARD_DELAY_H
