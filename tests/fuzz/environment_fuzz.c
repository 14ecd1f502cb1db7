// environment_fuzz.c - what the environment says, against the C library.
//
// Every eight bytes are one value of one variable: the first picks the
// variable, the second how its text is made of the rest: digits, a unit, a word
// of the option, or any characters at all. What mheap makes of it must be what
// the table below and the C library say; a text that is none leaves the value
// as it was and is told in one line.

#include <errno.h>
#include <string.h>

#include "core/heap/options.h"
#include "tests/fuzz/fuzz_main.h"
#include "tests/support/expect.h"

struct variable {
    const char *name;
    const char *words[3]; // of their index as value; none: a size
    uint64_t most;
};

static const struct variable variables[MH_NOPTIONS] = {
    {"MHEAP_BAD_FREE", {"abort", "count", "warn"}, 2},
    {"MHEAP_CACHE_BYTES", {NULL}, 1 << 20},
    {"MHEAP_CACHE_TOTAL", {NULL}, UINT64_MAX},
    {"MHEAP_SCAVENGER", {"off", "calls", "thread"}, 2},
    {"MHEAP_FIRST_OBJECTS", {NULL}, 1 << 20},
    {"MHEAP_SOFT_LIMIT", {NULL}, UINT64_MAX},
    {"MHEAP_HARD_LIMIT", {NULL}, UINT64_MAX},
    {"MHEAP_HARDENED", {NULL}, 1},
    {"MHEAP_GUARD_BYTES", {NULL}, UINT64_MAX},
    {"MHEAP_GUARD_REPORT", {NULL}, 1},
    {"MHEAP_HUGE_PAGES", {NULL}, 1},
};

static bool is_word(const struct variable *v, const char *text,
                    uint64_t *value_out) {
    for (uint64_t i = 0; i < 3; i++) {
        if (strcmp(v->words[i], text) == 0) {
            *value_out = i;
            return true;
        }
    }
    return false;
}

// The C library takes spaces, signs and less than the whole text, too.
static bool is_size(const char *text, uint64_t *value_out) {
    static const char units[] = "KMG";
    char *end = NULL;
    unsigned shift = 0;

    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (*end != '\0' && strchr(units, *end) != NULL) {
        shift = 10 * (unsigned)(1 + strchr(units, *end) - units);
        end++;
    }
    *value_out = value << shift;
    return errno == 0 && *end == '\0' && *value_out >> shift == value;
}

static bool is_understood(const struct variable *v, const char *text,
                          uint64_t *value_out) {
    return (v->words[0] == NULL ? is_size(text, value_out)
                                : is_word(v, text, value_out)) &&
           *value_out <= v->most;
}

// A number of 40 bits, of which as many as byte 7 says are dropped, or one at
// the end of all numbers; a tenth of that, and a digit, may be just too large.
static void put_number(char *text, size_t size, const uint8_t *op) {
    static const char *const units[] = {"", "K", "M", "G", "T", "k", "KK", "B"};
    uint64_t number = 0;
    bool digit = op[7] % 4 == 1 || op[1] / 32 == 7;
    memcpy(&number, op + 2, 5);
    if (op[7] % 4 == 0) {
        number = (UINT64_MAX - number % 32) >> op[7] / 4 % 48;
    } else if (op[7] % 4 == 1) {
        number = UINT64_MAX / 10 + 2 - number % 5;
    } else {
        number >>= op[7] / 4 % 48;
    }
    (void)snprintf(text, size, "%s%" PRIu64 "%.*s%s",
                   op[1] / 8 % 4 == 0 ? "00" : "", number, digit,
                   &"0123456789"[op[6] % 10], units[op[1] % 8]);
}

static void make_text(char *text, size_t size, const struct variable *v,
                      const uint8_t *op) {
    if (op[1] % 16 == 15) {
        memcpy(text, op + 2, 6);
        text[6] = '\0';
    } else if (v->words[0] != NULL && op[1] % 16 < 12) {
        (void)snprintf(text, size, "%s%.*s", v->words[op[2] % 3],
                       op[3] % 16 / 8, "s");
    } else {
        put_number(text, size, op);
    }
}

static void try_value(const uint8_t *op) {
    unsigned option = op[0] % MH_NOPTIONS;
    const struct variable *v = &variables[option];
    char text[64], said[512];
    uint64_t expected = 0, was = mh_option((enum mh_option)option);

    make_text(text, sizeof(text), v, op);
    bool understood = is_understood(v, text, &expected);
    mh_set_variable(v->name, text);
    mh_error_of(mh_options_read, said, sizeof(said));
    mh_set_variable(v->name, NULL);
    FUZZ_REQUIRE(mh_option((enum mh_option)option) ==
                 (understood ? expected : was));
    if (understood) {
        FUZZ_REQUIRE(said[0] == '\0');
    } else {
        FUZZ_REQUIRE(strncmp(said, "mheap: warning: ", 16) == 0);
        FUZZ_REQUIRE(strstr(said, v->name) != NULL);
        FUZZ_REQUIRE(strchr(said, '\n') == said + strlen(said) - 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    for (size_t i = 0; i + FUZZ_STEP <= size; i += FUZZ_STEP) {
        try_value(data + i);
    }
    return 0;
}
