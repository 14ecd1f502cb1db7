// cmd_arenas.c - `heapctl arenas TARGET`: one line per arena, by what its
// addresses are.

#include "tools/heapctl/json_out.h"
#include "tools/heapctl/rows.h"

#define ARENA_FIELD(name, expression)                                  \
    static double field_##name(const void *context, const void *row) { \
        const struct mh_view_arena *arena = row;                       \
        (void)context;                                                 \
        return (double)(expression);                                   \
    }
ARENA_FIELD(base, arena->base)
ARENA_FIELD(arena, arena->number)
ARENA_FIELD(size, arena->bytes)
ARENA_FIELD(spans, arena->nspans)
ARENA_FIELD(used, arena->used_bytes)
ARENA_FIELD(occ, arena->in_spans != 0
                     ? (double)arena->used_bytes / (double)arena->in_spans
                     : 0)
ARENA_FIELD(in_spans, arena->in_spans)
ARENA_FIELD(page_caches, arena->page_caches)
ARENA_FIELD(kept, arena->free_kept)
ARENA_FIELD(released, arena->released)
ARENA_FIELD(taken, arena->taken)
ARENA_FIELD(room, arena->room)
ARENA_FIELD(foreign, arena->foreign)
ARENA_FIELD(metadata, arena->metadata_bytes)
ARENA_FIELD(resident, arena->resident)
ARENA_FIELD(unstable, arena->unstable)

static const struct hc_field fields[] = {
    {"base", field_base, NULL},
    {"arena", field_arena, NULL},
    {"size", field_size, NULL},
    {"spans", field_spans, NULL},
    {"used", field_used, NULL},
    {"occ", field_occ, NULL},
    {"in_spans", field_in_spans, NULL},
    {"page_caches", field_page_caches, NULL},
    {"kept", field_kept, NULL},
    {"released", field_released, NULL},
    {"taken", field_taken, NULL},
    {"room", field_room, NULL},
    {"foreign", field_foreign, NULL},
    {"metadata", field_metadata, NULL},
    {"resident", field_resident, NULL},
    {"unstable", field_unstable, NULL},
};

static const struct hc_column columns[] = {
    {"BASE", HC_LEFT, 14},     {"ARENA", HC_RIGHT, 5},  {"SIZE", HC_RIGHT, 0},
    {"IN-SPANS", HC_RIGHT, 0}, {"CACHES", HC_RIGHT, 0}, {"KEPT", HC_RIGHT, 0},
    {"RELEASED", HC_RIGHT, 0}, {"TAKEN", HC_RIGHT, 0},  {"ROOM", HC_RIGHT, 0},
    {"FOREIGN", HC_RIGHT, 0},  {"USED", HC_RIGHT, 0},   {"SPANS", HC_RIGHT, 6},
    {"RESIDENT", HC_RIGHT, 0},
};

enum {
    SIZE,
    IN_SPANS,
    CACHES,
    KEPT,
    RELEASED,
    TAKEN,
    ROOM,
    FOREIGN,
    USED,
    SPANS,
    RESIDENT,
};

static const void *row_of(const void *context, size_t i) {
    return &((const struct mh_view *)context)->arenas[i];
}

// The figures of an arena, in the order of the sums.
static void figures_of(const struct mh_view_arena *arena,
                       uint64_t figures[HC_SUMS]) {
    figures[SIZE] = arena->bytes;
    figures[IN_SPANS] = arena->in_spans;
    figures[CACHES] = arena->page_caches;
    figures[KEPT] = arena->free_kept;
    figures[RELEASED] = arena->released;
    figures[TAKEN] = arena->taken;
    figures[ROOM] = arena->room;
    figures[FOREIGN] = arena->foreign;
    figures[USED] = arena->used_bytes;
    figures[SPANS] = arena->nspans;
    figures[RESIDENT] = arena->resident;
}

static void print_figures(struct hc_table *table,
                          const uint64_t figures[HC_SUMS]) {
    for (int i = SIZE; i <= USED; i++) {
        hc_table_size(table, figures[i]);
    }
    hc_table_count(table, figures[SPANS]);
    hc_table_size(table, figures[RESIDENT]);
}

static void json_figures(struct hc_json *object,
                         const uint64_t figures[HC_SUMS]) {
    hc_json_number(object, "bytes", figures[SIZE]);
    hc_json_number(object, "in_spans_bytes", figures[IN_SPANS]);
    hc_json_number(object, "page_caches_bytes", figures[CACHES]);
    hc_json_number(object, "free_kept_bytes", figures[KEPT]);
    hc_json_number(object, "released_bytes", figures[RELEASED]);
    hc_json_number(object, "taken_bytes", figures[TAKEN]);
    hc_json_number(object, "room_bytes", figures[ROOM]);
    hc_json_number(object, "foreign_bytes", figures[FOREIGN]);
    hc_json_number(object, "used_bytes", figures[USED]);
    hc_json_number(object, "spans", figures[SPANS]);
}

static void print(const struct hc_context *ctx, struct hc_table *table,
                  const void *row) {
    const struct mh_view_arena *arena = row;
    uint64_t figures[HC_SUMS];

    (void)ctx;
    figures_of(arena, figures);
    hc_table_address(table, arena->base);
    hc_table_count(table, arena->number);
    print_figures(table, figures);
}

static void json(const struct hc_context *ctx, struct hc_json *object,
                 const void *row) {
    const struct mh_view_arena *arena = row;
    uint64_t figures[HC_SUMS];

    figures_of(arena, figures);
    hc_json_address(object, "base", arena->base);
    hc_json_number(object, "arena", arena->number);
    json_figures(object, figures);
    if (ctx->view->has_residency) {
        hc_json_number(object, "resident_bytes", arena->resident);
    }
    hc_json_address(object, "record", arena->record);
    hc_json_number(object, "metadata_bytes", arena->metadata_bytes);
    hc_json_number(object, "spans_made", arena->spans_made);
    hc_json_number(object, "unstable_spans", arena->unstable);
}

static void add(struct hc_sums *sums, const void *row) {
    uint64_t figures[HC_SUMS];

    figures_of(row, figures);
    for (int i = SIZE; i <= RESIDENT; i++) {
        sums->of[i] += figures[i];
    }
}

static void print_sums(struct hc_table *table, const struct hc_sums *sums,
                       const char *label) {
    hc_table_text(table, label);
    hc_table_count(table, sums->rows);
    print_figures(table, sums->of);
}

static void json_sums(struct hc_json *object, const struct hc_sums *sums) {
    json_figures(object, sums->of);
}

static int run_arenas(struct hc_context *ctx) {
    const struct hc_set set = {
        .kind = "arenas",
        .fields = {fields, sizeof(fields) / sizeof(fields[0]), ctx->view},
        .columns = columns,
        .ncolumns = sizeof(columns) / sizeof(columns[0]),
        .nrows = ctx->view->narenas,
        .row = row_of,
        .print = print,
        .json = json,
        .add = add,
        .print_sums = print_sums,
        .json_sums = json_sums,
    };

    return hc_set_show(ctx, &set);
}

const struct hc_command hc_cmd_arenas = {
    .name = "arenas",
    .summary = "one line per arena: what its addresses are used for",
    .usage = "TARGET [--where EXPR] [--sort KEYS] [--top N]",
    .help =
        "IN-SPANS + CACHES + KEPT + RELEASED + TAKEN + ROOM + FOREIGN = SIZE.\n"
        "CACHES are free pages that threads keep; KEPT are free pages of the\n"
        "heap; RELEASED ones were given back to the system or never used;\n"
        "TAKEN are allocated but in no span that held still; ROOM is reserved\n"
        "and not mapped; FOREIGN is not mheap's. USED is what the program has\n"
        "in the spans that begin in the arena.\n"
        "\n"
        "fields: base arena size spans used occ in_spans page_caches kept\n"
        "released taken room foreign metadata resident unstable\n"
        "\n"
        "examples:\n"
        "  heapctl arenas webd\n"
        "  heapctl arenas webd --where 'occ < 10%' --sort -resident\n",
    .options = HC_OPTS_ROWS,
    .wants_target = true,
    .wants_residency = true,
    .max_words = 0,
    .run = run_arenas,
};
