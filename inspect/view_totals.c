// view_totals.c - sums over the spans and runs of a view.

#include <inttypes.h>

#include "inspect/reader.h"

static struct mh_view_heap *heap_of(struct mh_view *view, uint32_t id) {
    size_t low = 0, high = view->nheaps;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (view->heaps[middle].id >= id) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low < view->nheaps && view->heaps[low].id == id ? &view->heaps[low]
                                                           : NULL;
}

// A record that no thread has may own spans: what a thread that vanished in a
// fork left full.
static uint32_t cache_index(const struct mh_view *view, uint32_t id) {
    size_t low = 0, high = view->ncaches;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (view->caches[middle].id >= id) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    bool found = low < view->ncaches && view->caches[low].id == id &&
                 view->caches[low].state != MH_VIEW_CACHE_FREE;
    return found ? (uint32_t)low : MH_VIEW_NO_CACHE;
}

static void add_span(struct mh_reader *reader, struct mh_view_span *span) {
    struct mh_view *view = reader->view;
    struct mh_view_class *class = &view->classes[span->size_class];
    struct mh_view_heap *heap = heap_of(view, span->heap);
    uint64_t object = mh_view_object_size(span);
    uint64_t slot = span->size_class == 0 ? span->bytes : span->slot_size;

    if (heap == NULL) {
        mh_reader_find(reader, "MH0113", span->base,
                       "the span is of heap %" PRIu32 ", which there is none",
                       span->heap);
    } else {
        heap->nspans++;
        heap->used += span->used;
        heap->used_bytes += span->used * object;
    }
    if (span->size_class != 0) {
        span->cache = cache_index(view, span->owner);
    }
    if (span->cache != MH_VIEW_NO_CACHE) {
        view->caches[span->cache].nspans++;
    }
    view->arenas[span->arena].nspans++;
    view->arenas[span->arena].used_bytes += span->used * object;
    if (span->state == MH_VIEW_SPAN_MANUAL) {
        return;
    }
    class->nspans++;
    class->span_bytes += span->bytes;
    class->slots += span->nslots;
    class->used += span->used;
    class->pending += span->pending;
    class->free += span->free;
    class->cached += span->cached;
    class->used_bytes += span->used * object;
    class->tail_bytes += span->bytes - span->nslots * slot;
    class->tail_bytes += span->used * (slot - object);
    class->resident += span->resident;
}

static uint64_t *arena_line(struct mh_view_arena *arena, unsigned kind) {
    switch (kind) {
    case MH_KIND_SMALL:
    case MH_KIND_LARGE:
    case MH_KIND_MANUAL:
        return &arena->in_spans;
    case MH_KIND_PAGE_CACHE:
        return &arena->page_caches;
    case MH_KIND_FREE:
        return &arena->free_kept;
    case MH_KIND_RELEASED:
    case MH_KIND_PAGE_CACHE_RELEASED:
        return &arena->released;
    case MH_KIND_TAKEN:
        return &arena->taken;
    case MH_KIND_ROOM:
        return &arena->room;
    default:
        return &arena->foreign;
    }
}

static void split_runs(struct mh_view *view) {
    size_t run = 0;

    for (size_t i = 0; i < view->narenas; i++) {
        struct mh_view_arena *arena = &view->arenas[i];
        uint64_t end = arena->base + arena->bytes;
        uint64_t known = 0;
        while (run < view->nruns &&
               view->runs[run].base + view->runs[run].bytes <= arena->base) {
            run++;
        }
        for (size_t j = run; j < view->nruns && view->runs[j].base < end; j++) {
            const struct mh_view_run *at = &view->runs[j];
            uint64_t from = at->base > arena->base ? at->base : arena->base;
            uint64_t to =
                at->base + at->bytes < end ? at->base + at->bytes : end;
            *arena_line(arena, at->kind) += to - from;
            known += to - from;
        }
        arena->foreign += arena->bytes - known;
    }
}

static void add_cache(struct mh_view *view, const struct mh_view_cache *cache) {
    for (size_t i = 0; i < view->nclasses; i++) {
        view->classes[i].taken += cache->bins[i].taken;
        view->classes[i].given += cache->bins[i].given;
        view->classes[i].drained += cache->bins[i].drained;
        view->classes[i].fill += cache->bins[i].fill;
    }
}

void mh_reader_totals(struct mh_reader *reader) {
    struct mh_view *view = reader->view;

    for (size_t i = 0; i < view->nspans; i++) {
        add_span(reader, &view->spans[i]);
    }
    for (size_t i = 0; i < view->ncaches; i++) {
        add_cache(view, &view->caches[i]);
    }
    split_runs(view);
}
