// hardened_run.c - one mistake with memory, or none, by name, for
// hardened_test.py.
//
// Exits with 0 when nothing has stopped it.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// volatile: compilers know these two, and would warn, or leave out what is the
// test.
static void *(*volatile make)(size_t size) = malloc;
static void (*volatile drop)(void *p) = free;

static void write_behind_and_free(void) {
    char *p = make(24);
    p[24] = '\0';
    drop(p);
}

static void write_behind_and_keep(void) {
    char *p = make(4000);
    p[4000] = 'x';
}

static void write_after_free(void) {
    char *p = make(100);
    drop(p);
    p[50] = 'x';
}

static void write_behind_large(void) {
    char *p = make(256 << 10);
    p[256 << 10] = 'x';
}

static void write_after_free_large(void) {
    char *p = make(256 << 10);
    drop(p);
    p[1000] = 'x';
}

static void write_nothing(void) {
    char *p = make(0);
    *p = 'x';
}

static void make_none(void) {
    char *p = make(24);
    memset(p, 'x', 24);
    drop(p);
    drop(make(0));
    drop(make(256 << 10));
}

static void say_where(void) {
    void *p = make(24);
    (void)printf("%p\n", p);
    drop(p);
}

static const struct {
    const char *name;
    void (*commit)(void);
} mistakes[] = {
    {"behind", write_behind_and_free},
    {"behind_kept", write_behind_and_keep},
    {"stale", write_after_free},
    {"behind_large", write_behind_large},
    {"stale_large", write_after_free_large},
    {"nothing", write_nothing},
    {"none", make_none},
    {"where", say_where},
};

int main(int argc, char **argv) {
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
        if (argc == 2 && strcmp(argv[1], mistakes[i].name) == 0) {
            mistakes[i].commit();
            return 0;
        }
    }
    (void)fprintf(stderr, "usage: hardened_run MISTAKE\n");
    return 2;
}
