// probe_mappings.c - how many mappings a heap with holes everywhere has.
//
// usage: probe_mappings [MIB]
//
// MIB of objects of 1,000 bytes and of 40 KiB, of which 90 % are freed in no
// order; then the program sleeps as long as memory takes to go home.

#include <unistd.h>

#include "tests/promises/probe.h"

static size_t mappings(void) {
    size_t n = 0;
    FILE *maps = fopen("/proc/self/maps", "r");

    REQUIRE(maps != NULL);
    for (int c; (c = fgetc(maps)) != EOF;) {
        n += c == '\n';
    }
    (void)fclose(maps);
    return n;
}

int main(int argc, char **argv) {
    size_t bytes = probe_argument(argc, argv, 1, 512) * PROBE_MIB;
    size_t n = 0, most = bytes / 1000;
    void **objects = malloc(most * sizeof(*objects));
    REQUIRE(objects != NULL);

    for (size_t got = 0; got < bytes; n++) {
        size_t size = n % 64 == 0 ? 40 << 10 : 1000;
        objects[n] = malloc(size);
        REQUIRE(objects[n] != NULL);
        memset(objects[n], 1, size);
        got += size;
    }
    probe_shuffle(objects, n, 7);
    for (size_t i = n / 10; i < n; i++) {
        free(objects[i]);
    }
    size_t at_once = mappings();
    (void)sleep(3);
    (void)printf("at_once=%zu later=%zu resident_mib=%ld\n", at_once,
                 mappings(), status_of("VmRSS:") / 1024);
    return EXIT_SUCCESS;
}
