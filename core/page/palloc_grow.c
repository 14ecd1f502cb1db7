// palloc_grow.c - chunks come into being, and pages are given to them.

#include <string.h>

#include "core/base/assert.h"
#include "core/base/atomic.h"
#include "core/base/bits.h"
#include "core/meta/persistent.h"
#include "core/page/palloc.h"

#define FIRST_BLOCKS 16

// reserve_table makes room for one more block. A full table is copied, and the
// copy published in its place: who still reads the old one reads the truth of a
// moment ago.
static enum mh_status reserve_table(struct mh_palloc *p) {
    const struct mh_palloc_table *old = p->table;
    uint64_t capacity = FIRST_BLOCKS;

    if (old != NULL) {
        if (old->nblocks < old->capacity) {
            return MH_OK;
        }
        capacity = 2 * old->capacity;
    }
    size_t size =
        sizeof(*old) + (size_t)capacity * sizeof(struct mh_palloc_block);
    struct mh_palloc_table *table =
        mh_persistent_alloc(p->mem, size, sizeof(uint64_t));
    if (table == NULL) {
        return MH_NO_MEMORY;
    }
    table->capacity = capacity;
    if (old != NULL) {
        table->nblocks = old->nblocks;
        memcpy(table->blocks, old->blocks,
               (size_t)old->nblocks * sizeof(old->blocks[0]));
    }
    // release: a reader that sees the new table sees what is in it.
    MH_STORE_RELEASE(&p->table, table);
    return MH_OK;
}

enum mh_status mh_palloc_init(struct mh_palloc *p, struct mh_persistent *mem) {
    *p = (struct mh_palloc){.mem = mem};

    enum mh_status status = mh_palloc_index_reserve(&p->index, mem, 1);
    if (status != MH_OK) {
        return status;
    }
    return reserve_table(p);
}

// add_chunks makes n records for the chunks from base on. No page of them is
// ours yet. On failure nothing but spare room was added.
static enum mh_status add_chunks(struct mh_palloc *p, uintptr_t base,
                                 size_t n) {
    enum mh_status status = mh_palloc_index_reserve(&p->index, p->mem, n);
    if (status == MH_OK) {
        status = reserve_table(p);
    }
    if (status != MH_OK) {
        return status;
    }
    struct mh_palloc_chunk *chunks =
        mh_persistent_alloc(p->mem, n * sizeof(*chunks), MH_CACHE_LINE);
    if (chunks == NULL) {
        return MH_NO_MEMORY;
    }
    for (size_t i = 0; i < n; i++) {
        chunks[i].base = base + ((uintptr_t)i << MH_CHUNK_SHIFT);
        memset(chunks[i].alloc, 0xff, sizeof(chunks[i].alloc));
    }

    mh_palloc_index_insert(&p->index, chunks, n);

    struct mh_palloc_table *table = p->table;
    table->blocks[table->nblocks] = (struct mh_palloc_block){chunks, n};
    // release: a reader that sees the count sees the block and its chunks.
    MH_STORE_RELEASE(&table->nblocks, table->nblocks + 1);
    return MH_OK;
}

static bool has_chunk(const struct mh_palloc *p, uintptr_t address) {
    bool exact;
    (void)mh_palloc_index_position(&p->index, address, &exact);
    return exact;
}

// give marks pages of existing chunks as ours, free and released.
static void give(struct mh_palloc *p, uintptr_t base, size_t npages) {
    bool exact;
    size_t position = mh_palloc_index_position(&p->index, base, &exact);
    size_t at = position, left = npages;
    MH_CHECK(exact);

    while (left > 0) {
        struct mh_palloc_chunk *chunk =
            p->index.slots[at / MH_CHUNK_PAGES].chunk;
        unsigned first = at % MH_CHUNK_PAGES;
        size_t room = MH_CHUNK_PAGES - first;
        unsigned n = (unsigned)(left < room ? left : room);

        MH_CHECK(mh_palloc_bits_none(chunk->ours, first, n));
        mh_palloc_bits_set(chunk->ours, first, n);
        mh_palloc_bits_set(chunk->released, first, n);
        mh_palloc_bits_clear(chunk->alloc, first, n);
        at += n;
        left -= n;
    }
    p->total_pages += npages;
    p->free_pages += npages;
    p->released_pages += npages;
    // Positions above may have moved; those below, which are all the hint
    // speaks of once it is not above the new pages, have not.
    p->hint = position < p->hint ? position : p->hint;
    mh_palloc_index_update(&p->index, position / MH_CHUNK_PAGES,
                           (position + npages - 1) / MH_CHUNK_PAGES);
}

enum mh_status mh_palloc_grow(struct mh_palloc *p, uintptr_t base,
                              size_t npages) {
    // 0 means "none", for a page and for the 64 aligned pages around one.
    MH_CHECK(base >= 64 * MH_PAGE_SIZE && base % MH_PAGE_SIZE == 0);
    MH_CHECK(npages > 0 && npages - 1 <= (UINTPTR_MAX - base) >> MH_PAGE_SHIFT);

    // Pages of one range are new, so only its first and its last chunk can
    // exist already, by pages outside the range.
    uintptr_t last = base + ((uintptr_t)(npages - 1) << MH_PAGE_SHIFT);
    uintptr_t first_chunk = mh_align_down(base, MH_CHUNK_SIZE);
    uintptr_t last_chunk = mh_align_down(last, MH_CHUNK_SIZE);
    size_t n = (size_t)((last_chunk - first_chunk) >> MH_CHUNK_SHIFT) + 1;

    if (has_chunk(p, first_chunk)) {
        first_chunk += MH_CHUNK_SIZE;
        n--;
    }
    if (n > 0 && has_chunk(p, last_chunk)) {
        n--;
    }
    if (n > 0) {
        enum mh_status status = add_chunks(p, first_chunk, n);
        if (status != MH_OK) {
            return status;
        }
    }
    give(p, base, npages);
    return MH_OK;
}
