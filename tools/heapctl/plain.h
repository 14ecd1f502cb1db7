// plain.h - texts that others chose, such as the name of a process.

#ifndef MHEAP_TOOLS_HEAPCTL_PLAIN_H
#define MHEAP_TOOLS_HEAPCTL_PLAIN_H

#include <stddef.h>

// hc_utf8_length is the number of bytes of the UTF-8 character that text begins
// with; 0 if it begins with none. Overlong forms, surrogates and what lies
// beyond U+10FFFF are none.
size_t hc_utf8_length(const char *text);

// hc_plain copies text into plain, of size bytes, for people to read: what
// could steer a terminal (control characters, bytes that are no UTF-8) becomes
// a question mark each. Cut at the end of a character where it does not fit;
// the result is plain.
const char *hc_plain(char *plain, size_t size, const char *text);

#endif // MHEAP_TOOLS_HEAPCTL_PLAIN_H
