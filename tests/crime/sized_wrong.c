// sized_wrong.c - frees with the size of another class.

#include "crime.h"
#include "mheap/mheap.h"

const struct crime crime = {.what = "wrong size", .times = 2};

void crime_commit(void) {
    void *p = mheap_malloc(64);
    mheap_free_sized(p, 640);
    mheap_free(p);
    void *large = mheap_malloc(1 << 20);
    mheap_free_sized(large, 16);
    mheap_free(large);
}
