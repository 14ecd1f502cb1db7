// double_free_remote_drained.c - a remote free that was drained, once more.
// The owner allocates until the span of the object has been through a drain.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "double free", .times = 1};

enum { NOTHERS = 5000 };

void crime_commit(void) {
    static void *others[NOTHERS];
    void *p = malloc(8192);
    void *keep = malloc(8192);
    crime_in_thread(free, p);
    for (int i = 0; i < NOTHERS; i++) {
        others[i] = malloc(1024);
    }
    for (int i = 0; i < NOTHERS; i++) {
        free(others[i]);
    }
    free(crime_alias(p));
    free(keep);
}
