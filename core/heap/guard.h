// guard.h - pages that trap, as spans of their own.
//
// A guard is Reserved, and to everybody else pages that somebody manages by
// hand: a fork's child, which takes pages that no span covers for free ones,
// and every walk know it as that.

#ifndef MHEAP_CORE_HEAP_GUARD_H
#define MHEAP_CORE_HEAP_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/heap/arena.h"

struct mheap;

// mh_guard_unit is how many heap pages a guard has at least: whole pages of the
// system's.
size_t mh_guard_unit(void);

// mh_guard_put names pages, which stay Ready, as a guard; mh_guard_close makes
// it trap. When the system refuses it stays Ready, and nobody uses it: false.
struct mh_span *mh_guard_put(struct mheap *heap, uintptr_t base, size_t npages);
bool mh_guard_close(struct mh_span *span);

// mh_guard_drop ends the span; what the pages are is the caller's to know. With
// the heap's lock, or before anybody can come upon the pages.
void mh_guard_drop(struct mheap *heap, struct mh_span *span);

// mh_guard_end_locked gives the pages of a guard back to the page allocator.
// False when the system does not let them; it is a guard still, then.
bool mh_guard_end_locked(struct mheap *heap, struct mh_span *span);

#endif // MHEAP_CORE_HEAP_GUARD_H
