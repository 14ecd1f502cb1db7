// linear.h - one reserved region, handed out from its start.
//
// For records that must lie side by side: address space for all of them is
// reserved at once, and system pages are mapped and made usable one by one as
// they are reached. The caller holds a lock around every call.

#ifndef MHEAP_CORE_META_LINEAR_H
#define MHEAP_CORE_META_LINEAR_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/sys/sys.h"

// Invariant: base <= next <= ready <= mapped <= limit. [base, ready) is Ready,
// [ready, mapped) Prepared, [mapped, limit) Reserved.
struct mh_linear {
    uintptr_t base;   // of the reservation
    uintptr_t next;   // first byte not handed out
    uintptr_t ready;  // end of the usable pages
    uintptr_t mapped; // end of the mapped pages
    uintptr_t limit;  // end of the reservation
    enum mh_purpose purpose;
};

// mh_linear_init reserves at least reserve_bytes, not 0, booked for purpose. On
// failure l is empty and every allocation from it fails.
MH_NODISCARD enum mh_status mh_linear_init(struct mh_linear *l,
                                           size_t reserve_bytes,
                                           enum mh_purpose purpose);

// mh_linear_alloc returns size zeroed bytes, size not 0, right behind the last
// ones but for alignment to a power of two. NULL when the region is used up or
// the system refuses; nothing is lost then, and a later call may succeed.
MH_NODISCARD void *mh_linear_alloc(struct mh_linear *l, size_t size,
                                   size_t align);

// mh_linear_deinit gives the whole region back and leaves l empty; for an empty
// l it does nothing. On failure nothing changed.
MH_NODISCARD enum mh_status mh_linear_deinit(struct mh_linear *l);

#endif // MHEAP_CORE_META_LINEAR_H
