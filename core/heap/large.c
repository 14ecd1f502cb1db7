// large.c - objects of over 32 KiB: a span each, straight from the pages.

#include "core/heap/large.h"

#include "core/base/assert.h"
#include "core/base/atomic.h"
#include "core/base/bits.h"
#include "core/heap/heap.h"
#include "core/heap/huge.h"
#include "core/heap/sample.h"
#include "core/heap/size_class.h"

// Moving pages splits mappings, and a process has a budget of them (32 beside
// two per arena), of which moves may use this many, ever.
enum { MOVES_MAX = 24 };

// Below this, copying costs less than the system call and the faults it avoids:
// 4 MiB copy in about half a millisecond.
#define MOVE_BYTES ((size_t)4 << 20)

static uint32_t moves; // (a) made so far

static size_t pages_for(size_t size) {
    return (size >> MH_PAGE_SHIFT) + ((size & (MH_PAGE_SIZE - 1)) != 0);
}

size_t mh_large_bytes(const struct mh_span *span) {
    if (MH_UNLIKELY(mh_sample_owns((uintptr_t)span->base))) {
        return (size_t)MH_LOAD_RELAXED(&span->large_size);
    }
    return (size_t)MH_LOAD_RELAXED(&span->npages) << MH_PAGE_SHIFT;
}

static void set_live(uintptr_t p) {
    struct mh_pair *pair = mh_arena_pair(mh_arena_of_known(p), p);
    // Frees race for this bit, and come after it; a bad one that comes before
    // finds it clear and leaves it so. No other bit of the word is ever set.
    MH_STORE_RELAXED(&pair->live, mh_pair_bit(p));
}

void mh_large_make(struct mheap *heap, uintptr_t p, size_t npages, size_t size,
                   enum mh_span_guard guard) {
    uintptr_t base = mh_align_down(p, MH_PAGE_SIZE);
    struct mh_span *span = mh_arena_new_span(base, npages);
    MH_STORE_RELAXED(&span->nslots, 1);
    MH_STORE_RELAXED(&span->heap, heap->id);
    MH_STORE_RELAXED(&span->large_size, size);
    MH_STORE_RELAXED(&span->start, (uint16_t)((p - base) >> MH_GRANULE_SHIFT));
    span->guard = (uint16_t)guard;
    mh_span_clear_strays(span);
    mh_span_publish(span, MH_SPAN_IN_USE, MH_OWNER_LARGE);
    set_live(p);
}

static void *make_object(struct mheap *heap, uintptr_t base, size_t npages,
                         size_t size) {
    mh_large_make(heap, base, npages, size, MH_GUARD_NONE);
    return (void *)base;
}

// Where the pages of an object come from.
typedef uintptr_t take_pages(struct mheap *heap, size_t npages,
                             size_t align_pages, bool *zero_out);

static void *alloc_from(take_pages *take, struct mheap *heap, size_t size,
                        size_t align, bool *zero_out) {
    size_t npages = size == 0 ? 1 : pages_for(size);
    size_t align_pages = align <= MH_PAGE_SIZE ? 1 : align >> MH_PAGE_SHIFT;
    if (npages > UINT32_MAX || size > PTRDIFF_MAX) {
        return NULL;
    }
    uintptr_t base = take(heap, npages, align_pages, zero_out);
    return base != 0 ? make_object(heap, base, npages, size) : NULL;
}

void *mh_large_alloc(struct mheap *heap, size_t size, size_t align,
                     bool *zero_out) {
    return alloc_from(mh_heap_alloc_large, heap, size, align, zero_out);
}

void *mh_large_alloc_growing(struct mheap *heap, size_t size) {
    bool zero = false;
    size_t npages = pages_for(size);
    if (npages > UINT32_MAX || size > PTRDIFF_MAX) {
        return NULL;
    }
    uintptr_t base = mh_heap_alloc_growing(heap, npages, &zero);
    return base != 0 ? make_object(heap, base, npages, size) : NULL;
}

static void free_span(struct mh_span *span) {
    struct mheap *heap = mh_heap_by_id(span->heap);
    uintptr_t base = (uintptr_t)span->base;
    size_t npages = span->npages;
    mh_span_retire(span);
    mh_arena_drop_span(span);
    mh_heap_free_large(heap, base, npages);
}

// Whether p was a live object, which it is not any more.
static bool take_live(struct mh_arena *arena, uintptr_t p) {
    struct mh_pair *pair = mh_arena_pair(arena, p);
    uint64_t bit = mh_pair_bit(p);
    // acquire and release: the winner frees what the loser may have written.
    uint64_t old = __atomic_fetch_and(&pair->live, ~bit, __ATOMIC_ACQ_REL);
    return (old & bit) != 0;
}

bool mh_large_free(struct mh_arena *arena, uintptr_t p) {
    if (MH_UNLIKELY(mh_sample_owns(p))) {
        return mh_sample_free(p, "free");
    }
    if (!take_live(arena, p)) {
        return false;
    }
    free_span(mh_arena_span(arena, p));
    return true;
}

bool mh_large_end(struct mh_arena *arena, uintptr_t p) {
    if (!take_live(arena, p)) {
        return false;
    }
    struct mh_span *span = mh_arena_span(arena, p);
    mh_span_retire(span);
    mh_arena_drop_span(span);
    return true;
}

static bool grow(struct mheap *heap, struct mh_span *span, size_t npages) {
    size_t extra = npages - span->npages;
    return mh_heap_extend_pages(heap, (uintptr_t)span->base, span->npages,
                                extra);
}

bool mh_large_resize(struct mh_span *span, size_t size) {
    struct mheap *heap = mh_heap_by_id(span->heap);
    size_t npages = pages_for(size);
    size_t old = span->npages;
    if (npages > UINT32_MAX || (npages > old && !grow(heap, span, npages))) {
        return false;
    }
    mh_span_resize(span, npages, size);
    if (npages < old) {
        uintptr_t tail = (uintptr_t)span->base + (npages << MH_PAGE_SHIFT);
        mh_heap_free_pages(heap, tail, old - npages);
    }
    mh_heap_resize_large(heap, old, npages);
    return true;
}

// Takes one of the moves a process may make. What moves are whole system pages.
static bool may_move(const struct mh_span *span, size_t bytes) {
    uintptr_t edges = (uintptr_t)span->base | bytes;
    if (bytes < MOVE_BYTES || edges % mh_sys_facts()->page_size != 0 ||
        !mh_sys_facts()->can_move || MH_LOAD_RELAXED(&moves) >= MOVES_MAX) {
        return false;
    }
    if (MH_ADD_RELAXED(&moves, 1) >= MOVES_MAX) {
        MH_SUB_RELAXED(&moves, 1);
        return false;
    }
    return true;
}

void *mh_large_move(struct mh_span *span, size_t size) {
    size_t bytes = mh_large_bytes(span);
    size_t page = mh_sys_facts()->page_size;
    bool zero = false;
    if (!may_move(span, bytes)) {
        return NULL;
    }
    struct mheap *heap = mh_heap_by_id(span->heap);
    void *to = alloc_from(mh_heap_alloc_moving, heap, size, page, &zero);
    if (to == NULL) {
        MH_SUB_RELAXED(&moves, 1);
        return NULL;
    }
    uintptr_t from = (uintptr_t)span->base;
    uintptr_t here = (uintptr_t)to;
    if (mh_huge_move(from, here, bytes) != MH_OK) {
        mh_large_free(mh_arena_of_known(here), here);
        return NULL;
    }
    mh_large_free(mh_arena_of_known(from), from);
    return to;
}
