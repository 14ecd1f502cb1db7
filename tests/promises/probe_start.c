// probe_start.c - a program that needs so much and no more.
//
// usage: probe_start [MIB]
//
// MIB in objects of all kinds, all held at once and compared. Whoever runs it
// sets the limits.

#include "tests/promises/probe.h"

enum { MOST = 1 << 16 };

static struct object objects[MOST];

int main(int argc, char **argv) {
    static const size_t sizes[] = {64, 512, 5000, 100 << 10};
    size_t bytes = probe_argument(argc, argv, 1, 8) * PROBE_MIB;
    size_t n = 0;

    for (size_t got = 0; got < bytes; got += objects[n++].size) {
        REQUIRE(n < MOST);
        objects[n].size = sizes[got * 4 / bytes];
        objects[n].tag = n * UINT64_C(0x9e3779b97f4a7c15);
        objects[n].p = malloc(objects[n].size);
        REQUIRE(objects[n].p != NULL);
        object_fill(&objects[n]);
    }
    for (size_t i = 0; i < n; i++) {
        REQUIRE(object_holds(&objects[i], objects[i].size));
        free(objects[i].p);
    }
    (void)printf("objects=%zu\n", n);
    return EXIT_SUCCESS;
}
