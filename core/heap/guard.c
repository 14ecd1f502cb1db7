// guard.c - pages that trap, as spans of their own.

#include "core/heap/guard.h"

#include "core/base/atomic.h"
#include "core/heap/heap.h"
#include "core/heap/huge.h"
#include "core/sys/sys.h"

size_t mh_guard_unit(void) {
    size_t page = mh_sys_facts()->page_size;
    return page > MH_PAGE_SIZE ? page >> MH_PAGE_SHIFT : 1;
}

static size_t bytes_of(const struct mh_span *span) {
    return (size_t)span->npages << MH_PAGE_SHIFT;
}

struct mh_span *mh_guard_put(struct mheap *heap, uintptr_t base,
                             size_t npages) {
    struct mh_span *span = mh_arena_new_span(base, npages);
    MH_STORE_RELAXED(&span->nslots, 1);
    MH_STORE_RELAXED(&span->heap, heap->id);
    span->guard = MH_GUARD_READY;
    MH_ADD_RELAXED(&heap->counts.spans_made, 1);
    mh_span_publish(span, MH_SPAN_MANUAL, MH_OWNER_MANUAL);
    return span;
}

bool mh_guard_close(struct mh_span *span) {
    size_t bytes = bytes_of(span);
    struct mh_split was = {.ready = bytes};
    if (mh_huge_fault((uintptr_t)span->base, bytes, was) != MH_OK) {
        return false;
    }
    span->guard = MH_GUARD_RESERVED;
    return true;
}

void mh_guard_drop(struct mheap *heap, struct mh_span *span) {
    mh_span_retire(span);
    mh_arena_drop_span(span);
    MH_ADD_RELAXED(&heap->counts.spans_freed, 1);
}

bool mh_guard_end_locked(struct mheap *heap, struct mh_span *span) {
    uintptr_t base = (uintptr_t)span->base;
    size_t npages = span->npages;
    bool reserved = span->guard == MH_GUARD_RESERVED;
    if (reserved &&
        mh_sys_map((void *)base, bytes_of(span), MH_FOR_HEAP) != MH_OK) {
        return false;
    }
    mh_guard_drop(heap, span);
    mh_palloc_free(&heap->pages, base, npages);
    if (reserved) {
        mh_palloc_mark_released(&heap->pages, base, npages);
    }
    return true;
}
