// slow.c - malloc and free, whatever the case.

#include <errno.h>

#include "core/api/fast.h"
#include "core/api/slow.h"
#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/heap/bad_free.h"
#include "core/heap/hard.h"
#include "core/heap/hard_alloc.h"
#include "core/heap/headroom.h"
#include "core/heap/heap.h"
#include "core/heap/large.h"
#include "core/heap/remote.h"
#include "core/heap/sample.h"
#include "core/heap/scavenge.h"

unsigned mh_side_class(size_t size, size_t align) {
    size_t least = align < MH_CACHE_LINE ? MH_CACHE_LINE : align;
    if (size > least && size <= MH_CLASS_STEP_LIMIT) {
        size = (size_t)1 << (mh_log2(size - 1) + 1);
    }
    return mh_size_class_aligned(size, least);
}

// A slot of a class, marked live; once in a while a sampled object instead.
static inline void *take(struct mh_cache *cache, unsigned size_class,
                         size_t size, size_t align) {
    void *slot = mh_cache_alloc(cache, size_class);
    if (MH_UNLIKELY(cache->sample_left < 0) && slot != NULL) {
        void *sampled = mh_sample_alloc(cache, size, align);
        if (sampled != NULL) {
            mh_cache_push(cache, size_class, slot);
            return sampled;
        }
    }
    if (slot != NULL) {
        mh_mark_live((uintptr_t)slot);
    }
    return slot;
}

// Takes a slot from a heap's side cache, for threads without a cache.
static void *alloc_side(struct mheap *heap, size_t size, size_t align) {
    unsigned size_class = mh_side_class(size, align);
    void *slot = NULL;
    mh_lock(&heap->side_lock);
    struct mh_cache *cache = mh_cache_side_locked(heap);
    if (cache != NULL) {
        slot = take(cache, size_class, size, align);
    }
    mh_unlock(&heap->side_lock);
    return slot;
}

// size_class is the one that serves size and align.
static void *alloc_small(struct mheap *heap, unsigned size_class, size_t size,
                         size_t align) {
    struct mh_cache *cache = mh_cache_of_thread(heap);
    if (MH_UNLIKELY(cache == NULL)) {
        return alloc_side(heap, size, align);
    }
    return take(cache, size_class, size, align);
}

static void *try_alloc(struct mheap *heap, size_t size, size_t align,
                       bool *zero_out) {
    if (MH_UNLIKELY(mh_hard_on)) {
        return mh_hard_alloc(heap, size, align, zero_out);
    }
    unsigned size_class = mh_size_class_aligned(size, align);
    return size_class != 0 ? alloc_small(heap, size_class, size, align)
                           : mh_large_alloc(heap, size, align, zero_out);
}

void *mh_alloc(struct mheap *heap, size_t size, size_t align, bool *zero_out) {
    void *p = NULL;
    uint64_t refusals = mh_headroom_refusals();
    *zero_out = false;
    if (heap != NULL) {
        p = try_alloc(heap, size, align, zero_out);
        if (MH_UNLIKELY(p == NULL) && mh_headroom_reclaim(refusals)) {
            p = try_alloc(heap, size, align, zero_out);
        }
    }
    mh_heap_poke_taking();
    if (p == NULL) {
        errno = ENOMEM;
    }
    return p;
}

void *mh_alloc_growing(struct mheap *heap, size_t size) {
    bool zero = false;
    bool is_large = size > MH_SMALL_MAX && !mh_hard_on;
    void *p = is_large ? mh_large_alloc_growing(heap, size) : NULL;
    if (p == NULL) {
        return mh_alloc(heap, size, 1, &zero);
    }
    mh_heap_poke_taking();
    return p;
}

void *mh_malloc_medium(size_t size) {
    if (MH_UNLIKELY(size > MH_SMALL_MAX)) {
        return mh_malloc_slow(size);
    }
    void *slot = mh_bin_pop(&mh_tls_get()->bins[mh_size_class(size)]);
    return MH_LIKELY(slot != NULL) ? slot : mh_malloc_slow(size);
}

// An object of the thread's cache of the default heap, as most are that come
// this way; NULL when there is no such cache, or not enough memory at first
// sight.
static void *alloc_own(size_t size) {
    struct mh_cache *cache = mh_tls_get();
    if (size > MH_SMALL_MAX || cache->state != MH_CACHE_IN_USE || mh_hard_on) {
        return NULL;
    }
    void *slot = take(cache, mh_size_class(size), size, 1);
    if (slot != NULL) {
        mh_heap_poke_taking();
    }
    return slot;
}

void *mh_malloc_slow(size_t size) {
    bool zero = false;
    int saved = errno;
    void *p = alloc_own(size);
    if (p == NULL) {
        p = mh_alloc(mh_heap_default(), size, 1, &zero);
    }
    if (p != NULL) {
        errno = saved;
    }
    return p;
}

// Frees an object of a span that one of this thread's caches owns.
static bool free_local(struct mh_arena *arena, struct mh_cache *cache,
                       uintptr_t p, unsigned size_class) {
#if MH_CHECKS
    struct mh_pair *pair = mh_arena_pair(arena, p);
    uint64_t live = pair->live;
    uint64_t bit = mh_pair_bit(p);
    if ((live & ~MH_LOAD_RELAXED(&pair->remote) & bit) == 0) {
        return false;
    }
    MH_STORE_RELAXED(&pair->live, live & ~bit);
#else
    (void)arena;
#endif
    if (MH_UNLIKELY(mh_cache_is_asked(cache))) {
        mh_cache_answer(cache);
    }
    mh_cache_push(cache, size_class, (void *)p);
    return true;
}

static bool free_any(uintptr_t p, const char *function) {
    if (MH_UNLIKELY(mh_hard_on)) {
        return mh_hard_free(p, function);
    }
    struct mh_arena *arena = mh_arena_of(p);
    if (arena == NULL) {
        return false;
    }
    uint32_t word = MH_LOAD_RELAXED(&arena->page_words[mh_arena_page(p)]);
    uint32_t owner = mh_page_word_owner(word);
    unsigned size_class = mh_page_word_class(word);
    if (owner == MH_OWNER_LARGE) {
        return mh_large_free(arena, p);
    }
    if (size_class == 0) {
        return false; // free pages, or manual ones
    }
    struct mh_cache *cache = mh_cache_of_owner(owner);
    return cache != NULL ? free_local(arena, cache, p, size_class)
                         : mh_remote_free(arena, p);
}

// What the system is asked for on the way keeps errno; a report need not.
static MH_NOINLINE void report_bad(void *p, const char *function) {
    int saved = errno;
    mh_bad_free(p, function, SIZE_MAX);
    errno = saved;
}

static MH_NOINLINE void free_other(void *p, const char *function) {
    if (MH_UNLIKELY(!free_any((uintptr_t)p, function))) {
        report_bad(p, function);
    }
    mh_heap_poke_freeing();
}

// Whether p is on a page of another thread's small span in the window, as most
// are that come this way. A page word with a class says that the arena is
// there.
static bool is_foreign(uintptr_t p) {
    uintptr_t granule = mh_window_granule(&mh_window, p);
    // acquire: pairs with the release in mh_window_words.
    if (granule >= MH_LOAD_ACQUIRE(&mh_window.limit)) {
        return false;
    }
    const struct mh_cache *cache = mh_tls_get();
    uint32_t word = mh_window_page_word(&mh_window, granule);
    return mh_page_word_class(word) != 0 &&
           mh_page_word_owner(word) != cache->id && cache->next_thread == NULL;
}

// The first free into a group of pairs since it was drained.
static MH_NOINLINE void tell(void *p, struct mh_span *span,
                             const char *function) {
    uintptr_t at = (uintptr_t)p;
    if (MH_UNLIKELY(!mh_remote_tell(mh_arena_of_known(at), at, span))) {
        report_bad(p, function);
    }
    mh_heap_poke_freeing();
}

// A free that was refused is never tried again: its object may have been taken
// in meanwhile, and be somebody else's by now. What is called here is called
// last, so that other threads' objects are freed without a frame.
void mh_free_slow(void *p, const char *function) {
    uintptr_t at = (uintptr_t)p;
    if (MH_UNLIKELY(!is_foreign(at))) {
        if (p != NULL) {
            free_other(p, function);
        }
        return;
    }
    struct mh_span *span = mh_remote_mark(mh_arena_of_known(at), at);
    if (MH_UNLIKELY(span == NULL)) {
        report_bad(p, function);
    } else if (MH_UNLIKELY(mh_remote_touch(span, mh_remote_group(at)))) {
        tell(p, span, function);
    } else {
        mh_heap_poke_freeing();
    }
}

struct mh_object mh_object_at(const void *p) {
    uintptr_t address = (uintptr_t)p;
    struct mh_object object = {NULL, 0};
    struct mh_arena *arena = mh_arena_of(address);
    if (arena == NULL) {
        return object;
    }
    uint32_t word = MH_LOAD_RELAXED(&arena->page_words[mh_arena_page(address)]);
    uint32_t owner = mh_page_word_owner(word);
    if (word == 0 || owner == MH_OWNER_MANUAL) {
        return object;
    }
    struct mh_span *span = mh_arena_span(arena, address);
#if MH_CHECKS
    const struct mh_pair *pair = mh_arena_pair(arena, address);
    uint64_t live =
        MH_LOAD_RELAXED(&pair->live) & ~MH_LOAD_RELAXED(&pair->remote);
    if ((live & mh_pair_bit(address)) == 0) {
        return object;
    }
#endif
    object.span = span;
    if (MH_UNLIKELY(mh_hard_on)) {
        object.bytes = mh_hard_bytes(span, address);
    } else {
        object.bytes =
            owner == MH_OWNER_LARGE ? mh_large_bytes(span) : span->slot_size;
    }
    return object;
}
