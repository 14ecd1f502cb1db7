// double_free_own_heap.c - frees an object of a made heap twice.

#include "crime.h"
#include "mheap/mheap.h"

const struct crime crime = {.what = "double free", .times = 1};

void crime_commit(void) {
    struct mheap *heap = mheap_create("own");
    void *p = mheap_alloc_in(heap, 64);
    mheap_free(p);
    mheap_free(crime_alias(p));
    mheap_destroy(heap);
}
