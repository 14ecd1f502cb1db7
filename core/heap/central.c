// central.c - spans of one class that nobody owns.

#include "core/heap/central.h"

#include "core/base/assert.h"
#include "core/heap/cache.h"
#include "core/heap/heap.h"
#include "core/heap/holes.h"

void mh_central_remove_locked(struct mh_central *central,
                              struct mh_span *span) {
    if (span->list != MH_LIST_CENTRAL) {
        return;
    }
    if (central->cut == span) {
        central->cut = span->list_next;
    }
    if (span->list_prev != NULL) {
        span->list_prev->list_next = span->list_next;
    } else {
        MH_STORE_RELAXED(&central->spans, span->list_next);
    }
    if (span->list_next != NULL) {
        span->list_next->list_prev = span->list_prev;
    }
    span->list_next = NULL;
    span->list_prev = NULL;
    span->list = MH_LIST_NONE;
    central->nspans--;
}

static void insert_locked(struct mh_central *central, struct mh_span *span) {
    span->list = MH_LIST_CENTRAL;
    span->list_prev = NULL;
    span->list_next = central->spans;
    if (central->spans != NULL) {
        central->spans->list_prev = span;
    }
    MH_STORE_RELAXED(&central->spans, span);
    central->nspans++;
}

bool mh_central_put_locked(struct mh_central *central, struct mh_span *span) {
    MH_ASSERT(mh_lock_is_held(&central->lock));
    MH_ASSERT(MH_LOAD_RELAXED(&span->owner_told) >> 1 == MH_OWNER_NONE);
    if (mh_span_is_idle(span) && mh_span_can_end(span)) {
        mh_central_remove_locked(central, span);
        return true;
    }
    if (span->list == MH_LIST_NONE && span->nfree > 0) {
        insert_locked(central, span);
    }
    return false;
}

// The first span that can be ended now, off the list; NULL when there is none.
static struct mh_span *take_idle(struct mh_central *central) {
    mh_lock(&central->lock);
    struct mh_span *span = central->spans;
    while (span != NULL && !(mh_span_is_idle(span) && mh_span_can_end(span))) {
        span = span->list_next;
    }
    if (span != NULL) {
        mh_central_remove_locked(central, span);
        MH_STORE_RELAXED(&span->owner_told,
                         mh_owner_word(MH_OWNER_DEAD, false));
    }
    mh_unlock(&central->lock);
    return span;
}

void mh_central_end_idle(struct mh_central *central) {
    struct mh_span *span = take_idle(central);
    while (span != NULL) {
        mh_heap_free_span(span, NULL);
        span = take_idle(central);
    }
}

struct mh_span *mh_central_take(struct mheap *heap, unsigned size_class,
                                struct mh_cache *cache) {
    struct mh_central *central = &heap->central[size_class];
    // A look without the lock: a list that is just being filled is missed, and
    // the next refill finds it.
    if (MH_LOAD_RELAXED(&central->spans) == NULL) {
        return NULL;
    }
    mh_lock(&central->lock);
    struct mh_span *span = central->spans;
    if (span != NULL) {
        mh_cache_adopt_locked(cache, central, span);
    }
    mh_unlock(&central->lock);
    return span;
}
