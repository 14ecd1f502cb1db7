// remote.h - a thread frees an object of a span it does not own.
//
// The object's remote bit is set with one atomic OR, at the call. The owner is
// told once per span: the free that raises `told` in {owner, told} puts the
// span on the told stack of the owner it read in the same compare-and-swap, or,
// when that is a record without a thread (left.h), makes it ownerless. A
// span without an owner is adopted by the thread that frees, or, when that has
// no cache, settled under the central lock.
//
// docs/locking.md has the protocol with thread exit and adoption in full.

#ifndef MHEAP_CORE_HEAP_REMOTE_H
#define MHEAP_CORE_HEAP_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/atomic.h"
#include "core/base/attr.h"
#include "core/base/bits.h"
#include "core/heap/arena.h"
#include "core/heap/heap.h"

struct mh_cache;

// mh_remote_tell is the second half of it, when the remote bit is set and
// `span`, which had the object before, is touched: whoever has the bit to take
// in is told. False when the bit came after another free of the object.
bool mh_remote_tell(struct mh_arena *arena, uintptr_t p, struct mh_span *span);

// mh_remote_push_told puts a span, whose told bit is raised and which is on no
// told stack, on its owner's.
void mh_remote_push_told(struct mh_cache *owner, struct mh_span *span);

// mh_remote_is_live: a build without the checks keeps no live bits.
static inline bool mh_remote_is_live(const struct mh_pair *pair, uint64_t bit) {
    return !MH_CHECKS || (MH_LOAD_RELAXED(&pair->live) & bit) != 0;
}

// mh_remote_group is the bit, in the touched word of its span, of the group of
// pairs that p's bits lie in.
static inline uint64_t mh_remote_group(uintptr_t p) {
    return UINT64_C(1) << (p >> MH_GROUP_SHIFT & 63);
}

// mh_remote_touch notes that a group wants draining. False when that had been
// noted already: whoever did it also tells the owner, and the owner takes the
// note before it looks at the bits. seq_cst: the load comes after the bit was
// set, and a note that is seen is taken later.
static inline bool mh_remote_touch(struct mh_span *span, uint64_t group) {
    uint64_t now = __atomic_load_n(&span->touched, __ATOMIC_SEQ_CST);
    if ((now & group) != 0) {
        return false;
    }
    __atomic_fetch_or(&span->touched, group, __ATOMIC_SEQ_CST);
    return true;
}

// mh_remote_mark is the first half: it sets the remote bit of the object at p,
// a multiple of 16 in a small span of arena, and returns that span. NULL when p
// is no live object: nothing has changed then. If touching the span's group
// says so, telling follows.
static MH_ALWAYS_INLINE struct mh_span *mh_remote_mark(struct mh_arena *arena,
                                                       uintptr_t p) {
    struct mh_pair *pair = mh_arena_pair(arena, p);
    // The owner's processor has the line: it comes once, to be written.
    MH_PREFETCH_WRITE(pair);
    if (!mh_remote_is_live(pair, mh_pair_bit(p))) {
        return NULL;
    }
    // Before the object is given away: afterwards only the protocol below keeps
    // the record from changing.
    struct mh_span *span = mh_arena_span(arena, p);
    mh_heap_note_stranger();

    // seq_cst: release for what the program wrote to the object, and ordered
    // with the note, see mh_remote_touch. From here on the owner may drain the
    // bit, so a live bit that is clear now says nothing; a second free that
    // slipped in between the look above and this is found by the drain.
    bool again = mh_bit_set_atomic(&pair->remote, mh_pair_bit_number(p));
    return MH_UNLIKELY(again) ? NULL : span;
}

// mh_remote_free is all of it. False when p is no live object.
static inline bool mh_remote_free(struct mh_arena *arena, uintptr_t p) {
    struct mh_span *span = mh_remote_mark(arena, p);
    return span != NULL && (!mh_remote_touch(span, mh_remote_group(p)) ||
                            mh_remote_tell(arena, p, span));
}

#endif // MHEAP_CORE_HEAP_REMOTE_H
