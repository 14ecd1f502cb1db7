// decode.h - numbers as another machine wrote them.

#ifndef MHEAP_INSPECT_DECODE_H
#define MHEAP_INSPECT_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// mh_decode reads an unsigned number of width bytes, 1 to 8, in the given byte
// order. 0 for any other width.
uint64_t mh_decode(const void *bytes, size_t width, bool big_endian);

// mh_decode_signed is the same for two's complement.
int64_t mh_decode_signed(const void *bytes, size_t width, bool big_endian);

// mh_decode_text copies a string of at most size bytes that need not end with a
// NUL into out, which always does, and replaces what a terminal should not get.
void mh_decode_text(const void *bytes, size_t size, char *out, size_t out_size);

// mh_decode_bit asks for bit i of an array of words of the given width, stride
// bytes apart, word 0 first and its lowest bit first.
bool mh_decode_bit(const void *words, size_t width, size_t stride,
                   bool big_endian, uint64_t i);

#endif // MHEAP_INSPECT_DECODE_H
