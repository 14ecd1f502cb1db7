// hc_cells_test.c - addresses cut into cells, against counting every page.
//
// Heaps are made up at random, page by page. The cells of a stretch must be
// those that counting the pages of each cell gives, whatever the size of a cell
// and wherever the stretch begins.

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tools/heapctl/cells.h"

enum {
    PAGE = 8192,
    NPAGES = 400,
    ROUNDS = 300,
    SLOT = 64,
    SLOTS_PER_PAGE = PAGE / SLOT,
};

#define BASE UINT64_C(0xc000000000)

static uint8_t kinds[NPAGES]; // of each page
static uint32_t used[NPAGES]; // slots in use of each page, if small
static struct mh_view_run runs[NPAGES];
static struct mh_view_span spans[NPAGES];
static struct mh_view view;
static uint32_t seed;

static uint32_t draw(uint32_t limit) {
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % limit;
}

// A span of n pages at page, evenly used, so that any part of it is used alike.
static void add_span(size_t page, size_t n, unsigned kind) {
    struct mh_view_span *span = &spans[view.nspans++];
    uint32_t per_page = draw(SLOTS_PER_PAGE + 1);

    *span = (struct mh_view_span){
        .base = BASE + page * PAGE,
        .bytes = n * PAGE,
        .state = MH_VIEW_SPAN_IN_USE,
    };
    if (kind == MH_KIND_SMALL) {
        span->slot_size = SLOT;
        span->size_class = 5;
        span->nslots = (uint32_t)(n * SLOTS_PER_PAGE);
        span->used = (uint32_t)(n * per_page);
    }
    for (size_t i = page; i < page + n; i++) {
        used[i] = kind == MH_KIND_SMALL ? per_page : 0;
    }
}

static bool is_span(unsigned kind) {
    return kind == MH_KIND_SMALL || kind == MH_KIND_LARGE;
}

static void make_view(uint32_t round) {
    seed = round + 1;
    memset(&view, 0, sizeof(view));
    memset(used, 0, sizeof(used));
    view.runs = runs;
    view.spans = spans;
    for (size_t page = 0; page < NPAGES;) {
        unsigned kind = draw(3) == 0 ? draw(MH_NKINDS) : MH_KIND_SMALL;
        size_t n = 1 + draw(draw(4) == 0 ? 90 : 5);
        n = n < NPAGES - page ? n : NPAGES - page;
        memset(&kinds[page], (int)kind, n);
        if (is_span(kind)) {
            add_span(page, n, kind);
        }
        page += n;
    }
    for (size_t page = 0; page < NPAGES; page++) {
        if (view.nruns != 0 && page != 0 && kinds[page] == kinds[page - 1]) {
            runs[view.nruns - 1].bytes += PAGE;
        } else {
            runs[view.nruns++] = (struct mh_view_run){
                .base = BASE + page * PAGE, .bytes = PAGE, .kind = kinds[page]};
        }
    }
}

struct expected {
    unsigned kind;
    uint64_t small_bytes, used_bytes;
};

// The kind with the most pages; of equals the first.
static struct expected count_pages(size_t from, size_t to) {
    size_t pages[MH_NKINDS] = {0};
    struct expected result = {0};

    for (size_t page = from; page < to; page++) {
        pages[kinds[page]]++;
        if (kinds[page] == MH_KIND_SMALL) {
            result.small_bytes += PAGE;
            result.used_bytes += (uint64_t)used[page] * SLOT;
        }
    }
    for (unsigned kind = 1; kind < MH_NKINDS; kind++) {
        result.kind = pages[kind] > pages[result.kind] ? kind : result.kind;
    }
    return result;
}

static void check_piece(const struct hc_piece *piece, size_t page,
                        size_t cell_pages, size_t end) {
    // Cells of small objects differ in how full they are.
    ck_assert(piece->kind != MH_KIND_SMALL || piece->ncells == 1);
    for (uint64_t i = 0; i < piece->ncells; i++) {
        size_t from = page + i * cell_pages;
        size_t to = from + cell_pages < end ? from + cell_pages : end;
        struct expected wanted = count_pages(from, to);
        ck_assert_uint_eq(piece->kind, wanted.kind);
        if (piece->ncells == 1) {
            ck_assert_uint_eq(piece->small_bytes, wanted.small_bytes);
            // Parts of spans are rounded down, one by one.
            ck_assert_uint_le(piece->used_bytes, wanted.used_bytes);
            ck_assert_uint_ge(piece->used_bytes + NPAGES, wanted.used_bytes);
        }
    }
}

static void check_stretch(size_t from, size_t to, size_t cell_pages) {
    struct hc_cells cells;
    struct hc_piece piece;
    size_t page = from;

    hc_cells_start(&cells, &view, BASE + from * PAGE, BASE + to * PAGE,
                   cell_pages * PAGE);
    while (hc_cells_next(&cells, &piece)) {
        ck_assert_uint_eq(piece.base, BASE + page * PAGE);
        ck_assert_uint_ge(piece.ncells, 1);
        check_piece(&piece, page, cell_pages, to);
        page += piece.ncells * cell_pages;
    }
    ck_assert_uint_ge(page, to);
    ck_assert_uint_lt(page, to + cell_pages);
}

START_TEST(cells_are_what_their_pages_are) {
    static const size_t sizes[] = {1, 2, 3, 7, 16, 64, 500};

    make_view((uint32_t)_i);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t from = draw(NPAGES);
        size_t to = from + 1 + draw((uint32_t)(NPAGES - from));
        check_stretch(0, NPAGES, sizes[i]);
        check_stretch(from, to, sizes[i]);
    }
}
END_TEST

START_TEST(a_vast_stretch_of_one_kind_is_one_piece) {
    static struct mh_view_run vast = {
        .base = BASE, .bytes = UINT64_C(1) << 46, .kind = MH_KIND_ROOM};
    struct mh_view empty = {.runs = &vast, .nruns = 1};
    struct hc_cells cells;
    struct hc_piece piece;

    hc_cells_start(&cells, &empty, vast.base, vast.base + vast.bytes, PAGE);
    ck_assert(hc_cells_next(&cells, &piece));
    ck_assert_uint_eq(piece.ncells, (UINT64_C(1) << 46) / PAGE);
    ck_assert_uint_eq(piece.kind, MH_KIND_ROOM);
    ck_assert(!hc_cells_next(&cells, &piece));
}
END_TEST

START_TEST(what_no_run_covers_is_foreign) {
    struct mh_view empty = {.nruns = 0};
    struct hc_cells cells;
    struct hc_piece piece;

    hc_cells_start(&cells, &empty, BASE, BASE + 3 * PAGE, 2 * PAGE);
    ck_assert(hc_cells_next(&cells, &piece));
    ck_assert_uint_eq(piece.kind, MH_KIND_FOREIGN);
    ck_assert(hc_cells_next(&cells, &piece)); // the half cell at the end
    ck_assert_uint_eq(piece.base, BASE + 2 * PAGE);
    ck_assert(!hc_cells_next(&cells, &piece));
}
END_TEST

START_TEST(an_empty_stretch_has_no_cells) {
    struct hc_cells cells;
    struct hc_piece piece;

    make_view(1);
    hc_cells_start(&cells, &view, BASE, BASE, PAGE);
    ck_assert(!hc_cells_next(&cells, &piece));
}
END_TEST

static Suite *cells_suite(void) {
    Suite *suite = suite_create("hc_cells");
    TCase *cells = tcase_create("cells");

    tcase_add_loop_test(cells, cells_are_what_their_pages_are, 0, ROUNDS);
    tcase_add_test(cells, a_vast_stretch_of_one_kind_is_one_piece);
    tcase_add_test(cells, what_no_run_covers_is_foreign);
    tcase_add_test(cells, an_empty_stretch_has_no_cells);
    suite_add_tcase(suite, cells);
    return suite;
}

int main(void) {
    SRunner *runner = srunner_create(cells_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
