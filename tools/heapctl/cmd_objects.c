// cmd_objects.c - `heapctl objects TARGET`: one line per object, streamed.
//
// There can be a hundred million, so nothing is gathered: the spans are put in
// order, and their objects go out as the bits are read.

#include <inttypes.h>
#include <stdlib.h>

#include "tools/heapctl/heapctl.h"
#include "tools/heapctl/json_out.h"
#include "tools/heapctl/table.h"

static const struct hc_column columns[] = {
    {"ADDRESS", HC_LEFT, 14}, {"SIZE", HC_RIGHT, 0}, {"CLASS", HC_RIGHT, 5},
    {"SPAN", HC_LEFT, 14},    {"STATE", HC_LEFT, 5},
};

struct walk {
    struct hc_context *ctx;
    struct hc_table table;
    uint64_t shown;
    uint64_t objects; // all that --class lets through
    uint64_t bytes;
};

static void print_object(struct walk *walk, const struct mh_view_span *span,
                         uint64_t address) {
    struct hc_table *table = &walk->table;

    hc_table_address(table, address);
    hc_table_size(table, mh_view_object_size(span));
    hc_table_count(table, span->size_class);
    hc_table_address(table, span->base);
    hc_table_text(table, mh_slot_state_name(MH_SLOT_USED));
    hc_table_end(table);
}

// By hand, because json-c would make and free six objects for each of ours.
static void print_json(struct walk *walk, const struct mh_view_span *span,
                       uint64_t address) {
    (void)fprintf(walk->ctx->out,
                  "%s{\"address\":\"0x%" PRIx64 "\",\"bytes\":%" PRIu64
                  ",\"class\":%u,\"span\":\"0x%" PRIx64 "\",\"state\":\"%s\"}",
                  walk->shown == 0 ? "\n" : ",\n", address,
                  mh_view_object_size(span), span->size_class, span->base,
                  mh_slot_state_name(MH_SLOT_USED));
}

static void show_span(struct walk *walk, const struct mh_view_span *span) {
    const struct mh_view *view = walk->ctx->view;
    uint64_t top = walk->ctx->options.top;
    uint32_t slot = mh_view_next_used(view, span, 0);

    for (;
         slot < span->nslots && walk->shown < top && !hc_out_broken(walk->ctx);
         slot = mh_view_next_used(view, span, slot + 1)) {
        uint64_t address =
            span->base + span->start + (uint64_t)slot * span->slot_size;
        if (hc_is_json(walk->ctx)) {
            print_json(walk, span, address);
        } else {
            print_object(walk, span, address);
        }
        walk->shown++;
    }
}

static bool is_wanted(const struct hc_context *ctx,
                      const struct mh_view_span *span) {
    return span->state == MH_VIEW_SPAN_IN_USE &&
           ((ctx->options.given & HC_OPT_CLASS) == 0 ||
            span->size_class == ctx->options.size_class);
}

struct entry {
    const struct mh_view_span *span;
};

// Largest objects first, then by address.
static int compare_entries(const void *a, const void *b) {
    const struct mh_view_span *x = ((const struct entry *)a)->span;
    const struct mh_view_span *y = ((const struct entry *)b)->span;
    uint64_t x_size = mh_view_object_size(x), y_size = mh_view_object_size(y);

    if (x_size != y_size) {
        return x_size > y_size ? -1 : 1;
    }
    return x->base < y->base ? -1 : x->base > y->base ? 1 : 0;
}

static void show_all(struct walk *walk) {
    const struct mh_view *view = walk->ctx->view;

    for (size_t i = 0; i < view->nspans && !hc_out_broken(walk->ctx); i++) {
        if (is_wanted(walk->ctx, &view->spans[i])) {
            show_span(walk, &view->spans[i]);
        }
    }
}

static int show_largest(struct walk *walk) {
    const struct mh_view *view = walk->ctx->view;
    struct entry *entries = calloc(view->nspans + 1, sizeof(*entries));
    size_t n = 0;

    if (entries == NULL) {
        return hc_error(walk->ctx, HC_INTERNAL, "objects: out of memory");
    }
    for (size_t i = 0; i < view->nspans; i++) {
        if (is_wanted(walk->ctx, &view->spans[i])) {
            entries[n++].span = &view->spans[i];
        }
    }
    qsort(entries, n, sizeof(*entries), compare_entries);
    for (size_t i = 0; i < n && walk->shown < walk->ctx->options.top; i++) {
        show_span(walk, entries[i].span);
    }
    free(entries);
    return HC_OK;
}

static void sum_up(struct walk *walk) {
    const struct mh_view *view = walk->ctx->view;

    for (size_t i = 0; i < view->nspans; i++) {
        const struct mh_view_span *span = &view->spans[i];
        if (is_wanted(walk->ctx, span)) {
            walk->objects += span->used;
            walk->bytes += span->used * mh_view_object_size(span);
        }
    }
}

static void end(struct walk *walk) {
    struct hc_context *ctx = walk->ctx;
    char label[64];

    if (hc_is_json(ctx)) {
        (void)fprintf(ctx->out,
                      "],\n\"sum\":{\"rows\":%" PRIu64 ",\"bytes\":%" PRIu64
                      "}}\n",
                      walk->objects, walk->bytes);
        hc_json_end(ctx);
        return;
    }
    (void)snprintf(label, sizeof(label), "%s %" PRIu64,
                   walk->shown < walk->objects ? "all" : "sum", walk->objects);
    hc_table_text(&walk->table, label);
    hc_table_size(&walk->table, walk->bytes);
    hc_table_end(&walk->table);
}

static int check_class(struct hc_context *ctx) {
    if ((ctx->options.given & HC_OPT_CLASS) != 0 &&
        ctx->options.size_class >= ctx->view->nclasses) {
        return hc_error(ctx, HC_USAGE,
                        "--class: there is no class %" PRIu64
                        "; they go from 0 to %zu",
                        ctx->options.size_class, ctx->view->nclasses - 1);
    }
    return HC_OK;
}

static int run_objects(struct hc_context *ctx) {
    struct walk walk = {.ctx = ctx};
    int status = check_class(ctx);

    if (status != HC_OK) {
        return status;
    }
    if (hc_is_json(ctx)) {
        hc_json_begin(ctx, "objects");
        (void)fputs("{\"rows\":[", ctx->out);
    } else {
        hc_table_start(&walk.table, ctx->out, columns,
                       sizeof(columns) / sizeof(columns[0]), hc_is_exact(ctx));
    }
    sum_up(&walk);
    if (ctx->options.top == UINT64_MAX) {
        show_all(&walk);
    } else {
        status = show_largest(&walk);
    }
    end(&walk);
    return status;
}

const struct hc_command hc_cmd_objects = {
    .name = "objects",
    .summary = "one line per object the program has, streamed",
    .usage = "TARGET [--class N] [--top N]",
    .help =
        "In the order of addresses; with --top N, the N largest. SIZE is what\n"
        "the program may write there, not what it asked for. Contents are\n"
        "never read.\n"
        "\n"
        "examples:\n"
        "  heapctl objects webd --top 20\n"
        "  heapctl objects webd --class 0\n"
        "  heapctl objects webd --class 12 | cut -d' ' -f1\n",
    .options = HC_OPTS_VIEW | HC_OPT_CLASS | HC_OPT_TOP,
    .wants_target = true,
    .max_words = 0,
    .run = run_objects,
};
