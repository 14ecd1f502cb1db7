// double_free_thread_after_fork.c - a child frees a lost thread's object twice.
// Only the forking thread lives on in the child. The other's object is alive,
// may be freed once, and must then be as free as any.

#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "double free", .times = 1};

static void *object;
static void *neighbour; // keeps the span from going back to the heap

static void make(void *arg) {
    (void)arg;
    object = malloc(72);
    neighbour = malloc(72);
}

void crime_commit(void) {
    crime_then_park(make, NULL);
    crime_in_child();
    free(object);
    free(crime_alias(object));
    free(neighbour);
}
