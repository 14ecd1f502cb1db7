// hard_zero.h - objects of no bytes, for the hardened mode.
//
// malloc(0) must give an address of its own, at which nothing may be read or
// written. These come from a range that is never more than Reserved, 16 bytes
// of addresses each: any access traps. A live bit for each tells a free from a
// second one, and an address is used again as late as there are others.
//
// Atomic operations alone: any thread, any time, no lock.

#ifndef MHEAP_CORE_HEAP_HARD_ZERO_H
#define MHEAP_CORE_HEAP_HARD_ZERO_H

#include <stdbool.h>
#include <stdint.h>

// mh_hard_zero_init reserves the range. Without room there is none, and nobody
// is served.
void mh_hard_zero_init(void);

// mh_hard_zero_alloc is an address; 0 when all are taken, or there is no range.
uintptr_t mh_hard_zero_alloc(void);

// mh_hard_zero_owns: p lies in the range, whether it is an object or not.
bool mh_hard_zero_owns(uintptr_t p);

// mh_hard_zero_is_live: p is such an object.
bool mh_hard_zero_is_live(uintptr_t p);

// mh_hard_zero_free frees one; false when p is none. Of two threads that free
// the same one, one gets true.
bool mh_hard_zero_free(uintptr_t p);

#endif // MHEAP_CORE_HEAP_HARD_ZERO_H
