// run_support.h - objects whose contents tell whether anybody wrote to them.

#ifndef MHEAP_TESTS_RUN_SUPPORT_H
#define MHEAP_TESTS_RUN_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// REQUIRE ends the program when the condition does not hold. Unlike assert it
// is there in every build.
#define REQUIRE(condition) \
    ((condition) ? (void)0 : require_failed(#condition, __FILE__, __LINE__))

static inline void require_failed(const char *condition, const char *file,
                                  int line) {
    (void)fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
    (void)fflush(stderr);
    _Exit(EXIT_FAILURE);
}

// The number behind a name at the beginning of a line of the file.
static inline long number_of(const char *path, const char *field) {
    char line[256];
    long value = -1;
    FILE *file = fopen(path, "r");

    REQUIRE(file != NULL);
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, field, strlen(field)) == 0) {
            value = strtol(line + strlen(field), NULL, 10);
        }
    }
    (void)fclose(file);
    REQUIRE(value >= 0);
    return value;
}

// Of /proc/self/status, in KiB where it is a size: "VmHWM:", "Threads:".
static inline long status_of(const char *field) {
    return number_of("/proc/self/status", field);
}

// Exact, unlike VmRSS, which may lag behind by some pages of every thread.
static inline long resident_kib(void) {
    return number_of("/proc/self/smaps_rollup", "Rss:");
}

// Splitmix64: every seed is a good one.
static inline uint64_t random_next(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline uint64_t random_below(uint64_t *state, uint64_t limit) {
    return random_next(state) % limit;
}

// As many small sizes as programs have: a random number of bits, then a random
// number of that many. At most 2 ^ max_bits - 1.
static inline size_t random_size(uint64_t *state, unsigned max_bits) {
    unsigned bits = (unsigned)random_below(state, max_bits + 1);
    return (size_t)(random_next(state) & ((UINT64_C(1) << bits) - 1));
}

struct object {
    unsigned char *p;
    size_t size;
    uint64_t tag; // what its bytes are made from
};

// Bytes to fill and check: all of a small object, else both ends and one byte
// of each page between.
static inline size_t object_next(const struct object *object, size_t i) {
    enum { END = 512, STEP = 4093 };
    if (i + 1 < END || i + END >= object->size) {
        return i + 1;
    }
    return i + STEP < object->size - END ? i + STEP : object->size - END;
}

static inline unsigned char object_byte(const struct object *object, size_t i) {
    return (unsigned char)((object->tag >> (i % 8 * 8)) + i / 8);
}

static inline void object_fill(const struct object *object) {
    for (size_t i = 0; i < object->size; i = object_next(object, i)) {
        object->p[i] = object_byte(object, i);
    }
}

// object_holds: the first size bytes are still what object_fill wrote.
static inline bool object_holds(const struct object *object, size_t size) {
    for (size_t i = 0; i < size; i = object_next(object, i)) {
        if (object->p[i] != object_byte(object, i)) {
            return false;
        }
    }
    return true;
}

#endif // MHEAP_TESTS_RUN_SUPPORT_H
