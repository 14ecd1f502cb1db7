// run_terminal_windows.c - what the system says about our standard streams.

#include <io.h>
#include <stdlib.h>
#include <windows.h>

#include "tools/heapctl/terminal.h"
#include "tools/heapctl/units.h"

// Output wider than this helps nobody, and bounds the buffers of a line.
enum { WIDTH_MIN = 20, WIDTH_MAX = 1000, WIDTH_PLAIN = 80 };

static HANDLE handle_of(FILE *stream) {
    return (HANDLE)_get_osfhandle(_fileno(stream));
}

// Consoles of Windows 10 and later understand colours when they are told to,
// and show what LC_ALL and its like say that we print.
static bool is_console(FILE *stream) {
    DWORD mode;

    return GetConsoleMode(handle_of(stream), &mode) != 0;
}

struct hc_surroundings hc_surroundings_of(FILE *stream) {
    bool console = is_console(stream);
    DWORD mode = 0;
    bool colors = console && GetConsoleMode(handle_of(stream), &mode) != 0 &&
                  SetConsoleMode(handle_of(stream),
                                 mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING);

    return (struct hc_surroundings){
        .terminal = console,
        .no_color = getenv("NO_COLOR"),
        .clicolor_force = getenv("CLICOLOR_FORCE"),
        .term = colors ? "windows" : "dumb",
        .lc_all = getenv("LC_ALL"),
        .lc_ctype = getenv("LC_CTYPE"),
        .lang = getenv("LANG"),
    };
}

unsigned hc_terminal_width(FILE *stream) {
    CONSOLE_SCREEN_BUFFER_INFO info;
    const char *columns = getenv("COLUMNS");
    uint64_t count = WIDTH_PLAIN;

    if (!is_console(stream)) {
        return WIDTH_PLAIN;
    }
    if (columns == NULL || !hc_parse_count(columns, &count) || count == 0) {
        count = WIDTH_PLAIN;
        if (GetConsoleScreenBufferInfo(handle_of(stream), &info)) {
            count = (uint64_t)(info.srWindow.Right - info.srWindow.Left) + 1;
        }
    }
    return count < WIDTH_MIN   ? WIDTH_MIN
           : count > WIDTH_MAX ? WIDTH_MAX
                               : (unsigned)count;
}

bool hc_stream_is_open(FILE *stream) {
    int fd = _fileno(stream);

    return fd >= 0 && handle_of(stream) != INVALID_HANDLE_VALUE;
}
