// destroyed_heap.c - frees an object of a heap that is gone.
// Its address space stays with the process, for the next heap.

#include "crime.h"
#include "mheap/mheap.h"

const struct crime crime = {.what = "free page", .times = 1};

void crime_commit(void) {
    struct mheap *heap = mheap_create("gone");
    void *p = mheap_alloc_in(heap, 64);
    mheap_destroy(heap);
    mheap_free(crime_alias(p));
}
