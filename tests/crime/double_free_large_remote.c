// double_free_large_remote.c - a large object, freed by another thread.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "free page", .times = 1};

void crime_commit(void) {
    void *p = malloc(300000);
    crime_in_thread(free, p);
    free(crime_alias(p));
}
