// cache_pages.c - the free pages that a thread's cache has for spans.

#include "core/heap/cache_pages.h"

#include "core/base/bits.h"
#include "core/heap/cache.h"
#include "core/heap/cover.h"
#include "core/heap/hard.h"
#include "core/heap/headroom.h"
#include "core/heap/heap.h"
#include "core/heap/huge.h"
#include "core/heap/scavenge.h"

static size_t bytes_of(size_t npages) {
    return npages << MH_PAGE_SHIFT;
}

// Makes a run that was just cut Ready, and with it what the cache has in the
// same system pages: a cache holds whole ones where they are Prepared, for its
// 64 pages begin and end with one.
static bool make_cut_ready(struct mh_cache *cache, uintptr_t base,
                           size_t npages, size_t released) {
    struct mh_page_cache *pages = &cache->pages;
    if (released == 0) {
        return true;
    }
    mh_huge_note_used(base);
    struct mh_cover cover = mh_cover_of(base, npages);
    unsigned first = (unsigned)((cover.base - pages->base) >> MH_PAGE_SHIFT);
    uint64_t mask = mh_low_bits((unsigned)cover.npages) << first;
    size_t bytes = bytes_of(released + mh_popcount64(pages->released & mask));
    mh_heap_make_room(cache->heap, bytes);
    if (mh_sys_used((void *)cover.base, bytes_of(cover.npages), bytes,
                    MH_FOR_HEAP) != MH_OK) {
        return false;
    }
    pages->released &= ~mask;
    return true;
}

static uintptr_t cut_locked(struct mh_cache *cache, size_t npages) {
    size_t released = 0;
    struct mh_page_cache before = cache->pages;
    uintptr_t base = mh_page_cache_alloc(&cache->pages, npages, &released);
    if (base != 0 && !make_cut_ready(cache, base, npages, released)) {
        cache->pages = before; // as if it had not been asked
        base = 0;
    }
    return base;
}

uintptr_t mh_cache_cut_pages(struct mh_cache *cache, size_t npages) {
    struct mheap *heap = cache->heap;
    mh_lock(&cache->page_lock);
    cache->page_calls++;
    uintptr_t base = cut_locked(cache, npages);
    if (base == 0) {
        mh_lock(&heap->lock);
        mh_page_cache_flush(&heap->pages, &cache->pages);
        bool filled = mh_page_cache_fill(&heap->pages, &cache->pages);
        mh_unlock(&heap->lock);
        base = filled ? cut_locked(cache, npages) : 0;
    }
    mh_unlock(&cache->page_lock);
    return base;
}

bool mh_cache_put_pages(struct mh_cache *cache, uintptr_t base, size_t npages) {
    mh_lock(&cache->page_lock);
    bool put = mh_page_cache_free(&cache->pages, base, npages);
    // The scavenger, which has seized it, makes no call of the thread's.
    cache->page_calls += put && MH_LOAD_RELAXED(&cache->seized) == 0;
    mh_unlock(&cache->page_lock);
    return put;
}

struct mh_cache *mh_cache_of_pages(const struct mheap *heap) {
    struct mh_cache *cache = mh_tls_get();
    bool usable = cache->heap == heap && cache->state == MH_CACHE_IN_USE;
    return usable ? cache : NULL;
}

uintptr_t mh_cache_take_run(struct mh_cache *cache, size_t npages) {
    if (cache == NULL || !mh_page_runs_serves(npages)) {
        return 0;
    }
    mh_lock(&cache->page_lock);
    uintptr_t base = mh_page_runs_take(&cache->runs, npages);
    cache->page_calls++;
    mh_unlock(&cache->page_lock);
    return base;
}

// A note may come too soon after a round, and be dropped: then another follows.
enum { CALLS_PER_NOTE = 32 };

// In hardened mode what was freed lies still for long, and elsewhere. A heap
// that cannot grow needs each hole to be where all can see it: otherwise what
// fits into a small one is cut from a large one.
static bool may_keep(const struct mheap *heap) {
    return !mh_hard_on && MH_LOAD_RELAXED(&heap->is_short) == 0 &&
           !mh_headroom_lacks(0);
}

bool mh_cache_keep_run(struct mh_cache *cache, uintptr_t base, size_t npages) {
    if (cache == NULL || !mh_page_runs_serves(npages) ||
        mh_arena_crosses(base, npages) || !may_keep(cache->heap)) {
        return false;
    }
    struct mheap *heap = cache->heap;
    mh_lock(&cache->page_lock);
    while (!mh_page_runs_put(&cache->runs, base, npages)) {
        mh_lock(&heap->lock);
        mh_page_runs_make_room(&heap->pages, &cache->runs, npages);
        mh_unlock(&heap->lock);
    }
    cache->page_calls++;
    bool again = cache->page_calls % CALLS_PER_NOTE == 0;
    bool wants_note = !cache->kept_told || again;
    cache->kept_told = true;
    mh_unlock(&cache->page_lock);
    mh_heap_note_kept(wants_note);
    return true;
}

static bool holds_any(const struct mh_cache *cache) {
    return cache->pages.free != 0 || !mh_page_runs_is_empty(&cache->runs);
}

static void flush_locked(struct mh_cache *cache) {
    struct mheap *heap = cache->heap;
    mh_lock(&heap->lock);
    mh_page_cache_flush(&heap->pages, &cache->pages);
    mh_page_runs_flush(&heap->pages, &cache->runs);
    mh_unlock(&heap->lock);
    cache->kept_told = false;
}

void mh_cache_flush_pages(struct mh_cache *cache) {
    mh_lock(&cache->page_lock);
    flush_locked(cache);
    mh_unlock(&cache->page_lock);
}

bool mh_cache_flush_own_runs(const struct mheap *heap, uintptr_t at) {
    struct mh_cache *cache = mh_cache_of_pages(heap);
    if (cache == NULL) {
        return false;
    }
    mh_lock(&cache->page_lock);
    bool wanted = at == 0 ? !mh_page_runs_is_empty(&cache->runs)
                          : mh_page_runs_has(&cache->runs, at);
    if (wanted) {
        mh_lock(&cache->heap->lock);
        mh_page_runs_flush(&cache->heap->pages, &cache->runs);
        mh_unlock(&cache->heap->lock);
        cache->kept_told = false;
    }
    mh_unlock(&cache->page_lock);
    return wanted;
}

// A cache that holds pages is in use, and its heap stays what it is while the
// lock is held: whoever ends it flushes it first.
void mh_cache_flush_all_pages(const struct mheap *heap) {
    uint64_t count = MH_LOAD_ACQUIRE(&mh_caches.count);
    for (uint32_t id = 1; id < count; id++) {
        struct mh_cache *cache = mh_cache_by_id(id);
        mh_lock(&cache->page_lock);
        if (holds_any(cache) && (heap == NULL || cache->heap == heap)) {
            flush_locked(cache);
        }
        mh_unlock(&cache->page_lock);
    }
}

// A thread that has asked for no pages, and brought none, since the look before
// makes no calls.
bool mh_cache_flush_pages_if_quiet(struct mh_cache *cache) {
    mh_lock(&cache->page_lock);
    bool holds = holds_any(cache);
    bool quiet = cache->page_calls == cache->seen_page_calls;
    if (holds && quiet) {
        flush_locked(cache);
    }
    cache->seen_page_calls = cache->page_calls;
    mh_unlock(&cache->page_lock);
    return holds && !quiet;
}

size_t mh_cache_free_pages(struct mh_cache *cache, size_t *released_out) {
    mh_lock(&cache->page_lock);
    size_t free =
        mh_popcount64(cache->pages.free) + mh_page_runs_count(&cache->runs);
    *released_out = mh_popcount64(cache->pages.released);
    mh_unlock(&cache->page_lock);
    return free;
}

static bool is_no_spans(uintptr_t base, size_t npages) {
    bool none = true;
    for (size_t i = 0; i < npages; i++) {
        none = none && *mh_arena_page_word(mh_arena_of_known(base),
                                           base + bytes_of(i)) == 0;
    }
    return none;
}

static bool pages_are_free(const struct mh_page_cache *pages) {
    bool sound = mh_page_cache_check(pages) == 0;
    for (uint64_t left = pages->free; sound && left != 0; left &= left - 1) {
        sound = is_no_spans(pages->base + bytes_of(mh_ctz64(left)), 1);
    }
    return sound;
}

static bool runs_are_free(const struct mh_page_runs *runs) {
    bool sound = mh_page_runs_check(runs) == 0;
    for (unsigned i = 0; sound && i < MH_PAGE_RUNS; i++) {
        uint64_t run = runs->run[i];
        sound = is_no_spans(mh_page_run_base(run), mh_page_run_pages(run));
    }
    return sound;
}

bool mh_cache_pages_are_free(struct mh_cache *cache) {
    mh_lock(&cache->page_lock);
    bool sound = pages_are_free(&cache->pages) && runs_are_free(&cache->runs);
    mh_unlock(&cache->page_lock);
    return sound;
}
