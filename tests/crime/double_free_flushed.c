// double_free_flushed.c - frees a slot that left the cache again.
// So many frees follow that the slot's cache has given it back to its span.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "double free", .times = 1};

enum { NOTHERS = 20000 };

void crime_commit(void) {
    static void *others[NOTHERS];
    void *p = malloc(32);
    for (int i = 0; i < NOTHERS; i++) {
        others[i] = malloc(32);
    }
    free(p);
    for (int i = 0; i < NOTHERS; i += 2) {
        free(others[i]);
    }
    free(crime_alias(p));
}
