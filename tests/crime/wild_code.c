// wild_code.c - frees a function.

#include <stdint.h>
#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "wild pointer", .times = 1};

void crime_commit(void) {
    uintptr_t code = (uintptr_t)&crime_commit & ~(uintptr_t)15;
    free(crime_alias((void *)code));
}
