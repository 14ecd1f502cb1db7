// cells.c - a stretch of a heap's addresses cut into equal cells.

#include "tools/heapctl/cells.h"

#include <string.h>

void hc_cells_start(struct hc_cells *cells, const struct mh_view *view,
                    uint64_t base, uint64_t end, uint64_t cell) {
    *cells =
        (struct hc_cells){.view = view, .at = base, .end = end, .cell = cell};
}

// The bytes two ranges that do meet have in common.
static uint64_t overlap(uint64_t base, uint64_t bytes, uint64_t from,
                        uint64_t to) {
    uint64_t first = base > from ? base : from;
    uint64_t last = base + bytes < to ? base + bytes : to;

    return last - first;
}

// Moves the cursors to what reaches beyond `at`.
static void advance(struct hc_cells *cells) {
    const struct mh_view *view = cells->view;

    while (cells->run < view->nruns &&
           view->runs[cells->run].base + view->runs[cells->run].bytes <=
               cells->at) {
        cells->run++;
    }
    while (cells->span < view->nspans &&
           view->spans[cells->span].base + view->spans[cells->span].bytes <=
               cells->at) {
        cells->span++;
    }
}

// The kind of the cell [at, to): the one with the most bytes in it; what no
// run covers is foreign.
static unsigned kind_of(const struct hc_cells *cells, uint64_t to) {
    const struct mh_view *view = cells->view;
    uint64_t bytes[MH_NKINDS] = {0};
    uint64_t covered = 0;
    unsigned best = 0;

    for (size_t i = cells->run; i < view->nruns && view->runs[i].base < to;
         i++) {
        const struct mh_view_run *run = &view->runs[i];
        uint64_t part = overlap(run->base, run->bytes, cells->at, to);
        bytes[run->kind < MH_NKINDS ? run->kind : MH_KIND_FOREIGN] += part;
        covered += part;
    }
    bytes[MH_KIND_FOREIGN] += to - cells->at - covered;
    for (unsigned kind = 1; kind < MH_NKINDS; kind++) {
        best = bytes[kind] > bytes[best] ? kind : best;
    }
    return best;
}

// Objects are taken as spread evenly over their span.
static void count_small(const struct hc_cells *cells, uint64_t to,
                        struct hc_piece *piece) {
    const struct mh_view *view = cells->view;

    for (size_t i = cells->span; i < view->nspans && view->spans[i].base < to;
         i++) {
        const struct mh_view_span *span = &view->spans[i];
        if (span->slot_size == 0 || span->bytes == 0) {
            continue;
        }
        uint64_t part = overlap(span->base, span->bytes, cells->at, to);
        double used = (double)span->used * span->slot_size;
        piece->small_bytes += part;
        piece->used_bytes +=
            (uint64_t)(used * ((double)part / (double)span->bytes));
    }
}

bool hc_cells_next(struct hc_cells *cells, struct hc_piece *piece_out) {
    if (cells->at >= cells->end) {
        return false;
    }
    advance(cells);

    const struct mh_view *view = cells->view;
    const struct mh_view_run *run =
        cells->run < view->nruns ? &view->runs[cells->run] : NULL;
    memset(piece_out, 0, sizeof(*piece_out));
    piece_out->base = cells->at;
    piece_out->ncells = 1;
    if (run != NULL && run->base <= cells->at && run->kind != MH_KIND_SMALL) {
        uint64_t limit = run->base + run->bytes;
        limit = limit < cells->end ? limit : cells->end;
        if (limit - cells->at >= cells->cell) {
            piece_out->ncells = (limit - cells->at) / cells->cell;
        }
    }
    uint64_t left = cells->end - cells->at;
    uint64_t size = piece_out->ncells * cells->cell;
    uint64_t to = cells->at + (size < left ? size : left);
    piece_out->kind = piece_out->ncells > 1 ? run->kind : kind_of(cells, to);
    if (piece_out->ncells == 1) {
        count_small(cells, to, piece_out);
    }
    cells->at = to;
    return true;
}
