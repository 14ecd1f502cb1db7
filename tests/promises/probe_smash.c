// probe_smash.c - a program that writes anywhere in memory it once was given.
//
// usage: probe_smash [N]
//
// N times a random byte string lands in objects, live or freed long ago, at
// random places. The allocator must neither crash nor hand out anything twice:
// what it knows lies elsewhere. Bytes outside of objects are not touched.

#include "tests/promises/probe.h"

enum { NPLACES = 20000 };

static struct place {
    unsigned char *p; // stays after free: it is what gets smashed
    size_t size;
    bool live;
} places[NPLACES];

static uint64_t rng = 3;

static void smash(const struct place *place) {
    size_t at = random_below(&rng, place->size);

    for (size_t i = at; i < place->size && i < at + 64; i++) {
        place->p[i] = (unsigned char)random_next(&rng);
    }
}

static int by_address(const void *a, const void *b) {
    const struct place *one = a, *other = b;
    return (one->p > other->p) - (one->p < other->p);
}

// Pairs of live objects that share a byte.
static size_t overlaps(void) {
    static struct place live[NPLACES];
    size_t n = 0, found = 0;

    for (size_t i = 0; i < NPLACES; i++) {
        if (places[i].live) {
            live[n++] = places[i];
        }
    }
    qsort(live, n, sizeof(live[0]), by_address);
    for (size_t i = 1; i < n; i++) {
        found += live[i - 1].p + live[i - 1].size > live[i].p;
    }
    return found;
}

// Only small objects: the memory of a freed large one may be gone.
static void step(struct place *place) {
    if (place->live) {
        free(place->p);
        place->live = false;
        return;
    }
    place->size = 1 + random_size(&rng, 12);
    place->p = malloc(place->size);
    REQUIRE(place->p != NULL);
    place->live = true;
}

int main(int argc, char **argv) {
    uint64_t n = probe_argument(argc, argv, 1, 100000);
    size_t shared = 0;

    for (size_t i = 0; i < NPLACES; i++) {
        step(&places[i]);
    }
    for (uint64_t i = 0; i < n; i++) {
        smash(&places[random_below(&rng, NPLACES)]);
        step(&places[random_below(&rng, NPLACES)]);
        if (i % (n / 20 + 1) == 0) {
            shared += overlaps();
        }
    }
    (void)printf("smashes=%llu overlaps=%zu\n", (unsigned long long)n,
                 shared + overlaps());
    return EXIT_SUCCESS;
}
