// options_test.c - what the environment and code may say, and what counts.

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/heap/options.h"
#include "core/sys/limit.h"
#include "mheap/mheap.h"
#include "platform/sim/sim.h"
#include "tests/support/expect.h"
#include "tests/support/test_main.h"

static char said[2048];

// What mh_options_read wrote to standard error goes to said.
static void read_options(void) {
    mh_error_of(mh_options_read, said, sizeof(said));
}

static void read_with(const char *variable, const char *value) {
    mh_set_variable(variable, value);
    read_options();
}

// The value that text stands for is taken, without a word.
static void assert_total(const char *text, uint64_t value) {
    read_with("MHEAP_CACHE_TOTAL", text);
    ck_assert_msg(said[0] == '\0', "\"%s\": %s", text, said);
    ck_assert_msg(mh_option(MH_OPTION_CACHE_TOTAL) == value, "\"%s\"", text);
}

// The text is none; what was in force stays, and one line says so.
static void assert_not_understood(const char *variable, enum mh_option option,
                                  const char *text) {
    uint64_t was = mh_option(option);
    read_with(variable, text);
    ck_assert_msg(mh_option(option) == was, "\"%s\" was taken", text);
    ck_assert_msg(strstr(said, "mheap: warning: ") == said, "\"%s\"", text);
    ck_assert_ptr_nonnull(strstr(said, variable));
    ck_assert_ptr_eq(strchr(said, '\n'), said + strlen(said) - 1);
}

static void forget_environment(void) {
    mh_set_variable("MHEAP_BAD_FREE", NULL);
    mh_set_variable("MHEAP_CACHE_BYTES", NULL);
    mh_set_variable("MHEAP_CACHE_TOTAL", NULL);
    mh_set_variable("MHEAP_FIRST_OBJECTS", NULL);
    mh_set_variable("MHEAP_SOFT_LIMIT", NULL);
    mh_set_variable("MHEAP_HARD_LIMIT", NULL);
    mh_set_variable("MHEAP_HARDENED", NULL);
}

START_TEST(without_a_word_the_defaults_hold) {
    read_options();
    ck_assert_str_eq(said, "");
    ck_assert_uint_eq(mh_option(MH_OPTION_BAD_FREE), MHEAP_ON_BAD_FREE_ABORT);
    ck_assert_uint_eq(mh_option(MH_OPTION_CACHE_BYTES), 32 << 10);
    ck_assert_uint_eq(mh_option(MH_OPTION_CACHE_TOTAL), 64 << 20);
    ck_assert_uint_eq(mh_option(MH_OPTION_FIRST_OBJECTS), 16);
    ck_assert_uint_eq(mh_option(MH_OPTION_SOFT_LIMIT), 0);
    ck_assert_uint_eq(mh_option(MH_OPTION_HARD_LIMIT), 0);
}
END_TEST

START_TEST(sizes_are_bytes_or_powers_of_1024) {
    assert_total("0", 0);
    assert_total("1", 1);
    assert_total("65536", 65536);
    assert_total("007", 7);
    assert_total("3K", 3 << 10);
    assert_total("5M", 5 << 20);
    assert_total("7G", UINT64_C(7) << 30);
    assert_total("0G", 0);
}
END_TEST

START_TEST(the_largest_number_can_be_said) {
    assert_total("18446744073709551615", UINT64_MAX);
    assert_total("18446744073709551609", UINT64_MAX - 6);
    assert_total("17179869183G", UINT64_C(17179869183) << 30);
    assert_total("18014398509481983K", UINT64_C(18014398509481983) << 10);
}
END_TEST

START_TEST(numbers_that_do_not_fit_are_not_understood) {
    static const char *const texts[] = {
        "18446744073709551616", "18446744073709551620", "99999999999999999999",
        "17179869184G",         "18014398509481984K",   "18446744073709551615K",
        "36893488147419103232", "184467440737095516150"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_not_understood("MHEAP_CACHE_TOTAL", MH_OPTION_CACHE_TOTAL,
                              texts[i]);
    }
}
END_TEST

START_TEST(what_is_no_size_is_not_understood) {
    static const char *const texts[] = {"",   "K",   "-1",  "+1", " 1",
                                        "1 ", "1KB", "1k",  "1T", "0x10",
                                        "1.", "KK",  "1KK", "M1", "abort"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_not_understood("MHEAP_CACHE_TOTAL", MH_OPTION_CACHE_TOTAL,
                              texts[i]);
    }
}
END_TEST

START_TEST(sizes_out_of_range_are_not_understood) {
    read_with("MHEAP_CACHE_BYTES", "1M");
    ck_assert_str_eq(said, "");
    ck_assert_uint_eq(mh_option(MH_OPTION_CACHE_BYTES), 1 << 20);
    assert_not_understood("MHEAP_CACHE_BYTES", MH_OPTION_CACHE_BYTES,
                          "1048577");
    assert_not_understood("MHEAP_CACHE_BYTES", MH_OPTION_CACHE_BYTES, "1G");
    forget_environment();
    read_with("MHEAP_FIRST_OBJECTS", "1048576");
    ck_assert_uint_eq(mh_option(MH_OPTION_FIRST_OBJECTS), 1 << 20);
    assert_not_understood("MHEAP_FIRST_OBJECTS", MH_OPTION_FIRST_OBJECTS,
                          "1048577");
}
END_TEST

START_TEST(words_are_taken_letter_by_letter) {
    static const struct {
        const char *word;
        uint64_t value;
    } words[] = {{"count", MHEAP_ON_BAD_FREE_COUNT},
                 {"warn", MHEAP_ON_BAD_FREE_WARN},
                 {"abort", MHEAP_ON_BAD_FREE_ABORT}};
    for (size_t i = 0; i < 3; i++) {
        read_with("MHEAP_BAD_FREE", words[i].word);
        ck_assert_str_eq(said, "");
        ck_assert_uint_eq(mh_option(MH_OPTION_BAD_FREE), words[i].value);
    }
    static const char *const others[] = {"",      "Count",  "counts",
                                         "coun",  "1",      "count ",
                                         "ABORT", "ignore", "warn,abort"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_not_understood("MHEAP_BAD_FREE", MH_OPTION_BAD_FREE, others[i]);
    }
}
END_TEST

START_TEST(what_code_has_set_stays) {
    ck_assert(mh_option_set(MH_OPTION_CACHE_TOTAL, 12345));
    mh_set_variable("MHEAP_CACHE_BYTES", "4K");
    read_with("MHEAP_CACHE_TOTAL", "99999");
    ck_assert_uint_eq(mh_option(MH_OPTION_CACHE_TOTAL), 12345);
    ck_assert_uint_eq(mh_option(MH_OPTION_CACHE_BYTES), 4096);
    read_with("MHEAP_CACHE_TOTAL", "nonsense"); // nobody listens
    ck_assert_str_eq(said, "");
}
END_TEST

START_TEST(a_setting_refused_leaves_the_environment_its_say) {
    ck_assert(!mh_option_set(MH_OPTION_BAD_FREE, MHEAP_ON_BAD_FREE_WARN + 1));
    read_with("MHEAP_BAD_FREE", "count");
    ck_assert_uint_eq(mh_option(MH_OPTION_BAD_FREE), MHEAP_ON_BAD_FREE_COUNT);
}
END_TEST

START_TEST(code_is_kept_to_the_ranges) {
    ck_assert(mh_option_set(MH_OPTION_CACHE_BYTES, 1 << 20));
    ck_assert(!mh_option_set(MH_OPTION_CACHE_BYTES, (1 << 20) + 1));
    ck_assert_uint_eq(mh_option(MH_OPTION_CACHE_BYTES), 1 << 20);
    ck_assert(mh_option_set(MH_OPTION_CACHE_TOTAL, UINT64_MAX));
    ck_assert_uint_eq(mh_option(MH_OPTION_CACHE_TOTAL), UINT64_MAX);
    ck_assert(!mh_option_set(MH_NOPTIONS, 0));
    ck_assert(!mh_option_set(UINT32_MAX, 0));
    ck_assert_int_eq(mheap_option_set((enum mheap_option)77, 1), EINVAL);
    ck_assert_uint_eq(mheap_option_get((enum mheap_option)77), 0);
}
END_TEST

START_TEST(limits_from_the_environment_hold) {
    read_with("MHEAP_SOFT_LIMIT", "96M");
    read_with("MHEAP_HARD_LIMIT", "1G");
    ck_assert_str_eq(said, "");
    ck_assert_uint_eq(mheap_option_get(MHEAP_OPTION_SOFT_LIMIT), 96 << 20);
    ck_assert_uint_eq(mheap_option_get(MHEAP_OPTION_HARD_LIMIT), 1 << 30);
    ck_assert_uint_eq(mh_limits.soft, 96 << 20);
    ck_assert_uint_eq(mh_limits.hard, 1 << 30);
    assert_not_understood("MHEAP_SOFT_LIMIT", MH_OPTION_SOFT_LIMIT, "half");
    ck_assert_uint_eq(mh_limits.soft, 96 << 20);
}
END_TEST

START_TEST(limits_set_later_hold_at_once) {
    ck_assert_ptr_nonnull(mheap_default());
    ck_assert_int_eq(mheap_option_set(MHEAP_OPTION_HARD_LIMIT, 1), 0);
    ck_assert_ptr_null(mheap_malloc(1 << 20));
    ck_assert_int_eq(mheap_option_set(MHEAP_OPTION_HARD_LIMIT, 0), 0);
    mheap_free(mheap_malloc(1 << 20));
}
END_TEST

START_TEST(a_privileged_process_does_not_listen) {
    mh_sim_set_secure(true);
    mh_set_variable("MHEAP_CACHE_BYTES", "nonsense");
    read_with("MHEAP_BAD_FREE", "count");
    ck_assert_str_eq(said, "");
    ck_assert_uint_eq(mh_option(MH_OPTION_BAD_FREE), MHEAP_ON_BAD_FREE_ABORT);
}
END_TEST

START_TEST(each_variable_that_makes_no_sense_has_its_line) {
    mh_set_variable("MHEAP_BAD_FREE", "perhaps");
    mh_set_variable("MHEAP_CACHE_TOTAL", "5M");
    read_with("MHEAP_CACHE_BYTES", "many");
    ck_assert_ptr_nonnull(strstr(said, "MHEAP_BAD_FREE has"));
    ck_assert_ptr_nonnull(strstr(said, "MHEAP_CACHE_BYTES has"));
    ck_assert_ptr_null(strstr(said, "MHEAP_CACHE_TOTAL"));
    ck_assert_uint_eq(mh_option(MH_OPTION_CACHE_TOTAL), 5 << 20);
}
END_TEST

START_TEST(the_first_heap_reads_the_environment_and_later_ones_do_not) {
    mh_set_variable("MHEAP_BAD_FREE", "count");
    ck_assert_uint_eq(mheap_option_get(MHEAP_OPTION_BAD_FREE),
                      MHEAP_ON_BAD_FREE_ABORT);
    ck_assert_ptr_nonnull(mheap_default());
    ck_assert_uint_eq(mheap_option_get(MHEAP_OPTION_BAD_FREE),
                      MHEAP_ON_BAD_FREE_COUNT);
    mh_set_variable("MHEAP_BAD_FREE", "warn");
    mheap_destroy(mheap_create("later"));
    ck_assert_uint_eq(mheap_option_get(MHEAP_OPTION_BAD_FREE),
                      MHEAP_ON_BAD_FREE_COUNT);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("options");
    TCase *tcase = tcase_create("options");
    tcase_add_checked_fixture(tcase, forget_environment, NULL);
    tcase_add_test(tcase, without_a_word_the_defaults_hold);
    tcase_add_test(tcase, sizes_are_bytes_or_powers_of_1024);
    tcase_add_test(tcase, the_largest_number_can_be_said);
    tcase_add_test(tcase, numbers_that_do_not_fit_are_not_understood);
    tcase_add_test(tcase, what_is_no_size_is_not_understood);
    tcase_add_test(tcase, sizes_out_of_range_are_not_understood);
    tcase_add_test(tcase, words_are_taken_letter_by_letter);
    tcase_add_test(tcase, what_code_has_set_stays);
    tcase_add_test(tcase, a_setting_refused_leaves_the_environment_its_say);
    tcase_add_test(tcase, code_is_kept_to_the_ranges);
    tcase_add_test(tcase, limits_from_the_environment_hold);
    tcase_add_test(tcase, limits_set_later_hold_at_once);
    tcase_add_test(tcase, a_privileged_process_does_not_listen);
    tcase_add_test(tcase, each_variable_that_makes_no_sense_has_its_line);
    tcase_add_test(tcase,
                   the_first_heap_reads_the_environment_and_later_ones_do_not);
    suite_add_tcase(suite, tcase);
    return mh_test_main(suite);
}
