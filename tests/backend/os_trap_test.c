// os_trap_test.c - what every backend promises of being told of traps, and of
// stacks.

#include <string.h>
#if MH_HAVE_FORK
#    include <setjmp.h>
#    include <signal.h>
#    include <sys/wait.h>
#    include <unistd.h>
#endif

#include "core/sys/sys.h"
#include "core/sys/trap.h"
#include "platform/os_trap.h"
#include "tests/support/expect.h"
#include "tests/support/test_main.h"
#if MH_TEST_SIM
#    include "platform/sim/sim.h"
#endif

static uintptr_t told; // the address of the last trap
static unsigned ntold; // how often

static void note(uintptr_t address) {
    told = address;
    ntold++;
}

#if MH_HAVE_PAGES

// A page that may be used, and one behind it that traps.
static char *two_pages(void) {
    size_t page = mh_sys_facts()->page_size;
    size_t unit = mh_sys_facts()->reserve_align;
    char *base = mh_sys_reserve(NULL, 2 * unit, MH_FOR_OTHER);
    ck_assert_ptr_nonnull(base);
    ck_assert_int_eq(mh_sys_map(base, page, MH_FOR_OTHER), MH_OK);
    ck_assert_int_eq(mh_sys_used(base, page, page, MH_FOR_OTHER), MH_OK);
    *base = 'x';
    return base + page;
}

START_TEST(what_traps_cannot_be_read) {
    char here[128] = "";
    char *end = two_pages();
    ck_assert(!mh_os_can_read((uintptr_t)end, 1));
    ck_assert(!mh_os_can_read((uintptr_t)end - 8, 16));
    ck_assert(!mh_os_can_read(UINTPTR_MAX - 8, 16));
    ck_assert(!mh_os_can_read(0, 16));
    // Of its own stack a thread is told more, where anything is known.
    (void)mh_os_can_read((uintptr_t)here, sizeof(here));
}
END_TEST

#endif

// Each has a frame with a frame pointer, and none is the other's last act.
static uintptr_t returns[8];
static unsigned nreturns;

#define FRAME() ((void)*(volatile char *)__builtin_frame_address(0))

MH_NOINLINE static void inner(void) {
    FRAME();
    nreturns = mh_stack_take(returns, 8);
    FRAME();
}

MH_NOINLINE static void outer(void) {
    FRAME();
    inner();
    FRAME();
}

static bool is_in(uintptr_t at, void (*function)(void)) {
    return at - (uintptr_t)function < 256;
}

START_TEST(a_stack_is_who_called_whom_the_innermost_first) {
#if MH_HAVE_FRAMES
    outer();
    ck_assert_uint_ge(nreturns, 2);
    ck_assert(is_in(returns[0], inner));
    ck_assert(is_in(returns[1], outer));
#else
    outer();
    ck_assert_uint_eq(nreturns, 0);
    (void)is_in;
#endif
}
END_TEST

START_TEST(a_stack_is_cut_to_the_room_there_is) {
    ck_assert_uint_eq(mh_stack_take(returns, 0), 0);
    ck_assert_uint_le(mh_stack_take(returns, 1), 1);
}
END_TEST

// What is no frame pointer must end the walk and not the process: a function
// that uses the register for something else calls the library.
#if defined(__x86_64__) && MH_HAVE_FRAMES
MH_NOINLINE static unsigned with_frame_pointer(uintptr_t value) {
    unsigned n = 0;
    __asm__ volatile("pushq %%rbp\n\t"
                     "movq %1, %%rbp\n\t"
                     "movq %2, %%rdi\n\t"
                     "movl $8, %%esi\n\t"
                     "movq %%rsp, %%rbx\n\t"
                     "subq $256, %%rsp\n\t"
                     "andq $-16, %%rsp\n\t"
                     "call *%3\n\t"
                     "movq %%rbx, %%rsp\n\t"
                     "popq %%rbp\n\t"
                     "movl %%eax, %0\n\t"
                     : "=&r"(n)
                     : "r"(value), "r"(returns), "r"(mh_stack_take)
                     : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9",
                       "r10", "r11", "memory", "cc");
    return n;
}

START_TEST(a_frame_pointer_that_is_none_ends_the_walk) {
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    uintptr_t page = mh_sys_facts()->page_size;
    const uintptr_t values[] = {0,
                                1,
                                here + 1,
                                here - 4096,
                                UINTPTR_MAX,
                                UINTPTR_MAX - 7,
                                (uintptr_t)two_pages()};
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        ck_assert_uint_eq(with_frame_pointer(values[i]), 1);
    }
    // Above the stack: whatever is there.
    for (uintptr_t at = here & ~(page - 1); at - here < 1 << 20 || at < here;
         at += page) {
        ck_assert_uint_ge(with_frame_pointer(at), 1);
        ck_assert_uint_ge(with_frame_pointer(at - 8), 1);
    }
}
END_TEST
#endif

#if MH_TEST_SIM

START_TEST(a_test_tells_of_traps) {
    ck_assert_int_eq(mh_trap_tell(note), MH_OK);
    mh_sim_trap(&told);
    ck_assert_uint_eq(told, (uintptr_t)&told);
    mh_sim_refuse_traps(true);
    ck_assert_int_eq(mh_trap_tell(note), MH_REFUSED);
}
END_TEST

#elif MH_HAVE_FORK

static sigjmp_buf after;
static char *want;
static unsigned nbefore;

static void plain(int number) {
    nbefore += number == SIGSEGV || number == SIGBUS;
    siglongjmp(after, 1);
}

static void with_info(int number, siginfo_t *info, void *context) {
    nbefore +=
        info->si_addr == want && info->si_signo == number && context != NULL;
    siglongjmp(after, 1);
}

static void handle(const struct sigaction *action) {
    ck_assert_int_eq(sigaction(SIGSEGV, action, NULL), 0);
    ck_assert_int_eq(sigaction(SIGBUS, action, NULL), 0);
}

static void trap(const char *address) {
    if (sigsetjmp(after, 1) == 0) {
        (void)*(const volatile char *)address;
    }
}

// Whether there is anything to test: a system may offer none.
static bool tells(void) {
    if (mh_trap_tell(note) == MH_OK) {
        return true;
    }
    ck_assert(!mh_os_can_read((uintptr_t)&told, 8));
    return false;
}

// The processor of s390x tells the page and no more.
static bool was_told(const char *address) {
#    if defined(__s390x__)
    return told == ((uintptr_t)address & ~(uintptr_t)4095);
#    else
    return told == (uintptr_t)address;
#    endif
}

START_TEST(the_programs_handler_runs_after_it_was_told) {
    struct sigaction action = {.sa_handler = plain};
    want = two_pages();
    handle(&action);
    if (tells()) {
        trap(want);
        ck_assert(was_told(want));
        ck_assert_uint_eq(nbefore, 1);
        trap(want + 100); // and every time
        ck_assert(was_told(want + 100));
        ck_assert_uint_eq(nbefore, 2);
    }
}
END_TEST

START_TEST(the_programs_handler_gets_what_it_would_have_got) {
    struct sigaction action = {.sa_sigaction = with_info,
                               .sa_flags = SA_SIGINFO};
    want = two_pages();
    handle(&action);
    if (tells()) {
        trap(want);
        ck_assert_uint_eq(nbefore, 1);
        ck_assert_uint_eq(ntold, 1);
    }
}
END_TEST

// How a child ends that does something with a handler of ours.
static int end_of(void (*act)(void)) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        act();
        _exit(ntold == 0 ? 42 : 43);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status;
}

static void say_so(uintptr_t address) {
    static const char text[] = "told\n";
    (void)address;
    (void)!write(STDOUT_FILENO, text, sizeof(text) - 1);
}

static void read_what_traps(void) {
    char *page = two_pages();
    (void)(mh_trap_tell(say_so) == MH_OK);
    (void)*(volatile char *)page;
}

static void send(void) {
    if (tells()) {
        (void)raise(SIGSEGV);
    }
}

static void send_to_who_ignores(void) {
    struct sigaction action = {.sa_handler = SIG_IGN};
    handle(&action);
    send();
}

static void read_and_ignore(void) {
    struct sigaction action = {.sa_handler = SIG_IGN};
    handle(&action);
    read_what_traps();
}

// Handlers that are none, given with the flag of those that want to know more.
static void handle_with_info(void (*handler)(int)) {
    struct sigaction action = {.sa_flags = SA_SIGINFO};
    action.sa_handler = handler;
    handle(&action);
}

static void read_with_a_default_that_wants_info(void) {
    handle_with_info(SIG_DFL);
    read_what_traps();
}

static void send_to_a_default_that_wants_info(void) {
    handle_with_info(SIG_DFL);
    send();
}

static void send_to_who_ignores_with_info(void) {
    handle_with_info(SIG_IGN);
    send();
}

// Runs once, and returns: the access is tried again, and then nobody is there.
static void run_once(int number) {
    (void)number;
    if (nbefore++ != 0) {
        _exit(44);
    }
}

static void read_with_a_handler_for_one_time(void) {
    struct sigaction action = {.sa_handler = run_once,
                               .sa_flags = (int)SA_RESETHAND};
    handle(&action);
    read_what_traps();
}

static bool is_killed(int status) {
    return WIFSIGNALED(status) &&
           (WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS);
}

START_TEST(without_a_handler_the_process_ends_as_it_would_have) {
    ck_assert(is_killed(end_of(read_what_traps)));
    ck_assert(is_killed(end_of(read_and_ignore)));
    ck_assert(is_killed(end_of(read_with_a_default_that_wants_info)));
}
END_TEST

START_TEST(a_handler_for_one_time_runs_once) {
    ck_assert(is_killed(end_of(read_with_a_handler_for_one_time)));
}
END_TEST

START_TEST(a_signal_that_was_sent_is_no_trap) {
    int status = end_of(send);
    ck_assert(is_killed(status) || WEXITSTATUS(status) == 42);
    status = end_of(send_to_a_default_that_wants_info);
    ck_assert(is_killed(status) || WEXITSTATUS(status) == 42);
    status = end_of(send_to_who_ignores);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    status = end_of(send_to_who_ignores_with_info);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}
END_TEST

#endif

int main(void) {
    Suite *suite = suite_create("os_trap");
    TCase *tcase = tcase_create("traps");
#if MH_HAVE_PAGES
    tcase_add_test(tcase, what_traps_cannot_be_read);
#else
    mh_leave_out(what_traps_cannot_be_read, "nothing traps");
#endif
    tcase_add_test(tcase, a_stack_is_who_called_whom_the_innermost_first);
    tcase_add_test(tcase, a_stack_is_cut_to_the_room_there_is);
#if defined(__x86_64__) && MH_HAVE_FRAMES
    tcase_add_test(tcase, a_frame_pointer_that_is_none_ends_the_walk);
#endif
    (void)note;
#if MH_TEST_SIM
    tcase_add_test(tcase, a_test_tells_of_traps);
#elif MH_HAVE_FORK
    tcase_add_test(tcase, the_programs_handler_runs_after_it_was_told);
    tcase_add_test(tcase, the_programs_handler_gets_what_it_would_have_got);
    tcase_add_test(tcase, without_a_handler_the_process_ends_as_it_would_have);
    tcase_add_test(tcase, a_handler_for_one_time_runs_once);
    tcase_add_test(tcase, a_signal_that_was_sent_is_no_trap);
#endif
    suite_add_tcase(suite, tcase);
    return mh_test_main(suite);
}
