// layout.h - how the address space of each platform is divided.
//
// Data, compiled everywhere: a row per platform, and pure functions of a row.
// Addresses are 64-bit numbers here, so that every row can be asked about on
// every host. Row and host meet only in mh_layout_own.

#ifndef MHEAP_CORE_META_LAYOUT_H
#define MHEAP_CORE_META_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// How many hints of the form i << 40 | hint_low there are: i from 0 to 0x7f.
#define MH_LAYOUT_HINTS 0x80

// Where the heap starts to look for room.
enum mh_hint_rule {
    MH_HINTS_LISTED,        // at the hints of the row, in order
    MH_HINTS_ABOVE_PROGRAM, // behind the program and its break
    MH_HINTS_LINEAR_MEMORY, // at the end of the one memory there is
};

struct mh_layout {
    const char *os;        // "*": any that has no row of its own
    const char *arch;      // "*": the same
    unsigned pointer_bits; // 32 or 64
    unsigned address_bits; // of an address after base is taken off
    unsigned user_bits;    // addresses a program can have lie below 1 << this
    unsigned arena_shift;  // an arena is 1 << this bytes
    unsigned l1_bits;      // of an arena number, that pick the map's part
    uint64_t l2_entries;   // arenas in one part of the map
    uint64_t base;         // address of arena 0
    enum mh_hint_rule rule;
    uint64_t hint_first; // tried before the others; 0: none
    uint64_t hint_low;   // or'ed to i << 40
    unsigned hint_from;  // first i
};

// The table; platforms with a row of their own come before the "*" rows.
extern const struct mh_layout mh_layouts[];
extern const size_t mh_nlayouts;

// mh_layout_find picks the row of a platform. NULL when no row serves it: there
// is one for every pointer size of 32 and 64.
const struct mh_layout *mh_layout_find(const char *os, const char *arch,
                                       unsigned pointer_bits);

// mh_layout_own is the row of the platform this was built for. Never NULL.
const struct mh_layout *mh_layout_own(void);

// mh_layout_arena_bytes is the size of an arena.
uint64_t mh_layout_arena_bytes(const struct mh_layout *layout);

// mh_layout_arenas is how many arenas the address space holds.
uint64_t mh_layout_arenas(const struct mh_layout *layout);

// mh_layout_map_bytes is the size of one part of a full arena map, with one
// pointer of the platform per arena.
uint64_t mh_layout_map_bytes(const struct mh_layout *layout);

// mh_layout_nhints is how many hints the row has; 0 unless they are listed.
unsigned mh_layout_nhints(const struct mh_layout *layout);

// mh_layout_hint is hint number i, i < mh_layout_nhints, in the order in which
// they are to be tried.
uint64_t mh_layout_hint(const struct mh_layout *layout, unsigned i);

// mh_layout_arena_index is the number of the arena that holds address. It is
// mh_layout_arenas or more exactly when address is outside the address space.
uint64_t mh_layout_arena_index(const struct mh_layout *layout,
                               uint64_t address);

// mh_layout_arena_base is the first address of arena number index.
uint64_t mh_layout_arena_base(const struct mh_layout *layout, uint64_t index);

// mh_layout_addressable: [start, end) is not empty, does not wrap, and all of
// it has arena numbers.
bool mh_layout_addressable(const struct mh_layout *layout, uint64_t start,
                           uint64_t end);

// mh_layout_program_hint is where a heap above the program starts: the end of
// the program and its break, plus a quarter of a MiB that the break may still
// grow by, rounded up to an arena. 0 when that lies outside the address space.
uint64_t mh_layout_program_hint(const struct mh_layout *layout,
                                uint64_t program_end);

// mh_layout_initial_bytes is the i-th size to try for the reservation made at
// start; 0 when there is no i-th, or the row has none at all.
uint64_t mh_layout_initial_bytes(const struct mh_layout *layout, unsigned i);

#endif // MHEAP_CORE_META_LAYOUT_H
