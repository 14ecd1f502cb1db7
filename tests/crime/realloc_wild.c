// realloc_wild.c - resizes a variable.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "wild pointer", .times = 1};

static _Alignas(64) char variable[64];

void crime_commit(void) {
    (void)!realloc(crime_alias(variable), 1000);
}
