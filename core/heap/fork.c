// fork.c - a fork in the middle of a storm.
//
// Before the fork every lock is taken, in rank order, so that what locks guard
// is whole in the child. What a thread changes without a lock (its bins, the
// free bits of its spans) is not: those threads are gone, and the child makes
// their free bits anew from live and remote bits, which are single words and
// always whole. Slots that lay in their bins become free by that.

#include "core/heap/fork.h"

#include "core/base/assert.h"
#include "core/base/atomic.h"
#include "core/heap/arena.h"
#include "core/heap/cache.h"
#include "core/heap/cache_pages.h"
#include "core/heap/heap.h"
#include "core/heap/late_reports.h"
#include "core/heap/left.h"
#include "core/heap/records.h"
#include "core/heap/root.h"
#include "core/heap/sample.h"
#include "core/scav/scavenger.h"
#include "core/sys/thread.h"

typedef void lock_action(struct mh_lock *lock);

static void each_side_lock(lock_action *act) {
    for (uint32_t i = 0; i < mh_heaps.count; i++) {
        act(&mh_heaps.table[i]->side_lock);
    }
}

static void each_life_lock(lock_action *act) {
    for (uint32_t id = 1; id < mh_caches.count; id++) {
        act(&mh_cache_by_id(id)->life);
    }
}

static void each_central_lock(lock_action *act) {
    for (uint32_t i = 0; i < mh_heaps.count; i++) {
        for (unsigned c = 0; c < MH_NCLASSES; c++) {
            act(&mh_heaps.table[i]->central[c].lock);
        }
    }
}

static void each_page_lock(lock_action *act) {
    for (uint32_t id = 1; id < mh_caches.count; id++) {
        act(&mh_cache_by_id(id)->page_lock);
    }
}

static void each_heap_lock(lock_action *act) {
    for (uint32_t i = 0; i < mh_heaps.count; i++) {
        act(&mh_heaps.table[i]->lock);
    }
}

static void each_arena_lock(lock_action *act) {
    for (uint64_t i = 0; i < mh_arenas.count; i++) {
        act(&mh_arenas.table[i]->lock);
    }
}

static void prepare(void) {
    mh_lock(&mh_scavenger.lock);
    mh_lock(&mh_heaps.lock);
    each_side_lock(mh_lock_same);
    mh_lock(&mh_caches.lock);
    each_life_lock(mh_lock_same);
    each_central_lock(mh_lock_same);
    each_page_lock(mh_lock_same);
    each_heap_lock(mh_lock_same);
    mh_lock(&mh_arenas.lock);
    each_arena_lock(mh_lock_same);
    mh_lock_same(&mh_records.lock);
    mh_lock_same(&mh_heaps.caches.lock);
}

// In falling rank: the lock of a list goes after those of its members.
// Let go first, it would let another thread add a member whose lock was never
// taken here.
static void release_all(lock_action *release) {
    release(&mh_heaps.caches.lock);
    release(&mh_records.lock);
    each_arena_lock(release);
    release(&mh_arenas.lock);
    each_heap_lock(release);
    each_page_lock(release);
    each_central_lock(release);
    each_life_lock(release);
    release(&mh_caches.lock);
    each_side_lock(release);
    release(&mh_heaps.lock);
    release(&mh_scavenger.lock);
}

static void parent(void) {
    release_all(mh_unlock);
}

// Whether a cache belongs to the thread that forked.
static bool is_mine(const struct mh_cache *cache) {
    const struct mh_cache *mine = mh_tls_get();
    for (; mine != NULL; mine = mine->next_thread) {
        if (mine == cache) {
            return true;
        }
    }
    return false;
}

// A span that a vanished thread was just making or ending: it holds nothing,
// but its words may be half written.
static bool is_unfinished(const struct mh_span *span) {
    uintptr_t base = (uintptr_t)span->base;
    struct mh_arena *arena = mh_arena_of_known(base);
    if (span->state == MH_SPAN_MANUAL) {
        return arena->page_words[mh_arena_page(base)] == 0;
    }
    if (span->size_class != 0) {
        return span->owner_told == mh_owner_word(MH_OWNER_DEAD, false);
    }
    uintptr_t object = mh_span_object(span);
    return (mh_arena_pair(arena, object)->live & mh_pair_bit(object)) == 0;
}

// An ownerless span whose last free may not have been told.
static void settle_ownerless(struct mh_span *span) {
    struct mh_central *central =
        &mh_heap_by_id(span->heap)->central[span->size_class];
    mh_lock(&central->lock);
    span->touched = ~UINT64_C(0);
    mh_span_drain(span);
    bool idle = mh_central_put_locked(central, span);
    mh_unlock(&central->lock);
    if (idle) {
        MH_STORE_RELAXED(&span->owner_told,
                         mh_owner_word(MH_OWNER_DEAD, false));
        mh_heap_free_span(span, NULL);
    }
}

// A vanished thread's span gets no owner, unless it may stay as it is.
static void adopt_span(struct mh_cache *cache, struct mh_span *span) {
    if (mh_left_may_stay(span)) {
        cache->left++;
        return;
    }
    span->list = MH_LIST_NONE;
    span->next = NULL;
    span->prev = NULL;
    MH_STORE_RELAXED(&span->owner_told, mh_owner_word(MH_OWNER_NONE, false));
    mh_span_set_owner(span, MH_OWNER_NONE);
    mh_span_rebuild(span);
    settle_ownerless(span);
}

// What other threads freed of a span of ours may be half said: a bit set but
// not noted as touched, a told bit raised but the span not pushed. Where that
// may be so it is told anew, and all of it looked at.
static void retell_span(struct mh_cache *cache, struct mh_span *span) {
    if (mh_span_is_quiet(span)) {
        return;
    }
    span->touched = ~UINT64_C(0);
    span->owner_told = mh_owner_word(cache->id, true);
    span->told_next = cache->told;
    cache->told = span;
}

static void repair_small(struct mh_span *span) {
    uint32_t owner = (uint32_t)(span->owner_told >> 1);
    if (owner == MH_OWNER_NONE) {
        if (!mh_span_is_quiet(span)) {
            settle_ownerless(span);
        }
        return;
    }
    struct mh_cache *cache = mh_cache_by_id(owner);
    if (is_mine(cache) || cache->state == MH_CACHE_SIDE) {
        retell_span(cache, span);
    } else {
        adopt_span(cache, span);
    }
}

// The pages of an unfinished span are taken back with all others that no span
// has (recover_pages).
static void repair_span(struct mh_span *span, void *arg) {
    (void)arg;
    if (is_unfinished(span)) {
        mh_span_retire(span);
        mh_arena_drop_span(span);
    } else if (span->size_class != 0) {
        repair_small(span);
    }
}

static void each_cache(void (*visit)(struct mh_cache *cache)) {
    for (uint32_t id = 1; id < mh_caches.count; id++) {
        visit(mh_cache_by_id(id));
    }
}

static void empty_told(struct mh_cache *cache) {
    cache->told = NULL;
}

// What earlier forks left is counted anew: a thread that vanished may have been
// just counting.
static void count_left_anew(struct mh_cache *cache) {
    if (cache->left != 0) { // the first write to a page copies it
        cache->left = 0;
    }
}

static void flush_pages(struct mh_cache *cache) {
    if (cache->heap != NULL) {
        mh_cache_flush_pages(cache);
    }
}

static void drop_vanished(struct mh_cache *cache) {
    uint32_t state = cache->state;
    bool used = state == MH_CACHE_IN_USE || state == MH_CACHE_ORPHAN;
    if (!used || is_mine(cache)) {
        return;
    }
    if (state == MH_CACHE_IN_USE) {
        MH_SUB_RELAXED(&cache->heap->caches_live, 1);
    }
    mh_cache_abandon(cache, MH_CACHE_FREE);
}

// All free records, with those that a vanished thread was just taking off the
// list or putting on it.
static void list_if_free(struct mh_cache *cache) {
    if (cache->state == MH_CACHE_FREE && cache->left == 0) {
        cache->next_free = mh_caches.free;
        mh_caches.free = cache;
    }
}

// Whether a span covers a page, asked in address order. `end` is where the last
// large span seen ends: its inner pages name nobody.
static bool page_is_used(void *arg, uintptr_t page) {
    uintptr_t *end = arg;
    struct mh_arena *arena = mh_arena_of_known(page);
    if (page < *end) {
        return true;
    }
    if (arena->page_words[mh_arena_page(page)] == 0) {
        return false;
    }
    const struct mh_span *span = mh_arena_span(arena, page);
    *end = (uintptr_t)span->base + ((uintptr_t)span->npages << MH_PAGE_SHIFT);
    return true;
}

// Pages that a vanished thread had taken and not yet made a span of, or had
// taken out of a span and not yet given back, belong to nobody.
static void recover_pages(void) {
    for (uint32_t i = 0; i < mh_heaps.count; i++) {
        uintptr_t end = 0;
        struct mheap *heap = mh_heaps.table[i];
        mh_lock(&heap->lock);
        mh_palloc_rebuild(&heap->pages, page_is_used, &end);
        mh_unlock(&heap->lock);
    }
}

static void recount_span(struct mh_span *span, void *arg) {
    (void)arg;
    struct mh_heap_counts *counts = &mh_heap_by_id(span->heap)->counts;
    if (span->size_class == 0 && span->state == MH_SPAN_IN_USE) {
        counts->large_frees--;
        counts->large_free_bytes -= (uint64_t)span->npages << MH_PAGE_SHIFT;
    } else {
        counts->spans_freed--;
    }
}

// Of what a vanished thread was just freeing it may be counted that it was
// made, and not that it went. So all of it went, but for what is there.
static void recount_heaps(void) {
    for (uint32_t i = 0; i < mh_heaps.count; i++) {
        struct mh_heap_counts *counts = &mh_heaps.table[i]->counts;
        // Together: more of them may be alive than came from the heap.
        counts->large_allocs += counts->run_allocs;
        counts->large_alloc_bytes += counts->run_alloc_bytes;
        counts->run_allocs = counts->run_frees = 0;
        counts->run_alloc_bytes = counts->run_free_bytes = 0;
        counts->large_frees = counts->large_allocs;
        counts->large_free_bytes = counts->large_alloc_bytes;
        counts->spans_freed = counts->spans_made;
    }
    mh_heap_each_span(NULL, recount_span, NULL);
}

// The thread that forked goes on under another number.
static void rename_thread(void) {
    struct mh_cache *cache = mh_tls_get();
    for (; cache != NULL && cache->state != MH_CACHE_NOBODY;
         cache = cache->next_thread) {
        cache->thread = mh_thread_id();
    }
}

// Makes the child whole; a process that never had another thread is so as it
// is. Each pass needs what the ones before it made true:
//   - sequence numbers are even, so that publishing and retiring may run;
//   - told stacks, which link vanished threads' spans and ours, are empty;
//   - spans caught half-way into or out of life are ended, vanished owners'
//     spans get none unless they may stay (left.h), and ours and the side
//     caches' are told anew where a free was on its way;
//   - pages in page caches go back before the caches are wiped, and only then
//     is a page that no span covers known to belong to nobody.
static void child(void) {
    release_all(mh_lock_reset);
    mh_scav_child();
    mh_late_forget();
    mh_sample_child();
    bool alone = mh_caches.count == 2 && !is_mine(&mh_cache_none) &&
                 !is_mine(&mh_cache_dead) && mh_heaps.strangers == 0;
    if (!alone) {
        mh_arenas_repair_seq();
        each_cache(empty_told);
        each_cache(count_left_anew);
        mh_heap_each_span(NULL, repair_span, NULL);
        each_cache(flush_pages);
        each_cache(drop_vanished);
        mh_caches.free = NULL;
        each_cache(list_if_free);
        recover_pages();
        recount_heaps();
    }
    rename_thread();
    mh_root_publish();
}

enum mh_status mh_fork_init(void) {
    return mh_thread_on_fork(prepare, parent, child);
}
