// hard_alloc.c - malloc and free of the hardened mode.

#include "core/heap/hard_alloc.h"

#include "core/base/atomic.h"
#include "core/heap/arena.h"
#include "core/heap/bad_free.h"
#include "core/heap/cache.h"
#include "core/heap/hard.h"
#include "core/heap/hard_delay.h"
#include "core/heap/hard_large.h"
#include "core/heap/hard_zero.h"
#include "core/heap/heap.h"
#include "core/heap/remote.h"
#include "core/heap/sample.h"
#include "core/heap/scavenge.h"

// A slot of the cache's next span, any of those that are free; 0 when out of
// memory.
static uintptr_t take_slot(struct mh_cache *cache, unsigned size_class) {
    mh_cache_enter(cache);
    struct mh_delay *delay = mh_delay_of(cache);
    uint64_t random = delay != NULL ? mh_delay_random(delay) : 0;
    struct mh_span *span = mh_cache_ready_span(cache, size_class);
    uintptr_t slot = span != NULL ? mh_span_take_any(span, random) : 0;
    struct mh_bin_count *count = &cache->counts[size_class];
    MH_STORE_RELAXED(&count->taken, count->taken + (slot != 0));
    mh_cache_leave(cache);
    return slot;
}

// Makes a slot that of a live object; false when it was written to while it was
// free. The cache's owner does this.
static bool open_slot(uintptr_t slot, size_t slot_size, size_t size) {
    bool wiped = mh_hard_open(slot, slot_size, size);
    struct mh_pair *pair = mh_arena_pair(mh_arena_of_known(slot), slot);
    MH_STORE_RELAXED(&pair->live, pair->live | mh_pair_bit(slot));
    return wiped;
}

// Every malloc comes here, and is counted.
static void *sample(struct mh_cache *cache, size_t slot_size, size_t size,
                    size_t align) {
    cache->sample_left -= (int64_t)slot_size;
    return MH_UNLIKELY(cache->sample_left < 0)
               ? mh_sample_alloc(cache, size, align)
               : NULL;
}

static void *alloc_small(struct mheap *heap, unsigned size_class, size_t size,
                         size_t align) {
    size_t slot_size = mh_class_size(size_class);
    struct mh_cache *cache = mh_cache_of_thread(heap);
    bool is_side = cache == NULL;
    bool wiped = true;
    uintptr_t slot = 0;
    if (is_side) {
        mh_lock(&heap->side_lock);
        cache = mh_cache_side_locked(heap);
    }
    void *sampled =
        cache != NULL ? sample(cache, slot_size, size, align) : NULL;
    if (cache != NULL && sampled == NULL) {
        slot = take_slot(cache, size_class);
    }
    if (slot != 0) {
        wiped = open_slot(slot, slot_size, size);
    }
    if (is_side) {
        mh_unlock(&heap->side_lock);
    }
    if (MH_UNLIKELY(!wiped)) {
        mh_bad_write(MH_BAD_STALE_WRITE, slot, "malloc");
    }
    return sampled != NULL ? sampled : (void *)slot;
}

// Which class serves; 0: none does.
static unsigned class_of(size_t size, size_t align) {
    return size <= MH_HARD_SMALL_MAX
               ? mh_size_class_aligned(size + MH_SEAL_BYTES, align)
               : 0;
}

void *mh_hard_alloc(struct mheap *heap, size_t size, size_t align,
                    bool *zero_out) {
    if (size == 0 && align <= 16 && heap->id == 0) {
        uintptr_t p = mh_hard_zero_alloc();
        if (p != 0) {
            return (void *)p;
        }
    }
    unsigned size_class = class_of(size, align);
    *zero_out = true;
    if (size_class == 0) {
        return mh_hard_large_alloc(heap, size, align);
    }
    return alloc_small(heap, size_class, size, align);
}

// Lets a slot of a span of this cache wait, and gives one that has waited back.
static void put_slot(struct mh_cache *cache, unsigned size_class,
                     uintptr_t slot) {
    mh_cache_enter(cache);
    struct mh_delay *delay = mh_delay_of(cache);
    uintptr_t out =
        delay != NULL ? mh_delay_put(delay, size_class, slot) : slot;
    if (out != 0) {
        mh_delay_give(cache, size_class, out);
        mh_heap_note_freed();
    }
    mh_cache_leave(cache);
}

// The slot is wiped before anybody else may have it; after a second free that
// raced this one it may be another's by then, in a program that is wrong.
static bool free_small(struct mh_arena *arena, uint32_t word, uintptr_t p,
                       const char *function) {
    struct mh_pair *pair = mh_arena_pair(arena, p);
    uint64_t bit = mh_pair_bit(p);
    unsigned size_class = mh_page_word_class(word);
    size_t slot_size = mh_class_size(size_class);
    uint64_t live =
        MH_LOAD_RELAXED(&pair->live) & ~MH_LOAD_RELAXED(&pair->remote);
    if ((live & bit) == 0) {
        return false;
    }
    if (MH_UNLIKELY(!mh_hard_close(p, slot_size))) {
        mh_bad_write(MH_BAD_OVERFLOW, p, function);
        mh_hard_wipe(p, slot_size);
    }
    struct mh_cache *cache = mh_cache_of_owner(mh_page_word_owner(word));
    if (cache == NULL) {
        return mh_remote_free(arena, p);
    }
    MH_STORE_RELAXED(&pair->live, pair->live & ~bit);
    put_slot(cache, size_class, p);
    return true;
}

bool mh_hard_free(uintptr_t p, const char *function) {
    struct mh_arena *arena = mh_arena_of(p);
    if (arena == NULL) {
        return mh_hard_zero_free(p);
    }
    if (mh_sample_owns(p)) {
        return mh_sample_free(p, function);
    }
    uint32_t word = MH_LOAD_RELAXED(&arena->page_words[mh_arena_page(p)]);
    if (mh_page_word_owner(word) == MH_OWNER_LARGE) {
        return mh_hard_large_free(arena, p, function);
    }
    return mh_page_word_class(word) != 0 &&
           free_small(arena, word, p, function);
}

// Of a slot that was written to it is not known any more: its room.
size_t mh_hard_bytes(const struct mh_span *span, uintptr_t p) {
    if (span->size_class == 0) {
        return (size_t)MH_LOAD_RELAXED(&span->large_size);
    }
    size_t size = mh_hard_size(p, span->slot_size);
    return size != SIZE_MAX ? size : span->slot_size - MH_SEAL_BYTES;
}

static void seal_again(struct mh_span *span, uintptr_t p, size_t size) {
    if (mh_hard_size(p, span->slot_size) == SIZE_MAX) {
        mh_bad_write(MH_BAD_OVERFLOW, p, "realloc");
    }
    mh_hard_seal(p, span->slot_size, size);
}

bool mh_hard_resize(struct mh_span *span, uintptr_t p, size_t size) {
    if (span->size_class == 0) {
        return mh_hard_large_resize(span, size);
    }
    size_t room = span->slot_size - MH_SEAL_BYTES;
    if (size > room || size < room / 2) {
        return false;
    }
    seal_again(span, p, size);
    return true;
}

bool mh_hard_keep(uintptr_t p, size_t size) {
    struct mh_span *span = mh_arena_span(mh_arena_of_known(p), p);
    if (span->size_class == 0 || size > span->slot_size - MH_SEAL_BYTES) {
        return false;
    }
    seal_again(span, p, size);
    return true;
}

// Inline functions of the public header know the class only, and ask for all
// of it.
bool mh_hard_size_matches(size_t bytes, size_t size) {
    return size == bytes || (size <= MH_SMALL_MAX && bytes <= MH_SMALL_MAX &&
                             mh_size_class(size) == mh_size_class(bytes));
}

static struct mh_hard_flaw look_at_spans(struct mh_cache *cache) {
    struct mh_hard_flaw flaw = {0, false};
    mh_cache_enter(cache);
    for (struct mh_span *span = cache->owned; span != NULL && flaw.slot == 0;
         span = span->next) {
        mh_span_drain(span);
        flaw = mh_hard_look(span);
    }
    mh_cache_leave(cache);
    return flaw;
}

void mh_hard_check_thread(void) {
    struct mh_cache *cache = mh_tls_get();
    struct mheap *heap = cache->heap;
    if (!mh_hard_on || cache->state != MH_CACHE_IN_USE || heap->side != NULL ||
        MH_LOAD_RELAXED(&heap->caches_live) != 1) {
        return;
    }
    struct mh_hard_flaw flaw = look_at_spans(cache);
    if (flaw.slot != 0) {
        mh_bad_write(flaw.is_live ? MH_BAD_OVERFLOW : MH_BAD_STALE_WRITE,
                     flaw.slot, "exit");
    }
}
