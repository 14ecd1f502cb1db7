// options.c - the few things a process may decide.

#include "core/heap/options.h"

#include <stddef.h>
#include <string.h>

#include "core/base/atomic.h"
#include "core/base/fmt.h"
#include "core/heap/bad_free.h"
#include "core/scav/scavenger.h"
#include "core/sys/limit.h"
#include "core/sys/sys.h"

struct word {
    const char *text;
    uint64_t value;
};

static const struct word scavenger_words[] = {
    {"off", MH_SCAV_OFF},
    {"calls", MH_SCAV_CALLS},
    {"thread", MH_SCAV_THREAD},
    {NULL, 0},
};

struct option {
    const char *variable;
    const struct word *words; // NULL: a number
    uint64_t least, most;
};

static const struct word bad_free_words[] = {
    {"abort", MH_ON_BAD_FREE_ABORT},
    {"count", MH_ON_BAD_FREE_COUNT},
    {"warn", MH_ON_BAD_FREE_WARN},
    {NULL, 0},
};

static const struct option options[MH_NOPTIONS] = {
    [MH_OPTION_BAD_FREE] = {"MHEAP_BAD_FREE", bad_free_words, 0,
                            MH_ON_BAD_FREE_WARN},
    [MH_OPTION_CACHE_BYTES] = {"MHEAP_CACHE_BYTES", NULL, 0, 1 << 20},
    [MH_OPTION_CACHE_TOTAL] = {"MHEAP_CACHE_TOTAL", NULL, 0, UINT64_MAX},
    [MH_OPTION_SCAVENGER] = {"MHEAP_SCAVENGER", scavenger_words, 0,
                             MH_SCAV_THREAD},
    [MH_OPTION_FIRST_OBJECTS] = {"MHEAP_FIRST_OBJECTS", NULL, 0, 1 << 20},
    [MH_OPTION_SOFT_LIMIT] = {"MHEAP_SOFT_LIMIT", NULL, 0, UINT64_MAX},
    [MH_OPTION_HARD_LIMIT] = {"MHEAP_HARD_LIMIT", NULL, 0, UINT64_MAX},
    [MH_OPTION_HARDENED] = {"MHEAP_HARDENED", NULL, 0, 1},
    [MH_OPTION_GUARD_BYTES] = {"MHEAP_GUARD_BYTES", NULL, 0, UINT64_MAX},
    [MH_OPTION_GUARD_REPORT] = {"MHEAP_GUARD_REPORT", NULL, 0, 1},
    [MH_OPTION_HUGE_PAGES] = {"MHEAP_HUGE_PAGES", NULL, 0, 1},
};

static uint64_t values[MH_NOPTIONS] = {
    [MH_OPTION_BAD_FREE] = MH_ON_BAD_FREE_ABORT,
    [MH_OPTION_CACHE_BYTES] = 32 << 10,
    [MH_OPTION_CACHE_TOTAL] = 64 << 20,
    [MH_OPTION_SCAVENGER] = MH_SCAV_CALLS,
    [MH_OPTION_FIRST_OBJECTS] = 16,
};

static bool set_in_code[MH_NOPTIONS];
static bool set_outside[MH_NOPTIONS]; // by the environment

uint64_t mh_option(enum mh_option option) {
    return MH_LOAD_RELAXED(&values[option]);
}

// The limits hold in a lower layer.
static void pass_on(unsigned option, uint64_t value) {
    if (option == MH_OPTION_SOFT_LIMIT) {
        MH_STORE_RELAXED(&mh_limits.soft, value);
    } else if (option == MH_OPTION_HARD_LIMIT) {
        MH_STORE_RELAXED(&mh_limits.hard, value);
    }
}

static bool store(unsigned option, uint64_t value) {
    if (value < options[option].least || value > options[option].most) {
        return false;
    }
    MH_STORE_RELAXED(&values[option], value);
    pass_on(option, value);
    return true;
}

bool mh_option_set(unsigned option, uint64_t value) {
    if (option >= MH_NOPTIONS || !store(option, value)) {
        return false;
    }
    set_in_code[option] = true;
    return true;
}

void mh_option_prefer(enum mh_option option, uint64_t value) {
    if (!set_in_code[option] && !set_outside[option]) {
        (void)store(option, value);
    }
}

// A number, with K, M or G behind the digits for powers of 1,024.
static bool parse_size(const char *text, uint64_t *value_out) {
    uint64_t value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    static const char units[] = "KMG";
    const char *unit = *at == '\0' ? NULL : strchr(units, *at);
    unsigned shift = unit == NULL ? 0 : 10 * (unsigned)(unit - units + 1);
    bool whole = at != text && (unit == NULL ? *at : at[1]) == '\0';
    if (!whole || value > UINT64_MAX >> shift) {
        return false;
    }
    *value_out = value << shift;
    return true;
}

static bool parse_word(const struct word *words, const char *text,
                       uint64_t *value_out) {
    for (; words->text != NULL; words++) {
        if (strcmp(words->text, text) == 0) {
            *value_out = words->value;
            return true;
        }
    }
    return false;
}

static void complain(const char *variable) {
    char buffer[128];
    struct mh_text text = mh_text_start(buffer, sizeof(buffer));
    mh_text_str(&text, "mheap: warning: ");
    mh_text_str(&text, variable);
    mh_text_str(&text, " has a value that is not understood; ignored\n");
    mh_sys_say(buffer, text.len);
}

void mh_options_read(void) {
    for (unsigned i = 0; i < MH_NOPTIONS; i++) {
        const char *text = mh_sys_option(options[i].variable);
        uint64_t value = 0;
        if (text == NULL || set_in_code[i]) {
            continue;
        }
        bool understood = options[i].words != NULL
                              ? parse_word(options[i].words, text, &value)
                              : parse_size(text, &value);
        set_outside[i] = understood && store(i, value);
        if (!set_outside[i]) {
            complain(options[i].variable);
        }
    }
}
