// self_wasm.c - starting the running module once more: run.mjs does it.

#include "tests/support/self.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMPORT(name) \
    __attribute__((import_module("mheap_test"), import_name(name)))

// host_pass adds "NAME=value" to the environment of the next module, or with
// "NAME" alone takes the variable out of it.
IMPORT("pass") void host_pass(const char *text, size_t size);

// host_run runs the module to its end, or for so many seconds, and returns its
// status, -1: it had none. What it writes to standard error is stored as text
// of at most size bytes where err is not NULL.
IMPORT("run") int32_t host_run(char *err, size_t size, uint32_t seconds);

int mh_self_number(const char *name) {
    const char *text = getenv(name);

    return text == NULL ? -1 : atoi(text);
}

void mh_self_set(const char *name, int number) {
    char text[64];

    if (number < 0) {
        host_pass(name, strlen(name));
        return;
    }
    int length = snprintf(text, sizeof(text), "%s=%d", name, number);
    host_pass(text, (size_t)length);
}

bool mh_self_run(char *err, size_t size, unsigned seconds,
                 unsigned long *status_out) {
    (void)fflush(NULL);
    int32_t status = host_run(err, size, seconds);
    *status_out = (unsigned long)status;
    return status >= 0;
}
