// span_rules_test.c - each invariant of a span, kept and broken.

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/span_rules.h"
#include "tests/support/test_main.h"

static const struct mh_span_shape small = {
    .base = 0xc000002000,
    .npages = 2,
    .slot_size = 96,
    .nslots = 170,
    .size_class = 7,
    .nclasses = 70,
    .class_size = 96,
    .class_nslots = 170,
    .max_slots = 1024,
    .granule = 16,
    .page_bytes = 8192,
    .arena_base = 0xc000000000,
    .arena_bytes = 64 << 20,
};

static struct mh_span_shape shape;

static void set_up(void) {
    shape = small;
}

static void make_large(uint64_t npages, uint64_t large_size) {
    shape.size_class = shape.slot_size = 0;
    shape.class_size = shape.class_nslots = 0;
    shape.nslots = 1;
    shape.npages = npages;
    shape.large_size = large_size;
}

START_TEST(a_sound_span_breaks_no_rule) {
    ck_assert_int_eq(mh_span_rule_shape(&shape), 0);
    make_large(3, 20000);
    ck_assert_int_eq(mh_span_rule_shape(&shape), 0);
}
END_TEST

START_TEST(a_base_between_pages_or_outside_its_arena_breaks_s1) {
    shape.base += 16;
    ck_assert_int_eq(mh_span_rule_shape(&shape), 1);
    shape.base = shape.arena_base - 8192;
    ck_assert_int_eq(mh_span_rule_shape(&shape), 1);
    shape.base = shape.arena_base + shape.arena_bytes;
    ck_assert_int_eq(mh_span_rule_shape(&shape), 1);
}
END_TEST

START_TEST(no_pages_break_s1) {
    shape.npages = 0;
    ck_assert_int_eq(mh_span_rule_shape(&shape), 1);
}
END_TEST

START_TEST(a_small_span_over_the_end_of_its_arena_breaks_s1) {
    shape.base = shape.arena_base + shape.arena_bytes - 2 * 8192;
    ck_assert_int_eq(mh_span_rule_shape(&shape), 0);
    shape.base += 8192;
    ck_assert_int_eq(mh_span_rule_shape(&shape), 1);
}
END_TEST

START_TEST(a_large_span_may_leave_its_arena_but_not_the_address_space) {
    make_large(100000, 1);
    ck_assert_int_eq(mh_span_rule_shape(&shape), 0);
    shape.npages = UINT64_MAX / 2;
    ck_assert_int_eq(mh_span_rule_shape(&shape), 1);
    shape.arena_base = shape.base = UINT64_MAX - (64 << 20) + 1;
    shape.npages = 100000;
    ck_assert_int_eq(mh_span_rule_shape(&shape), 1);
}
END_TEST

START_TEST(slots_that_do_not_fit_break_s2) {
    shape.nslots = 171;
    ck_assert_int_eq(mh_span_rule_shape(&shape), 2);
    shape.nslots = 0;
    ck_assert_int_eq(mh_span_rule_shape(&shape), 2);
    shape.nslots = UINT64_MAX;
    ck_assert_int_eq(mh_span_rule_shape(&shape), 2);
    make_large(1, 8193);
    ck_assert_int_eq(mh_span_rule_shape(&shape), 2);
}
END_TEST

START_TEST(a_large_object_may_begin_in_its_first_page_and_end_in_its_last) {
    make_large(1, 192);
    shape.large_start = 8000;
    ck_assert_int_eq(mh_span_rule_shape(&shape), 0);
    shape.large_size = 193;
    ck_assert_int_eq(mh_span_rule_shape(&shape), 2);
    make_large(3, 100);
    shape.large_start = 8192;
    ck_assert_int_eq(mh_span_rule_shape(&shape), 2);
    shape = small;
    shape.large_start = 16;
    ck_assert_int_eq(mh_span_rule_shape(&shape), 3);
}
END_TEST

START_TEST(slots_of_another_class_break_s3) {
    shape.slot_size = 80;
    ck_assert_int_eq(mh_span_rule_shape(&shape), 3);
    shape = small;
    shape.nslots = 169;
    ck_assert_int_eq(mh_span_rule_shape(&shape), 3);
    shape = small;
    shape.size_class = 70;
    ck_assert_int_eq(mh_span_rule_shape(&shape), 3);
    shape = small;
    shape.slot_size = shape.class_size = 90;
    ck_assert_int_eq(mh_span_rule_shape(&shape), 3);
    shape = small;
    shape.large_size = 1;
    ck_assert_int_eq(mh_span_rule_shape(&shape), 3);
    shape = small;
    shape.max_slots = 128;
    ck_assert_int_eq(mh_span_rule_shape(&shape), 3);
    make_large(2, 10);
    shape.nslots = 2;
    ck_assert_int_eq(mh_span_rule_shape(&shape), 3);
}
END_TEST

START_TEST(free_bits_behind_the_last_slot_or_miscounted_break_s4) {
    uint64_t free[3] = {UINT64_MAX, 0xff, 0};

    ck_assert_int_eq(mh_span_rule_free(free, 3, 72, 72), 0);
    ck_assert_int_eq(mh_span_rule_free(free, 3, 72, UINT64_MAX), 0);
    ck_assert_int_eq(mh_span_rule_free(free, 3, 72, 71), 4);
    ck_assert_int_eq(mh_span_rule_free(free, 3, 71, 72), 4);
    free[2] = 1;
    ck_assert_int_eq(mh_span_rule_free(free, 3, 72, UINT64_MAX), 4);
    ck_assert_int_eq(mh_span_rule_free(free, 3, 128, UINT64_MAX), 4);
    ck_assert_int_eq(mh_span_rule_free(free, 3, 129, UINT64_MAX), 0);
}
END_TEST

// Ten slots of 48 bytes: they begin at granules 0, 3, … 27.
static uint64_t live[1], remote[1], free_slots[1];
static const struct mh_span_bits bits = {
    .live = live,
    .remote = remote,
    .free = free_slots,
    .ngranules = 64,
    .slot_size = 48,
    .granule = 16,
    .nslots = 10,
};

static void clear_bits(void) {
    live[0] = remote[0] = free_slots[0] = 0;
}

START_TEST(only_first_granules_of_slots_keep_s6) {
    live[0] = 1 | 1 << 3 | UINT64_C(1) << 27;
    remote[0] = 1 << 3;
    ck_assert_int_eq(mh_span_rule_granules(&bits), 0);
    live[0] |= 1 << 4;
    ck_assert_int_eq(mh_span_rule_granules(&bits), 6);
    clear_bits();
    remote[0] = 1 << 2;
    ck_assert_int_eq(mh_span_rule_granules(&bits), 6);
    clear_bits();
    live[0] = UINT64_C(1) << 30; // where an eleventh slot would begin
    ck_assert_int_eq(mh_span_rule_granules(&bits), 6);
}
END_TEST

START_TEST(a_free_slot_that_is_live_or_remote_breaks_s5) {
    free_slots[0] = 0x3f0;
    live[0] = 1 | 1 << 3;
    ck_assert_int_eq(mh_span_rule_slots(&bits), 0);
    live[0] |= 1 << 12;
    ck_assert_int_eq(mh_span_rule_slots(&bits), 5);
    live[0] = 0;
    remote[0] = UINT64_C(1) << 27;
    ck_assert_int_eq(mh_span_rule_slots(&bits), 5);
}
END_TEST

START_TEST(lists_hold_spans_with_free_slots_and_the_central_one_ownerless) {
    ck_assert_int_eq(mh_span_rule_list(true, false, true, 3), 0);
    ck_assert_int_eq(mh_span_rule_list(true, true, false, 3), 0);
    ck_assert_int_eq(mh_span_rule_list(false, false, true, 0), 0);
    ck_assert_int_eq(mh_span_rule_list(true, false, true, 0), 8);
    ck_assert_int_eq(mh_span_rule_list(true, true, true, 3), 8);
}
END_TEST

static Suite *span_rules_suite(void) {
    Suite *suite = suite_create("span_rules");
    TCase *shapes = tcase_create("shapes");
    TCase *slots = tcase_create("slots");

    tcase_add_checked_fixture(shapes, set_up, NULL);
    tcase_add_test(shapes, a_sound_span_breaks_no_rule);
    tcase_add_test(shapes, a_base_between_pages_or_outside_its_arena_breaks_s1);
    tcase_add_test(shapes, no_pages_break_s1);
    tcase_add_test(shapes, a_small_span_over_the_end_of_its_arena_breaks_s1);
    tcase_add_test(shapes,
                   a_large_span_may_leave_its_arena_but_not_the_address_space);
    tcase_add_test(shapes, slots_that_do_not_fit_break_s2);
    tcase_add_test(
        shapes, a_large_object_may_begin_in_its_first_page_and_end_in_its_last);
    tcase_add_test(shapes, slots_of_another_class_break_s3);
    suite_add_tcase(suite, shapes);
    tcase_add_checked_fixture(slots, clear_bits, NULL);
    tcase_add_test(slots,
                   free_bits_behind_the_last_slot_or_miscounted_break_s4);
    tcase_add_test(slots, only_first_granules_of_slots_keep_s6);
    tcase_add_test(slots, a_free_slot_that_is_live_or_remote_breaks_s5);
    tcase_add_test(
        slots, lists_hold_spans_with_free_slots_and_the_central_one_ownerless);
    suite_add_tcase(suite, slots);
    return suite;
}

int main(void) {
    return mh_test_main(span_rules_suite());
}
