// heap.c - the pages and spans of one heap.
//
// Making, destroying and naming heaps is in heap_life.c, giving free pages back
// in heap_release.c.

#include "core/heap/heap.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/atomic.h"
#include "core/base/bits.h"
#include "core/heap/cache_pages.h"
#include "core/heap/cover.h"
#include "core/heap/hard.h"
#include "core/heap/headroom.h"
#include "core/heap/huge.h"
#include "core/heap/pairs.h"
#include "core/heap/scavenge.h"
#include "core/heap/size_class.h"

// Address space is mapped in steps of this many bytes, or, where that is
// refused, by exactly what is needed.
#define MAP_STEP MH_CHUNK_SIZE

// In hardened mode in smaller ones: what lies behind the heap traps.
#define HARD_MAP_STEP ((size_t)256 << 10)

static size_t bytes_of(size_t npages) {
    return npages << MH_PAGE_SHIFT;
}

// What pages are for: spans and the like; a large object; or one that is moved,
// and may be again: what it grows out of costs no huge pages then.
enum purpose { NOT_LARGE, LARGE, MOVING };

// Maps the next size bytes of the room and gives them to the page allocator.
static enum mh_status map_locked(struct mheap *heap, size_t size,
                                 enum purpose purpose) {
    uintptr_t base = heap->room.next;
    enum mh_status status = mh_sys_map((void *)base, size, MH_FOR_HEAP);
    if (status != MH_OK) {
        return status;
    }
    status = mh_palloc_grow(&heap->pages, base, size >> MH_PAGE_SHIFT);
    struct mh_split was = {.prepared = size};
    if (status != MH_OK &&
        mh_sys_fault((void *)base, size, was, MH_FOR_HEAP) == MH_OK) {
        return status; // as if it had not been mapped
    }
    MH_STORE_RELAXED(&heap->is_short, 0);
    // The room begins behind the range now. When there is no record for its
    // pages, and the system does not take them back, they are nobody's.
    heap->room.next = base + size;
    MH_ADD_RELAXED(&heap->counts.grown_bytes, size);
    if (status == MH_OK && purpose != MOVING) {
        mh_huge_note_mapped_locked(heap, base, size);
    }
    return status;
}

// From this size on the system is asked first whether it would give so much.
#define ASK_BYTES ((uint64_t)16 << 30)

// Reserving is always granted, and metadata for all of it touched: 140 MiB for
// 1 TiB, kept for ever. So a size that the system would not give as memory, by
// its own rules of overcommitment, is refused before.
static bool could_be_had(size_t size) {
    uint64_t bytes = size; // of 32 bits, a size is always less
    if (bytes < ASK_BYTES) {
        return true;
    }
    struct mh_split was = {.ready = size};
    void *base = mh_sys_alloc(size, MH_FOR_HEAP);
    return base != NULL && mh_sys_free(base, size, was, MH_FOR_HEAP) == MH_OK;
}

// Replaces the room by one of at least size bytes. What was left of the old one
// is mapped first, so that nothing is lost.
static enum mh_status new_room_locked(struct mheap *heap, size_t size) {
    size_t left = heap->room.end - heap->room.next;
    if (!could_be_had(size) ||
        (left != 0 && map_locked(heap, left, MOVING) != MH_OK)) {
        return MH_NO_MEMORY;
    }
    size_t got = 0;
    void *base = mh_arenas_reserve(size, size, &got);
    if (base == NULL) {
        return MH_NO_MEMORY;
    }
    heap->room.next = (uintptr_t)base;
    heap->room.end = (uintptr_t)base + got;
    return MH_OK;
}

static enum mh_status grow_locked(struct mheap *heap, size_t npages,
                                  size_t align_pages, enum purpose purpose) {
    // An aligned run may begin anywhere within one alignment.
    size_t slack = align_pages > 1 ? align_pages : 0;
    size_t need = 0;
    if (mh_add_overflows(npages, slack, &need) ||
        need > SIZE_MAX >> (MH_PAGE_SHIFT + 1)) {
        return MH_NO_MEMORY;
    }
    // The room's unit is the system's page, which may be larger than ours.
    need = mh_align_up(bytes_of(need), mh_sys_facts()->page_size);
    if (heap->room.end - heap->room.next < need &&
        new_room_locked(heap, need) != MH_OK) {
        return MH_NO_MEMORY;
    }
    size_t room = heap->room.end - heap->room.next;
    size_t step = mh_align_up(need, mh_hard_on ? HARD_MAP_STEP : MAP_STEP);
    if (step <= room && map_locked(heap, step, purpose) == MH_OK) {
        return MH_OK;
    }
    // What failed may have used the room up.
    room = heap->room.end - heap->room.next;
    return need <= room ? map_locked(heap, need, purpose) : MH_NO_MEMORY;
}

// Takes the pages beside a run that are Prepared: all of them, or none. Returns
// how many.
static size_t take_edge_locked(struct mheap *heap, uintptr_t base,
                               size_t npages) {
    size_t taken = 0;
    if (npages != 0 && mh_palloc_released(&heap->pages, base, npages) != 0) {
        bool free = mh_palloc_take(&heap->pages, base, npages, &taken);
        MH_CHECK(free && taken == npages);
    }
    return taken;
}

// Makes a run that was just taken Ready; when that fails the run is given back.
static bool make_ready_locked(struct mheap *heap, uintptr_t base, size_t npages,
                              size_t released) {
    if (released == 0) {
        return true;
    }
    mh_huge_note_used(base);
    struct mh_palloc *pages = &heap->pages;
    struct mh_cover cover = mh_cover_of(base, npages);
    uintptr_t end = base + bytes_of(npages);
    size_t before = take_edge_locked(heap, cover.base, cover.before);
    size_t behind = take_edge_locked(heap, end, cover.behind);
    size_t bytes = bytes_of(before + released + behind);
    mh_heap_make_room_locked(heap, bytes);
    bool done = mh_sys_used((void *)cover.base, bytes_of(cover.npages), bytes,
                            MH_FOR_HEAP) == MH_OK;
    if (!done) {
        mh_palloc_undo(pages, base, npages);
    }
    void (*give)(struct mh_palloc *, uintptr_t, size_t) =
        done ? mh_palloc_free : mh_palloc_undo;
    if (before != 0) {
        give(pages, cover.base, before);
    }
    if (behind != 0) {
        give(pages, end, behind);
    }
    return done;
}

// Makes what the page allocator found Ready; 0 stays 0.
static uintptr_t ready_pages_locked(struct mheap *heap, uintptr_t base,
                                    size_t npages, size_t released,
                                    bool *zero_out) {
    if (base == 0) {
        return 0;
    }
    *zero_out = released == npages && mh_sys_facts()->unused_zeroes;
    return make_ready_locked(heap, base, npages, released) ? base : 0;
}

static uintptr_t take_pages_locked(struct mheap *heap, size_t npages,
                                   size_t align_pages, bool *zero_out) {
    size_t released = 0;
    uintptr_t base =
        mh_palloc_alloc(&heap->pages, npages, align_pages, &released);
    return ready_pages_locked(heap, base, npages, released, zero_out);
}

// What grows does so by half, or by as much again, mostly: with room behind it
// moves once in two or three steps. A little in front is left to what lies
// there, which most likely grows, too; more of it would only spread the heap.
static uintptr_t take_with_room_locked(struct mheap *heap, size_t npages,
                                       bool *zero_out) {
    for (size_t room = 4 * npages; room > npages; room /= 2) {
        size_t released = 0;
        uintptr_t base = mh_palloc_alloc_with_room(&heap->pages, npages, room,
                                                   room / 8, &released);
        if (base != 0) {
            return ready_pages_locked(heap, base, npages, released, zero_out);
        }
    }
    return 0;
}

// Whether pages that a heap grows by could become Ready. Where the hard limit
// says no, growing would only make metadata, for addresses of no use.
static bool may_grow_locked(struct mheap *heap, size_t npages) {
    if (npages > SIZE_MAX >> MH_PAGE_SHIFT) {
        return false;
    }
    mh_heap_make_room_locked(heap, bytes_of(npages));
    if (mh_limit_over_hard(bytes_of(npages)) != 0) {
        mh_limit_refuse();
        return false;
    }
    return true;
}

static uintptr_t alloc_pages_locked(struct mheap *heap, size_t npages,
                                    size_t align_pages, enum purpose purpose,
                                    bool *zero_out) {
    uintptr_t base = take_pages_locked(heap, npages, align_pages, zero_out);
    if (base == 0 && may_grow_locked(heap, npages) &&
        grow_locked(heap, npages, align_pages, purpose) == MH_OK) {
        base = take_pages_locked(heap, npages, align_pages, zero_out);
    }
    return base;
}

// By how many large objects and pages the counts of a heap change.
static void count_large_locked(struct mheap *heap, size_t n, size_t npages) {
    struct mh_heap_counts *counts = &heap->counts;
    MH_STORE_RELAXED(&counts->large_allocs, counts->large_allocs + n);
    MH_STORE_RELAXED(&counts->large_alloc_bytes,
                     counts->large_alloc_bytes + bytes_of(npages));
}

static void count_freed_locked(struct mheap *heap, size_t n, size_t npages) {
    struct mh_heap_counts *counts = &heap->counts;
    MH_STORE_RELAXED(&counts->large_frees, counts->large_frees + n);
    MH_STORE_RELAXED(&counts->large_free_bytes,
                     counts->large_free_bytes + bytes_of(npages));
}

// It could not have so many pages more. What would be refused in better times,
// too, says nothing.
static void note_short(struct mheap *heap, size_t npages, size_t align_pages) {
    if (npages <= MH_CHUNK_PAGES && align_pages <= MH_CHUNK_PAGES) {
        MH_STORE_RELAXED(&heap->is_short, 1);
    }
}

static uintptr_t alloc_pages(struct mheap *heap, size_t npages,
                             size_t align_pages, enum purpose purpose,
                             bool *zero_out) {
    mh_heap_note_stranger();
    mh_lock(&heap->lock);
    uintptr_t base = take_pages_locked(heap, npages, align_pages, zero_out);
    if (base == 0) {
        // The heap does not grow while the thread keeps pages of it.
        mh_unlock(&heap->lock);
        (void)mh_cache_flush_own_runs(heap, 0);
        mh_lock(&heap->lock);
        base = alloc_pages_locked(heap, npages, align_pages, purpose, zero_out);
    }
    if (base == 0) {
        // The system refuses: give it what is free, and ask once more.
        note_short(heap, npages, align_pages);
        mh_unlock(&heap->lock);
        mh_cache_flush_all_pages(heap);
        mh_lock(&heap->lock);
        mh_heap_release_locked(heap);
        base = alloc_pages_locked(heap, npages, align_pages, purpose, zero_out);
    }
    if (base != 0 && purpose != NOT_LARGE) {
        count_large_locked(heap, 1, npages);
    }
    size_t total = (size_t)heap->pages.total_pages;
    mh_unlock(&heap->lock);
    mh_heap_note_large(total);
    return base;
}

uintptr_t mh_heap_alloc_pages(struct mheap *heap, size_t npages,
                              size_t align_pages, bool *zero_out) {
    return alloc_pages(heap, npages, align_pages, NOT_LARGE, zero_out);
}

// Larger objects are of many sizes: their runs would be kept for nothing.
enum { LARGE_RUN = 8 };

// The pages of a large object from a run that the calling thread has kept; 0
// when it has none.
static MH_NOINLINE uintptr_t reuse_run(struct mheap *heap, size_t npages) {
    uintptr_t base = mh_cache_take_run(mh_cache_of_pages(heap), npages);
    if (base != 0) {
        MH_ADD_RELAXED(&heap->counts.run_allocs, 1);
        MH_ADD_RELAXED(&heap->counts.run_alloc_bytes, bytes_of(npages));
    }
    return base;
}

// Keeps them for its next one; false when they are the heap's.
static MH_NOINLINE bool keep_run(struct mheap *heap, uintptr_t base,
                                 size_t npages) {
    bool kept = mh_cache_keep_run(mh_cache_of_pages(heap), base, npages);
    if (kept) {
        MH_ADD_RELAXED(&heap->counts.run_frees, 1);
        MH_ADD_RELAXED(&heap->counts.run_free_bytes, bytes_of(npages));
    }
    return kept;
}

uintptr_t mh_heap_alloc_large(struct mheap *heap, size_t npages,
                              size_t align_pages, bool *zero_out) {
    if (npages <= LARGE_RUN && align_pages == 1) {
        uintptr_t base = reuse_run(heap, npages);
        if (base != 0) {
            *zero_out = false;
            return base;
        }
    }
    return alloc_pages(heap, npages, align_pages, LARGE, zero_out);
}

uintptr_t mh_heap_alloc_moving(struct mheap *heap, size_t npages,
                               size_t align_pages, bool *zero_out) {
    return alloc_pages(heap, npages, align_pages, MOVING, zero_out);
}

uintptr_t mh_heap_alloc_growing(struct mheap *heap, size_t npages,
                                bool *zero_out) {
    mh_heap_note_stranger();
    mh_lock(&heap->lock);
    uintptr_t base = take_with_room_locked(heap, npages, zero_out);
    if (base != 0) {
        count_large_locked(heap, 1, npages);
    }
    mh_unlock(&heap->lock);
    return base != 0 ? base : mh_heap_alloc_moving(heap, npages, 1, zero_out);
}

static void free_pages(struct mheap *heap, uintptr_t base, size_t npages,
                       enum purpose purpose) {
    mh_heap_note_stranger();
    mh_lock(&heap->lock);
    mh_palloc_free(&heap->pages, base, npages);
    mh_heap_make_room_locked(heap, 0);
    if (purpose != NOT_LARGE) {
        count_freed_locked(heap, 1, npages);
    }
    size_t idle = (size_t)mh_palloc_idle(&heap->pages);
    mh_unlock(&heap->lock);
    mh_heap_note_idle(idle);
}

void mh_heap_free_pages(struct mheap *heap, uintptr_t base, size_t npages) {
    free_pages(heap, base, npages, NOT_LARGE);
}

void mh_heap_free_large(struct mheap *heap, uintptr_t base, size_t npages) {
    if (npages > LARGE_RUN || !keep_run(heap, base, npages)) {
        free_pages(heap, base, npages, LARGE);
    }
}

void mh_heap_count_large_locked(struct mheap *heap, size_t npages) {
    count_large_locked(heap, 1, npages);
}

void mh_heap_count_freed_locked(struct mheap *heap, size_t npages) {
    count_freed_locked(heap, 1, npages);
}

void mh_heap_count_large(struct mheap *heap, size_t npages) {
    mh_lock(&heap->lock);
    mh_heap_count_large_locked(heap, npages);
    mh_unlock(&heap->lock);
}

void mh_heap_count_freed(struct mheap *heap, size_t npages) {
    mh_lock(&heap->lock);
    mh_heap_count_freed_locked(heap, npages);
    mh_unlock(&heap->lock);
}

void mh_heap_resize_large(struct mheap *heap, size_t before, size_t after) {
    mh_lock(&heap->lock);
    count_freed_locked(heap, 0, before);
    count_large_locked(heap, 0, after);
    mh_unlock(&heap->lock);
}

static bool extend_pages(struct mheap *heap, uintptr_t base, size_t npages,
                         size_t extra) {
    size_t released = 0;
    uintptr_t behind = base + bytes_of(npages);
    mh_heap_note_stranger();
    mh_lock(&heap->lock);
    bool done = mh_palloc_extend(&heap->pages, base, npages, extra, &released);
    done = done && make_ready_locked(heap, behind, extra, released);
    mh_unlock(&heap->lock);
    return done;
}

// Moving needs more than growing in place: it is worth asking again. What lies
// behind may be pages that this thread keeps.
bool mh_heap_extend_pages(struct mheap *heap, uintptr_t base, size_t npages,
                          size_t extra) {
    uint64_t refusals = mh_headroom_refusals();
    return extend_pages(heap, base, npages, extra) ||
           (mh_cache_flush_own_runs(heap, base + bytes_of(npages)) &&
            extend_pages(heap, base, npages, extra)) ||
           (mh_headroom_reclaim(refusals) &&
            extend_pages(heap, base, npages, extra));
}

// Pages for a small span from the heap. A small span lies in one arena (S1):
// its words are found from its first page by adding. Runs from a page cache,
// which holds 64 aligned pages, always do.
static uintptr_t heap_pages(struct mheap *heap, size_t npages, bool *zero) {
    uintptr_t base = mh_heap_alloc_pages(heap, npages, 1, zero);
    if (base != 0 && mh_arena_crosses(base, npages)) {
        mh_heap_free_pages(heap, base, npages);
        size_t align = (size_t)1 << (mh_log2(npages - 1) + 1);
        base = mh_heap_alloc_pages(heap, npages, align, zero);
    }
    return base;
}

// A run of more pages than this goes straight to the page allocator: it serves
// many slots, and would use the 64 pages of a page cache up at once. So do a
// cache's first spans: blocks of 64 pages for threads that use two of them
// would lie half a MiB apart, each in a huge page of its own, and the words of
// each in another page.
enum { PAGE_CACHE_RUN = 4, FIRST_SPANS = 4 };

static bool wants_page_cache(struct mh_cache *cache, size_t npages) {
    if (cache->first_spans < FIRST_SPANS) {
        cache->first_spans++;
        return false;
    }
    return npages <= PAGE_CACHE_RUN;
}

// Pages for a small span, from whoever gives them at the least cost.
static uintptr_t span_pages(struct mheap *heap, struct mh_cache *cache,
                            size_t npages, bool *zero) {
    uintptr_t base = wants_page_cache(cache, npages)
                         ? mh_cache_cut_pages(cache, npages)
                         : mh_cache_take_run(cache, npages);
    return base != 0 ? base : heap_pages(heap, npages, zero);
}

struct mh_span *mh_heap_new_span(struct mheap *heap, unsigned size_class,
                                 struct mh_cache *cache) {
    const struct mh_class_info *info = &mh_classes[size_class];
    bool zero = false;
    uintptr_t base = span_pages(heap, cache, info->npages, &zero);
    if (base == 0) {
        return NULL;
    }
    if (mh_hard_on && !zero) {
        memset((void *)base, 0, bytes_of(info->npages)); // S22
    }
    struct mh_span *span = mh_arena_new_span(base, info->npages);
    MH_STORE_RELAXED(&span->heap, heap->id);
    MH_STORE_RELAXED(&span->size_class, (uint8_t)size_class);
    MH_STORE_RELAXED(&span->slot_size, info->size);
    MH_STORE_RELAXED(&span->magic, info->magic);
    MH_STORE_RELAXED(&span->nslots, info->nslots);
    mh_span_fill_free(span);
    if (mh_hard_on) {
        mh_hard_seal_free(span, base, bytes_of(info->npages));
    }
    mh_span_clear_strays(span);
    MH_ADD_RELAXED(&heap->counts.spans_made, 1);
    mh_span_publish(span, MH_SPAN_IN_USE, cache->id);
    return span;
}

// Pages that were given back while they were a span's.
static void free_prepared(struct mheap *heap, uintptr_t base, size_t npages) {
    mh_lock(&heap->lock);
    mh_palloc_free(&heap->pages, base, npages);
    mh_palloc_mark_released(&heap->pages, base, npages);
    struct mh_pairs_home home = {0, 0};
    mh_pairs_note_locked(heap, &home, base, bytes_of(npages));
    mh_pairs_go_locked(heap, &home);
    mh_unlock(&heap->lock);
}

void mh_heap_free_span(struct mh_span *span, struct mh_cache *cache) {
    struct mheap *heap = mh_heap_by_id(span->heap);
    uintptr_t base = (uintptr_t)span->base;
    size_t npages = span->npages;
    bool prepared = span->has_holes != 0; // all of them, see mh_span_can_end
    MH_ASSERT(mh_span_is_idle(span));
    mh_span_retire(span);
    mh_arena_drop_span(span);
    MH_ADD_RELAXED(&heap->counts.spans_freed, 1);
    if (MH_UNLIKELY(prepared)) {
        free_prepared(heap, base, npages);
        return;
    }

    // Not for another thread, nor for nobody: such frees are to give back.
    bool mine = cache != NULL && cache == mh_cache_of_pages(heap) &&
                MH_LOAD_RELAXED(&cache->seized) == 0;
    bool kept = (cache != NULL && cache->heap == heap &&
                 mh_cache_put_pages(cache, base, npages)) ||
                (mine && mh_cache_keep_run(cache, base, npages));
    if (!kept) {
        mh_heap_free_pages(heap, base, npages);
    }
}

void *mh_heap_manual_alloc(struct mheap *heap, size_t npages) {
    bool zero = false;
    uintptr_t base =
        npages > UINT32_MAX ? 0 : mh_heap_alloc_pages(heap, npages, 1, &zero);
    if (base == 0) {
        return NULL;
    }
    struct mh_span *span = mh_arena_new_span(base, npages);
    MH_STORE_RELAXED(&span->nslots, 1); // S3, as a large object
    MH_STORE_RELAXED(&span->heap, heap->id);
    MH_ADD_RELAXED(&heap->counts.spans_made, 1);
    mh_span_publish(span, MH_SPAN_MANUAL, MH_OWNER_MANUAL);
    return (void *)base;
}

static bool is_guard(struct mh_arena *arena, uintptr_t p) {
    return arena->page_words[mh_arena_page(p)] != 0 &&
           mh_arena_span(arena, p)->guard != MH_GUARD_NONE;
}

bool mh_heap_manual_free(void *base) {
    uintptr_t p = (uintptr_t)base;
    struct mh_arena *arena = mh_arena_of(p);
    if (arena == NULL || p % MH_PAGE_SIZE != 0) {
        return false;
    }
    if (is_guard(arena, p)) {
        return false;
    }
    uint32_t manual = mh_page_word_make(MH_OWNER_MANUAL, 0);
    // One of two threads that free the same pages wins the page word.
    if (!MH_CAS_ACQ_REL(&arena->page_words[mh_arena_page(p)], &manual, 0)) {
        return false;
    }
    struct mh_span *span = mh_arena_span(arena, p);
    struct mheap *heap = mh_heap_by_id(span->heap);
    size_t npages = span->npages;
    mh_span_retire(span);
    mh_arena_drop_span(span);
    MH_ADD_RELAXED(&heap->counts.spans_freed, 1);
    mh_heap_free_pages(heap, p, npages);
    return true;
}
