// double_free_after_fork.c - a child frees what its parent had freed.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "double free", .times = 1};

void crime_commit(void) {
    void *p = malloc(64);
    free(p);
    crime_in_child();
    free(crime_alias(p));
}
