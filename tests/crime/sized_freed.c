// sized_freed.c - frees twice, the second time with a size.

#include "crime.h"
#include "mheap/mheap.h"

const struct crime crime = {.what = "double free", .times = 1};

void crime_commit(void) {
    void *p = mheap_malloc(64);
    mheap_free_sized(p, 64);
    mheap_free_sized(crime_alias(p), 64);
}
