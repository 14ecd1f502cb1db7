// cmd_map.c - `heapctl map TARGET`: a picture of the heap, a glyph per cell.

#include <inttypes.h>

#include "tools/heapctl/cells.h"
#include "tools/heapctl/heapctl.h"
#include "tools/heapctl/json_out.h"
#include "tools/heapctl/plain.h"
#include "tools/heapctl/units.h"

enum {
    LABEL_WIDTH = 16, // "0xc000000000" and blanks
    FEW_LINES = 24,   // what the picture should fit, when it may choose
    LEVELS = 8,       // of occupancy
};

// How one kind looks: the glyph carries the meaning, colour only helps.
struct look {
    const char *utf8;
    const char *ascii;
    const char *color;
    const char *text;
};

static const struct look looks[MH_NKINDS] = {
    [MH_KIND_SMALL] = {"▁▂▃▄▅▆▇█", "01234567", "32",
                       "small objects, by share in use"},
    [MH_KIND_LARGE] = {"■", "L", "34", "large objects"},
    [MH_KIND_MANUAL] = {"▣", "M", "35", "manual pages"},
    [MH_KIND_PAGE_CACHE] = {"◍", "c", "36", "free pages a thread keeps"},
    [MH_KIND_PAGE_CACHE_RELEASED] = {"◌", "C", "36", "the same, given back"},
    [MH_KIND_FREE] = {"○", "o", "33", "free pages, kept"},
    [MH_KIND_RELEASED] = {"·", ".", "2", "free, given back or never used"},
    [MH_KIND_TAKEN] = {"?", "?", "31", "allocated, no stable span"},
    [MH_KIND_ROOM] = {"-", "-", "2", "reserved, not mapped"},
    [MH_KIND_FOREIGN] = {"x", "x", "2", "not mheap's"},
};

// Each block glyph is three bytes of UTF-8.
static const char *const blocks[LEVELS] = {"▁", "▂", "▃", "▄",
                                           "▅", "▆", "▇", "█"};

struct picture {
    struct hc_context *ctx;
    uint64_t cell;
    unsigned columns; // cells in a line
    unsigned column;  // the next one
    uint64_t address; // of the next cell
    uint64_t bytes[MH_NKINDS];
    bool rows_begun; // of JSON
};

static unsigned level_of(const struct hc_piece *piece) {
    if (piece->small_bytes == 0) {
        return 0;
    }
    uint64_t level = piece->used_bytes * LEVELS / piece->small_bytes;
    return level < LEVELS ? (unsigned)level : LEVELS - 1;
}

static void paint(struct hc_context *ctx, const struct look *look,
                  const char *glyph) {
    if (ctx->color) {
        (void)fprintf(ctx->out, "\033[%sm%s\033[0m", look->color, glyph);
    } else {
        (void)fputs(glyph, ctx->out);
    }
}

static void put_glyph(struct picture *picture, const struct hc_piece *piece) {
    const struct look *look = &looks[piece->kind];
    struct hc_context *ctx = picture->ctx;
    char digit[2] = {0};
    const char *glyph = ctx->utf8 ? look->utf8 : look->ascii;

    if (piece->kind == MH_KIND_SMALL) {
        digit[0] = looks[MH_KIND_SMALL].ascii[level_of(piece)];
        glyph = ctx->utf8 ? blocks[level_of(piece)] : digit;
    }
    paint(ctx, look, glyph);
}

static void put_cell(struct picture *picture, const struct hc_piece *piece) {
    FILE *out = picture->ctx->out;

    if (picture->column == 0) {
        char label[HC_UNIT_TEXT];
        (void)fprintf(out, "%-*s", LABEL_WIDTH,
                      hc_format_address(label, picture->address));
    }
    put_glyph(picture, piece);
    picture->address += picture->cell;
    if (++picture->column == picture->columns) {
        (void)fputc('\n', out);
        picture->column = 0;
    }
}

// Lines that are all alike are drawn once and counted.
static uint64_t skip_lines(struct picture *picture, uint64_t ncells) {
    char bytes[HC_UNIT_TEXT];

    if (picture->column != 0 || picture->columns == 0) {
        return 0;
    }
    uint64_t lines = ncells / picture->columns;
    if (lines < 2) {
        return 0;
    }
    uint64_t size = lines * picture->columns * picture->cell;
    (void)fprintf(picture->ctx->out,
                  "%-*s(%" PRIu64 " more line%s like this, %s)\n", LABEL_WIDTH,
                  "", lines, lines == 1 ? "" : "s",
                  hc_format_bytes(bytes, size, hc_is_exact(picture->ctx)));
    picture->address += size;
    return lines * picture->columns;
}

static void draw_piece(struct picture *picture, const struct hc_piece *piece) {
    uint64_t left = piece->ncells;
    bool whole_line = false;

    while (left > 0) {
        if (whole_line) {
            left -= skip_lines(picture, left);
        }
        // A line that this piece begins and fills may be followed by its like.
        bool begins = picture->column == 0 && left >= picture->columns;
        unsigned cells = left < picture->columns - picture->column
                             ? (unsigned)left
                             : picture->columns - picture->column;
        for (unsigned i = 0; i < cells; i++) {
            put_cell(picture, piece);
        }
        left -= cells;
        whole_line = begins;
    }
}

static void json_piece(struct picture *picture, const struct hc_piece *piece) {
    struct hc_json *object = hc_json_new_object();

    hc_json_address(object, "address", piece->base);
    hc_json_number(object, "cells", piece->ncells);
    hc_json_text(object, "kind", mh_view_kind_name(piece->kind));
    if (piece->kind == MH_KIND_SMALL) {
        hc_json_share(object, "occ", piece->used_bytes, piece->small_bytes);
    }
    (void)fputs(picture->rows_begun ? "," : "\n", picture->ctx->out);
    hc_json_print(picture->ctx->out, object);
    picture->rows_begun = true;
}

static void show_stretch(struct picture *picture, uint64_t base, uint64_t end) {
    struct hc_cells cells;
    struct hc_piece piece;

    picture->address = base;
    picture->column = 0;
    hc_cells_start(&cells, picture->ctx->view, base, end, picture->cell);
    while (hc_cells_next(&cells, &piece)) {
        if (hc_is_json(picture->ctx)) {
            json_piece(picture, &piece);
        } else {
            draw_piece(picture, &piece);
        }
    }
    if (picture->column != 0) {
        (void)fputc('\n', picture->ctx->out);
    }
}

// What of an extent is to be shown: all of it, or what one arena covers.
struct window {
    uint64_t base, end;
};

static struct window clip(struct window window, uint64_t base, uint64_t bytes) {
    struct window result = {
        base > window.base ? base : window.base,
        base + bytes < window.end ? base + bytes : window.end,
    };

    return result.base < result.end ? result : (struct window){0, 0};
}

static void count_kinds(struct picture *picture, struct window window) {
    const struct mh_view *view = picture->ctx->view;

    for (size_t i = 0; i < view->nruns; i++) {
        struct window part =
            clip(window, view->runs[i].base, view->runs[i].bytes);
        picture->bytes[view->runs[i].kind] += part.end - part.base;
    }
}

static void print_legend(struct picture *picture) {
    struct hc_context *ctx = picture->ctx;
    char bytes[HC_UNIT_TEXT];

    (void)fputc('\n', ctx->out);
    for (unsigned kind = 0; kind < MH_NKINDS; kind++) {
        const struct look *look = &looks[kind];
        if (picture->bytes[kind] == 0) {
            continue;
        }
        int pad = kind == MH_KIND_SMALL ? 0 : LEVELS - 1;
        (void)fputs("  ", ctx->out);
        paint(ctx, look, ctx->utf8 ? look->utf8 : look->ascii);
        (void)fprintf(
            ctx->out, "%*s  %*s  %s\n", pad, "", hc_is_exact(ctx) ? 14 : 8,
            hc_format_bytes(bytes, picture->bytes[kind], hc_is_exact(ctx)),
            look->text);
    }
}

// The smallest cell, from a page up, that leaves the picture few lines. What is
// reserved or given back folds into few lines anyway and does not count.
static uint64_t choose_cell(const struct picture *picture) {
    uint64_t busy = 0;
    uint64_t cell = UINT64_C(1) << picture->ctx->view->page_shift;

    for (unsigned kind = 0; kind < MH_NKINDS; kind++) {
        if (kind != MH_KIND_ROOM && kind != MH_KIND_RELEASED &&
            kind != MH_KIND_FOREIGN) {
            busy += picture->bytes[kind];
        }
    }
    while (busy / cell > (uint64_t)FEW_LINES * picture->columns) {
        cell *= 2;
    }
    return cell;
}

static int set_cell(struct picture *picture) {
    struct hc_context *ctx = picture->ctx;
    uint64_t page = UINT64_C(1) << ctx->view->page_shift;
    char text[HC_UNIT_TEXT];

    if (ctx->options.cell == 0) {
        picture->cell = choose_cell(picture);
        return HC_OK;
    }
    if (ctx->options.cell % page != 0) {
        return hc_error(ctx, HC_USAGE,
                        "--cell: it must be a multiple of a heap page, %s",
                        hc_format_bytes(text, page, false));
    }
    picture->cell = ctx->options.cell;
    return HC_OK;
}

static int find_window(struct hc_context *ctx, struct window *window_out) {
    const struct mh_view *view = ctx->view;

    *window_out = (struct window){0, UINT64_MAX};
    if ((ctx->options.given & HC_OPT_ARENA) == 0) {
        return HC_OK;
    }
    for (size_t i = 0; i < view->narenas; i++) {
        if (view->arenas[i].number == ctx->options.arena) {
            window_out->base = view->arenas[i].base;
            window_out->end = view->arenas[i].base + view->arenas[i].bytes;
            return HC_OK;
        }
    }
    return hc_error(ctx, HC_USAGE,
                    "--arena: there is no arena %" PRIu64
                    "; see heapctl arenas",
                    ctx->options.arena);
}

static void print_header(struct picture *picture) {
    struct hc_context *ctx = picture->ctx;
    char cell[HC_UNIT_TEXT], line[HC_UNIT_TEXT];
    char name[sizeof(ctx->process.name)];

    (void)fprintf(ctx->out, "%s (pid %" PRIu64 "): a cell is %s, a line %s\n\n",
                  hc_plain(name, sizeof(name), ctx->process.name),
                  ctx->process.pid,
                  hc_format_bytes(cell, picture->cell, hc_is_exact(ctx)),
                  hc_format_bytes(line, picture->cell * picture->columns,
                                  hc_is_exact(ctx)));
}

static void show_extents(struct picture *picture, struct window window) {
    const struct mh_view *view = picture->ctx->view;

    for (size_t i = 0; i < view->nextents; i++) {
        struct window part =
            clip(window, view->extents[i].base, view->extents[i].bytes);
        if (part.base < part.end) {
            show_stretch(picture, part.base, part.end);
        }
    }
}

static void print_json(struct picture *picture, struct window window) {
    struct hc_context *ctx = picture->ctx;
    struct hc_json *sums = hc_json_new_object();

    hc_json_begin(ctx, "map");
    (void)fprintf(ctx->out, "{\"cell_bytes\":%" PRIu64 ",\n\"rows\":[",
                  picture->cell);
    show_extents(picture, window);
    for (unsigned kind = 0; kind < MH_NKINDS; kind++) {
        hc_json_number(sums, mh_view_kind_name(kind), picture->bytes[kind]);
    }
    (void)fputs("],\n\"sum_bytes\":", ctx->out);
    hc_json_print(ctx->out, sums);
    (void)fputc('}', ctx->out);
    hc_json_end(ctx);
}

static int run_map(struct hc_context *ctx) {
    struct picture picture = {
        .ctx = ctx,
        .columns = (ctx->width - LABEL_WIDTH) / 8 * 8,
    };
    struct window window;
    int status = find_window(ctx, &window);

    if (picture.columns == 0) {
        picture.columns = 8;
    }
    if (status == HC_OK) {
        count_kinds(&picture, window);
        status = set_cell(&picture);
    }
    if (status != HC_OK) {
        return status;
    }
    if (hc_is_json(ctx)) {
        print_json(&picture, window);
        return HC_OK;
    }
    print_header(&picture);
    show_extents(&picture, window);
    print_legend(&picture);
    return HC_OK;
}

const struct hc_command hc_cmd_map = {
    .name = "map",
    .summary = "a picture of the heap in the terminal, page by page",
    .usage = "TARGET [--cell SIZE] [--arena N] [--ascii]",
    .help =
        "A cell has the glyph of what most of its bytes are; for spans of\n"
        "small objects its height (or digit) is the share in use, in eighths.\n"
        "Without --cell it is chosen so that the picture is short. Lines that\n"
        "repeat are drawn once and counted. Glyphs are ASCII with --ascii and\n"
        "where the locale is not UTF-8.\n"
        "\n"
        "examples:\n"
        "  heapctl map webd\n"
        "  heapctl map webd --cell 8K --arena 0\n"
        "  heapctl map webd --color always | less -R\n",
    .options = HC_OPTS_VIEW | HC_OPT_CELL | HC_OPT_ARENA | HC_OPT_ASCII,
    .wants_target = true,
    .max_words = 0,
    .run = run_map,
};
