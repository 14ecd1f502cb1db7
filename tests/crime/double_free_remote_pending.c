// double_free_remote_pending.c - the owner frees what another thread has.
// The other thread's free is still pending: the owner has not seen it yet.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "double free", .times = 1};

void crime_commit(void) {
    void *p = malloc(64);
    crime_in_thread(free, p);
    free(crime_alias(p));
}
