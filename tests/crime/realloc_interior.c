// realloc_interior.c - resizes the middle of an object.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "interior pointer", .times = 1};

void crime_commit(void) {
    char *p = malloc(320);
    (void)!realloc(crime_at(p, 64), 1000);
    free(p);
}
