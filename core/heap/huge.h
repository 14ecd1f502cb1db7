// huge.h - huge pages where a heap is dense, and nowhere else.
//
// Where the system gives huge pages to who asks, a heap asks for chunks that it
// has just mapped, when what it mapped before is in memory by now. The first
// chunk of an arena is the sample of those behind it, and does not ask until it
// is dense: where one touch brings 2 MiB everything looks so. An arena that has
// become sparse, or that gives back part of a huge page, asks no more, for
// ever: what went home would come back with the first byte that is touched
// beside it, or by itself.
//
// Pages that come with a huge one and that nobody has taken are in memory and
// not on the books. An arena where they are more than an eighth of what is in
// use, and a huge page, ceases to ask when a round of the scavenger looks at
// it; with a limit, or without a scavenger, nobody asks.
//
// docs/decisions/0015-huge-pages.md has the measurements.

#ifndef MHEAP_CORE_HEAP_HUGE_H
#define MHEAP_CORE_HEAP_HUGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/atomic.h"
#include "core/base/attr.h"
#include "core/heap/arena.h"
#include "core/heap/scavenge.h"
#include "core/page/palloc.h"
#include "core/scav/pacer.h"
#include "core/sys/sys.h"

struct mheap;

// The word of an arena: the chunks that ask, or did, which lie side by side, by
// the number of the first and of the one behind the last; whose they are; and
// what became of them. 0: none, yet.
#define MH_HUGE_NUMBER     UINT32_C(0xff)
#define MH_HUGE_END_SHIFT  8
#define MH_HUGE_HEAP_SHIFT 16
#define MH_HUGE_HEAP       UINT32_C(0x3fff)
#define MH_HUGE_SETTLED    (UINT32_C(1) << 30) // see mh_huge_settle
#define MH_HUGE_OVER       (UINT32_C(1) << 31) // they ask no more, for ever

static inline bool mh_huge_asks(uint32_t word) {
    return word != 0 && word < MH_HUGE_OVER;
}

// mh_huge_note_mapped_locked is told that a heap has mapped [base, base +
// size). The caller holds the heap's lock.
void mh_huge_note_mapped_locked(struct mheap *heap, uintptr_t base,
                                size_t size);

// mh_huge_note_unused is told that pages are about to be given back: any that
// lie in one arena. Locks may be held.
void mh_huge_note_unused_slow(struct mh_arena *arena, uintptr_t base,
                              size_t size);

static inline void mh_huge_note_unused(uintptr_t base, size_t size) {
    struct mh_arena *arena = mh_arena_of_known(base);
    uint32_t word = MH_LOAD_RELAXED(&arena->huge);
    if (mh_huge_asks(word)) {
        mh_huge_note_unused_slow(arena, base, size);
    }
}

// mh_huge_note_used is told that pages which were given back, or never used,
// are used from now on: others may come along, and a round look at it.
void mh_huge_note_used_slow(uint32_t word);

static inline void mh_huge_note_used(uintptr_t base) {
    uint32_t word = MH_LOAD_RELAXED(&mh_arena_of_known(base)->huge);
    if (mh_huge_asks(word)) {
        mh_huge_note_used_slow(word);
    }
}

// mh_huge_may_go is asked by the scavenger which part of a run of idle pages
// may be given back: all of it where nobody asks for huge pages; of an arena
// that asks, which is dense, whole huge pages.
struct mh_may_go {
    uintptr_t base;
    size_t npages;   // 0: none
    uintptr_t below; // the search goes on below this
};

struct mh_may_go mh_huge_may_go(uintptr_t base, size_t npages);

// mh_huge_fault is mh_sys_fault for pages of a heap, and mh_huge_move is
// mh_sys_move. What the system knows of pages is forgotten by the one, and goes
// along to another place with the other; here it is told again: neighbours that
// differ would stay mappings of their own.
MH_NODISCARD enum mh_status mh_huge_fault(uintptr_t base, size_t size,
                                          struct mh_split was);
MH_NODISCARD enum mh_status mh_huge_move(uintptr_t from, uintptr_t to,
                                         size_t size);

// mh_huge_settle lets the sparse arenas of a heap ask no more, and gives back
// the pages that came with huge ones in those that have ceased to: once for
// each. The caller holds the scavenger's lock, and no other.
// mh_huge_settle_some does so as long as the pacer allows; the next call goes
// on there. True when one has ceased, so that more of it may go. *more: the
// next call should come soon.
void mh_huge_settle(struct mheap *heap);
bool mh_huge_settle_some(struct mheap *heap, struct mh_pacer *pacer,
                         bool *more);

// mh_huge_end ends it for all arenas of a heap, and settles them; or for those
// of all heaps when heap is NULL. Locks as above.
void mh_huge_end(struct mheap *heap);

#endif // MHEAP_CORE_HEAP_HUGE_H
