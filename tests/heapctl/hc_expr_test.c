// hc_expr_test.c - the language of --where: what holds, and what is refused
// where.

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/heapctl/expr.h"

struct row {
    double class, size, occ;
    const char *state;
};

static double field_class(const void *context, const void *row) {
    ck_assert_str_eq(context, "context");
    return ((const struct row *)row)->class;
}

static double field_size(const void *context, const void *row) {
    (void)context;
    return ((const struct row *)row)->size;
}

static double field_occ(const void *context, const void *row) {
    (void)context;
    return ((const struct row *)row)->occ;
}

static const char *field_state(const void *context, const void *row) {
    (void)context;
    return ((const struct row *)row)->state;
}

static const struct hc_field list[] = {
    {"class", field_class, NULL},
    {"size", field_size, NULL},
    {"occ", field_occ, NULL},
    {"state", NULL, field_state},
};
static const struct hc_fields fields = {list, 4, "context"};
static const struct row row = {12, 65536, 0.25, "partial"};

static const struct {
    const char *text;
    bool holds;
} holding[] = {
    {"class == 12", true},
    {"class==12", true},
    {"12 == class", true},
    {"class != 12", false},
    {"class < 12", false},
    {"class <= 12", true},
    {"class > 12", false},
    {"class >= 12", true},
    {"class < 13 && size > 1", true},
    {"size == 64K", true},
    {"size < 10MiB", true},
    {"occ <= 25%", true},
    {"occ < 0.25", false},
    {"state == partial", true},
    {"partial == state", true},
    {"state != full", true},
    {"state == state", true},
    {"class", true},
    {"!class", false},
    {"!!class", true},
    {"0", false},
    {"1 && 0", false},
    {"0 || 1", true},
    // && binds more tightly than ||, and ! than both.
    {"1 || 0 && 0", true},
    {"(1 || 0) && 0", false},
    {"0 && 0 || 1", true},
    {"!0 || 1 && 0", true},
    {"!(0 || 1)", false},
    {"!class == 12", false},
    {"((class == 12))", true},
    {"  class\t==  12  ", true},
};

START_TEST(an_expression_holds_as_read) {
    struct hc_expr_error error;
    struct hc_expr *expr = hc_expr_parse(holding[_i].text, fields, &error);

    ck_assert_msg(expr != NULL, "%s: %s", holding[_i].text, error.text);
    ck_assert_msg(hc_expr_holds(expr, &row) == holding[_i].holds, "%s",
                  holding[_i].text);
    hc_expr_free(expr);
}
END_TEST

static const struct {
    const char *text;
    size_t position;
    const char *part; // of the message
} faults[] = {
    {"", 1, "it ends"},
    {"class ==", 9, "it ends"},
    {"clas == 12", 1, "did you mean 'class'"},
    {"class == ful", 10, "unknown field 'ful'"},
    {"frobnication > 1", 1, "unknown field 'frobnication'"},
    {"class = 12", 7, "'=' where == should be"},
    {"class == 12 size", 13, "'s' where && or || should be"},
    {"class == 12 & size", 13, "'&' where"},
    {"(class == 12", 1, "never closed"},
    {"class == 12)", 12, "')' where"},
    {"class == 5KB", 11, "unknown unit"},
    {"class == 0x", 10, "no digits"},
    {"state < full", 7, "== and != only"},
    {"state == 3", 7, "cannot be compared with a number"},
    {"state == class", 7, "cannot be compared with a number"},
    {"state", 6, "needs == or !="},
    {"class == state", 7, "'state' is a word"},
    {"a == b", 1, "unknown field 'a'"},
    {"class == @", 10, "'@' where a field or a number"},
    {"1 < 2 < 3", 7, "'<' where"},
    {"!", 2, "it ends"},
    {"class &&", 9, "it ends"},
    {"abcdefghijabcdefghijabcdefghijabcdefghij == 1", 1, "so long a name"},
};

START_TEST(a_fault_is_named_with_its_column) {
    struct hc_expr_error error = {0};
    struct hc_expr *expr = hc_expr_parse(faults[_i].text, fields, &error);

    ck_assert_msg(expr == NULL, "%s: accepted", faults[_i].text);
    ck_assert_msg(error.position == faults[_i].position,
                  "%s: column %zu, not %zu: %s", faults[_i].text,
                  error.position, faults[_i].position, error.text);
    ck_assert_msg(strstr(error.text, faults[_i].part) != NULL, "%s: %s",
                  faults[_i].text, error.text);
}
END_TEST

static void repeat(char *text, const char *part, int n) {
    text[0] = '\0';
    for (int i = 0; i < n; i++) {
        strcat(text, part);
    }
}

START_TEST(endless_depth_and_length_are_refused_not_followed) {
    static char text[20000];
    struct hc_expr_error error;

    repeat(text, "(", 5000);
    ck_assert_ptr_null(hc_expr_parse(text, fields, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "too deep"));
    repeat(text, "!", 5000);
    ck_assert_ptr_null(hc_expr_parse(text, fields, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "too deep"));
    repeat(text, "1&&", 5000);
    strcat(text, "1");
    ck_assert_ptr_null(hc_expr_parse(text, fields, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "too long"));
}
END_TEST

// Parses random texts of the language's own letters: whatever comes, it returns
// with an expression that can be evaluated or a column inside the text.
START_TEST(no_text_breaks_the_parser) {
    static const char *const parts[] = {
        "class", "size", "state", "full", "1", "64K", "==", "!=", "<", "<=",
        "&&",    "||",   "!",     "(",    ")", " ",   "%",  "0x", ".", "&"};
    unsigned seed = 1;

    for (int round = 0; round < 20000; round++) {
        char text[128] = "";
        for (int i = 0; i < 12; i++) {
            seed = seed * 1103515245 + 12345;
            strcat(text, parts[(seed >> 16) % 20]);
        }
        struct hc_expr_error error = {0};
        struct hc_expr *expr = hc_expr_parse(text, fields, &error);
        if (expr != NULL) {
            (void)hc_expr_holds(expr, &row);
        } else {
            ck_assert_msg(error.position >= 1 &&
                              error.position <= strlen(text) + 1,
                          "%s: column %zu", text, error.position);
        }
        hc_expr_free(expr);
    }
}
END_TEST

static const char *verb_name(const void *names, size_t i) {
    return ((const char *const *)names)[i];
}

START_TEST(the_nearest_name_is_the_one_meant) {
    static const char *const names[] = {"stats", "spans", "classes", "map"};
    static const struct {
        const char *typed, *meant;
    } cases[] = {
        {"stat", "stats"},    {"sapns", "spans"}, {"span", "spans"},
        {"class", "classes"}, {"mpa", "map"},     {"STATS", "stats"},
        {"frobnicate", NULL}, {"xyz", NULL},      {"", NULL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *got = hc_nearest(cases[i].typed, strlen(cases[i].typed), 4,
                                     verb_name, names);
        ck_assert_msg((got == NULL) == (cases[i].meant == NULL) &&
                          (got == NULL || strcmp(got, cases[i].meant) == 0),
                      "%s: %s", cases[i].typed, got != NULL ? got : "none");
    }
}
END_TEST

START_TEST(two_letters_swapped_are_one_mistake) {
    static const char *const names[] = {"ps", "map"};

    ck_assert_str_eq(hc_nearest("sp", 2, 2, verb_name, names), "ps");
    ck_assert_ptr_null(hc_nearest("xy", 2, 2, verb_name, names));
}
END_TEST

static Suite *expr_suite(void) {
    Suite *suite = suite_create("hc_expr");
    TCase *meaning = tcase_create("meaning");
    TCase *refusal = tcase_create("refusal");

    tcase_add_loop_test(meaning, an_expression_holds_as_read, 0,
                        sizeof(holding) / sizeof(holding[0]));
    tcase_add_test(meaning, the_nearest_name_is_the_one_meant);
    tcase_add_test(meaning, two_letters_swapped_are_one_mistake);
    suite_add_tcase(suite, meaning);
    tcase_add_loop_test(refusal, a_fault_is_named_with_its_column, 0,
                        sizeof(faults) / sizeof(faults[0]));
    tcase_add_test(refusal, endless_depth_and_length_are_refused_not_followed);
    tcase_add_test(refusal, no_text_breaks_the_parser);
    suite_add_tcase(suite, refusal);
    return suite;
}

int main(void) {
    SRunner *runner = srunner_create(expr_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
