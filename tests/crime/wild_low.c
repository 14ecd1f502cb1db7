// wild_low.c - frees small numbers.

#include <stdint.h>
#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "wild pointer", .times = 3};

void crime_commit(void) {
    free(crime_alias((void *)(uintptr_t)16));
    free(crime_alias((void *)(uintptr_t)1));
    free(crime_alias((void *)(uintptr_t)0x10000));
}
