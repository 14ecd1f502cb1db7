// arena.h - the metadata of one granule of address space.
//
// Off the heap, in three pieces that a reader outside copies whole: the record
// below, found from an address through the arena map, and the page words and
// pair words of the arena, which lie in the window (core/page/window.h) or, for
// an arena outside of it, behind the record. An arena covers MH_ARENA_SIZE of
// addresses; the memory reserved there may be less, and several heaps may share
// it: spans name their heap.

#ifndef MHEAP_CORE_HEAP_ARENA_H
#define MHEAP_CORE_HEAP_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/params.h"
#include "core/heap/span.h"
#include "core/page/arena_map.h"
#include "core/sys/lock.h"

// The least that is reserved at a time, and what reservations are multiples of.
#define MH_ARENA_PIECE ((uintptr_t)1 << 20)

#define MH_CLASS_BITS 8 // low bits of a page word

struct mh_arena {
    uint64_t base;       // (c) address of the first byte covered
    uint64_t bytes;      // (c) MH_ARENA_SIZE
    uint32_t number;     // (c) in the list of arenas
    uint32_t spans_made; // (l) records ever used: the first free one
    uint32_t births;     // (l) spans ever made here
    uint32_t free_span;  // (l) 1 + index of the first recycled record, or 0
    struct mh_lock lock; // guards the three above
    uint32_t huge;       // (a) chunks that ask for huge pages; see huge.h

    uint64_t record_bytes; // (c) of this record and what lies behind it

    // In the window or behind this record.
    uint32_t *page_words;  // (c) by heap page: owner << 8 | span class; 0: none
    struct mh_pair *pairs; // (c) by KiB

    // By heap page: the span record, meaningful where the page word is not 0.
    MH_ALIGNED(MH_CACHE_LINE) uint16_t span_index[MH_ARENA_PAGES];
    // By the first heap page of a span: odd while the span changes its state,
    // class or owner; grows by two with every change.
    uint32_t seq[MH_ARENA_PAGES];

    MH_ALIGNED(MH_CACHE_LINE) struct mh_span spans[MH_ARENA_PAGES];
};

static inline size_t mh_arena_page(uintptr_t address) {
    return (address >> MH_PAGE_SHIFT) & (MH_ARENA_PAGES - 1);
}

static inline struct mh_pair *mh_arena_pair(struct mh_arena *arena,
                                            uintptr_t address) {
    return &arena->pairs[(address >> MH_PAIR_SHIFT) & (MH_ARENA_PAIRS - 1)];
}

static inline uint32_t *mh_arena_page_word(struct mh_arena *arena,
                                           uintptr_t address) {
    return &arena->page_words[mh_arena_page(address)];
}

// The number of a pointer's bit, and the bit; the word it lies in is the
// pair's.
static inline uintptr_t mh_pair_bit_number(uintptr_t address) {
    return address >> MH_GRANULE_SHIFT;
}

static inline uint64_t mh_pair_bit(uintptr_t address) {
    return UINT64_C(1) << ((address >> MH_GRANULE_SHIFT) & 63);
}

// A page word is owner << 8 | span class, and a span class size class << 1; the
// low bit is the managed heap's.
static inline uint32_t mh_page_word_make(uint32_t owner, unsigned size_class) {
    return owner << MH_CLASS_BITS | size_class << 1;
}

static inline uint32_t mh_page_word_owner(uint32_t word) {
    return word >> MH_CLASS_BITS;
}

static inline unsigned mh_page_word_class(uint32_t word) {
    return (word & ((1u << MH_CLASS_BITS) - 1)) >> 1;
}

static inline struct mh_span *mh_arena_span(struct mh_arena *arena,
                                            uintptr_t address) {
    return &arena->spans[MH_LOAD_RELAXED(
        &arena->span_index[mh_arena_page(address)])];
}

// All arenas of the process, in order of creation. The table is replaced by a
// larger copy when it fills; the old one stays readable.
struct mh_arenas {
    struct mh_lock lock;     // rank MH_RANK_ARENAS
    uint64_t count;          // (a) published after the entry
    struct mh_arena **table; // (a)
    uint64_t capacity;       // (l)
    // Reserved for the records of arenas to come; for readers from outside.
    uintptr_t ahead, ahead_end; // (l)
};

extern struct mh_arenas mh_arenas;

// mh_arenas_init sets up the map and the hints, once; MH_NO_MEMORY when there
// is no room even for the smallest map. Before it no cache may be made.
MH_NODISCARD enum mh_status mh_arenas_init(void);

// mh_arenas_scatter lets the heap begin at a random place, before the first
// arena is made. Where the system refuses, or a heap begins above the program,
// or a map of all addresses could not be had, it begins where it always does.
void mh_arenas_scatter(void);

// mh_arenas_reserve gets address space for a heap: size bytes, a multiple of
// 1 MiB, whole arenas where they can be had, Reserved, with the metadata of
// every arena it touches made and published. `least` is the smallest size the
// caller can use; *size_out says what it got. NULL when the system refuses;
// nothing is lost then.
void *mh_arenas_reserve(size_t size, size_t least, size_t *size_out);

// mh_arena_new_span takes a record for a span at base and fills the constant
// fields; the span is dead and no page names it yet. NULL never: an arena has
// as many records as pages.
struct mh_span *mh_arena_new_span(uintptr_t base, size_t npages);

// mh_arena_discard_pairs gives back the memory of the pairs of a range of
// addresses in which nothing lives, as far as it is whole system pages. The
// pairs are zero before and after. It is a wish: the system may refuse.
void mh_arena_discard_pairs(uintptr_t base, size_t bytes);

// mh_arena_drop_span gives the record of a dead span back.
void mh_arena_drop_span(struct mh_span *span);

// mh_span_publish makes a filled span visible: state, page words, span index,
// inside an odd sequence number. mh_span_retire is the way back, after which
// the pages may be given away. mh_span_set_owner rewrites the page words.
void mh_span_publish(struct mh_span *span, enum mh_span_state state,
                     uint32_t owner);
void mh_span_retire(struct mh_span *span);
void mh_span_set_owner(struct mh_span *span, uint32_t owner);

// mh_span_resize changes the length of a large span where it is. Caller owns
// the object.
void mh_span_resize(struct mh_span *span, size_t npages, size_t size);

// mh_arenas_repair_seq makes all sequence numbers even, where threads that
// vanished in a fork left them odd: also of spans that were not there yet, or
// no more. No other thread runs.
void mh_arenas_repair_seq(void);

// mh_span_look_begin and mh_span_look_end surround a look at a span that other
// threads may be changing, making or ending. End says whether what was read in
// between belongs together; if not, look again.
struct mh_span_look {
    const uint32_t *seq; // of the span's first page
    uint32_t number;     // that was there
};

struct mh_span_look mh_span_look_begin(const struct mh_span *span);
bool mh_span_look_end(struct mh_span_look look);

// mh_arena_span_at finds the span that covers an address, also inside a large
// object, whose inner pages name nobody. NULL when there is none. For reports
// and checks: it may walk.
struct mh_span *mh_arena_span_at(uintptr_t address);

#endif // MHEAP_CORE_HEAP_ARENA_H
