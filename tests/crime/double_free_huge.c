// double_free_huge.c - frees an object larger than an arena twice.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "free page", .times = 1};

void crime_commit(void) {
    void *p = malloc((size_t)100 << 20);
    free(p);
    free(crime_alias(p));
}
