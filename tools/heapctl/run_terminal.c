// run_terminal.c - what the system says about our standard streams.

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tools/heapctl/terminal.h"
#include "tools/heapctl/units.h"

// Output wider than this helps nobody, and bounds the buffers of a line.
enum { WIDTH_MIN = 20, WIDTH_MAX = 1000, WIDTH_PLAIN = 80 };

struct hc_surroundings hc_surroundings_of(FILE *stream) {
    return (struct hc_surroundings){
        .terminal = isatty(fileno(stream)) == 1,
        .no_color = getenv("NO_COLOR"),
        .clicolor_force = getenv("CLICOLOR_FORCE"),
        .term = getenv("TERM"),
        .lc_all = getenv("LC_ALL"),
        .lc_ctype = getenv("LC_CTYPE"),
        .lang = getenv("LANG"),
    };
}

static unsigned within_limits(uint64_t columns) {
    return columns < WIDTH_MIN   ? WIDTH_MIN
           : columns > WIDTH_MAX ? WIDTH_MAX
                                 : (unsigned)columns;
}

unsigned hc_terminal_width(FILE *stream) {
    struct winsize size = {0};
    const char *columns = getenv("COLUMNS");
    uint64_t count;

    if (isatty(fileno(stream)) != 1) {
        return WIDTH_PLAIN;
    }
    if (columns != NULL && hc_parse_count(columns, &count) && count > 0) {
        return within_limits(count);
    }
    if (ioctl(fileno(stream), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        return WIDTH_PLAIN;
    }
    return within_limits(size.ws_col);
}

bool hc_stream_is_open(FILE *stream) {
    // Duplicating is the one question about a descriptor that changes nothing.
    int copy = dup(fileno(stream));

    if (copy < 0) {
        return false;
    }
    (void)close(copy);
    return true;
}
