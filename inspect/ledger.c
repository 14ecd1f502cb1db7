// ledger.c - where the memory of a heap is, as a sum that can be checked.

#include "inspect/ledger.h"

#include <string.h>

// Lines of objects, from span records and their bits.
static void add_span(struct mh_ledger *ledger,
                     const struct mh_view_span *span) {
    uint64_t object = mh_view_object_size(span);
    uint64_t slot = span->size_class == 0 ? span->bytes : span->slot_size;

    if (span->state == MH_VIEW_SPAN_MANUAL) {
        ledger->manual += span->bytes;
        return;
    }
    ledger->live += span->used * object;
    ledger->tail += span->bytes - span->nslots * slot;
    ledger->tail += span->used * (slot - object);
    ledger->cached += span->cached * slot;
    ledger->pending += span->pending * slot;
    ledger->free_slots += span->free * slot;
    ledger->live_objects += span->used;
    ledger->cached_objects += span->cached;
    ledger->pending_objects += span->pending;
    ledger->free_objects += span->free;
    if (span->size_class == 0) {
        ledger->large_objects += span->used;
        ledger->large_bytes += span->used * object;
    }
}

// Lines of pages, from the page allocator's bitmaps and the page tables.
static void add_run(struct mh_ledger *ledger, const struct mh_view_run *run,
                    bool measured) {
    bool ready = true;

    switch (run->kind) {
    case MH_KIND_PAGE_CACHE:
        ledger->page_caches += run->bytes;
        break;
    case MH_KIND_FREE:
        ledger->free_kept += run->bytes;
        break;
    case MH_KIND_TAKEN:
        ledger->taken += run->bytes;
        break;
    case MH_KIND_RELEASED:
    case MH_KIND_PAGE_CACHE_RELEASED:
        ledger->released += run->bytes;
        ready = false;
        break;
    case MH_KIND_ROOM:
        ledger->room += run->bytes;
        ready = false;
        break;
    default:
        break; // counted as spans
    }
    if (measured) {
        ledger->resident += run->resident;
        ledger->untouched += ready ? run->bytes - run->resident : 0;
        ledger->lingering +=
            ready || run->kind == MH_KIND_ROOM ? 0 : run->resident;
    }
}

static void add_metadata(struct mh_ledger *ledger, const struct mh_view *view) {
    for (size_t i = 0; i < view->nmetadata; i++) {
        ledger->reserved += view->metadata[i].bytes;
        if (view->has_residency && !view->metadata[i].reserved) {
            ledger->resident += view->metadata[i].resident;
            ledger->untouched +=
                view->metadata[i].bytes - view->metadata[i].resident;
        }
    }
    for (size_t i = 0; i < view->nbooks; i++) {
        const struct mh_view_book *book = &view->books[i];
        ledger->booked += book->reserved + book->prepared + book->ready;
        if (i != 0) { // purpose 0 are the pages of heaps
            ledger->metadata += book->ready;
            ledger->metadata_rest += book->reserved + book->prepared;
        }
    }
}

void mh_ledger_make(const struct mh_view *view, struct mh_ledger *out) {
    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < view->nspans; i++) {
        add_span(out, &view->spans[i]);
    }
    for (size_t i = 0; i < view->nruns; i++) {
        add_run(out, &view->runs[i], view->has_residency);
    }
    for (size_t i = 0; i < view->nextents; i++) {
        out->reserved += view->extents[i].bytes;
    }
    add_metadata(out, view);
    out->sum = out->live + out->tail + out->cached + out->pending +
               out->free_slots + out->manual + out->taken + out->page_caches +
               out->free_kept + out->metadata;
    out->reserved_difference = (int64_t)(out->sum + out->released + out->room +
                                         out->metadata_rest - out->reserved);
    if (view->has_residency) {
        out->difference = (int64_t)(out->sum - out->untouched + out->lingering -
                                    out->resident);
        out->process_resident = view->process_resident;
        out->rest = (int64_t)(view->process_resident - out->resident);
        out->swapped = view->swapped;
    }
}
