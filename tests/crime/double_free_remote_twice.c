// double_free_remote_twice.c - two other threads free one object.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "double free", .times = 1};

void crime_commit(void) {
    void *p = malloc(200);
    crime_in_thread(free, p);
    crime_in_thread(free, crime_alias(p));
}
