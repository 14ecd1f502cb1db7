// holes.c - parts of spans in use that are given back to the system.

#include "core/heap/holes.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/atomic.h"
#include "core/base/bits.h"
#include "core/heap/hard.h"
#include "core/heap/headroom.h"
#include "core/heap/heap.h"
#include "core/heap/huge.h"
#include "core/heap/size_class.h"
#include "core/sys/sys.h"

static bool slots_are_free(const struct mh_span *span, uint32_t first,
                           uint32_t limit) {
    for (uint32_t at = first; at < limit;) {
        uint32_t end = (at / 64 + 1) * 64;
        end = end < limit ? end : limit;
        uint64_t want = mh_low_bits(end - at) << (at % 64);
        if ((span->free[at / 64] & want) != want) {
            return false;
        }
        at = end;
    }
    return true;
}

uint32_t mh_span_find_holes(const struct mh_span *span) {
    uint64_t page = mh_sys_facts()->page_size;
    uint64_t bytes = (uint64_t)span->npages << MH_PAGE_SHIFT;
    uint32_t holes = 0;
    bool fit = page <= MH_PAGE_SIZE && bytes / page <= 32;
    if (!fit || (uint64_t)span->nfree * span->slot_size < page) {
        return 0;
    }
    for (uint32_t i = 0; i * page < bytes; i++) {
        uintptr_t base = (uintptr_t)(span->base + i * page);
        uint32_t first = mh_span_slot(span, base);
        uint32_t limit = mh_span_slot(span, base + (uintptr_t)page - 1) + 1;
        limit = limit < span->nslots ? limit : span->nslots;
        if (slots_are_free(span, first, limit)) {
            holes |= UINT32_C(1) << i;
        }
    }
    return holes;
}

// System pages of a span that lie side by side.
struct run {
    uint32_t bits;
    void *base;
    size_t bytes;
};

// The lowest run of set bits.
static struct run lowest_run(const struct mh_span *span, uint32_t set) {
    size_t page = mh_sys_facts()->page_size;
    unsigned first = mh_ctz64(set);
    unsigned npages = mh_ctz64(~((uint64_t)set >> first));
    return (struct run){
        .bits = (uint32_t)(mh_low_bits(npages) << first),
        .base = (void *)((uintptr_t)span->base + first * page),
        .bytes = npages * page,
    };
}

static void set_holes(struct mh_span *span, uint32_t holes) {
    MH_STORE_RELAXED(&span->holes, holes);
    span->has_holes = holes != 0;
}

static void note_holes(struct mh_holes *holes, unsigned first, size_t n) {
    for (size_t i = first; i < first + n; i++) {
        struct mh_span *span = holes->of[i].span;
        set_holes(span, span->holes | holes->of[i].bits);
        MH_ADD_RELAXED(&mh_heap_by_id(span->heap)->counts.released_bytes,
                       holes->ranges[i].size);
    }
}

// A refusal may be of one range alone; a second one is of them all.
void mh_holes_make(struct mh_holes *holes) {
    enum { REFUSALS = 2 };
    unsigned at = 0, refusals = 0;
    for (unsigned i = 0; i < holes->n; i++) {
        mh_huge_note_unused((uintptr_t)holes->ranges[i].base,
                            holes->ranges[i].size);
    }
    while (at < holes->n && refusals < REFUSALS) {
        size_t done = mh_sys_unused_ranges(&holes->ranges[at], holes->n - at,
                                           MH_FOR_HEAP);
        MH_CHECK(done <= holes->n - at);
        note_holes(holes, at, done);
        at += (unsigned)done + 1; // past the one that was refused
        refusals++;
    }
    holes->n = 0;
}

void mh_holes_add(struct mh_holes *holes, struct mh_span *span) {
    uint32_t left = mh_span_find_holes(span) & ~span->holes;
    while (left != 0) {
        if (holes->n == MH_HOLES_AT_ONCE) {
            mh_holes_make(holes);
        }
        struct run run = lowest_run(span, left);
        holes->ranges[holes->n].base = run.base;
        holes->ranges[holes->n].size = run.bytes;
        holes->of[holes->n].span = span;
        holes->of[holes->n].bits = run.bits;
        holes->n++;
        left &= ~run.bits;
    }
    span->seen_free = span->nfree;
}

// Under the heap's lock, which a fork takes: neither the books nor the two
// fields are half written in a child.
bool mh_span_fill_holes_slow(struct mh_span *span, bool anyway) {
    struct mheap *heap = mh_heap_by_id(span->heap);
    enum mh_status (*use)(void *, size_t, size_t, enum mh_purpose) =
        anyway ? mh_sys_used_anyway : mh_sys_used;
    bool filled = true;
    mh_lock(&heap->lock);
    while (span->holes != 0 && filled) {
        struct run run = lowest_run(span, span->holes);
        mh_heap_make_room_locked(heap, run.bytes);
        filled = use(run.base, run.bytes, run.bytes, MH_FOR_HEAP) == MH_OK;
        if (filled && mh_hard_on && !mh_sys_facts()->unused_zeroes) {
            memset(run.base, 0, run.bytes); // S22
        }
        if (filled && mh_hard_on) {
            mh_hard_seal_free(span, (uintptr_t)run.base, run.bytes);
        }
        if (filled) {
            set_holes(span, span->holes & ~run.bits);
        }
    }
    mh_unlock(&heap->lock);
    return filled;
}

// The set of all system pages of a span.
static uint32_t all_pages(const struct mh_span *span) {
    uint64_t bytes = (uint64_t)span->npages << MH_PAGE_SHIFT;
    return (uint32_t)mh_low_bits((unsigned)(bytes / mh_sys_facts()->page_size));
}

bool mh_span_can_end_slow(struct mh_span *span) {
    if (mh_span_fill_holes(span)) {
        return true;
    }
    // Under the lock for the same reason.
    struct mheap *heap = mh_heap_by_id(span->heap);
    struct mh_holes holes;
    holes.n = 0;
    mh_lock(&heap->lock);
    mh_holes_add(&holes, span);
    mh_holes_make(&holes);
    mh_unlock(&heap->lock);
    return span->holes == all_pages(span);
}
