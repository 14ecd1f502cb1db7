// double_free_cached.c - frees a slot that lies deep in the cache.
// Checks that compare with the object freed last miss it.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "double free", .times = 1};

void crime_commit(void) {
    void *others[8];
    void *p = malloc(48);
    for (int i = 0; i < 8; i++) {
        others[i] = malloc(48);
    }
    free(p);
    for (int i = 0; i < 8; i++) {
        free(others[i]);
    }
    free(crime_alias(p));
}
