// early_test.c - allocation before any constructor has run, and after main.
//
// .preinit_array comes before every constructor, also those of libraries. What
// is allocated there is used in main and freed by a destructor.

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run_support.h"

static char *from_preinit;
static char *from_first_constructor;
static char *from_late_constructor;

static char *text_of(size_t size) {
    char *text = malloc(size);
    REQUIRE(text != NULL);
    memset(text, 'e', size);
    return text;
}

static void preinit(void) {
    char *passing = text_of(5000);
    from_preinit = text_of(100);
    free(passing);
    from_preinit = realloc(from_preinit, 100000);
    REQUIRE(from_preinit != NULL);
}

__attribute__((section(".preinit_array"),
               used)) static void (*const entry)(void) = preinit;

__attribute__((constructor(101))) static void first_constructor(void) {
    from_first_constructor = text_of(1 << 20);
}

__attribute__((constructor)) static void late_constructor(void) {
    from_late_constructor = calloc(1, 64);
}

__attribute__((destructor(101))) static void last_destructor(void) {
    REQUIRE(from_preinit[99] == 'e');
    free(from_preinit);
    free(from_first_constructor);
    free(from_late_constructor);
    free(text_of(1000));
}

static void at_exit(void) {
    free(text_of(300000));
}

int main(void) {
    REQUIRE(from_preinit != NULL && from_preinit[0] == 'e');
    REQUIRE(from_first_constructor[(1 << 20) - 1] == 'e');
    REQUIRE(from_late_constructor[63] == 0);
    REQUIRE(atexit(at_exit) == 0);
    return EXIT_SUCCESS;
}
