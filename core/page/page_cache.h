// page_cache.h - up to 64 pages that one thread takes without the heap lock.
//
// A cache owns free pages among 64 aligned ones; in the page allocator they
// count as allocated. It has no lock of its own: the owner guards it, and holds
// the heap lock besides where a function takes the page allocator.
//
// Invariants:
//   C1  base is a multiple of 64 pages, and 0 exactly when the cache was never
//       filled or was flushed; then free is 0.
//   C2  released is a subset of free.

#ifndef MHEAP_CORE_PAGE_PAGE_CACHE_H
#define MHEAP_CORE_PAGE_PAGE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"

struct mh_palloc;

#define MH_PAGE_CACHE_PAGES 64

// Larger requests would use a cache up at once; they go to the page allocator.
#define MH_PAGE_CACHE_MAX_ALLOC 16

// A zeroed record is an empty cache.
struct mh_page_cache {
    uintptr_t base;    // address of page 0, or 0
    uint64_t free;     // bit i set: page i is free and held here
    uint64_t released; // of them, released to the system
};

// mh_page_cache_fill takes the free pages of the block with the lowest free
// page of the heap; false when the heap has none. The cache holds no free page
// before. The caller holds the heap lock.
MH_NODISCARD bool mh_page_cache_fill(struct mh_palloc *p,
                                     struct mh_page_cache *c);

// mh_page_cache_alloc takes the lowest run of npages, at most
// MH_PAGE_CACHE_MAX_ALLOC; 0 when there is none. *released_out is how many of
// the pages the caller has to make Ready. A copy of the record, made before and
// put back, undoes it.
MH_NODISCARD uintptr_t mh_page_cache_alloc(struct mh_page_cache *c,
                                           size_t npages, size_t *released_out);

// mh_page_cache_free puts Ready pages into the cache when all of them lie among
// its 64; otherwise it returns false and the caller frees them to the heap. It
// stops the program when one of them is free already.
MH_NODISCARD bool mh_page_cache_free(struct mh_page_cache *c, uintptr_t base,
                                     size_t npages);

// mh_page_cache_flush gives every free page back to the heap, released ones as
// released, and leaves the cache empty. The caller holds the heap lock.
void mh_page_cache_flush(struct mh_palloc *p, struct mh_page_cache *c);

// mh_page_cache_check is 0, or the number of the broken invariant.
int mh_page_cache_check(const struct mh_page_cache *c);

#endif // MHEAP_CORE_PAGE_PAGE_CACHE_H
