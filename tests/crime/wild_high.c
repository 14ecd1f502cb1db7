// wild_high.c - frees addresses that no process has.
// The first is not canonical, the others lie in the system's half.

#include <stdint.h>
#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "wild pointer", .times = 3};

void crime_commit(void) {
    free(crime_alias((void *)(UINTPTR_MAX / 16 * 13)));
    free(crime_alias((void *)(UINTPTR_MAX - 15)));
    free(crime_alias((void *)(UINTPTR_MAX - ((uintptr_t)1 << 30) + 1)));
}
