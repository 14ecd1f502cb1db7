// interior_large.c - frees the middle of a large object.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "interior pointer", .times = 2};

void crime_commit(void) {
    char *p = malloc(5 << 20);
    free(crime_at(p, 16));
    free(crime_at(p, 3 << 20));
    free(p);
}
