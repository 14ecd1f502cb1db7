// pacer_test.c - a bucket of time that fills slowly and empties as it is used.

#include "core/scav/pacer.h"
#include "tests/support/test_main.h"

#define MS UINT64_C(1000000)

START_TEST(it_starts_full) {
    struct mh_pacer pacer;
    mh_pacer_start(&pacer, 5);
    ck_assert_uint_eq(pacer.left_ns, MH_PACER_BURST_NS);
    ck_assert(mh_pacer_allows(&pacer));
}
END_TEST

START_TEST(more_than_there_is_empties_it) {
    struct mh_pacer pacer;
    mh_pacer_start(&pacer, 0);
    mh_pacer_spend(&pacer, MH_PACER_BURST_NS - 1);
    ck_assert(mh_pacer_allows(&pacer));
    mh_pacer_spend(&pacer, 1000 * MS);
    ck_assert(!mh_pacer_allows(&pacer));
    ck_assert_uint_eq(pacer.left_ns, 0);
}
END_TEST

START_TEST(a_hundredth_of_what_passes_comes_in) {
    struct mh_pacer pacer;
    mh_pacer_start(&pacer, 7);
    mh_pacer_spend(&pacer, UINT64_MAX);
    mh_pacer_fill(&pacer, 7 + 500 * MS);
    ck_assert_uint_eq(pacer.left_ns, 5 * MS);
    mh_pacer_fill(&pacer, 7 + 900 * MS);
    ck_assert_uint_eq(pacer.left_ns, 9 * MS);
}
END_TEST

START_TEST(it_never_holds_more_than_a_burst) {
    struct mh_pacer pacer;
    mh_pacer_start(&pacer, 0);
    mh_pacer_fill(&pacer, UINT64_MAX / 2);
    ck_assert_uint_eq(pacer.left_ns, MH_PACER_BURST_NS);
    mh_pacer_spend(&pacer, 10);
    mh_pacer_fill(&pacer, UINT64_MAX);
    ck_assert_uint_eq(pacer.left_ns, MH_PACER_BURST_NS);
}
END_TEST

START_TEST(a_clock_that_went_back_adds_nothing) {
    struct mh_pacer pacer;
    mh_pacer_start(&pacer, 900 * MS);
    mh_pacer_spend(&pacer, UINT64_MAX);
    mh_pacer_fill(&pacer, 100 * MS);
    ck_assert_uint_eq(pacer.left_ns, 0);
    mh_pacer_fill(&pacer, 200 * MS);
    ck_assert_uint_eq(pacer.left_ns, 1 * MS);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("pacer");
    TCase *tcase = tcase_create("pacer");
    tcase_add_test(tcase, it_starts_full);
    tcase_add_test(tcase, more_than_there_is_empties_it);
    tcase_add_test(tcase, a_hundredth_of_what_passes_comes_in);
    tcase_add_test(tcase, it_never_holds_more_than_a_burst);
    tcase_add_test(tcase, a_clock_that_went_back_adds_nothing);
    suite_add_tcase(suite, tcase);
    return mh_test_main(suite);
}
