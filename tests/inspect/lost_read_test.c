// lost_read_test.c - reads that fail, every one of them in turn.
//
// A target may end, be closed or lose a mapping between any two reads. For each
// n the n-th read fails, alone or with all that follow, in each of the ways the
// system has; what comes out must be a status that fits or a view that is
// honest about what it lacks.

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/ledger.h"
#include "inspect/view.h"
#include "tests/inspect/fake_binary.h"
#include "tests/inspect/view_oracle.h"
#include "tests/support/test_main.h"

enum { MOST_READS = 2000 }; // a whole view takes far fewer

static struct fake_heap heap;
static struct mh_view *view;
static uint64_t whole; // reads that an undisturbed view takes

static const enum mh_target_status ways[] = {
    MH_TARGET_UNREADABLE, MH_TARGET_GONE,      MH_TARGET_DENIED,
    MH_TARGET_FAILED,     MH_TARGET_NO_MEMORY,
};

enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

static enum mh_view_status open_view(void) {
    struct mh_view_options options = {.root = FAKE_ROOT, .residency = true};

    mh_view_close(view);
    view = NULL;
    heap.target.calls = 0;
    return mh_view_open(&heap.target, &options, &view);
}

static void set_up(void) {
    fake_heap_make(&heap, false, 8);
    fake_binary_add(&heap);
    ck_assert_int_eq(open_view(), MH_VIEW_OK);
    whole = heap.target.calls;
    ck_assert_uint_gt(whole, 5);
    ck_assert_uint_lt(whole, MOST_READS);
}

static void tear_down(void) {
    mh_view_close(view);
    view = NULL;
    fake_heap_free(&heap);
}

static void lose(uint64_t call, bool once, enum mh_target_status status) {
    heap.target.fail_call = call;
    heap.target.fail_once = once;
    heap.target.fail_status = status;
}

static bool has_finding(const char *code) {
    for (size_t i = 0; i < view->nfindings; i++) {
        if (strcmp(view->findings[i].code, code) == 0) {
            return true;
        }
    }
    return false;
}

// A view that came about in spite of a lost read.
static void check_view(uint64_t call) {
    struct mh_ledger ledger;
    const char *fault = view_oracle_fault(view);

    ck_assert_msg(fault == NULL, "read %llu: %s", (unsigned long long)call,
                  fault);
    ck_assert(view->partial || !has_finding("MH0403"));
    mh_ledger_make(view, &ledger);
    ck_assert_uint_le(ledger.live, FAKE_BYTES);
    ck_assert_uint_le(view->nspans, 4);
    for (size_t i = 0; i < view->nfindings; i++) {
        ck_assert_str_ne(view->findings[i].text, "");
        ck_assert_int_eq(strncmp(view->findings[i].code, "MH0", 3), 0);
    }
}

START_TEST(any_single_read_that_fails_gives_a_status_or_an_honest_view) {
    unsigned whole_views = 0;

    for (uint64_t call = 1; call <= whole; call++) {
        lose(call, true, ways[_i]);
        enum mh_view_status status = open_view();
        ck_assert_int_eq(status == MH_VIEW_OK, view != NULL);
        if (view == NULL) {
            continue;
        }
        check_view(call);
        // Fewer spans than there are is never passed over in silence.
        if (view->nspans != 4) {
            ck_assert_msg(view->partial || view->unstable != 0 ||
                              view->findings_total != 0,
                          "read %llu was lost and nothing says so",
                          (unsigned long long)call);
        }
        whole_views += view->nspans == 4;
    }
    // An attempt is made again where the protocol has attempts.
    if (ways[_i] == MH_TARGET_UNREADABLE) {
        ck_assert_uint_gt(whole_views, 0);
    }
}
END_TEST

START_TEST(a_target_that_fails_for_good_gives_a_status_or_an_honest_view) {
    for (uint64_t call = 1; call <= whole; call++) {
        lose(call, false, ways[_i]);
        enum mh_view_status status = open_view();
        ck_assert_int_eq(status == MH_VIEW_OK, view != NULL);
        if (view != NULL) {
            check_view(call);
        }
    }
}
END_TEST

START_TEST(nothing_is_viewed_where_the_root_cannot_be_read) {
    uint64_t before = heap.target.reads;

    lose(1, false, ways[_i]);
    ck_assert_int_ne(open_view(), MH_VIEW_OK);
    ck_assert_ptr_null(view);
    ck_assert_uint_eq(heap.target.reads, before);
}
END_TEST

START_TEST(a_process_that_ends_after_any_read_is_gone) {
    for (uint64_t call = 1; call <= whole; call++) {
        heap.target.dead = true;
        lose(call, false, MH_TARGET_GONE);
        ck_assert_msg(open_view() == MH_VIEW_GONE, "read %llu",
                      (unsigned long long)call);
        ck_assert_ptr_null(view);
    }
}
END_TEST

START_TEST(a_view_is_whole_again_once_reads_succeed) {
    lose(whole / 2, false, MH_TARGET_UNREADABLE);
    (void)open_view();
    lose(0, false, MH_TARGET_OK);
    ck_assert_int_eq(open_view(), MH_VIEW_OK);
    ck_assert_uint_eq(view->nspans, 4);
    ck_assert_uint_eq(view->findings_total, 0);
    ck_assert(!view->partial);
    ck_assert_uint_eq(heap.target.calls, whole);
}
END_TEST

START_TEST(finding_the_root_survives_any_lost_read) {
    struct mh_view_root roots[MH_VIEW_MAX_ROOTS];
    size_t nroots = 0;

    heap.target.calls = 0;
    ck_assert_int_eq(mh_view_find(&heap.target, roots, &nroots, NULL, 0),
                     MH_VIEW_OK);
    uint64_t needed = heap.target.calls;
    ck_assert_uint_gt(needed, 0);
    for (uint64_t call = 1; call <= needed; call++) {
        lose(call, _i != 0, MH_TARGET_UNREADABLE);
        heap.target.calls = 0;
        enum mh_view_status status =
            mh_view_find(&heap.target, roots, &nroots, NULL, 0);
        ck_assert_uint_le(nroots, 1);
        ck_assert_int_eq(status == MH_VIEW_OK, nroots == 1);
    }
}
END_TEST

START_TEST(a_target_whose_mappings_are_not_told_cannot_be_viewed) {
    heap.target.no_maps = true;
    ck_assert_int_eq(open_view(), MH_VIEW_NO_MEMORY);
    ck_assert_ptr_null(view);
}
END_TEST

// ---- places that are not mapped any more ------------------------------------

START_TEST(metadata_that_went_away_is_a_finding_and_not_a_crash) {
    // The heap and the static data stay; what they point to has gone.
    for (int i = 0; i < 2; i++) {
        heap.target.nmaps--;
        free(heap.target.maps[heap.target.nmaps].bytes);
        free(heap.target.maps[heap.target.nmaps].pages);
    }
    ck_assert_int_eq(open_view(), MH_VIEW_OK);
    ck_assert_uint_eq(view->nspans, 0);
    ck_assert(view->partial || view->findings_total > 0);
    ck_assert(view_oracle_fault(view) == NULL);
    // Told of by structure, so that it is known what is missing.
    ck_assert_uint_gt(view->findings_total, 2);
}
END_TEST

START_TEST(without_page_tables_no_figure_of_residency_is_made_up) {
    struct mh_ledger ledger;

    heap.target.no_pages = true;
    ck_assert_int_eq(open_view(), MH_VIEW_OK);
    ck_assert(!view->has_residency && has_finding("MH0501"));
    for (size_t i = 0; i < view->nspans; i++) {
        ck_assert_uint_eq(view->spans[i].resident, 0);
    }
    for (size_t i = 0; i < view->nruns; i++) {
        ck_assert_uint_eq(view->runs[i].resident, 0);
    }
    mh_ledger_make(view, &ledger);
    ck_assert_uint_eq(ledger.resident, 0);
    ck_assert_uint_eq(ledger.live, 10 * 64 + 3 * 3008 + 33000);
}
END_TEST

// ---- what page tables say ---------------------------------------------------

static const struct {
    enum mh_target_page state;
    uint64_t resident; // of the span of two system pages, one in that state
    uint64_t swapped;
} page_states[] = {
    {MH_TARGET_PAGE_RESIDENT, 0x2000, 0},
    {MH_TARGET_PAGE_SHARED, 0x1000, 0}, // the zero page takes no memory
    {MH_TARGET_PAGE_SWAPPED, 0x1000, 0x1000},
};

START_TEST(a_page_counts_by_what_stands_behind_it) {
    fake_target_set_pages(&heap.target, FAKE_HEAP, FAKE_PAGE,
                          page_states[_i].state);
    ck_assert_int_eq(open_view(), MH_VIEW_OK);
    ck_assert_uint_eq(view->spans[0].resident, page_states[_i].resident);
    ck_assert_uint_eq(view->swapped, page_states[_i].swapped);
    ck_assert_uint_eq(view->runs[0].resident,
                      page_states[_i].resident + 3 * FAKE_HEAP_PAGE);
    ck_assert_uint_eq(view->findings_total, 0);
    // What a page holds does not depend on where it is.
    ck_assert_uint_eq(view->spans[0].used, 10);
}
END_TEST

START_TEST(swapped_metadata_is_read_all_the_same) {
    fake_target_set_pages(&heap.target, FAKE_META, 0x8000,
                          MH_TARGET_PAGE_SWAPPED);
    fake_target_set_pages(&heap.target, FAKE_WINDOW, 0x8000,
                          MH_TARGET_PAGE_SWAPPED);
    ck_assert_int_eq(open_view(), MH_VIEW_OK);
    ck_assert_uint_eq(view->nspans, 4);
    ck_assert_uint_eq(view->findings_total, 0);
    // The arena's record, a page of page words, six of pairs.
    ck_assert_uint_eq(view->swapped, 0x8000);
}
END_TEST

START_TEST(an_arena_no_page_of_which_was_written_reads_as_empty) {
    fake_target_set_pages(&heap.target, FAKE_META, 0x8000,
                          MH_TARGET_PAGE_ABSENT);
    fake_target_set_pages(&heap.target, FAKE_WINDOW, 0x8000,
                          MH_TARGET_PAGE_ABSENT);
    ck_assert_int_eq(open_view(), MH_VIEW_OK);
    ck_assert(!heap.target.touched_absent);
    ck_assert_uint_eq(view->nspans, 0);
    ck_assert(view_oracle_fault(view) == NULL);
}
END_TEST

static Suite *lost_read_suite(void) {
    Suite *suite = suite_create("inspect.lost_read");
    TCase *reads = tcase_create("reads");
    TCase *pages = tcase_create("pages");

    tcase_add_checked_fixture(reads, set_up, tear_down);
    tcase_add_loop_test(
        reads, any_single_read_that_fails_gives_a_status_or_an_honest_view, 0,
        WAYS);
    tcase_add_loop_test(
        reads, a_target_that_fails_for_good_gives_a_status_or_an_honest_view, 0,
        WAYS);
    tcase_add_loop_test(reads, nothing_is_viewed_where_the_root_cannot_be_read,
                        0, WAYS);
    tcase_add_test(reads, a_process_that_ends_after_any_read_is_gone);
    tcase_add_test(reads, a_view_is_whole_again_once_reads_succeed);
    tcase_add_loop_test(reads, finding_the_root_survives_any_lost_read, 0, 2);
    tcase_add_test(reads,
                   a_target_whose_mappings_are_not_told_cannot_be_viewed);
    tcase_add_test(reads, metadata_that_went_away_is_a_finding_and_not_a_crash);
    suite_add_tcase(suite, reads);
    tcase_add_checked_fixture(pages, set_up, tear_down);
    tcase_add_test(pages,
                   without_page_tables_no_figure_of_residency_is_made_up);
    tcase_add_loop_test(pages, a_page_counts_by_what_stands_behind_it, 0,
                        sizeof(page_states) / sizeof(page_states[0]));
    tcase_add_test(pages, swapped_metadata_is_read_all_the_same);
    tcase_add_test(pages, an_arena_no_page_of_which_was_written_reads_as_empty);
    suite_add_tcase(suite, pages);
    return suite;
}

int main(void) {
    return mh_test_main(lost_read_suite());
}
