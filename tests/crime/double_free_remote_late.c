// double_free_remote_late.c - another thread frees what the owner has.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "double free", .times = 1};

void crime_commit(void) {
    void *p = malloc(64);
    free(p);
    crime_in_thread(free, crime_alias(p));
}
