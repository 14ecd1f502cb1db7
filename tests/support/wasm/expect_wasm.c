// expect_wasm.c - what is written to standard error, variables, and what there
// is not.

#include "tests/support/expect.h"

#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
#include <wasi/api.h>

#include "tests/support/self.h"

// Standard error becomes a file. There is no way back: no call has two numbers
// name one stream. The process has one test, which ends with its own.
void mh_error_of(void (*act)(void), char *text, size_t size) {
    static const char path[] = "standard_error";
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    size_t length = 0;
    ssize_t n;

    ck_assert_int_ge(file, 0);
    int again = open(path, O_RDONLY);
    ck_assert_int_ge(again, 0);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(__wasi_fd_renumber((__wasi_fd_t)file, STDERR_FILENO), 0);
    act();
    while ((n = read(again, text + length, size - 1 - length)) > 0) {
        length += (size_t)n;
    }
    text[length] = '\0';
    (void)close(again);
}

void mh_set_variable(const char *name, const char *value) {
    ck_assert_int_eq(value != NULL ? setenv(name, value, 1) : unsetenv(name),
                     0);
}

int mh_needs_threads(const void *what) {
    (void)what;
    exit(MH_NEEDS_THREADS);
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
