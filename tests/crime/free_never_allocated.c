// free_never_allocated.c - frees a slot that nobody has had.
// Objects of one span lie one behind another, so the slot behind the last one
// handed out, or the one before the first, has not been handed out yet.

#include <stdint.h>
#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "double free", .times = 1};

void crime_commit(void) {
    char *p = malloc(2048);
    char *q = malloc(2048);
    // One of them may have been sampled, and lie alone.
    while (q - p != 2048 && p - q != 2048) {
        free(p);
        p = q;
        q = malloc(2048);
    }
    free(crime_at(q > p ? q : p, 2048));
    free(p);
    free(q);
}
