// decode_test.c - numbers as another machine wrote them.

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/decode.h"

static const unsigned char bytes[8] = {0x81, 0x02, 0x03, 0x04,
                                       0x05, 0x06, 0x07, 0x88};

START_TEST(numbers_of_every_width_read_in_either_byte_order) {
    ck_assert_uint_eq(mh_decode(bytes, 1, false), 0x81);
    ck_assert_uint_eq(mh_decode(bytes, 1, true), 0x81);
    ck_assert_uint_eq(mh_decode(bytes, 2, false), 0x0281);
    ck_assert_uint_eq(mh_decode(bytes, 2, true), 0x8102);
    ck_assert_uint_eq(mh_decode(bytes, 3, true), 0x810203);
    ck_assert_uint_eq(mh_decode(bytes, 4, false), 0x04030281);
    ck_assert_uint_eq(mh_decode(bytes, 4, true), 0x81020304);
    ck_assert_uint_eq(mh_decode(bytes, 8, false), UINT64_C(0x8807060504030281));
    ck_assert_uint_eq(mh_decode(bytes, 8, true), UINT64_C(0x8102030405060788));
}
END_TEST

START_TEST(a_width_that_is_no_number_reads_as_zero) {
    ck_assert_uint_eq(mh_decode(bytes, 0, false), 0);
    ck_assert_uint_eq(mh_decode(bytes, 9, false), 0);
    ck_assert_uint_eq(mh_decode(bytes, 4096, true), 0);
}
END_TEST

START_TEST(signed_numbers_keep_their_sign) {
    ck_assert_int_eq(mh_decode_signed(bytes, 1, false), 0x81 - 0x100);
    ck_assert_int_eq(mh_decode_signed(bytes + 1, 1, false), 2);
    ck_assert_int_eq(mh_decode_signed(bytes, 2, true), 0x8102 - 0x10000);
    ck_assert_int_eq(mh_decode_signed(bytes, 4, false), 0x04030281);
    ck_assert_int_eq(mh_decode_signed(bytes, 8, true),
                     (int64_t)UINT64_C(0x8102030405060788));
}
END_TEST

START_TEST(text_without_an_end_is_cut_and_made_printable) {
    char out[6];

    mh_decode_text("ab\x1b[2J", 6, out, sizeof(out));
    ck_assert_str_eq(out, "ab?[2");
    mh_decode_text("abc", 2, out, sizeof(out));
    ck_assert_str_eq(out, "ab");
    mh_decode_text("", 0, out, sizeof(out));
    ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(bits_are_found_in_words_of_any_width_and_stride) {
    // Two words of 16 bits, four bytes apart: bits 0 and 17.
    const unsigned char little[] = {0x01, 0x00, 0xff, 0xff, 0x02, 0x00};
    const unsigned char big[] = {0x00, 0x01, 0xff, 0xff, 0x00, 0x02};

    for (uint64_t i = 0; i < 32; i++) {
        bool want = i == 0 || i == 17;
        ck_assert_int_eq(mh_decode_bit(little, 2, 4, false, i), want);
        ck_assert_int_eq(mh_decode_bit(big, 2, 4, true, i), want);
    }
}
END_TEST

static Suite *decode_suite(void) {
    Suite *suite = suite_create("inspect.decode");
    TCase *numbers = tcase_create("numbers");

    tcase_add_test(numbers, numbers_of_every_width_read_in_either_byte_order);
    tcase_add_test(numbers, a_width_that_is_no_number_reads_as_zero);
    tcase_add_test(numbers, signed_numbers_keep_their_sign);
    tcase_add_test(numbers, text_without_an_end_is_cut_and_made_printable);
    tcase_add_test(numbers, bits_are_found_in_words_of_any_width_and_stride);
    suite_add_tcase(suite, numbers);
    return suite;
}

int main(void) {
    SRunner *runner = srunner_create(decode_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
