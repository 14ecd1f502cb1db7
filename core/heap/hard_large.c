// hard_large.c - large objects of the hardened mode.

#include "core/heap/hard_large.h"

#include <string.h>

#include "core/base/atomic.h"
#include "core/base/bits.h"
#include "core/heap/bad_free.h"
#include "core/heap/guard.h"
#include "core/heap/hard.h"
#include "core/heap/heap.h"
#include "core/heap/large.h"
#include "core/sys/sys.h"

// Guards split mappings, of which a process has 65,530 on Linux: two or three
// for each object. The others are the program's.
enum { GUARDED_MAX = 8192 };

// Objects whose alignment is larger have no guards: what lies in front of them
// would be as large.
#define ALIGN_MAX ((size_t)1 << 20)

static struct {
    uint32_t guarded;                   // (a) runs with guards, held ones too
    uint32_t next;                      // (l) of the default heap
    struct mh_span *held[MH_HARD_HELD]; // (l) what the objects were
} large;

static size_t bytes_of(size_t npages) {
    return npages << MH_PAGE_SHIFT;
}

static size_t pages_for(size_t size) {
    size_t npages = (size >> MH_PAGE_SHIFT) + (size % MH_PAGE_SIZE != 0);
    return mh_align_up(npages == 0 ? 1 : npages, mh_guard_unit());
}

static void fill(uintptr_t p, size_t size, size_t npages) {
    mh_hard_fill(p, p + size, bytes_of(npages) - size);
}

static bool is_filled(const struct mh_span *span) {
    uintptr_t p = (uintptr_t)span->base;
    size_t size = (size_t)span->large_size;
    return mh_hard_is_filled(p, p + size, bytes_of(span->npages) - size);
}

// Room for an object with a guard on either side. Its address, or 0.
static uintptr_t alloc_guarded(struct mheap *heap, size_t npages,
                               size_t align_pages, bool *zero_out) {
    size_t guard = mh_guard_unit();
    uintptr_t first = mh_heap_alloc_pages(heap, align_pages + npages + guard,
                                          align_pages, zero_out);
    if (first == 0) {
        return 0;
    }
    uintptr_t base = first + bytes_of(align_pages);
    if (align_pages != guard) {
        mh_heap_free_pages(heap, first, align_pages - guard);
    }
    (void)mh_guard_close(mh_guard_put(heap, base - bytes_of(guard), guard));
    (void)mh_guard_close(mh_guard_put(heap, base + bytes_of(npages), guard));
    mh_heap_count_large(heap, npages);
    return base;
}

static bool may_guard(const struct mheap *heap, size_t align) {
    if (heap->id != 0 || align > ALIGN_MAX ||
        MH_LOAD_RELAXED(&large.guarded) >= GUARDED_MAX) {
        return false;
    }
    MH_ADD_RELAXED(&large.guarded, 1);
    return true;
}

void *mh_hard_large_alloc(struct mheap *heap, size_t size, size_t align) {
    bool zero = false;
    size_t npages = size > PTRDIFF_MAX ? UINT32_MAX : pages_for(size);
    size_t align_pages = align >> MH_PAGE_SHIFT;
    uintptr_t base = 0;
    align_pages = align_pages < mh_guard_unit() ? mh_guard_unit() : align_pages;
    if (npages >= UINT32_MAX) {
        return NULL;
    }
    bool guarded = may_guard(heap, align);
    if (guarded) {
        base = alloc_guarded(heap, npages, align_pages, &zero);
        guarded = base != 0;
        if (!guarded) {
            MH_SUB_RELAXED(&large.guarded, 1);
        }
    }
    if (base == 0) {
        base = mh_heap_alloc_large(heap, npages, align_pages, &zero);
    }
    if (base == 0) {
        return NULL;
    }
    if (!zero) {
        memset((void *)base, 0, size);
    }
    fill(base, size, npages);
    mh_large_make(heap, base, npages, size,
                  guarded ? MH_GUARD_BESIDE : MH_GUARD_NONE);
    return (void *)base;
}

// Ends the object and the two guards of a run that was held long enough; those
// that the system does not let go stay what they are.
static void let_go_locked(struct mheap *heap, struct mh_span *middle) {
    uintptr_t base = (uintptr_t)middle->base;
    uintptr_t end = base + bytes_of(middle->npages);
    uintptr_t before = base - bytes_of(mh_guard_unit());
    struct mh_span *front = mh_arena_span(mh_arena_of_known(before), before);
    struct mh_span *back = mh_arena_span(mh_arena_of_known(end), end);
    (void)mh_guard_end_locked(heap, front);
    (void)mh_guard_end_locked(heap, back);
    (void)mh_guard_end_locked(heap, middle);
    MH_SUB_RELAXED(&large.guarded, 1);
}

// The object is a guard before a fork could see its pages as nobody's: that
// takes the lock.
static void hold(struct mheap *heap, uintptr_t base, size_t npages) {
    mh_lock(&heap->lock);
    struct mh_span *middle = mh_guard_put(heap, base, npages);
    (void)mh_guard_close(middle);
    struct mh_span *out = large.held[large.next];
    large.held[large.next] = middle;
    large.next = (large.next + 1) % MH_HARD_HELD;
    if (out != NULL) {
        let_go_locked(heap, out);
    }
    mh_unlock(&heap->lock);
}

bool mh_hard_large_free(struct mh_arena *arena, uintptr_t p,
                        const char *function) {
    struct mh_pair *pair = mh_arena_pair(arena, p);
    if ((MH_LOAD_RELAXED(&pair->live) & mh_pair_bit(p)) == 0) {
        return false;
    }
    struct mh_span *span = mh_arena_span(arena, p);
    struct mheap *heap = mh_heap_by_id(span->heap);
    size_t npages = span->npages;
    if (!is_filled(span)) {
        mh_bad_write(MH_BAD_OVERFLOW, p, function);
    }
    if (span->guard == MH_GUARD_NONE) {
        return mh_large_free(arena, p);
    }
    if (!mh_large_end(arena, p)) {
        return false;
    }
    mh_heap_count_freed(heap, npages);
    hold(heap, p, npages);
    return true;
}

bool mh_hard_large_resize(struct mh_span *span, size_t size) {
    uintptr_t p = (uintptr_t)span->base;
    if (size <= MH_HARD_SMALL_MAX || size > bytes_of(span->npages) ||
        pages_for(size) != span->npages) {
        return false;
    }
    if (!is_filled(span)) {
        mh_bad_write(MH_BAD_OVERFLOW, p, "realloc");
    }
    mh_span_resize(span, span->npages, size);
    fill(p, size, span->npages);
    return true;
}
