// probe_home.c - what stays resident of memory that was freed, two seconds
// later and without a call of the program's own.
//
// usage: probe_home all|random [MIB]
//
// MIB in objects of 1,000 bytes; all of them are freed in order, or nine tenths
// of them at random. The processor time is that of all threads while the
// program sleeps: its own sleep costs none.

#include <time.h>
#include <unistd.h>

#include "tests/promises/probe.h"

enum { BYTES = 1000 };

static double processor_ms(void) {
    struct timespec now;
    REQUIRE(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

int main(int argc, char **argv) {
    bool all = argc > 1 && strcmp(argv[1], "all") == 0;
    size_t bytes = probe_argument(argc, argv, 2, 256) * PROBE_MIB;
    size_t n = bytes / BYTES;
    void **objects = malloc(n * sizeof(*objects));

    REQUIRE(objects != NULL);
    memset(objects, 0, n * sizeof(*objects)); // is not what is measured
    long before = status_of("VmRSS:");
    for (size_t i = 0; i < n; i++) {
        objects[i] = malloc(BYTES);
        REQUIRE(objects[i] != NULL);
        memset(objects[i], 1, BYTES);
    }
    size_t kept = all ? 0 : n / 10; // the first
    if (!all) {
        probe_shuffle(objects, n, 11);
    }
    for (size_t i = kept; i < n; i++) {
        free(objects[i]);
    }
    double spent = processor_ms();
    (void)sleep(2);
    spent = processor_ms() - spent;
    (void)printf("live_kib=%zu left_kib=%ld cpu_ms=%.1f\n", kept * BYTES / 1024,
                 status_of("VmRSS:") - before, spent);
    return EXIT_SUCCESS;
}
