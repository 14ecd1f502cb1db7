// plain.c - texts that others chose.

#include "tools/heapctl/plain.h"

#include <stdbool.h>
#include <string.h>

static bool is_between(char c, unsigned low, unsigned high) {
    return (unsigned char)c >= low && (unsigned char)c <= high;
}

// What may stand second narrows behind the first bytes that could otherwise
// begin an overlong form, a surrogate or a number too large.
static bool is_second(char first, char second) {
    unsigned low = 0x80, high = 0xbf;

    switch ((unsigned char)first) {
    case 0xe0:
        low = 0xa0;
        break;
    case 0xed:
        high = 0x9f;
        break;
    case 0xf0:
        low = 0x90;
        break;
    case 0xf4:
        high = 0x8f;
        break;
    default:
        break;
    }
    return is_between(second, low, high);
}

size_t hc_utf8_length(const char *text) {
    size_t length = is_between(*text, 0, 0x7f)      ? 1
                    : is_between(*text, 0xc2, 0xdf) ? 2
                    : is_between(*text, 0xe0, 0xef) ? 3
                    : is_between(*text, 0xf0, 0xf4) ? 4
                                                    : 0;

    if (length > 1 && !is_second(text[0], text[1])) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if (!is_between(text[i], 0x80, 0xbf)) {
            return 0;
        }
    }
    return length;
}

// The controls of ASCII, and those of ISO 6429 with eight bits.
static bool is_control(const char *text) {
    return is_between(*text, 0, 0x1f) || is_between(*text, 0x7f, 0x7f) ||
           (is_between(text[0], 0xc2, 0xc2) && is_between(text[1], 0x80, 0x9f));
}

const char *hc_plain(char *plain, size_t size, const char *text) {
    size_t at = 0;

    while (*text != '\0') {
        size_t length = hc_utf8_length(text);
        bool is_good = length != 0 && !is_control(text);
        size_t room = is_good ? length : 1;
        if (room >= size - at) {
            break;
        }
        memcpy(plain + at, is_good ? text : "?", room);
        at += room;
        text += length != 0 ? length : 1;
    }
    plain[at] = '\0';
    return plain;
}
