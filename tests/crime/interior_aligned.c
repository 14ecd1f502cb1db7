// interior_aligned.c - frees the middle of an over-aligned object.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "interior pointer", .times = 1};

void crime_commit(void) {
    char *p = aligned_alloc(1024, 3072);
    free(crime_at(p, 1024));
    free(p);
}
