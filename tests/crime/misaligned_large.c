// misaligned_large.c - frees a pointer into a large object, off by 4.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "misaligned pointer", .times = 1};

void crime_commit(void) {
    char *p = malloc(200000);
    free(crime_at(p, 4));
    free(p);
}
