// double_free_aligned_remote.c - an over-aligned object, across threads.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "double free", .times = 1};

void crime_commit(void) {
    void *p = NULL;
    if (posix_memalign(&p, 4096, 100) != 0) {
        return;
    }
    crime_in_thread(free, p);
    free(crime_alias(p));
}
