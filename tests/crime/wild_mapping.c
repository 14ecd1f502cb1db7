// wild_mapping.c - frees memory that mmap gave.

#include <stdlib.h>
#include <sys/mman.h>

#include "crime.h"

const struct crime crime = {.what = "wild pointer", .times = 1};

void crime_commit(void) {
    void *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    free(crime_alias(p));
}
