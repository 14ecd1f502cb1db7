// stats_run.c - a program that says what mheap_stats says of it, and waits.
//
// Usage: stats_run. It allocates objects of all kinds, lets go of some, prints
// its statistics as one JSON object and waits until its input ends. Nothing
// happens in the heap after that.

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "mheap/mheap.h"
#include "mheap/stats.h"

enum { OBJECTS = 20000, LARGE = 40 };

static void *objects[OBJECTS];

static void fill_the_heap(void) {
    for (size_t i = 0; i < OBJECTS; i++) {
        size_t size = 1 + i * 37 % 1500;
        objects[i] = mheap_malloc(size);
        memset(objects[i], 1, size);
    }
    for (size_t i = 0; i < OBJECTS; i += 3) {
        mheap_free(objects[i]);
    }
    for (size_t i = 0; i < LARGE; i++) {
        void *p = mheap_malloc(40000 + i * 5000);
        memset(p, 1, 40000);
        if (i % 4 == 0) {
            mheap_free(p);
        }
    }
    (void)mheap_pages_alloc(mheap_default(), 3);
}

static void print(const char *name, uint64_t value) {
    printf("\"%s\": %" PRIu64 ", ", name, value);
}

#define PRINT(field) print(#field, stats.field)

int main(void) {
    struct mheap_stats stats;
    char text[4096];

    // The C library may allocate for the first output; whose allocator that is
    // does not matter here, but it must not come after the count.
    (void)setvbuf(stdout, text, _IOFBF, sizeof(text));
    fill_the_heap();
    mheap_stats(NULL, &stats);
    printf("{");
    PRINT(in_use_objects);
    PRINT(in_use_bytes);
    PRINT(cached_bytes);
    PRINT(span_free_bytes);
    PRINT(tail_bytes);
    PRINT(manual_bytes);
    PRINT(released_bytes);
    PRINT(large_objects);
    PRINT(spans);
    PRINT(caches);
    PRINT(metadata_bytes);
    PRINT(reserved_bytes);
    PRINT(prepared_bytes);
    PRINT(ready_bytes);
    PRINT(counted_bytes);
    printf("\"pointer_bytes\": %zu}\n", sizeof(void *));
    (void)fflush(stdout);
    (void)getchar();
    return 0;
}
