// free_inside_freed_large.c - frees the middle of a freed large object.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "free page", .times = 1};

void crime_commit(void) {
    void *p = malloc(1 << 20);
    free(p);
    free(crime_at(p, 1 << 19));
}
