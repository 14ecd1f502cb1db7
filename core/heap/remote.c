// remote.c - a thread frees an object of a span it does not own.

#include "core/heap/remote.h"

#include "core/base/assert.h"
#include "core/base/atomic.h"
#include "core/base/bits.h"
#include "core/heap/cache.h"
#include "core/heap/central.h"
#include "core/heap/heap.h"
#include "core/heap/left.h"
#include "core/heap/scavenge.h"

void mh_remote_push_told(struct mh_cache *owner, struct mh_span *span) {
    struct mh_span *head = MH_LOAD_RELAXED(&owner->told);
    do {
        MH_STORE_RELAXED(&span->told_next, head);
        // release: pairs with the exchange in mh_cache_drain_told.
    } while (!MH_CAS_ACQ_REL(&owner->told, &head, span));
}

// A cache with this many spans of a class with free slots adopts no more.
enum { FEW_SPANS = 4 };

static bool has_few(const struct mh_span *spans) {
    unsigned n = 0;
    for (; spans != NULL && n < FEW_SPANS; spans = spans->list_next) {
        n++;
    }
    return n < FEW_SPANS;
}

// Settles a span without an owner: adopted by the thread's cache, or drained
// where it is when the cache has a few spans with free slots already. A thread
// that frees what many others left behind would else hold a span for each of
// them, by the last slot of it in its bins: 33 MiB after 60,000 short threads,
// 5 now. Everything may have changed before the lock was had: the span may have
// an owner again, be dead, or be another span in the same record.
static bool settle_ownerless(struct mh_span *span) {
    struct mheap *heap = mh_heap_by_id(MH_LOAD_RELAXED(&span->heap));
    unsigned size_class = MH_LOAD_RELAXED(&span->size_class);
    struct mh_cache *cache = mh_tls_get();
    bool may = cache->heap == heap && cache->state == MH_CACHE_IN_USE;
    struct mh_central *central = &heap->central[size_class];
    bool idle = false;

    if (may) {
        mh_cache_enter(cache);
    }
    bool wants = may && has_few(cache->partial[size_class]);
    mh_lock(&central->lock);
    uint64_t nobody = mh_owner_word(MH_OWNER_NONE, false);
    bool still = MH_LOAD_ACQUIRE(&span->owner_told) == nobody &&
                 MH_LOAD_RELAXED(&span->state) == MH_SPAN_IN_USE &&
                 MH_LOAD_RELAXED(&span->heap) == heap->id &&
                 MH_LOAD_RELAXED(&span->size_class) == size_class;
    if (still && wants) {
        mh_cache_adopt_locked(cache, central, span);
    } else if (still) {
        mh_span_drain(span);
        idle = mh_central_put_locked(central, span);
        if (idle) {
            MH_STORE_RELAXED(&span->owner_told,
                             mh_owner_word(MH_OWNER_DEAD, false));
        }
    }
    mh_unlock(&central->lock);
    if (still && wants) {
        mh_cache_settle(cache, span);
    }
    if (may) {
        mh_cache_leave(cache);
    }
    if (idle) {
        mh_heap_free_span(span, NULL);
    }
    return still;
}

// The told bit is raised: while it is, no cache becomes another's with the span
// still in it, nor is a record used again that has left it.
static void tell_cache(struct mh_cache *cache, struct mh_span *span) {
    if (MH_LIKELY(MH_LOAD_RELAXED(&cache->left) == 0)) {
        mh_remote_push_told(cache, span);
        return;
    }
    mh_left_take(cache, span);
    (void)settle_ownerless(span); // or somebody else did meanwhile
}

// Lets somebody know that the span has remote bits. The span may have died
// meanwhile, because its owner drained the bit before being told; a span that
// is told needlessly is drained needlessly, and nothing else happens. False
// when there was nobody to tell: the span is dead, all its slots were free.
static bool tell(struct mh_span *span) {
    // Not before the note was made; see mh_span_drain.
    uint64_t word = __atomic_load_n(&span->owner_told, __ATOMIC_SEQ_CST);
    for (;;) {
        uint32_t owner = (uint32_t)(word >> 1);
        if ((word & 1) != 0) {
            return true; // told already
        }
        if (owner > MH_OWNER_MAX) {
            return false;
        }
        if (owner == MH_OWNER_NONE) {
            if (settle_ownerless(span)) {
                return true;
            }
            word = __atomic_load_n(&span->owner_told, __ATOMIC_SEQ_CST);
        } else if (MH_CAS_ACQ_REL(&span->owner_told, &word, word | 1)) {
            tell_cache(mh_cache_by_id(owner), span);
            return true;
        }
    }
}

// Whether slots of a size class lie on the page of p: not when it is free, or
// another kind of span's.
static bool has_slots(struct mh_arena *arena, uintptr_t p) {
    // acquire: pairs with the fence in mh_span_publish.
    uint32_t word = MH_LOAD_ACQUIRE(mh_arena_page_word(arena, p));
    return mh_page_word_class(word) != 0;
}

// The span has died since the remote bit was set, which it could do only when
// the bit had been taken in, or set too late: after another free of the object.
// Where the page is still nobody's, a bit that is there says the latter, and
// must not wait for the next span. Where it has a new span, the bit may be that
// one's. *span is then the new one, and it is to be told. False: a bad free.
static bool outlived(struct mh_arena *arena, uintptr_t p,
                     struct mh_span **span) {
    struct mh_pair *pair = mh_arena_pair(arena, p);
    uint64_t bit = mh_pair_bit(p);
    if (!has_slots(arena, p)) {
        // acquire: with the page word of whoever set the bit.
        if ((MH_AND_ACQ_REL(&pair->remote, ~bit) & bit) == 0) {
            *span = NULL;
            return true;
        }
        if (!has_slots(arena, p)) {
            return false;
        }
        // It has one by now, and the bit may have been set for it.
        __atomic_fetch_or(&pair->remote, bit, __ATOMIC_SEQ_CST);
    }
    *span = mh_arena_span(arena, p);
    return true;
}

bool mh_remote_tell(struct mh_arena *arena, uintptr_t p, struct mh_span *span) {
    while (!tell(span)) {
        if (!outlived(arena, p, &span)) {
            return false;
        }
        if (span == NULL) {
            return true;
        }
        (void)mh_remote_touch(span, mh_remote_group(p));
    }
    // The owner may never call again; see seize.h.
    mh_heap_note_freed();
    return true;
}
