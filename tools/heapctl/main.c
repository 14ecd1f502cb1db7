// main.c - heapctl: shows the heap of a running process from outside.

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/heapctl/heapctl.h"

// Whoever read our output has seen enough (heapctl spans X | head): that is no
// failure, and there is nobody to tell.
#ifdef SIGPIPE
static void stop_quietly(int signal_number) {
    (void)signal_number;
    _Exit(HC_OK);
}

static void expect_broken_pipes(void) {
    if (signal(SIGPIPE, stop_quietly) == SIG_IGN) {
        (void)signal(SIGPIPE, SIG_IGN); // as our parent wants it
    }
}
#else
static void expect_broken_pipes(void) {
}
#endif

// Without a standard output, a file opened for reading would get its number and
// our text. `run` writes none, and its program may well want it closed.
static bool has_nowhere_to_write(int argc, char **argv) {
    bool is_run = argc > 1 && strcmp(argv[1], hc_cmd_run.name) == 0;

    return !is_run && !hc_stream_is_open(stdout);
}

int main(int argc, char **argv) {
    expect_broken_pipes();
    if (has_nowhere_to_write(argc, argv)) {
        (void)fputs("heapctl: standard output: it is closed\n", stderr);
        return HC_INTERNAL;
    }
    return hc_main(argc, argv, stdin, stdout, stderr);
}
