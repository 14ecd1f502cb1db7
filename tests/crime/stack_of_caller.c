// stack_of_caller.c - frees a variable of a caller, far up.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "stack address", .times = 1};

static void dig(int depth, void *victim) {
    volatile char filling[1000];
    filling[0] = (char)depth;
    if (depth > 0) {
        dig(depth - 1, victim);
    } else {
        free(crime_alias(victim));
    }
    filling[1] = filling[0];
}

void crime_commit(void) {
    _Alignas(16) char local[64] = {0};
    dig(100, local);
}
