// drop_in_program.c - a program that knows nothing of mheap, to be run with the
// drop-in inserted: drop_in_program serves|twice|foreign. 0: all was well.

#include <malloc/malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                               \
    do {                                                               \
        if (!(condition)) {                                            \
            (void)printf("drop_in_program: not so: " #condition "\n"); \
            exit(1);                                                   \
        }                                                              \
    } while (0)

static int is_ours(void *p) {
    malloc_zone_t *zone = malloc_zone_from_ptr(p);

    return zone != NULL && strcmp(malloc_get_zone_name(zone), "mheap") == 0;
}

static void *allocate_and_end(void *arg) {
    (void)arg;
    char *kept = malloc(100);
    for (int i = 0; i < 1000; i++) {
        free(malloc((size_t)i * 10));
    }
    return kept;
}

static void serves(void) {
    char *p = malloc(100);
    CHECK(is_ours(p));
    CHECK(malloc_size(p) >= 100 && malloc_good_size(100) >= 100);
    memset(p, 'x', 100);
    p = realloc(p, 100000);
    CHECK(is_ours(p) && p[99] == 'x');
    p = reallocf(p, 10);
    CHECK(is_ours(p) && p[9] == 'x');
    free(p);
    char *zeroes = calloc(1000, 3);
    CHECK(is_ours(zeroes) && zeroes[0] == 0 && zeroes[2999] == 0);
    free(zeroes);
    void *aligned = NULL;
    CHECK(posix_memalign(&aligned, 4096, 10) == 0 && is_ours(aligned));
    CHECK(((size_t)aligned & 4095) == 0);
    free(aligned);
    aligned = valloc(10);
    CHECK(is_ours(aligned) && ((size_t)aligned & 4095) == 0);
    free(aligned);
    free(NULL);

    pthread_t thread;
    void *kept = NULL;
    CHECK(pthread_create(&thread, NULL, allocate_and_end, NULL) == 0);
    CHECK(pthread_join(thread, &kept) == 0 && is_ours(kept));
    free(kept);
}

static void twice(void) {
    void *p = malloc(100);

    free(p);
    free(p);
}

// Memory that the system allocated, and ours that it is to free.
static void foreign(void) {
    char *copy = strdup("foreign");
    CHECK(!is_ours(copy));
    CHECK(malloc_size(copy) >= 8);
    copy = realloc(copy, 1000);
    CHECK(!is_ours(copy) && strcmp(copy, "foreign") == 0);
    free(copy);

    void *p = malloc(100);
    malloc_zone_free(malloc_zone_from_ptr(p), p);
    CHECK(!is_ours(p));
}

int main(int argc, char **argv) {
    const char *act = argc == 2 ? argv[1] : "";

    if (strcmp(act, "twice") == 0) {
        twice();
    } else if (strcmp(act, "foreign") == 0) {
        foreign();
    } else {
        serves();
    }
    return 0;
}
