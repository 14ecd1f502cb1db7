// scavenge.c - what a round of the scavenger does to heaps.

#include "core/heap/scavenge.h"

#include "core/base/assert.h"
#include "core/heap/bad_free.h"
#include "core/heap/cache_pages.h"
#include "core/heap/headroom.h"
#include "core/heap/heap.h"
#include "core/heap/holes.h"
#include "core/heap/huge.h"
#include "core/heap/options.h"
#include "core/heap/pairs.h"
#include "core/heap/seize.h"
#include "core/scav/scavenger.h"
#include "core/sys/thread.h"

enum {
    START_PAGES = (16 << 20) >> MH_PAGE_SHIFT, // of a heap that has a thread
    WAKE_PAGES = (256 << 10) >> MH_PAGE_SHIFT, // idle ones worth a round
    CUT_PER_LOCK = 8,     // spans cut while a central lock is held,
    LOOKED_PER_LOCK = 64, // and looked at
    LOCKS_PER_ROUND = 256,
};

// Where a round has got to in one heap.
struct sweep {
    struct mheap *heap;
    struct mh_pacer *pacer;
    uintptr_t below; // what lies above has been looked at
    bool refused;    // by the system
    struct mh_pairs_home home;
};

// The highest run of idle pages that may go; npages is 0 when none is found
// soon, and sweep->below when there is none.
static struct mh_may_go find_run_locked(struct sweep *sweep, size_t most) {
    struct mh_may_go run = {0, 0, 0};
    size_t npages = 0;
    for (int i = 0; run.npages == 0 && i < LOOKED_PER_LOCK; i++) {
        uintptr_t base =
            mh_palloc_find_scavengable(&sweep->heap->pages, sweep->below, most,
                                       mh_heap_release_unit(), &npages);
        if (base == 0) {
            sweep->below = 0;
            break;
        }
        run = mh_huge_may_go(base, npages);
        sweep->below = run.below;
    }
    return run;
}

// Takes that run.
static struct mh_may_go take_run(struct sweep *sweep, size_t most) {
    struct mheap *heap = sweep->heap;
    struct mh_may_go run = {0, 0, 0};
    while (run.npages == 0 && sweep->below != 0) {
        size_t released = 0;
        mh_lock(&heap->lock);
        run = find_run_locked(sweep, most);
        if (run.npages != 0) {
            bool taken =
                mh_palloc_take(&heap->pages, run.base, run.npages, &released);
            MH_CHECK(taken && released == 0);
        }
        mh_unlock(&heap->lock);
    }
    return run;
}

// Gives one run back. Meanwhile it counts as allocated, so that the heap's lock
// is not held for as long as the system takes.
static size_t give_run(struct sweep *sweep, size_t most) {
    struct mheap *heap = sweep->heap;
    struct mh_may_go run = take_run(sweep, most);
    if (run.npages == 0) {
        return 0;
    }
    uint64_t start = mh_thread_now_ns();
    size_t bytes = run.npages << MH_PAGE_SHIFT;
    mh_huge_note_unused(run.base, bytes);
    bool done = mh_sys_unused((void *)run.base, bytes, MH_FOR_HEAP) == MH_OK;
    mh_pacer_spend(sweep->pacer, mh_thread_now_ns() - start);

    mh_lock(&heap->lock);
    mh_palloc_free(&heap->pages, run.base, run.npages);
    if (done) {
        mh_palloc_mark_released(&heap->pages, run.base, run.npages);
        mh_pairs_note_locked(heap, &sweep->home, run.base, bytes);
        MH_ADD_RELAXED(&heap->counts.released_bytes, bytes);
    }
    mh_unlock(&heap->lock);
    sweep->refused = !done;
    return run.npages;
}

static void let_pairs_go(struct sweep *sweep) {
    uint64_t start = mh_thread_now_ns();
    mh_lock(&sweep->heap->lock);
    mh_pairs_go_locked(sweep->heap, &sweep->home);
    mh_unlock(&sweep->heap->lock);
    mh_pacer_spend(sweep->pacer, mh_thread_now_ns() - start);
}

// Whether a heap keeps enough for a round, without what the system refuses.
static bool wants_round(struct mheap *heap) {
    return mh_heap_idle_pages(heap) >= heap->stuck_pages + WAKE_PAGES;
}

static struct mh_demand_look look_locked(const struct mheap *heap) {
    return (struct mh_demand_look){
        .total = heap->pages.total_pages,
        .released = heap->pages.released_pages,
        .made = MH_LOAD_RELAXED(&heap->counts.spans_made) +
                heap->counts.large_allocs +
                MH_LOAD_RELAXED(&heap->counts.run_allocs),
    };
}

// How many pages have lain idle and are not soon wanted again.
static uint64_t begin_sweep(struct mheap *heap) {
    mh_lock(&heap->lock);
    uint64_t surplus = mh_palloc_surplus(&heap->pages);
    uint64_t keep = mh_demand_begin(&heap->demand, look_locked(heap));
    mh_unlock(&heap->lock);
    return surplus > keep ? surplus - keep : 0;
}

static void end_sweep(struct mheap *heap, size_t given) {
    mh_lock(&heap->lock);
    mh_demand_end(&heap->demand, look_locked(heap), given);
    if (given != 0) {
        MH_STORE_RELAXED(&heap->is_short, 0); // there was more than is needed
    }
    mh_unlock(&heap->lock);
}

// Gives back what has lain idle, up to `most` pages; how many. True in *more
// when the heap keeps enough for another round.
static size_t sweep_heap(struct mheap *heap, struct mh_pacer *pacer,
                         size_t most, bool *more) {
    struct sweep sweep = {.heap = heap, .pacer = pacer, .below = UINTPTR_MAX};
    uint64_t surplus = begin_sweep(heap);
    size_t left = surplus < most ? (size_t)surplus : most;
    size_t done = 0;
    bool may = mh_pacer_allows(pacer);
    while (left != 0 && mh_pacer_allows(pacer)) {
        size_t n = give_run(&sweep, left);
        if (n == 0 || sweep.refused) {
            break;
        }
        done += n;
        left -= n < left ? n : left;
    }
    let_pairs_go(&sweep);
    end_sweep(heap, done);
    // What the system does not take, or not in such pieces, is not asked about
    // again until there is more.
    bool stuck = sweep.refused || (done == 0 && left != 0);
    if (may) {
        heap->stuck_pages = stuck ? mh_heap_idle_pages(heap) : 0;
    }
    *more = wants_round(heap);
    return done;
}

// True when another round should come soon: pieces of what was dense may go
// now, or there was no time to look at all of it.
static bool settle_heap(struct mheap *heap, struct mh_pacer *pacer) {
    bool more = false;
    if (mh_huge_settle_some(heap, pacer, &more)) {
        heap->stuck_pages = 0;
        more = more || wants_round(heap);
    }
    return more;
}

// True when another round may find something in a cache.
static bool look_after_caches(struct mh_pacer *pacer) {
    uint64_t count = MH_LOAD_ACQUIRE(&mh_caches.count);
    bool more = false;
    for (uint32_t id = 1; id < count; id++) {
        struct mh_cache *cache = mh_cache_by_id(id);
        uint32_t state = MH_LOAD_ACQUIRE(&cache->state);
        if (state == MH_CACHE_IN_USE || state == MH_CACHE_SIDE) {
            more = mh_cache_take_back(cache, pacer) || more;
            more = mh_cache_flush_pages_if_quiet(cache) || more;
        }
    }
    return more;
}

// Makes holes in spans that nobody owns, from where the last round stopped. The
// lock is held meanwhile, for a few spans at a time: nobody may adopt one that
// is being cut. False at the end of the list.
static bool cut_some(struct mh_central *central) {
    struct mh_holes holes;
    unsigned cut = 0;
    holes.n = 0;
    mh_lock(&central->lock);
    struct mh_span *span = central->cut != NULL ? central->cut : central->spans;
    for (unsigned looked = 0;
         span != NULL && looked < LOOKED_PER_LOCK && cut < CUT_PER_LOCK;
         looked++) {
        if (mh_span_wants_holes(span)) {
            mh_holes_add(&holes, span);
            cut++;
        }
        span = span->list_next;
    }
    mh_holes_make(&holes);
    central->cut = span;
    mh_unlock(&central->lock);
    return span != NULL;
}

static void cut_ownerless(struct mh_central *central, struct mh_pacer *pacer) {
    bool more = true;
    for (unsigned i = 0; more && i < LOCKS_PER_ROUND && mh_pacer_allows(pacer);
         i++) {
        uint64_t start = mh_thread_now_ns();
        more = cut_some(central);
        // At least something, where the clock is coarse.
        mh_pacer_spend(pacer, mh_thread_now_ns() - start + 1);
    }
}

// As many classes as there is time for; the next round goes on behind them.
static void look_after_central(struct mheap *heap, struct mh_pacer *pacer) {
    enum { N = MH_NCLASSES - 1 };
    unsigned i = 0;
    for (; i < N && mh_pacer_allows(pacer); i++) {
        struct mh_central *central =
            &heap->central[1 + (heap->cut_class + i) % N];
        if (MH_LOAD_RELAXED(&central->spans) != NULL) {
            cut_ownerless(central, pacer);
        }
    }
    heap->cut_class = (heap->cut_class + i) % N;
}

// Long lists of spans must not take the time of pages that lie idle: half of it
// at most.
static void look_after_central_at_half(struct mheap *heap,
                                       struct mh_pacer *pacer) {
    uint64_t half = pacer->left_ns / 2;
    struct mh_pacer share = {.now_ns = pacer->now_ns, .left_ns = half};
    look_after_central(heap, &share);
    mh_pacer_spend(pacer, half - share.left_ns);
}

static bool is_live(const struct mheap *heap) {
    return MH_LOAD_ACQUIRE(&heap->state) == MH_HEAP_LIVE;
}

void mh_heap_sweep_quiet(struct mh_pacer *pacer) {
    (void)look_after_caches(pacer);
    uint32_t count = MH_LOAD_ACQUIRE(&mh_heaps.count);
    for (uint32_t i = 0; i < count; i++) {
        if (is_live(mh_heap_by_id(i))) {
            look_after_central(mh_heap_by_id(i), pacer);
        }
    }
}

size_t mh_heap_release_all_locked(void) {
    size_t done = 0;
    uint32_t count = MH_LOAD_ACQUIRE(&mh_heaps.count);
    for (uint32_t i = 0; i < count; i++) {
        // Also of heaps that were destroyed when the system took nothing.
        mh_cache_flush_side(mh_heap_by_id(i));
        done += mh_heap_release(mh_heap_by_id(i));
    }
    return done;
}

size_t mh_heap_release_all(void) {
    mh_lock(&mh_scavenger.lock);
    size_t done = mh_heap_release_all_locked();
    mh_unlock(&mh_scavenger.lock);
    return done;
}

static bool do_round(struct mh_pacer *pacer, uint64_t most) {
    size_t left = (size_t)(most >> MH_PAGE_SHIFT);
    bool more = look_after_caches(pacer);
    uint32_t count = MH_LOAD_ACQUIRE(&mh_heaps.count);
    for (uint32_t i = 0; i < count; i++) {
        struct mheap *heap = mh_heap_by_id(i);
        bool again = false;
        if (is_live(heap)) {
            look_after_central_at_half(heap, pacer);
            left -= sweep_heap(heap, pacer, left, &again);
        }
        more = more || again;
    }
    // Of no heap before there was time for all.
    for (uint32_t i = 0; i < count; i++) {
        struct mheap *heap = mh_heap_by_id(i);
        more = (is_live(heap) && settle_heap(heap, pacer)) || more;
    }
    return more;
}

static bool something_waits(void) {
    uint32_t count = MH_LOAD_ACQUIRE(&mh_heaps.count);
    for (uint32_t i = 0; i < count; i++) {
        struct mheap *heap = mh_heap_by_id(i);
        if (is_live(heap) && wants_round(heap)) {
            return true;
        }
    }
    return false;
}

static const struct mh_scav_work work = {do_round, something_waits};

static enum mh_scav_mode mode(void) {
    return (enum mh_scav_mode)mh_option(MH_OPTION_SCAVENGER);
}

// A thread that is awake looks by itself.
void mh_heap_note_idle(size_t idle_pages) {
    if (idle_pages >= WAKE_PAGES && mode() != MH_SCAV_OFF &&
        MH_LOAD_RELAXED(&mh_scavenger.state) != MH_SCAV_AWAKE) {
        mh_scav_take_note(MH_SCAV_IDLE);
    }
}

// However little: many threads may keep as much. A thread that is not there yet
// needs no note: the heap is small.
void mh_heap_note_kept(bool wants) {
    mh_heap_note_freed();
    if (wants && mode() == MH_SCAV_CALLS) {
        mh_scav_take_note(MH_SCAV_IDLE);
    }
}

// A thread that is awake may have looked already, and be about to sleep.
void mh_heap_note_came(void) {
    if (mode() != MH_SCAV_OFF) {
        mh_scav_take_note(MH_SCAV_IDLE);
    }
}

void mh_heap_note_large(size_t total_pages) {
    if (total_pages >= START_PAGES && mode() == MH_SCAV_THREAD &&
        MH_LOAD_RELAXED(&mh_scavenger.state) == MH_SCAV_NONE) {
        mh_scav_take_note(MH_SCAV_LARGE);
    }
}

// A limit first: what it frees need lie idle no longer.
static void do_urgent(void) {
    uint32_t notes = MH_LOAD_RELAXED(&mh_scavenger.notes);
    if ((notes & MH_SCAV_SHORT) != 0) {
        MH_AND_RELEASE(&mh_scavenger.notes, ~(uint32_t)MH_SCAV_SHORT);
        mh_headroom_relieve();
    }
    mh_bad_free_tell_late();
}

void mh_heap_poke_freeing_slow(void) {
    do_urgent();
    mh_scav_poke(mode(), &work, false);
}

void mh_heap_poke_taking_slow(void) {
    do_urgent();
    mh_scav_poke(mode(), &work, true);
}
