// model_regions.h - what is mapped where, in runs of pages alike.

#ifndef MHEAP_TESTS_DARWIN_MODEL_REGIONS_H
#define MHEAP_TESTS_DARWIN_MODEL_REGIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct region {
    uintptr_t start, end;
    int protection;
    int tag;       // 0: none
    bool reusable; // given up with MADV_FREE_REUSABLE, and not asked back
};

// regions_next is the first region that ends above address, or NULL.
struct region *regions_next(uintptr_t address);

// regions_clear takes [start, end) out of what is mapped.
void regions_clear(uintptr_t start, uintptr_t end);

// regions_add puts a region where nothing is mapped.
void regions_add(const struct region *region);

// regions_cover: every page of [start, end) is mapped.
bool regions_cover(uintptr_t start, uintptr_t end);

// regions_change calls change on regions that make up exactly [start, end),
// which is mapped.
void regions_change(uintptr_t start, uintptr_t end,
                    void (*change)(struct region *region, int to), int to);

size_t regions_count(void);

#endif // MHEAP_TESTS_DARWIN_MODEL_REGIONS_H
