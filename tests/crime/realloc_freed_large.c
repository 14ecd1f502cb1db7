// realloc_freed_large.c - resizes a freed large object.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "free page", .times = 1};

void crime_commit(void) {
    void *p = malloc(1 << 20);
    free(p);
    (void)!realloc(crime_alias(p), 2 << 20);
}
