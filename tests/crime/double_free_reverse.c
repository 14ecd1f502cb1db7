// double_free_reverse.c - frees two objects, then both once more.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "double free", .times = 2};

void crime_commit(void) {
    void *a = malloc(100);
    void *b = malloc(100);
    free(a);
    free(b);
    free(crime_alias(a));
    free(crime_alias(b));
}
