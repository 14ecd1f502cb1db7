// arena_map.h - from an address to the metadata of its arena.
//
// The map is a window over arena numbers: {bias, count, table}. It is
// full-sized where there is room for it, a few thousand entries elsewhere. The
// arena of p is table[(p - bias) >> MH_ARENA_SHIFT]; one compare against count
// finds misses, non-canonical and, by a rotation, misaligned pointers.
//
// Entries are published with a release store and never change back: an arena
// record stays where it is for the life of the process.

#ifndef MHEAP_CORE_PAGE_ARENA_MAP_H
#define MHEAP_CORE_PAGE_ARENA_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/atomic.h"
#include "core/base/attr.h"
#include "core/base/bits.h"
#include "core/base/params.h"
#include "core/page/window.h"
#include "core/sys/sys.h"

struct mh_arena;

struct mh_arena_map {
    uintptr_t bias;          // (c) address of the first arena in the window
    uintptr_t count;         // (c) arenas the window covers; 0 before init
    struct mh_arena **table; // (c) entries: (a) NULL or an arena for ever
    uintptr_t known;         // (c) where entry 0 of a full map would lie
};

extern struct mh_arena_map mh_arena_map;

// mh_arena_of finds the arena of a pointer that is a multiple of 16, and NULL
// for every other: the rotation moves the low four bits to the top, where any
// one of them lifts the number over count.
static inline struct mh_arena *mh_arena_of(uintptr_t p) {
    uintptr_t number = mh_ror(p - mh_arena_map.bias, MH_GRANULE_SHIFT) >>
                       (MH_ARENA_SHIFT - MH_GRANULE_SHIFT);
    if (MH_UNLIKELY(number >= mh_arena_map.count)) {
        return NULL;
    }
    // acquire: pairs with mh_arena_map_set, so the record is complete.
    return MH_LOAD_ACQUIRE(&mh_arena_map.table[number]);
}

// mh_arena_of_known is mh_arena_of for a pointer the heap itself made.
static inline struct mh_arena *mh_arena_of_known(uintptr_t p) {
    uintptr_t entry =
        mh_arena_map.known + (p >> MH_ARENA_SHIFT) * sizeof(struct mh_arena *);
    return MH_LOAD_RELAXED((struct mh_arena **)entry);
}

// mh_arena_map_init makes the window: around the whole address space of the
// layout, or, where that cannot be had, `few` arenas around `near`. Called
// once, under the arenas lock.
MH_NODISCARD enum mh_status mh_arena_map_init(uintptr_t base, uintptr_t full,
                                              uintptr_t near, uintptr_t few);

// mh_arena_map_covers: the window has a place for the arena at base.
bool mh_arena_map_covers(uintptr_t base);

// mh_arena_map_set publishes an arena. Caller holds the arenas lock.
void mh_arena_map_set(uintptr_t base, struct mh_arena *arena);

#endif // MHEAP_CORE_PAGE_ARENA_MAP_H
