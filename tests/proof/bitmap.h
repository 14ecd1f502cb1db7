// bitmap.h - any bitmap, and what is said of it: written as plainly as can be,
// not as the product does it.

#ifndef MHEAP_TESTS_PROOF_BITMAP_H
#define MHEAP_TESTS_PROOF_BITMAP_H

#include "core/base/params.h"
#include "tests/proof/proof.h"

// A proof of what grows too large for a whole chunk takes one of fewer words.
// In three there is a first, a middle and a last one; what looks at no other
// word than the one it is at, and what it has counted so far, needs two.
#ifdef PROOF_WORDS
#    undef MH_CHUNK_WORDS
#    undef MH_CHUNK_PAGES
#    define MH_CHUNK_WORDS PROOF_WORDS
#    define MH_CHUNK_PAGES (PROOF_WORDS * 64)
#endif

static void any_bitmap(uint64_t *words) {
    for (unsigned w = 0; w < MH_CHUNK_WORDS; w++) {
        words[w] = any_uint64();
    }
}

static bool is_set(const uint64_t *words, unsigned at) {
    return (words[at / 64] >> at % 64 & 1) != 0;
}

// The lowest n bits, n <= 64.
static uint64_t ones(unsigned n) {
    return n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

// Those bits of word w that lie in [first, end).
static uint64_t part_of(unsigned w, unsigned first, unsigned end) {
    unsigned low = first > w * 64 ? first - w * 64 : 0;
    unsigned high = end > w * 64 ? end - w * 64 : 0;
    low = low < 64 ? low : 64;
    high = high < 64 ? high : 64;
    return low < high ? ones(high) & ~ones(low) : 0;
}

// Whether all bits of [first, end) are clear.
static bool all_clear(const uint64_t *words, unsigned first, unsigned end) {
    uint64_t set = 0;
    for (unsigned w = 0; w < MH_CHUNK_WORDS; w++) {
        set |= words[w] & part_of(w, first, end);
    }
    return set == 0;
}

static bool all_set(const uint64_t *words, unsigned first, unsigned end) {
    uint64_t clear = 0;
    for (unsigned w = 0; w < MH_CHUNK_WORDS; w++) {
        clear |= ~words[w] & part_of(w, first, end);
    }
    return clear == 0;
}

#endif // MHEAP_TESTS_PROOF_BITMAP_H
