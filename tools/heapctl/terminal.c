// terminal.c - decisions about how output looks. What the system has to be
// asked is in run_terminal.c.

#include "tools/heapctl/terminal.h"

#include <ctype.h>
#include <string.h>

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
        if (tolower((unsigned char)locale[0]) == 'u' &&
            tolower((unsigned char)locale[1]) == 't' &&
            tolower((unsigned char)locale[2]) == 'f') {
            return locale[3] == '8' || (locale[3] == '-' && locale[4] == '8');
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
