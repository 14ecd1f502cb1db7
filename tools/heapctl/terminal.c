// terminal.c - decisions about how output looks. What the system has to be
// asked is in run_terminal.c.

#include "tools/heapctl/terminal.h"

#include <string.h>

#include "tools/heapctl/units.h"

static bool is_set(const char *value) {
    return value != NULL && *value != '\0';
}

bool hc_wants_color(enum hc_color wish, const struct hc_surroundings *around) {
    if (wish != HC_COLOR_AUTO) {
        return wish == HC_COLOR_ALWAYS;
    }
    if (is_set(around->no_color)) {
        return false;
    }
    if (is_set(around->clicolor_force) &&
        strcmp(around->clicolor_force, "0") != 0) {
        return true;
    }
    return around->terminal && is_set(around->term) &&
           strcmp(around->term, "dumb") != 0;
}

static bool names_utf8(const char *locale) {
    for (; *locale != '\0'; locale++) {
        bool utf = hc_lower(locale[0]) == 'u' && hc_lower(locale[1]) == 't' &&
                   hc_lower(locale[2]) == 'f';
        if (utf) {
            return locale[3 + (locale[3] == '-' ? 1 : 0)] == '8';
        }
    }
    return false;
}

bool hc_is_utf8(const struct hc_surroundings *around) {
    const char *locale = is_set(around->lc_all)     ? around->lc_all
                         : is_set(around->lc_ctype) ? around->lc_ctype
                         : is_set(around->lang)     ? around->lang
                                                    : "C";

    return names_utf8(locale);
}
