// stack_local.c - frees a local variable.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "stack address", .times = 1};

void crime_commit(void) {
    _Alignas(16) char local[64] = {0};
    free(crime_alias(local));
}
