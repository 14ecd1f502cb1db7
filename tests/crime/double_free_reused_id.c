// double_free_reused_id.c - a later thread frees what an earlier freed.
// The cache, and the number that names it in page words, go from the one thread
// to the other; so the free looks local.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "double free", .times = 1};

static void *object;
static void *keep;

static void make_and_free(void *arg) {
    (void)arg;
    keep = malloc(160);
    object = malloc(160);
    free(object);
}

static void free_again(void *arg) {
    (void)arg;
    void *own = malloc(24); // so that the thread has a cache
    free(crime_alias(object));
    free(own);
}

void crime_commit(void) {
    crime_in_thread(make_and_free, NULL);
    crime_in_thread(free_again, NULL);
    free(keep);
}
