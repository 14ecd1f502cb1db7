// lock_counts.c - how often each kind of lock was taken.
//
// Records of heaps, caches and arenas are used again and never unmapped, and
// keep their counts; so all of them are looked at, in use or not, and the sums
// only grow.

#include "core/api/lock_counts.h"

#include "core/base/atomic.h"
#include "core/heap/cache.h"
#include "core/heap/heap.h"
#include "core/heap/records.h"
#include "core/scav/scavenger.h"
#include "mheap/stats.h"

static void add(struct mheap_stats *out, uint64_t *sum,
                const struct mh_lock *lock) {
    *sum += MH_LOAD_RELAXED(&lock->taken);
    out->locks_contended_total += MH_LOAD_RELAXED(&lock->contended);
}

static void add_heap(struct mheap_stats *out, const struct mheap *heap) {
    add(out, &out->locks_heap_total, &heap->lock);
    add(out, &out->locks_side_total, &heap->side_lock);
    for (unsigned i = 0; i < MH_NCLASSES; i++) {
        add(out, &out->locks_central_total, &heap->central[i].lock);
    }
}

static void add_arenas(struct mheap_stats *out) {
    add(out, &out->locks_arenas_total, &mh_arenas.lock);
    uint64_t count = MH_LOAD_ACQUIRE(&mh_arenas.count);
    struct mh_arena **table = MH_LOAD_ACQUIRE(&mh_arenas.table);
    for (uint64_t i = 0; i < count; i++) {
        add(out, &out->locks_records_total, &table[i]->lock);
    }
}

static void add_caches(struct mheap_stats *out) {
    add(out, &out->locks_registry_total, &mh_caches.lock);
    uint64_t count = MH_LOAD_ACQUIRE(&mh_caches.count);
    for (uint32_t id = 1; id < count; id++) {
        const struct mh_cache *cache = mh_cache_by_id(id);
        add(out, &out->locks_thread_total, &cache->page_lock);
        add(out, &out->locks_thread_total, &cache->life);
    }
}

void mh_lock_counts(const struct mheap *heap, struct mheap_stats *out) {
    uint32_t count = MH_LOAD_ACQUIRE(&mh_heaps.count);
    for (uint32_t i = 0; i < count; i++) {
        const struct mheap *one = mh_heap_by_id(i);
        if (heap == NULL || one == heap) {
            add_heap(out, one);
        }
    }
    add_arenas(out);
    add_caches(out);
    add(out, &out->locks_other_total, &mh_heaps.lock);
    add(out, &out->locks_other_total, &mh_heaps.caches.lock);
    add(out, &out->locks_other_total, &mh_records.lock);
    add(out, &out->locks_other_total, &mh_scavenger.lock);
}
