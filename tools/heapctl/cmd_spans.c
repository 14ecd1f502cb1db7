// cmd_spans.c - `heapctl spans TARGET`: one line per span.

#include "tools/heapctl/json_out.h"
#include "tools/heapctl/rows.h"
#include "tools/heapctl/span_row.h"

const char *hc_span_state(const struct mh_view_span *span) {
    if (span->state == MH_VIEW_SPAN_MANUAL) {
        return "manual";
    }
    if (span->slot_size == 0) {
        return "large";
    }
    if (span->list == MH_VIEW_LIST_CENTRAL) {
        return "central";
    }
    if (span->list == MH_VIEW_LIST_PARTIAL) {
        return "partial";
    }
    return span->free == 0 ? "full" : "current";
}

uint32_t hc_span_owner(const struct mh_view_span *span) {
    return span->cache == MH_VIEW_NO_CACHE ? 0 : span->owner;
}

uint64_t hc_span_used_bytes(const struct mh_view_span *span) {
    return span->used * mh_view_object_size(span);
}

static uint64_t pages_of(const struct mh_view *view,
                         const struct mh_view_span *span) {
    return span->bytes >> view->page_shift;
}

static uint64_t arena_of(const struct mh_view *view,
                         const struct mh_view_span *span) {
    return view->arenas[span->arena].number;
}

#define SPAN_FIELD(name, expression)                                   \
    static double field_##name(const void *context, const void *row) { \
        const struct mh_view_span *span = row;                         \
        (void)context;                                                 \
        return (double)(expression);                                   \
    }
SPAN_FIELD(base, span->base)
SPAN_FIELD(class, span->size_class)
SPAN_FIELD(size, mh_view_object_size(span))
SPAN_FIELD(occ, span->nslots != 0 ? (double)span->used / span->nslots : 0)
SPAN_FIELD(heap, span->heap)
SPAN_FIELD(arena, arena_of(context, span))
SPAN_FIELD(owner, hc_span_owner(span))
SPAN_FIELD(pages, pages_of(context, span))
SPAN_FIELD(bytes, span->bytes)
SPAN_FIELD(slots, span->nslots)
SPAN_FIELD(used, span->used)
SPAN_FIELD(pending, span->pending)
SPAN_FIELD(free, span->free)
SPAN_FIELD(cached, span->cached)
SPAN_FIELD(resident, span->resident)
SPAN_FIELD(birth, span->birth)

static const char *field_state(const void *context, const void *row) {
    (void)context;
    return hc_span_state(row);
}

static const struct hc_field fields[] = {
    {"base", field_base, NULL},       {"class", field_class, NULL},
    {"size", field_size, NULL},       {"occ", field_occ, NULL},
    {"state", NULL, field_state},     {"heap", field_heap, NULL},
    {"arena", field_arena, NULL},     {"owner", field_owner, NULL},
    {"pages", field_pages, NULL},     {"bytes", field_bytes, NULL},
    {"slots", field_slots, NULL},     {"used", field_used, NULL},
    {"pending", field_pending, NULL}, {"free", field_free, NULL},
    {"cached", field_cached, NULL},   {"resident", field_resident, NULL},
    {"birth", field_birth, NULL},
};

static const struct hc_column columns[] = {
    {"BASE", HC_LEFT, 14},     {"CLASS", HC_RIGHT, 5},
    {"SIZE", HC_RIGHT, 0},     {"BYTES", HC_RIGHT, 0},
    {"SLOTS", HC_RIGHT, 5},    {"USED", HC_RIGHT, 5},
    {"PENDING", HC_RIGHT, 7},  {"CACHED", HC_RIGHT, 6},
    {"FREE", HC_RIGHT, 5},     {"OCC", HC_RIGHT, 7},
    {"STATE", HC_LEFT, 7},     {"OWNER", HC_RIGHT, 5},
    {"HEAP", HC_RIGHT, 4},     {"ARENA", HC_RIGHT, 5},
    {"RESIDENT", HC_RIGHT, 0},
};

enum { BYTES, SLOTS, USED, PENDING, CACHED, FREE, RESIDENT };

static const void *row_of(const void *context, size_t i) {
    return &((const struct mh_view *)context)->spans[i];
}

static void print(const struct hc_context *ctx, struct hc_table *table,
                  const void *row) {
    const struct mh_view_span *span = row;

    hc_table_address(table, span->base);
    hc_table_count(table, span->size_class);
    hc_table_size(table, mh_view_object_size(span));
    hc_table_size(table, span->bytes);
    hc_table_count(table, span->nslots);
    hc_table_count(table, span->used);
    hc_table_count(table, span->pending);
    hc_table_count(table, span->cached);
    hc_table_count(table, span->free);
    hc_table_share(table, span->used, span->nslots);
    hc_table_text(table, hc_span_state(span));
    if (hc_span_owner(span) != 0) {
        hc_table_count(table, hc_span_owner(span));
    } else {
        hc_table_text(table, "-");
    }
    hc_table_count(table, span->heap);
    hc_table_count(table, arena_of(ctx->view, span));
    hc_table_size(table, span->resident);
}

static void json(const struct hc_context *ctx, struct hc_json *object,
                 const void *row) {
    const struct mh_view_span *span = row;

    hc_json_address(object, "base", span->base);
    hc_json_number(object, "class", span->size_class);
    hc_json_number(object, "object_bytes", mh_view_object_size(span));
    hc_json_number(object, "bytes", span->bytes);
    hc_json_number(object, "pages", pages_of(ctx->view, span));
    hc_json_number(object, "slots", span->nslots);
    hc_json_number(object, "used", span->used);
    hc_json_number(object, "pending", span->pending);
    hc_json_number(object, "cached", span->cached);
    hc_json_number(object, "free", span->free);
    hc_json_share(object, "occ", span->used, span->nslots);
    hc_json_text(object, "state", hc_span_state(span));
    if (hc_span_owner(span) != 0) {
        hc_json_number(object, "owner", hc_span_owner(span));
    }
    hc_json_number(object, "heap", span->heap);
    hc_json_number(object, "arena", arena_of(ctx->view, span));
    hc_json_number(object, "birth", span->birth);
    if (ctx->view->has_residency) {
        hc_json_number(object, "resident_bytes", span->resident);
    }
}

static void add(struct hc_sums *sums, const void *row) {
    const struct mh_view_span *span = row;

    sums->of[BYTES] += span->bytes;
    sums->of[SLOTS] += span->nslots;
    sums->of[USED] += span->used;
    sums->of[PENDING] += span->pending;
    sums->of[CACHED] += span->cached;
    sums->of[FREE] += span->free;
    sums->of[RESIDENT] += span->resident;
}

static void print_sums(struct hc_table *table, const struct hc_sums *sums,
                       const char *label) {
    char rows[64];

    (void)snprintf(rows, sizeof(rows), "%s %llu", label,
                   (unsigned long long)sums->rows);
    hc_table_text(table, rows);
    hc_table_text(table, "");
    hc_table_text(table, "");
    hc_table_size(table, sums->of[BYTES]);
    for (int i = SLOTS; i <= FREE; i++) {
        hc_table_count(table, sums->of[i]);
    }
    hc_table_share(table, sums->of[USED], sums->of[SLOTS]);
    for (int i = 0; i < 4; i++) {
        hc_table_text(table, "");
    }
    hc_table_size(table, sums->of[RESIDENT]);
}

static void json_sums(struct hc_json *object, const struct hc_sums *sums) {
    hc_json_number(object, "bytes", sums->of[BYTES]);
    hc_json_number(object, "slots", sums->of[SLOTS]);
    hc_json_number(object, "used", sums->of[USED]);
    hc_json_number(object, "pending", sums->of[PENDING]);
    hc_json_number(object, "cached", sums->of[CACHED]);
    hc_json_number(object, "free", sums->of[FREE]);
}

static int run_spans(struct hc_context *ctx) {
    const struct hc_set set = {
        .kind = "spans",
        .fields = {fields, sizeof(fields) / sizeof(fields[0]), ctx->view},
        .columns = columns,
        .ncolumns = sizeof(columns) / sizeof(columns[0]),
        .nrows = ctx->view->nspans,
        .row = row_of,
        .print = print,
        .json = json,
        .add = add,
        .print_sums = print_sums,
        .json_sums = json_sums,
    };

    return hc_set_show(ctx, &set);
}

const struct hc_command hc_cmd_spans = {
    .name = "spans",
    .summary = "one line per span; filter with --where, order with --sort",
    .usage = "TARGET [--where EXPR] [--sort KEYS] [--top N]",
    .help =
        "A span is a run of pages cut into slots of one size, or one large\n"
        "object (class 0). STATE is full, current (its owner allocates from\n"
        "it), partial (its owner has it in store), central (nobody's, with\n"
        "free slots), large or manual. OWNER is the number of a thread cache.\n"
        "The last line sums all rows that --where lets through; it says "
        "\"all\"\n"
        "instead of \"sum\" when --top left some out.\n"
        "\n"
        "fields: base class size occ state heap arena owner pages bytes slots\n"
        "used pending free cached resident birth\n"
        "operators: < <= == != >= > && || ! ( )   units: 64K 10MiB 25%\n"
        "\n"
        "examples:\n"
        "  heapctl spans webd --sort -bytes --top 10\n"
        "  heapctl spans webd --where 'class == 12 && occ < 25%'\n"
        "  heapctl spans webd --where 'state == large && size >= 10MiB'\n",
    .options = HC_OPTS_ROWS,
    .wants_target = true,
    .wants_residency = true,
    .max_words = 0,
    .run = run_spans,
};
