// fmt.c - text into a fixed buffer.

#include "core/base/fmt.h"

#include <string.h>

#include "core/base/assert.h"

enum { DIGITS_MAX = 20 }; // of a 64-bit number, in decimal

struct mh_text mh_text_start(char *buf, size_t size) {
    MH_ASSERT(size > 0);
    buf[0] = '\0';
    return (struct mh_text){buf, size, 0};
}

void mh_text_bytes(struct mh_text *text, const char *bytes, size_t n) {
    size_t room = text->size - 1 - text->len;

    MH_ASSERT(text->len < text->size);
    if (n > room) {
        n = room;
    }
    memcpy(text->buf + text->len, bytes, n);
    text->len += n;
    text->buf[text->len] = '\0';
}

void mh_text_str(struct mh_text *text, const char *str) {
    mh_text_bytes(text, str, strlen(str));
}

static void append_number(struct mh_text *text, uint64_t n, unsigned radix) {
    char digits[DIGITS_MAX];
    size_t at = sizeof(digits);

    do {
        digits[--at] = "0123456789abcdef"[n % radix];
        n /= radix;
    } while (n != 0);
    mh_text_bytes(text, digits + at, sizeof(digits) - at);
}

void mh_text_dec(struct mh_text *text, uint64_t n) {
    append_number(text, n, 10);
}

void mh_text_hex(struct mh_text *text, uint64_t n) {
    mh_text_str(text, "0x");
    append_number(text, n, 16);
}
