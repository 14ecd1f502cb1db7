// api_stats.c - counting slots, span by span.

#include <string.h>

#include "core/api/lock_counts.h"
#include "core/base/atomic.h"
#include "core/base/bits.h"
#include "core/heap/bad_free.h"
#include "core/heap/cache.h"
#include "core/heap/cache_pages.h"
#include "core/heap/heap.h"
#include "core/sys/limit.h"
#include "mheap/mheap.h"
#include "mheap/stats.h"

struct census {
    struct mheap_stats *stats;
    struct mheap_class_stats *class_stats; // NULL: all classes go to stats
    unsigned size_class;
};

// The slots of one span by state, each counted once.
struct slots {
    uint64_t used, free, pending, cached;
};

// What one span was when it was looked at.
struct seen {
    uintptr_t base;
    uint64_t bytes;
    uint64_t nslots;
    uint64_t slot_size;
    unsigned size_class;
    unsigned state;
    struct slots slots;
};

enum { LOOKS_MAX = 64 }; // at a span that keeps changing, then it is skipped

static struct slots count_slots(const struct mh_span *span,
                                const struct seen *seen) {
    struct slots slots = {0, 0, 0, 0};
    struct mh_arena *arena = mh_arena_of_known(seen->base);
    for (uintptr_t at = 0; at < seen->bytes;
         at += (uintptr_t)1 << MH_PAIR_SHIFT) {
        const struct mh_pair *pair = mh_arena_pair(arena, seen->base + at);
        uint64_t live = MH_LOAD_RELAXED(&pair->live);
        uint64_t remote = MH_LOAD_RELAXED(&pair->remote);
        slots.used += mh_popcount64(live & ~remote);
        slots.pending += mh_popcount64(live & remote);
    }
    for (unsigned word = 0; word < MH_SPAN_FREE_WORDS; word++) {
        slots.free += mh_popcount64(MH_LOAD_RELAXED(&span->free[word]));
    }
    // Words of different moments: what does not fit is a slot on its way from
    // one state to another, and counts for the first.
    uint64_t known = slots.used + slots.pending + slots.free;
    if (known > seen->nslots) {
        uint64_t over = known - seen->nslots;
        slots.free -= over < slots.free ? over : slots.free;
    } else {
        slots.cached = seen->nslots - known;
    }
    return slots;
}

static void read_span(const struct mh_span *span, struct seen *seen) {
    seen->base = (uintptr_t)MH_LOAD_RELAXED(&span->base);
    seen->bytes = (uint64_t)MH_LOAD_RELAXED(&span->npages) << MH_PAGE_SHIFT;
    seen->nslots = MH_LOAD_RELAXED(&span->nslots);
    seen->slot_size = MH_LOAD_RELAXED(&span->slot_size);
    seen->size_class = MH_LOAD_RELAXED(&span->size_class);
    seen->state = MH_LOAD_RELAXED(&span->state);
    struct slots none = {0, 0, 0, 0};
    seen->slots = seen->size_class != 0 ? count_slots(span, seen) : none;
}

// Looks at a span until what was read belongs together. False when the span is
// gone, or keeps changing.
static bool look_at(const struct mh_span *span, struct seen *seen) {
    for (unsigned i = 0; i < LOOKS_MAX; i++) {
        struct mh_span_look look = mh_span_look_begin(span);
        read_span(span, seen);
        if (mh_span_look_end(look)) {
            return seen->state != MH_SPAN_DEAD;
        }
        MH_PAUSE();
    }
    return false;
}

static void count_class(struct mheap_class_stats *out,
                        const struct seen *seen) {
    out->spans++;
    out->slots += seen->nslots;
    out->used += seen->slots.used;
    out->cached += seen->slots.cached;
    out->free += seen->slots.free;
    out->pending += seen->slots.pending;
}

static void count_small(struct mheap_stats *stats, const struct seen *seen) {
    const struct slots *slots = &seen->slots;
    stats->in_use_objects += slots->used;
    stats->in_use_bytes += slots->used * seen->slot_size;
    stats->cached_bytes += slots->cached * seen->slot_size;
    stats->span_free_bytes += (slots->free + slots->pending) * seen->slot_size;
    stats->tail_bytes += seen->bytes - seen->nslots * seen->slot_size;
}

static void count_span(struct mh_span *span, void *arg) {
    struct census *census = arg;
    struct mheap_stats *stats = census->stats;
    struct seen seen = {.base = 0};
    bool wanted = census->class_stats == NULL ||
                  MH_LOAD_RELAXED(&span->size_class) == census->size_class;
    if (!wanted || !look_at(span, &seen)) {
        return;
    }
    if (census->class_stats != NULL) {
        if (seen.size_class == census->size_class) {
            count_class(census->class_stats, &seen);
        }
        return;
    }
    stats->spans++;
    if (seen.state == MH_SPAN_MANUAL) {
        stats->manual_bytes += seen.bytes;
    } else if (seen.size_class == 0) {
        stats->large_objects++;
        stats->large_bytes += seen.bytes;
        stats->in_use_objects++;
        stats->in_use_bytes += seen.bytes;
    } else {
        count_small(stats, &seen);
    }
}

// Pages that hold nothing: in the page allocator, and in page caches.
static void count_pages(struct mheap *heap, struct mheap_stats *out) {
    mh_lock(&heap->lock);
    uint64_t free_pages = heap->pages.free_pages;
    uint64_t released = heap->pages.released_pages;
    uint64_t waits = MH_LOAD_RELAXED(&heap->lock.waits);
    mh_unlock(&heap->lock);
    out->free_page_bytes += (free_pages - released) << MH_PAGE_SHIFT;
    out->released_bytes += released << MH_PAGE_SHIFT;
    waits += MH_LOAD_RELAXED(&heap->side_lock.waits);
    for (unsigned i = 0; i < MH_NCLASSES; i++) {
        waits += MH_LOAD_RELAXED(&heap->central[i].lock.waits);
    }
    out->lock_waits_total += waits;
}

static void count_caches(const struct mheap *heap, struct mheap_stats *out) {
    uint64_t count = MH_LOAD_ACQUIRE(&mh_caches.count);
    for (uint32_t id = 1; id < count; id++) {
        struct mh_cache *cache = mh_cache_by_id(id);
        uint32_t state = MH_LOAD_ACQUIRE(&cache->state);
        bool used = state == MH_CACHE_IN_USE || state == MH_CACHE_SIDE;
        if (!used || (heap != NULL && MH_LOAD_RELAXED(&cache->heap) != heap)) {
            continue;
        }
        out->caches++;
        size_t released = 0;
        uint64_t free_pages = mh_cache_free_pages(cache, &released);
        out->released_bytes += (uint64_t)released << MH_PAGE_SHIFT;
        out->free_page_bytes += (free_pages - released) << MH_PAGE_SHIFT;
    }
}

static void count_process(struct mheap_stats *out) {
    struct mh_account all = mh_sys_account(MH_NPURPOSES);
    struct mh_account heap = mh_sys_account(MH_FOR_HEAP);
    out->reserved_bytes = all.reserved;
    out->prepared_bytes = all.prepared;
    out->ready_bytes = all.ready;
    out->mapped_peak_bytes = all.reserved_peak;
    out->metadata_bytes = all.ready - heap.ready;
    out->os_calls_total = all.calls;
    out->os_failures_total = all.failures;
    out->bad_frees_total = mh_bad_free_count();
    out->counted_bytes = MH_LOAD_RELAXED(&mh_limits.counted);
    out->soft_limit_bytes = MH_LOAD_RELAXED(&mh_limits.soft);
    out->hard_limit_bytes = MH_LOAD_RELAXED(&mh_limits.hard);
    out->limit_refusals_total = MH_LOAD_RELAXED(&mh_limits.refusals);
}

void mheap_stats(const struct mheap *heap, struct mheap_stats *out) {
    memset(out, 0, sizeof(*out));
    struct census census = {.stats = out};
    mh_heap_each_span(heap, count_span, &census);
    uint32_t count = MH_LOAD_ACQUIRE(&mh_heaps.count);
    for (uint32_t i = 0; i < count; i++) {
        struct mheap *one = mh_heap_by_id(i);
        if (heap == NULL || one == heap) {
            count_pages(one, out);
        }
    }
    count_caches(heap, out);
    count_process(out);
    mh_lock_counts(heap, out);
}

bool mheap_class_stats_get(const struct mheap *heap, unsigned i,
                           struct mheap_class_stats *out) {
    if (i == 0 || i >= MH_NCLASSES) {
        return false;
    }
    memset(out, 0, sizeof(*out));
    out->slot_bytes = mh_classes[i].size;
    struct census census = {.class_stats = out, .size_class = i};
    mh_heap_each_span(heap, count_span, &census);
    return true;
}
