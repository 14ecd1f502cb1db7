// double_free_exited_freer.c - frees what a thread freed before its end.
// At its end the thread gave its cache back, the object's slot with it.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "double free", .times = 1};

static void *object;

static void make_and_free(void *arg) {
    (void)arg;
    object = malloc(160);
    void *keep = malloc(160);
    free(object);
    crime_alias(keep); // lives on, and the span with it
}

void crime_commit(void) {
    crime_in_thread(make_and_free, NULL);
    free(crime_alias(object));
}
