// stack_in_thread.c - a thread frees a local variable of its own.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "stack address", .times = 1};

static void free_local(void *arg) {
    (void)arg;
    _Alignas(16) char local[64] = {0};
    free(crime_alias(local));
}

void crime_commit(void) {
    crime_in_thread(free_local, NULL);
}
