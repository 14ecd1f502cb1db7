// own_malloc_test.c - a program with malloc, calloc, realloc and free of its
// own, and mheap loaded before the C library.
//
// These four are all that the C library asks of a replacement. Whatever else
// hands out memory for the program to free must have it from them.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run_support.h"

enum { POOL_BYTES = 4 << 20, HEADER = 16 };

static _Alignas(16) char pool[POOL_BYTES];
static size_t used;
static size_t frees;

// Objects are never used again; their sizes lie in front of them.
void *malloc(size_t size) {
    size_t whole = HEADER + (size + 15) / 16 * 16;
    char *block = pool + used;

    if (whole > POOL_BYTES - used) {
        return NULL;
    }
    used += whole;
    memcpy(block, &size, sizeof(size));
    return block + HEADER;
}

void free(void *p) {
    if (p != NULL) {
        REQUIRE((char *)p >= pool && (char *)p < pool + used);
        frees++;
    }
}

void *calloc(size_t n, size_t size) {
    return malloc(n * size); // the pool is zero, and never used again
}

void *realloc(void *p, size_t size) {
    void *to = malloc(size);
    size_t old = 0;

    if (p != NULL && to != NULL) {
        memcpy(&old, (char *)p - HEADER, sizeof(old));
        memcpy(to, p, old < size ? old : size);
        free(p);
    }
    return to;
}

static void require_own(const void *p) {
    REQUIRE((const char *)p >= pool && (const char *)p < pool + used);
}

static void arrays_are_of_the_program(void) {
    volatile size_t huge = SIZE_MAX / 2; // or the compiler sees it
    char *p = reallocarray(NULL, 10, 10);

    require_own(p);
    memset(p, 'x', 100);
    p = reallocarray(p, 1000, 10);
    require_own(p);
    REQUIRE(p[0] == 'x' && p[99] == 'x');
    p = realloc(p, 20000);
    require_own(p);
    free(p);
    REQUIRE(reallocarray(NULL, huge, 3) == NULL);
}

static void what_the_c_library_returns_is_of_the_program(void) {
    char *line = NULL, *copy = strdup("copy"), *text = NULL;
    size_t size = 0;
    FILE *file = fopen("/proc/self/maps", "r");

    REQUIRE(file != NULL);
    while (getline(&line, &size, file) > 0) {
    }
    REQUIRE(asprintf(&text, "%d", 5) == 1);
    require_own(line);
    require_own(copy);
    require_own(text);
    free(line);
    free(copy);
    free(text);
    (void)fclose(file);
}

int main(void) {
    arrays_are_of_the_program();
    what_the_c_library_returns_is_of_the_program();
    REQUIRE(frees >= 6);
    puts("all of it was the program's own");
    return EXIT_SUCCESS;
}
