// fmt.h - text into a fixed buffer, without the C library's stdio.
//
// For messages written from inside malloc, where stdio may allocate, lock or
// look at a locale. Text that does not fit is cut; the buffer always ends with
// a zero byte.

#ifndef MHEAP_CORE_BASE_FMT_H
#define MHEAP_CORE_BASE_FMT_H

#include <stddef.h>
#include <stdint.h>

struct mh_text {
    char *buf;   // the caller's
    size_t size; // of buf, with the final zero byte; at least 1
    size_t len;  // bytes of text so far, < size
};

// mh_text_start makes an empty text in the caller's buffer.
struct mh_text mh_text_start(char *buf, size_t size);

// mh_text_str appends a string, mh_text_bytes exactly n bytes.
void mh_text_str(struct mh_text *text, const char *str);
void mh_text_bytes(struct mh_text *text, const char *bytes, size_t n);

// mh_text_dec appends n in decimal.
void mh_text_dec(struct mh_text *text, uint64_t n);

// mh_text_hex appends n as 0x and lower-case digits, without leading zeroes.
void mh_text_hex(struct mh_text *text, uint64_t n);

#endif // MHEAP_CORE_BASE_FMT_H
