// heap_life.c - making, naming, destroying and checking heaps.

#include <string.h>

#include "core/base/assert.h"
#include "core/base/atomic.h"
#include "core/heap/arena.h"
#include "core/heap/cache_pages.h"
#include "core/heap/fork.h"
#include "core/heap/hard.h"
#include "core/heap/heap.h"
#include "core/heap/holes.h"
#include "core/heap/huge.h"
#include "core/heap/left.h"
#include "core/heap/options.h"
#include "core/heap/records.h"
#include "core/heap/root.h"
#include "core/scav/scavenger.h"
#include "core/sys/thread.h"

struct mh_heaps mh_heaps = {
    .lock = MH_LOCK_INIT(MH_RANK_HEAPS),
    .caches = MH_PERSISTENT_INIT(MH_FOR_CACHES),
};

struct mh_persistent mh_records = MH_PERSISTENT_INIT(MH_FOR_OTHER);

struct mheap *mh_heap_by_id(uint32_t id) {
    MH_CHECK(id < MH_HEAPS_MAX);
    // acquire: pairs with the release in make_record_locked.
    return MH_LOAD_ACQUIRE(&mh_heaps.table[id]);
}

// A record that was never used; NULL when out of memory or numbers.
static struct mheap *make_record_locked(void) {
    if (mh_heaps.count == MH_HEAPS_MAX) {
        return NULL;
    }
    struct mheap *heap =
        mh_persistent_alloc(&mh_records, sizeof(*heap), MH_CACHE_LINE);
    if (heap == NULL || mh_palloc_init(&heap->pages, &mh_records) != MH_OK) {
        return NULL;
    }
    mh_lock_init(&heap->lock, MH_RANK_HEAP);
    mh_lock_init(&heap->side_lock, MH_RANK_SIDE);
    for (unsigned i = 0; i < MH_NCLASSES; i++) {
        mh_lock_init(&heap->central[i].lock, MH_RANK_CENTRAL);
    }
    heap->id = mh_heaps.count;
    MH_STORE_RELEASE(&mh_heaps.table[heap->id], heap);
    MH_STORE_RELEASE(&mh_heaps.count, mh_heaps.count + 1);
    return heap;
}

static struct mheap *free_record_locked(void) {
    for (uint32_t i = 1; i < mh_heaps.count; i++) {
        if (MH_LOAD_ACQUIRE(&mh_heaps.table[i]->state) == MH_HEAP_FREE) {
            return mh_heaps.table[i];
        }
    }
    return NULL;
}

static struct mheap *open_heap_locked(const char *name) {
    struct mheap *heap = free_record_locked();
    if (heap == NULL) {
        heap = make_record_locked();
    }
    if (heap == NULL) {
        return NULL;
    }
    size_t length = name == NULL ? 0 : strlen(name);
    if (length >= sizeof(heap->name)) {
        length = sizeof(heap->name) - 1;
    }
    memset(heap->name, 0, sizeof(heap->name));
    memcpy(heap->name, name == NULL ? "" : name, length);
    heap->demand = (struct mh_demand){0};
    MH_STORE_RELAXED(&heap->is_short, 0);
    MH_STORE_RELAXED(&heap->generation, heap->generation + 1);
    MH_STORE_RELEASE(&heap->state, (uint32_t)MH_HEAP_LIVE);
    return heap;
}

// What must be there before any thread has a cache, and cannot call malloc. A
// system that refuses the hook gets a heap all the same: threads then are
// served without caches.
static void init_threads_locked(void) {
    static bool done;
    if (!done) {
        done = true;
        mh_options_read();
        mh_hard_decide();
        enum mh_status exits = mh_cache_init_exit();
        (void)exits;
    }
}

// What may call malloc, and so waits until there is a heap. Where forks cannot
// be hooked, one in a storm is as unsafe as it was.
static void init_process(void) {
    mh_root_publish();
    enum mh_status forks = mh_fork_init();
    (void)forks;
}

struct mheap *mh_heap_default(void) {
    // acquire: pairs with the release in open_heap_locked.
    struct mheap *heap = MH_LOAD_ACQUIRE(&mh_heaps.table[0]);
    if (MH_LIKELY(heap != NULL &&
                  MH_LOAD_ACQUIRE(&heap->state) == MH_HEAP_LIVE)) {
        return heap;
    }
    bool made = false;
    mh_lock(&mh_heaps.lock);
    heap = mh_heaps.table[0];
    if (heap == NULL && mh_arenas_init() == MH_OK) {
        init_threads_locked();
        heap = open_heap_locked("default");
        made = heap != NULL;
    }
    mh_unlock(&mh_heaps.lock);
    if (made) {
        // Without the lock: registering may call malloc, which comes back here
        // and finds the heap. Other threads may use it already.
        init_process();
    }
    return heap;
}

struct mheap *mh_heap_create(const char *name) {
    if (mh_heap_default() == NULL) {
        return NULL;
    }
    mh_lock(&mh_heaps.lock);
    struct mheap *heap = open_heap_locked(name);
    mh_unlock(&mh_heaps.lock);
    return heap;
}

// Empties the caches of a heap that is being destroyed: other threads' become
// orphans, which their threads drop when they next look.
static void orphan_caches(struct mheap *heap) {
    mh_lock(&mh_caches.lock);
    uint64_t count = mh_caches.count;
    mh_unlock(&mh_caches.lock);
    for (uint32_t id = 1; id < count; id++) {
        struct mh_cache *cache = mh_cache_by_id(id);
        mh_lock(&cache->life);
        // The state first: whoever opens a cache writes the heap before it.
        if (MH_LOAD_ACQUIRE(&cache->state) == MH_CACHE_IN_USE &&
            MH_LOAD_RELAXED(&cache->heap) == heap) {
            mh_cache_flush_pages(cache);
            mh_cache_abandon(cache, MH_CACHE_ORPHAN);
        }
        mh_unlock(&cache->life);
    }
    if (heap->side != NULL) {
        mh_cache_flush_pages(heap->side);
        mh_cache_abandon(heap->side, MH_CACHE_FREE);
    }
    heap->side = NULL;
    heap->caches_live = 0;
}

void mh_heap_each_span(const struct mheap *heap,
                       void (*visit)(struct mh_span *span, void *arg),
                       void *arg) {
    // acquire: pairs with the release that published the last arena.
    uint64_t narenas = MH_LOAD_ACQUIRE(&mh_arenas.count);
    struct mh_arena **table = MH_LOAD_ACQUIRE(&mh_arenas.table);
    for (uint64_t a = 0; a < narenas; a++) {
        struct mh_arena *arena = table[a];
        uint32_t made = MH_LOAD_ACQUIRE(&arena->spans_made);
        for (uint32_t i = 0; i < made; i++) {
            struct mh_span *span = &arena->spans[i];
            bool dead = MH_LOAD_ACQUIRE(&span->state) == MH_SPAN_DEAD;
            uint32_t owner = MH_LOAD_RELAXED(&span->heap);
            if (!dead && (heap == NULL || owner == heap->id)) {
                visit(span, arg);
            }
        }
    }
}

// The bits of a dead span's pages are zero, as a new span expects them.
static void clear_bits(const struct mh_span *span) {
    struct mh_arena *arena = mh_arena_of_known((uintptr_t)span->base);
    size_t npages = span->size_class == 0 ? 1 : span->npages;
    struct mh_pair *first = mh_arena_pair(arena, (uintptr_t)span->base);
    size_t npairs = npages << (MH_PAGE_SHIFT - MH_PAIR_SHIFT);
    for (size_t i = 0; i < npairs; i++) {
        MH_STORE_RELAXED(&first[i].live, 0);
        MH_STORE_RELAXED(&first[i].remote, 0);
    }
}

// A span whose holes the system does not let be filled becomes one hole, and
// can end: true. If that is refused too it keeps its pages, which are neither
// Ready nor Prepared as a whole: it waits on the central list, without objects,
// for the next heap of this record.
static bool empty_span(struct mheap *heap, struct mh_span *span) {
    struct mh_central *central = &heap->central[span->size_class];
    clear_bits(span);
    mh_span_fill_free(span);
    MH_STORE_RELAXED(&span->touched, 0);
    span->list = MH_LIST_NONE;
    mh_lock(&central->lock);
    MH_STORE_RELAXED(&span->owner_told, mh_owner_word(MH_OWNER_NONE, false));
    mh_span_set_owner(span, MH_OWNER_NONE);
    bool idle = mh_central_put_locked(central, span);
    mh_unlock(&central->lock);
    return idle;
}

static void kill_span(struct mh_span *span, void *arg) {
    struct mheap *heap = arg;
    if (!mh_span_fill_holes_anyway(span)) {
        if (empty_span(heap, span)) {
            uint64_t dead = mh_owner_word(MH_OWNER_DEAD, false);
            MH_STORE_RELAXED(&span->owner_told, dead);
            mh_heap_free_span(span, NULL);
        }
        return;
    }
    if (span->size_class == 0 && span->state == MH_SPAN_IN_USE) {
        mh_heap_count_freed(heap, span->npages);
    } else {
        MH_ADD_RELAXED(&heap->counts.spans_freed, 1);
    }
    clear_bits(span);
    MH_STORE_RELAXED(&span->owner_told, mh_owner_word(MH_OWNER_DEAD, false));
    mh_span_retire(span);
    mh_arena_drop_span(span);
}

// Only those of spans that could not be ended.
static bool page_is_kept(void *arg, uintptr_t page) {
    (void)arg;
    return mh_arena_of_known(page)->page_words[mh_arena_page(page)] != 0;
}

void mh_heap_destroy(struct mheap *heap) {
    if (heap->id == 0) {
        return;
    }
    // Keeps out a round that has taken pages, and threads without a cache;
    // those that end or flush are met one by one, see mh_cache_retire.
    mh_lock(&mh_scavenger.lock);
    mh_lock(&heap->side_lock);
    orphan_caches(heap);
    for (unsigned i = 0; i < MH_NCLASSES; i++) {
        MH_STORE_RELAXED(&heap->central[i].spans, NULL);
        heap->central[i].nspans = 0;
        heap->central[i].cut = NULL;
    }
    mh_heap_each_span(heap, kill_span, heap);
    mh_lock(&heap->lock);
    mh_palloc_rebuild(&heap->pages, page_is_kept, NULL);
    mh_heap_release_locked(heap);
    mh_unlock(&heap->lock);
    mh_left_end(heap);
    mh_unlock(&heap->side_lock);
    mh_huge_end(heap);
    MH_STORE_RELEASE(&heap->state, (uint32_t)MH_HEAP_FREE);
    mh_unlock(&mh_scavenger.lock);
}

// The first broken invariant of the spans of a heap that nobody owns or that
// belong to other threads' idle caches.
static void check_span(struct mh_span *span, void *arg) {
    int *broken = arg;
    if (*broken == 0) {
        *broken = mh_span_check(span);
    }
    if (*broken == 0) {
        *broken = mh_hard_check_span(span);
    }
}

int mh_heap_check(struct mheap *heap) {
    mh_lock(&heap->lock);
    int broken = mh_palloc_check(&heap->pages);
    mh_unlock(&heap->lock);
    if (broken != 0) {
        return 100 + broken;
    }
    mh_heap_each_span(heap, check_span, &broken);
    if (broken != 0) {
        return 200 + broken;
    }
    struct mh_cache *cache = mh_tls_get();
    for (; cache != NULL && broken == 0; cache = cache->next_thread) {
        if (cache->heap == heap && cache->state == MH_CACHE_IN_USE) {
            broken = mh_cache_check(cache);
        }
    }
    return broken == 0 ? 0 : 300 + broken;
}
