// wild_static.c - frees a variable and a string.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "wild pointer", .times = 2};

static _Alignas(64) char variable[256];

void crime_commit(void) {
    static _Alignas(64) const char text[] = "not from malloc";
    free(crime_alias(variable));
    free(crime_alias((void *)(size_t)text));
}
