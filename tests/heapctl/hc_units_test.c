// hc_units_test.c - sizes, counts and addresses as people write and read them.

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tools/heapctl/units.h"

static const struct {
    uint64_t bytes;
    const char *text;
} sizes[] = {
    {0, "0 B"},
    {1, "1 B"},
    {1023, "1023 B"},
    {1024, "1.00 KiB"},
    {1536, "1.50 KiB"},
    {10 * 1024, "10.0 KiB"},
    {100 * 1024, "100 KiB"},
    {1023 * 1024 + 100, "1023 KiB"},
    {1024 * 1024 - 1, "1.00 MiB"}, // 1023.999 KiB does not become 1024 KiB
    {UINT64_C(9995) * 1024 / 1000, "9.99 KiB"},
    {UINT64_C(10235), "10.0 KiB"}, // 9.995 KiB does not become 10.00 KiB
    {UINT64_C(3) << 30, "3.00 GiB"},
    {UINT64_MAX, "16.0 EiB"},
};

START_TEST(sizes_have_three_digits_and_the_largest_unit) {
    char text[HC_UNIT_TEXT];

    ck_assert_str_eq(hc_format_bytes(text, sizes[_i].bytes, false),
                     sizes[_i].text);
}
END_TEST

START_TEST(exact_sizes_are_digits_alone) {
    char text[HC_UNIT_TEXT];

    ck_assert_str_eq(hc_format_bytes(text, UINT64_MAX, true),
                     "18446744073709551615");
    ck_assert_str_eq(hc_format_bytes(text, 1536, true), "1536");
}
END_TEST

START_TEST(differences_have_a_sign_unless_they_are_zero) {
    char text[HC_UNIT_TEXT];

    ck_assert_str_eq(hc_format_signed_bytes(text, -1536, false), "-1.50 KiB");
    ck_assert_str_eq(hc_format_signed_bytes(text, 1536, true), "+1536");
    ck_assert_str_eq(hc_format_signed_bytes(text, 0, false), "0 B");
    ck_assert_str_eq(hc_format_signed_bytes(text, INT64_MIN, true),
                     "-9223372036854775808");
}
END_TEST

START_TEST(counts_have_a_comma_after_every_third_digit) {
    char text[HC_UNIT_TEXT];

    ck_assert_str_eq(hc_format_count(text, 7), "7");
    ck_assert_str_eq(hc_format_count(text, 999), "999");
    ck_assert_str_eq(hc_format_count(text, 1000), "1,000");
    ck_assert_str_eq(hc_format_count(text, 1310720), "1,310,720");
    ck_assert_str_eq(hc_format_count(text, UINT64_MAX),
                     "18,446,744,073,709,551,615");
}
END_TEST

START_TEST(a_share_of_nothing_is_a_dash) {
    char text[HC_UNIT_TEXT];

    ck_assert_str_eq(hc_format_percent(text, 1, 3), "33.3 %");
    ck_assert_str_eq(hc_format_percent(text, 0, 0), "-");
}
END_TEST

static const struct {
    const char *text;
    double number;
    const char *rest;
} numbers[] = {
    {"12", 12, ""},
    {"0.25", 0.25, ""},
    {"25%", 0.25, ""},
    {"64K", 65536, ""},
    {"64KiB", 65536, ""},
    {"64kib", 65536, ""},
    {"10MiB&&", 10485760, "&&"},
    {"1.5G", 1610612736, ""},
    {"2T", 2199023255552.0, ""},
    {"7B", 7, ""},
    {"0x10", 16, ""},
    {"0xc000000000", 824633720832.0, ""},
    {"3 K", 3, " K"},
    {"1..2", 1, "..2"},
};

START_TEST(numbers_are_read_with_their_unit) {
    const char *end;
    double number = -1;

    ck_assert_ptr_null(hc_scan_number(numbers[_i].text, &end, &number));
    ck_assert_double_eq(number, numbers[_i].number);
    ck_assert_str_eq(end, numbers[_i].rest);
}
END_TEST

static const char *const no_numbers[] = {
    "", "x", "-1", "0x", "5KB", "5Ki", "5Kib5", "3e5", "1Q", "5MB", "5KiBB"};

START_TEST(what_is_no_number_is_refused) {
    const char *end;
    double number;

    ck_assert_ptr_nonnull(hc_scan_number(no_numbers[_i], &end, &number));
}
END_TEST

START_TEST(a_size_is_a_whole_number_of_bytes) {
    uint64_t bytes = 0;

    ck_assert(hc_parse_size("1.5K", &bytes));
    ck_assert_uint_eq(bytes, 1536);
    ck_assert(!hc_parse_size("1.0001", &bytes));
    ck_assert(!hc_parse_size("50%", &bytes));
    ck_assert(!hc_parse_size("64K ", &bytes));
    ck_assert(!hc_parse_size("99999999T", &bytes));
    ck_assert_uint_eq(bytes, 1536);
}
END_TEST

START_TEST(a_count_is_decimal_and_fits) {
    uint64_t count = 0;

    ck_assert(hc_parse_count("18446744073709551615", &count));
    ck_assert_uint_eq(count, UINT64_MAX);
    ck_assert(!hc_parse_count("18446744073709551616", &count));
    ck_assert(!hc_parse_count("", &count));
    ck_assert(!hc_parse_count("12a", &count));
    ck_assert(!hc_parse_count("-1", &count));
}
END_TEST

START_TEST(an_address_is_hexadecimal_with_or_without_0x) {
    uint64_t address = 0;

    ck_assert(hc_parse_address("0xC000a2c040", &address));
    ck_assert_uint_eq(address, 0xc000a2c040);
    ck_assert(hc_parse_address("ffffffffffffffff", &address));
    ck_assert_uint_eq(address, UINT64_MAX);
    ck_assert(!hc_parse_address("10000000000000000", &address));
    ck_assert(!hc_parse_address("0x", &address));
    ck_assert(!hc_parse_address("", &address));
    ck_assert(!hc_parse_address("c000q", &address));
}
END_TEST

static Suite *units_suite(void) {
    Suite *suite = suite_create("hc_units");
    TCase *write = tcase_create("write");
    TCase *read = tcase_create("read");

    tcase_add_loop_test(write, sizes_have_three_digits_and_the_largest_unit, 0,
                        sizeof(sizes) / sizeof(sizes[0]));
    tcase_add_test(write, exact_sizes_are_digits_alone);
    tcase_add_test(write, differences_have_a_sign_unless_they_are_zero);
    tcase_add_test(write, counts_have_a_comma_after_every_third_digit);
    tcase_add_test(write, a_share_of_nothing_is_a_dash);
    suite_add_tcase(suite, write);
    tcase_add_loop_test(read, numbers_are_read_with_their_unit, 0,
                        sizeof(numbers) / sizeof(numbers[0]));
    tcase_add_loop_test(read, what_is_no_number_is_refused, 0,
                        sizeof(no_numbers) / sizeof(no_numbers[0]));
    tcase_add_test(read, a_size_is_a_whole_number_of_bytes);
    tcase_add_test(read, a_count_is_decimal_and_fits);
    tcase_add_test(read, an_address_is_hexadecimal_with_or_without_0x);
    suite_add_tcase(suite, read);
    return suite;
}

int main(void) {
    SRunner *runner = srunner_create(units_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
