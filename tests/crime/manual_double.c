// manual_double.c - gives the same pages back twice.

#include "crime.h"
#include "mheap/mheap.h"

const struct crime crime = {.what = "free page", .times = 1};

void crime_commit(void) {
    void *pages = mheap_pages_alloc(mheap_default(), 4);
    mheap_pages_free(pages);
    mheap_pages_free(crime_alias(pages));
}
