// palloc.c - taking, giving back and releasing runs of pages.
//
// Taking a run: move the search hint to the lowest free page; ask the index for
// the lowest run at or above it; set its bits chunk by chunk; bring the
// summaries of these chunks up to date, and those above them for as far as they
// change. Giving back is the reverse. palloc_grow.c adds pages, palloc_check.c
// proves the invariants.

#include "core/page/palloc.h"

#include "core/base/assert.h"
#include "core/base/bits.h"

// What one chunk holds of a range of pages.
struct part {
    struct mh_palloc_chunk *chunk;
    size_t slot;
    unsigned first, npages; // within the chunk
};

static struct part part_of(const struct mh_palloc *p, size_t position,
                           size_t npages) {
    struct part part;
    size_t left;

    part.slot = position / MH_CHUNK_PAGES;
    part.first = position % MH_CHUNK_PAGES;
    part.chunk = p->index.slots[part.slot].chunk;
    left = MH_CHUNK_PAGES - part.first;
    part.npages = (unsigned)(npages < left ? npages : left);
    return part;
}

// At debug level 3 every change is followed by a walk over all records.
static void check_all(const struct mh_palloc *p) {
#if MH_DEBUG_LEVEL >= 3
    MH_CHECK(mh_palloc_check(p) == 0);
#else
    (void)p;
#endif
}

// locate finds the position of a range; false when part of it lies outside all
// chunks.
static bool locate(const struct mh_palloc *p, uintptr_t base, size_t npages,
                   size_t *position_out) {
    bool exact;
    size_t position = mh_palloc_index_position(&p->index, base, &exact);
    size_t limit = p->index.nnodes[0] * MH_CHUNK_PAGES;

    MH_CHECK(base % MH_PAGE_SIZE == 0);
    MH_CHECK(npages > 0);
    if (!exact || npages > limit - position) {
        return false;
    }
    *position_out = position;
    size_t last = (position + npages - 1) / MH_CHUNK_PAGES;
    for (size_t slot = position / MH_CHUNK_PAGES; slot <= last; slot++) {
        if (p->index.slots[slot].chunk == NULL) {
            return false;
        }
    }
    return true;
}

// locate_ours is the position of a range that the caller had from us.
static size_t locate_ours(const struct mh_palloc *p, uintptr_t base,
                          size_t npages) {
    size_t position = 0;
    bool in_chunks = locate(p, base, npages, &position);

    MH_CHECK(in_chunks);
    return position;
}

static bool all_free(const struct mh_palloc *p, size_t position,
                     size_t npages) {
    while (npages > 0) {
        struct part part = part_of(p, position, npages);
        if (part.chunk == NULL ||
            !mh_palloc_bits_none(part.chunk->alloc, part.first, part.npages)) {
            return false;
        }
        position += part.npages;
        npages -= part.npages;
    }
    return true;
}

// update brings the summaries of a changed range up to date.
static void update(struct mh_palloc *p, size_t position, size_t npages) {
    size_t first = position / MH_CHUNK_PAGES;

    p->index.finger = first;
    mh_palloc_index_update(&p->index, first,
                           (position + npages - 1) / MH_CHUNK_PAGES);
    check_all(p);
}

// Fewer pages may lie idle than before.
static void note_idle(struct mh_palloc *p) {
    uint64_t idle = mh_palloc_idle(p);
    p->idle_low = idle < p->idle_low ? idle : p->idle_low;
}

void mh_palloc_note_old(struct mh_palloc *p, uint64_t pages) {
    p->idle_low += pages;
    note_idle(p);
}

uint64_t mh_palloc_surplus(struct mh_palloc *p) {
    uint64_t low = p->idle_low;
    p->idle_low = mh_palloc_idle(p);
    return low;
}

// claim_part takes the pages of one chunk and returns how many of them were
// released.
static size_t claim_part(struct part part) {
    struct mh_palloc_chunk *chunk = part.chunk;
    struct mh_palloc_range at = mh_palloc_range(part.first, part.npages);
    size_t n = 0;
    do {
        uint64_t released = chunk->released[at.word] & at.mask;
        uint64_t *was = &chunk->was_released[at.word];
        *was = (*was & ~at.mask) | released;
        if (released != 0) {
            chunk->released[at.word] &= ~released;
            n += mh_popcount64(released);
        }
        chunk->alloc[at.word] |= at.mask;
    } while (mh_palloc_range_next(&at));
    return n;
}

// claim takes a run of free pages and returns how many of them were released.
static size_t claim(struct mh_palloc *p, size_t position, size_t npages) {
    size_t released = 0, at = position, left = npages;

    while (left > 0) {
        struct part part = part_of(p, at, left);
        released += claim_part(part);
        at += part.npages;
        left -= part.npages;
    }
    if (position == p->hint) {
        p->hint = position + npages;
    }
    p->free_pages -= npages;
    p->released_pages -= released;
    note_idle(p);
    update(p, position, npages);
    return released;
}

// lowest_free moves the hint to the lowest free page and returns it, or
// MH_PALLOC_NONE. Every search begins there, so a dense lower part of the heap
// is passed over once and not by every caller.
static size_t lowest_free(struct mh_palloc *p) {
    size_t position = mh_palloc_index_find(&p->index, p->hint, 1);

    if (position != MH_PALLOC_NONE) {
        p->hint = position;
    }
    return position;
}

// find_aligned tries the first aligned page of each run that is long enough.
// Within a chunk all aligned pages are tried at once, so that small holes at
// odd pages cost one step per chunk, not one each.
static size_t find_aligned(const struct mh_palloc *p, size_t from,
                           size_t npages, size_t align_pages) {
    uintptr_t align = (uintptr_t)align_pages << MH_PAGE_SHIFT;

    for (;;) {
        size_t run = mh_palloc_index_find(&p->index, from, npages);
        if (run == MH_PALLOC_NONE) {
            return run;
        }
        uintptr_t address = mh_palloc_index_address(&p->index, run);
        uintptr_t aligned = mh_align_up(address, align);
        if (aligned < address) {
            return MH_PALLOC_NONE; // the address space ends before
        }

        bool exact;
        from = mh_palloc_index_position(&p->index, aligned, &exact);
        if (!exact) {
            continue; // the aligned page lies in a hole; from is behind it
        }
        size_t limit = p->index.nnodes[0] * MH_CHUNK_PAGES;
        if (npages <= limit - from && all_free(p, from, npages)) {
            return from;
        }
        from++;
        if (npages > 64 || align_pages > 64) {
            continue;
        }
        struct part part = part_of(p, run, 1);
        unsigned at = mh_palloc_bits_find_aligned(part.chunk->alloc, part.first,
                                                  (unsigned)npages,
                                                  (unsigned)align_pages);
        size_t chunk_first = part.slot * MH_CHUNK_PAGES;
        if (at < MH_CHUNK_PAGES) {
            return chunk_first + at;
        }
        size_t crossing = chunk_first + MH_CHUNK_PAGES - (npages - 1);
        from = from > crossing ? from : crossing;
    }
}

// The lowest run of npages, or MH_PALLOC_NONE.
static size_t lowest_run(struct mh_palloc *p, size_t npages) {
    size_t position = npages <= p->free_pages ? lowest_free(p) : MH_PALLOC_NONE;
    if (position == MH_PALLOC_NONE || npages == 1) {
        return position;
    }
    return mh_palloc_index_find(&p->index, position, npages);
}

static size_t lowest_aligned(struct mh_palloc *p, size_t npages,
                             size_t align_pages) {
    size_t position = npages <= p->free_pages ? lowest_free(p) : MH_PALLOC_NONE;
    return position == MH_PALLOC_NONE
               ? position
               : find_aligned(p, position, npages, align_pages);
}

static uintptr_t claim_found(struct mh_palloc *p, size_t position,
                             size_t npages, size_t *released_out) {
    if (position == MH_PALLOC_NONE) {
        return 0;
    }
    *released_out = claim(p, position, npages);
    return mh_palloc_index_address(&p->index, position);
}

uintptr_t mh_palloc_alloc(struct mh_palloc *p, size_t npages,
                          size_t align_pages, size_t *released_out) {
    MH_CHECK(npages > 0);
    MH_CHECK(mh_is_pow2(align_pages));
    MH_CHECK(align_pages <= UINTPTR_MAX >> MH_PAGE_SHIFT);

    size_t position = align_pages > 1 ? lowest_aligned(p, npages, align_pages)
                                      : lowest_run(p, npages);
    return claim_found(p, position, npages, released_out);
}

uintptr_t mh_palloc_alloc_with_room(struct mh_palloc *p, size_t npages,
                                    size_t room_pages, size_t lead_pages,
                                    size_t *released_out) {
    MH_CHECK(npages > 0 && npages <= room_pages);
    MH_CHECK(lead_pages <= room_pages - npages);
    size_t run = lowest_run(p, room_pages);
    size_t position = run == MH_PALLOC_NONE ? run : run + lead_pages;
    return claim_found(p, position, npages, released_out);
}

bool mh_palloc_take(struct mh_palloc *p, uintptr_t base, size_t npages,
                    size_t *released_out) {
    size_t position;

    if (!locate(p, base, npages, &position) || !all_free(p, position, npages)) {
        return false;
    }
    *released_out = claim(p, position, npages);
    return true;
}

bool mh_palloc_extend(struct mh_palloc *p, uintptr_t base, size_t npages,
                      size_t extra, size_t *released_out) {
    uintptr_t last = base + ((uintptr_t)(npages - 1) << MH_PAGE_SHIFT);
    MH_CHECK(npages > 0 && last >= base);

    // Behind the last page of all comes address 0, which is no heap's.
    return mh_palloc_take(p, last + MH_PAGE_SIZE, extra, released_out);
}

// free_part gives the pages of one chunk back: allocated ones of ours, or the
// program stops.
static void free_part(struct part part) {
    struct mh_palloc_chunk *chunk = part.chunk;
    struct mh_palloc_range at = mh_palloc_range(part.first, part.npages);
    do {
        uint64_t ours = chunk->ours[at.word] & chunk->alloc[at.word];
        MH_CHECK((ours & at.mask) == at.mask);
        chunk->alloc[at.word] &= ~at.mask;
    } while (mh_palloc_range_next(&at));
}

void mh_palloc_free(struct mh_palloc *p, uintptr_t base, size_t npages) {
    size_t position = locate_ours(p, base, npages);

    size_t at = position, left = npages;
    while (left > 0) {
        struct part part = part_of(p, at, left);
        free_part(part);
        p->index.idle[part.slot / 64] |= UINT64_C(1) << part.slot % 64;
        at += part.npages;
        left -= part.npages;
    }
    p->free_pages += npages;
    p->hint = position < p->hint ? position : p->hint;
    update(p, position, npages);
}

void mh_palloc_undo(struct mh_palloc *p, uintptr_t base, size_t npages) {
    mh_palloc_free(p, base, npages);

    size_t position = locate_ours(p, base, npages);
    while (npages > 0) {
        struct part part = part_of(p, position, npages);
        struct mh_palloc_chunk *chunk = part.chunk;
        mh_palloc_bits_copy(chunk->released, chunk->was_released, part.first,
                            part.npages);
        p->released_pages +=
            mh_palloc_bits_count(chunk->released, part.first, part.npages);
        position += part.npages;
        npages -= part.npages;
    }
    check_all(p);
}

size_t mh_palloc_released(const struct mh_palloc *p, uintptr_t base,
                          size_t npages) {
    size_t position = locate_ours(p, base, npages);
    size_t released = 0;

    while (npages > 0) {
        struct part part = part_of(p, position, npages);
        released +=
            mh_palloc_bits_count(part.chunk->released, part.first, part.npages);
        position += part.npages;
        npages -= part.npages;
    }
    return released;
}

size_t mh_palloc_idle_in(const struct mh_palloc *p, uintptr_t base,
                         size_t npages) {
    size_t position = locate_ours(p, base, npages);
    size_t idle = npages - mh_palloc_released(p, base, npages);

    while (npages > 0) {
        struct part part = part_of(p, position, npages);
        idle -=
            mh_palloc_bits_count(part.chunk->alloc, part.first, part.npages);
        position += part.npages;
        npages -= part.npages;
    }
    return idle;
}

void mh_palloc_mark_released(struct mh_palloc *p, uintptr_t base,
                             size_t npages) {
    size_t position = locate_ours(p, base, npages);
    MH_CHECK(all_free(p, position, npages));

    while (npages > 0) {
        struct part part = part_of(p, position, npages);
        uint64_t *released = part.chunk->released;
        p->released_pages +=
            part.npages -
            mh_palloc_bits_count(released, part.first, part.npages);
        mh_palloc_bits_set(released, part.first, part.npages);
        position += part.npages;
        npages -= part.npages;
    }
    note_idle(p);
    check_all(p);
}

bool mh_palloc_has(const struct mh_palloc *p, uintptr_t base, size_t npages) {
    size_t position = 0;
    bool ours = locate(p, base, npages, &position);
    while (ours && npages > 0) {
        struct part part = part_of(p, position, npages);
        ours = mh_palloc_bits_count(part.chunk->ours, part.first,
                                    part.npages) == part.npages;
        position += part.npages;
        npages -= part.npages;
    }
    return ours;
}

bool mh_palloc_is_released(const struct mh_palloc *p, uintptr_t base,
                           size_t npages) {
    size_t position = 0;
    return locate(p, base, npages, &position) &&
           mh_palloc_released(p, base, npages) == npages;
}

// last_idle_slot is the highest slot below limit whose idle bit is set, or
// MH_PALLOC_NONE.
static size_t last_idle_slot(const struct mh_palloc *p, size_t limit) {
    while (limit > 0) {
        size_t w = (limit - 1) / 64;
        uint64_t word =
            p->index.idle[w] & mh_low_bits((unsigned)(limit - w * 64));
        if (word != 0) {
            return w * 64 + 63 - mh_clz64(word);
        }
        limit = w * 64;
    }
    return MH_PALLOC_NONE;
}

// What a search for pages to release wants, in pages.
struct wanted {
    unsigned max, align;
};

// last_idle_run is the highest run of free, unreleased pages of a chunk below
// limit as mh_palloc_find_scavengable describes it. It returns its length, or
// 0; *any_out says whether there is any such page below limit at all.
static unsigned last_idle_run(const struct mh_palloc_chunk *chunk,
                              unsigned limit, struct wanted wanted,
                              unsigned *first_out, bool *any_out) {
    uint64_t idle[MH_CHUNK_WORDS];
    unsigned first = 0, end;

    for (unsigned w = 0; w < MH_CHUNK_WORDS; w++) {
        idle[w] = ~(chunk->alloc[w] | chunk->released[w]);
    }
    *any_out = false;
    while ((end = mh_palloc_bits_last_run(idle, limit, &first)) != 0) {
        *any_out = true;
        limit = first;
        first = (first + wanted.align - 1) & ~(wanted.align - 1);
        end &= ~(wanted.align - 1);
        if (first < end) {
            unsigned n = end - first < wanted.max ? end - first : wanted.max;
            *first_out = end - n;
            return n;
        }
    }
    return 0;
}

static struct wanted wanted_of(size_t max_pages, size_t min_pages) {
    MH_CHECK(mh_is_pow2(min_pages) && min_pages <= MH_CHUNK_PAGES);

    max_pages = max_pages < MH_CHUNK_PAGES ? max_pages : MH_CHUNK_PAGES;
    max_pages = max_pages > min_pages ? max_pages : min_pages;
    return (struct wanted){
        .max = (unsigned)(max_pages & ~(min_pages - 1)),
        .align = (unsigned)min_pages,
    };
}

uintptr_t mh_palloc_find_scavengable(struct mh_palloc *p, uintptr_t below,
                                     size_t max_pages, size_t min_pages,
                                     size_t *npages_out) {
    struct wanted wanted = wanted_of(max_pages, min_pages);
    bool any;
    size_t limit = mh_palloc_index_position(&p->index, below, &any);
    size_t top = limit / MH_CHUNK_PAGES; // searched up to the limit only
    size_t slot = last_idle_slot(p, top + (limit % MH_CHUNK_PAGES != 0));

    while (slot != MH_PALLOC_NONE) {
        const struct mh_palloc_chunk *chunk = p->index.slots[slot].chunk;
        unsigned end = slot == top ? limit % MH_CHUNK_PAGES : MH_CHUNK_PAGES;
        unsigned first = 0, n = 0;

        any = false;
        if (chunk != NULL) {
            n = last_idle_run(chunk, end, wanted, &first, &any);
        }
        if (n > 0) {
            *npages_out = n;
            return mh_palloc_index_address(&p->index,
                                           slot * MH_CHUNK_PAGES + first);
        }
        if (!any && slot != top) {
            p->index.idle[slot / 64] &= ~(UINT64_C(1) << slot % 64);
        }
        slot = last_idle_slot(p, slot);
    }
    return 0;
}

uintptr_t mh_palloc_take_block(struct mh_palloc *p, uint64_t *taken_out,
                               uint64_t *released_out) {
    size_t position = lowest_free(p);
    if (position == MH_PALLOC_NONE) {
        return 0;
    }

    struct part part = part_of(p, position, 1);
    unsigned w = part.first / 64;
    uint64_t taken = ~part.chunk->alloc[w];
    uint64_t released = part.chunk->released[w];

    position -= position % 64;
    part.chunk->alloc[w] = ~UINT64_C(0);
    part.chunk->released[w] = 0;
    p->hint = position + 64; // the block held the lowest free page
    p->free_pages -= mh_popcount64(taken);
    p->released_pages -= mh_popcount64(released);
    note_idle(p);
    update(p, position, 64);
    *taken_out = taken;
    *released_out = released;
    return mh_palloc_index_address(&p->index, position);
}

void mh_palloc_put_block(struct mh_palloc *p, uintptr_t base, uint64_t pages,
                         uint64_t released) {
    size_t position = locate_ours(p, base, 64);
    MH_CHECK(base % (64 * MH_PAGE_SIZE) == 0);
    MH_CHECK((released & ~pages) == 0);

    struct part part = part_of(p, position, 64);
    unsigned w = part.first / 64;
    MH_CHECK((pages & ~part.chunk->ours[w]) == 0);
    MH_CHECK((pages & ~part.chunk->alloc[w]) == 0);
    if (pages == 0) {
        return;
    }

    part.chunk->alloc[w] &= ~pages;
    part.chunk->released[w] |= released;
    p->index.idle[part.slot / 64] |= UINT64_C(1) << part.slot % 64;
    p->free_pages += mh_popcount64(pages);
    p->released_pages += mh_popcount64(released);
    position += mh_ctz64(pages);
    p->hint = position < p->hint ? position : p->hint;
    update(p, position, 1);
}

// used_word asks about the pages of one word and returns its alloc bits.
static uint64_t used_word(const struct mh_palloc_chunk *chunk, unsigned w,
                          bool (*used)(void *arg, uintptr_t page), void *arg) {
    uint64_t alloc = ~chunk->ours[w];

    for (uint64_t left = chunk->ours[w]; left != 0; left &= left - 1) {
        unsigned i = mh_ctz64(left);
        uintptr_t page =
            (uintptr_t)chunk->base + ((uintptr_t)(w * 64 + i) << MH_PAGE_SHIFT);
        if (used(arg, page)) {
            alloc |= UINT64_C(1) << i;
        }
    }
    return alloc;
}

void mh_palloc_rebuild(struct mh_palloc *p,
                       bool (*used)(void *arg, uintptr_t page), void *arg) {
    struct mh_palloc_counts counts = {0, 0, 0};

    for (size_t slot = 0; slot < p->index.nnodes[0]; slot++) {
        struct mh_palloc_chunk *chunk = p->index.slots[slot].chunk;
        p->index.idle[slot / 64] |= UINT64_C(1) << slot % 64;
        if (chunk == NULL) {
            continue;
        }
        for (unsigned w = 0; w < MH_CHUNK_WORDS; w++) {
            chunk->alloc[w] = used_word(chunk, w, used, arg);
            chunk->released[w] &= ~chunk->alloc[w];
        }
        mh_palloc_chunk_count(chunk, &counts);
    }
    p->free_pages = counts.free;
    p->released_pages = counts.released;
    note_idle(p);
    p->hint = 0;
    mh_palloc_index_rebuild(&p->index);
    check_all(p);
}
