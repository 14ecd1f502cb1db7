// cmd_classes.c - `heapctl classes TARGET`: one line per size class in use.

#include "tools/heapctl/json_out.h"
#include "tools/heapctl/rows.h"

static uint64_t number_of(const void *context, const void *row) {
    const struct mh_view *view = context;

    return (uint64_t)((const struct mh_view_class *)row - view->classes);
}

static uint64_t free_bytes(const struct mh_view_class *c) {
    return c->free * c->slot_size;
}

#define CLASS_FIELD(name, expression)                                  \
    static double field_##name(const void *context, const void *row) { \
        const struct mh_view_class *c = row;                           \
        (void)c;                                                       \
        (void)context;                                                 \
        return (double)(expression);                                   \
    }
CLASS_FIELD(class, number_of(context, row))
CLASS_FIELD(size, c->slot_size)
CLASS_FIELD(occ, c->slots != 0 ? (double)c->used / (double)c->slots : 0)
CLASS_FIELD(spans, c->nspans)
CLASS_FIELD(slots, c->slots)
CLASS_FIELD(used, c->used)
CLASS_FIELD(pending, c->pending)
CLASS_FIELD(cached, c->cached)
CLASS_FIELD(free, c->free)
CLASS_FIELD(used_bytes, c->used_bytes)
CLASS_FIELD(free_bytes, free_bytes(c))
CLASS_FIELD(tail, c->tail_bytes)
CLASS_FIELD(resident, c->resident)

static const struct hc_field fields[] = {
    {"class", field_class, NULL},
    {"size", field_size, NULL},
    {"occ", field_occ, NULL},
    {"spans", field_spans, NULL},
    {"slots", field_slots, NULL},
    {"used", field_used, NULL},
    {"pending", field_pending, NULL},
    {"cached", field_cached, NULL},
    {"free", field_free, NULL},
    {"used_bytes", field_used_bytes, NULL},
    {"free_bytes", field_free_bytes, NULL},
    {"tail", field_tail, NULL},
    {"resident", field_resident, NULL},
};

static const struct hc_column columns[] = {
    {"CLASS", HC_RIGHT, 5},    {"SIZE", HC_RIGHT, 0},
    {"SPANS", HC_RIGHT, 7},    {"SLOTS", HC_RIGHT, 9},
    {"USED", HC_RIGHT, 9},     {"PENDING", HC_RIGHT, 7},
    {"CACHED", HC_RIGHT, 7},   {"FREE", HC_RIGHT, 9},
    {"OCC", HC_RIGHT, 7},      {"IN-USE", HC_RIGHT, 0},
    {"UNUSED", HC_RIGHT, 0},   {"TAIL", HC_RIGHT, 0},
    {"RESIDENT", HC_RIGHT, 0},
};

enum { SPANS, SLOTS, USED, PENDING, CACHED, FREE, IN_USE, UNUSED, TAIL, RES };

static const void *row_of(const void *context, size_t i) {
    const struct mh_view *view = context;

    return view->classes[i].nspans != 0 ? &view->classes[i] : NULL;
}

static void print(const struct hc_context *ctx, struct hc_table *table,
                  const void *row) {
    const struct mh_view_class *c = row;
    uint64_t number = number_of(ctx->view, row);

    hc_table_count(table, number);
    if (number == 0) {
        hc_table_text(table, "large");
    } else {
        hc_table_size(table, c->slot_size);
    }
    hc_table_count(table, c->nspans);
    hc_table_count(table, c->slots);
    hc_table_count(table, c->used);
    hc_table_count(table, c->pending);
    hc_table_count(table, c->cached);
    hc_table_count(table, c->free);
    hc_table_share(table, c->used, c->slots);
    hc_table_size(table, c->used_bytes);
    hc_table_size(table, free_bytes(c));
    hc_table_size(table, c->tail_bytes);
    hc_table_size(table, c->resident);
}

static void json(const struct hc_context *ctx, struct hc_json *object,
                 const void *row) {
    const struct mh_view_class *c = row;

    hc_json_number(object, "class", number_of(ctx->view, row));
    hc_json_number(object, "slot_bytes", c->slot_size);
    hc_json_number(object, "span_pages", c->npages);
    hc_json_number(object, "span_slots", c->nslots);
    hc_json_number(object, "cache_slots", c->cache_slots);
    hc_json_number(object, "spans", c->nspans);
    hc_json_number(object, "span_bytes", c->span_bytes);
    hc_json_number(object, "slots", c->slots);
    hc_json_number(object, "used", c->used);
    hc_json_number(object, "pending", c->pending);
    hc_json_number(object, "cached", c->cached);
    hc_json_number(object, "free", c->free);
    hc_json_share(object, "occ", c->used, c->slots);
    hc_json_number(object, "used_bytes", c->used_bytes);
    hc_json_number(object, "free_bytes", free_bytes(c));
    hc_json_number(object, "tail_bytes", c->tail_bytes);
    if (ctx->view->has_residency) {
        hc_json_number(object, "resident_bytes", c->resident);
    }
    hc_json_number(object, "taken_ever", c->taken);
    hc_json_number(object, "given_ever", c->given);
    hc_json_number(object, "drained_ever", c->drained);
}

static void add(struct hc_sums *sums, const void *row) {
    const struct mh_view_class *c = row;

    sums->of[SPANS] += c->nspans;
    sums->of[SLOTS] += c->slots;
    sums->of[USED] += c->used;
    sums->of[PENDING] += c->pending;
    sums->of[CACHED] += c->cached;
    sums->of[FREE] += c->free;
    sums->of[IN_USE] += c->used_bytes;
    sums->of[UNUSED] += free_bytes(c);
    sums->of[TAIL] += c->tail_bytes;
    sums->of[RES] += c->resident;
}

static void print_sums(struct hc_table *table, const struct hc_sums *sums,
                       const char *label) {
    hc_table_text(table, label);
    hc_table_text(table, "");
    for (int i = SPANS; i <= FREE; i++) {
        hc_table_count(table, sums->of[i]);
    }
    hc_table_share(table, sums->of[USED], sums->of[SLOTS]);
    for (int i = IN_USE; i <= RES; i++) {
        hc_table_size(table, sums->of[i]);
    }
}

static void json_sums(struct hc_json *object, const struct hc_sums *sums) {
    hc_json_number(object, "spans", sums->of[SPANS]);
    hc_json_number(object, "slots", sums->of[SLOTS]);
    hc_json_number(object, "used", sums->of[USED]);
    hc_json_number(object, "pending", sums->of[PENDING]);
    hc_json_number(object, "cached", sums->of[CACHED]);
    hc_json_number(object, "free", sums->of[FREE]);
    hc_json_number(object, "used_bytes", sums->of[IN_USE]);
    hc_json_number(object, "free_bytes", sums->of[UNUSED]);
    hc_json_number(object, "tail_bytes", sums->of[TAIL]);
}

static int run_classes(struct hc_context *ctx) {
    const struct hc_set set = {
        .kind = "classes",
        .fields = {fields, sizeof(fields) / sizeof(fields[0]), ctx->view},
        .columns = columns,
        .ncolumns = sizeof(columns) / sizeof(columns[0]),
        .nrows = ctx->view->nclasses,
        .row = row_of,
        .print = print,
        .json = json,
        .add = add,
        .print_sums = print_sums,
        .json_sums = json_sums,
    };

    return hc_set_show(ctx, &set);
}

const struct hc_command hc_cmd_classes = {
    .name = "classes",
    .summary = "one line per size class: slots, occupancy, waste",
    .usage = "TARGET [--where EXPR] [--sort KEYS] [--top N]",
    .help =
        "Class 0 is large objects, one to a span. USED + PENDING + CACHED +\n"
        "FREE = SLOTS. PENDING slots were freed by another thread and are\n"
        "still with their owner; CACHED ones lie in a thread cache. OCC is\n"
        "USED of SLOTS; UNUSED is what the free slots cost; TAIL is behind\n"
        "the last slot of the spans.\n"
        "\n"
        "fields: class size occ spans slots used pending cached free\n"
        "used_bytes free_bytes tail resident\n"
        "\n"
        "examples:\n"
        "  heapctl classes webd\n"
        "  heapctl classes webd --sort -free_bytes --top 5\n"
        "  heapctl classes webd --where 'occ < 50% && free_bytes > 1MiB'\n",
    .options = HC_OPTS_ROWS,
    .wants_target = true,
    .wants_residency = true,
    .max_words = 0,
    .run = run_classes,
};
