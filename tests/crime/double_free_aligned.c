// double_free_aligned.c - frees an over-aligned object twice.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "double free", .times = 1};

void crime_commit(void) {
    void *p = aligned_alloc(512, 512);
    free(p);
    free(crime_alias(p));
}
