// palloc_bits.h - one chunk of pages as bitmaps, and questions about them.
//
// Pure functions over plain records: they take no lock and touch nothing but
// their arguments, so the library and a reader outside the process answer the
// same question with the same code.

#ifndef MHEAP_CORE_PAGE_PALLOC_BITS_H
#define MHEAP_CORE_PAGE_PALLOC_BITS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/assert.h"
#include "core/base/params.h"

// The state of 512 pages, bit i of word w being page 64 * w + i. A page is
//   not ours   ours 0, alloc 1, released 0   never given to this heap
//   allocated  ours 1, alloc 1, released 0
//   free       ours 1, alloc 0, released 0   its memory may be resident
//   released   ours 1, alloc 0, released 1   free, and given back to the system
// and no other combination exists. "Allocated" includes pages that wait in the
// page cache of a thread. A record never moves and is never unmapped.
struct mh_palloc_chunk {
    uint64_t base; // address of page 0, a multiple of the chunk size
    uint64_t alloc[MH_CHUNK_WORDS];
    uint64_t released[MH_CHUNK_WORDS];
    uint64_t ours[MH_CHUNK_WORDS];
    // Of the allocated pages, those that were released when they were taken:
    // what mh_palloc_undo goes back to. Means nothing for other pages.
    uint64_t was_released[MH_CHUNK_WORDS];
};

// Pages of one chunk, or of many.
struct mh_palloc_counts {
    uint64_t total;    // ours
    uint64_t free;     // of them, not allocated
    uint64_t released; // of the free ones, given back
};

// A range of bits, a word at a time: which of them lie in the word reached.
struct mh_palloc_range {
    uint64_t mask, tail; // of this word, and of the last one
    unsigned word, last;
};

static inline struct mh_palloc_range mh_palloc_range(unsigned first,
                                                     unsigned n) {
    unsigned end = first + n;
    MH_ASSERT(n > 0 && end <= MH_CHUNK_PAGES);
    struct mh_palloc_range at = {
        .mask = ~UINT64_C(0) << (first % 64),
        .tail = ~UINT64_C(0) >> (-end % 64),
        .word = first / 64,
        .last = (end - 1) / 64,
    };
    at.mask &= at.word == at.last ? at.tail : ~UINT64_C(0);
    return at;
}

// mh_palloc_range_next goes on to the next word; false behind the last one.
static inline bool mh_palloc_range_next(struct mh_palloc_range *at) {
    at->word++;
    at->mask = at->word == at->last ? at->tail : ~UINT64_C(0);
    return at->word <= at->last;
}

// In all functions below `words` are MH_CHUNK_WORDS words and [first, first +
// n) lies within the chunk. Answers of MH_CHUNK_PAGES mean "none".

// mh_palloc_bits_set and mh_palloc_bits_clear change n bits from first on.
void mh_palloc_bits_set(uint64_t *words, unsigned first, unsigned n);
void mh_palloc_bits_clear(uint64_t *words, unsigned first, unsigned n);

// mh_palloc_bits_copy makes n bits of `to` those at the same place of `from`.
void mh_palloc_bits_copy(uint64_t *to, const uint64_t *from, unsigned first,
                         unsigned n);

// mh_palloc_bits_count is how many of the n bits are set.
unsigned mh_palloc_bits_count(const uint64_t *words, unsigned first,
                              unsigned n);

// mh_palloc_bits_none asks whether none of the n bits is set.
bool mh_palloc_bits_none(const uint64_t *words, unsigned first, unsigned n);

// mh_palloc_bits_find is the first position >= from where n clear bits begin;
// 0 < n, from < MH_CHUNK_PAGES.
unsigned mh_palloc_bits_find(const uint64_t *words, unsigned from, unsigned n);

// mh_palloc_bits_find_aligned is the same at a multiple of align, a power of
// two; both n and align are at most 64.
unsigned mh_palloc_bits_find_aligned(const uint64_t *words, unsigned from,
                                     unsigned n, unsigned align);

// mh_palloc_bits_last_run finds the highest run of set bits below limit and
// returns its end, with its start in *first_out; 0 when no bit is set there.
unsigned mh_palloc_bits_last_run(const uint64_t *words, unsigned limit,
                                 unsigned *first_out);

// mh_palloc_bits_run_starts has a bit set where n consecutive set bits begin in
// word, 1 <= n <= 64.
uint64_t mh_palloc_bits_run_starts(uint64_t word, unsigned n);

// mh_palloc_bits_longest is the longest run of set bits of word if that is
// longer than known, else known.
uint32_t mh_palloc_bits_longest(uint64_t word, uint32_t known);

// mh_palloc_chunk_count adds the pages of a chunk to *counts.
void mh_palloc_chunk_count(const struct mh_palloc_chunk *chunk,
                           struct mh_palloc_counts *counts);

// mh_palloc_chunk_check is 0 when every page is in one of the four states, and
// the base is aligned; otherwise the number of the broken invariant: P1, P2 or
// P3 of palloc.h.
int mh_palloc_chunk_check(const struct mh_palloc_chunk *chunk);

#endif // MHEAP_CORE_PAGE_PALLOC_BITS_H
