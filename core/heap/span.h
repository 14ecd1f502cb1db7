// span.h - a run of pages: equal slots, or one large object.
//
// The record is four groups of fields on cache lines of their own, after who
// writes them: constant from birth to death and read by any thread that frees;
// written by any thread; written by the owner; the free bits of the owner.
//
// The state of a slot lies in three bits, none of them in user memory:
//
//   live    in the arena's pair words, by address; 1: the program has it
//   remote  beside live; 1: freed by a thread that does not own the span
//   free    here, by slot number; 1: nobody has it
//
// A slot with none of the three lies in the owner's thread cache.

#ifndef MHEAP_CORE_HEAP_SPAN_H
#define MHEAP_CORE_HEAP_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/atomic.h"
#include "core/base/attr.h"
#include "core/base/params.h"
#include "core/page/window.h"

enum {
    MH_SPAN_MAX_SLOTS = 1024,
    MH_SPAN_FREE_WORDS = MH_SPAN_MAX_SLOTS / 64,
};

enum mh_span_state {
    MH_SPAN_DEAD,   // the record is unused; no page names it
    MH_SPAN_IN_USE, // slots of a size class, or a large object (class 0)
    MH_SPAN_MANUAL, // pages somebody allocates and frees by hand
};

// The pairs of a group fill a cache line: the drain gets that, and looks at one
// pair or at four. A span of a class is shorter than 64 groups.
#define MH_GROUP_SHIFT (MH_PAIR_SHIFT + 2)

// Of hardened mode (hard_large.h), and of sampled objects (sample.h).
enum mh_span_guard {
    MH_GUARD_NONE,
    MH_GUARD_BESIDE,   // a large object that has a guard on either side
    MH_GUARD_SAMPLED,  // a small object that was sampled: a large one of a page
    MH_GUARD_RESERVED, // a guard: a manual span, but for its state
    MH_GUARD_READY,    // one that the system did not let become Reserved
};

// Which list of an owner or of a central list a span is on.
enum mh_span_list {
    MH_LIST_NONE,    // full, or the one being allocated from
    MH_LIST_PARTIAL, // of its owner: has free slots
    MH_LIST_CENTRAL, // of the central list: nobody owns it, has free slots
};

// Owner numbers stand in page words and in owner_told. Thread caches have 1 and
// up.
enum {
    MH_OWNER_NONE = 0,
    MH_OWNER_LARGE = 0xffffff,  // a large object's page
    MH_OWNER_MANUAL = 0xfffffe, // a manual span's page
    MH_OWNER_NOBODY = 0xfffffd, // of threads without a cache: matches no page
    MH_OWNER_DEAD = 0xfffffc,   // of a span that is none: nothing to tell
    MH_OWNER_MAX = 0xfffff0,
};

// Invariants, checked one by one in mh_span_check (core/base/span_rules.h has
// those that one record shows as pure functions that heapctl shares):
//   S1  base is page-aligned, npages > 0, and the span lies in its arena; a
//       large one may reach into the arenas behind.
//   S2  nslots * slot_size <= npages * page size: the last slot fits.
//   S3  slot_size is the size of size_class, a multiple of 16; nslots is at
//       most MH_SPAN_MAX_SLOTS. A large object has slot_size 0 and nslots 1.
//   S4  Every set free bit is below nslots, and nfree counts them.
//   S5  A free slot is neither live nor remote.
//   S6  Only first granules of slots are live or remote.
//   S7  Every page word of a small span names owner and class; of a large one
//       only the first.
//   S8  A span on a list has free slots; a span on the central list has no
//       owner.
//   S9  In a hole no slot is live, remote or cached: all are free.
//
// (c) constant from birth to death, (a) atomic, (o) written by the owner only;
// without an owner, by whoever holds the central lock of the class. Relaxed
// stores, so that a reader outside sees whole words.
struct mh_span {
    uint64_t base;        // (c) address of slot 0
    uint32_t slot_size;   // (c) bytes; 0: large
    uint32_t magic;       // (c) slot = (offset * magic) >> 32
    uint32_t nslots;      // (c) 1 for a large object
    uint32_t npages;      // (c) small; (h) large, which grow and shrink
    uint32_t heap;        // (c) number of the heap
    uint32_t birth;       // (c) how many spans the arena had made before
    uint8_t size_class;   // (c) 0: large
    uint8_t state;        // (a) enum mh_span_state
    uint16_t start;       // (c) granules from base to a large object
    uint16_t arena_index; // (c) number of this record in its arena
    uint16_t guard;       // enum mh_span_guard
    uint64_t large_size;  // (h) bytes a large object was asked for with

    // Any thread: the owner's number << 1 | told. told says that the owner has
    // been, or is about to be, sent this span for draining.
    MH_ALIGNED(MH_CACHE_LINE) uint64_t owner_told; // (a)
    // Groups of pairs with remote bits set since the last drain: bit n stands
    // for those whose number, from address 0, is n modulo 64.
    uint64_t touched;          // (a)
    struct mh_span *told_next; // (a) link while told

    // The owner alone. The free bits of most classes fit into the first line,
    // so that giving a slot back touches no other.
    MH_ALIGNED(MH_CACHE_LINE) uint32_t nfree; // (o) set bits in free
    uint16_t free_words;                      // (o) bit i: free[i] != 0
    uint8_t list;                             // (o) enum mh_span_list
    uint8_t has_holes;                        // (o) 1: holes != 0
    uint64_t slots_base;               // (c) base again, for the same reason
    uint64_t free[MH_SPAN_FREE_WORDS]; // (o)
    struct mh_span *next;              // (o) all spans of the owner
    struct mh_span *prev;              // (o)
    struct mh_span *list_next;         // (o) the list above
    struct mh_span *list_prev;         // (o)
    uint32_t holes;     // (o) system pages given back, see holes.h
    uint32_t seen_free; // (o) nfree when holes were last made
};

// Where a slot lies in a thread's cache. Beside it the pair its live bit is in,
// so that malloc need not look for it: free, or the refill, had it in hand.
struct mh_place {
    void *slot;
    struct mh_pair *pair;
};

static inline uint64_t mh_owner_word(uint32_t owner, bool told) {
    return (uint64_t)owner << 1 | (told ? 1 : 0);
}

// mh_span_slot is the number of the slot that address lies in. The span must be
// small.
static inline uint32_t mh_span_slot(const struct mh_span *span,
                                    uintptr_t address) {
    return (uint32_t)(((address - span->base) * span->magic) >> 32);
}

static inline uintptr_t mh_span_slot_address(const struct mh_span *span,
                                             uint32_t slot) {
    return (uintptr_t)span->base + (uintptr_t)slot * span->slot_size;
}

// mh_span_object is where the object of a large span begins.
static inline uintptr_t mh_span_object(const struct mh_span *span) {
    return (uintptr_t)span->base +
           ((uintptr_t)MH_LOAD_RELAXED(&span->start) << MH_GRANULE_SHIFT);
}

// mh_span_put_free marks a slot free. Owner only; the slot must be none of
// live, remote and free.
void mh_span_put_free(struct mh_span *span, uint32_t slot);

// mh_span_put_free_run marks n neighbouring slots free, from number first on;
// n > 0.
void mh_span_put_free_run(struct mh_span *span, uint32_t first, uint32_t n);

// mh_span_fill_free makes every slot of a new span free.
void mh_span_fill_free(struct mh_span *span);

// mh_span_take claims up to max free slots, in address order, lowest first, and
// writes them, and where the live bit of each is, to end[-1], end[-2], …, so
// that popping from the end hands them out in address order. Owner only. The
// result is how many.
uint32_t mh_span_take(struct mh_span *span, uint32_t max, struct mh_place *end);

// mh_span_take_any claims one free slot and returns its address: which one is
// decided by the lowest ten bits of a random number. Owner only; there must be
// one.
uintptr_t mh_span_take_any(struct mh_span *span, uint64_t random);

// mh_span_drain moves what other threads freed from remote to free, and says
// how many slots it found. Owner only, or under the central lock when there is
// none; the caller has cleared `told` before. A remote bit on a slot that is
// not live is a bad free that raced the check at the call; it is reported here.
uint32_t mh_span_drain(struct mh_span *span);

// mh_span_clear_strays takes back the remote bits on the pages of a span that
// is about to be published, and reports each: it was set by a free that came
// too late, after the last span here had died.
void mh_span_clear_strays(const struct mh_span *span);

// mh_span_rebuild makes the free bits anew from live and remote, for a span
// whose owner vanished in a fork: what lay in its bins becomes free.
void mh_span_rebuild(struct mh_span *span);

// mh_span_is_quiet: no other thread's free is on its way into the span, told or
// not; mh_span_is_packed: each slot is a live object's, as far as live bits
// tell, and none is free. For the child of a fork, where nothing changes them.
bool mh_span_is_quiet(const struct mh_span *span);
bool mh_span_is_packed(const struct mh_span *span);

// mh_span_is_idle: every slot is free; the span can go back to the heap.
static inline bool mh_span_is_idle(const struct mh_span *span) {
    return span->nfree == span->nslots;
}

// mh_span_check returns the number of the broken invariant S1 to S9, or 0. The
// caller owns the span or has stopped its owner.
int mh_span_check(const struct mh_span *span);

#endif // MHEAP_CORE_HEAP_SPAN_H
