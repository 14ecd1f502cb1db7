// remote.h - a thread frees an object of a span it does not own.
//
// The object's remote bit is set with one atomic OR, at the call. The owner is
// told once per span: the free that raises `told` in {owner, told} puts the
// span on the told stack of the owner it read in the same compare-and-swap. A
// span without an owner is adopted by the thread that frees, or, when that has
// no cache, settled under the central lock.
//
// docs/locking.md has the protocol with thread exit and adoption in full.

#ifndef MHEAP_CORE_HEAP_REMOTE_H
#define MHEAP_CORE_HEAP_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/heap/arena.h"

struct mh_cache;

// mh_remote_free frees the object at p, a multiple of 16 in a small span of
// arena. False when p is no live object: nothing has changed then.
bool mh_remote_free(struct mh_arena *arena, uintptr_t p);

// mh_remote_tell is the second half of it, when the remote bit is set and
// `span`, which had the object before, is touched: whoever has the bit to take
// in is told. False when the bit came after another free of the object.
bool mh_remote_tell(struct mh_arena *arena, uintptr_t p, struct mh_span *span);

// mh_remote_push_told puts a span, whose told bit is raised and which is on no
// told stack, on its owner's.
void mh_remote_push_told(struct mh_cache *owner, struct mh_span *span);

#endif // MHEAP_CORE_HEAP_REMOTE_H
