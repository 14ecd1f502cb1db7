// arena_map.h - from an address to the metadata of its arena.
//
// The map is a window over arena numbers: {bias, count, table}. It is
// full-sized where there is room for it, a few thousand entries elsewhere. The
// arena of p is table[(p - bias) >> MH_ARENA_SHIFT]; one compare against count
// finds misses, non-canonical and, by a rotation, misaligned pointers.
//
// Where memory is charged although nobody touches it, a full table is reserved
// only, and made Ready part by part: the second level of a map of two. The
// first level is one word, with a bit for each part that is there.
//
// Entries are published with a release store and never change back: an arena
// record stays where it is for the life of the process.

#ifndef MHEAP_CORE_PAGE_ARENA_MAP_H
#define MHEAP_CORE_PAGE_ARENA_MAP_H

#include <stdbool.h>
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
    uint64_t parts;          // (a) a bit for each part of the table that is
                             // Ready; never cleared
    uint32_t part_shift;     // (c) an entry's number >> this is its part's
};

extern struct mh_arena_map mh_arena_map;

// mh_arena_map_has: the table's entry of that number is there to be read.
static inline bool mh_arena_map_has(uintptr_t number) {
    // acquire: pairs with mh_arena_map_grow, so the part reads as zero.
    uint64_t parts = MH_LOAD_ACQUIRE(&mh_arena_map.parts);
    return (parts >> (number >> mh_arena_map.part_shift) & 1) != 0;
}

// mh_arena_of finds the arena of a pointer that is a multiple of 16, and NULL
// for every other: the rotation moves the low four bits to the top, where any
// one of them lifts the number over count.
static inline struct mh_arena *mh_arena_of(uintptr_t p) {
    uintptr_t number = mh_ror(p - mh_arena_map.bias, MH_GRANULE_SHIFT) >>
                       (MH_ARENA_SHIFT - MH_GRANULE_SHIFT);
    if (MH_UNLIKELY(number >= mh_arena_map.count ||
                    !mh_arena_map_has(number))) {
        return NULL;
    }
    // acquire: pairs with mh_arena_map_set, so the record is complete.
    return MH_LOAD_ACQUIRE(&mh_arena_map.table[number]);
}

// mh_arena_crosses: a run of heap pages lies in more than one arena.
static inline bool mh_arena_crosses(uintptr_t base, size_t npages) {
    uintptr_t last = base + ((uintptr_t)npages << MH_PAGE_SHIFT) - 1;
    return ((base ^ last) >> MH_ARENA_SHIFT) != 0;
}

// mh_arena_of_known is mh_arena_of for a pointer the heap itself made.
static inline struct mh_arena *mh_arena_of_known(uintptr_t p) {
    uintptr_t entry =
        mh_arena_map.known + (p >> MH_ARENA_SHIFT) * sizeof(struct mh_arena *);
    return MH_LOAD_RELAXED((struct mh_arena **)entry);
}

// What a map is to be.
struct mh_arena_map_plan {
    uintptr_t base;     // address of arena 0
    uintptr_t full;     // arenas of the whole address space
    unsigned part_bits; // log2 of the parts a full table may be made Ready in
    uintptr_t near;     // where the first arena is wanted
    uintptr_t few;      // arenas around it where a full table cannot be had
};

// mh_arena_map_init makes the window. Called once, under the arenas lock.
MH_NODISCARD enum mh_status
mh_arena_map_init(const struct mh_arena_map_plan *plan);

// mh_arena_map_grow makes the entry of the arena at base, which the window
// covers, one that can be set. Caller holds the arenas lock.
MH_NODISCARD enum mh_status mh_arena_map_grow(uintptr_t base);

// mh_arena_map_covers: the window has a place for the arena at base.
bool mh_arena_map_covers(uintptr_t base);

// mh_arena_map_set publishes an arena that has an entry. Caller holds the
// arenas lock.
void mh_arena_map_set(uintptr_t base, struct mh_arena *arena);

#endif // MHEAP_CORE_PAGE_ARENA_MAP_H
