// expect.c - children that must die, and reads that may trap.

#include "tests/support/expect.h"

#include <check.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void die_saying_it(void (*act)(void), int fd) {
    (void)dup2(fd, STDERR_FILENO);
    act();
    _exit(0);
}

static size_t read_all(int fd, char *text, size_t size) {
    size_t length = 0;
    ssize_t n;

    while ((n = read(fd, text + length, size - 1 - length)) > 0) {
        length += (size_t)n;
    }
    text[length] = '\0';
    return length;
}

void mh_expect_fatal(void (*act)(void), const char *message) {
    char text[4096];
    int ends[2];
    int status = 0;

    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        die_saying_it(act, ends[1]);
    }
    close(ends[1]);
    read_all(ends[0], text, sizeof(text));
    close(ends[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(strstr(text, message) != NULL, "\"%s\" is not in \"%s\"",
                  message, text);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT,
                  "ended with status 0x%x instead of SIGABRT", status);
}

static sigjmp_buf after_trap;

static void on_trap(int signal_number) {
    (void)signal_number;
    siglongjmp(after_trap, 1);
}

bool mh_traps(const void *address) {
    struct sigaction action, old_segv, old_bus;
    volatile bool trapped = true; // seen after the jump back

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_trap;
    (void)sigaction(SIGSEGV, &action, &old_segv);
    (void)sigaction(SIGBUS, &action, &old_bus);
    if (sigsetjmp(after_trap, 1) == 0) {
        (void)*(const volatile unsigned char *)address;
        trapped = false;
    }
    (void)sigaction(SIGSEGV, &old_segv, NULL);
    (void)sigaction(SIGBUS, &old_bus, NULL);
    return trapped;
}

static void must(bool done) {
    if (!done) {
        abort();
    }
}

void mh_error_of(void (*act)(void), char *text, size_t size) {
    int ends[2];
    int old = dup(STDERR_FILENO);

    must(pipe(ends) == 0);
    must(dup2(ends[1], STDERR_FILENO) >= 0);
    close(ends[1]);
    act();
    must(dup2(old, STDERR_FILENO) >= 0); // ends the pipe
    close(old);
    (void)read_all(ends[0], text, size);
    close(ends[0]);
}

void mh_set_variable(const char *name, const char *value) {
    must((value != NULL ? setenv(name, value, 1) : unsetenv(name)) == 0);
}

bool mh_is_filled(const void *base, size_t size, unsigned char byte) {
    const unsigned char *p = base;

    for (size_t i = 0; i < size; i++) {
        if (p[i] != byte) {
            return false;
        }
    }
    return true;
}
