// realloc_freed.c - resizes what was freed.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "double free", .times = 2};

void crime_commit(void) {
    void *p = malloc(64);
    free(p);
    void *moved = realloc(crime_alias(p), 1000);
    if (moved != NULL) { // a bad realloc gives nothing
        free(moved);
        abort();
    }
    (void)!realloc(crime_alias(p), 0);
}
