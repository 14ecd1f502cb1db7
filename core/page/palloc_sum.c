// palloc_sum.c - summaries of pages, from bitmaps and from other summaries.

#include "core/page/palloc_sum.h"

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/page/palloc_bits.h"

static uint32_t max_of(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

// inside is the clear bits of a word that lie between set ones; the word is not
// 0.
static uint64_t inside(uint64_t word) {
    uint64_t below_highest = ~UINT64_C(0) >> mh_clz64(word);
    uint64_t from_lowest = word | (word - 1); // with the clear bits under it
    return ~from_lowest & below_highest;
}

struct mh_palloc_sum mh_palloc_sum_of(const uint64_t *alloc) {
    struct mh_palloc_sum sum = {0, 0, 0};
    uint32_t run = 0;   // free pages right before the current word
    unsigned mixed = 0; // words with runs of their own
    bool any_allocated = false;

    for (unsigned w = 0; w < MH_CHUNK_WORDS; w++) {
        uint64_t word = alloc[w];
        if (word == 0) {
            run += 64;
            continue;
        }
        bool full = word == ~UINT64_C(0); // most words of a heap in use
        run += full ? 0 : mh_ctz64(word);
        if (!any_allocated) {
            sum.start = run;
            any_allocated = true;
        }
        sum.longest = max_of(sum.longest, run);
        run = 0;
        if (!full) {
            run = mh_clz64(word);
            mixed |= (unsigned)(inside(word) != 0) << w;
        }
    }
    if (!any_allocated) {
        return (struct mh_palloc_sum){run, run, run};
    }
    sum.end = run;
    sum.longest = max_of(sum.longest, run);

    // Runs across words are known by now; those within one word remain.
    for (; mixed != 0; mixed &= mixed - 1) {
        uint64_t free = inside(alloc[mh_ctz64(mixed)]);
        sum.longest = mh_palloc_bits_longest(free, sum.longest);
    }
    return sum;
}

struct mh_palloc_sum mh_palloc_sum_merge(const struct mh_palloc_sum *sums,
                                         size_t n, uint32_t pages) {
    struct mh_palloc_sum sum = {0, 0, 0};
    uint32_t run = 0; // free pages right before the current stretch
    bool any_allocated = false;

    for (size_t i = 0; i < n; i++) {
        MH_ASSERT(sums[i].longest <= pages);
        run += sums[i].start;
        if (sums[i].start == pages) {
            continue;
        }
        if (!any_allocated) {
            sum.start = run;
            any_allocated = true;
        }
        sum.longest = max_of(sum.longest, max_of(run, sums[i].longest));
        run = sums[i].end;
    }
    if (!any_allocated) {
        sum.start = run;
    }
    sum.end = run;
    sum.longest = max_of(sum.longest, run);
    return sum;
}

bool mh_palloc_sum_equal(struct mh_palloc_sum a, struct mh_palloc_sum b) {
    return a.start == b.start && a.longest == b.longest && a.end == b.end;
}
