// decode.c - numbers as another machine wrote them.

#include "inspect/decode.h"

#include <string.h>

// Eight bytes at once: most of a heap's metadata are bit words. Compilers make
// one load of this, on machines of either byte order.
static uint64_t decode_little(const unsigned char *at) {
    return (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 |
           (uint64_t)at[3] << 24 | (uint64_t)at[4] << 32 |
           (uint64_t)at[5] << 40 | (uint64_t)at[6] << 48 |
           (uint64_t)at[7] << 56;
}

uint64_t mh_decode(const void *bytes, size_t width, bool big_endian) {
    const unsigned char *at = bytes;
    uint64_t number = 0;

    if (width == sizeof(number) && !big_endian) {
        return decode_little(at);
    }
    if (width > sizeof(number)) {
        return 0;
    }
    for (size_t i = 0; i < width; i++) {
        number = number << 8 | at[big_endian ? i : width - 1 - i];
    }
    return number;
}

int64_t mh_decode_signed(const void *bytes, size_t width, bool big_endian) {
    uint64_t number = mh_decode(bytes, width, big_endian);

    if (width == 0 || width >= sizeof(number)) {
        return (int64_t)number;
    }
    uint64_t sign = UINT64_C(1) << (8 * width - 1);
    return (int64_t)((number ^ sign) - sign);
}

void mh_decode_text(const void *bytes, size_t size, char *out,
                    size_t out_size) {
    const unsigned char *at = bytes;
    size_t n = 0;

    while (n < size && n + 1 < out_size && at[n] != 0) {
        bool printable = at[n] >= 0x20 && at[n] < 0x7f;
        out[n] = '?';
        if (printable) {
            memcpy(&out[n], &at[n], 1);
        }
        n++;
    }
    out[n] = '\0';
}

bool mh_decode_bit(const void *words, size_t width, size_t stride,
                   bool big_endian, uint64_t i) {
    uint64_t per_word = 8 * (uint64_t)width;
    const unsigned char *word = words;

    word += (i / per_word) * stride;
    return (mh_decode(word, width, big_endian) >> (i % per_word) & 1) != 0;
}
