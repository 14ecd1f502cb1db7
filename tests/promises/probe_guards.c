// probe_guards.c - how often a mistake at one place of a program is stopped.
//
// usage: probe_guards TRIALS MIB
//
// In a trial one call of the program makes MIB of objects, among three times as
// much of others, and misuses each: reads a little behind its end, and reads it
// once it is free. A trial has found a mistake when it trapped at least once.
// Without samples nothing traps: behind the 1,000 bytes there are 24 more of
// the slot.

#include <setjmp.h>
#include <signal.h>
#include <unistd.h>

#include "tests/promises/probe.h"

enum { SIZE = 1000, SLOT = 1024, ROUND = 1008, OTHER = 512, BATCH = 1024 };
enum { OTHERS = 3 * BATCH * SLOT / OTHER };

static char *objects[BATCH];
static void *others[OTHERS];
static sigjmp_buf after;
static volatile char sink;

static void on_trap(int number) {
    (void)number;
    siglongjmp(after, 1);
}

static void handle(int number) {
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_handler = on_trap;
    action.sa_flags = SA_NODEFER; // so that jumping needs no masks
    REQUIRE(sigaction(number, &action, NULL) == 0);
}

static bool traps(const char *address) {
    if (sigsetjmp(after, 0) != 0) {
        return true;
    }
    sink = *(const volatile char *)address;
    return false;
}

static bool any_traps(size_t offset) {
    bool any = false;
    for (int i = 0; i < BATCH; i++) {
        any = traps(objects[i] + offset) || any;
    }
    return any;
}

static void make_batch(void) {
    for (int i = 0; i < OTHERS; i++) {
        others[i] = malloc(OTHER);
        REQUIRE(others[i] != NULL);
        if (i % (OTHERS / BATCH) == 0) {
            char *p = malloc(SIZE);
            REQUIRE(p != NULL);
            objects[i / (OTHERS / BATCH)] = p;
        }
    }
}

static void free_batch(void) {
    for (int i = 0; i < BATCH; i++) {
        free(objects[i]);
    }
    for (int i = 0; i < OTHERS; i++) {
        free(others[i]);
    }
}

int main(int argc, char **argv) {
    uint64_t trials = probe_argument(argc, argv, 1, 100);
    uint64_t batches = probe_argument(argc, argv, 2, 8);
    unsigned overflows = 0, uses = 0;

    handle(SIGSEGV);
    handle(SIGBUS);
    for (uint64_t trial = 0; trial < trials; trial++) {
        bool overflow = false, use = false;
        for (uint64_t i = 0; i < batches; i++) {
            make_batch();
            overflow = any_traps(ROUND) || overflow;
            free_batch();
            use = any_traps(5) || use;
        }
        overflows += overflow;
        uses += use;
    }
    (void)printf("overflows=%u uses=%u peak_kib=%ld\n", overflows, uses,
                 status_of("VmHWM:"));
    return EXIT_SUCCESS;
}
