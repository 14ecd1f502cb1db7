// palloc_index.c - slots in address order, and the tree of summaries.

#include "core/page/palloc_index.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/meta/persistent.h"

// The first growth makes room for one arena and a few pieces.
#define FIRST_CAPACITY 64

// A chunk brings at most one hole with it, and the last of several one more.
#define HOLES 2

MH_STATIC_ASSERT(MH_PALLOC_FANOUT == 1 << MH_PALLOC_FANOUT_SHIFT,
                 "indices of nodes are shifted");
MH_STATIC_ASSERT(UINT64_C(1) << (MH_PALLOC_FANOUT_SHIFT * MH_PALLOC_LEVELS) >
                     MH_PALLOC_MAX_SLOTS,
                 "the topmost level has at most MH_PALLOC_FANOUT nodes");

static size_t nodes_above(size_t n) {
    return (n + MH_PALLOC_FANOUT - 1) / MH_PALLOC_FANOUT;
}

// pages_of is how many pages a node of a level stands for.
static uint32_t pages_of(unsigned level) {
    return (uint32_t)MH_CHUNK_PAGES << (MH_PALLOC_FANOUT_SHIFT * level);
}

// layout is the size of all arrays for a capacity, and sets *index to where
// they lie in memory when memory is not NULL. Slots come first: the arrays are
// ordered by alignment.
static size_t layout(struct mh_palloc_index *index, size_t capacity,
                     unsigned char *memory) {
    size_t idle = capacity * sizeof(struct mh_palloc_slot);
    size_t sums = idle + (capacity + 63) / 64 * sizeof(uint64_t);
    size_t end = sums;

    for (unsigned k = 0, n = (unsigned)capacity; k < MH_PALLOC_LEVELS; k++) {
        if (memory != NULL) {
            index->level[k] = (struct mh_palloc_sum *)(void *)(memory + end);
        }
        end += n * sizeof(struct mh_palloc_sum);
        n = (unsigned)nodes_above(n);
    }
    if (memory != NULL) {
        index->slots = (struct mh_palloc_slot *)(void *)memory;
        index->idle = (uint64_t *)(void *)(memory + idle);
        index->capacity = capacity;
    }
    return end;
}

// build_levels recomputes every node that stands above a slot >= first, and how
// many levels there are. A level that was not there before is computed whole.
static void build_levels(struct mh_palloc_index *index, size_t first) {
    unsigned level = 0;

    while (index->nnodes[level] > MH_PALLOC_FANOUT) {
        const struct mh_palloc_sum *below = index->level[level];
        size_t nbelow = index->nnodes[level];
        size_t n = nodes_above(nbelow);

        first = level + 1 < index->nlevels ? first / MH_PALLOC_FANOUT : 0;
        for (size_t i = first; i < n; i++) {
            size_t child = i * MH_PALLOC_FANOUT;
            size_t left = nbelow - child;
            index->level[level + 1][i] = mh_palloc_sum_merge(
                below + child,
                left < MH_PALLOC_FANOUT ? left : MH_PALLOC_FANOUT,
                pages_of(level));
        }
        level++;
        index->nnodes[level] = n;
    }
    index->nlevels = level + 1;
}

enum mh_status mh_palloc_index_reserve(struct mh_palloc_index *index,
                                       struct mh_persistent *mem,
                                       size_t extra) {
    size_t used = index->nnodes[0];
    if (extra > MH_PALLOC_MAX_SLOTS - HOLES ||
        used > MH_PALLOC_MAX_SLOTS - HOLES - extra) {
        return MH_NO_MEMORY;
    }
    size_t need = used + extra + HOLES;
    if (need <= index->capacity) {
        return MH_OK;
    }

    // Doubling bounds what the arrays left behind add up to.
    size_t capacity = 2 * index->capacity;
    capacity = capacity < FIRST_CAPACITY ? FIRST_CAPACITY : capacity;
    capacity = capacity < need ? need : capacity;
    capacity = capacity < MH_PALLOC_MAX_SLOTS ? capacity : MH_PALLOC_MAX_SLOTS;

    struct mh_palloc_index old = *index;
    unsigned char *memory = mh_persistent_alloc(
        mem, layout(index, capacity, NULL), sizeof(uint64_t));
    if (memory == NULL) {
        return MH_NO_MEMORY;
    }
    layout(index, capacity, memory);
    if (used > 0) {
        memcpy(index->slots, old.slots, used * sizeof(*old.slots));
        memcpy(index->idle, old.idle, (used + 63) / 64 * sizeof(*old.idle));
        memcpy(index->level[0], old.level[0], used * sizeof(*old.level[0]));
    }
    build_levels(index, 0);
    return MH_OK;
}

size_t mh_palloc_index_slot(const struct mh_palloc_index *index,
                            uintptr_t address) {
    size_t n = index->nnodes[0];
    if (n == 0 || address < index->slots[0].base) {
        return SIZE_MAX;
    }

    // Chunks of one arena lie side by side, so the distance from a chunk used
    // lately mostly is the distance in slots. Unsigned: it may be negative.
    uintptr_t base = mh_align_down(address, MH_CHUNK_SIZE);
    uintptr_t from = index->slots[index->finger].base;
    size_t guess =
        index->finger + ((base >> MH_CHUNK_SHIFT) - (from >> MH_CHUNK_SHIFT));
    if (guess < n && index->slots[guess].base == base) {
        return guess;
    }

    size_t low = 0, high = n; // slots[low].base <= address < slots[high].base
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (index->slots[middle].base <= address) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

size_t mh_palloc_index_position(const struct mh_palloc_index *index,
                                uintptr_t address, bool *exact_out) {
    size_t slot = mh_palloc_index_slot(index, address);
    if (slot == SIZE_MAX) {
        *exact_out = false;
        return 0;
    }

    const struct mh_palloc_slot *s = &index->slots[slot];
    uintptr_t offset = address - s->base;
    *exact_out = s->chunk != NULL && offset < MH_CHUNK_SIZE;
    if (!*exact_out) {
        return (slot + 1) * MH_CHUNK_PAGES;
    }
    return slot * MH_CHUNK_PAGES + (size_t)(offset >> MH_PAGE_SHIFT);
}

uintptr_t mh_palloc_index_address(const struct mh_palloc_index *index,
                                  size_t position) {
    size_t slot = position / MH_CHUNK_PAGES;
    MH_ASSERT(slot < index->nnodes[0]);
    return index->slots[slot].base +
           ((uintptr_t)(position % MH_CHUNK_PAGES) << MH_PAGE_SHIFT);
}

static void set_slot(struct mh_palloc_index *index, size_t slot, uintptr_t base,
                     struct mh_palloc_chunk *chunk) {
    index->slots[slot] = (struct mh_palloc_slot){base, chunk};
    index->level[0][slot] = (struct mh_palloc_sum){0, 0, 0};
    index->idle[slot / 64] &= ~(UINT64_C(1) << slot % 64);
}

// shift moves the slots from `from` on to `to`. Idle bits are not moved but all
// set: they are hints, and this happens when a heap grows downwards, only.
static void shift(struct mh_palloc_index *index, size_t from, size_t to) {
    size_t n = index->nnodes[0] - from;

    index->nnodes[0] = to + n;
    if (n == 0) {
        return;
    }
    memmove(index->slots + to, index->slots + from, n * sizeof(*index->slots));
    memmove(index->level[0] + to, index->level[0] + from,
            n * sizeof(*index->level[0]));
    for (size_t slot = 0; slot < to + n; slot++) {
        index->idle[slot / 64] |= UINT64_C(1) << slot % 64;
    }
}

void mh_palloc_index_insert(struct mh_palloc_index *index,
                            struct mh_palloc_chunk *chunks, size_t n) {
    uintptr_t base = (uintptr_t)chunks[0].base;
    uintptr_t size = (uintptr_t)n << MH_CHUNK_SHIFT;
    size_t slot = mh_palloc_index_slot(index, base);
    size_t left = slot == SIZE_MAX ? 0 : slot + 1; // first slot not below us
    size_t right = left;                           // first slot above us

    if (left > 0 && index->slots[slot].chunk == NULL) {
        left--; // the hole we are about to fill, at least in part
    }
    bool hole_below =
        left > 0 && index->slots[left - 1].base + MH_CHUNK_SIZE != base;
    bool hole_above = false;
    if (right < index->nnodes[0]) {
        MH_CHECK(index->slots[right].base - base >= size);
        hole_above = index->slots[right].base - base != size;
    }
    size_t first = left + hole_below;
    size_t next = first + n + hole_above;
    MH_CHECK(next + (index->nnodes[0] - right) <= index->capacity);

    shift(index, right, next);
    if (hole_below) {
        uintptr_t below = index->slots[left - 1].base;
        set_slot(index, left, below + MH_CHUNK_SIZE, NULL);
    }
    for (size_t i = 0; i < n; i++) {
        set_slot(index, first + i, (uintptr_t)chunks[i].base, &chunks[i]);
    }
    if (hole_above) {
        set_slot(index, first + n, base + size, NULL);
    }
    index->finger = first;
    build_levels(index, left);
}

// update_leaf recomputes the summary of a slot and says whether it changed.
static bool update_leaf(struct mh_palloc_index *index, size_t slot) {
    const struct mh_palloc_chunk *chunk = index->slots[slot].chunk;
    struct mh_palloc_sum sum = {0, 0, 0};

    if (chunk != NULL) {
        sum = mh_palloc_sum_of(chunk->alloc);
    }
    bool changed = !mh_palloc_sum_equal(sum, index->level[0][slot]);
    index->level[0][slot] = sum;
    return changed;
}

// update_node does the same for a node above the slots.
static bool update_node(struct mh_palloc_index *index, unsigned level,
                        size_t i) {
    size_t child = i * MH_PALLOC_FANOUT;
    size_t left = index->nnodes[level - 1] - child;
    struct mh_palloc_sum sum = mh_palloc_sum_merge(
        index->level[level - 1] + child,
        left < MH_PALLOC_FANOUT ? left : MH_PALLOC_FANOUT, pages_of(level - 1));
    bool changed = !mh_palloc_sum_equal(sum, index->level[level][i]);

    index->level[level][i] = sum;
    return changed;
}

void mh_palloc_index_update(struct mh_palloc_index *index, size_t first,
                            size_t last) {
    MH_ASSERT(first <= last && last < index->nnodes[0]);
    bool changed = false;

    for (size_t slot = first; slot <= last; slot++) {
        changed |= update_leaf(index, slot);
    }
    for (unsigned level = 1; changed && level < index->nlevels; level++) {
        changed = false;
        first /= MH_PALLOC_FANOUT;
        last /= MH_PALLOC_FANOUT;
        for (size_t i = first; i <= last; i++) {
            changed |= update_node(index, level, i);
        }
    }
}

void mh_palloc_index_rebuild(struct mh_palloc_index *index) {
    for (size_t slot = 0; slot < index->nnodes[0]; slot++) {
        update_leaf(index, slot);
    }
    build_levels(index, 0);
}

// The run of free pages that ends right before the next node of a search.
struct run {
    size_t first; // position
    size_t pages;
};

// pass appends a node that does not complete the run wanted.
static void pass(struct run *run, struct mh_palloc_sum sum, size_t node_first,
                 uint32_t node_pages) {
    if (sum.start == node_pages) {
        run->first = run->pages == 0 ? node_first : run->first;
        run->pages += node_pages;
    } else {
        run->pages = sum.end;
        run->first = node_first + node_pages - sum.end;
    }
}

// find_below is the first run of npages that lies wholly within a node whose
// summary promises one.
static size_t find_below(const struct mh_palloc_index *index, unsigned level,
                         size_t i, size_t npages) {
    while (level > 0) {
        struct run run = {0, 0};
        level--;
        i *= MH_PALLOC_FANOUT;
        for (;; i++) {
            MH_ASSERT(i < index->nnodes[level]);
            uint32_t node_pages = pages_of(level);
            struct mh_palloc_sum sum = index->level[level][i];
            if (run.pages > 0 && run.pages + sum.start >= npages) {
                return run.first;
            }
            if (sum.longest >= npages) {
                break;
            }
            pass(&run, sum, i * node_pages, node_pages);
        }
    }
    unsigned at =
        mh_palloc_bits_find(index->slots[i].chunk->alloc, 0, (unsigned)npages);
    MH_ASSERT(at < MH_CHUNK_PAGES);
    return i * MH_CHUNK_PAGES + at;
}

size_t mh_palloc_index_find(const struct mh_palloc_index *index, size_t from,
                            size_t npages) {
    size_t i = from / MH_CHUNK_PAGES;
    if (i >= index->nnodes[0]) {
        return MH_PALLOC_NONE;
    }

    // The chunk of `from` is searched in part, the others by their summaries.
    struct run run = {0, 0};
    const struct mh_palloc_chunk *chunk = index->slots[i].chunk;
    if (chunk != NULL) {
        unsigned begin = from % MH_CHUNK_PAGES;
        size_t left = MH_CHUNK_PAGES - begin;
        size_t end = index->level[0][i].end;
        if (npages <= left) {
            unsigned at =
                mh_palloc_bits_find(chunk->alloc, begin, (unsigned)npages);
            if (at < MH_CHUNK_PAGES) {
                return i * MH_CHUNK_PAGES + at;
            }
        }
        run.pages = end < left ? end : left;
        run.first = (i + 1) * MH_CHUNK_PAGES - run.pages;
    }

    unsigned level = 0;
    for (i++;; i++) {
        while (i % MH_PALLOC_FANOUT == 0 && level + 1 < index->nlevels) {
            i /= MH_PALLOC_FANOUT;
            level++;
        }
        if (i >= index->nnodes[level]) {
            return MH_PALLOC_NONE;
        }
        uint32_t node_pages = pages_of(level);
        struct mh_palloc_sum sum = index->level[level][i];
        if (run.pages > 0 && run.pages + sum.start >= npages) {
            return run.first;
        }
        if (sum.longest >= npages) {
            return find_below(index, level, i, npages);
        }
        pass(&run, sum, i * node_pages, node_pages);
    }
}
