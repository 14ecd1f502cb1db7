// manual_pages.c - frees pages that mheap_pages_alloc gave.

#include "crime.h"
#include "mheap/mheap.h"

const struct crime crime = {.what = "manual pages", .times = 2};

void crime_commit(void) {
    char *pages = mheap_pages_alloc(mheap_default(), 4);
    mheap_free(crime_alias(pages));
    mheap_free(crime_at(pages, 8192 + 64));
    mheap_pages_free(pages);
}
