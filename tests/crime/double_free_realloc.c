// double_free_realloc.c - frees what realloc has moved away from.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "double free", .times = 1};

void crime_commit(void) {
    void *p = malloc(32);
    void *moved = realloc(p, 3000);
    free(crime_alias(p));
    free(moved);
}
