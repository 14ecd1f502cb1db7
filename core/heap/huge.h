// huge.h - huge pages where a heap is dense, and nowhere else.
//
// Where the system gives huge pages to who asks, a heap asks for chunks that it
// has just mapped, when what it mapped before is in memory by now. So that this
// goes on being seen, the first chunk of an arena never asks: it is the sample
// of those behind it. Once part of a huge page of an arena is given back, the
// arena is not dense, and asks no more, for ever: what went home would come
// back with the first byte that is touched beside it, or by itself.
//
// Pages that come with a huge one and that nobody has taken are in memory and
// not on the books: less than a huge page at either end of what is in use,
// until the arena is settled. So where there is a limit, nobody asks.
//
// docs/decisions/0015-huge-pages.md has the measurements.

#ifndef MHEAP_CORE_HEAP_HUGE_H
#define MHEAP_CORE_HEAP_HUGE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/atomic.h"
#include "core/base/attr.h"
#include "core/heap/arena.h"
#include "core/page/palloc.h"
#include "core/sys/sys.h"

struct mheap;

// The chunks of an arena that ask, or did, which lie side by side: the number
// of the first, and above it of the one behind the last. 0: none, yet.
#define MH_HUGE_NUMBER    UINT32_C(0xff)
#define MH_HUGE_END_SHIFT 8
#define MH_HUGE_SETTLED   (UINT32_C(1) << 16) // see mh_huge_settle
#define MH_HUGE_OVER      (UINT32_C(1) << 31) // they ask no more, for ever

// mh_huge_note_mapped_locked is told that a heap has mapped [base, base +
// size). The caller holds the heap's lock.
void mh_huge_note_mapped_locked(const struct mheap *heap, uintptr_t base,
                                size_t size);

// mh_huge_note_unused is told that pages are about to be given back: any that
// lie in one arena. Locks may be held.
void mh_huge_note_unused_slow(struct mh_arena *arena, uintptr_t base,
                              size_t size);

static inline void mh_huge_note_unused(uintptr_t base, size_t size) {
    struct mh_arena *arena = mh_arena_of_known(base);
    uint32_t chunks = MH_LOAD_RELAXED(&arena->huge);
    if (chunks != 0 && chunks < MH_HUGE_OVER) {
        mh_huge_note_unused_slow(arena, base, size);
    }
}

// mh_huge_may_go_locked is asked by the scavenger which part of a run of idle
// pages may be given back: all of it where nobody asks for huge pages; whole
// huge pages of an arena that asks; a smaller part only when so much lies idle
// there, an eighth of what is in use, that it is not dense. *dense is the arena
// last found dense, NULL at first. The caller holds the heap's lock.
struct mh_huge_run {
    uintptr_t base;
    size_t npages;   // 0: none
    uintptr_t below; // the search goes on below this
};

struct mh_huge_run mh_huge_may_go_locked(const struct mh_palloc *pages,
                                         uintptr_t base, size_t npages,
                                         const struct mh_arena **dense);

// mh_huge_fault is mh_sys_fault for pages of a heap, in one arena. What the
// system knows of them is forgotten by it, and is told again: neighbours that
// differ would stay mappings of their own.
MH_NODISCARD enum mh_status mh_huge_fault(uintptr_t base, size_t size,
                                          struct mh_split was);

// mh_huge_settle gives back the pages that came with huge ones, in the arenas
// of a heap that have ceased to ask: once for each.
void mh_huge_settle(struct mheap *heap);

// mh_huge_stop ends it for all arenas: a limit was set.
void mh_huge_stop(void);

#endif // MHEAP_CORE_HEAP_HUGE_H
