// cache_life.c - how a thread gets its caches, and how they end.

#include <string.h>

#include "core/base/assert.h"
#include "core/heap/cache.h"
#include "core/heap/hard_delay.h"
#include "core/heap/heap.h"
#include "core/heap/options.h"
#include "core/heap/records.h"
#include "core/heap/sample.h"
#include "core/heap/scavenge.h"
#include "core/sys/thread.h"

enum { FIRST_CAPACITY = 64 }; // of the table of caches

struct mh_cache mh_cache_none = {
    .owner_word = (uint32_t)MH_OWNER_NOBODY << MH_CLASS_BITS,
    .id = MH_OWNER_NOBODY,
    .bins = {[0 ... MH_NCLASSES - 1] = {mh_cache_none.places,
                                        mh_cache_none.places}},
    .state = MH_CACHE_NOBODY,
};

struct mh_cache mh_cache_dead = {
    .owner_word = (uint32_t)MH_OWNER_NOBODY << MH_CLASS_BITS,
    .id = MH_OWNER_NOBODY,
    .bins = {[0 ... MH_NCLASSES - 1] = {mh_cache_dead.places,
                                        mh_cache_dead.places}},
    .state = MH_CACHE_NOBODY,
};

MH_TLS_VARIABLE struct mh_cache *mh_tls_cache = &mh_cache_none;
MH_TLS_VARIABLE uint32_t mh_tls_word = 0; // how often it asked for a cache

struct mh_caches mh_caches = {.lock = MH_LOCK_INIT(MH_RANK_REGISTRY),
                              .count = 1};

static enum mh_status grow_table_locked(void) {
    if (mh_caches.count < mh_caches.capacity) {
        return MH_OK;
    }
    uint64_t capacity =
        mh_caches.capacity == 0 ? FIRST_CAPACITY : 2 * mh_caches.capacity;
    struct mh_cache **table = mh_persistent_alloc(
        &mh_records, (size_t)capacity * sizeof(struct mh_cache *),
        sizeof(struct mh_cache *));
    if (table == NULL || mh_caches.count >= MH_OWNER_MAX) {
        return MH_NO_MEMORY;
    }
    if (mh_caches.capacity != 0) {
        memcpy(table, mh_caches.table,
               (size_t)mh_caches.count * sizeof(struct mh_cache *));
    }
    mh_caches.capacity = capacity;
    // release: pairs with mh_cache_by_id.
    MH_STORE_RELEASE(&mh_caches.table, table);
    return MH_OK;
}

// A record that was never used, with a number of its own; NULL when out of
// memory or of numbers.
static struct mh_cache *make_record_locked(void) {
    if (grow_table_locked() != MH_OK) {
        return NULL;
    }
    struct mh_cache *cache =
        mh_persistent_alloc(&mh_heaps.caches, sizeof(*cache), 4u << 10);
    if (cache == NULL) {
        return NULL;
    }
    cache->id = (uint32_t)mh_caches.count;
    for (unsigned i = 0; i < MH_NCLASSES; i++) {
        cache->bottoms[i] = &cache->places[mh_bin_offset[i]];
    }
    mh_lock_init(&cache->page_lock, MH_RANK_PAGE_CACHE);
    mh_lock_init(&cache->life, MH_RANK_LIFE);
    mh_caches.table[cache->id] = cache;
    // release: a reader that sees the count sees the entry.
    MH_STORE_RELEASE(&mh_caches.count, mh_caches.count + 1);
    return cache;
}

// New bins may hold little: a thread that frees a few objects of a class need
// not keep hundreds. Larger arrays stay with the record.
static void reset_bins(struct mh_cache *cache) {
    cache->first_spans = 0;
    if (cache->delay != NULL) {
        mh_delay_forget(cache->delay);
    }
    for (unsigned i = 0; i < MH_NCLASSES; i++) {
        struct mh_place *bottom = mh_bin_bottom(cache, i);
        MH_STORE_RELAXED(&cache->bins[i].top, bottom);
        MH_STORE_RELAXED(&cache->bins[i].limit,
                         bottom + mh_classes[i].first_slots);
    }
}

static struct mh_cache *open_cache(struct mheap *heap,
                                   enum mh_cache_state state) {
    mh_lock(&mh_caches.lock);
    struct mh_cache *cache = mh_caches.free;
    if (cache != NULL) {
        mh_caches.free = cache->next_free;
    } else {
        cache = make_record_locked();
    }
    mh_unlock(&mh_caches.lock);
    if (cache == NULL) {
        return NULL;
    }
    reset_bins(cache);
    mh_sample_start(cache);
    MH_STORE_RELAXED(&cache->owner_word, cache->id << MH_CLASS_BITS);
    MH_STORE_RELAXED(&cache->heap, heap);
    cache->next_thread = NULL;
    cache->next_free = NULL;
    cache->thread = mh_thread_id();
    MH_STORE_RELAXED(&cache->generation, cache->generation + 1);
    MH_STORE_RELEASE(&cache->state, (uint32_t)state);
    MH_ADD_RELAXED(&heap->caches_live, 1);
    return cache;
}

static void list_free(struct mh_cache *cache) {
    mh_lock(&mh_caches.lock);
    cache->next_free = mh_caches.free;
    mh_caches.free = cache;
    mh_unlock(&mh_caches.lock);
}

static void close_cache(struct mh_cache *cache) {
    MH_SUB_RELAXED(&mh_caches.limit_bytes, cache->limit_bytes);
    cache->limit_bytes = 0;
    MH_STORE_RELEASE(&cache->state, (uint32_t)MH_CACHE_FREE);
    list_free(cache);
}

void mh_cache_lose_left(struct mh_cache *cache, uint32_t n) {
    // acquire and release: whoever has the record next sees no page of what it
    // left still name it.
    uint32_t left = MH_SUB_ACQ_REL(&cache->left, n);
    MH_CHECK(left >= n);
    if (left == n) {
        list_free(cache);
    }
}

// The thread may end, which is no use of the heap, while another one destroys
// it: whoever has the lock first deals with the cache. One lock for each cache,
// for threads that wait to end keep what they hold.
void mh_cache_retire(struct mh_cache *cache) {
    mh_lock(&cache->life);
    if (MH_LOAD_RELAXED(&cache->state) != MH_CACHE_ORPHAN) {
        mh_cache_flush(cache);
        mh_cache_give_spans(cache);
        MH_SUB_RELAXED(&cache->heap->caches_live, 1);
    }
    // Before the lock is given up: who destroys the heap must not take the
    // record for one of this heap's when it has been another thread's again.
    MH_STORE_RELEASE(&cache->state, (uint32_t)MH_CACHE_FREE);
    mh_unlock(&cache->life);
    close_cache(cache);
}

void mh_cache_flush_thread(void) {
    struct mh_cache *cache = mh_tls_get();
    for (; cache != NULL; cache = cache->next_thread) {
        if (cache == &mh_cache_none || cache == &mh_cache_dead) {
            return;
        }
        mh_lock(&cache->life);
        if (MH_LOAD_RELAXED(&cache->state) == MH_CACHE_IN_USE) {
            mh_cache_flush(cache);
        }
        mh_unlock(&cache->life);
    }
}

void mh_cache_abandon(struct mh_cache *cache, enum mh_cache_state state) {
    reset_bins(cache);
    memset(cache->current, 0, sizeof(cache->current));
    memset(cache->partial, 0, sizeof(cache->partial));
    cache->owned = NULL;
    MH_STORE_RELAXED(&cache->told, NULL);
    MH_STORE_RELEASE(&cache->state, (uint32_t)state);
    if (state == MH_CACHE_FREE) {
        close_cache(cache);
    }
}

// The end of a thread: what it had goes back, and from now on it is served
// without a cache.
static void thread_exit(void *first) {
    mh_tls_set(&mh_cache_dead);
    struct mh_cache *cache = first;
    while (cache != NULL) {
        struct mh_cache *next = cache->next_thread;
        mh_cache_retire(cache);
        cache = next;
    }
    mh_heap_poke_freeing();
}

enum mh_status mh_cache_init_exit(void) {
    return mh_thread_on_exit(thread_exit);
}

// The thread's first cache, of the default heap. Registering for the exit may
// call malloc: the cache is in place before. A thread that cannot register has
// none, because nobody would end it.
static struct mh_cache *first_cache(void) {
    struct mheap *heap = mh_heap_default();
    if (heap == NULL) {
        return NULL;
    }
    struct mh_cache *cache = open_cache(heap, MH_CACHE_IN_USE);
    if (cache == NULL) {
        return NULL;
    }
    mh_tls_set(cache);
    if (mh_thread_arm_exit(cache) != MH_OK) {
        mh_tls_set(&mh_cache_none);
        mh_cache_retire(cache);
        return NULL;
    }
    return cache;
}

// A thread's first objects come from the side caches: in a program with
// thousands of threads most of them wait after a few, and a cache with its
// spans takes five pages (docs/decisions/0007-first-objects.md). The first
// thread of all has a cache at once.
static bool may_wait(void) {
    uint32_t asked = mh_tls_asked();
    if (asked >= mh_option(MH_OPTION_FIRST_OBJECTS) ||
        MH_LOAD_RELAXED(&mh_caches.count) == 1) {
        return false;
    }
    mh_tls_set_asked(asked + 1);
    return true;
}

// Takes caches of destroyed heaps out of the thread's chain.
static void drop_orphans(struct mh_cache *first) {
    struct mh_cache **link = &first->next_thread;
    while (*link != NULL) {
        struct mh_cache *cache = *link;
        if (MH_LOAD_ACQUIRE(&cache->state) == MH_CACHE_ORPHAN) {
            *link = cache->next_thread;
            mh_cache_retire(cache);
        } else {
            link = &cache->next_thread;
        }
    }
}

// Not inlined: every refill asks for the cache, and would save registers for
// this.
static MH_NOINLINE struct mh_cache *find_cache(struct mheap *heap,
                                               struct mh_cache *first) {
    if (first == &mh_cache_dead) {
        return NULL;
    }
    if (first == &mh_cache_none) {
        first = may_wait() ? NULL : first_cache();
    }
    if (first == NULL || first->heap == heap) {
        return first;
    }
    for (struct mh_cache *cache = first->next_thread; cache != NULL;
         cache = cache->next_thread) {
        if (cache->heap == heap &&
            MH_LOAD_RELAXED(&cache->state) == MH_CACHE_IN_USE) {
            return cache;
        }
    }
    drop_orphans(first);
    struct mh_cache *cache = open_cache(heap, MH_CACHE_IN_USE);
    if (cache != NULL) {
        cache->next_thread = first->next_thread;
        first->next_thread = cache;
    }
    return cache;
}

struct mh_cache *mh_cache_of_thread(struct mheap *heap) {
    struct mh_cache *first = mh_tls_get();
    return MH_LIKELY(first->heap == heap) ? first : find_cache(heap, first);
}

struct mh_cache *mh_cache_of_owner(uint32_t owner) {
    struct mh_cache *cache = mh_tls_get();
    for (; cache != NULL; cache = cache->next_thread) {
        if (cache->id == owner) {
            return cache;
        }
    }
    return NULL;
}

void mh_cache_flush_side(struct mheap *heap) {
    mh_lock(&heap->side_lock);
    if (heap->side != NULL) {
        mh_cache_flush(heap->side);
    }
    mh_unlock(&heap->side_lock);
}

struct mh_cache *mh_cache_side_locked(struct mheap *heap) {
    if (heap->side == NULL) {
        heap->side = open_cache(heap, MH_CACHE_SIDE);
    }
    return heap->side;
}
