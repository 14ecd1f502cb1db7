// sized_free_run.c - frees that say a size, right ones and wrong ones.
//
// usage: sized_free_run [N]
//
// N objects of random sizes and alignments, each freed first with a size or an
// alignment that belongs to another class, which must be reported as such and
// leave the object, and then with the right one, which must not be. A size is
// wrong when another class would have served it.

#include "mheap/mheap.h"
#include "tests/promises/probe.h"

static struct mheap_bad_free last;
static uint64_t reports;

static void on_bad_free(const struct mheap_bad_free *what, void *context) {
    (void)context;
    last = *what;
    reports++;
}

// What serves a size: one with an alignment is rounded up to it.
static size_t served_by(size_t size, size_t align) {
    return mheap_good_size((size + align - 1) & ~(align - 1));
}

// A size of another class than the object's.
static size_t wrong_size(size_t size, size_t align, uint64_t *rng) {
    size_t wrong = size;
    while (served_by(wrong, align) == served_by(size, align)) {
        wrong = 1 + random_size(rng, 18);
    }
    return wrong;
}

static bool is_reported(const void *p, uint64_t before) {
    return reports == before + 1 && last.address == p &&
           last.kind == MHEAP_BAD_SIZE;
}

// Of an object that malloc gave.
static bool plain(uint64_t *rng, uint64_t *alarms) {
    struct object object = {NULL, 1 + random_size(rng, 18), random_next(rng)};
    uint64_t before = reports;

    object.p = mheap_malloc(object.size);
    REQUIRE(object.p != NULL);
    object_fill(&object);
    mheap_free_sized(object.p, wrong_size(object.size, 1, rng));
    bool caught = is_reported(object.p, before);
    REQUIRE(object_holds(&object, object.size));
    before = reports;
    mheap_free_sized(object.p, object.size);
    *alarms += reports - before;
    return caught;
}

// Of one with an alignment, which is part of what class it has.
static bool aligned(uint64_t *rng, uint64_t *alarms) {
    size_t align = (size_t)16 << random_below(rng, 9);
    size_t size = align * (1 + random_below(rng, 8));
    unsigned char *p = mheap_aligned_alloc(align, size);
    uint64_t before = reports;

    REQUIRE(p != NULL);
    mheap_free_aligned_sized(p, align, wrong_size(size, align, rng));
    bool caught = is_reported(p, before);
    before = reports;
    mheap_free_aligned_sized(p, align, size);
    *alarms += reports - before;
    return caught;
}

int main(int argc, char **argv) {
    uint64_t n = probe_argument(argc, argv, 1, 100000);
    uint64_t caught = 0, alarms = 0, rng = 5;

    mheap_set_bad_free_handler(on_bad_free, NULL);
    for (uint64_t i = 0; i < n; i++) {
        caught += i % 4 == 0 ? aligned(&rng, &alarms) : plain(&rng, &alarms);
    }
    REQUIRE(mheap_check(mheap_default()) == 0);
    (void)printf("wrong=%llu caught=%llu alarms=%llu\n", (unsigned long long)n,
                 (unsigned long long)caught, (unsigned long long)alarms);
    return EXIT_SUCCESS;
}
