// palloc_bits.c - one chunk of pages as bitmaps, a word at a time.

#include "core/page/palloc_bits.h"

#include "core/base/assert.h"
#include "core/base/bits.h"

void mh_palloc_bits_set(uint64_t *words, unsigned first, unsigned n) {
    struct mh_palloc_range at = mh_palloc_range(first, n);
    do {
        words[at.word] |= at.mask;
    } while (mh_palloc_range_next(&at));
}

void mh_palloc_bits_clear(uint64_t *words, unsigned first, unsigned n) {
    struct mh_palloc_range at = mh_palloc_range(first, n);
    do {
        words[at.word] &= ~at.mask;
    } while (mh_palloc_range_next(&at));
}

void mh_palloc_bits_copy(uint64_t *to, const uint64_t *from, unsigned first,
                         unsigned n) {
    struct mh_palloc_range at = mh_palloc_range(first, n);
    do {
        to[at.word] = (to[at.word] & ~at.mask) | (from[at.word] & at.mask);
    } while (mh_palloc_range_next(&at));
}

unsigned mh_palloc_bits_count(const uint64_t *words, unsigned first,
                              unsigned n) {
    struct mh_palloc_range at = mh_palloc_range(first, n);
    unsigned count = 0;
    do {
        count += mh_popcount64(words[at.word] & at.mask);
    } while (mh_palloc_range_next(&at));
    return count;
}

bool mh_palloc_bits_none(const uint64_t *words, unsigned first, unsigned n) {
    struct mh_palloc_range at = mh_palloc_range(first, n);
    uint64_t set = 0;
    do {
        set |= words[at.word] & at.mask;
    } while (mh_palloc_range_next(&at));
    return set == 0;
}

// next_differing is the first position >= from whose bit, exclusive-or flip, is
// set: with flip 0 the next set bit, with flip all ones the next clear one.
static unsigned next_differing(const uint64_t *words, unsigned from,
                               uint64_t flip) {
    uint64_t keep = ~mh_low_bits(from % 64);

    for (unsigned w = from / 64; w < MH_CHUNK_WORDS; w++) {
        uint64_t word = (words[w] ^ flip) & keep;
        if (word != 0) {
            return w * 64 + mh_ctz64(word);
        }
        keep = ~UINT64_C(0);
    }
    return MH_CHUNK_PAGES;
}

// pair_starts has a bit set where n set bits begin in low, and may go on in
// high. Each round doubles the length that a set bit vouches for.
static uint64_t pair_starts(uint64_t low, uint64_t high, unsigned n) {
    unsigned have = 1;

    while (have < n && low != 0) {
        unsigned step = have < n - have ? have : n - have;
        low &= (low >> step) | (high << (64 - step));
        high &= high >> step;
        have += step;
    }
    return low;
}

uint64_t mh_palloc_bits_run_starts(uint64_t word, unsigned n) {
    MH_ASSERT(n >= 1 && n <= 64);
    return pair_starts(word, 0, n);
}

// Only what could raise the answer is looked at, so a chunk whose longest run
// is found early costs a few operations per further word.
uint32_t mh_palloc_bits_longest(uint64_t word, uint32_t known) {
    if (known >= 64) {
        return known;
    }
    uint64_t starts = mh_palloc_bits_run_starts(word, known + 1);
    while (starts != 0) {
        known++;
        starts &= starts >> 1; // starts of runs one longer
    }
    return known;
}

unsigned mh_palloc_bits_find_aligned(const uint64_t *words, unsigned from,
                                     unsigned n, unsigned align) {
    MH_ASSERT(from < MH_CHUNK_PAGES && n >= 1 && n <= 64);
    MH_ASSERT(mh_is_pow2(align) && align <= 64);

    uint64_t allowed = ~UINT64_C(0) / mh_low_bits(align);
    uint64_t keep = ~mh_low_bits(from % 64);

    for (unsigned w = from / 64; w < MH_CHUNK_WORDS; w++) {
        uint64_t low = ~words[w] & keep;
        keep = ~UINT64_C(0);
        if (low == 0) {
            continue;
        }
        uint64_t high = w + 1 < MH_CHUNK_WORDS ? ~words[w + 1] : 0;
        uint64_t starts = pair_starts(low, high, n) & allowed;
        if (starts != 0) {
            return w * 64 + mh_ctz64(starts);
        }
    }
    return MH_CHUNK_PAGES;
}

// find_long serves runs of more than a word, of which a chunk holds few.
static unsigned find_long(const uint64_t *words, unsigned from, unsigned n) {
    unsigned at = from;

    while (at + n <= MH_CHUNK_PAGES) {
        unsigned first = next_differing(words, at, ~UINT64_C(0));
        if (first + n > MH_CHUNK_PAGES) {
            break;
        }
        unsigned end = next_differing(words, first, 0);
        if (end - first >= n) {
            return first;
        }
        at = end;
    }
    return MH_CHUNK_PAGES;
}

unsigned mh_palloc_bits_find(const uint64_t *words, unsigned from, unsigned n) {
    MH_ASSERT(from < MH_CHUNK_PAGES && n > 0);

    if (n == 1) {
        return next_differing(words, from, ~UINT64_C(0));
    }
    if (n <= 64) {
        return mh_palloc_bits_find_aligned(words, from, n, 1);
    }
    return find_long(words, from, n);
}

// last_differing is one more than the highest position below limit whose bit,
// exclusive-or flip, is set; 0 when there is none.
static unsigned last_differing(const uint64_t *words, unsigned limit,
                               uint64_t flip) {
    while (limit > 0) {
        unsigned w = (limit - 1) / 64;
        uint64_t word = (words[w] ^ flip) & mh_low_bits(limit - w * 64);
        if (word != 0) {
            return w * 64 + 64 - mh_clz64(word);
        }
        limit = w * 64;
    }
    return 0;
}

unsigned mh_palloc_bits_last_run(const uint64_t *words, unsigned limit,
                                 unsigned *first_out) {
    MH_ASSERT(limit <= MH_CHUNK_PAGES);
    unsigned end = last_differing(words, limit, 0);

    if (end != 0) {
        *first_out = last_differing(words, end, ~UINT64_C(0));
    }
    return end;
}

void mh_palloc_chunk_count(const struct mh_palloc_chunk *chunk,
                           struct mh_palloc_counts *counts) {
    for (unsigned w = 0; w < MH_CHUNK_WORDS; w++) {
        uint64_t free = ~chunk->alloc[w];
        counts->total += mh_popcount64(chunk->ours[w]);
        counts->free += mh_popcount64(free);
        counts->released += mh_popcount64(free & chunk->released[w]);
    }
}

int mh_palloc_chunk_check(const struct mh_palloc_chunk *chunk) {
    if (chunk->base % MH_CHUNK_SIZE != 0) {
        return 1;
    }
    for (unsigned w = 0; w < MH_CHUNK_WORDS; w++) {
        uint64_t foreign = ~chunk->ours[w];
        if ((foreign & (~chunk->alloc[w] | chunk->released[w])) != 0) {
            return 2;
        }
        if ((chunk->released[w] & chunk->alloc[w]) != 0) {
            return 3;
        }
    }
    return 0;
}
