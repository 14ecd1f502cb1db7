// palloc_check.c - the invariants of the page allocator, one by one.

#include "core/page/palloc.h"

// has_idle_page: a page of the chunk is free and not released.
static bool has_idle_page(const struct mh_palloc_chunk *chunk) {
    for (unsigned w = 0; w < MH_CHUNK_WORDS; w++) {
        if (~(chunk->alloc[w] | chunk->released[w]) != 0) {
            return true;
        }
    }
    return false;
}

// check_chunks proves P1 to P3, P8 and P10.
static int check_chunks(const struct mh_palloc *p) {
    const struct mh_palloc_index *index = &p->index;
    struct mh_palloc_counts counts = {0, 0, 0};

    for (size_t slot = 0; slot < index->nnodes[0]; slot++) {
        const struct mh_palloc_chunk *chunk = index->slots[slot].chunk;
        if (chunk == NULL) {
            continue;
        }
        int broken = mh_palloc_chunk_check(chunk);
        if (broken != 0) {
            return broken;
        }
        mh_palloc_chunk_count(chunk, &counts);
        bool idle = (index->idle[slot / 64] >> slot % 64 & 1) != 0;
        if (!idle && has_idle_page(chunk)) {
            return 10;
        }
    }
    if (counts.total != p->total_pages || counts.free != p->free_pages ||
        counts.released != p->released_pages) {
        return 8;
    }
    return p->idle_low <= mh_palloc_idle(p) ? 0 : 11;
}

// check_slots proves P4. Whatever follows a chunk begins where it ends; what
// follows a hole is a chunk further up.
static int check_slots(const struct mh_palloc_index *index) {
    size_t n = index->nnodes[0];

    if (n == 0) {
        return 0;
    }
    if (n > index->capacity || index->slots[0].chunk == NULL ||
        index->slots[n - 1].chunk == NULL) {
        return 4;
    }
    for (size_t i = 0; i < n; i++) {
        const struct mh_palloc_slot *slot = &index->slots[i];
        if (slot->chunk != NULL && slot->base != slot->chunk->base) {
            return 4;
        }
        if (i + 1 == n) {
            break;
        }
        const struct mh_palloc_slot *next = slot + 1;
        bool touches = next->base - slot->base == MH_CHUNK_SIZE;
        bool above = next->base > slot->base && next->chunk != NULL;
        if (slot->chunk != NULL ? !touches : !above) {
            return 4;
        }
    }
    return 0;
}

// check_table proves P5.
static int check_table(const struct mh_palloc *p) {
    const struct mh_palloc_table *table = p->table;
    size_t nlisted = 0, nslots = 0;

    for (size_t slot = 0; slot < p->index.nnodes[0]; slot++) {
        nslots += p->index.slots[slot].chunk != NULL;
    }
    if (table == NULL || table->nblocks > table->capacity) {
        return 5;
    }
    for (uint64_t b = 0; b < table->nblocks; b++) {
        const struct mh_palloc_block *block = &table->blocks[b];
        for (uint64_t i = 0; i < block->nchunks; i++) {
            const struct mh_palloc_chunk *chunk = &block->chunks[i];
            size_t slot =
                mh_palloc_index_slot(&p->index, (uintptr_t)chunk->base);
            if (slot == SIZE_MAX || p->index.slots[slot].chunk != chunk) {
                return 5;
            }
            nlisted++;
        }
    }
    return nlisted == nslots ? 0 : 5;
}

// check_leaves proves P6.
static int check_leaves(const struct mh_palloc_index *index) {
    for (size_t slot = 0; slot < index->nnodes[0]; slot++) {
        const struct mh_palloc_chunk *chunk = index->slots[slot].chunk;
        struct mh_palloc_sum sum = {0, 0, 0};
        if (chunk != NULL) {
            sum = mh_palloc_sum_of(chunk->alloc);
        }
        if (!mh_palloc_sum_equal(sum, index->level[0][slot])) {
            return 6;
        }
    }
    return 0;
}

// check_nodes proves P7 for one level above level 0.
static int check_nodes(const struct mh_palloc_index *index, unsigned level) {
    size_t nbelow = index->nnodes[level - 1];
    uint32_t pages = (uint32_t)MH_CHUNK_PAGES
                     << (MH_PALLOC_FANOUT_SHIFT * (level - 1));
    size_t child = 0;

    for (size_t i = 0; i < index->nnodes[level]; i++) {
        size_t left = nbelow - child;
        size_t n = left < MH_PALLOC_FANOUT ? left : MH_PALLOC_FANOUT;
        if (child >= nbelow) {
            return 7;
        }
        struct mh_palloc_sum sum =
            mh_palloc_sum_merge(index->level[level - 1] + child, n, pages);
        if (!mh_palloc_sum_equal(sum, index->level[level][i])) {
            return 7;
        }
        child += n;
    }
    return child == nbelow ? 0 : 7;
}

// check_levels proves P7: every level, and that the topmost is small.
static int check_levels(const struct mh_palloc_index *index) {
    if (index->nlevels == 0 || index->nlevels > MH_PALLOC_LEVELS) {
        return 7;
    }
    for (unsigned level = 1; level < index->nlevels; level++) {
        int broken = check_nodes(index, level);
        if (broken != 0) {
            return broken;
        }
    }
    return index->nnodes[index->nlevels - 1] <= MH_PALLOC_FANOUT ? 0 : 7;
}

// check_hint proves P9.
static int check_hint(const struct mh_palloc *p) {
    size_t lowest = mh_palloc_index_find(&p->index, 0, 1);
    return lowest == MH_PALLOC_NONE || lowest >= p->hint ? 0 : 9;
}

int mh_palloc_check(const struct mh_palloc *p) {
    int broken = check_slots(&p->index);
    if (broken == 0) {
        broken = check_chunks(p);
    }
    if (broken == 0) {
        broken = check_table(p);
    }
    if (broken == 0) {
        broken = check_leaves(&p->index);
    }
    if (broken == 0) {
        broken = check_levels(&p->index);
    }
    if (broken == 0) {
        broken = check_hint(p);
    }
    return broken;
}
