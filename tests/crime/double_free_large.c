// double_free_large.c - frees a large object twice.
// Nothing is left of it: its pages hold nothing.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "free page", .times = 1};

void crime_commit(void) {
    void *p = malloc(1 << 20);
    free(p);
    free(crime_alias(p));
}
