// scavenge.h - what a round of the scavenger does to heaps.
//
// core/scav/scavenger.h says when rounds are made and by whom. One gives back,
// of every heap, the pages that lay idle since the round before, highest first,
// after it has taken in what threads that make no calls hold for themselves:
// the pages in their page caches, spans that other threads have emptied, and
// the empty parts of spans that keep objects.

#ifndef MHEAP_CORE_HEAP_SCAVENGE_H
#define MHEAP_CORE_HEAP_SCAVENGE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/attr.h"
#include "core/scav/scavenger.h"

// mh_heap_note_idle is told how many free pages of a heap are not given back,
// after some became free; mh_heap_note_large how many pages a heap has, after
// it took some. Locks may be held.
void mh_heap_note_idle(size_t idle_pages);
void mh_heap_note_large(size_t total_pages);

// mh_heap_note_came is told that pages may have come along with huge ones.
void mh_heap_note_came(void);

// mh_heap_sweep_quiet takes in what threads hold that have made no calls since
// the last look, and makes holes in spans that nobody allocates from. The pages
// that become free by it stay. The caller holds the scavenger's lock.
void mh_heap_sweep_quiet(struct mh_pacer *pacer);

// mh_heap_release_all gives back the free pages of all heaps, and what their
// side caches hold; how many bytes went. A round, a fork and the end of a heap
// are kept out meanwhile, by the scavenger's lock.
size_t mh_heap_release_all(void);
size_t mh_heap_release_all_locked(void);

// mh_heap_note_freed is called after slots went back to spans, or were freed
// for another thread to take in: the spans may keep memory for nothing.
static inline void mh_heap_note_freed(void) {
    if (MH_LOAD_RELAXED(&mh_scavenger.state) >= MH_SCAV_AWAKE) {
        mh_scav_take_note(MH_SCAV_IDLE);
    }
}

// mh_heap_note_kept is called after a thread kept pages for itself. Calls that
// do the rounds are told when it `wants`: not each time, for all of them look.
void mh_heap_note_kept(bool wants);

// mh_heap_poke_freeing and mh_heap_poke_taking do what was noted. At the end of
// calls that free and that allocate, with no lock held.
void mh_heap_poke_freeing_slow(void);
void mh_heap_poke_taking_slow(void);

static inline void mh_heap_poke_freeing(void) {
    if (MH_UNLIKELY(mh_scav_wants_poke())) {
        mh_heap_poke_freeing_slow();
    }
}

static inline void mh_heap_poke_taking(void) {
    if (MH_UNLIKELY(mh_scav_wants_poke())) {
        mh_heap_poke_taking_slow();
    }
}

#endif // MHEAP_CORE_HEAP_SCAVENGE_H
