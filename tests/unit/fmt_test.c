// fmt_test.c - text into a fixed buffer: what is appended, and what happens at
// the end of the buffer.

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/fmt.h"
#include "tests/support/pure_main.h"

static char buf[64];
static struct mh_text text;

static void make_text(void) {
    memset(buf, 'x', sizeof(buf));
    text = mh_text_start(buf, sizeof(buf));
}

START_TEST(a_new_text_is_empty) {
    ck_assert_str_eq(buf, "");
    ck_assert_uint_eq(text.len, 0);
}
END_TEST

START_TEST(strings_follow_one_another) {
    mh_text_str(&text, "one");
    mh_text_str(&text, "");
    mh_text_str(&text, ", two");
    ck_assert_str_eq(buf, "one, two");
    ck_assert_uint_eq(text.len, strlen("one, two"));
}
END_TEST

START_TEST(bytes_need_no_end_mark) {
    mh_text_bytes(&text, "abcdef", 3);
    ck_assert_str_eq(buf, "abc");
}
END_TEST

// Every power of two and its neighbours: all lengths of numbers are there.
static uint64_t number_near(int i) {
    return (UINT64_C(1) << (i / 3)) + (uint64_t)(i % 3) - 1;
}

START_TEST(decimal_is_what_printf_writes) {
    char expected[32];
    snprintf(expected, sizeof(expected), "%" PRIu64, number_near(_i));
    mh_text_dec(&text, number_near(_i));
    ck_assert_str_eq(buf, expected);
}
END_TEST

START_TEST(hex_is_what_printf_writes) {
    char expected[32];
    snprintf(expected, sizeof(expected), "0x%" PRIx64, number_near(_i));
    mh_text_hex(&text, number_near(_i));
    ck_assert_str_eq(buf, expected);
}
END_TEST

START_TEST(the_largest_number_fits) {
    mh_text_dec(&text, UINT64_MAX);
    mh_text_str(&text, " ");
    mh_text_hex(&text, UINT64_MAX);
    ck_assert_str_eq(buf, "18446744073709551615 0xffffffffffffffff");
}
END_TEST

START_TEST(text_that_does_not_fit_is_cut) {
    char tiny[5] = "....";
    text = mh_text_start(tiny, 4);
    mh_text_str(&text, "abcdef");
    ck_assert_str_eq(tiny, "abc");
    ck_assert_uint_eq(text.len, 3);
    mh_text_dec(&text, 12345);
    ck_assert_str_eq(tiny, "abc");
    ck_assert_int_eq(tiny[4], '\0');
}
END_TEST

START_TEST(nothing_is_written_behind_the_buffer) {
    char guarded[8];
    memset(guarded, '#', sizeof(guarded));
    text = mh_text_start(guarded, 4);
    for (int i = 0; i < 10; i++) {
        mh_text_hex(&text, UINT64_MAX);
    }
    ck_assert_int_eq(memcmp(guarded + 4, "####", 4), 0);
}
END_TEST

START_TEST(a_buffer_of_one_byte_holds_the_empty_text) {
    char one[1] = {'x'};
    text = mh_text_start(one, 1);
    mh_text_str(&text, "a");
    ck_assert_int_eq(one[0], '\0');
}
END_TEST

static Suite *fmt_suite(void) {
    Suite *suite = suite_create("fmt");

    TCase *append = tcase_create("append");
    tcase_add_checked_fixture(append, make_text, NULL);
    tcase_add_test(append, a_new_text_is_empty);
    tcase_add_test(append, strings_follow_one_another);
    tcase_add_test(append, bytes_need_no_end_mark);
    tcase_add_loop_test(append, decimal_is_what_printf_writes, 0, 3 * 64);
    tcase_add_loop_test(append, hex_is_what_printf_writes, 0, 3 * 64);
    tcase_add_test(append, the_largest_number_fits);
    suite_add_tcase(suite, append);

    TCase *full = tcase_create("full");
    tcase_add_test(full, text_that_does_not_fit_is_cut);
    tcase_add_test(full, nothing_is_written_behind_the_buffer);
    tcase_add_test(full, a_buffer_of_one_byte_holds_the_empty_text);
    suite_add_tcase(suite, full);
    return suite;
}

int main(void) {
    return mh_pure_test_main(fmt_suite());
}
