// remote.c - a thread frees an object of a span it does not own.

#include "core/heap/remote.h"

#include "core/base/assert.h"
#include "core/base/atomic.h"
#include "core/heap/cache.h"
#include "core/heap/central.h"
#include "core/heap/heap.h"

// Puts a span whose told bit this thread raised on the owner's stack.
static void push_told(struct mh_cache *owner, struct mh_span *span) {
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
    bool wants = cache->heap == heap && cache->state == MH_CACHE_IN_USE &&
                 has_few(cache->partial[size_class]);
    struct mh_central *central = &heap->central[size_class];
    bool idle = false;

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
    if (idle) {
        mh_heap_free_span(span, NULL);
    }
    return still;
}

// Lets somebody know that the span has remote bits. The span may have died
// meanwhile, because its owner drained the bit before being told; a span that
// is told needlessly is drained needlessly, and nothing else happens. False
// when there was nobody to tell: the span is dead, all its slots were free.
static bool tell(struct mh_span *span) {
    // seq_cst: see mh_span_drain.
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
            push_told(mh_cache_by_id(owner), span);
            return true;
        }
    }
}

// A build without the checks keeps no live bits.
static bool is_live(const struct mh_pair *pair, uint64_t bit) {
    return !MH_CHECKS || (MH_LOAD_RELAXED(&pair->live) & bit) != 0;
}

bool mh_remote_free(struct mh_arena *arena, uintptr_t p) {
    struct mh_pair *pair = mh_arena_pair(arena, p);
    uint64_t bit = mh_pair_bit(p);
    if (!is_live(pair, bit)) {
        return false;
    }
    // What this thread needs of the span, before the object is given away:
    // afterwards only the protocol below keeps the record from changing.
    struct mh_span *span = mh_arena_span(arena, p);
    uint64_t offset = p - span->base;
    uint64_t group = offset >> (MH_PAIR_SHIFT + span->touched_shift);
    mh_heap_note_stranger();

    // seq_cst: release for what the program wrote to the object, and ordered
    // with told, see mh_span_drain. From here on the owner may drain the bit,
    // so a live bit that is clear now says nothing; a second free that slipped
    // in between the look above and this is found by the drain.
    uint64_t old = __atomic_fetch_or(&pair->remote, bit, __ATOMIC_SEQ_CST);
    if ((old & bit) != 0) {
        return false;
    }
    if (old == 0) {
        __atomic_fetch_or(&span->touched, UINT64_C(1) << (group & 63),
                          __ATOMIC_SEQ_CST);
    }
    if (tell(span)) {
        return true;
    }
    // A dead span was drained before it died. If the bit was taken then, this
    // free was in time; a bit that is still there came after another free of
    // the object, and must not wait for the next span on this page.
    return (MH_AND_RELEASE(&pair->remote, ~bit) & bit) == 0;
}
