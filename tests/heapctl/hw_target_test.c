// hw_target_test.c - the whole of heapctl over made-up processes.
//
// From the words typed to what is printed: which process is meant, what is said
// where it cannot be read, and that a heap of any byte order and word size, or
// one that vanishes between two reads, is shown or refused, never misread.

#include <check.h>
#include <json-c/json.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mheap/inspect.h"
#include "tests/heapctl/fake_system.h"
#include "tests/support/test_main.h"

static struct fake_heap heap;
static struct fixture_result result;

static const char *const verbs[] = {"stats",   "classes", "spans", "arenas",
                                    "objects", "map",     "what"};
enum { VERBS = sizeof(verbs) / sizeof(verbs[0]) };

static void make(int form) {
    fake_heap_make(&heap, form % 2 != 0, form / 2 != 0 ? 4 : 8);
    fake_binary_add(&heap);
    fake_system_clear();
    fake_system_add(4242, "webd", MH_TARGET_OK, &heap.target);
}

static void set_up(void) {
    make(0);
}

static void tear_down(void) {
    fixture_result_free(&result);
    memset(&result, 0, sizeof(result));
    // Whatever happened, what was opened has been closed.
    ck_assert_uint_eq(fake_system.opened, fake_system.closed);
    fake_heap_free(&heap);
    fake_system_clear();
}

static void run(const char *line) {
    fixture_result_free(&result);
    result = fixture_main(line);
}

static void check_run(const char *line, int wanted, const char *part,
                      int where) {
    run(line);
    const char *err = result.err == NULL ? "" : result.err;
    ck_assert_msg(result.status == wanted, "line %d: %s: %d, %s", where, line,
                  result.status, err);
    ck_assert_msg(strstr(err, part) != NULL, "line %d: %s: %s", where, line,
                  err);
}

#define CHECK_RUN(line, wanted, part) \
    check_run((line), (wanted), (part), __LINE__)

static void run_verb(const char *verb, const char *rest) {
    char line[128];

    (void)snprintf(line, sizeof(line), "%s 4242 %s%s", verb,
                   strcmp(verb, "what") == 0 ? "10000000 10002bc0 " : "", rest);
    run(line);
}

// ---- which process ----------------------------------------------------------

START_TEST(a_number_names_one_process) {
    CHECK_RUN("spans 4242", HC_OK, "");
    ck_assert_ptr_nonnull(strstr(result.out, "0x10000000"));
    CHECK_RUN("spans 4243", HC_NO_TARGET, "4243: no such process");
    ck_assert_str_eq(result.out, "");
}
END_TEST

START_TEST(a_name_or_its_beginning_names_a_process) {
    CHECK_RUN("spans webd", HC_OK, "");
    CHECK_RUN("spans we", HC_OK, "");
    CHECK_RUN("spans webdaemon", HC_NO_TARGET, "no process of that name");
    fake_system_add(4300, "webd-helper", MH_TARGET_DENIED, NULL);
    // A whole name wins over a beginning.
    CHECK_RUN("spans webd", HC_OK, "");
    CHECK_RUN("spans webd-", HC_DENIED, "process 4300 (webd-helper)");
}
END_TEST

START_TEST(a_name_of_several_lists_them_and_chooses_none) {
    fake_system_add(4300, "webd", MH_TARGET_OK, &heap.target);
    CHECK_RUN("stats webd", HC_NO_TARGET, "2 processes have that name");
    ck_assert_ptr_nonnull(strstr(result.err, "    4242  root"));
    ck_assert_ptr_nonnull(strstr(result.err, "    4300  root"));
    ck_assert_str_eq(result.out, "");
    ck_assert_uint_eq(fake_system.opened, 0);
}
END_TEST

START_TEST(a_name_of_very_many_lists_the_first_and_counts_the_rest) {
    for (uint64_t pid = 5000; fake_system.n < 70; pid++) {
        fake_system_add(pid, "webd", MH_TARGET_OK, &heap.target);
    }
    CHECK_RUN("stats webd", HC_NO_TARGET, "70 processes have that name");
    ck_assert_ptr_nonnull(strstr(result.err, "  and 6 more\n"));
    ck_assert_ptr_nonnull(strstr(result.err, " 5062 "));
    ck_assert_ptr_null(strstr(result.err, " 5063 "));
}
END_TEST

START_TEST(heapctl_itself_is_never_meant_by_a_name) {
    fake_system_add((uint64_t)getpid(), "webd", MH_TARGET_OK, &heap.target);
    CHECK_RUN("stats webd", HC_OK, "");
    CHECK_RUN("stats heapctl", HC_NO_TARGET, "no process of that name");
}
END_TEST

START_TEST(processes_that_cannot_be_listed_are_no_missing_process) {
    fake_system.lists = MH_TARGET_DENIED;
    CHECK_RUN("stats webd", HC_INTERNAL, "cannot be listed");
    CHECK_RUN("ps", HC_INTERNAL, "cannot be listed");
    // A number needs no list.
    CHECK_RUN("stats 4242", HC_OK, "");
}
END_TEST

// ---- what cannot be read ----------------------------------------------------

static const struct {
    enum mh_target_status opens;
    int status;
    const char *part;
} refusals[] = {
    {MH_TARGET_GONE, HC_NO_TARGET, "it has no memory: it has ended"},
    {MH_TARGET_DENIED, HC_DENIED, "permission denied\n  layer of 4242\nfix:"},
    {MH_TARGET_NO_MEMORY, HC_INTERNAL, "out of memory here"},
    {MH_TARGET_FAILED, HC_INTERNAL, "the system refused"},
    {MH_TARGET_UNREADABLE, HC_INTERNAL, "the system refused"},
};

static void every_verb_refuses(int status, const char *reason) {
    for (size_t i = 0; i < VERBS; i++) {
        run_verb(verbs[i], i % 2 != 0 ? "--json" : "");
        ck_assert_int_eq(result.status, status);
        ck_assert_msg(strstr(result.err, reason) != NULL, "%s", result.err);
        ck_assert_ptr_nonnull(strstr(result.err, "process 4242 (webd)"));
        ck_assert_str_eq(result.out, "");
    }
}

START_TEST(a_process_that_does_not_open_is_refused_by_every_verb) {
    fake_system.list[0].opens = refusals[_i].opens;
    every_verb_refuses(refusals[_i].status, refusals[_i].part);
}
END_TEST

START_TEST(a_process_without_mheap_is_told_how_to_get_one) {
    heap.target.maps[0].map.executable = false;
    CHECK_RUN("stats 4242", HC_NO_MHEAP, "there is no mheap in it");
    ck_assert_ptr_nonnull(strstr(result.err, "heapctl run"));
}
END_TEST

START_TEST(a_newer_format_is_refused_and_its_number_told) {
    fake_heap_root_put(&heap, offsetof(struct mheap_inspect_root, major), 2, 9);
    every_verb_refuses(HC_NO_MHEAP, "of a newer format: its format is 9.");
}
END_TEST

START_TEST(a_root_that_makes_no_sense_is_refused_and_the_reason_told) {
    fake_heap_root_put(&heap, offsetof(struct mheap_inspect_root, layout_count),
                       8, 0);
    every_verb_refuses(HC_PARTIAL, "makes no sense: the layout table has no");
}
END_TEST

START_TEST(a_newer_minor_is_shown) {
    fake_heap_root_put(&heap, offsetof(struct mheap_inspect_root, minor), 2,
                       999);
    CHECK_RUN("stats 4242 --json", HC_OK, "");
    ck_assert_ptr_nonnull(strstr(result.out, "\"format\":\"1.999\""));
}
END_TEST

START_TEST(a_required_field_that_is_missing_is_named_to_the_user) {
    *fake_target_at(&heap.target, fake_heap_row(&heap, "span.npages")) = 'z';
    run("stats 4242 --root 400000");
    ck_assert_int_ne(result.status, HC_OK);
    ck_assert_str_eq(result.out, "");
    ck_assert_ptr_nonnull(strstr(result.err, "heapctl: process 4242 (webd): "));
}
END_TEST

START_TEST(a_root_that_is_none_is_refused) {
    run("stats 4242 --root 10000000");
    ck_assert_int_eq(result.status, HC_NO_MHEAP);
    CHECK_RUN("stats 4242 --root zebra", HC_USAGE, "zebra");
}
END_TEST

START_TEST(a_process_that_ends_before_it_is_read_has_ended) {
    heap.target.dead = true;
    CHECK_RUN("stats 4242", HC_NO_TARGET, "it ended while it was read");
}
END_TEST

// ---- any byte order and word size -------------------------------------------

// From the first line on that does not tell how long it took.
static const char *steady(const char *verb, const char *text) {
    const char *newline = strchr(text, '\n');

    return strcmp(verb, "stats") == 0 && newline != NULL ? newline : text;
}

START_TEST(every_verb_prints_the_same_of_every_form_of_a_heap) {
    const char *verb = verbs[_i];

    run_verb(verb, "");
    ck_assert_int_eq(result.status, HC_OK);
    ck_assert_str_eq(result.err, "");
    char *wanted = strdup(result.out);
    for (int form = 1; form < 4; form++) {
        fake_heap_free(&heap);
        make(form);
        run_verb(verb, "");
        ck_assert_int_eq(result.status, HC_OK);
        ck_assert_str_eq(steady(verb, result.out), steady(verb, wanted));
    }
    free(wanted);
}
END_TEST

static struct json_object *member(struct json_object *object,
                                  const char *name) {
    struct json_object *value = NULL;

    ck_assert_msg(json_object_object_get_ex(object, name, &value), "no %s",
                  name);
    return value;
}

START_TEST(every_document_tells_the_form_and_where_it_was_read) {
    for (int form = 0; form < 4; form++) {
        fake_heap_free(&heap);
        make(form);
        run_verb(verbs[_i], "--json");
        struct json_object *document = json_tokener_parse(result.out);
        ck_assert_ptr_nonnull(document);
        struct json_object *target = member(document, "target");
        ck_assert_int_eq(json_object_get_int(member(target, "pointer_bytes")),
                         form / 2 != 0 ? 4 : 8);
        ck_assert_str_eq(json_object_get_string(member(target, "library")),
                         "/bin/program");
        ck_assert_str_eq(json_object_get_string(member(target, "root")),
                         "0x400000");
        ck_assert_str_eq(json_object_get_string(member(document, "kind")),
                         verbs[_i]);
        (void)json_object_put(document);
    }
}
END_TEST

// ---- reads that fail --------------------------------------------------------

static bool is_status(int status) {
    return status == HC_OK || status == HC_INTERNAL || status == HC_NO_TARGET ||
           status == HC_DENIED || status == HC_NO_MHEAP || status == HC_PARTIAL;
}

static void check_lost(const char *verb, uint64_t call) {
    ck_assert_msg(is_status(result.status), "%s, read %llu: %d", verb,
                  (unsigned long long)call, result.status);
    if (result.status != HC_OK && result.status != HC_PARTIAL) {
        ck_assert_str_eq(result.out, "");
        ck_assert_str_ne(result.err, "");
        return;
    }
    if (result.out[0] == '\0') {
        ck_assert_int_eq(result.status, HC_PARTIAL);
        return;
    }
    struct json_object *document = json_tokener_parse(result.out);
    ck_assert_msg(document != NULL, "%s, read %llu: %s", verb,
                  (unsigned long long)call, result.out);
    bool partial = json_object_get_boolean(
        member(member(document, "consistency"), "partial"));
    ck_assert_int_eq(partial, result.status == HC_PARTIAL);
    (void)json_object_put(document);
}

static const enum mh_target_status losses[] = {
    MH_TARGET_UNREADABLE, MH_TARGET_GONE, MH_TARGET_DENIED};

START_TEST(any_read_that_fails_gives_a_whole_document_or_a_reason) {
    for (size_t way = 0; way < sizeof(losses) / sizeof(losses[0]); way++) {
        heap.target.fail_call = 0;
        heap.target.calls = 0;
        run_verb(verbs[_i], "--json");
        uint64_t whole = heap.target.calls;
        ck_assert_uint_gt(whole, 0);
        for (uint64_t call = 1; call <= whole; call++) {
            heap.target.calls = 0;
            heap.target.fail_call = call;
            heap.target.fail_once = true;
            heap.target.fail_status = losses[way];
            run_verb(verbs[_i], "--json");
            check_lost(verbs[_i], call);
        }
    }
}
END_TEST

// ---- what: the rest of the process ------------------------------------------

static void check_what(const char *address, const char *text) {
    char line[64];

    (void)snprintf(line, sizeof(line), "what 4242 %s", address);
    run(line);
    ck_assert_int_eq(result.status, HC_OK);
    ck_assert_msg(strstr(result.out, text) != NULL, "%s: %s", address,
                  result.out);
}

START_TEST(what_names_the_mapping_of_what_is_not_mheaps) {
    check_what("200010", "not mheap's: /bin/program (+0x10) of the process, "
                         "readable, writable, executable, resident\n");
    check_what("403000", "not mheap's: anonymous memory (+0x3000) of the "
                         "process, readable, writable, resident\n");
    check_what("1", "0x1  not mapped: nothing is there\n");
    check_what("ffffffffffffffff", "not mapped: nothing is there\n");
    heap.target.maps[0].map.readable = false;
    heap.target.maps[0].map.writable = false;
    heap.target.maps[0].map.executable = false;
    run("what 4242 200010");
    ck_assert_int_eq(result.status, HC_NO_MHEAP);
}
END_TEST

START_TEST(what_says_what_stands_behind_a_page) {
    static const struct {
        enum mh_target_page state;
        const char *text;
    } pages[] = {
        {MH_TARGET_PAGE_RESIDENT, ", resident\n"},
        {MH_TARGET_PAGE_SWAPPED, ", swapped out\n"},
        {MH_TARGET_PAGE_SHARED, ", shared or zero page\n"},
        {MH_TARGET_PAGE_ABSENT, ", not in memory\n"},
    };
    fake_target_set_pages(&heap.target, FAKE_HEAP, FAKE_PAGE, pages[_i].state);
    check_what("10000040", pages[_i].text);
    check_what("10001040", ", resident\n");
}
END_TEST

START_TEST(what_is_silent_of_pages_it_cannot_ask_about) {
    heap.target.no_pages = true;
    run("what 4242 10000040");
    ck_assert_ptr_nonnull(strstr(result.out, "owned by thread 4243\n"));
    run("what 4242 10000040 --json");
    ck_assert_ptr_null(strstr(result.out, "\"page\":\""));
}
END_TEST

static const struct {
    const char *address, *text;
} places[] = {
    {"10000000", "used object of 64 bytes (+0x0), slot 0 of 128 (10 used)"},
    {"1000007f", "used object of 64 bytes (+0x3f), slot 1 of 128"},
    {"10000280", "object freed by another thread, not yet taken back, of 64"},
    {"100002c0", "free slot in a thread cache, of 64 bytes (+0x0), slot 11"},
    {"10001fff", "free slot of 64 bytes (+0x3f), slot 127 of 128"},
    {"10002000", "used object of 3008 bytes (2.94 KiB) (+0x0), slot 0 of 8"},
    {"10007e00", "waste behind the last slot of a span of slots of 3008"},
    {"10008000", "used large object of 33000 bytes (32.2 KiB) (+0x0), 5 pages"},
    {"1000c001", "used large object of 33000 bytes (32.2 KiB) (+0x4001)"},
    {"100100e8", "waste behind the large object at 0x10008000 of 33000"},
    {"10012000", "manual pages: 2 at 0x10012000"},
    {"10016000", "free pages that a thread keeps: 8192 bytes"},
    {"10018000", "allocated pages, in no span that held still"},
    {"1001a000", "free pages that a thread keeps: 16384 bytes"},
    {"1001e000", "that a thread keeps, given back to the system: 40960"},
    {"10028000", "free pages, kept: 163840 bytes (160 KiB) at 0x10028000"},
    {"10050000", "free pages, given back to the system or never used: "},
    {"100c0000", "address space reserved for the heap, not used yet: 262144"},
    {"20000004", "mheap's own metadata (arena), +0x4 of 0x20000000"},
    {"20008010", "mheap's own metadata (records), +0x10 of 0x20008000"},
    {"2000a000", "mheap's own metadata (caches), +0x0 of 0x2000a000"},
    {"20009008", "mheap's own metadata (arena map), +0x8 of 0x20009000"},
};

START_TEST(what_knows_every_kind_of_address) {
    for (int form = 0; form < 4; form++) {
        fake_heap_free(&heap);
        make(form);
        check_what(places[_i].address, places[_i].text);
    }
}
END_TEST

// ---- several mheaps and several processes -----------------------------------

START_TEST(a_root_can_be_chosen_that_no_file_tells_of) {
    // A second root in the binary itself, which leads to the same heap.
    uint64_t second = BINARY + 0x2000;
    memcpy(fake_target_at(&heap.target, second),
           fake_target_at(&heap.target, FAKE_ROOT),
           sizeof(struct mheap_inspect_root));
    run("stats 4242 --root 202000 --json");
    ck_assert_int_eq(result.status, HC_OK);
    ck_assert_ptr_nonnull(strstr(result.out, "\"root\":\"0x202000\""));
    // No file told of it, so none is claimed to hold it.
    ck_assert_ptr_null(strstr(result.out, "/bin/program"));
    ck_assert_str_eq(result.err, "");
}
END_TEST

static struct fake_heap second_heap;

static void add_processes(void) {
    fake_heap_make(&second_heap, true, 4);
    fake_binary_add(&second_heap);
    second_heap.target.resident = UINT64_C(50) << 20;
    fake_system_add(77, "mailer", MH_TARGET_OK, &second_heap.target);
    fake_system_add(78, "closed", MH_TARGET_DENIED, NULL);
    fake_system_add(80, "closed-too", MH_TARGET_DENIED, NULL);
    fake_system_add(79, "ended", MH_TARGET_GONE, NULL);
    fake_system_add((uint64_t)getpid(), "heapctl", MH_TARGET_DENIED, NULL);
}

START_TEST(ps_lists_those_with_an_mheap_and_counts_the_closed_ones) {
    add_processes();
    CHECK_RUN("ps", HC_OK, "ps: 2 of 6 processes may not be read from here\n");
    ck_assert_ptr_nonnull(strstr(result.out, "webd\n"));
    ck_assert_ptr_nonnull(strstr(result.out, "mailer\n"));
    ck_assert_ptr_null(strstr(result.out, "closed"));
    ck_assert_ptr_null(strstr(result.out, "ended"));
    ck_assert_ptr_nonnull(strstr(result.out, "80.0 MiB"));
    CHECK_RUN("ps --sort -resident --top 1", HC_OK, "");
    ck_assert_ptr_nonnull(strstr(result.out, "mailer"));
    ck_assert_ptr_null(strstr(result.out, "webd"));
    CHECK_RUN("ps --fail-on resident>49MiB", HC_FINDING, "");
    CHECK_RUN("ps --fail-on resident>50MiB", HC_OK, "");
    CHECK_RUN("ps --where frob==1", HC_USAGE, "unknown field 'frob'");
    fake_heap_free(&second_heap);
}
END_TEST

START_TEST(ps_says_of_each_what_the_verbs_say) {
    add_processes();
    run("ps --json");
    struct json_object *document = json_tokener_parse(result.out);
    ck_assert_ptr_nonnull(document);
    struct json_object *data = member(document, "data");
    struct json_object *rows = member(data, "rows");
    ck_assert_uint_eq(json_object_array_length(rows), 2);
    for (size_t i = 0; i < 2; i++) {
        struct json_object *row = json_object_array_get_idx(rows, i);
        ck_assert_uint_eq(json_object_get_uint64(member(row, "in_use_bytes")),
                          10 * 64 + 3 * 3008 + 33000);
        ck_assert_uint_eq(json_object_get_uint64(member(row, "in_use_objects")),
                          14);
        ck_assert_uint_eq(json_object_get_uint64(member(row, "heaps")), 1);
    }
    ck_assert_uint_eq(json_object_get_uint64(member(member(data, "sum"),
                                                    "process_resident_bytes")),
                      UINT64_C(80) << 20);
    (void)json_object_put(document);
    fake_heap_free(&second_heap);
}
END_TEST

START_TEST(ps_filters_by_each_of_its_fields) {
    static const char *const mailer_only[] = {"pid==77",
                                              "name==mailer",
                                              "resident>30MiB",
                                              "pid<100",
                                              "name!=webd",
                                              "uid==0&&pid!=4242",
                                              "heaps==1&&pid<100",
                                              "user==root&&pid==77",
                                              "heaps>=1&&name==mailer",
                                              "objects==14&&pid==77"};
    char line[96];

    add_processes();
    (void)snprintf(line, sizeof(line), "ps --where %s", mailer_only[_i]);
    run(line);
    ck_assert_msg(result.status == HC_OK, "%s: %s", line, result.err);
    ck_assert_ptr_nonnull(strstr(result.out, "mailer"));
    ck_assert_ptr_null(strstr(result.out, "webd"));
    fake_heap_free(&second_heap);
}
END_TEST

START_TEST(ps_lists_a_newer_format_without_figures_and_leaves_out_the_dead) {
    fake_heap_root_put(&heap, offsetof(struct mheap_inspect_root, major), 2, 9);
    run("ps --json");
    struct json_object *document = json_tokener_parse(result.out), *value;
    struct json_object *rows = member(member(document, "data"), "rows");
    ck_assert_uint_eq(json_object_array_length(rows), 1);
    ck_assert(!json_object_object_get_ex(json_object_array_get_idx(rows, 0),
                                         "in_use_bytes", &value));
    (void)json_object_put(document);
    heap.target.maps[0].map.executable = false;
    run("ps --json");
    ck_assert_ptr_nonnull(strstr(result.out, "\"rows\":0"));
}
END_TEST

// ---- where results go -------------------------------------------------------

START_TEST(output_that_does_not_arrive_fails_every_verb) {
    char *words[] = {"heapctl", (char *)verbs[_i], "4242", "10000000"};
    FILE *full = fopen("/dev/full", "w");
    size_t size;

    ck_assert_ptr_nonnull(full);
    fixture_result_free(&result);
    result.out = NULL;
    FILE *err = open_memstream(&result.err, &size);
    int status = hc_main(strcmp(verbs[_i], "what") == 0 ? 4 : 3, words, stdin,
                         full, err);
    (void)fclose(full);
    (void)fclose(err);
    ck_assert_int_eq(status, HC_INTERNAL);
    ck_assert_ptr_nonnull(strstr(result.err, "heapctl: standard output: "));
}
END_TEST

static Suite *target_suite(void) {
    Suite *suite = suite_create("hw_target");
    TCase *naming = tcase_create("naming");
    TCase *refused = tcase_create("refused");
    TCase *forms = tcase_create("forms");
    TCase *what = tcase_create("what");
    TCase *several = tcase_create("several");

    tcase_add_checked_fixture(naming, set_up, tear_down);
    tcase_add_test(naming, a_number_names_one_process);
    tcase_add_test(naming, a_name_or_its_beginning_names_a_process);
    tcase_add_test(naming, a_name_of_several_lists_them_and_chooses_none);
    tcase_add_test(naming,
                   a_name_of_very_many_lists_the_first_and_counts_the_rest);
    tcase_add_test(naming, heapctl_itself_is_never_meant_by_a_name);
    tcase_add_test(naming,
                   processes_that_cannot_be_listed_are_no_missing_process);
    suite_add_tcase(suite, naming);
    tcase_add_checked_fixture(refused, set_up, tear_down);
    tcase_add_loop_test(refused,
                        a_process_that_does_not_open_is_refused_by_every_verb,
                        0, sizeof(refusals) / sizeof(refusals[0]));
    tcase_add_test(refused, a_process_without_mheap_is_told_how_to_get_one);
    tcase_add_test(refused, a_newer_format_is_refused_and_its_number_told);
    tcase_add_test(refused,
                   a_root_that_makes_no_sense_is_refused_and_the_reason_told);
    tcase_add_test(refused, a_newer_minor_is_shown);
    tcase_add_test(refused,
                   a_required_field_that_is_missing_is_named_to_the_user);
    tcase_add_test(refused, a_root_that_is_none_is_refused);
    tcase_add_test(refused, a_process_that_ends_before_it_is_read_has_ended);
    tcase_add_loop_test(refused, output_that_does_not_arrive_fails_every_verb,
                        0, VERBS);
    suite_add_tcase(suite, refused);
    tcase_add_checked_fixture(forms, set_up, tear_down);
    tcase_add_loop_test(
        forms, every_verb_prints_the_same_of_every_form_of_a_heap, 0, VERBS);
    tcase_add_loop_test(
        forms, every_document_tells_the_form_and_where_it_was_read, 0, VERBS);
    tcase_add_loop_test(forms,
                        any_read_that_fails_gives_a_whole_document_or_a_reason,
                        0, VERBS);
    suite_add_tcase(suite, forms);
    tcase_add_checked_fixture(what, set_up, tear_down);
    tcase_add_test(what, what_names_the_mapping_of_what_is_not_mheaps);
    tcase_add_loop_test(what, what_says_what_stands_behind_a_page, 0, 4);
    tcase_add_test(what, what_is_silent_of_pages_it_cannot_ask_about);
    tcase_add_loop_test(what, what_knows_every_kind_of_address, 0,
                        sizeof(places) / sizeof(places[0]));
    suite_add_tcase(suite, what);
    tcase_add_checked_fixture(several, set_up, tear_down);
    tcase_add_test(several, a_root_can_be_chosen_that_no_file_tells_of);
    tcase_add_test(several,
                   ps_lists_those_with_an_mheap_and_counts_the_closed_ones);
    tcase_add_test(several, ps_says_of_each_what_the_verbs_say);
    tcase_add_loop_test(several, ps_filters_by_each_of_its_fields, 0, 10);
    tcase_add_test(
        several,
        ps_lists_a_newer_format_without_figures_and_leaves_out_the_dead);
    suite_add_tcase(suite, several);
    return suite;
}

int main(void) {
    return mh_test_main(target_suite());
}
