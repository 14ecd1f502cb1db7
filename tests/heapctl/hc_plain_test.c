// hc_plain_test.c - texts of others, on a terminal and in JSON.

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tools/heapctl/json_out.h"
#include "tools/heapctl/plain.h"

static const struct {
    const char *bytes;
    size_t length;
} characters[] = {
    {"a", 1},
    {"\x7f", 1},
    {"\xc3\xa9", 2},
    {"\xe0\xa0\x80", 3},
    {"\xed\x9f\xbf", 3},
    {"\xef\xbf\xbf", 3},
    {"\xf0\x90\x80\x80", 4},
    {"\xf4\x8f\xbf\xbf", 4}, // U+10FFFF
    // Cut off.
    {"\xc3", 0},
    {"\xe2\x82", 0},
    {"\xf0\x9f\x98", 0},
    {"\xe2x\x82", 0},
    // Not the beginning of any.
    {"\x80", 0},
    {"\xbf", 0},
    {"\xff", 0},
    // Overlong, surrogates, beyond the last one.
    {"\xc0\x80", 0},
    {"\xc1\xbf", 0},
    {"\xe0\x9f\xbf", 0},
    {"\xf0\x8f\xbf\xbf", 0},
    {"\xed\xa0\x80", 0},
    {"\xed\xbf\xbf", 0},
    {"\xf4\x90\x80\x80", 0},
    {"\xf5\x80\x80\x80", 0},
};

START_TEST(a_character_is_what_unicode_allows) {
    ck_assert_msg(hc_utf8_length(characters[_i].bytes) == characters[_i].length,
                  "number %d has %zu bytes", _i,
                  hc_utf8_length(characters[_i].bytes));
}
END_TEST

static const struct {
    const char *text;
    const char *plain;
} texts[] = {
    {"", ""},
    {"redis-server", "redis-server"},
    {"\xc3\xbcn\xc3\xaf \"code\" \\", "\xc3\xbcn\xc3\xaf \"code\" \\"},
    {"\x1b[31mred\x1b[0m", "?[31mred?[0m"},
    {"a\nb\tc\r\x7f", "a?b?c??"},
    {"\xc2\x9b"
     "31m",
     "?31m"},                         // CSI in one character
    {"\x9b", "?"},                    // and in one byte
    {"\xc2\xa0", "\xc2\xa0"},         // the first that is no control
    {"\xff\xfe", "??"},               // each byte that is nothing
    {"name\xe2\x82", "name??"},       // cut by the kernel
    {"\xed\xa0\x80 ", "??? "},        // a surrogate
    {"\xe2\x82\xac", "\xe2\x82\xac"}, // the euro
    {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
};

START_TEST(nothing_is_left_that_steers_a_terminal) {
    char plain[64];

    ck_assert_ptr_eq(hc_plain(plain, sizeof(plain), texts[_i].text), plain);
    ck_assert_str_eq(plain, texts[_i].plain);
}
END_TEST

START_TEST(what_does_not_fit_is_cut_between_characters) {
    char plain[5];

    ck_assert_str_eq(hc_plain(plain, sizeof(plain), "abcdef"), "abcd");
    ck_assert_str_eq(hc_plain(plain, sizeof(plain), "abcd"), "abcd");
    ck_assert_str_eq(hc_plain(plain, sizeof(plain), "ab\xe2\x82\xac"), "ab");
    ck_assert_str_eq(hc_plain(plain, 1, "abc"), "");
}
END_TEST

START_TEST(json_gets_characters_only) {
    static const char name[] =
        "\xf4\x90\x80\x80 \xed\xa0\x80 \xe0\x80\x80 \xc3\xa9 \"\x1b";
    struct hc_json *object = hc_json_new_object();

    hc_json_text(object, "name", name);
    ck_assert_str_eq(hc_json_string(object),
                     "{\"name\":\"???? ??? ??? \xc3\xa9 \\\"\\u001b\"}");
    hc_json_free(object);
}
END_TEST

static Suite *plain_suite(void) {
    Suite *suite = suite_create("hc_plain");
    TCase *tcase = tcase_create("texts of others");

    tcase_add_loop_test(tcase, a_character_is_what_unicode_allows, 0,
                        sizeof(characters) / sizeof(characters[0]));
    tcase_add_loop_test(tcase, nothing_is_left_that_steers_a_terminal, 0,
                        sizeof(texts) / sizeof(texts[0]));
    tcase_add_test(tcase, what_does_not_fit_is_cut_between_characters);
    tcase_add_test(tcase, json_gets_characters_only);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    SRunner *runner = srunner_create(plain_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
