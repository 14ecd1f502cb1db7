// explain_test.c - why a process cannot be read, in situations made for it.
//
// Each layer that may refuse is made to: another user, a process that must not
// be dumped, one without memory, a filter, a tracer, another user namespace.
// What needs root to be set up is passed over without it.

#include <check.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/linux/target_linux.h"
#include "tests/support/test_main.h"

enum { TEXT = 4096, NOBODY = 65534 };

static char text[TEXT];
static pid_t child;

static void tear_down(void) {
    if (child > 0) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        child = 0;
    }
}

static bool is_root(void) {
    return geteuid() == 0;
}

// Starts a process that prepares itself and then sleeps. False when it could
// not prepare.
static bool start(bool (*prepare)(void)) {
    int ends[2];
    char byte = 0;

    ck_assert_int_eq(pipe(ends), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        byte = prepare() ? 'y' : 'n';
        if (write(ends[1], &byte, 1) != 1) {
            _exit(1);
        }
        for (;;) {
            pause();
        }
    }
    ck_assert_int_eq(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    close(ends[1]);
    return byte == 'y';
}

// The same two questions, asked by a process that has prepared itself: the
// explanation goes to `text`, the result is what opening gives.
static enum mh_target_status ask_as(bool (*prepare)(void), uint64_t pid) {
    int ends[2];
    size_t length = 0;
    ssize_t n;
    int status;

    ck_assert_int_eq(pipe(ends), 0);
    pid_t asker = fork();
    ck_assert_int_ge(asker, 0);
    if (asker == 0) {
        struct mh_target *target;
        if (!prepare()) {
            _exit(100);
        }
        enum mh_target_status opened = mh_target_open(pid, &target);
        mh_target_close(target);
        mh_target_explain(pid, text, sizeof(text));
        n = write(ends[1], text, strlen(text));
        _exit(n == (ssize_t)strlen(text) ? (int)opened : 101);
    }
    close(ends[1]);
    while ((n = read(ends[0], text + length, TEXT - 1 - length)) > 0) {
        length += (size_t)n;
    }
    text[length] = '\0';
    close(ends[0]);
    ck_assert_int_eq(waitpid(asker, &status, 0), asker);
    ck_assert(WIFEXITED(status));
    ck_assert_int_lt(WEXITSTATUS(status), 100);
    return (enum mh_target_status)WEXITSTATUS(status);
}

#define CHECK_SAYS(part) \
    ck_assert_msg(strstr(text, (part)) != NULL, "no '%s' in:\n%s", (part), text)
#define CHECK_SILENT(part) \
    ck_assert_msg(strstr(text, (part)) == NULL, "'%s' in:\n%s", (part), text)

static bool nothing(void) {
    return true;
}

// Giving up root makes a process undumpable; it may change that itself.
static bool be_nobody(void) {
    return setgid(NOBODY) == 0 && setuid(NOBODY) == 0 &&
           prctl(PR_SET_DUMPABLE, 1) == 0;
}

static bool be_secret_nobody(void) {
    return be_nobody() && prctl(PR_SET_DUMPABLE, 0) == 0;
}

START_TEST(another_user_is_told_whose_process_it_is_and_what_is_missing) {
    if (!is_root()) {
        return;
    }
    ck_assert_int_eq(ask_as(be_nobody, (uint64_t)getpid()), MH_TARGET_DENIED);
    CHECK_SAYS("uid                 65534 reads uid 0: not the owner, needs "
               "CAP_SYS_PTRACE\n");
    CHECK_SAYS("CAP_SYS_PTRACE      missing (CapEff 0000000000000000)\n");
    CHECK_SAYS("fix: run heapctl as root: sudo heapctl ... ");
    CHECK_SAYS("or: in a container, add the capability SYS_PTRACE\n");
    // This would not help another user.
    CHECK_SILENT("ptrace_scope=0");
}
END_TEST

START_TEST(the_owner_of_a_process_that_must_not_be_dumped_is_told) {
    if (!is_root()) {
        return;
    }
    ck_assert(start(be_secret_nobody));
    ck_assert_int_eq(ask_as(be_nobody, (uint64_t)child), MH_TARGET_DENIED);
    CHECK_SAYS("65534 reads uid 65534: the owner, ok\n");
    CHECK_SAYS("target dumpable     no (setuid, file capabilities or prctl)\n");
    CHECK_SAYS("fix: run heapctl as root");
    CHECK_SILENT("start the program with heapctl run");
}
END_TEST

START_TEST(a_process_that_may_be_dumped_is_told_to_be) {
    if (!is_root()) {
        return;
    }
    ck_assert(start(be_nobody));
    mh_target_explain((uint64_t)child, text, sizeof(text));
    CHECK_SAYS("0 reads uid 65534: not the owner");
    CHECK_SAYS("CAP_SYS_PTRACE      yes");
    CHECK_SAYS("target dumpable     yes, ok\n");
    CHECK_SAYS("target capabilities none that are missing here, ok\n");
    CHECK_SAYS("user namespace      the same, ok\n");
}
END_TEST

// ---- processes without memory -----------------------------------------------

static void check_has_no_memory(uint64_t pid) {
    struct mh_target *target;
    char first[64];

    ck_assert_int_ne(mh_target_open(pid, &target), MH_TARGET_OK);
    ck_assert_ptr_null(target);
    mh_target_explain(pid, text, sizeof(text));
    (void)snprintf(first, sizeof(first), "  process %llu has no memory of its",
                   (unsigned long long)pid);
    ck_assert_int_eq(strncmp(text, first, strlen(first)), 0);
    CHECK_SILENT("fix:");
    CHECK_SILENT("uid");
}

START_TEST(a_zombie_has_no_memory_and_no_rights_are_talked_about) {
    siginfo_t info;

    child = fork();
    if (child == 0) {
        _exit(0);
    }
    ck_assert_int_eq(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    check_has_no_memory((uint64_t)child);
}
END_TEST

START_TEST(a_thread_of_the_kernel_has_no_memory) {
    struct mh_target_process process;

    // In a container there is none to be seen.
    if (mh_target_process_of(2, &process) == MH_TARGET_OK &&
        strcmp(process.name, "kthreadd") == 0) {
        check_has_no_memory(2);
    }
}
END_TEST

// ---- other layers -----------------------------------------------------------

static bool filter_nothing(void) {
    struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {1, &allow};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

START_TEST(a_filter_on_the_reader_is_mentioned) {
    ck_assert(start(nothing));
    (void)ask_as(nothing, (uint64_t)child);
    bool filtered = strstr(text, "seccomp here        on") != NULL;
    (void)ask_as(filter_nothing, (uint64_t)child);
    CHECK_SAYS("seccomp here        on: a filter may forbid process_vm_readv");
    // It is the reader's that counts, unless we run behind one ourselves.
    tear_down();
    ck_assert(start(filter_nothing));
    (void)ask_as(nothing, (uint64_t)child);
    ck_assert_int_eq(strstr(text, "seccomp here        on") != NULL, filtered);
}
END_TEST

static bool be_traced(void) {
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

START_TEST(a_tracer_is_named_and_does_not_matter) {
    char line[64];

    if (!start(be_traced)) {
        return;
    }
    mh_target_explain((uint64_t)child, text, sizeof(text));
    (void)snprintf(line, sizeof(line),
                   "traced by           %d, which does not matter\n", getpid());
    CHECK_SAYS(line);
}
END_TEST

static bool be_elsewhere(void) {
    return unshare(CLONE_NEWUSER) == 0;
}

START_TEST(another_user_namespace_is_told) {
    if (!start(be_elsewhere)) {
        return;
    }
    mh_target_explain((uint64_t)child, text, sizeof(text));
    CHECK_SAYS("user namespace      another one\n");
}
END_TEST

// ---- the text itself --------------------------------------------------------

START_TEST(a_buffer_of_any_size_gets_the_beginning_of_the_text) {
    char part[TEXT];

    ck_assert(start(nothing));
    mh_target_explain((uint64_t)child, text, sizeof(text));
    size_t whole = strlen(text);
    for (size_t size = 1; size <= whole + 1; size++) {
        memset(part, '#', sizeof(part));
        mh_target_explain((uint64_t)child, part, size);
        ck_assert_uint_eq(strlen(part), size - 1);
        ck_assert_int_eq(strncmp(part, text, size - 1), 0);
        ck_assert_int_eq(part[size], '#');
    }
    part[0] = '#';
    mh_target_explain((uint64_t)child, part, 0);
    ck_assert_int_eq(part[0], '#');
}
END_TEST

START_TEST(a_number_is_read_from_the_line_of_its_name) {
    static const char status[] = "Name:\tUid:7\nUid:\t33\t44\nCapEff:\t00ff\n"
                                 "VmSize:\n";
    uint64_t number = 1;

    ck_assert(mh_linux_status_number(status, "Uid:", 10, &number));
    ck_assert_uint_eq(number, 33);
    ck_assert(mh_linux_status_number(status, "CapEff:", 16, &number));
    ck_assert_uint_eq(number, 255);
    ck_assert(!mh_linux_status_number(status, "VmSize:", 10, &number));
    ck_assert(!mh_linux_status_number(status, "Uid:\t33\t44\nX", 10, &number));
    ck_assert(!mh_linux_status_number("", "Uid:", 10, &number));
    ck_assert_uint_eq(number, 255);
}
END_TEST

static const struct {
    int code;
    enum mh_target_status status;
} codes[] = {
    {ESRCH, MH_TARGET_GONE},        {ENOENT, MH_TARGET_GONE},
    {EPERM, MH_TARGET_DENIED},      {EACCES, MH_TARGET_DENIED},
    {EFAULT, MH_TARGET_UNREADABLE}, {EIO, MH_TARGET_UNREADABLE},
    {ENOMEM, MH_TARGET_NO_MEMORY},  {EMFILE, MH_TARGET_FAILED},
};

START_TEST(every_error_of_the_system_is_sorted) {
    ck_assert_int_eq(mh_linux_target_status(codes[_i].code), codes[_i].status);
}
END_TEST

static Suite *explain_suite(void) {
    Suite *suite = suite_create("inspect.explain");
    TCase *layers = tcase_create("layers");
    TCase *words = tcase_create("words");

    tcase_add_checked_fixture(layers, NULL, tear_down);
    tcase_add_test(
        layers, another_user_is_told_whose_process_it_is_and_what_is_missing);
    tcase_add_test(layers,
                   the_owner_of_a_process_that_must_not_be_dumped_is_told);
    tcase_add_test(layers, a_process_that_may_be_dumped_is_told_to_be);
    tcase_add_test(layers,
                   a_zombie_has_no_memory_and_no_rights_are_talked_about);
    tcase_add_test(layers, a_thread_of_the_kernel_has_no_memory);
    tcase_add_test(layers, a_filter_on_the_reader_is_mentioned);
    tcase_add_test(layers, a_tracer_is_named_and_does_not_matter);
    tcase_add_test(layers, another_user_namespace_is_told);
    suite_add_tcase(suite, layers);
    tcase_add_checked_fixture(words, NULL, tear_down);
    tcase_add_test(words, a_buffer_of_any_size_gets_the_beginning_of_the_text);
    tcase_add_test(words, a_number_is_read_from_the_line_of_its_name);
    tcase_add_loop_test(words, every_error_of_the_system_is_sorted, 0,
                        sizeof(codes) / sizeof(codes[0]));
    suite_add_tcase(suite, words);
    return suite;
}

int main(void) {
    return mh_test_main(explain_suite());
}
