// heap.h - a heap: pages, central lists, and the caches of its threads.
//
// A heap is a value. The process has a default one; programs make more. What
// all heaps share is the address space: the arenas, the arena map, the registry
// of caches, and the numbers that name heaps and caches in page words and
// spans.
//
// How a small allocation goes (docs/design.md has it on two screens):
//   1. a bin of this thread's cache                          cache.h
//   2. free bits of a span this cache owns                   span.h
//   3. a span of the central list of the class               central.h
//   4. a new span from the page cache, a kept run, or the page allocator  here
//   5. more address space                                    arena.h
//   6. NULL
//
// What runs on the other side of each step when memory comes back is beside it.

#ifndef MHEAP_CORE_HEAP_HEAP_H
#define MHEAP_CORE_HEAP_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/heap/cache.h"
#include "core/heap/central.h"
#include "core/meta/persistent.h"
#include "core/page/palloc.h"
#include "core/scav/demand.h"
#include "core/sys/lock.h"
#include "core/sys/sys.h"

enum mh_heap_state {
    MH_HEAP_FREE, // the record waits for reuse
    MH_HEAP_LIVE,
};

// Monotonic, never reset, added to on slow paths only: (h) with the heap's lock
// held anyway, so by plain additions; the others by relaxed atomic ones.
struct mh_heap_counts {
    uint64_t large_allocs;      // (h) objects
    uint64_t large_alloc_bytes; // (h)
    uint64_t large_frees;       // (h)
    uint64_t large_free_bytes;  // (h)
    // Besides, those whose pages came from a run that a thread had kept, or
    // went to one: not with the lock. The child of a fork adds them to the
    // above.
    MH_ALIGNED(MH_CACHE_LINE) uint64_t run_allocs;
    uint64_t run_alloc_bytes;
    uint64_t run_frees, run_free_bytes;
    MH_ALIGNED(MH_CACHE_LINE)
    uint64_t spans_made; // other spans than those of large objects
    uint64_t spans_freed;
    uint64_t released_bytes; // given back to the system, ever
    uint64_t remote_frees;   // told spans taken, ever
    uint64_t grown_bytes;    // address space mapped, ever
};

// Address space reserved for this heap and not yet mapped: [next, end).
struct mh_room {
    uintptr_t next, end;
};

struct mheap {
    uint32_t id;          // (c) number in the table of heaps
    uint32_t generation;  // (a) grows when the record is reused
    uint32_t state;       // (a) enum mh_heap_state
    uint32_t caches_live; // (a) thread caches in use
    char name[32];        // (c) for reports

    struct mh_lock lock;          // rank MH_RANK_HEAP: the two below
    struct mh_palloc pages;       // (l)
    struct mh_room room;          // (l)
    struct mh_heap_counts counts; // (a)
    struct mh_demand demand;      // of the scavenger: what is soon wanted again
    size_t stuck_pages; // of the scavenger: idle ones that it cannot give back
    uint32_t cut_class; // of the scavenger: whose ownerless spans come next
    uint32_t huge_arenas; // (a) that ask for huge pages or are to be settled
    uint32_t huge_next;   // of the scavenger: the arena it looks at next
    uint32_t huge_news;   // (a) 1: pages came since it looked at the first one
    uint32_t is_short;    // (a) 1: it could not grow, and had no more since

    struct mh_lock side_lock; // rank MH_RANK_SIDE
    struct mh_cache *side;    // (side_lock) for threads without a cache

    struct mh_central central[MH_NCLASSES];
};

// All heaps, by number; entry 0 is the default heap. Records are recycled with
// a new generation and never unmapped. The table is static, so that a reader
// finds it before the first allocation.
enum { MH_HEAPS_MAX = 1024 };

struct mh_heaps {
    struct mh_lock lock;               // rank MH_RANK_HEAPS
    uint32_t count;                    // (a) entries ever used
    struct mheap *table[MH_HEAPS_MAX]; // (a)
    struct mh_persistent caches;       // the memory of thread caches
    uint32_t strangers; // (a) 1: a thread without a cache was here
};

extern struct mh_heaps mh_heaps;

// mh_heap_default returns the default heap, making it at the first call; NULL
// only while there is no memory for it.
struct mheap *mh_heap_default(void);

// mh_heap_create makes an empty heap; NULL when out of memory or numbers.
struct mheap *mh_heap_create(const char *name);

// mh_heap_destroy frees everything allocated in heap and gives the memory back
// to the system. Its address space waits, Prepared, for the next heap that is
// made. No thread may use the heap or its memory any more; the default heap
// stays.
void mh_heap_destroy(struct mheap *heap);

// mh_heap_by_id never fails for a number found in a span.
struct mheap *mh_heap_by_id(uint32_t id);

// mh_heap_each_span visits every span of a heap that is not dead, or of all
// heaps when heap is NULL. Spans that come or go meanwhile may be missed. visit
// may free the span.
void mh_heap_each_span(const struct mheap *heap,
                       void (*visit)(struct mh_span *span, void *arg),
                       void *arg);

// mh_heap_new_span makes a small span of a class, owned by the cache, with all
// slots free; NULL when out of memory. The caller adds it to its lists.
struct mh_span *mh_heap_new_span(struct mheap *heap, unsigned size_class,
                                 struct mh_cache *cache);

// mh_heap_free_span gives an idle small span, that is on no list and can end
// (mh_span_can_end), back. Its pages go to the cache's page cache where they
// fit, are kept as a run by the calling thread's, or go to the heap. cache may
// be NULL.
void mh_heap_free_span(struct mh_span *span, struct mh_cache *cache);

// mh_heap_alloc_pages takes npages at a multiple of align_pages, growing the
// heap when it must, all of them Ready. 0 when out of memory. *zero_out: they
// read as zero.
uintptr_t mh_heap_alloc_pages(struct mheap *heap, size_t npages,
                              size_t align_pages, bool *zero_out);

// mh_heap_alloc_growing is mh_heap_alloc_large for what has grown and may grow
// again: where the heap has such a place, free pages are behind it. The heap
// does not grow for their sake.
uintptr_t mh_heap_alloc_growing(struct mheap *heap, size_t npages,
                                bool *zero_out);

// mh_heap_free_pages gives pages back.
void mh_heap_free_pages(struct mheap *heap, uintptr_t base, size_t npages);

// mh_heap_alloc_large and mh_heap_free_large are the same for the pages of a
// large object, and count it; mh_heap_alloc_moving of one that is moved there.
// mh_heap_resize_large counts that one of `before` pages has `after` now.
uintptr_t mh_heap_alloc_large(struct mheap *heap, size_t npages,
                              size_t align_pages, bool *zero_out);
uintptr_t mh_heap_alloc_moving(struct mheap *heap, size_t npages,
                               size_t align_pages, bool *zero_out);
void mh_heap_free_large(struct mheap *heap, uintptr_t base, size_t npages);
void mh_heap_resize_large(struct mheap *heap, size_t before, size_t after);

// mh_heap_count_large counts a large object whose pages were taken by other
// means; mh_heap_count_freed one whose pages go so. Those named _locked are for
// callers that hold the heap's lock.
void mh_heap_count_large(struct mheap *heap, size_t npages);
void mh_heap_count_freed(struct mheap *heap, size_t npages);
void mh_heap_count_large_locked(struct mheap *heap, size_t npages);
void mh_heap_count_freed_locked(struct mheap *heap, size_t npages);

// mh_heap_extend_pages takes the `extra` pages directly behind npages at base;
// false when they are not free or cannot be made Ready.
bool mh_heap_extend_pages(struct mheap *heap, uintptr_t base, size_t npages,
                          size_t extra);

// mh_heap_idle_pages is how many free pages of a heap are not given back.
size_t mh_heap_idle_pages(struct mheap *heap);

// mh_heap_release_unit is what can be given back in multiples of only: system
// pages, in heap pages.
size_t mh_heap_release_unit(void);

// mh_heap_release gives all free pages back to the system, and says how many
// bytes went. The heap must not end meanwhile: mh_heap_release_all sees to it.
size_t mh_heap_release(struct mheap *heap);
size_t mh_heap_release_locked(struct mheap *heap);

// mh_heap_release_some_locked gives back free pages, highest first, until
// `bytes` are gone or none is left; how many went.
size_t mh_heap_release_some_locked(struct mheap *heap, uint64_t bytes);

// mh_heap_manual_alloc and mh_heap_manual_free are allocManual: pages for the
// program's own use (stacks, buffers), seen from outside as a manual span.
// npages > 0. NULL when out of memory. Freeing is false for anything else.
void *mh_heap_manual_alloc(struct mheap *heap, size_t npages);
bool mh_heap_manual_free(void *base);

// mh_heap_note_stranger is called before a thread changes a heap without a lock
// or across several: a child of fork knows threads by their caches, and those
// without by this.
static inline void mh_heap_note_stranger(void) {
    if (mh_tls_get()->state == MH_CACHE_NOBODY &&
        MH_LOAD_RELAXED(&mh_heaps.strangers) == 0) {
        MH_STORE_RELAXED(&mh_heaps.strangers, 1);
    }
}

// mh_heap_check walks everything the heap owns: pages, spans, and the calling
// thread's cache. The number of the first broken invariant: Pn of the page
// allocator as 100 + n, Sn as 200 + n, Cn as 300 + n; 0 if none. No other
// thread may be using the heap.
int mh_heap_check(struct mheap *heap);

#endif // MHEAP_CORE_HEAP_HEAP_H
