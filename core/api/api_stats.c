// api_stats.c - counting slots, span by span.

#include <string.h>

#include "core/base/atomic.h"
#include "core/base/bits.h"
#include "core/heap/bad_free.h"
#include "core/heap/cache.h"
#include "core/heap/heap.h"
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

static struct slots count_slots(const struct mh_span *span) {
    struct slots slots = {0, 0, 0, 0};
    struct mh_arena *arena = mh_arena_of_known((uintptr_t)span->base);
    uintptr_t bytes = (uintptr_t)span->npages << MH_PAGE_SHIFT;
    for (uintptr_t at = 0; at < bytes; at += (uintptr_t)1 << MH_PAIR_SHIFT) {
        const struct mh_pair *pair =
            mh_arena_pair(arena, (uintptr_t)span->base + at);
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
    if (known > span->nslots) {
        uint64_t over = known - span->nslots;
        slots.free -= over < slots.free ? over : slots.free;
    } else {
        slots.cached = span->nslots - known;
    }
    return slots;
}

static void count_small(struct census *census, const struct mh_span *span) {
    struct slots slots = count_slots(span);
    struct mheap_class_stats *class_stats = census->class_stats;
    if (class_stats != NULL) {
        class_stats->spans++;
        class_stats->slots += span->nslots;
        class_stats->used += slots.used;
        class_stats->cached += slots.cached;
        class_stats->free += slots.free;
        class_stats->pending += slots.pending;
        return;
    }
    struct mheap_stats *stats = census->stats;
    uint64_t bytes = (uint64_t)span->npages << MH_PAGE_SHIFT;
    stats->in_use_objects += slots.used;
    stats->in_use_bytes += slots.used * span->slot_size;
    stats->cached_bytes += slots.cached * span->slot_size;
    stats->span_free_bytes += (slots.free + slots.pending) * span->slot_size;
    stats->tail_bytes += bytes - (uint64_t)span->nslots * span->slot_size;
}

static void count_span(struct mh_span *span, void *arg) {
    struct census *census = arg;
    uint64_t bytes = (uint64_t)MH_LOAD_RELAXED(&span->npages) << MH_PAGE_SHIFT;
    if (census->class_stats != NULL) {
        if (span->size_class == census->size_class) {
            count_small(census, span);
        }
        return;
    }
    struct mheap_stats *stats = census->stats;
    stats->spans++;
    if (span->state == MH_SPAN_MANUAL) {
        stats->manual_bytes += bytes;
    } else if (span->size_class == 0) {
        stats->large_objects++;
        stats->large_bytes += bytes;
        stats->in_use_objects++;
        stats->in_use_bytes += bytes;
    } else {
        count_small(census, span);
    }
}

// Pages that hold nothing: in the page allocator, and in page caches.
static void count_pages(struct mheap *heap, struct mheap_stats *out) {
    mh_lock(&heap->lock);
    uint64_t free_pages = heap->pages.free_pages;
    uint64_t released = heap->pages.released_pages;
    uint64_t waits = heap->lock.waits;
    mh_unlock(&heap->lock);
    out->free_page_bytes += (free_pages - released) << MH_PAGE_SHIFT;
    out->released_bytes += released << MH_PAGE_SHIFT;
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
        if (!used || (heap != NULL && cache->heap != heap)) {
            continue;
        }
        out->caches++;
        mh_lock(&cache->page_lock);
        struct mh_page_cache pages = cache->pages;
        mh_unlock(&cache->page_lock);
        uint64_t released = mh_popcount64(pages.released);
        out->released_bytes += released << MH_PAGE_SHIFT;
        out->free_page_bytes += (mh_popcount64(pages.free) - released)
                                << MH_PAGE_SHIFT;
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
