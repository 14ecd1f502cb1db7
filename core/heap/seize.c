// seize.c - taking back what a thread holds that makes no calls.

#include "core/heap/seize.h"

#include "core/base/assert.h"
#include "core/base/atomic.h"
#include "core/base/bits.h"
#include "core/heap/cache.h"
#include "core/heap/heap.h"
#include "core/heap/holes.h"
#include "core/heap/remote.h"
#include "core/heap/scavenge.h"
#include "core/scav/pacer.h"
#include "core/sys/thread.h"

// What is done while a cache is seized once. Its thread may have to wait for
// that, if it should wake: for a fraction of a millisecond, and a tenth of a
// microsecond more for each span that others have freed into.
enum {
    ENDED_AT_ONCE = 256,
    LOOKED_AT_ONCE = 256,
    CUT_AT_ONCE = 32,
    SEIZURES_TO_END = 16, // in a round
    SEIZURES_TO_CUT = 256,
};

void mh_cache_enter_slow(struct mh_cache *cache) {
    do {
        MH_STORE_RELEASE(&cache->busy, 0);
        while (MH_LOAD_ACQUIRE(&cache->seized) != 0) {
            mh_thread_wait_for(&cache->seized, 1, UINT64_MAX);
        }
        MH_STORE_RELAXED(&cache->busy, 1);
        MH_FENCE_SIGNAL();
    } while (MH_LOAD_ACQUIRE(&cache->seized) != 0);
}

static void let_go(struct mh_cache *cache) {
    // release: the thread finds the spans as they are now.
    MH_STORE_RELEASE(&cache->seized, 0);
    mh_thread_wake(&cache->seized);
}

// The system has no such barrier: nothing can be seized. Of the scavenger.
static bool no_barrier;

// False when its thread is in it.
static bool seize(struct mh_cache *cache) {
    MH_STORE_RELAXED(&cache->seized, 1);
    // Who did not see that has said that it is busy before the barrier ends.
    no_barrier = !mh_thread_barrier();
    // acquire: what the thread last did to its spans is seen.
    if (!no_barrier && MH_LOAD_ACQUIRE(&cache->busy) == 0) {
        return true;
    }
    let_go(cache);
    return false;
}

// Whether every slot is free, or freed by another thread: what the owner would
// find by draining, and without writing anything.
static bool is_emptied(const struct mh_span *span) {
    uintptr_t base = (uintptr_t)span->base;
    const struct mh_pair *pairs = mh_arena_pair(mh_arena_of_known(base), base);
    uint64_t n = span->nfree;
    uintptr_t npairs = (uintptr_t)span->npages
                       << (MH_PAGE_SHIFT - MH_PAIR_SHIFT);
    for (uintptr_t i = 0; i < npairs; i++) {
        uint64_t live =
            MH_CHECKS ? MH_LOAD_RELAXED(&pairs[i].live) : UINT64_MAX;
        n += mh_popcount64(live & MH_LOAD_ACQUIRE(&pairs[i].remote));
    }
    return n == span->nslots;
}

// How many of the told spans are ended, at most ENDED_AT_ONCE; the others go
// back on the stack.
static unsigned end_emptied(struct mh_cache *cache) {
    // acquire: pairs with the release push in remote.c.
    struct mh_span *span = MH_EXCHANGE_ACQUIRE(&cache->told, NULL);
    unsigned ended = 0;
    while (span != NULL) {
        struct mh_span *next = MH_LOAD_RELAXED(&span->told_next);
        if (ended < ENDED_AT_ONCE && is_emptied(span)) {
            mh_cache_end_told(cache, span);
            ended++;
        } else {
            mh_remote_push_told(cache, span);
        }
        span = next;
    }
    return ended;
}

// Makes holes from `span` on. The next span, or NULL at the end of the list.
static struct mh_span *make_holes(struct mh_span *span) {
    struct mh_holes holes;
    unsigned cut = 0;
    holes.n = 0;
    for (unsigned looked = 0;
         span != NULL && looked < LOOKED_AT_ONCE && cut < CUT_AT_ONCE;
         looked++) {
        if (mh_span_wants_holes(span)) {
            mh_holes_add(&holes, span);
            cut++;
        }
        span = span->next;
    }
    mh_holes_make(&holes);
    return span;
}

// Seizes a cache if its thread has still not been in it since `calls` was read.
static bool seize_quiet(struct mh_cache *cache, uint32_t calls) {
    if (!seize(cache)) {
        return false;
    }
    if (MH_LOAD_RELAXED(&cache->calls) == calls) {
        return true;
    }
    let_go(cache);
    return false;
}

static void take_emptied(struct mh_cache *cache, uint32_t calls,
                         struct mh_pacer *pacer) {
    unsigned ended = 1;
    for (unsigned i = 0;
         i < SEIZURES_TO_END && ended != 0 && mh_pacer_allows(pacer); i++) {
        uint64_t start = mh_thread_now_ns();
        if (MH_LOAD_RELAXED(&cache->told) == NULL ||
            !seize_quiet(cache, calls)) {
            return;
        }
        ended = end_emptied(cache);
        let_go(cache);
        mh_pacer_spend(pacer, mh_thread_now_ns() - start);
    }
}

// The list of spans is the thread's: it stands still while its calls do. What
// is not reached is left to the next round, which passes over what was.
static void cut_owned(struct mh_cache *cache, uint32_t calls,
                      struct mh_pacer *pacer) {
    struct mh_span *span = NULL;
    for (unsigned i = 0; i < SEIZURES_TO_CUT && cache->cut_calls != calls &&
                         mh_pacer_allows(pacer);
         i++) {
        uint64_t start = mh_thread_now_ns();
        if (!seize_quiet(cache, calls)) {
            return;
        }
        span = make_holes(span == NULL ? cache->owned : span);
        let_go(cache);
        mh_pacer_spend(pacer, mh_thread_now_ns() - start);
        if (span == NULL) {
            cache->cut_calls = calls;
        }
    }
}

// As far as another thread can tell: a bin may be changing.
static bool holds_slots(const struct mh_cache *cache) {
    for (unsigned i = 1; i < MH_NCLASSES; i++) {
        if (MH_LOAD_RELAXED(&cache->bins[i].top) !=
            MH_LOAD_RELAXED(&cache->bottoms[i])) {
            return true;
        }
    }
    return false;
}

// The slots in the bins are few, and may be all there is in as many spans. The
// thread alone can take them out, so it is asked to.
static void ask_for_bins(struct mh_cache *cache, uint32_t calls) {
    if (MH_LOAD_RELAXED(&cache->state) == MH_CACHE_IN_USE &&
        holds_slots(cache)) {
        MH_STORE_RELAXED(&cache->asked_calls, calls);
        // release: the thread that sees the question sees what for.
        MH_STORE_RELEASE(&cache->owner_word,
                         (uint32_t)MH_OWNER_NOBODY << MH_CLASS_BITS);
    }
}

// Empties the bins. The thread had not been in its cache for a period: what
// comes free has lain idle as long, and the next round need not wait for it.
static void give_bins(struct mh_cache *cache) {
    struct mheap *heap = cache->heap;
    size_t before = mh_heap_idle_pages(heap);
    mh_cache_flush(cache);
    MH_STORE_RELAXED(&cache->seen_calls, cache->calls);
    size_t after = mh_heap_idle_pages(heap);
    if (after > before) {
        mh_lock(&heap->lock);
        mh_palloc_note_old(&heap->pages, after - before);
        mh_unlock(&heap->lock);
    }
    mh_heap_note_freed();
}

// A thread that has been in the cache since then is at work.
void mh_cache_answer(struct mh_cache *cache) {
    MH_STORE_RELAXED(&cache->owner_word, cache->id << MH_CLASS_BITS);
    // Pairs with the release above. An older question finds other calls.
    MH_FENCE_ACQUIRE();
    if (MH_LOAD_RELAXED(&cache->asked_calls) == cache->calls) {
        give_bins(cache);
    }
}

// A thread at work drains what it has been told of, in its own time; not later
// than after this.
static void hurry(struct mh_cache *cache) {
    if (MH_LOAD_RELAXED(&cache->told) != NULL) {
        MH_STORE_RELAXED(&cache->overdue, 1);
    }
}

bool mh_cache_take_back(struct mh_cache *cache, struct mh_pacer *pacer) {
    uint32_t calls = MH_LOAD_RELAXED(&cache->calls);
    if (calls != MH_LOAD_RELAXED(&cache->seen_calls)) {
        MH_STORE_RELAXED(&cache->seen_calls, calls);
        hurry(cache);
        return true;
    }
    take_emptied(cache, calls, pacer);
    cut_owned(cache, calls, pacer);
    ask_for_bins(cache, calls);
    return cache->cut_calls != calls && !no_barrier;
}
