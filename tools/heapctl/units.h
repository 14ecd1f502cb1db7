// units.h - sizes, counts and addresses as people write and read them.

#ifndef MHEAP_TOOLS_HEAPCTL_UNITS_H
#define MHEAP_TOOLS_HEAPCTL_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Room for any text the functions below make, with its end.
enum { HC_UNIT_TEXT = 48 };

// hc_format_bytes writes a size: in bytes and nothing else when exact, else in
// three or four digits of the largest binary unit that keeps a whole one, as in
// "512 B", "1.50 KiB", "78.1 MiB", "1023 GiB". Rounded to nearest. The result
// is text.
const char *hc_format_bytes(char text[HC_UNIT_TEXT], uint64_t bytes,
                            bool exact);

// hc_format_signed_bytes is the same for a difference, with its sign.
const char *hc_format_signed_bytes(char text[HC_UNIT_TEXT], int64_t bytes,
                                   bool exact);

// hc_format_count writes a number with a comma after every third digit.
const char *hc_format_count(char text[HC_UNIT_TEXT], uint64_t count);

// hc_format_percent writes part of whole as "12.3 %"; "-" of nothing.
const char *hc_format_percent(char text[HC_UNIT_TEXT], uint64_t part,
                              uint64_t whole);

// hc_format_address writes 0x and lower-case digits.
const char *hc_format_address(char text[HC_UNIT_TEXT], uint64_t address);

// hc_scan_number reads a number at the start of text: decimal, with a fraction,
// or hexadecimal after 0x; then, without a blank, one of the units B, K, KiB,
// M, MiB, G, GiB, T, TiB or %, in any case. *end_out is the character behind
// it. NULL when it read one; else what is wrong, and *end_out is where.
const char *hc_scan_number(const char *text, const char **end_out,
                           double *number_out);

// hc_lower is c in lower case, for ASCII letters; others stay.
char hc_lower(char c);

// hc_parse_size reads the whole of text as a size in bytes. Fractions are good
// when bytes come out whole (1.5K). False when it is no such thing.
bool hc_parse_size(const char *text, uint64_t *bytes_out);

// hc_parse_count reads the whole of text as a decimal number.
bool hc_parse_count(const char *text, uint64_t *count_out);

// hc_parse_address reads the whole of text as a hexadecimal address, with or
// without 0x.
bool hc_parse_address(const char *text, uint64_t *address_out);

#endif // MHEAP_TOOLS_HEAPCTL_UNITS_H
