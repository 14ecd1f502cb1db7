// demand_test.c - what was wanted again is kept, for a while.

#include "core/scav/demand.h"
#include "tests/support/test_main.h"

// A heap of 1,000 pages of which some are released, after so many things made.
static struct mh_demand_look look(uint64_t released, uint64_t made) {
    return (struct mh_demand_look){1000, released, made};
}

// A round that gives pages back, and what it had to keep.
static uint64_t round_of(struct mh_demand *demand, struct mh_demand_look now,
                         uint64_t given) {
    uint64_t keep = mh_demand_begin(demand, now);
    now.released += given;
    mh_demand_end(demand, now, given);
    return keep;
}

START_TEST(at_first_nothing_is_kept) {
    struct mh_demand demand = {0};
    ck_assert_uint_eq(round_of(&demand, look(900, 1), 0), 0);
    // 300 were used for the first time: nothing was given back in vain.
    ck_assert_uint_eq(round_of(&demand, look(600, 2), 100), 0);
}
END_TEST

START_TEST(what_was_taken_again_is_kept) {
    struct mh_demand demand = {0};
    (void)round_of(&demand, look(600, 1), 200); // 800 are released now
    ck_assert_uint_eq(round_of(&demand, look(650, 2), 0), 150);
    // 50 of those that went are still away; more than that were never used.
    ck_assert_uint_eq(round_of(&demand, look(0, 3), 0), 150 - 19 + 50);
    ck_assert_uint_eq(demand.away, 0);
}
END_TEST

START_TEST(new_pages_are_not_taken_again) {
    struct mh_demand demand = {0};
    (void)round_of(&demand, look(600, 1), 100);
    struct mh_demand_look grown = {1512, 700, 2}; // by 512, all of them in use
    ck_assert_uint_eq(round_of(&demand, grown, 0), 100);
    struct mh_demand_look idle = {2024, 1212, 3}; // by 512, none of them
    ck_assert_uint_eq(round_of(&demand, idle, 0), 100 - 13);
}
END_TEST

START_TEST(it_grows_less_by_an_eighth_in_each_round) {
    struct mh_demand demand = {.last = look(0, 1), .keep = 64};
    ck_assert_uint_eq(round_of(&demand, look(0, 2), 0), 56);
    ck_assert_uint_eq(round_of(&demand, look(0, 3), 0), 49);
    for (uint64_t made = 4; made < 50; made++) {
        (void)round_of(&demand, look(0, made), 0);
    }
    ck_assert_uint_eq(demand.keep, 0); // to the last page
}
END_TEST

START_TEST(a_heap_that_makes_nothing_keeps_nothing) {
    struct mh_demand demand = {.last = look(100, 7), .away = 50, .keep = 640};
    ck_assert_uint_eq(round_of(&demand, look(100, 7), 0), 0);
    ck_assert_uint_eq(round_of(&demand, look(100, 8), 0), 0);
}
END_TEST

START_TEST(pages_that_others_gave_back_are_not_taken) {
    struct mh_demand demand = {.last = look(100, 7), .away = 50};
    ck_assert_uint_eq(round_of(&demand, look(300, 8), 0), 0);
    ck_assert_uint_eq(demand.away, 50);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("demand");
    TCase *tcase = tcase_create("demand");
    tcase_add_test(tcase, at_first_nothing_is_kept);
    tcase_add_test(tcase, what_was_taken_again_is_kept);
    tcase_add_test(tcase, new_pages_are_not_taken_again);
    tcase_add_test(tcase, it_grows_less_by_an_eighth_in_each_round);
    tcase_add_test(tcase, a_heap_that_makes_nothing_keeps_nothing);
    tcase_add_test(tcase, pages_that_others_gave_back_are_not_taken);
    suite_add_tcase(suite, tcase);
    return mh_test_main(suite);
}
