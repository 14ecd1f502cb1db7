// palloc_sum.h - what a stretch of pages can offer, in three numbers.
//
// A summary answers "is there a run of n pages in here" without a look at the
// pages. The summary of several neighbours is computed from theirs, so a tree
// of summaries finds the lowest run of n pages in logarithmic time. Pure
// functions, as in palloc_bits.h.

#ifndef MHEAP_CORE_PAGE_PALLOC_SUM_H
#define MHEAP_CORE_PAGE_PALLOC_SUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// All in pages. start and end are at most longest; a stretch that is free
// throughout has all three equal to its length.
struct mh_palloc_sum {
    uint32_t start;   // free pages before the first allocated one
    uint32_t longest; // longest run of free pages
    uint32_t end;     // free pages behind the last allocated one
};

// mh_palloc_sum_of summarises the MH_CHUNK_WORDS words of one chunk, where a
// clear bit is a free page.
struct mh_palloc_sum mh_palloc_sum_of(const uint64_t *alloc);

// mh_palloc_sum_merge summarises n neighbours of `pages` pages each, lowest
// address first.
struct mh_palloc_sum mh_palloc_sum_merge(const struct mh_palloc_sum *sums,
                                         size_t n, uint32_t pages);

bool mh_palloc_sum_equal(struct mh_palloc_sum a, struct mh_palloc_sum b);

#endif // MHEAP_CORE_PAGE_PALLOC_SUM_H
