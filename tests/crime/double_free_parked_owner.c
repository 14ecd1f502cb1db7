// double_free_parked_owner.c - the owner is parked and drains nothing.
// Both frees come from outside; the first stays pending for ever.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "double free", .times = 1};

static void *object;

static void make(void *arg) {
    (void)arg;
    object = malloc(96);
}

void crime_commit(void) {
    crime_then_park(make, NULL);
    free(object);
    free(crime_alias(object));
}
