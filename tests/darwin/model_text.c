// model_text.c - kinds of characters, and streams.
//
// A stream is the program's to pass on and never to look into, so the host's
// will do.

#include <ctype.h>
#include <math.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/darwin/model.h"

// struct _RuneLocale of <runetype.h>, as far as programs look into it, and the
// kinds of <_ctype.h>.
static struct __attribute__((packed)) {
    unsigned char before[60];
    uint32_t kinds[256];
    int32_t lower[256], upper[256];
} runes;

static const struct {
    int (*is)(int character);
    uint32_t kind;
} kinds[] = {{isalpha, 0x100},   {iscntrl, 0x200},  {isdigit, 0x400},
             {isgraph, 0x800},   {islower, 0x1000}, {ispunct, 0x2000},
             {isspace, 0x4000},  {isupper, 0x8000}, {isxdigit, 0x10000},
             {isblank, 0x20000}, {isprint, 0x40000}};

__attribute__((constructor)) static void know_characters(void) {
    for (int c = 0; c < 128; c++) {
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
            runes.kinds[c] |= kinds[i].is(c) ? kinds[i].kind : 0;
        }
        runes.lower[c] = tolower(c);
        runes.upper[c] = toupper(c);
    }
}

// Of what is beyond ASCII nothing is known.
static int d_maskrune(int character, unsigned long mask) {
    (void)character;
    (void)mask;
    return 0;
}

// No stream here is a terminal with a size.
static int d_ioctl(int fd, unsigned long request) {
    enum { NOT_A_TERMINAL = 25 };
    (void)fd;
    (void)request;
    return fail(NOT_A_TERMINAL);
}

// The name comes first in both systems' struct passwd, and only that is asked.
static void *d_getpwuid(unsigned uid) {
    return getpwuid(uid);
}

#define AS_IT_IS(name) \
    { #name, (void *)(name) }

const struct symbol text_symbols[] = {
    {"_DefaultRuneLocale", &runes},
    {"__maskrune", (void *)d_maskrune},
    {"ioctl", (void *)d_ioctl},
    {"getpwuid", (void *)d_getpwuid},
    {"__stdinp", &stdin},
    {"__stdoutp", &stdout},
    {"__stderrp", &stderr},
    AS_IT_IS(fclose),
    AS_IT_IS(fdopen),
    AS_IT_IS(ferror),
    AS_IT_IS(fflush),
    AS_IT_IS(fgets),
    AS_IT_IS(fileno),
    AS_IT_IS(fprintf),
    AS_IT_IS(fputc),
    AS_IT_IS(fputs),
    AS_IT_IS(fread),
    AS_IT_IS(fscanf),
    AS_IT_IS(fseek),
    AS_IT_IS(fwrite),
    AS_IT_IS(getchar),
    AS_IT_IS(isatty),
    {"ldexp", (void *)(double (*)(double, int))ldexp},
    AS_IT_IS(printf),
    AS_IT_IS(putchar),
    AS_IT_IS(puts),
    AS_IT_IS(qsort),
    AS_IT_IS(snprintf),
    AS_IT_IS(strchr),
    AS_IT_IS(strdup),
    AS_IT_IS(strerror),
    AS_IT_IS(strnlen),
    AS_IT_IS(strtol),
    AS_IT_IS(strtoul),
    AS_IT_IS(vfprintf),
    AS_IT_IS(vsnprintf),
    {NULL, NULL},
};
