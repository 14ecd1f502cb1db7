// hc_verbs_test.c - what each verb prints of a heap made up in memory.
//
// Outputs are compared with tests/golden/heapctl, byte by byte. With
// MHEAP_UPDATE_GOLDEN=1 in the environment they are written instead: read the
// difference before committing it.

#include <check.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "tests/heapctl/heapctl_fixture.h"
#include "tools/heapctl/cmd_ps.h"

static struct mh_view *view;

static void make_view(void) {
    view = fixture_view();
}

static void free_view(void) {
    fixture_free(view);
}

static const struct {
    const char *line;
    const char *file;
} goldens[] = {
    {"stats", "stats.txt"},
    {"stats --bytes", "stats_bytes.txt"},
    {"stats --color always", "stats_color.txt"},
    {"stats --json", "stats.json"},
    {"classes", "classes.txt"},
    {"classes --json", "classes.json"},
    {"classes --bytes --sort -free", "classes_bytes.txt"},
    {"spans", "spans.txt"},
    {"spans --json", "spans.json"},
    {"spans --sort -bytes --top 2", "spans_top.txt"},
    {"spans --where class==2 --sort occ", "spans_where.txt"},
    {"arenas", "arenas.txt"},
    {"arenas --json", "arenas.json"},
    {"map", "map.txt"},
    {"map --ascii", "map_ascii.txt"},
    {"map --ascii --cell 64K --arena 0", "map_cell.txt"},
    {"map --ascii --cell 16K --arena 0", "map_fold.txt"},
    {"map --color always --cell 1MiB", "map_color.txt"},
    {"map --json", "map.json"},
    {"objects --top 5", "objects_top.txt"},
    {"objects --class 2", "objects_class.txt"},
    {"objects --class 2 --json", "objects.json"},
    {"what c000000010 0xc000000017 c000002bc0 c000002c00 c000003fff "
     "c000004400 c00000bfff c00000c400 c000014001 c000115000 c000116000",
     "what_spans.txt"},
    {"what c00011a000 c000122000 c000200000 c000400000 c004000000 7f0000000010 "
     "1000",
     "what_pages.txt"},
    {"what c000000010 c000014001 c000116000 c000122000 7f0000000010 1000 "
     "--json",
     "what.json"},
    {"help", "help.txt"},
    {"help spans", "help_spans.txt"},
};

// Everything in a file, NULL when there is none.
static char *contents(const char *path) {
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 1 << 20);

    ck_assert_ptr_nonnull(text);
    if (file == NULL) {
        free(text);
        return NULL;
    }
    text[fread(text, 1, (1 << 20) - 1, file)] = '\0';
    (void)fclose(file);
    return text;
}

static void compare_golden(const char *name, const char *got) {
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/%s", MH_GOLDEN_DIR, name);
    if (getenv("MHEAP_UPDATE_GOLDEN") != NULL) {
        FILE *file = fopen(path, "w");
        ck_assert_ptr_nonnull(file);
        (void)fputs(got, file);
        (void)fclose(file);
    }
    char *wanted = contents(path);
    ck_assert_msg(wanted != NULL, "%s: no such file", path);
    ck_assert_msg(strcmp(wanted, got) == 0, "%s differs; wanted:\n%s\ngot:\n%s",
                  path, wanted, got);
    free(wanted);
}

START_TEST(output_is_as_recorded) {
    struct fixture_result result = fixture_run(view, goldens[_i].line, NULL);

    ck_assert_msg(result.status == HC_OK, "%s: %d %s", goldens[_i].line,
                  result.status, result.err);
    ck_assert_str_eq(result.err, "");
    compare_golden(goldens[_i].file, result.out);
    fixture_result_free(&result);
}
END_TEST

static struct json_object *member(struct json_object *object,
                                  const char *name) {
    struct json_object *value = NULL;

    ck_assert_msg(json_object_object_get_ex(object, name, &value),
                  "no member %s", name);
    return value;
}

static uint64_t number(struct json_object *object, const char *name) {
    return json_object_get_uint64(member(object, name));
}

static struct json_object *parsed(const char *line) {
    struct fixture_result result = fixture_run(view, line, NULL);
    struct json_object *document = json_tokener_parse(result.out);

    ck_assert_msg(document != NULL, "%s: %s", line, result.out);
    fixture_result_free(&result);
    return document;
}

static const char *const json_verbs[] = {"stats",  "classes", "spans",
                                         "arenas", "map",     "objects"};

START_TEST(json_has_the_envelope) {
    char line[64];

    (void)snprintf(line, sizeof(line), "%s --json", json_verbs[_i]);
    struct json_object *document = parsed(line);
    ck_assert_str_eq(json_object_get_string(member(document, "schema")),
                     "heapctl/1");
    ck_assert_str_eq(json_object_get_string(member(document, "kind")),
                     json_verbs[_i]);
    ck_assert_uint_eq(number(member(document, "target"), "pid"), 4242);
    struct json_object *consistency = member(document, "consistency");
    ck_assert_uint_eq(number(consistency, "unstable_spans"), 1);
    ck_assert(!json_object_get_boolean(member(consistency, "partial")));
    (void)member(document, "data");
    (void)json_object_put(document);
}
END_TEST

START_TEST(rows_add_up_to_the_sum_line) {
    struct json_object *document = parsed("spans --json");
    struct json_object *data = member(document, "data");
    struct json_object *rows = member(data, "rows");
    uint64_t bytes = 0, used = 0;

    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        bytes += number(json_object_array_get_idx(rows, i), "bytes");
        used += number(json_object_array_get_idx(rows, i), "used");
    }
    ck_assert_uint_eq(number(member(data, "sum"), "bytes"), bytes);
    ck_assert_uint_eq(number(member(data, "sum"), "used"), used);
    ck_assert_uint_eq(number(member(data, "sum"), "rows"), 5);
    (void)json_object_put(document);
}
END_TEST

START_TEST(every_used_slot_is_an_object_and_nothing_else) {
    struct json_object *document = parsed("objects --class 1 --json");
    struct json_object *rows = member(member(document, "data"), "rows");

    ck_assert_uint_eq(json_object_array_length(rows), 700);
    char last[32];
    (void)snprintf(last, sizeof(last), "0x%llx",
                   (unsigned long long)(FIXTURE_BASE + 699 * 16));
    ck_assert_str_eq(json_object_get_string(member(
                         json_object_array_get_idx(rows, 699), "address")),
                     last);
    (void)json_object_put(document);
}
END_TEST

START_TEST(the_cells_of_a_map_cover_the_extents) {
    struct json_object *document = parsed("map --json --cell 8K");
    struct json_object *data = member(document, "data");
    struct json_object *rows = member(data, "rows");
    uint64_t cells = 0;

    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        cells += number(json_object_array_get_idx(rows, i), "cells");
    }
    ck_assert_uint_eq(cells * number(data, "cell_bytes"), UINT64_C(68) << 20);
    (void)json_object_put(document);
}
END_TEST

START_TEST(without_residency_nothing_resident_is_claimed) {
    view->has_residency = false;
    struct json_object *document = parsed("stats --json");
    struct json_object *data = member(document, "data"), *value;

    ck_assert(!json_object_object_get_ex(data, "resident_bytes", &value));
    ck_assert(!json_object_object_get_ex(data, "difference_bytes", &value));
    (void)json_object_put(document);
}
END_TEST

static const struct {
    const char *line;
    int status;
    const char *part; // of the error line, or NULL
} statuses[] = {
    {"spans --where clas==1", HC_USAGE, "column 1"},
    {"spans --where size>", HC_USAGE, "it ends"},
    {"spans --sort siez", HC_USAGE, "did you mean 'size'"},
    {"spans --sort class,,size", HC_USAGE, "unknown field ''"},
    {"spans --sort "
     "class,class,class,class,class,class,class,class,class",
     HC_USAGE, "more than 8 keys"},
    {"spans --fail-on frob>1", HC_USAGE, "--fail-on: column 1"},
    {"spans --fail-on size>1MiB", HC_FINDING, NULL},
    {"spans --fail-on size>2MiB", HC_OK, NULL},
    {"spans --where class==2 --fail-on size>1MiB", HC_OK, NULL},
    {"classes --fail-on occ<50%", HC_OK, NULL},
    {"classes --fail-on free>200", HC_FINDING, NULL},
    {"stats --fail-on live>1MiB", HC_FINDING, NULL},
    {"stats --fail-on findings", HC_OK, NULL},
    {"stats --fail-on frob", HC_USAGE, "unknown field 'frob'"},
    {"map --cell 1000", HC_USAGE, "multiple of a heap page"},
    {"map --arena 7", HC_USAGE, "no arena 7"},
    {"objects --class 3", HC_USAGE, "from 0 to 2"},
    {"what zzz", HC_USAGE, "'zzz' is not an address"},
};

START_TEST(the_exit_status_says_what_happened) {
    struct fixture_result result = fixture_run(view, statuses[_i].line, NULL);
    ck_assert_msg(result.status == statuses[_i].status, "%s: %d",
                  statuses[_i].line, result.status);
    if (statuses[_i].part != NULL) {
        ck_assert_msg(strstr(result.err, statuses[_i].part) != NULL, "%s: %s",
                      statuses[_i].line, result.err);
        ck_assert_str_eq(result.out, "");
        // One line, and it begins as all of ours do.
        ck_assert_ptr_eq(strchr(result.err, '\n'),
                         result.err + strlen(result.err) - 1);
        ck_assert_int_eq(strncmp(result.err, "heapctl: ", 9), 0);
    }
    fixture_result_free(&result);
}
END_TEST

static void add_finding(void) {
    view->findings = calloc(1, sizeof(*view->findings));
    ck_assert_ptr_nonnull(view->findings);
    strcpy(view->findings->code, "MH0107");
    strcpy(view->findings->text, "a live object in a free span");
    view->findings->address = FIXTURE_SPARSE;
    view->nfindings = 1;
    view->findings_total = 3;
}

START_TEST(findings_are_printed_and_can_fail_the_call) {
    add_finding();
    struct fixture_result result =
        fixture_run(view, "stats --fail-on findings>0", NULL);

    ck_assert_int_eq(result.status, HC_FINDING);
    ck_assert_str_eq(result.err, "heapctl: MH0107: 0xc00000c000: a live object "
                                 "in a free span\n"
                                 "heapctl: findings: 2 more\n");
    ck_assert_ptr_nonnull(strstr(result.out, "; 3 findings\n"));
    fixture_result_free(&result);
}
END_TEST

START_TEST(a_partial_view_is_printed_and_exits_6) {
    view->partial = true;
    struct fixture_result result = fixture_run(view, "classes", NULL);

    ck_assert_int_eq(result.status, HC_PARTIAL);
    ck_assert_ptr_nonnull(strstr(result.out, "sum"));
    fixture_result_free(&result);
}
END_TEST

START_TEST(a_hint_names_the_class_that_wastes_most) {
    view->classes[2].free = 100000;
    struct fixture_result result = fixture_run(view, "stats", NULL);

    ck_assert_ptr_nonnull(strstr(
        result.out, "is in class 2 (1024 bytes); see\n  heapctl spans webd "
                    "--where 'class == 2 && occ < 25%' --sort occ --top 20"));
    fixture_result_free(&result);
}
END_TEST

START_TEST(what_reads_addresses_from_its_input) {
    struct fixture_result result =
        fixture_run(view, "what -", "c000000010\n0xc000014000 c000116000");
    unsigned lines = 0;

    ck_assert_int_eq(result.status, HC_OK);
    for (const char *c = result.out; *c != '\0'; c++) {
        lines += *c == '\n';
    }
    ck_assert_uint_eq(lines, 3);
    fixture_result_free(&result);
    result = fixture_run(view, "what -", "c000000010 nonsense c000000020");
    ck_assert_int_eq(result.status, HC_USAGE);
    ck_assert_ptr_nonnull(strstr(result.err, "'nonsense' is not an address"));
    fixture_result_free(&result);
}
END_TEST

START_TEST(ties_keep_the_order_of_addresses) {
    struct fixture_result up = fixture_run(view, "spans --sort class", NULL);
    struct fixture_result down = fixture_run(view, "spans --sort -class", NULL);
    const char *full = strstr(up.out, "0xc000004000");
    const char *sparse = strstr(up.out, "0xc00000c000");

    ck_assert(full != NULL && full < sparse);
    full = strstr(down.out, "0xc000004000");
    sparse = strstr(down.out, "0xc00000c000");
    ck_assert(full != NULL && full < sparse);
    fixture_result_free(&up);
    fixture_result_free(&down);
}
END_TEST

// The first sum ends at a line with '=', from where the second goes on.
START_TEST(the_printed_lines_add_up) {
    uint64_t sum = 0;
    int sums = 0;
    struct fixture_result result = fixture_run(view, "stats --bytes", NULL);
    char *save = NULL;
    (void)strtok_r(result.out, "\n", &save); // the heading
    for (char *line = strtok_r(NULL, "\n", &save); line != NULL && sums < 2;
         line = strtok_r(NULL, "\n", &save)) {
        uint64_t value = strtoull(line + strcspn(line, "0123456789"), NULL, 10);
        if (line[0] == '=') {
            ck_assert_uint_eq(value, sum);
            sums++;
        } else {
            sum += line[0] == '-' ? 0 - value : value;
        }
    }
    ck_assert_int_eq(sums, 2);
    fixture_result_free(&result);
}
END_TEST

START_TEST(an_empty_heap_prints_headers_and_zero_sums) {
    view->nspans = 0;
    view->nruns = 0;
    view->nextents = 0;
    view->narenas = 0;
    static const char *const lines[] = {"spans",           "spans --sort size",
                                        "arenas",          "objects",
                                        "objects --top 3", "map"};
    for (size_t i = 0; i < 6; i++) {
        struct fixture_result result = fixture_run(view, lines[i], NULL);
        ck_assert_int_eq(result.status, HC_OK);
        ck_assert_str_ne(result.out, "");
        fixture_result_free(&result);
    }
}
END_TEST

static const struct hc_process processes[] = {
    {{4242, "webd", 33}, "www-data", "0.1.0", true, 1, 1 << 20, 733, 8 << 20},
    {{77, "future", 0}, "root", "9.0.0", false, 0, 0, 0, 4 << 20},
};

static struct fixture_result run_ps(const char *where, bool json) {
    struct fixture_result result = {0};
    size_t out_size, err_size;
    struct hc_context ctx = {
        .out = open_memstream(&result.out, &out_size),
        .err = open_memstream(&result.err, &err_size),
        .options = {.top = UINT64_MAX,
                    .where = where,
                    .given = json ? HC_OPT_JSON : 0},
    };

    result.status = hc_ps_show(&ctx, processes, 2);
    (void)fclose(ctx.out);
    (void)fclose(ctx.err);
    return result;
}

START_TEST(ps_lists_processes_also_those_it_cannot_decode) {
    struct fixture_result text = run_ps(NULL, false);
    struct fixture_result json = run_ps(NULL, true);
    struct fixture_result some = run_ps("user == root", false);

    compare_golden("ps.txt", text.out);
    compare_golden("ps.json", json.out);
    ck_assert_ptr_null(strstr(some.out, "webd"));
    ck_assert_ptr_nonnull(strstr(some.out, "future"));
    fixture_result_free(&text);
    fixture_result_free(&json);
    fixture_result_free(&some);
}
END_TEST

static Suite *verbs_suite(void) {
    Suite *suite = suite_create("hc_verbs");
    TCase *golden = tcase_create("golden");
    TCase *json = tcase_create("json");
    TCase *status = tcase_create("status");

    tcase_add_checked_fixture(golden, make_view, free_view);
    tcase_add_loop_test(golden, output_is_as_recorded, 0,
                        sizeof(goldens) / sizeof(goldens[0]));
    tcase_add_test(golden, ps_lists_processes_also_those_it_cannot_decode);
    suite_add_tcase(suite, golden);
    tcase_add_checked_fixture(json, make_view, free_view);
    tcase_add_loop_test(json, json_has_the_envelope, 0,
                        sizeof(json_verbs) / sizeof(json_verbs[0]));
    tcase_add_test(json, rows_add_up_to_the_sum_line);
    tcase_add_test(json, every_used_slot_is_an_object_and_nothing_else);
    tcase_add_test(json, the_cells_of_a_map_cover_the_extents);
    tcase_add_test(json, without_residency_nothing_resident_is_claimed);
    suite_add_tcase(suite, json);
    tcase_add_checked_fixture(status, make_view, free_view);
    tcase_add_loop_test(status, the_exit_status_says_what_happened, 0,
                        sizeof(statuses) / sizeof(statuses[0]));
    tcase_add_test(status, findings_are_printed_and_can_fail_the_call);
    tcase_add_test(status, a_partial_view_is_printed_and_exits_6);
    tcase_add_test(status, a_hint_names_the_class_that_wastes_most);
    tcase_add_test(status, what_reads_addresses_from_its_input);
    tcase_add_test(status, ties_keep_the_order_of_addresses);
    tcase_add_test(status, the_printed_lines_add_up);
    tcase_add_test(status, an_empty_heap_prints_headers_and_zero_sums);
    suite_add_tcase(suite, status);
    return suite;
}

int main(void) {
    SRunner *runner = srunner_create(verbs_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
