// hard.h - the hardened mode: is it on, and what is in a hardened slot.
//
// Decided once, before the first object (docs/decisions/0013-hardened-mode.md).
// The thread caches then have no slots in their bins and no window, so that
// malloc and free always come the slow way, which leads here: the default mode
// pays nothing on the fast paths.
//
// A live slot holds the object, then a filler up to its last 8 bytes, and in
// those a seal: a hash of a secret and the address, with how long the filler
// is. So the size is known to the byte, and a write behind it is seen when the
// object is freed. Every other slot is zero up to a seal of another kind,
// unless its page is a hole: a write to a freed object is seen when its slot is
// taken, and one of zeroes in front of an object by the seal of the slot there.
//
// Invariants, numbered on from those of a span, checked in mh_hard_check_span:
//   S21  A live slot's filler and seal are whole.
//   S22  A slot that is not live, or is freed by another thread, reads as zero
//        up to its seal, which is that of a free one.

#ifndef MHEAP_CORE_HEAP_HARD_H
#define MHEAP_CORE_HEAP_HARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/heap/size_class.h"

struct mh_span;

// Bytes of a slot that no object may use.
#define MH_SEAL_BYTES sizeof(uint64_t)

// The largest object that has a slot in hardened mode.
#define MH_HARD_SMALL_MAX (MH_SMALL_MAX - MH_SEAL_BYTES)

extern bool mh_hard_on; // (c) once the first heap is made

// mh_hard_decide switches the mode on if the process wants it. Called once,
// when the options are known and there is no object yet. A build without the
// checks keeps no live bits, and cannot be hardened.
void mh_hard_decide(void);

// mh_hard_is_decided: it is too late to ask for the mode.
bool mh_hard_is_decided(void);

// mh_hard_seal makes a slot that of an object of size bytes; what the object
// holds stays as it is. size is at most slot_size - MH_SEAL_BYTES.
void mh_hard_seal(uintptr_t slot, size_t slot_size, size_t size);

// mh_hard_size is how many bytes the object in a sealed slot has; SIZE_MAX when
// filler or seal are not as they were written.
size_t mh_hard_size(uintptr_t slot, size_t slot_size);

// mh_hard_fill fills what lies behind the object at p, n bytes from `from` on,
// up to a multiple of 8; mh_hard_is_filled: nobody wrote there.
void mh_hard_fill(uintptr_t p, uintptr_t from, size_t n);
bool mh_hard_is_filled(uintptr_t p, uintptr_t from, size_t n);

// mh_hard_open makes a free slot that of an object of size bytes, which reads
// as zero; false when it was written to while it was free.
bool mh_hard_open(uintptr_t slot, size_t slot_size, size_t size);

// mh_hard_close makes a sealed slot a free one; false when filler or seal are
// not as they were written: it is left as it is then.
bool mh_hard_close(uintptr_t slot, size_t slot_size);

// mh_hard_wipe makes a slot a free one, whatever is in it.
void mh_hard_wipe(uintptr_t slot, size_t slot_size);

// mh_hard_seal_free makes free slots of zeroes what free ones are, for a range
// of a span all of whose slots there are free: those whose seals lie in it.
void mh_hard_seal_free(const struct mh_span *span, uintptr_t base,
                       size_t bytes);

// A slot that is not as it should be.
struct mh_hard_flaw {
    uintptr_t slot; // 0: none
    bool is_live;   // S21, else S22
};

// mh_hard_look finds the first such slot of a small span. The caller owns the
// span, or has stopped its owner.
struct mh_hard_flaw mh_hard_look(const struct mh_span *span);

// mh_hard_check_span is 21, 22 or 0.
int mh_hard_check_span(const struct mh_span *span);

#endif // MHEAP_CORE_HEAP_HARD_H
