// double_free_exited_owner.c - frees twice what a thread left behind.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "double free", .times = 1};

static void *object;
static void *neighbour; // keeps the span from going back to the heap

static void make(void *arg) {
    (void)arg;
    object = malloc(160);
    neighbour = malloc(160);
}

void crime_commit(void) {
    crime_in_thread(make, NULL);
    free(object);
    free(crime_alias(object));
    free(neighbour);
}
