// terminal.h - what stands at the other end of a stream, and how to paint it.

#ifndef MHEAP_TOOLS_HEAPCTL_TERMINAL_H
#define MHEAP_TOOLS_HEAPCTL_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

enum hc_color {
    HC_COLOR_AUTO,
    HC_COLOR_ALWAYS,
    HC_COLOR_NEVER,
};

// The environment a decision about output depends on; NULL when unset.
struct hc_surroundings {
    bool terminal; // the stream is one
    const char *no_color;
    const char *clicolor_force;
    const char *term;
    const char *lc_all, *lc_ctype, *lang;
};

// hc_surroundings_of asks the system about stream.
struct hc_surroundings hc_surroundings_of(FILE *stream);

// hc_wants_color applies the conventions: --color first, then NO_COLOR, then
// CLICOLOR_FORCE, then whether it is a terminal that is not dumb.
bool hc_wants_color(enum hc_color wish, const struct hc_surroundings *around);

// hc_is_utf8 reads the locale the way the C library would.
bool hc_is_utf8(const struct hc_surroundings *around);

// hc_terminal_width is the number of columns of stream, 80 when it is no
// terminal or does not say. COLUMNS overrides a terminal's own answer.
unsigned hc_terminal_width(FILE *stream);

// hc_stream_is_open: somebody gave us this stream to write to.
bool hc_stream_is_open(FILE *stream);

#endif // MHEAP_TOOLS_HEAPCTL_TERMINAL_H
