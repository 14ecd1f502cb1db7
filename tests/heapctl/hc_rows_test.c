// hc_rows_test.c - filters, order and sums, against doing it by hand.

#include <check.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "tools/heapctl/json_out.h"
#include "tools/heapctl/rows.h"

enum { NROWS = 1000 };

struct item {
    uint64_t id; // rises, as addresses do
    uint64_t a, b;
    const char *word;
};

static struct item items[NROWS];
static size_t nitems;
static uint64_t asked; // rows the set was asked for

static double field_id(const void *context, const void *row) {
    ck_assert_ptr_eq(context, items);
    return (double)((const struct item *)row)->id;
}

static double field_a(const void *context, const void *row) {
    (void)context;
    return (double)((const struct item *)row)->a;
}

static double field_b(const void *context, const void *row) {
    (void)context;
    return (double)((const struct item *)row)->b;
}

static const char *field_word(const void *context, const void *row) {
    (void)context;
    return ((const struct item *)row)->word;
}

static const struct hc_field fields[] = {
    {"id", field_id, NULL},
    {"a", field_a, NULL},
    {"b", field_b, NULL},
    {"word", NULL, field_word},
};

static const struct hc_column columns[] = {{"ID", HC_RIGHT, 4},
                                           {"A", HC_RIGHT, 4}};

// Every tenth row is not to be shown.
static const void *row_of(const void *context, size_t i) {
    asked++;
    return i % 10 == 9 ? NULL : &((const struct item *)context)[i];
}

static void print(const struct hc_context *ctx, struct hc_table *table,
                  const void *row) {
    (void)ctx;
    hc_table_count(table, ((const struct item *)row)->id);
    hc_table_count(table, ((const struct item *)row)->a);
}

static void json(const struct hc_context *ctx, struct hc_json *object,
                 const void *row) {
    (void)ctx;
    hc_json_number(object, "id", ((const struct item *)row)->id);
}

static void add(struct hc_sums *sums, const void *row) {
    sums->of[0] += ((const struct item *)row)->a;
}

static void print_sums(struct hc_table *table, const struct hc_sums *sums,
                       const char *label) {
    hc_table_text(table, label);
    hc_table_count(table, sums->of[0]);
}

static void json_sums(struct hc_json *object, const struct hc_sums *sums) {
    hc_json_number(object, "a", sums->of[0]);
}

static void make_items(void) {
    static const char *const words[] = {"full", "partial", "large"};
    uint32_t seed = 7;

    for (size_t i = 0; i < NROWS; i++) {
        seed = seed * 1664525 + 1013904223;
        items[i] = (struct item){
            .id = i,
            .a = (seed >> 8) % 20,
            .b = (seed >> 16) % 5,
            .word = words[(seed >> 12) % 3],
        };
    }
    nitems = NROWS;
    asked = 0;
}

struct shown {
    int status;
    char *err;
    size_t n; // rows
    uint64_t ids[NROWS];
    uint64_t rows, sum; // of the sum line
};

static void show(struct hc_options options, FILE *out, FILE *err,
                 int *status_out) {
    struct hc_context ctx = {.out = out, .err = err, .options = options};
    const struct hc_set set = {
        .kind = "items",
        .fields = {fields, 4, items},
        .columns = columns,
        .ncolumns = 2,
        .nrows = nitems,
        .row = row_of,
        .print = print,
        .json = json,
        .add = add,
        .print_sums = print_sums,
        .json_sums = json_sums,
    };

    *status_out = hc_set_show(&ctx, &set);
}

static struct json_object *member(struct json_object *object,
                                  const char *name) {
    struct json_object *value = NULL;

    ck_assert(json_object_object_get_ex(object, name, &value));
    return value;
}

// Shows the items as JSON and reads that back.
static struct shown *shown_by(struct hc_options options) {
    struct shown *shown = calloc(1, sizeof(*shown));
    char *text = NULL;
    size_t text_size, err_size;

    ck_assert_ptr_nonnull(shown);
    FILE *out = open_memstream(&text, &text_size);
    FILE *err = open_memstream(&shown->err, &err_size);
    options.given |= HC_OPT_JSON;
    show(options, out, err, &shown->status);
    (void)fclose(out);
    (void)fclose(err);
    if (shown->status == HC_OK || shown->status == HC_FINDING) {
        struct json_object *document = json_tokener_parse(text);
        struct json_object *data = member(document, "data");
        struct json_object *rows = member(data, "rows");
        shown->n = json_object_array_length(rows);
        for (size_t i = 0; i < shown->n; i++) {
            shown->ids[i] = json_object_get_uint64(
                member(json_object_array_get_idx(rows, i), "id"));
        }
        shown->rows =
            json_object_get_uint64(member(member(data, "sum"), "rows"));
        shown->sum = json_object_get_uint64(member(member(data, "sum"), "a"));
        (void)json_object_put(document);
    }
    free(text);
    return shown;
}

static void free_shown(struct shown *shown) {
    free(shown->err);
    free(shown);
}

START_TEST(all_rows_come_in_their_order) {
    struct shown *shown = shown_by((struct hc_options){.top = UINT64_MAX});

    ck_assert_uint_eq(shown->n, NROWS - NROWS / 10);
    for (size_t i = 1; i < shown->n; i++) {
        ck_assert_uint_lt(shown->ids[i - 1], shown->ids[i]);
    }
    free_shown(shown);
}
END_TEST

START_TEST(a_filter_passes_what_holds_and_nothing_else) {
    struct shown *shown = shown_by((struct hc_options){
        .top = UINT64_MAX, .where = "a < 7 && word != full"});
    uint64_t sum = 0;
    size_t n = 0;

    for (size_t i = 0; i < NROWS; i++) {
        if (i % 10 != 9 && items[i].a < 7 &&
            strcmp(items[i].word, "full") != 0) {
            ck_assert_uint_eq(shown->ids[n], i);
            sum += items[i].a;
            n++;
        }
    }
    ck_assert_uint_gt(n, 0);
    ck_assert_uint_eq(shown->n, n);
    ck_assert_uint_eq(shown->rows, n);
    ck_assert_uint_eq(shown->sum, sum);
    free_shown(shown);
}
END_TEST

// Is x to come before y under -a,word,b? 0: it makes no difference.
static int by_hand(const struct item *x, const struct item *y) {
    if (x->a != y->a) {
        return x->a > y->a ? -1 : 1;
    }
    int words = strcmp(x->word, y->word);
    if (words != 0) {
        return words;
    }
    return x->b < y->b ? -1 : x->b > y->b ? 1 : 0;
}

START_TEST(order_is_total_and_stable) {
    struct shown *shown =
        shown_by((struct hc_options){.top = UINT64_MAX, .sort = "-a,word,b"});

    ck_assert_uint_eq(shown->n, NROWS - NROWS / 10);
    for (size_t i = 1; i < shown->n; i++) {
        uint64_t x = shown->ids[i - 1], y = shown->ids[i];
        int order = by_hand(&items[x], &items[y]);
        ck_assert(order < 0 || (order == 0 && x < y));
    }
    free_shown(shown);
}
END_TEST

START_TEST(every_number_of_rows_is_sorted) {
    for (nitems = 0; nitems < 40; nitems++) {
        struct shown *shown =
            shown_by((struct hc_options){.top = UINT64_MAX, .sort = "b"});
        ck_assert_uint_eq(shown->n, nitems - nitems / 10);
        for (size_t i = 1; i < shown->n; i++) {
            uint64_t x = shown->ids[i - 1], y = shown->ids[i];
            ck_assert(items[x].b < items[y].b ||
                      (items[x].b == items[y].b && x < y));
        }
        free_shown(shown);
    }
}
END_TEST

START_TEST(top_cuts_rows_but_not_sums) {
    struct shown *all = shown_by((struct hc_options){.top = UINT64_MAX});

    for (uint64_t top = 0; top < 30; top += 7) {
        struct shown *some = shown_by((struct hc_options){.top = top});
        struct shown *best =
            shown_by((struct hc_options){.top = top, .sort = "-a"});
        ck_assert_uint_eq(some->n, top);
        ck_assert_uint_eq(best->n, top);
        ck_assert_uint_eq(some->rows, all->rows);
        ck_assert_uint_eq(best->sum, all->sum);
        ck_assert(top == 0 || items[best->ids[0]].a == 19);
        free_shown(some);
        free_shown(best);
    }
    free_shown(all);
}
END_TEST

START_TEST(a_finding_is_looked_for_in_what_the_filter_passes) {
    struct hc_options options = {.top = 0, .fail_on = "a == 19"};
    struct shown *found = shown_by(options);

    // Also in rows that --top leaves out.
    ck_assert_int_eq(found->status, HC_FINDING);
    free_shown(found);
    options.where = "a < 19";
    found = shown_by(options);
    ck_assert_int_eq(found->status, HC_OK);
    free_shown(found);
}
END_TEST

static const struct {
    struct hc_options options;
    const char *part;
} faults[] = {
    {{.where = "c == 1"}, "--where: column 1"},
    {{.where = "a == 1)"}, "--where: column 7"},
    {{.fail_on = "a =="}, "--fail-on: column 5"},
    {{.sort = "c"}, "unknown field 'c'"},
    {{.sort = "wodr"}, "did you mean 'word'"},
    {{.sort = ""}, "unknown field ''"},
    {{.sort = "a,"}, "unknown field ''"},
    {{.sort = "--a"}, "unknown field '-a'"},
};

START_TEST(a_fault_prints_no_row) {
    struct shown *shown = shown_by(faults[_i].options);

    ck_assert_int_eq(shown->status, HC_USAGE);
    ck_assert_msg(strstr(shown->err, faults[_i].part) != NULL, "%s",
                  shown->err);
    ck_assert_uint_eq(asked, 0);
    free_shown(shown);
}
END_TEST

START_TEST(a_table_says_whether_rows_were_left_out) {
    char *text = NULL;
    size_t size;
    int status;

    nitems = 3;
    FILE *out = open_memstream(&text, &size);
    show((struct hc_options){.top = UINT64_MAX}, out, stderr, &status);
    (void)fclose(out);
    ck_assert_ptr_nonnull(strstr(text, "\n sum"));
    free(text);
    out = open_memstream(&text, &size);
    show((struct hc_options){.top = 2}, out, stderr, &status);
    (void)fclose(out);
    ck_assert_ptr_nonnull(strstr(text, "\n all"));
    free(text);
}
END_TEST

START_TEST(a_walk_stops_when_nobody_takes_its_rows) {
    FILE *full = fopen("/dev/full", "w");
    struct hc_context ctx = {.out = full};
    int status;

    ck_assert_ptr_nonnull(full);
    (void)setvbuf(full, NULL, _IONBF, 0);
    show((struct hc_options){.top = UINT64_MAX}, full, stderr, &status);
    ck_assert_uint_lt(asked, 3);
    clearerr(full);
    ck_assert(!hc_out_broken(&ctx));
    (void)fputs("x", full);
    ck_assert(hc_out_broken(&ctx));
    ck_assert_int_eq(ctx.out_errno, ENOSPC);
    (void)fclose(full);
}
END_TEST

START_TEST(text_of_any_bytes_becomes_json) {
    static const struct {
        const char *text, *clean;
    } cases[] = {
        {"plain", "plain"},
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
        {"\xe2\x96\x88", "\xe2\x96\x88"},
        {"a\xff"
         "b",
         "a?b"},
        {"cut \xc3", "cut ?"},
        {"\xe2\x96", "??"},
        {"\"\\\n", "\"\\\n"},
        {"\xc0\xaf", "??"},
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hc_json *object = hc_json_new_object();
        hc_json_text(object, "text", cases[i].text);
        hc_json_text(object, "none", NULL);
        struct json_object *back = json_tokener_parse(hc_json_string(object));
        ck_assert_str_eq(json_object_get_string(member(back, "text")),
                         cases[i].clean);
        ck_assert_int_eq(json_object_object_length(back), 1);
        (void)json_object_put(back);
        hc_json_free(object);
    }
}
END_TEST

START_TEST(numbers_keep_their_64_bits) {
    struct hc_json *object = hc_json_new_object();

    hc_json_number(object, "n", UINT64_MAX);
    hc_json_signed(object, "s", INT64_MIN);
    hc_json_address(object, "p", UINT64_MAX);
    hc_json_share(object, "o", 1, 3);
    hc_json_share(object, "none", 1, 0);
    ck_assert_str_eq(hc_json_string(object),
                     "{\"n\":18446744073709551615,\"s\":-9223372036854775808,"
                     "\"p\":\"0xffffffffffffffff\",\"o\":0.3333}");
    hc_json_free(object);
}
END_TEST

static Suite *rows_suite(void) {
    Suite *suite = suite_create("hc_rows");
    TCase *rows = tcase_create("rows");
    TCase *text = tcase_create("text");

    tcase_add_checked_fixture(rows, make_items, NULL);
    tcase_add_test(rows, all_rows_come_in_their_order);
    tcase_add_test(rows, a_filter_passes_what_holds_and_nothing_else);
    tcase_add_test(rows, order_is_total_and_stable);
    tcase_add_test(rows, every_number_of_rows_is_sorted);
    tcase_add_test(rows, top_cuts_rows_but_not_sums);
    tcase_add_test(rows, a_finding_is_looked_for_in_what_the_filter_passes);
    tcase_add_loop_test(rows, a_fault_prints_no_row, 0,
                        sizeof(faults) / sizeof(faults[0]));
    tcase_add_test(rows, a_table_says_whether_rows_were_left_out);
    tcase_add_test(rows, a_walk_stops_when_nobody_takes_its_rows);
    suite_add_tcase(suite, rows);
    tcase_add_test(text, text_of_any_bytes_becomes_json);
    tcase_add_test(text, numbers_keep_their_64_bits);
    suite_add_tcase(suite, text);
    return suite;
}

int main(void) {
    SRunner *runner = srunner_create(rows_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
