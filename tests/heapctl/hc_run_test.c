// hc_run_test.c - starting programs, how they end, and what is said of them.

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/heapctl/heapctl_fixture.h"
#include "tools/heapctl/cmd_run.h"

// Any shared object the loader takes; the programs here need no heap of ours.
#define PRELOAD "libm.so.6"

static struct hc_child child;

static bool start(char *const *argv) {
    struct hc_start_error error = {0};
    bool started = hc_child_start(&child, argv, PRELOAD, &error);

    ck_assert_msg(started, "%s: %s", error.what, strerror(error.code));
    return started;
}

static void run_shell(const char *script) {
    char text[512];
    char *argv[] = {"sh", "-c", text, NULL};

    (void)snprintf(text, sizeof(text), "%s", script);
    (void)start(argv);
    while (!hc_child_wait(&child, 10)) {
    }
}

START_TEST(an_exit_status_is_passed_on) {
    run_shell("exit 42");
    ck_assert(!child.end.signalled);
    ck_assert_int_eq(hc_child_pass_on(&child), 42);
}
END_TEST

START_TEST(a_signal_that_ends_the_child_ends_us) {
    run_shell("kill -TERM $$");
    ck_assert(child.end.signalled);
    ck_assert_int_eq(child.end.code, SIGTERM);
    (void)hc_child_pass_on(&child); // the signal this test expects
}
END_TEST

START_TEST(a_program_that_is_missing_is_told_apart) {
    char *missing[] = {"/no/such/program", NULL};
    char *refused[] = {"/etc/passwd", NULL};
    struct hc_start_error error = {0};

    ck_assert(!hc_child_start(&child, missing, PRELOAD, &error));
    ck_assert(error.is_program);
    ck_assert_int_eq(error.code, ENOENT);
    ck_assert(!hc_child_start(&child, refused, PRELOAD, &error));
    ck_assert(error.is_program);
    ck_assert_int_eq(error.code, EACCES);
}
END_TEST

START_TEST(waiting_ends_when_the_time_is_up) {
    char *argv[] = {"sleep", "30", NULL};

    (void)start(argv);
    double before = hc_now_s();
    ck_assert(!hc_child_wait(&child, 0.05));
    ck_assert(hc_now_s() - before >= 0.05);
    ck_assert(hc_now_s() - before < 5);
    (void)kill((pid_t)child.pid, SIGKILL);
    ck_assert(hc_child_wait(&child, 10));
    ck_assert_int_eq(child.end.code, SIGKILL);
}
END_TEST

START_TEST(a_signal_sent_to_us_reaches_the_program) {
    // The trap is set when the file is there.
    char *argv[] = {
        "sh", "-c",
        "trap 'exit 7' USR1; : >$FILE; while :; do sleep 0.05; done", NULL};
    char file[] = "/tmp/hc_run_XXXXXX";

    ck_assert_int_ge(mkstemp(file), 0);
    (void)unlink(file);
    (void)setenv("FILE", file, 1);
    (void)start(argv);
    while (access(file, F_OK) != 0) {
        ck_assert(!hc_child_wait(&child, 0.02));
    }
    (void)kill(getpid(), SIGUSR1);
    ck_assert(hc_child_wait(&child, 30));
    ck_assert_int_eq(child.end.code, 7);
    (void)unlink(file);
}
END_TEST

static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR2};

START_TEST(the_program_gets_the_signals_we_block) {
    char script[64];

    // Blocked, the signal would let the shell live on to exit 0.
    (void)snprintf(script, sizeof(script), "kill -%d $$; exit 0", signals[_i]);
    run_shell(script);
    ck_assert(child.end.signalled);
    ck_assert_int_eq(child.end.code, signals[_i]);
}
END_TEST

START_TEST(the_memory_file_is_inherited_and_keeps_its_size) {
    // The shell stands in for the library: it writes into the file it got.
    // What would make it longer fails.
    run_shell("file=/proc/self/fd/$MHEAP_SUMMARY_FD; "
              "head -c 100000 /dev/zero 2>/dev/null 1<>$file && exit 3; "
              "printf 'mheap\\0S1xxxx\\1\\0\\0\\0' 1<>$file || exit 1; "
              "test $MHEAP_SUMMARY_FD -ge 3");
    ck_assert_int_eq(child.end.code, 0);
    struct mheap_summary record = hc_child_record(&child);
    ck_assert_int_eq(memcmp(record.magic, MHEAP_SUMMARY_MAGIC, 8), 0);
    ck_assert_uint_eq(record.final, 1);
}
END_TEST

START_TEST(the_library_comes_behind_an_existing_preload) {
    char *alone = hc_preload_value(NULL, "/lib/x.so");
    char *empty = hc_preload_value("", "/lib/x.so");
    char *both = hc_preload_value("libm.so.6", "/lib/x.so");

    ck_assert_str_eq(alone, "/lib/x.so");
    ck_assert_str_eq(empty, "/lib/x.so");
    ck_assert_str_eq(both, "libm.so.6:/lib/x.so");
    free(alone);
    free(empty);
    free(both);
}
END_TEST

START_TEST(a_preload_that_cannot_be_said_is_refused) {
    char path[1024], folder[] = "/tmp/hc run XXXXXX", file[64];

    (void)setenv("MHEAP_PRELOAD", "/no/such/library.so", 1);
    ck_assert_ptr_nonnull(hc_find_preload(path, sizeof(path)));
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(file, sizeof(file), "%s/x.so", folder);
    ck_assert_int_ge(open(file, O_CREAT | O_WRONLY, 0600), 0);
    (void)setenv("MHEAP_PRELOAD", file, 1);
    ck_assert_ptr_nonnull(
        strstr(hc_find_preload(path, sizeof(path)), "a blank or a colon"));
    (void)setenv("MHEAP_PRELOAD", "/proc/self/exe", 1);
    ck_assert_ptr_null(hc_find_preload(path, sizeof(path)));
    ck_assert_int_eq(path[0], '/');
    (void)unlink(file);
    (void)rmdir(folder);
}
END_TEST

static const struct mheap_summary final_record = {
    .magic = MHEAP_SUMMARY_MAGIC,
    .final = 1,
    .process_id = 4242,
    .in_use_bytes = 3 << 20,
    .in_use_objects = 12345,
    .large_objects = 2,
    .large_bytes = 1 << 20,
    .cached_bytes = 2048,
    .metadata_bytes = 65536,
    .spans = 77,
    .reserved_bytes = 64 << 20,
    .ready_bytes = 5 << 20,
    .prepared_bytes = 1 << 20,
    .peak_mapped_bytes = 9 << 20,
    .os_calls = 12,
};
static const struct hc_reading reading = {
    .seen = true,
    .at_s = 2.5,
    .figures = {.in_use_bytes = 1 << 20, .in_use_objects = 99, .spans = 5},
    .space_bytes = 64 << 20,
    .free_bytes = 4096,
    .kept_bytes = 8192,
    .resident_bytes = 6 << 20,
};
static const struct hc_reading unseen = {.seen = false};

static struct mheap_summary record_of(uint64_t pid, uint32_t final,
                                      uint64_t reserved) {
    struct mheap_summary record = final_record;

    record.process_id = pid;
    record.final = final;
    record.reserved_bytes = reserved;
    return record;
}

static enum hc_run_source judged(const struct hc_reading *last, uint64_t pid,
                                 uint32_t final, uint64_t reserved) {
    struct mheap_summary record = record_of(pid, final, reserved);

    return hc_run_judge(last, &record, 4242).source;
}

START_TEST(the_best_source_there_is_wins) {
    ck_assert_int_eq(judged(&reading, 4242, 1, 1), HC_SOURCE_FINAL);
    ck_assert_int_eq(judged(&unseen, 4242, 1, 1), HC_SOURCE_FINAL);
    // The library never came to its record: our own reading is the newest.
    ck_assert_int_eq(judged(&reading, 4242, 0, 1), HC_SOURCE_LIVE);
    ck_assert_int_eq(judged(&reading, 0, 0, 0), HC_SOURCE_LIVE);
    // A record of a child says less of the program than a look at it.
    ck_assert_int_eq(judged(&reading, 5000, 1, 1), HC_SOURCE_LIVE);
    ck_assert_int_eq(judged(&unseen, 5000, 1, 1), HC_SOURCE_FINAL);
    ck_assert_int_eq(judged(&unseen, 4242, 0, 1), HC_SOURCE_PERIODIC);
    ck_assert_int_eq(judged(&unseen, 4242, 0, 0), HC_SOURCE_UNREAD);
    ck_assert_int_eq(judged(&unseen, 0, 0, 0), HC_SOURCE_NONE);
}
END_TEST

START_TEST(a_record_of_no_memory_has_no_figures) {
    struct mheap_summary record = {.process_id = 4242, .final = 1};

    // What we saw then is of another mheap in the program.
    ck_assert_int_eq(hc_run_judge(&reading, &record, 4242).source,
                     HC_SOURCE_LIVE);
    ck_assert_int_eq(hc_run_judge(&unseen, &record, 4242).source,
                     HC_SOURCE_UNUSED);
    // Any state of memory makes it a record that counts.
    record.prepared_bytes = 4096;
    ck_assert_int_eq(hc_run_judge(&reading, &record, 4242).source,
                     HC_SOURCE_FINAL);
}
END_TEST

static char *reported(const struct hc_reading *last,
                      const struct mheap_summary *record, bool json) {
    struct hc_context ctx = {.options = {.given = json ? HC_OPT_JSON : 0}};
    struct hc_run_report report = hc_run_judge(last, record, 4242);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    report.program = "webd";
    report.seconds = 3.25;
    report.end = (struct hc_end){.signalled = true, .code = 9};
    hc_run_print_report(&ctx, out, &report);
    (void)fclose(out);
    return text;
}

START_TEST(a_report_says_where_its_figures_come_from) {
    static const struct mheap_summary none = {.process_id = 0};
    struct mheap_summary of_child = record_of(5000, 1, 1 << 20);
    struct mheap_summary early = record_of(4242, 0, 0);
    struct mheap_summary unused = {.process_id = 4242, .final = 1};
    static const char *const parts[] = {
        ("webd (pid 4242): killed by signal 9 after 3.25 s; the library's "
         "record at exit:\n"),
        "the last live reading, 0.75 s before the end:\n",
        "no mheap was ever seen in it",
        "of process 5000 which it started:\n",
        "ended before it could be read\n",
        "the mheap loaded into it was never asked for memory\n",
    };
    char *texts[] = {
        reported(&reading, &final_record, false),
        reported(&reading, &none, false),
        reported(&unseen, &none, false),
        reported(&unseen, &of_child, false),
        reported(&unseen, &early, false),
        reported(&unseen, &unused, false),
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        ck_assert_msg(strstr(texts[i], parts[i]) != NULL, "%s", texts[i]);
        free(texts[i]);
    }
}
END_TEST

START_TEST(a_record_has_the_figures_of_the_library) {
    char *text = reported(&unseen, &final_record, false);
    char *json = reported(&unseen, &final_record, true);

    ck_assert_ptr_nonnull(
        strstr(text, "in use                    3.00 MiB   12,345 objects, 2 "
                     "of them large\n"));
    ck_assert_ptr_nonnull(strstr(text, "address space             70.0 MiB"));
    ck_assert_ptr_nonnull(strstr(json, "\"source\":\"final\""));
    ck_assert_ptr_nonnull(strstr(json, "\"in_use_bytes\":3145728"));
    ck_assert_ptr_nonnull(strstr(json, "\"signal\":9"));
    ck_assert_ptr_nonnull(strstr(json, "\"record_pid\":4242"));
    free(text);
    free(json);
}
END_TEST

START_TEST(a_live_reading_claims_nothing_it_cannot_know) {
    static const struct mheap_summary none = {.process_id = 0};
    char *json = reported(&reading, &none, true);

    ck_assert_ptr_nonnull(strstr(json, "\"source\":\"live\""));
    ck_assert_ptr_nonnull(strstr(json, "\"age_seconds\":0.750"));
    ck_assert_ptr_null(strstr(json, "peak_mapped"));
    ck_assert_ptr_null(strstr(json, "bad_frees"));
    free(json);
}
END_TEST

static Suite *run_suite(void) {
    Suite *suite = suite_create("hc_run");
    TCase *children = tcase_create("children");
    TCase *preload = tcase_create("preload");
    TCase *reports = tcase_create("reports");

    tcase_add_test(children, an_exit_status_is_passed_on);
    tcase_add_test_raise_signal(children, a_signal_that_ends_the_child_ends_us,
                                SIGTERM);
    tcase_add_test(children, a_program_that_is_missing_is_told_apart);
    tcase_add_test(children, waiting_ends_when_the_time_is_up);
    tcase_add_test(children, a_signal_sent_to_us_reaches_the_program);
    tcase_add_loop_test(children, the_program_gets_the_signals_we_block, 0,
                        sizeof(signals) / sizeof(signals[0]));
    tcase_add_test(children, the_memory_file_is_inherited_and_keeps_its_size);
    suite_add_tcase(suite, children);
    tcase_add_test(preload, the_library_comes_behind_an_existing_preload);
    tcase_add_test(preload, a_preload_that_cannot_be_said_is_refused);
    suite_add_tcase(suite, preload);
    tcase_add_test(reports, the_best_source_there_is_wins);
    tcase_add_test(reports, a_record_of_no_memory_has_no_figures);
    tcase_add_test(reports, a_report_says_where_its_figures_come_from);
    tcase_add_test(reports, a_record_has_the_figures_of_the_library);
    tcase_add_test(reports, a_live_reading_claims_nothing_it_cannot_know);
    suite_add_tcase(suite, reports);
    return suite;
}

int main(void) {
    SRunner *runner = srunner_create(run_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
