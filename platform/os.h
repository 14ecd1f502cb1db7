// os.h - the memory calls mheap needs from an operating system.
//
// The build links exactly one implementation: platform/linux, darwin, windows,
// aix, or platform/sim under test. There is no table of functions; a call here
// is an ordinary call that the linker resolves. Only core/sys includes it.
//
// Backends are mechanism: they make the system call and say what happened.
// Rounding, state checks, accounting and policy belong to core/sys.
//
// Every function below
//   - takes a base aligned to page_size and a non-zero multiple of page_size,
//     unless it names a stricter granularity;
//   - reports 0 or a native code (errno, or GetLastError on Windows);
//   - on failure leaves the states as they were: a range that was to gain
//     access may have gained it in part, one that was to lose its contents may
//     have lost them, and a later call on the same range must still work;
//   - leaves errno as it found it, because free must;
//   - allocates nothing, takes no mheap lock and calls no stdio, because it
//     runs underneath malloc.

#ifndef MHEAP_PLATFORM_OS_H
#define MHEAP_PLATFORM_OS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/attr.h"

// The outcome of an OS call: 0, or a native code. A struct, so that
// `if (mh_os_map(p, n))`, whose sense nobody remembers, does not compile.
struct mh_os_err {
    int code;
};

static inline bool mh_os_ok(struct mh_os_err err) {
    return err.code == 0;
}

// mh_os_alloc: None -> Ready, at an address the OS picks, reading as zero.
MH_NODISCARD struct mh_os_err mh_os_alloc(size_t size, void **base_out);

// mh_os_reserve: None -> Reserved. hint may be NULL and may be ignored. Base
// and size are multiples of reserve_align; the result is aligned to it only.
MH_NODISCARD struct mh_os_err mh_os_reserve(void *hint, size_t size,
                                            void **base_out);

// mh_os_map: Reserved -> Prepared.
MH_NODISCARD struct mh_os_err mh_os_map(void *base, size_t size);

// mh_os_used: Prepared -> Ready. Pages already Ready keep their contents, so
// the range may mix the two. May fail where the OS has a commit step.
MH_NODISCARD struct mh_os_err mh_os_used(void *base, size_t size);

// mh_os_unused: Ready -> Prepared. The contents are forfeit.
MH_NODISCARD struct mh_os_err mh_os_unused(void *base, size_t size);

// mh_os_unused_ranges does that to as many of n ranges (core/base/range.h),
// from the first on, as it can with one call of the system, and returns how
// many. The others are what they were. 0 where there is no such call, or it was
// refused.
struct mh_range;
MH_NODISCARD size_t mh_os_unused_ranges(const struct mh_range *ranges,
                                        size_t n);

// mh_os_fault: Prepared or Ready -> Reserved. Any access traps from now on.
MH_NODISCARD struct mh_os_err mh_os_fault(void *base, size_t size);

// mh_os_free: any state -> None. Where partial_free is false (mh_os_info) the
// range must be exactly one whole reservation.
MH_NODISCARD struct mh_os_err mh_os_free(void *base, size_t size);

// mh_os_move moves the pages of [from, from + size) to [to, to + size) without
// copying: both ranges are Ready before and after, from then reads as zero.
// Where can_move is false, or the system refuses, it moves nothing: from is
// what it was, and to is Ready with contents that nobody promises. Each call
// may cost one more mapping; the caller keeps count.
MH_NODISCARD struct mh_os_err mh_os_move(void *from, void *to, size_t size);

// mh_os_discard gives back the pages of a Ready range, which stays Ready and
// reads as zero from now on. Other threads may read and write it meanwhile;
// what they write may be lost. Where can_discard is false it is refused, and
// nothing has changed.
MH_NODISCARD struct mh_os_err mh_os_discard(void *base, size_t size);

// mh_os_map_shared maps size bytes of an inherited memory file for writing.
// It fails when fd is not such a file or is smaller than size.
MH_NODISCARD struct mh_os_err mh_os_map_shared(int fd, size_t size,
                                               void **base_out);

// mh_os_set_lazy chooses what unused does from now on where there is a choice:
// let the OS take the pages when it is short (lazy), or take them at once. Lazy
// pages may keep their old contents, so it also decides unused_zeroes: call it
// before the first mh_os_query or not at all.
void mh_os_set_lazy(bool lazy);

// mh_os_resident is how many bytes of a mapped range are in memory now; 0 where
// the OS does not say, and where part of the range is not mapped.
size_t mh_os_resident(const void *base, size_t size);

// Hints. No state changes and nothing to check: the OS may ignore them.
void mh_os_hugepage(void *base, size_t size);
void mh_os_nohugepage(void *base, size_t size);
void mh_os_name(void *base, size_t size, const char *name);

// mh_os_err_is_oom: err means that memory, address space, mappings or commit
// charge ran out, as opposed to a bug in the caller.
bool mh_os_err_is_oom(struct mh_os_err err);

#endif // MHEAP_PLATFORM_OS_H
