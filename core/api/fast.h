// fast.h - malloc and free, as far as they go without a call.
//
// Included by the API and by the allocation symbols, so that neither pays for a
// jump to the other. docs/fast-path.md goes through the instructions.

#ifndef MHEAP_CORE_API_FAST_H
#define MHEAP_CORE_API_FAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/atomic.h"
#include "core/base/attr.h"
#include "core/heap/arena.h"
#include "core/heap/cache.h"
#include "core/heap/size_class.h"

// mh_malloc_slow and mh_free_slow do what the fast paths cannot; they are
// complete and may be called with anything. mh_malloc_slow sets errno on
// failure, mh_free_slow keeps it. mh_malloc_medium is for sizes over 1 KiB.
void *mh_malloc_slow(size_t size);
void *mh_malloc_medium(size_t size);
MH_NOTHROW void mh_free_slow(void *p, const char *function);

// Without the checks (MH_CHECKS 0, for measuring what they cost) no live bit is
// written, read or kept.
static inline void mh_mark_live(uintptr_t p) {
#if MH_CHECKS
    struct mh_pair *pair = mh_arena_pair(mh_arena_of_known(p), p);
    uint64_t live = mh_bit_with(pair->live, p >> MH_GRANULE_SHIFT);
    MH_STORE_RELAXED(&pair->live, live);
#else
    (void)p;
#endif
}

// mh_bin_pop takes the slot on top of a bin and marks it live; NULL when the
// bin is empty.
static MH_ALWAYS_INLINE void *mh_bin_pop(struct mh_bin *bin) {
    struct mh_place *top = bin->top;
    void *slot = top->slot;
    if (MH_LIKELY(slot != NULL)) {
        MH_STORE_RELAXED(&bin->top, top - 1);
#if MH_CHECKS
        struct mh_pair *pair = top->pair;
        uint64_t bit = mh_pair_bit_number((uintptr_t)slot);
        MH_STORE_RELAXED(&pair->live, mh_bit_with(pair->live, bit));
#endif
    }
    return slot;
}

// A span class is a size class << 1, and so the number of words before its bin.
static MH_ALWAYS_INLINE struct mh_bin *mh_bin_of(struct mh_cache *cache,
                                                 size_t span_class) {
    return (struct mh_bin *)((uintptr_t *)cache->bins + span_class);
}

// mh_fast_pop pops a slot for a size of up to 1 KiB; NULL when its bin is
// empty.
static MH_ALWAYS_INLINE void *mh_fast_pop(size_t size) {
    return mh_bin_pop(mh_bin_of(mh_tls_get(), mh_span_class_by_size[size]));
}

// mh_fast_malloc pops a slot of the calling thread's cache: one table for the
// class, one load that finds the bin empty or not.
static MH_ALWAYS_INLINE void *mh_fast_malloc(size_t size) {
    if (MH_UNLIKELY(size > MH_CLASS_STEP_LIMIT)) {
        return mh_malloc_medium(size);
    }
    void *slot = mh_fast_pop(size);
    return MH_LIKELY(slot != NULL) ? slot : mh_malloc_slow(size);
}

// mh_class_malloc is mh_fast_malloc for a span class known to the caller.
static MH_ALWAYS_INLINE void *mh_class_malloc(size_t span_class) {
    void *slot = mh_bin_pop(mh_bin_of(mh_tls_get(), span_class));
    return MH_LIKELY(slot != NULL)
               ? slot
               : mh_malloc_slow(mh_class_size((unsigned)span_class >> 1));
}

// mh_bin_return pushes the object at a granule of the window, of a span that
// this cache owns, if it is live and its bin has room; false if not.
static MH_ALWAYS_INLINE bool mh_bin_return(struct mh_bin *bin, void *p,
                                           const struct mh_window *window,
                                           uintptr_t granule) {
#if MH_CHECKS
    struct mh_pair *pair = mh_window_pair(window, granule);
    uint64_t live = pair->live;
    if (MH_UNLIKELY(!mh_bit_take(&live, granule)) ||
        MH_UNLIKELY(mh_bit_get(MH_LOAD_RELAXED(&pair->remote), granule))) {
        return false;
    }
#else
    (void)window;
    (void)granule;
#endif
    struct mh_place *top = bin->top;
    if (MH_UNLIKELY(top == bin->limit)) {
        return false;
    }
#if MH_CHECKS
    MH_STORE_RELAXED(&pair->live, live);
    top[1].pair = pair;
#endif
    top[1].slot = p;
    MH_STORE_RELAXED(&bin->top, top + 1);
    return true;
}

// mh_fast_free pushes an object of a span this thread's cache owns. The window
// sorts out NULL, wild and misaligned pointers, the page word other threads'
// and large objects, the two bits what is not live; all of them go the slow
// way, where they are told apart.
static MH_ALWAYS_INLINE void mh_fast_free(void *p, const char *function) {
    struct mh_cache *cache = mh_tls_get();
    const struct mh_window *window = &cache->window;
    uintptr_t granule = mh_window_granule(window, (uintptr_t)p);
    if (MH_UNLIKELY(granule >= window->limit)) {
        mh_free_slow(p, function);
        return;
    }
    uint32_t word = mh_window_page_word(window, granule);
    uint32_t span_class = word ^ MH_LOAD_ANY(&cache->owner_word);
    if (MH_UNLIKELY(span_class >= 1u << MH_CLASS_BITS) ||
        MH_UNLIKELY(
            !mh_bin_return(mh_bin_of(cache, span_class), p, window, granule))) {
        mh_free_slow(p, function);
    }
}

// mh_fast_class is the size class of the live object at p, of a span that this
// thread's cache owns; 0 when it is none, or only a closer look can say so, as
// always in hardened mode.
static MH_ALWAYS_INLINE unsigned mh_fast_class(const void *p) {
    const struct mh_cache *cache = mh_tls_get();
    const struct mh_window *window = &cache->window;
    uintptr_t granule = mh_window_granule(window, (uintptr_t)p);
    if (MH_UNLIKELY(granule >= window->limit)) {
        return 0;
    }
    uint32_t word = mh_window_page_word(window, granule);
    uint32_t span_class = word ^ MH_LOAD_ANY(&cache->owner_word);
    if (MH_UNLIKELY(span_class >= 1u << MH_CLASS_BITS)) {
        return 0;
    }
#if MH_CHECKS
    const struct mh_pair *pair = mh_window_pair(window, granule);
    if (MH_UNLIKELY(!mh_bit_get(pair->live, granule)) ||
        MH_UNLIKELY(mh_bit_get(MH_LOAD_RELAXED(&pair->remote), granule))) {
        return 0;
    }
#endif
    return span_class >> 1;
}

// mh_class_free is mh_fast_free for an object that should be of a span class.
// One comparison of the page word says whose it is and of which class, and the
// way to the bin does not wait for that word. False: nothing has happened, and
// no more is known than that.
static MH_ALWAYS_INLINE bool mh_class_free(void *p, size_t span_class) {
    struct mh_cache *cache = mh_tls_get();
    const struct mh_window *window = &cache->window;
    uintptr_t granule = mh_window_granule(window, (uintptr_t)p);
    if (MH_UNLIKELY(granule >= window->limit)) {
        return false;
    }
    uint32_t word = mh_window_page_word(window, granule);
    return MH_LIKELY((word ^ MH_LOAD_ANY(&cache->owner_word)) == span_class) &&
           mh_bin_return(mh_bin_of(cache, span_class), p, window, granule);
}

// mh_size_free is mh_class_free for the class of a size of up to 1 KiB.
static MH_ALWAYS_INLINE bool mh_size_free(void *p, size_t size) {
    return MH_LIKELY(size <= MH_CLASS_STEP_LIMIT) &&
           mh_class_free(p, mh_span_class_by_size[size]);
}

#endif // MHEAP_CORE_API_FAST_H
