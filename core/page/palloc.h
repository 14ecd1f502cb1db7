// palloc.h - which pages of a heap are free, and which of them are released.
//
// The page allocator of one heap. It hands out runs of heap pages, always the
// lowest address that fits: that keeps the top of the heap empty, which is what
// lets memory go home. It makes no system call and touches no page; the caller
// moves pages between Prepared and Ready and tells it what became released.
//
// The caller holds the heap lock for every call. Addresses are multiples of
// MH_PAGE_SIZE, counts are pages and not 0. Handing in a page that is not
// allocated, or not of this heap, stops the program.
//
// Invariants, tested one by one in mh_palloc_check, which returns the number:
//   P1  Every chunk's base is a multiple of the chunk size.
//   P2  A page that is not ours is neither free nor released.
//   P3  A released page is free.
//   P4  Slots ascend; exactly one hole stands between chunks that do not touch,
//       none elsewhere; first and last slot are chunks.
//   P5  The table for readers lists every chunk of the slots, and no other.
//   P6  A summary of level 0 is the summary of its chunk; a hole offers
//       nothing.
//   P7  A node above is the summary of the nodes below it.
//   P8  free_pages, released_pages and total_pages are what the bitmaps count.
//   P9  No free page lies below the search hint.
//   P10 A chunk whose idle bit is clear has no free page that is not released.
//   P11 idle_low is at most the number of free pages that are not released.

#ifndef MHEAP_CORE_PAGE_PALLOC_H
#define MHEAP_CORE_PAGE_PALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/params.h"
#include "core/page/palloc_bits.h"
#include "core/page/palloc_index.h"
#include "core/sys/sys.h"

struct mh_persistent;

// Chunk records that were added by one growth. They never move.
struct mh_palloc_block {
    struct mh_palloc_chunk *chunks;
    uint64_t nchunks;
};

// All blocks, for readers without the lock, in this process or another. It only
// ever grows at the end; when it is full a larger copy takes its place and the
// old one stays readable. nblocks is published with release after its entry.
struct mh_palloc_table {
    uint64_t nblocks;
    uint64_t capacity; // (c)
    struct mh_palloc_block blocks[];
};

// Locking: (c) constant, (h) heap lock, (a) written under the heap lock and
// read by anyone with acquire.
struct mh_palloc {
    struct mh_persistent *mem;     // (c) where records come from
    struct mh_palloc_table *table; // (a)
    struct mh_palloc_index index;  // (h)
    size_t hint;                   // (h) position; no free page lies below it
    uint64_t total_pages;          // (h) ever given
    uint64_t free_pages;           // (h) of them, free
    uint64_t released_pages;       // (h) of the free ones, released
    uint64_t idle_low; // (h) fewest free unreleased pages since last asked
};

// mh_palloc_init makes an empty allocator that takes its records from mem.
// MH_NO_MEMORY leaves *p unusable.
MH_NODISCARD enum mh_status mh_palloc_init(struct mh_palloc *p,
                                           struct mh_persistent *mem);

// mh_palloc_grow gives the allocator the pages [base, base + npages), free and
// released. The range need not be aligned to chunks; ranges may come in any
// order and touch, and runs then join. No range lies in the first 64 pages of
// the address space, and none is given twice. MH_NO_MEMORY leaves p as it was.
MH_NODISCARD enum mh_status mh_palloc_grow(struct mh_palloc *p, uintptr_t base,
                                           size_t npages);

// mh_palloc_alloc takes the lowest run of npages that begins at a multiple of
// align_pages pages (a power of two; 1 for anywhere) and returns its address,
// or 0 when there is none. *released_out is how many of the pages were
// released: the caller makes exactly these Ready, and they count as released no
// longer.
MH_NODISCARD uintptr_t mh_palloc_alloc(struct mh_palloc *p, size_t npages,
                                       size_t align_pages,
                                       size_t *released_out);

// mh_palloc_alloc_with_room takes npages out of the lowest run of room_pages,
// so that lead_pages of it stay free in front of them, and the rest behind. 0
// when there is no such run.
MH_NODISCARD uintptr_t mh_palloc_alloc_with_room(struct mh_palloc *p,
                                                 size_t npages,
                                                 size_t room_pages,
                                                 size_t lead_pages,
                                                 size_t *released_out);

// mh_palloc_take takes exactly the pages [base, base + npages) if all of them
// are free, as mh_palloc_alloc would; otherwise it returns false and nothing
// changed. The range may be any.
MH_NODISCARD bool mh_palloc_take(struct mh_palloc *p, uintptr_t base,
                                 size_t npages, size_t *released_out);

// mh_palloc_extend takes the `extra` pages directly behind [base, base +
// npages) if they are free; otherwise it returns false and nothing changed.
MH_NODISCARD bool mh_palloc_extend(struct mh_palloc *p, uintptr_t base,
                                   size_t npages, size_t extra,
                                   size_t *released_out);

// mh_palloc_free gives pages back, Ready ones: any part of what was allocated.
// It stops the program when one of them is free already.
void mh_palloc_free(struct mh_palloc *p, uintptr_t base, size_t npages);

// mh_palloc_undo takes back what mh_palloc_alloc, _take or _extend has just
// done for exactly these pages, because they could not be made Ready: those
// that were released are so again.
void mh_palloc_undo(struct mh_palloc *p, uintptr_t base, size_t npages);

// mh_palloc_released is how many pages of the range are free and released.
size_t mh_palloc_released(const struct mh_palloc *p, uintptr_t base,
                          size_t npages);

// mh_palloc_mark_released notes that free pages were given back to the system.
// Pages that were released already stay so.
void mh_palloc_mark_released(struct mh_palloc *p, uintptr_t base,
                             size_t npages);

// mh_palloc_has asks whether all of a range is ours, in whatever state. The
// range may be any.
bool mh_palloc_has(const struct mh_palloc *p, uintptr_t base, size_t npages);

// mh_palloc_is_released asks whether all of a range is ours, free and released.
// The range may be any.
bool mh_palloc_is_released(const struct mh_palloc *p, uintptr_t base,
                           size_t npages);

// mh_palloc_idle_in is how many pages of a range of ours are free and not
// released.
size_t mh_palloc_idle_in(const struct mh_palloc *p, uintptr_t base,
                         size_t npages);

// mh_palloc_idle is how many free pages are not released.
static inline uint64_t mh_palloc_idle(const struct mh_palloc *p) {
    return p->free_pages - p->released_pages;
}

// mh_palloc_note_old takes `pages` of the free ones that are not released for
// such that were so before mh_palloc_surplus was last asked.
void mh_palloc_note_old(struct mh_palloc *p, uint64_t pages);

// mh_palloc_surplus is how many pages were free and not released all the time
// since it was last called: so many can be given back without being missed, if
// things go on as they did. The heap is filled from below, so these are the
// highest.
uint64_t mh_palloc_surplus(struct mh_palloc *p);

// mh_palloc_find_scavengable is the highest run of free pages that are not
// released, wholly below the address `below` (UINTPTR_MAX for all). Its base
// and length are multiples of min_pages, the system's page size in heap pages
// (a power of two up to MH_CHUNK_PAGES; 1 where system pages are not larger),
// and its length is at most max_pages, rounded down to min_pages and not below
// it. It never crosses a chunk border. 0 when there is none. Continue with the
// returned address as `below`. The pages stay free: the caller keeps the lock
// until they are given back and marked, or takes them first (mh_palloc_take).
MH_NODISCARD uintptr_t mh_palloc_find_scavengable(struct mh_palloc *p,
                                                  uintptr_t below,
                                                  size_t max_pages,
                                                  size_t min_pages,
                                                  size_t *npages_out);

// mh_palloc_take_block takes all free pages of the 64 aligned pages that hold
// the lowest free page. It returns the address of page 0 of the 64, with a bit
// for each page taken in *taken_out and for each of them that was released in
// *released_out; 0 when nothing is free.
MH_NODISCARD uintptr_t mh_palloc_take_block(struct mh_palloc *p,
                                            uint64_t *taken_out,
                                            uint64_t *released_out);

// mh_palloc_put_block gives back the pages of `pages` among the 64 pages at
// base; those in `released` (a subset) become released pages again.
void mh_palloc_put_block(struct mh_palloc *p, uintptr_t base, uint64_t pages,
                         uint64_t released);

// mh_palloc_rebuild makes every page of the heap allocated or free as `used`
// says, for the child of a fork, where pages that waited in the caches of
// vanished threads belong to nobody. A page that becomes free by this counts as
// not released. Exactly the pages ever given are asked about, in address order.
void mh_palloc_rebuild(struct mh_palloc *p,
                       bool (*used)(void *arg, uintptr_t page), void *arg);

// mh_palloc_check is 0 when all invariants hold, otherwise the number of one
// that does not. It reads all records.
int mh_palloc_check(const struct mh_palloc *p);

#endif // MHEAP_CORE_PAGE_PALLOC_H
