// cells.h - a stretch of a heap's addresses cut into equal cells.
//
// A cell has the kind that most of its bytes have, and for small objects how
// much of them is in use. Cells that are all alike come as one piece, so that a
// terabyte of reserved addresses costs no more than a page.

#ifndef MHEAP_TOOLS_HEAPCTL_CELLS_H
#define MHEAP_TOOLS_HEAPCTL_CELLS_H

#include "inspect/view.h"

// One cell, or many neighbours that lie in one run that is not small.
struct hc_piece {
    uint64_t base;
    uint64_t ncells;
    unsigned kind;        // enum mh_view_kind
    uint64_t small_bytes; // of the cell, in spans of slots
    uint64_t used_bytes;  // of those, what the program has
};

struct hc_cells {
    const struct mh_view *view;
    uint64_t at, end; // what is left, at a multiple of cell from the start
    uint64_t cell;    // bytes
    size_t run;       // the first run that ends behind `at`
    size_t span;      // the first span that ends behind `at`
};

// hc_cells_start begins at [base, end), which lies in one extent of the view.
void hc_cells_start(struct hc_cells *cells, const struct mh_view *view,
                    uint64_t base, uint64_t end, uint64_t cell);

// hc_cells_next gives the next piece; false when there is none.
bool hc_cells_next(struct hc_cells *cells, struct hc_piece *piece_out);

#endif // MHEAP_TOOLS_HEAPCTL_CELLS_H
