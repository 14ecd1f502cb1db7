// heap_release.c - giving the free pages of a heap back to the system.

#include "core/base/atomic.h"
#include "core/base/bits.h"
#include "core/heap/heap.h"
#include "core/heap/huge.h"
#include "core/heap/pairs.h"

size_t mh_heap_idle_pages(struct mheap *heap) {
    mh_lock(&heap->lock);
    size_t idle = (size_t)mh_palloc_idle(&heap->pages);
    mh_unlock(&heap->lock);
    return idle;
}

// System pages may be larger than heap pages: only whole ones can go.
size_t mh_heap_release_unit(void) {
    size_t page = mh_sys_facts()->page_size;
    return page <= MH_PAGE_SIZE ? 1 : page >> MH_PAGE_SHIFT;
}

// Gives one run back. A call that covers two reservations can fail when half of
// it is done, where systems take reservations one by one; a call per piece
// cannot.
static size_t release_run_locked(struct mheap *heap, struct mh_pairs_home *home,
                                 uintptr_t base, size_t npages) {
    uintptr_t end = base + (npages << MH_PAGE_SHIFT);
    size_t done = 0;
    while (base < end) {
        uintptr_t border = mh_align_up(base + 1, MH_ARENA_PIECE);
        bool whole = mh_sys_facts()->partial_free || border > end;
        size_t size = (whole ? end : border) - base;
        mh_huge_note_unused(base, size);
        if (mh_sys_unused((void *)base, size, MH_FOR_HEAP) == MH_OK) {
            mh_palloc_mark_released(&heap->pages, base, size >> MH_PAGE_SHIFT);
            mh_pairs_note_locked(heap, home, base, size);
            done += size;
        }
        base += size;
    }
    return done;
}

size_t mh_heap_release_some_locked(struct mheap *heap, uint64_t bytes) {
    size_t done = 0;
    size_t npages = 0;
    uintptr_t below = UINTPTR_MAX;
    struct mh_pairs_home home = {0, 0};
    while (done < bytes) {
        uint64_t left = (bytes - done - 1) / MH_PAGE_SIZE + 1;
        size_t most = left < MH_CHUNK_PAGES ? (size_t)left : MH_CHUNK_PAGES;
        uintptr_t base = mh_palloc_find_scavengable(
            &heap->pages, below, most, mh_heap_release_unit(), &npages);
        if (base == 0) {
            break;
        }
        done += release_run_locked(heap, &home, base, npages);
        below = base;
    }
    mh_pairs_go_locked(heap, &home);
    MH_ADD_RELAXED(&heap->counts.released_bytes, done);
    return done;
}

size_t mh_heap_release_locked(struct mheap *heap) {
    return mh_heap_release_some_locked(heap, UINT64_MAX);
}

size_t mh_heap_release(struct mheap *heap) {
    for (unsigned i = 1; i < MH_NCLASSES; i++) {
        mh_central_end_idle(&heap->central[i]);
    }
    mh_lock(&heap->lock);
    size_t done = mh_heap_release_locked(heap);
    if (done != 0) {
        MH_STORE_RELAXED(&heap->is_short, 0);
    }
    mh_unlock(&heap->lock);
    mh_huge_settle(heap);
    return done;
}
