// interior_remote.c - another thread frees an object's middle.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "interior pointer", .times = 1};

void crime_commit(void) {
    char *p = malloc(1024);
    crime_in_thread(free, crime_at(p, 16));
    free(p);
}
