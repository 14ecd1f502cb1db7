// double_free_zero.c - frees an object of no bytes twice.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "double free", .times = 1};

void crime_commit(void) {
    void *p = malloc(0);
    free(p);
    free(crime_alias(p));
}
