// books.c - whether the statistics of a heap add up, to the byte.

#include "tests/support/books.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "core/heap/heap.h"
#include "core/sys/account.h"
#include "core/sys/limit.h"

static char text[256];

static const char *say(const char *what, uint64_t a, uint64_t b) {
    (void)snprintf(text, sizeof(text), "%s: %llu and %llu", what,
                   (unsigned long long)a, (unsigned long long)b);
    return text;
}

// Every class, and the sums of all classes against those of the heap.
static const char *classes_wrong(struct mheap *heap,
                                 const struct mheap_stats *stats) {
    uint64_t used_bytes = stats->large_bytes, used = stats->large_objects;
    uint64_t cached = 0, free = 0;
    struct mheap_class_stats one;
    for (unsigned i = 1; mheap_class_stats_get(heap, i, &one); i++) {
        uint64_t slots = one.used + one.cached + one.free + one.pending;
        if (slots != one.slots) {
            return say("slots of a class by state, and all", slots, one.slots);
        }
        used += one.used;
        used_bytes += one.used * one.slot_bytes;
        cached += one.cached * one.slot_bytes;
        free += (one.free + one.pending) * one.slot_bytes;
    }
    if (used != stats->in_use_objects) {
        return say("objects by class, and of the heap", used,
                   stats->in_use_objects);
    }
    if (used_bytes != stats->in_use_bytes) {
        return say("bytes by class, and of the heap", used_bytes,
                   stats->in_use_bytes);
    }
    if (cached != stats->cached_bytes || free != stats->span_free_bytes) {
        return say("cached and free bytes by class", cached, free);
    }
    return NULL;
}

static const char *pages_wrong(const struct mheap *heap,
                               const struct mheap_stats *stats) {
    uint64_t have = stats->in_use_bytes + stats->cached_bytes +
                    stats->span_free_bytes + stats->tail_bytes +
                    stats->manual_bytes + stats->free_page_bytes +
                    stats->released_bytes;
    uint64_t all = (uint64_t)heap->pages.total_pages << MH_PAGE_SHIFT;
    return have == all ? NULL
                       : say("bytes of pages by use, and all", have, all);
}

// What was counted when large objects came and went, and what is there.
static const char *counts_wrong(const struct mheap *heap,
                                const struct mheap_stats *stats) {
    const struct mh_heap_counts *counts = &heap->counts;
    uint64_t objects = counts->large_allocs + counts->run_allocs -
                       counts->large_frees - counts->run_frees;
    uint64_t bytes = counts->large_alloc_bytes + counts->run_alloc_bytes -
                     counts->large_free_bytes - counts->run_free_bytes;
    if (objects != stats->large_objects) {
        return say("large objects by count, and all", objects,
                   stats->large_objects);
    }
    return bytes == stats->large_bytes ? NULL
                                       : say("their bytes by count, and all",
                                             bytes, stats->large_bytes);
}

// mheap_check sees the calling thread's caches; the others stand still here.
static const char *caches_wrong(const struct mheap *heap) {
    for (uint32_t id = 1; id < mh_caches.count; id++) {
        struct mh_cache *cache = mh_cache_by_id(id);
        bool used =
            cache->state == MH_CACHE_IN_USE || cache->state == MH_CACHE_SIDE;
        int broken = used && cache->heap == heap ? mh_cache_check(cache) : 0;
        if (broken != 0) {
            return say("broken invariant of a cache, and its number",
                       (uint64_t)broken, id);
        }
    }
    return NULL;
}

// What the limits count is what is Ready, but for sparse tables.
static const char *limits_wrong(void) {
    uint64_t ready = mh_sys_account(MH_NPURPOSES).ready;
    uint64_t known = mh_limits.counted + mh_limits.sparse;
    return known == ready ? NULL : say("counted, and Ready", known, ready);
}

const char *mh_books_wrong(struct mheap *heap) {
    struct mheap_stats stats;
    int broken = mheap_check(heap);
    if (broken != 0) {
        return say("broken invariant", (uint64_t)broken, 0);
    }
    mheap_stats(heap, &stats);
    const char *wrong = caches_wrong(heap);
    if (wrong == NULL) {
        wrong = classes_wrong(heap, &stats);
    }
    if (wrong == NULL) {
        wrong = pages_wrong(heap, &stats);
    }
    if (wrong == NULL) {
        wrong = counts_wrong(heap, &stats);
    }
    mh_account_check();
    return wrong == NULL ? limits_wrong() : wrong;
}
