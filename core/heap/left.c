// left.c - full spans that threads left behind which vanished in a fork.

#include "core/heap/left.h"

#include "core/base/atomic.h"
#include "core/heap/arena.h"
#include "core/heap/cache.h"
#include "core/heap/heap.h"

// The owner was not just being changed.
static bool pages_agree(const struct mh_span *span) {
    uintptr_t base = (uintptr_t)span->base;
    const struct mh_arena *arena = mh_arena_of_known(base);
    uint32_t owner = (uint32_t)(span->owner_told >> 1);
    uint32_t word = mh_page_word_make(owner, span->size_class);
    for (uint32_t i = 0; i < span->npages; i++) {
        if (arena->page_words[mh_arena_page(base) + i] != word) {
            return false;
        }
    }
    return true;
}

bool mh_left_may_stay(const struct mh_span *span) {
    return span->list == MH_LIST_NONE && span->has_holes == 0 &&
           mh_span_is_quiet(span) && mh_span_is_packed(span) &&
           pages_agree(span);
}

void mh_left_take(struct mh_cache *cache, struct mh_span *span) {
    struct mh_central *central =
        &mh_heap_by_id(span->heap)->central[span->size_class];
    mh_lock(&central->lock);
    span->next = NULL; // of a list that is no more
    span->prev = NULL;
    MH_STORE_RELEASE(&span->owner_told, mh_owner_word(MH_OWNER_NONE, false));
    mh_span_set_owner(span, MH_OWNER_NONE);
    mh_unlock(&central->lock);
    mh_cache_lose_left(cache, 1);
}

void mh_left_end(const struct mheap *heap) {
    uint64_t count = MH_LOAD_ACQUIRE(&mh_caches.count);
    for (uint32_t id = 1; id < count; id++) {
        struct mh_cache *cache = mh_cache_by_id(id);
        uint32_t left = MH_LOAD_RELAXED(&cache->left);
        if (left != 0 && cache->heap == heap) {
            mh_cache_lose_left(cache, left);
        }
    }
}
