// hc_figures_test.c - the same figures in every shape a verb has.
//
// A figure that heapctl prints can be had as text, as JSON, through a filter,
// an order, and --fail-on. Here each is compared with the others, member by
// member, over the made-up heap.

#include <check.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "tests/heapctl/heapctl_fixture.h"
#include "tests/support/test_main.h"

enum { MAX_CELLS = 24, MAX_LINES = 64 };

static struct mh_view *view;
static struct fixture_result result;

static void set_up(void) {
    view = fixture_view();
}

static void tear_down(void) {
    fixture_result_free(&result);
    memset(&result, 0, sizeof(result));
    fixture_free(view);
}

static void run(const char *line) {
    fixture_result_free(&result);
    result = fixture_run(view, line, NULL);
}

static struct json_object *member(struct json_object *object,
                                  const char *name) {
    struct json_object *value = NULL;

    ck_assert_msg(json_object_object_get_ex(object, name, &value), "no %s",
                  name);
    return value;
}

// The data of a document; the document is *owner_out.
static struct json_object *data_of(const char *line,
                                   struct json_object **owner_out) {
    run(line);
    *owner_out = json_tokener_parse(result.out);
    ck_assert_msg(*owner_out != NULL, "%s: %s", line, result.out);
    return member(*owner_out, "data");
}

// ---- tables: a column against a member --------------------------------------

static const struct {
    const char *verb;
    const char *columns[MAX_CELLS]; // a member for each column; NULL: derived
} tables[] = {
    {"spans",
     {"base", "class", "object_bytes", "bytes", "slots", "used", "pending",
      "cached", "free", NULL, NULL, "state", "owner", "heap", "arena",
      "resident_bytes"}},
    {"classes",
     {"class", "slot_bytes", "spans", "slots", "used", "pending", "cached",
      "free", NULL, NULL, "used_bytes", "free_bytes", "tail_bytes",
      "resident_bytes"}},
    {"arenas",
     {"base", "arena", "bytes", "in_spans_bytes", "page_caches_bytes",
      "free_kept_bytes", "released_bytes", "taken_bytes", "room_bytes",
      "foreign_bytes", "used_bytes", "spans", "resident_bytes"}},
};

// A percentage is two words, "68.4 %", and one where there is none, "-".
static void compare_line(char *line, const char *const *columns,
                         struct json_object *row) {
    size_t column = 0;

    for (char *word = strtok(line, " "); word != NULL;
         word = strtok(NULL, " ")) {
        struct json_object *value = NULL;
        if (strcmp(word, "-") == 0 && columns[column] == NULL) {
            column += 2;
            continue;
        }
        const char *name = columns[column++];
        if (name == NULL || strcmp(word, "large") == 0) {
            continue;
        }
        if (strcmp(word, "-") == 0) {
            ck_assert(!json_object_object_get_ex(row, name, &value));
            continue;
        }
        ck_assert_msg(strcmp(word, json_object_get_string(member(row, name))) ==
                          0,
                      "%s: %s in the text, %s in JSON", name, word,
                      json_object_get_string(member(row, name)));
    }
    ck_assert(columns[column] == NULL);
}

START_TEST(text_and_json_of_a_table_tell_the_same_figures) {
    char line[64];
    struct json_object *document;

    (void)snprintf(line, sizeof(line), "%s --json", tables[_i].verb);
    struct json_object *rows = member(data_of(line, &document), "rows");
    size_t n = json_object_array_length(rows);
    ck_assert_uint_gt(n, 1);
    (void)snprintf(line, sizeof(line), "%s --bytes", tables[_i].verb);
    run(line);
    char *at = strchr(result.out, '\n') + 1;
    for (size_t i = 0; i < n; i++) {
        char *end = strchr(at, '\n');
        *end = '\0';
        compare_line(at, tables[_i].columns,
                     json_object_array_get_idx(rows, i));
        at = end + 1;
    }
    // What follows is the sum.
    ck_assert_ptr_nonnull(strstr(at, "sum"));
    (void)json_object_put(document);
}
END_TEST

// ---- every field of every set -----------------------------------------------

// What --where, --sort and --top call a figure, and its member in a row.
static const struct field_case {
    const char *verb, *field, *json;
} field_cases[] = {
    {"spans", "class", "class"},
    {"spans", "size", "object_bytes"},
    {"spans", "heap", "heap"},
    {"spans", "arena", "arena"},
    {"spans", "pages", "pages"},
    {"spans", "bytes", "bytes"},
    {"spans", "slots", "slots"},
    {"spans", "used", "used"},
    {"spans", "pending", "pending"},
    {"spans", "free", "free"},
    {"spans", "cached", "cached"},
    {"spans", "resident", "resident_bytes"},
    {"spans", "birth", "birth"},
    {"classes", "class", "class"},
    {"classes", "size", "slot_bytes"},
    {"classes", "spans", "spans"},
    {"classes", "slots", "slots"},
    {"classes", "used", "used"},
    {"classes", "pending", "pending"},
    {"classes", "cached", "cached"},
    {"classes", "free", "free"},
    {"classes", "tail", "tail_bytes"},
    {"classes", "resident", "resident_bytes"},
    {"arenas", "arena", "arena"},
    {"arenas", "size", "bytes"},
    {"arenas", "spans", "spans"},
    {"arenas", "used", "used_bytes"},
    {"arenas", "kept", "free_kept_bytes"},
    {"arenas", "released", "released_bytes"},
    {"arenas", "taken", "taken_bytes"},
    {"arenas", "room", "room_bytes"},
    {"arenas", "foreign", "foreign_bytes"},
    {"arenas", "metadata", "metadata_bytes"},
    {"arenas", "resident", "resident_bytes"},
    {"arenas", "unstable", "unstable_spans"},
};

enum { FIELD_CASES = sizeof(field_cases) / sizeof(field_cases[0]) };

struct column {
    size_t n;
    uint64_t values[MAX_LINES];
};

// The values of one member, in the order a call shows its rows.
static struct column column_of(const struct field_case *c,
                               const char *options) {
    struct column column = {0};
    struct json_object *document;
    char line[160];

    (void)snprintf(line, sizeof(line), "%s %s --json", c->verb, options);
    struct json_object *rows = member(data_of(line, &document), "rows");
    column.n = json_object_array_length(rows);
    ck_assert_uint_le(column.n, MAX_LINES);
    for (size_t i = 0; i < column.n; i++) {
        column.values[i] = json_object_get_uint64(
            member(json_object_array_get_idx(rows, i), c->json));
    }
    (void)json_object_put(document);
    return column;
}

static size_t count(const struct column *column, uint64_t value) {
    size_t n = 0;

    for (size_t i = 0; i < column->n; i++) {
        n += column->values[i] == value;
    }
    return n;
}

START_TEST(a_filter_by_any_field_keeps_exactly_the_rows_of_that_figure) {
    const struct field_case *c = &field_cases[_i];
    struct column all = column_of(c, "");
    char options[96];

    for (size_t i = 0; i < all.n; i++) {
        (void)snprintf(options, sizeof(options), "--where %s==%" PRIu64,
                       c->field, all.values[i]);
        struct column some = column_of(c, options);
        ck_assert_uint_eq(some.n, count(&all, all.values[i]));
        ck_assert_uint_eq(count(&some, all.values[i]), some.n);
        (void)snprintf(options, sizeof(options), "--where %s!=%" PRIu64,
                       c->field, all.values[i]);
        some = column_of(c, options);
        ck_assert_uint_eq(some.n, all.n - count(&all, all.values[i]));
    }
}
END_TEST

START_TEST(an_order_by_any_field_is_one_and_loses_no_row) {
    const struct field_case *c = &field_cases[_i];
    struct column all = column_of(c, "");
    char options[96];

    (void)snprintf(options, sizeof(options), "--sort %s", c->field);
    struct column up = column_of(c, options);
    (void)snprintf(options, sizeof(options), "--sort -%s", c->field);
    struct column down = column_of(c, options);
    ck_assert_uint_eq(up.n, all.n);
    ck_assert_uint_eq(down.n, all.n);
    for (size_t i = 0; i < all.n; i++) {
        ck_assert(i == 0 || up.values[i - 1] <= up.values[i]);
        ck_assert(i == 0 || down.values[i - 1] >= down.values[i]);
        ck_assert_uint_eq(count(&up, all.values[i]),
                          count(&all, all.values[i]));
    }
    (void)snprintf(options, sizeof(options), "--sort -%s --top 1", c->field);
    struct column first = column_of(c, options);
    ck_assert_uint_eq(first.n, 1);
    ck_assert_uint_eq(first.values[0], down.values[0]);
}
END_TEST

START_TEST(fail_on_any_field_holds_when_a_row_does) {
    const struct field_case *c = &field_cases[_i];
    struct column all = column_of(c, "");
    uint64_t largest = 0;
    char line[96];

    for (size_t i = 0; i < all.n; i++) {
        largest = all.values[i] > largest ? all.values[i] : largest;
    }
    (void)snprintf(line, sizeof(line), "%s --fail-on %s>=%" PRIu64, c->verb,
                   c->field, largest);
    run(line);
    ck_assert_int_eq(result.status, HC_FINDING);
    ck_assert_str_ne(result.out, "");
    (void)snprintf(line, sizeof(line), "%s --fail-on %s>%" PRIu64, c->verb,
                   c->field, largest);
    run(line);
    ck_assert_int_eq(result.status, HC_OK);
}
END_TEST

// ---- stats ------------------------------------------------------------------

static const struct {
    const char *field, *json, *line;
} account[] = {
    {"live", "live_bytes", "live slots"},
    {"tail", "tail_bytes", "tail waste"},
    {"cached", "cached_bytes", "thread caches"},
    {"pending", "pending_bytes", "freed by another thread"},
    {"free", "free_slots_bytes", "free in spans"},
    {"kept", "free_kept_bytes", "free pages kept"},
    {"metadata", "metadata_bytes", "metadata"},
    {"untouched", "untouched_bytes", "never touched"},
    {"lingering", "lingering_bytes", "released, still in memory"},
    {"released", "released_bytes", "released to the system"},
    {"process", "process_resident_bytes", "process resident"},
    {"resident", "resident_bytes", NULL},
    {"reserved", "reserved_bytes", NULL},
    {"objects", "live_objects", NULL},
};

START_TEST(a_line_of_the_account_is_its_member_and_its_field) {
    struct json_object *document;
    struct json_object *data = data_of("stats --json", &document);
    uint64_t value = json_object_get_uint64(member(data, account[_i].json));
    char line[96];

    (void)json_object_put(document);
    ck_assert_uint_gt(value, 0);
    if (account[_i].line != NULL) {
        run("stats --bytes");
        const char *at = strstr(result.out, account[_i].line);
        ck_assert_ptr_nonnull(at);
        ck_assert_uint_eq(strtoull(at + strlen(account[_i].line), NULL, 10),
                          value);
    }
    (void)snprintf(line, sizeof(line), "stats --fail-on %s==%" PRIu64,
                   account[_i].field, value);
    run(line);
    ck_assert_int_eq(result.status, HC_FINDING);
    (void)snprintf(line, sizeof(line), "stats --fail-on %s!=%" PRIu64,
                   account[_i].field, value);
    run(line);
    ck_assert_int_eq(result.status, HC_OK);
}
END_TEST

START_TEST(limits_are_shown_with_what_they_leave) {
    struct json_object *document;
    struct json_object *limits =
        member(data_of("stats --json", &document), "limits");
    ck_assert_uint_eq(json_object_get_uint64(member(limits, "soft_bytes")),
                      4 << 20);
    ck_assert_int_eq(json_object_get_int64(member(limits, "soft_left_bytes")),
                     (4 << 20) - 2113536 - (9 << 18));
    ck_assert_int_eq(json_object_get_int64(member(limits, "hard_left_bytes")),
                     (6 << 20) - 2113536 - (9 << 18));
    (void)json_object_put(document);
    run("stats --bytes");
    ck_assert_ptr_nonnull(strstr(result.out, "278528 too much"));
    ck_assert_ptr_nonnull(strstr(result.out, "1818624 left"));
    ck_assert_ptr_nonnull(strstr(result.out, "3 refusals"));
    run("stats --fail-on counted==4472832&&refusals==3");
    ck_assert_int_eq(result.status, HC_FINDING);
}
END_TEST

START_TEST(without_limits_there_is_nothing_to_show) {
    struct json_object *document;

    view->limits.soft = 0;
    view->limits.hard = 0;
    struct json_object *limits =
        member(data_of("stats --json", &document), "limits");
    ck_assert_ptr_null(json_object_object_get(limits, "soft_bytes"));
    ck_assert_ptr_null(json_object_object_get(limits, "hard_left_bytes"));
    (void)json_object_put(document);
    run("stats");
    ck_assert_ptr_null(strstr(result.out, "limit"));
    view->limits.known = false;
    struct json_object *data = data_of("stats --json", &document);
    ck_assert_ptr_null(json_object_object_get(data, "limits"));
    (void)json_object_put(document);
}
END_TEST

START_TEST(a_difference_of_either_sign_counts_by_its_size) {
    static const int64_t off[] = {4096, -4096};
    struct json_object *document;

    run("stats --fail-on difference>0");
    ck_assert_int_eq(result.status, HC_OK);
    // The books tell of a page that is nowhere, or of one less than there is.
    view->books[1].ready += (uint64_t)off[_i];
    struct json_object *data = data_of("stats --json", &document);
    int64_t difference =
        json_object_get_int64(member(data, "difference_bytes"));
    (void)json_object_put(document);
    ck_assert_int_eq(difference, off[_i]);
    run("stats --fail-on difference==4KiB");
    ck_assert_int_eq(result.status, HC_FINDING);
    run("stats --fail-on unstable==1");
    ck_assert_int_eq(result.status, HC_FINDING);
}
END_TEST

START_TEST(every_live_heap_is_counted_and_listed) {
    struct json_object *document;

    view->heaps[1].state = MH_VIEW_HEAP_LIVE;
    view->heaps[1].nspans = 2;
    view->heaps[1].used_bytes = 12345;
    struct json_object *heaps =
        member(data_of("stats --json", &document), "heaps");
    ck_assert_uint_eq(json_object_array_length(heaps), 2);
    struct json_object *second = json_object_array_get_idx(heaps, 1);
    ck_assert_str_eq(json_object_get_string(member(second, "name")), "gone");
    ck_assert_uint_eq(json_object_get_uint64(member(second, "id")), 1);
    ck_assert_uint_eq(json_object_get_uint64(member(second, "used_bytes")),
                      12345);
    (void)json_object_put(document);
    run("stats");
    ck_assert_ptr_nonnull(strstr(result.out, ", 2 heaps, read in"));
}
END_TEST

START_TEST(swap_is_told_where_there_is_some) {
    run("stats --bytes");
    ck_assert_ptr_null(strstr(result.out, "in swap"));
    view->swapped = 40960;
    run("stats --bytes");
    const char *at = strstr(result.out, "of mheap in swap");
    ck_assert_ptr_nonnull(at);
    ck_assert_uint_eq(strtoull(at + strlen("of mheap in swap"), NULL, 10),
                      40960);
}
END_TEST

// ---- map --------------------------------------------------------------------

static const struct {
    unsigned kind;
    const char *utf8, *ascii;
} glyphs[] = {
    {MH_KIND_LARGE, "■", "L"},      {MH_KIND_MANUAL, "▣", "M"},
    {MH_KIND_PAGE_CACHE, "◍", "c"}, {MH_KIND_PAGE_CACHE_RELEASED, "◌", "C"},
    {MH_KIND_FREE, "○", "o"},       {MH_KIND_RELEASED, "·", "."},
    {MH_KIND_TAKEN, "?", "?"},      {MH_KIND_ROOM, "-", "-"},
    {MH_KIND_FOREIGN, "x", "x"},
};

START_TEST(every_kind_has_a_glyph_of_its_own_in_both_alphabets) {
    char cell[64];

    view->runs[1].kind = (uint8_t)glyphs[_i].kind;
    run("map --arena 0 --cell 8K");
    (void)snprintf(cell, sizeof(cell), "%s%s%s%s", glyphs[_i].utf8,
                   glyphs[_i].utf8, glyphs[_i].utf8, glyphs[_i].utf8);
    ck_assert_msg(strstr(result.out, cell) != NULL, "%s", result.out);
    run("map --arena 0 --cell 8K --ascii");
    (void)snprintf(cell, sizeof(cell), "0000%s%s%s%s", glyphs[_i].ascii,
                   glyphs[_i].ascii, glyphs[_i].ascii, glyphs[_i].ascii);
    ck_assert_msg(strstr(result.out, cell) != NULL, "%s", result.out);
    for (const char *c = result.out; *c != '\0'; c++) {
        ck_assert_int_gt(*c, 0);
    }
    // The legend names the kind, and JSON does.
    struct json_object *document;
    struct json_object *sums =
        member(data_of("map --arena 0 --json", &document), "sum_bytes");
    ck_assert_uint_ge(json_object_get_uint64(
                          member(sums, mh_view_kind_name(glyphs[_i].kind))),
                      129 * 8192);
    (void)json_object_put(document);
}
END_TEST

START_TEST(the_height_of_a_cell_is_the_share_in_use) {
    static const char *const blocks[] = {"▁", "▂", "▃", "▄",
                                         "▅", "▆", "▇", "█"};
    char wanted[32];

    // Of the sparse span, 32 slots of its 4 pages would be all of it.
    view->spans[2].used = (uint32_t)(_i * 4 + 1);
    (void)snprintf(wanted, sizeof(wanted), "0xc000000000    ");
    run("map --arena 0 --cell 8K");
    const char *at = strstr(result.out, wanted) + strlen(wanted) + 6 * 3;
    for (int cell = 0; cell < 4; cell++) {
        ck_assert_int_eq(strncmp(at + cell * 3, blocks[_i], strlen(blocks[_i])),
                         0);
    }
    run("map --arena 0 --cell 8K --ascii");
    at = strstr(result.out, wanted) + strlen(wanted) + 6;
    ck_assert_int_eq(at[0], '0' + _i);
    ck_assert_int_eq(at[3], '0' + _i);
}
END_TEST

START_TEST(a_window_of_one_arena_shows_that_arena_only) {
    run("map --arena 1 --ascii --cell 8K");
    ck_assert_ptr_null(strstr(result.out, "0xc000000000"));
    ck_assert_ptr_nonnull(strstr(result.out, "0xc004000000    ?......."));
    struct json_object *document;
    struct json_object *sums =
        member(data_of("map --arena 1 --json", &document), "sum_bytes");
    ck_assert_uint_eq(json_object_get_uint64(member(sums, "taken")), 8192);
    ck_assert_uint_eq(json_object_get_uint64(member(sums, "small")), 0);
    (void)json_object_put(document);
}
END_TEST

// ---- what -------------------------------------------------------------------

static const struct {
    const char *address, *kind;
} kinds[] = {
    {"c000000010", "used"},       {"c000002bc0", "pending"},
    {"c000002c00", "free"},       {"c000003fff", "cached"},
    {"c00000bfff", "tail"},       {"c000014001", "used"},
    {"c000115000", "tail"},       {"c000116000", "manual"},
    {"c00011a000", "page cache"}, {"c000122000", "free"},
    {"c000200000", "released"},   {"c000400000", "room"},
    {"c004000000", "taken"},      {"7f0000000010", "metadata"},
    {"1000", "elsewhere"},        {"c0000000000", "elsewhere"},
};

START_TEST(what_gives_the_kind_of_an_address_and_the_words_of_its_text) {
    struct json_object *document;
    char line[64];

    (void)snprintf(line, sizeof(line), "what %s --json", kinds[_i].address);
    struct json_object *rows = member(data_of(line, &document), "rows");
    struct json_object *row = json_object_array_get_idx(rows, 0);
    ck_assert_uint_eq(json_object_array_length(rows), 1);
    ck_assert_str_eq(json_object_get_string(member(row, "kind")),
                     kinds[_i].kind);
    (void)snprintf(line, sizeof(line), "what %s", kinds[_i].address);
    char *text = strdup(json_object_get_string(member(row, "text")));
    (void)json_object_put(document);
    run(line);
    ck_assert_ptr_nonnull(strstr(result.out, text));
    ck_assert_int_eq(
        strncmp(result.out + 2, kinds[_i].address, strlen(kinds[_i].address)),
        0);
    free(text);
}
END_TEST

START_TEST(what_names_the_cache_where_no_thread_has_it) {
    view->caches[0].thread = 0;
    run("what c000000010");
    ck_assert_ptr_nonnull(strstr(result.out, ", owned by cache 1\n"));
    view->nheaps = 1;
    run("what c000000010");
    ck_assert_ptr_null(strstr(result.out, "heap 0"));
    view->runs[3].kind = MH_KIND_FOREIGN;
    run("what c00011a000");
    ck_assert_ptr_nonnull(
        strstr(result.out, "between pieces of the heap, not mheap's: 32768"));
    view->runs[3].kind = MH_KIND_SMALL;
    run("what c00011a000");
    ck_assert_ptr_nonnull(
        strstr(result.out, "pages of a span that changed while being read"));
}
END_TEST

START_TEST(what_with_a_wrong_word_prints_no_answer_at_all) {
    run("what c000000010 c00000zz10 --json");
    ck_assert_int_eq(result.status, HC_USAGE);
    ck_assert_str_eq(result.out, "");
    ck_assert_ptr_nonnull(strstr(result.err, "'c00000zz10'"));
}
END_TEST

static void add_tables(Suite *suite) {
    TCase *tcase = tcase_create("tables");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, text_and_json_of_a_table_tell_the_same_figures,
                        0, sizeof(tables) / sizeof(tables[0]));
    tcase_add_loop_test(
        tcase, a_filter_by_any_field_keeps_exactly_the_rows_of_that_figure, 0,
        FIELD_CASES);
    tcase_add_loop_test(tcase, an_order_by_any_field_is_one_and_loses_no_row, 0,
                        FIELD_CASES);
    tcase_add_loop_test(tcase, fail_on_any_field_holds_when_a_row_does, 0,
                        FIELD_CASES);
    suite_add_tcase(suite, tcase);
}

static Suite *figures_suite(void) {
    Suite *suite = suite_create("hc_figures");
    TCase *stats = tcase_create("stats");
    TCase *map = tcase_create("map");
    TCase *what = tcase_create("what");

    add_tables(suite);
    tcase_add_checked_fixture(stats, set_up, tear_down);
    tcase_add_test(stats, limits_are_shown_with_what_they_leave);
    tcase_add_test(stats, without_limits_there_is_nothing_to_show);
    tcase_add_loop_test(stats,
                        a_line_of_the_account_is_its_member_and_its_field, 0,
                        sizeof(account) / sizeof(account[0]));
    tcase_add_loop_test(stats, a_difference_of_either_sign_counts_by_its_size,
                        0, 2);
    tcase_add_test(stats, every_live_heap_is_counted_and_listed);
    tcase_add_test(stats, swap_is_told_where_there_is_some);
    suite_add_tcase(suite, stats);
    tcase_add_checked_fixture(map, set_up, tear_down);
    tcase_add_loop_test(map,
                        every_kind_has_a_glyph_of_its_own_in_both_alphabets, 0,
                        sizeof(glyphs) / sizeof(glyphs[0]));
    tcase_add_loop_test(map, the_height_of_a_cell_is_the_share_in_use, 0, 8);
    tcase_add_test(map, a_window_of_one_arena_shows_that_arena_only);
    suite_add_tcase(suite, map);
    tcase_add_checked_fixture(what, set_up, tear_down);
    tcase_add_loop_test(
        what, what_gives_the_kind_of_an_address_and_the_words_of_its_text, 0,
        sizeof(kinds) / sizeof(kinds[0]));
    tcase_add_test(what, what_names_the_cache_where_no_thread_has_it);
    tcase_add_test(what, what_with_a_wrong_word_prints_no_answer_at_all);
    suite_add_tcase(suite, what);
    return suite;
}

int main(void) {
    return mh_test_main(figures_suite());
}
