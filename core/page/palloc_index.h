// palloc_index.h - the chunks of a heap in address order, and a tree of
// summaries above them.
//
// Chunks lie in an array of slots sorted by address. Where two neighbours do
// not touch, one slot without a chunk stands between them: it offers nothing,
// so no run of free pages can bridge a hole in the address space. A page is
// named by its position, slot * MH_CHUNK_PAGES + page, and pages of one free
// run have consecutive positions and consecutive addresses.
//
// Level 0 holds one summary per slot; a node of level k + 1 summarises
// MH_PALLOC_FANOUT nodes of level k. The topmost level has at most that many.

#ifndef MHEAP_CORE_PAGE_PALLOC_INDEX_H
#define MHEAP_CORE_PAGE_PALLOC_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/page/palloc_bits.h"
#include "core/page/palloc_sum.h"
#include "core/sys/sys.h"

struct mh_persistent;

#define MH_PALLOC_FANOUT_SHIFT 3
#define MH_PALLOC_FANOUT       8
#define MH_PALLOC_LEVELS       8

// Page counts are 32 bits wide, so a heap ends at 32 TiB. The levels above
// reach exactly that far.
#define MH_PALLOC_MAX_SLOTS ((size_t)(UINT32_MAX >> MH_CHUNK_PAGES_SHIFT))

// The position that means "no such page".
#define MH_PALLOC_NONE SIZE_MAX

struct mh_palloc_slot {
    uintptr_t base;                // of the chunk, or of the hole
    struct mh_palloc_chunk *chunk; // NULL: a hole
};

// Everything is guarded by the heap lock.
struct mh_palloc_index {
    struct mh_palloc_slot *slots;
    struct mh_palloc_sum *level[MH_PALLOC_LEVELS];
    size_t nnodes[MH_PALLOC_LEVELS]; // nnodes[0] is the number of slots
    unsigned nlevels;
    size_t capacity; // slots there is room for
    size_t finger;   // a slot used lately; addresses near it are found at once

    // One bit per slot. Clear: the chunk has no free page that is not released.
    // Set promises nothing; who looks and finds none clears it.
    uint64_t *idle;
};

// mh_palloc_index_reserve makes room for `extra` more chunks wherever they lie.
// MH_NO_MEMORY leaves the index as it was.
MH_NODISCARD enum mh_status
mh_palloc_index_reserve(struct mh_palloc_index *index,
                        struct mh_persistent *mem, size_t extra);

// mh_palloc_index_insert adds n chunks without free pages that follow each
// other in memory and in address, for which room was reserved, and brings the
// tree up to date. The addresses must be new.
void mh_palloc_index_insert(struct mh_palloc_index *index,
                            struct mh_palloc_chunk *chunks, size_t n);

// mh_palloc_index_slot is the last slot whose base is <= address, or SIZE_MAX
// when address lies below all of them.
size_t mh_palloc_index_slot(const struct mh_palloc_index *index,
                            uintptr_t address);

// mh_palloc_index_position is the position of the page at address. When no
// chunk covers address it is the position where the next chunk above begins
// (one past all when there is none) and *exact_out is false.
size_t mh_palloc_index_position(const struct mh_palloc_index *index,
                                uintptr_t address, bool *exact_out);

// mh_palloc_index_address is the address of the page at a position.
uintptr_t mh_palloc_index_address(const struct mh_palloc_index *index,
                                  size_t position);

// mh_palloc_index_update recomputes the summaries of slots [first, last] and of
// what stands above them, and stops at the first level where nothing changed.
void mh_palloc_index_update(struct mh_palloc_index *index, size_t first,
                            size_t last);

// mh_palloc_index_rebuild recomputes all summaries.
void mh_palloc_index_rebuild(struct mh_palloc_index *index);

// mh_palloc_index_find is the lowest position >= from where a run of npages
// free pages begins, or MH_PALLOC_NONE.
size_t mh_palloc_index_find(const struct mh_palloc_index *index, size_t from,
                            size_t npages);

#endif // MHEAP_CORE_PAGE_PALLOC_INDEX_H
