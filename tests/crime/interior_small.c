// interior_small.c - frees the middle of a small object.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "interior pointer", .times = 1};

void crime_commit(void) {
    char *p = malloc(256);
    free(crime_at(p, 128));
    free(p);
}
