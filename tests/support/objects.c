// objects.c - objects that know what they should hold, and random numbers.

#include "tests/support/objects.h"

#include <string.h>

// Larger objects: a word in every page, and in every sixteenth of huge ones.
enum { ALL_BYTES = 4096, STEP = 4096, HUGE = 1 << 20, HUGE_STEP = 1 << 16 };

uint64_t mh_random(uint64_t *state) {
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t x = *state;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

size_t mh_random_below(uint64_t *state, size_t n) {
    return (size_t)(mh_random(state) % n);
}

size_t mh_random_size(uint64_t *state, unsigned log2) {
    uint64_t x = mh_random(state);
    unsigned bits = 1 + (unsigned)(x >> 32) % log2;
    return (size_t)(x & ((UINT64_C(1) << bits) - 1));
}

static uint64_t word_at(size_t offset, uint64_t tag) {
    return (tag + offset) * UINT64_C(0x9e3779b97f4a7c15) ^ tag;
}

// The next offset to look at: every word of a small object, one in STEP bytes
// of a large one and its last whole word.
static size_t next_offset(size_t offset, size_t size) {
    if (size <= ALL_BYTES) {
        return offset + 8;
    }
    size_t last = (size & ~(size_t)7) - 8;
    size_t next = offset + (size < HUGE ? STEP : HUGE_STEP);
    return offset < last && next > last ? last : next;
}

void mh_pattern_fill(void *p, size_t size, uint64_t tag) {
    unsigned char *bytes = p;
    for (size_t at = 0; at + 8 <= size; at = next_offset(at, size)) {
        uint64_t word = word_at(at, tag);
        memcpy(bytes + at, &word, 8);
    }
    for (size_t at = size & ~(size_t)7; at < size; at++) {
        bytes[at] = (unsigned char)(tag + at);
    }
}

bool mh_pattern_holds(const void *p, size_t size, uint64_t tag) {
    const unsigned char *bytes = p;
    for (size_t at = 0; at + 8 <= size; at = next_offset(at, size)) {
        uint64_t word = word_at(at, tag);
        if (memcmp(bytes + at, &word, 8) != 0) {
            return false;
        }
    }
    for (size_t at = size & ~(size_t)7; at < size; at++) {
        if (bytes[at] != (unsigned char)(tag + at)) {
            return false;
        }
    }
    return true;
}

void mh_self_fill(void *p, size_t size, uint64_t tag) {
    uint64_t head[2] = {size, tag};
    memcpy(p, head, sizeof(head));
    mh_pattern_fill((char *)p + MH_SELF_MIN, size - MH_SELF_MIN, tag);
}

bool mh_self_holds(const void *p) {
    uint64_t head[2];
    memcpy(head, p, sizeof(head));
    return head[0] >= MH_SELF_MIN && head[0] < (UINT64_C(1) << 40) &&
           mh_pattern_holds((const char *)p + MH_SELF_MIN,
                            (size_t)head[0] - MH_SELF_MIN, head[1]);
}

size_t mh_self_size(const void *p) {
    uint64_t size;
    memcpy(&size, p, sizeof(size));
    return (size_t)size;
}
