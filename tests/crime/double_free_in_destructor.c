// double_free_in_destructor.c - a thread frees twice while it ends.
// The destructor runs, rounds later, after the thread's cache has gone home.

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

#include "crime.h"

const struct crime crime = {.what = "double free", .times = 1};

static pthread_key_t key;
static int rounds;
static void *neighbour; // keeps the span from going back to the heap

static void at_exit(void *value) {
    if (++rounds < PTHREAD_DESTRUCTOR_ITERATIONS) {
        pthread_setspecific(key, value);
        return;
    }
    free(crime_alias(value));
}

static void end_with_value(void *arg) {
    (void)arg;
    void *p = malloc(80);
    neighbour = malloc(80);
    free(p);
    pthread_setspecific(key, p);
}

void crime_commit(void) {
    pthread_key_create(&key, at_exit);
    crime_in_thread(end_with_value, NULL);
    free(neighbour);
}
