// fast.h - malloc and free, as far as they go without a call.
//
// Included by the API and by the allocation symbols, so that neither pays for a
// jump to the other. docs/fast-path.md goes through the instructions.

#ifndef MHEAP_CORE_API_FAST_H
#define MHEAP_CORE_API_FAST_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/heap/arena.h"
#include "core/heap/cache.h"
#include "core/heap/size_class.h"

// mh_malloc_slow and mh_free_slow do what the fast paths cannot; they are
// complete and may be called with anything. mh_malloc_slow sets errno on
// failure, mh_free_slow keeps it.
void *mh_malloc_slow(size_t size);
void mh_free_slow(void *p, const char *function);

// Without the checks (MH_CHECKS 0, for measuring what they cost) no live bit is
// written, read or kept.
static MH_ALWAYS_INLINE void mh_mark_live(uintptr_t p) {
#if MH_CHECKS
    struct mh_pair *pair = mh_arena_pair(mh_arena_of_known(p), p);
    MH_STORE_RELAXED(&pair->live, pair->live | mh_pair_bit(p));
#else
    (void)p;
#endif
}

// mh_fast_malloc pops a slot of the calling thread's cache and marks it live:
// one table for the class, one load that finds the bin empty or not.
static MH_ALWAYS_INLINE void *mh_fast_malloc(size_t size) {
    if (MH_UNLIKELY(size > MH_SMALL_MAX)) {
        return mh_malloc_slow(size);
    }
    struct mh_bin *bin = &mh_tls_get()->bins[mh_size_class(size)];
    void **top = bin->top;
    void *slot = *top;
    if (MH_UNLIKELY(slot == NULL)) {
        return mh_malloc_slow(size);
    }
    MH_STORE_RELAXED(&bin->top, top - 1);
    mh_mark_live((uintptr_t)slot);
    return slot;
}

// mh_fast_free pushes an object of a span this thread's cache owns. The arena
// map sorts out NULL, wild and misaligned pointers, the page word other
// threads' and large objects, the two bits what is not live; all of them go the
// slow way, where they are told apart.
static MH_ALWAYS_INLINE void mh_fast_free(void *p, const char *function) {
    uintptr_t address = (uintptr_t)p;
    struct mh_arena *arena = mh_arena_of(address);
    if (MH_UNLIKELY(arena == NULL)) {
        mh_free_slow(p, function);
        return;
    }
    struct mh_cache *cache = mh_tls_get();
    uint32_t word = MH_LOAD_RELAXED(&arena->page_word[mh_arena_page(address)]);
    uint32_t size_class = word ^ cache->owner_word;
    if (MH_UNLIKELY(size_class >= 1u << MH_CLASS_BITS)) {
        mh_free_slow(p, function);
        return;
    }
    struct mh_bin *bin = &cache->bins[size_class];
    void **top = bin->top;
    if (MH_UNLIKELY(top == bin->limit)) {
        mh_free_slow(p, function);
        return;
    }
#if MH_CHECKS
    struct mh_pair *pair = mh_arena_pair(arena, address);
    uint64_t live = pair->live;
    uint64_t bit = mh_pair_bit(address);
    if (MH_UNLIKELY((live & ~MH_LOAD_RELAXED(&pair->remote) & bit) == 0)) {
        mh_free_slow(p, function);
        return;
    }
    MH_STORE_RELAXED(&pair->live, live & ~bit);
#endif
    top[1] = p;
    MH_STORE_RELAXED(&bin->top, top + 1);
}

#endif // MHEAP_CORE_API_FAST_H
