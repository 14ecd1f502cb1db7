// model_regions.c - what is mapped where: a sorted array, in memory of its own.

#include "tests/darwin/model_regions.h"

#include <string.h>
#include <sys/mman.h>

#include "tests/darwin/model.h"

enum { ROOM = 1 << 16 };

static struct region *all;
static size_t n;

static void make_room(void) {
    if (all == NULL) {
        all = mmap(NULL, ROOM * sizeof(*all), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    }
    if (all == MAP_FAILED || n + 2 >= ROOM) {
        broken("no room for regions", "");
    }
}

// The index of the first region that ends above address.
static size_t find(uintptr_t address) {
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (all[middle].end <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void insert(size_t i, struct region region) {
    make_room();
    memmove(&all[i + 1], &all[i], (n - i) * sizeof(*all));
    all[i] = region;
    n++;
}

// cut makes `address` a border between regions, if it is inside one.
static void cut(uintptr_t address) {
    size_t i = find(address);

    if (i < n && all[i].start < address) {
        struct region upper = all[i];
        upper.start = address;
        all[i].end = address;
        insert(i + 1, upper);
    }
}

static bool alike(const struct region *a, const struct region *b) {
    return a->end == b->start && a->protection == b->protection &&
           a->tag == b->tag && a->reusable == b->reusable;
}

static void merge(uintptr_t start, uintptr_t end) {
    size_t i = find(start);

    i = i > 0 ? i - 1 : 0;
    while (i + 1 < n && all[i].start <= end) {
        if (alike(&all[i], &all[i + 1])) {
            all[i].end = all[i + 1].end;
            memmove(&all[i + 1], &all[i + 2], (n - i - 2) * sizeof(*all));
            n--;
        } else {
            i++;
        }
    }
}

struct region *regions_next(uintptr_t address) {
    size_t i = find(address);

    return i < n ? &all[i] : NULL;
}

void regions_clear(uintptr_t start, uintptr_t end) {
    cut(start);
    cut(end);
    size_t first = find(start), last = first;
    while (last < n && all[last].start < end) {
        last++;
    }
    memmove(&all[first], &all[last], (n - last) * sizeof(*all));
    n -= last - first;
}

void regions_add(const struct region *region) {
    insert(find(region->start), *region);
    merge(region->start, region->end);
}

bool regions_cover(uintptr_t start, uintptr_t end) {
    for (size_t i = find(start); i < n && all[i].start <= start; i++) {
        start = all[i].end;
        if (start >= end) {
            return true;
        }
    }
    return false;
}

void regions_change(uintptr_t start, uintptr_t end,
                    void (*change)(struct region *region, int to), int to) {
    cut(start);
    cut(end);
    for (size_t i = find(start); i < n && all[i].start < end; i++) {
        change(&all[i], to);
    }
    merge(start, end);
}

size_t regions_count(void) {
    return n;
}
