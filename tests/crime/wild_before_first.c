// wild_before_first.c - frees before anything was allocated.
// The process may have no heap yet when its first call is a bad one.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "wild pointer", .times = 1};

static _Alignas(64) char variable[64];

void crime_commit(void) {
    free(crime_alias(variable));
}
