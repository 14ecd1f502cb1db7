// misaligned_small.c - frees a pointer one byte, and eight, off.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "misaligned pointer", .times = 2};

void crime_commit(void) {
    char *p = malloc(64);
    free(crime_at(p, 1));
    free(crime_at(p, 8));
    free(p);
}
