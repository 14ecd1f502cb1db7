// hc_look_test.c - tables, colour and glyphs, and which process a name means.

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tools/heapctl/heapctl.h"
#include "tools/heapctl/table.h"
#include "tools/heapctl/terminal.h"

static const struct hc_column columns[] = {
    {"NAME", HC_LEFT, 6}, {"SIZE", HC_RIGHT, 0}, {"N", HC_RIGHT, 3}};

static char *text;
static size_t text_size;
static struct hc_table table;

static void start(bool bytes) {
    FILE *out = open_memstream(&text, &text_size);

    hc_table_start(&table, out, columns, 3, bytes);
}

static void finish(const char *wanted) {
    (void)fclose(table.out);
    ck_assert_str_eq(text, wanted);
    free(text);
}

START_TEST(columns_line_up_and_no_line_ends_in_blanks) {
    start(false);
    hc_table_text(&table, "a");
    hc_table_size(&table, 1536);
    hc_table_count(&table, 7);
    hc_table_end(&table);
    hc_table_text(&table, "b");
    hc_table_end(&table);
    finish("NAME        SIZE    N\n"
           "a       1.50 KiB    7\n"
           "b\n");
}
END_TEST

START_TEST(a_wide_cell_pushes_and_is_not_cut) {
    start(false);
    hc_table_text(&table, "a-long-name");
    hc_table_size(&table, 1);
    hc_table_count(&table, 12345);
    hc_table_end(&table);
    finish("NAME        SIZE    N\n"
           "a-long-name       1 B  12345\n");
}
END_TEST

START_TEST(empty_cells_keep_their_place) {
    start(false);
    hc_table_text(&table, "a");
    hc_table_text(&table, "");
    hc_table_count(&table, 7);
    hc_table_end(&table);
    finish("NAME        SIZE    N\n"
           "a                   7\n");
}
END_TEST

START_TEST(sizes_in_bytes_have_a_wider_column) {
    start(true);
    hc_table_text(&table, "a");
    hc_table_size(&table, 99999999999999);
    hc_table_end(&table);
    finish("NAME              SIZE    N\n"
           "a       99999999999999\n");
}
END_TEST

static const struct {
    enum hc_color wish;
    struct hc_surroundings around;
    bool color;
} colors[] = {
    {HC_COLOR_AUTO, {.terminal = true, .term = "xterm"}, true},
    {HC_COLOR_AUTO, {.terminal = false, .term = "xterm"}, false},
    {HC_COLOR_AUTO, {.terminal = true, .term = "dumb"}, false},
    {HC_COLOR_AUTO, {.terminal = true}, false},
    {HC_COLOR_AUTO,
     {.terminal = true, .term = "xterm", .no_color = "1"},
     false},
    {HC_COLOR_AUTO, {.terminal = true, .term = "xterm", .no_color = ""}, true},
    {HC_COLOR_AUTO, {.clicolor_force = "1"}, true},
    {HC_COLOR_AUTO, {.clicolor_force = "0"}, false},
    {HC_COLOR_AUTO, {.clicolor_force = "1", .no_color = "1"}, false},
    {HC_COLOR_ALWAYS, {.no_color = "1"}, true},
    {HC_COLOR_NEVER,
     {.terminal = true, .term = "xterm", .clicolor_force = "1"},
     false},
};

START_TEST(colour_follows_the_conventions) {
    ck_assert_int_eq(hc_wants_color(colors[_i].wish, &colors[_i].around),
                     colors[_i].color);
}
END_TEST

static const struct {
    struct hc_surroundings around;
    bool utf8;
} locales[] = {
    {{.lang = "en_US.UTF-8"}, true},
    {{.lang = "C.utf8"}, true},
    {{.lang = "C"}, false},
    {{.lang = NULL}, false},
    {{.lang = "de_DE.UTF-8", .lc_ctype = "C"}, false},
    {{.lang = "C", .lc_ctype = "de_DE.UTF-8"}, true},
    {{.lang = "de_DE.UTF-8", .lc_all = "POSIX"}, false},
    {{.lang = "de_DE.UTF-8", .lc_all = ""}, true},
    {{.lang = "ja_JP.UTF-16"}, false},
};

START_TEST(glyphs_follow_the_locale) {
    ck_assert_int_eq(hc_is_utf8(&locales[_i].around), locales[_i].utf8);
}
END_TEST

static const struct mh_target_process processes[] = {
    {10, "webd", 0},    {11, "webd-helper", 0}, {12, "sqlite3", 0},
    {13, "python3", 0}, {14, "python3", 0},     {15, "heapctl", 0},
};

static size_t match(const char *name, size_t *matches) {
    static const struct hc_processes all = {processes, 6, 15};

    return hc_match(&all, name, matches, 2);
}

START_TEST(a_whole_name_beats_the_beginning_of_another) {
    size_t matches[2];

    ck_assert_uint_eq(match("webd", matches), 1);
    ck_assert_uint_eq(matches[0], 0);
    ck_assert_uint_eq(match("webd-", matches), 1);
    ck_assert_uint_eq(matches[0], 1);
    ck_assert_uint_eq(match("sql", matches), 1);
    ck_assert_uint_eq(matches[0], 2);
}
END_TEST

START_TEST(several_of_a_name_are_all_counted) {
    size_t matches[2];

    ck_assert_uint_eq(match("python3", matches), 2);
    ck_assert_uint_eq(match("web", matches), 2);
    ck_assert_uint_eq(match("", matches), 5); // more than there is room for
}
END_TEST

START_TEST(we_are_not_our_own_target) {
    size_t matches[2];

    ck_assert_uint_eq(match("heapctl", matches), 0);
    ck_assert_uint_eq(match("perl", matches), 0);
}
END_TEST

static Suite *look_suite(void) {
    Suite *suite = suite_create("hc_look");
    TCase *tables = tcase_create("tables");
    TCase *terminal = tcase_create("terminal");
    TCase *names = tcase_create("names");

    tcase_add_test(tables, columns_line_up_and_no_line_ends_in_blanks);
    tcase_add_test(tables, a_wide_cell_pushes_and_is_not_cut);
    tcase_add_test(tables, empty_cells_keep_their_place);
    tcase_add_test(tables, sizes_in_bytes_have_a_wider_column);
    suite_add_tcase(suite, tables);
    tcase_add_loop_test(terminal, colour_follows_the_conventions, 0,
                        sizeof(colors) / sizeof(colors[0]));
    tcase_add_loop_test(terminal, glyphs_follow_the_locale, 0,
                        sizeof(locales) / sizeof(locales[0]));
    suite_add_tcase(suite, terminal);
    tcase_add_test(names, a_whole_name_beats_the_beginning_of_another);
    tcase_add_test(names, several_of_a_name_are_all_counted);
    tcase_add_test(names, we_are_not_our_own_target);
    suite_add_tcase(suite, names);
    return suite;
}

int main(void) {
    SRunner *runner = srunner_create(look_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
