// os.h - address space and memory from the operating system, in four states.
//
// One contract over mmap, VirtualAlloc and their like, useful without the heap:
//
//   None      not yours.
//   Reserved  addresses without memory; any access traps; costs nothing.
//   Prepared  can become Ready cheaply; accessing it is undefined: it may trap,
//             read as zero, or read what was there before.
//   Ready     readable and writable.
//
//            reserve            map               used
//     None ----------> Reserved -----> Prepared <-------> Ready
//      ^                  ^                      unused     |
//      |                  +---------------- fault ----------+
//      +--- free, from any state                (also from Prepared)
//
// A region is one reservation. It is described by a struct mheap_region, which
// the caller owns and keeps for as long as the memory; the calls below update
// it. Its figures are what frees and accounts it correctly, so only these calls
// may change them. A region is freed whole, because there are systems that can
// free nothing less; parts of it are given back with mheap_os_unused.
//
// Units are bytes throughout. Offsets and sizes of parts are multiples of
// page_size. Every function may be called from any thread; different threads
// may work on different parts of a region at the same time, but not on the same
// part, and nobody may use a region while it is freed. errno is kept.
//
// On failure every part is in the state it was in. What was Ready and was to be
// Prepared or Reserved may then have lost its contents, and is still Ready.

#ifndef MHEAP_OS_H
#define MHEAP_OS_H

#include <stdbool.h>
#include <stddef.h>

#include "mheap/export.h"

#ifdef __cplusplus
extern "C" {
#endif

enum mheap_os_status {
    MHEAP_OS_OK,
    MHEAP_OS_NO_MEMORY, // memory, address space, mappings or commit ran out
    MHEAP_OS_REFUSED,   // the system does not do this, here or at all
    MHEAP_OS_INVALID,   // the arguments make no sense; nothing was tried
};

// One reservation. reserved + prepared + ready == size, whenever no call on the
// region is under way. base NULL and size 0: none.
struct mheap_region {
    void *base;
    size_t size;
    size_t reserved, prepared, ready; // bytes in each state
};

// What is known of this machine; constant for the life of the process.
struct mheap_os_facts {
    size_t page_size;      // granularity of parts
    size_t reserve_align;  // alignment and granularity of regions
    size_t huge_page_size; // 0 when the system has none to give
    unsigned address_bits; // width of an address
    bool unused_zeroes;    // memory that was unused and is used again is zero
    bool commit_charged;   // Ready memory counts against a limit of the system
                           // even when it was never touched
};

#if defined(__GNUC__) && defined(__cplusplus)
#    pragma GCC diagnostic push
#    pragma GCC diagnostic ignored "-Wshadow" // as of mheap_stats
#endif
MHEAP_API struct mheap_os_facts mheap_os_facts(void);
#if defined(__GNUC__) && defined(__cplusplus)
#    pragma GCC diagnostic pop
#endif

// mheap_os_alloc: None -> Ready. A region of zeroed memory wherever the system
// likes; size is rounded up to pages. For a hundred KiB or more at a time.
MHEAP_API enum mheap_os_status mheap_os_alloc(size_t size,
                                              struct mheap_region *region_out);

// mheap_os_reserve: None -> Reserved. size is rounded up to reserve_align. The
// base is a multiple of align, a power of two, or 0 for no wish. hint, a
// multiple of reserve_align or NULL, is where the region should be; the system
// may put it elsewhere, so look at what came back. *region_out is untouched on
// failure.
MHEAP_API enum mheap_os_status
mheap_os_reserve(void *hint, size_t size, size_t align,
                 struct mheap_region *region_out);

// mheap_os_map: Reserved -> Prepared, for [offset, offset + size) of a region.
MHEAP_API enum mheap_os_status mheap_os_map(struct mheap_region *region,
                                            size_t offset, size_t size);

// mheap_os_used: Prepared -> Ready. prepared is how many bytes of the part are
// Prepared; the rest is Ready already and keeps its contents. Memory that is
// used for the first time is zero; later see unused_zeroes.
MHEAP_API enum mheap_os_status mheap_os_used(struct mheap_region *region,
                                             size_t offset, size_t size,
                                             size_t prepared);

// mheap_os_unused: Ready -> Prepared. The contents are forfeit, and the system
// may take the memory.
MHEAP_API enum mheap_os_status mheap_os_unused(struct mheap_region *region,
                                               size_t offset, size_t size);

// mheap_os_fault: Prepared or Ready -> Reserved; prepared is how many bytes of
// the part are Prepared. Every access traps from now on. For finding bugs: it
// may cost a mapping of the process each time.
MHEAP_API enum mheap_os_status mheap_os_fault(struct mheap_region *region,
                                              size_t offset, size_t size,
                                              size_t prepared);

// mheap_os_free: any mixture -> None. On success *region is zeroed.
MHEAP_API enum mheap_os_status mheap_os_free(struct mheap_region *region);

// mheap_os_status_text is a status in words, for messages.
MHEAP_API const char *mheap_os_status_text(enum mheap_os_status status);

#ifdef __cplusplus
}
#endif

#endif // MHEAP_OS_H
