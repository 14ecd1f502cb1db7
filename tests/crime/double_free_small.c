// double_free_small.c - frees a small object twice.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "double free", .times = 1};

void crime_commit(void) {
    void *p = malloc(64);
    free(p);
    free(crime_alias(p));
}
