// units.c - sizes, counts and addresses as people write and read them.

#include "tools/heapctl/units.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const unit_names[] = {"B",   "KiB", "MiB", "GiB",
                                         "TiB", "PiB", "EiB"};

// A size in its unit. Rounding can reach the next one (1023.9 KiB is 1.00 MiB),
// so that is decided here, once.
static void scale(uint64_t bytes, double *value_out, size_t *unit_out) {
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 1023.5 && unit + 1 < sizeof(unit_names) / sizeof(char *)) {
        value /= 1024;
        unit++;
    }
    *value_out = value;
    *unit_out = unit;
}

const char *hc_format_bytes(char text[HC_UNIT_TEXT], uint64_t bytes,
                            bool exact) {
    double value;
    size_t unit;

    if (exact || bytes < 1024) {
        (void)snprintf(text, HC_UNIT_TEXT, "%" PRIu64 "%s", bytes,
                       exact ? "" : " B");
        return text;
    }
    scale(bytes, &value, &unit);
    int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    (void)snprintf(text, HC_UNIT_TEXT, "%.*f %s", decimals, value,
                   unit_names[unit]);
    return text;
}

const char *hc_format_signed_bytes(char text[HC_UNIT_TEXT], int64_t bytes,
                                   bool exact) {
    uint64_t size = bytes < 0 ? 0 - (uint64_t)bytes : (uint64_t)bytes;

    text[0] = bytes < 0 ? '-' : '+';
    // The longest size in words or digits leaves room for the sign.
    char rest[HC_UNIT_TEXT];
    size_t length = strlen(hc_format_bytes(rest, size, exact));
    length = length < HC_UNIT_TEXT - 2 ? length : HC_UNIT_TEXT - 2;
    memcpy(text + 1, rest, length);
    text[1 + length] = '\0';
    return bytes == 0 ? text + 1 : text;
}

const char *hc_format_count(char text[HC_UNIT_TEXT], uint64_t count) {
    char digits[HC_UNIT_TEXT];
    int ndigits = snprintf(digits, sizeof(digits), "%" PRIu64, count);
    size_t at = 0;

    for (int i = 0; i < ndigits; i++) {
        if (i > 0 && (ndigits - i) % 3 == 0) {
            text[at++] = ',';
        }
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return text;
}

const char *hc_format_percent(char text[HC_UNIT_TEXT], uint64_t part,
                              uint64_t whole) {
    if (whole == 0) {
        return "-";
    }
    (void)snprintf(text, HC_UNIT_TEXT, "%.1f %%",
                   100.0 * (double)part / (double)whole);
    return text;
}

const char *hc_format_address(char text[HC_UNIT_TEXT], uint64_t address) {
    (void)snprintf(text, HC_UNIT_TEXT, "0x%" PRIx64, address);
    return text;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static const char *scan_hex(const char *at, double *number_out) {
    double number = 0;

    for (; hex_digit(*at) >= 0; at++) {
        number = number * 16 + hex_digit(*at);
    }
    *number_out = number;
    return at;
}

static const char *scan_decimal(const char *at, double *number_out) {
    double number = 0, place = 1;

    for (; isdigit((unsigned char)*at); at++) {
        number = number * 10 + (*at - '0');
    }
    if (*at == '.' && isdigit((unsigned char)at[1])) {
        for (at++; isdigit((unsigned char)*at); at++) {
            place /= 10;
            number += (*at - '0') * place;
        }
    }
    *number_out = number;
    return at;
}

char hc_lower(char c) {
    static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char lower[] = "abcdefghijklmnopqrstuvwxyz";
    const char *at = strchr(upper, c);

    if (at == NULL || *at == '\0') {
        return c;
    }
    return lower[at - upper];
}

// The factor a unit stands for; 0 when it is none.
static double unit_factor(const char *unit, size_t length) {
    static const char letters[] = "kmgt";

    if (length == 0 || (length == 1 && hc_lower(*unit) == 'b')) {
        return 1;
    }
    const char *letter = strchr(letters, hc_lower(*unit));
    bool tail = length == 1 || (length == 3 && hc_lower(unit[1]) == 'i' &&
                                hc_lower(unit[2]) == 'b');
    return letter != NULL && tail ? ldexp(1, 10 * (int)(letter - letters + 1))
                                  : 0;
}

const char *hc_scan_number(const char *text, const char **end_out,
                           double *number_out) {
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    double number;

    *end_out = text;
    if (!isdigit((unsigned char)text[0])) {
        return "not a number";
    }
    if (hex && hex_digit(text[2]) < 0) {
        return "no digits after 0x";
    }
    const char *at =
        hex ? scan_hex(text + 2, &number) : scan_decimal(text, &number);
    if (*at == '%' && !hex) {
        *number_out = number / 100;
        *end_out = at + 1;
        return NULL;
    }

    size_t length = 0;
    while (isalnum((unsigned char)at[length]) || at[length] == '_') {
        length++;
    }
    double factor = unit_factor(at, length);
    *end_out = at;
    if (factor == 0) {
        return "unknown unit (B, K, KiB, M, MiB, G, GiB, T, TiB or %)";
    }
    *number_out = number * factor;
    *end_out = at + length;
    return NULL;
}

bool hc_parse_size(const char *text, uint64_t *bytes_out) {
    const char *end;
    double number;

    if (hc_scan_number(text, &end, &number) != NULL || *end != '\0' ||
        end[-1] == '%' || number >= 0x1p53 || floor(number) != number) {
        return false;
    }
    *bytes_out = (uint64_t)number;
    return true;
}

bool hc_parse_count(const char *text, uint64_t *count_out) {
    uint64_t count = 0;

    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (!isdigit((unsigned char)*text) ||
            count > (UINT64_MAX - (uint64_t)(*text - '0')) / 10) {
            return false;
        }
        count = count * 10 + (uint64_t)(*text - '0');
    }
    *count_out = count;
    return true;
}

bool hc_parse_address(const char *text, uint64_t *address_out) {
    uint64_t address = 0;

    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        text += 2;
    }
    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (hex_digit(*text) < 0 || address >> 60 != 0) {
            return false;
        }
        address = address << 4 | (uint64_t)hex_digit(*text);
    }
    *address_out = address;
    return true;
}
