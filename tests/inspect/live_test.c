// live_test.c - reading programs that run on mheap, still and in a storm.

#include <check.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inspect/ledger.h"
#include "inspect/view.h"
#include "tests/inspect/view_oracle.h"

enum { MAX_KNOWN = 512, STORM_READS = 300 }; // INSPECT_STORM_READS: more

static struct known {
    uint64_t address, size;
    bool used;
} known[MAX_KNOWN];
static size_t nknown;
static pid_t child;
static int input; // of the child
static struct mh_target *target;

static void read_known(int output) {
    FILE *lines = fdopen(output, "r");
    char line[128];
    char word[16];

    nknown = 0;
    while (fgets(line, sizeof(line), lines) != NULL) {
        struct known *next = &known[nknown];
        if (strcmp(line, "ready\n") == 0) {
            break;
        }
        ck_assert_uint_lt(nknown, MAX_KNOWN);
        if (sscanf(line, "%15s %" SCNx64 " %" SCNu64, word, &next->address,
                   &next->size) == 3) {
            next->used = strcmp(word, "used") == 0;
            nknown++;
        }
    }
    ck_assert_str_eq(line, "ready\n");
    (void)fclose(lines);
}

// The text behind a name in /proc's status of the child, as a line.
static void status_line(const char *name, char text[256]) {
    char path[64];
    size_t length = strlen(name);

    snprintf(path, sizeof(path), "/proc/%d/status", (int)child);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    do {
        ck_assert_ptr_nonnull(fgets(text, 256, file));
    } while (strncmp(text, name, length) != 0);
    (void)fclose(file);
    memmove(text, text + length, strlen(text + length) + 1);
}

static uint64_t status_number(const char *name) {
    char text[256];

    status_line(name, text);
    return strtoull(text, NULL, 10);
}

// It has said that it is ready, and touches pages on its way to the call that
// waits for input.
static void await_sleep(void) {
    char text[256];

    for (int i = 0; i < 10000; i++) {
        status_line("State:", text);
        if (strstr(text, "S (sleeping)") != NULL) {
            return;
        }
        usleep(1000);
    }
    ck_abort_msg("it does not wait");
}

static void start(const char *program, const char *mode) {
    int in[2], out[2];
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", INSPECT_PROGRAMS, program);
    ck_assert_int_eq(pipe(in), 0);
    ck_assert_int_eq(pipe(out), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        close(in[1]);
        execl(path, path, mode, (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    input = in[1];
    read_known(out[0]);
    await_sleep();
    ck_assert_int_eq(mh_target_open((uint64_t)child, &target), MH_TARGET_OK);
}

static void tear_down(void) {
    if (child > 0) {
        close(input);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        child = 0;
    }
    mh_target_close(target);
    target = NULL;
}

static struct mh_view *open_view(void) {
    struct mh_view_options options = {.residency = true};
    struct mh_view *view = NULL;
    enum mh_view_status status = mh_view_open(target, &options, &view);

    ck_assert_msg(status == MH_VIEW_OK, "%s", mh_view_status_name(status));
    return view;
}

// What the program said about its objects against what the view says. A span
// that moved in every try is not in the view; that is told, not wrong.
static size_t judge(const struct mh_view *view) {
    const char *fault = view_oracle_fault(view);
    size_t seen = 0;

    ck_assert_msg(fault == NULL, "%s", fault);
    ck_assert_msg(view->findings_total == 0, "%s", view->findings[0].text);
    for (size_t i = 0; i < nknown; i++) {
        struct mh_view_place place;
        mh_view_locate(view, known[i].address, &place);
        if (place.span == NULL) {
            ck_assert(view->unstable > 0 || !known[i].used);
            continue;
        }
        seen++;
        ck_assert_msg((place.state == MH_SLOT_USED) == known[i].used,
                      "0x%" PRIx64 " is %s", known[i].address,
                      mh_slot_state_name(place.state));
        if (known[i].used) {
            ck_assert_uint_eq(place.offset, 0);
            ck_assert_uint_ge(place.object_bytes, known[i].size);
        }
    }
    return seen;
}

static const char *const programs[] = {
    "live_plain", "live_pie", "live_stripped", "live_shared", "live_static",
};

START_TEST(a_program_of_any_form_is_found_and_read) {
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", INSPECT_PROGRAMS, programs[_i]);
    if (strcmp(programs[_i], "live_static") == 0 && access(path, X_OK) != 0) {
        return; // sanitizers cannot be linked into a static program
    }
    start(programs[_i], "still");
    struct mh_view *view = open_view();
    ck_assert(view->root.by_note);
    ck_assert_uint_eq(view->root.major, 1);
    ck_assert_uint_eq(view->process_id, (uint64_t)child);
    ck_assert_uint_ge(judge(view), nknown - 1);
    mh_view_close(view);
}
END_TEST

START_TEST(the_ledger_of_a_still_program_adds_up_exactly) {
    struct mh_ledger ledger;

    start("live_plain", "still");
    struct mh_view *view = open_view();
    mh_ledger_make(view, &ledger);
    ck_assert_int_eq(ledger.difference, 0);
    ck_assert_int_eq(ledger.reserved_difference, 0);
    ck_assert_uint_eq(ledger.booked, ledger.reserved);
    ck_assert_uint_eq(ledger.live_objects, nknown - 1);
    ck_assert_int_gt(ledger.rest, 0);
    uint64_t fill = 0;
    for (size_t i = 0; i < view->nclasses; i++) {
        fill += view->classes[i].fill;
    }
    ck_assert_uint_eq(ledger.cached_objects, fill);
    mh_view_close(view);
}
END_TEST

START_TEST(reading_leaves_memory_and_page_tables_of_the_target_as_they_were) {
    start("live_pie", "still");
    uint64_t resident = status_number("VmRSS:");
    uint64_t tables = status_number("VmPTE:");
    for (int i = 0; i < 10; i++) {
        mh_view_close(open_view());
    }
    ck_assert_uint_eq(status_number("VmRSS:"), resident);
    ck_assert_uint_eq(status_number("VmPTE:"), tables);
}
END_TEST

START_TEST(nothing_impossible_is_read_in_a_storm) {
    uint64_t unstable = 0, spans = 0;
    const char *more = getenv("INSPECT_STORM_READS");
    uint64_t reads = more != NULL ? strtoull(more, NULL, 10) : STORM_READS;

    start("live_plain", "churn");
    for (uint64_t i = 0; i < reads; i++) {
        struct mh_view *view = open_view();
        (void)judge(view);
        unstable += view->unstable;
        spans += view->nspans;
        mh_view_close(view);
    }
    ck_assert_uint_gt(spans, reads * 20);
    // At most one in a thousand.
    ck_assert_uint_le(unstable * 1000, spans);
}
END_TEST

START_TEST(a_program_that_ends_is_gone) {
    struct mh_view *view;

    start("live_plain", "churn");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    child = 0;
    close(input);
    ck_assert_int_eq(mh_view_open(target, NULL, &view), MH_VIEW_GONE);
    ck_assert_ptr_null(view);
}
END_TEST

START_TEST(a_program_without_mheap_has_none) {
    struct mh_view_root roots[MH_VIEW_MAX_ROOTS];
    struct mh_target *self;
    size_t n = 9;

    // This one: it reads mheaps and has none of its own.
    ck_assert_int_eq(mh_target_open((uint64_t)getpid(), &self), MH_TARGET_OK);
    ck_assert_int_eq(mh_view_find(self, roots, &n, NULL, 0), MH_VIEW_NONE);
    ck_assert_uint_eq(n, 0);
    mh_target_close(self);
}
END_TEST

static Suite *live_suite(void) {
    Suite *suite = suite_create("inspect.live");
    TCase *live = tcase_create("live");

    tcase_add_checked_fixture(live, NULL, tear_down);
    tcase_set_timeout(live, 120);
    tcase_add_loop_test(live, a_program_of_any_form_is_found_and_read, 0,
                        sizeof(programs) / sizeof(programs[0]));
    tcase_add_test(live, the_ledger_of_a_still_program_adds_up_exactly);
    tcase_add_test(
        live, reading_leaves_memory_and_page_tables_of_the_target_as_they_were);
    tcase_add_test(live, nothing_impossible_is_read_in_a_storm);
    tcase_add_test(live, a_program_that_ends_is_gone);
    tcase_add_test(live, a_program_without_mheap_has_none);
    suite_add_tcase(suite, live);
    return suite;
}

int main(void) {
    SRunner *runner = srunner_create(live_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
