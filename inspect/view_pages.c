// view_pages.c - what every page of every heap is, and which are in memory.

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/reader.h"

// Page tables are read this many system pages at a time, and not beyond this
// many bytes in all: a hostile target can reserve more than can be looked at.
enum { WINDOW_PAGES = 16384 };
#define MAX_MEASURED ((uint64_t)4 << 40)

// ---- whose a page is --------------------------------------------------------

// The records of one chunk of addresses: [first, last) of reader->chunk,
// several where heaps meet in a chunk. Only moves forward.
struct cursor {
    size_t first, last;
};

enum { ALLOC, RELEASED, OURS };

static bool bit_of(const struct mh_reader *reader,
                   const struct mh_reader_chunk *chunk, int which,
                   size_t page) {
    const uint64_t *words = reader->chunk_words + chunk->words +
                            (size_t)which * reader->words_per_chunk;

    return (words[page / 64] >> (page % 64) & 1) != 0;
}

static void select_group(const struct mh_reader *reader, struct cursor *at) {
    at->last = at->first;
    while (at->last < reader->nchunks &&
           reader->chunk[at->last].base == reader->chunk[at->first].base) {
        at->last++;
    }
}

// The record that has the page at address, NULL if no heap has it.
static const struct mh_reader_chunk *
owner_at(const struct mh_reader *reader, struct cursor *at, uint64_t address) {
    const struct mh_view *view = reader->view;
    uint64_t size = (uint64_t)view->chunk_pages << view->page_shift;

    while (at->first < reader->nchunks &&
           reader->chunk[at->first].base + size <= address) {
        at->first = at->last;
        select_group(reader, at);
    }
    if (at->first >= reader->nchunks ||
        reader->chunk[at->first].base > address) {
        return NULL;
    }
    size_t page =
        (size_t)((address - reader->chunk[at->first].base) >> view->page_shift);
    for (size_t i = at->first; i < at->last; i++) {
        if (bit_of(reader, &reader->chunk[i], OURS, page)) {
            return &reader->chunk[i];
        }
    }
    return NULL;
}

// A span on pages that no heap has cannot be.
static void drop_strays(struct mh_reader *reader) {
    struct mh_view *view = reader->view;
    uint64_t page = UINT64_C(1) << view->page_shift;
    struct cursor at = {0, 0};
    size_t kept = 0;

    select_group(reader, &at);
    for (size_t i = 0; i < view->nspans; i++) {
        const struct mh_view_span *span = &view->spans[i];
        uint64_t done = 0;
        while (done < span->bytes &&
               owner_at(reader, &at, span->base + done) != NULL) {
            done += page;
        }
        if (done == span->bytes) {
            view->spans[kept++] = *span;
        } else {
            mh_reader_find(reader, "MH0112", span->base,
                           "no heap has the pages of a span, from 0x%" PRIx64
                           " on",
                           span->base + done);
        }
    }
    view->nspans = kept;
}

// ---- runs -------------------------------------------------------------------

static bool add_run(struct mh_reader *reader, uint64_t base, uint64_t bytes,
                    uint32_t heap, enum mh_view_kind kind) {
    struct mh_view *view = reader->view;
    struct mh_view_run *last =
        view->nruns == 0 ? NULL : &view->runs[view->nruns - 1];

    if (last != NULL && last->base + last->bytes == base &&
        last->heap == heap && last->kind == kind) {
        last->bytes += bytes;
        return true;
    }
    if (!mh_reader_grow(reader, &view->runs, &reader->runs, view->nruns,
                        sizeof(*view->runs))) {
        return false;
    }
    view->runs[view->nruns++] = (struct mh_view_run){
        .base = base, .bytes = bytes, .heap = heap, .kind = (uint8_t)kind};
    return true;
}

// Free pages of a thread's cache, among 64: chunks call them allocated.
struct held {
    uint64_t base;
    uint64_t free, released; // bit per page
};

static int by_held_base(const void *a, const void *b) {
    const struct held *x = a, *y = b;

    return x->base < y->base ? -1 : x->base > y->base;
}

// By address.
struct holders {
    struct held *held;
    size_t n;
};

static enum mh_view_kind held_kind(const struct mh_view *view,
                                   const struct holders *holders,
                                   uint64_t address) {
    uint64_t size = UINT64_C(64) << view->page_shift;
    size_t low = 0, high = holders->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (holders->held[middle].base + size > address) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    // Several can have the same 64 pages, with other pages of them.
    for (; low < holders->n && holders->held[low].base <= address; low++) {
        const struct held *held = &holders->held[low];
        uint64_t bit = UINT64_C(1)
                       << ((address - held->base) >> view->page_shift);
        if ((held->free & bit) != 0) {
            return (held->released & bit) != 0 ? MH_KIND_PAGE_CACHE_RELEASED
                                               : MH_KIND_PAGE_CACHE;
        }
    }
    return MH_KIND_TAKEN;
}

static enum mh_view_kind span_kind(const struct mh_view_span *span) {
    if (span->state == MH_VIEW_SPAN_MANUAL) {
        return MH_KIND_MANUAL;
    }
    return span->size_class == 0 ? MH_KIND_LARGE : MH_KIND_SMALL;
}

static enum mh_view_kind page_kind(const struct mh_reader *reader,
                                   const struct holders *holders,
                                   const struct mh_reader_chunk *chunk,
                                   uint64_t address) {
    size_t page = (size_t)((address - chunk->base) >> reader->view->page_shift);

    if (bit_of(reader, chunk, ALLOC, page)) {
        return held_kind(reader->view, holders, address);
    }
    return bit_of(reader, chunk, RELEASED, page) ? MH_KIND_RELEASED
                                                 : MH_KIND_FREE;
}

// Spans win over bitmaps, which were read later: a page whose span has just
// been freed still counts as the span's, and its objects with it.
static void make_runs(struct mh_reader *reader, const struct holders *holders) {
    struct mh_view *view = reader->view;
    uint64_t page = UINT64_C(1) << view->page_shift;
    uint64_t size = (uint64_t)view->chunk_pages << view->page_shift;
    const struct mh_view_span *span = view->spans;
    // Without a span there is no array to point behind.
    const struct mh_view_span *end =
        view->nspans == 0 ? span : span + view->nspans;
    struct cursor at = {0, 0};

    select_group(reader, &at);
    while (at.first < reader->nchunks && !reader->over_budget) {
        uint64_t base = reader->chunk[at.first].base;
        for (uint64_t address = base; address < base + size; address += page) {
            const struct mh_reader_chunk *chunk =
                owner_at(reader, &at, address);
            while (span < end && span->base + span->bytes <= address) {
                span++;
            }
            if (chunk != NULL) {
                bool inside = span < end && span->base <= address;
                (void)add_run(reader, address, page, chunk->heap,
                              inside
                                  ? span_kind(span)
                                  : page_kind(reader, holders, chunk, address));
            }
        }
        at.first = at.last;
        select_group(reader, &at);
    }
}

static void add_rooms(struct mh_reader *reader) {
    struct mh_view *view = reader->view;
    uint64_t page = UINT64_C(1) << view->page_shift;

    for (size_t i = 0; i < view->nheaps; i++) {
        const struct mh_view_heap *heap = &view->heaps[i];
        if (heap->room_next == heap->room_end) {
            continue;
        }
        if (heap->room_next > heap->room_end || heap->room_next % page != 0 ||
            heap->room_end % page != 0 ||
            !mh_source_mapped(&reader->source, heap->room_next,
                              heap->room_end - heap->room_next,
                              MH_MAPPED_ANY)) {
            mh_reader_find(reader, "MH0302", heap->room_next,
                           "heap %" PRIu32 " has room up to 0x%" PRIx64
                           ", which it has not reserved",
                           heap->id, heap->room_end);
            continue;
        }
        (void)add_run(reader, heap->room_next, heap->room_end - heap->room_next,
                      heap->id, MH_KIND_ROOM);
    }
}

static int by_run_base(const void *a, const void *b) {
    const struct mh_view_run *x = a, *y = b;

    if (x->base != y->base) {
        return x->base < y->base ? -1 : 1;
    }
    return x->kind < y->kind ? -1 : x->kind > y->kind;
}

// A heap that maps part of its room while it is read has those pages twice; the
// bitmaps, read after it, are the newer.
static void trim_runs(struct mh_reader *reader) {
    struct mh_view *view = reader->view;
    uint64_t limit = 0;
    size_t kept = 0;

    for (size_t i = 0; i < view->nruns; i++) {
        struct mh_view_run run = view->runs[i];
        uint64_t end = run.base + run.bytes;
        if (i + 1 < view->nruns && run.kind == MH_KIND_ROOM &&
            view->runs[i + 1].base < end) {
            end = view->runs[i + 1].base;
        }
        if (run.base < limit) {
            run.base = limit;
        }
        if (run.base < end) {
            run.bytes = end - run.base;
            limit = end;
            view->runs[kept++] = run;
        }
    }
    view->nruns = kept;
}

static void make_extents(struct mh_reader *reader) {
    struct mh_view *view = reader->view;

    for (size_t i = 0; i < view->nruns; i++) {
        const struct mh_view_run *run = &view->runs[i];
        struct mh_view_extent *last =
            view->nextents == 0 ? NULL : &view->extents[view->nextents - 1];
        if (last != NULL && last->base + last->bytes == run->base &&
            last->heap == run->heap) {
            last->bytes += run->bytes;
        } else if (mh_reader_grow(reader, &view->extents, &reader->extents,
                                  view->nextents, sizeof(*view->extents))) {
            view->extents[view->nextents++] = (struct mh_view_extent){
                .base = run->base, .bytes = run->bytes, .heap = run->heap};
        }
    }
    for (size_t i = 0; i < view->nextents; i++) {
        if (!mh_source_mapped(&reader->source, view->extents[i].base,
                              view->extents[i].bytes, MH_MAPPED_ANY)) {
            mh_reader_find(reader, "MH0305", view->extents[i].base,
                           "a heap lists pages that are not mapped");
        }
    }
}

static void hold(struct holders *holders, struct held held) {
    if (held.free != 0) {
        holders->held[holders->n++] = held;
    }
}

static void hold_run(struct holders *holders, const struct mh_view *view,
                     uint64_t run) {
    uint64_t npages = run & ((UINT64_C(1) << view->page_shift) - 1);
    uint64_t bits = npages == 64 ? UINT64_MAX : (UINT64_C(1) << npages) - 1;

    hold(holders, (struct held){run - npages, bits, 0});
}

static struct holders find_holders(struct mh_reader *reader) {
    const struct mh_view *view = reader->view;
    struct holders holders = {
        .held = mh_reader_alloc(reader, view->ncaches * (1 + MH_VIEW_PAGE_RUNS),
                                sizeof(struct held))};

    for (size_t i = 0; holders.held != NULL && i < view->ncaches; i++) {
        const struct mh_view_cache *cache = &view->caches[i];
        hold(&holders, (struct held){cache->page_base, cache->pages_free,
                                     cache->pages_released});
        for (size_t k = 0; k < MH_VIEW_PAGE_RUNS; k++) {
            hold_run(&holders, view, cache->runs[k]);
        }
    }
    if (holders.n != 0) {
        qsort(holders.held, holders.n, sizeof(struct held), by_held_base);
    }
    return holders;
}

void mh_reader_pages(struct mh_reader *reader) {
    struct mh_view *view = reader->view;
    struct holders holders = find_holders(reader);

    drop_strays(reader);
    make_runs(reader, &holders);
    free(holders.held);
    add_rooms(reader);
    if (view->nruns != 0) {
        qsort(view->runs, view->nruns, sizeof(*view->runs), by_run_base);
    }
    trim_runs(reader);
    make_extents(reader);
    if (reader->over_budget) {
        // Part of a partition is none: say nothing rather than half.
        view->nspans = view->nruns = view->nextents = 0;
    }
}

// ---- residency --------------------------------------------------------------

// Where in each sorted array the last resident page was found.
struct measure {
    struct mh_reader *reader;
    size_t run, span, arena;
    uint64_t left; // bytes that may still be looked at
};

static uint64_t common(uint64_t a, uint64_t a_end, uint64_t b, uint64_t b_end) {
    uint64_t from = a > b ? a : b;
    uint64_t to = a_end < b_end ? a_end : b_end;

    return to > from ? to - from : 0;
}

// [from, to) has pages of its own; ranges come in order of address.
static void is_resident(struct measure *m, uint64_t from, uint64_t to) {
    struct mh_view *view = m->reader->view;

    while (m->run < view->nruns &&
           view->runs[m->run].base + view->runs[m->run].bytes <= from) {
        m->run++;
    }
    for (size_t i = m->run; i < view->nruns && view->runs[i].base < to; i++) {
        struct mh_view_run *run = &view->runs[i];
        run->resident += common(run->base, run->base + run->bytes, from, to);
    }
    while (m->span < view->nspans &&
           view->spans[m->span].base + view->spans[m->span].bytes <= from) {
        m->span++;
    }
    for (size_t i = m->span; i < view->nspans && view->spans[i].base < to;
         i++) {
        struct mh_view_span *span = &view->spans[i];
        span->resident +=
            common(span->base, span->base + span->bytes, from, to);
    }
    while (m->arena < view->narenas &&
           view->arenas[m->arena].base + view->arenas[m->arena].bytes <= from) {
        m->arena++;
    }
    for (size_t i = m->arena; i < view->narenas && view->arenas[i].base < to;
         i++) {
        struct mh_view_arena *arena = &view->arenas[i];
        arena->resident +=
            common(arena->base, arena->base + arena->bytes, from, to);
    }
}

// The part of a range that one call of the system describes: n pages from at.
struct window {
    uint64_t base, end; // of the range
    uint64_t at;        // a multiple of the page
    size_t n;
    uint64_t *resident; // where to add; NULL: the pages belong to heaps
};

static void add_resident(struct measure *m, const struct window *w,
                         uint64_t from, uint64_t to) {
    if (w->resident != NULL) {
        *w->resident += common(w->base, w->end, from, to);
    } else if (from < to) {
        is_resident(m, from > w->base ? from : w->base,
                    to < w->end ? to : w->end);
    }
}

static void add_window(struct measure *m, const struct window *w,
                       const enum mh_target_page *pages) {
    struct mh_view *view = m->reader->view;
    uint64_t page = view->system_page;

    for (size_t i = 0; i < w->n; i++) {
        size_t first = i;
        while (i < w->n && pages[i] == MH_TARGET_PAGE_RESIDENT) {
            i++;
        }
        add_resident(m, w, w->at + first * page, w->at + i * page);
        if (i < w->n && pages[i] == MH_TARGET_PAGE_SWAPPED) {
            view->swapped += common(w->base, w->end, w->at + i * page,
                                    w->at + (i + 1) * page);
        }
    }
}

// Looks at [base, end). A system page that only partly lies in the range counts
// for that part. False when the system does not tell, or enough was looked at.
static bool measure_range(struct measure *m, uint64_t base, uint64_t end,
                          uint64_t *resident) {
    uint64_t page = m->reader->view->system_page;
    uint64_t most = page * WINDOW_PAGES;

    for (uint64_t at = base / page * page; at < end; at += most) {
        uint64_t size = end - at < most ? end - at : most;
        struct window w = {base, end, at, (size_t)((size + page - 1) / page),
                           resident};
        if (size > m->left) {
            return false;
        }
        m->left -= size;
        const enum mh_target_page *pages =
            mh_source_pages(&m->reader->source, at, w.n);
        if (pages == NULL) {
            return false;
        }
        add_window(m, &w, pages);
    }
    return true;
}

void mh_reader_residency(struct mh_reader *reader) {
    struct mh_view *view = reader->view;
    struct measure m = {.reader = reader, .left = MAX_MEASURED};
    bool all = true;

    for (size_t i = 0; i < view->nextents && all; i++) {
        const struct mh_view_extent *extent = &view->extents[i];
        all =
            measure_range(&m, extent->base, extent->base + extent->bytes, NULL);
    }
    for (size_t i = 0; i < view->nmetadata && all; i++) {
        struct mh_view_metadata *metadata = &view->metadata[i];
        if (metadata->reserved) {
            continue;
        }
        all =
            measure_range(&m, metadata->base, metadata->base + metadata->bytes,
                          &metadata->resident);
    }
    view->has_residency = all;
    if (!all) {
        view->partial = true;
        mh_reader_find(reader, "MH0501", 0,
                       "the page tables could not be read to the end");
    }
    if (mh_target_resident(reader->source.target, &view->process_resident) !=
        MH_TARGET_OK) {
        view->has_residency = false;
    }
}
