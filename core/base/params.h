// params.h - the sizes everything above core/sys agrees on.
//
// The heap page is the heap's own unit and has nothing to do with the page
// size of the system, which is a run-time value.

#ifndef MHEAP_CORE_BASE_PARAMS_H
#define MHEAP_CORE_BASE_PARAMS_H

#include <stdint.h>

#include "core/base/assert.h"

#define MH_PAGE_SHIFT 13
#define MH_PAGE_SIZE  ((uintptr_t)1 << MH_PAGE_SHIFT)

// A chunk is what one record of the page allocator describes.
#define MH_CHUNK_PAGES_SHIFT 9
#define MH_CHUNK_PAGES       512
#define MH_CHUNK_WORDS       8 // words of 64 bits, one bit per page
#define MH_CHUNK_SHIFT       (MH_PAGE_SHIFT + MH_CHUNK_PAGES_SHIFT)
#define MH_CHUNK_SIZE        ((uintptr_t)1 << MH_CHUNK_SHIFT)

// The granule of the arena map. The build sets it for systems whose row of the
// address layout differs from what the word size says (22 on Windows).
#ifndef MH_ARENA_SHIFT
#    if UINTPTR_MAX > UINT32_MAX
#        define MH_ARENA_SHIFT 26
#    else
#        define MH_ARENA_SHIFT 22
#    endif
#endif
#define MH_ARENA_SIZE  ((uintptr_t)1 << MH_ARENA_SHIFT)
#define MH_ARENA_PAGES (MH_ARENA_SIZE >> MH_PAGE_SHIFT)

MH_STATIC_ASSERT(MH_CHUNK_PAGES == 1 << MH_CHUNK_PAGES_SHIFT,
                 "a chunk is a power of two of pages");
MH_STATIC_ASSERT(MH_CHUNK_WORDS * 64 == MH_CHUNK_PAGES,
                 "one bit per page of a chunk");
MH_STATIC_ASSERT(MH_ARENA_SHIFT >= MH_CHUNK_SHIFT,
                 "an arena holds whole chunks");

#endif // MHEAP_CORE_BASE_PARAMS_H
