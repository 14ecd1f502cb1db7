// double_free_parked_freer.c - the first free was by a thread now parked.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "double free", .times = 1};

void crime_commit(void) {
    void *p = malloc(96);
    crime_then_park(free, p);
    free(crime_alias(p));
}
