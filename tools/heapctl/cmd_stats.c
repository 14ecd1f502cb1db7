// cmd_stats.c - `heapctl stats TARGET`: where the memory is, as a sum.
//
// docs/stats.md explains every line.

#include <inttypes.h>

#include "inspect/ledger.h"
#include "tools/heapctl/expr.h"
#include "tools/heapctl/heapctl.h"
#include "tools/heapctl/json_out.h"
#include "tools/heapctl/plain.h"
#include "tools/heapctl/units.h"

// What --fail-on of stats looks at.
struct account {
    struct mh_ledger ledger;
    struct mh_view_limits limits;
    uint64_t unstable;
    uint64_t findings;
};

#define ACCOUNT_FIELD(name, expression)                                \
    static double field_##name(const void *context, const void *row) { \
        const struct account *account = row;                           \
        (void)context;                                                 \
        return (double)(expression);                                   \
    }
ACCOUNT_FIELD(live, account->ledger.live)
ACCOUNT_FIELD(objects, account->ledger.live_objects)
ACCOUNT_FIELD(tail, account->ledger.tail)
ACCOUNT_FIELD(cached, account->ledger.cached)
ACCOUNT_FIELD(pending, account->ledger.pending)
ACCOUNT_FIELD(free, account->ledger.free_slots)
ACCOUNT_FIELD(page_caches, account->ledger.page_caches)
ACCOUNT_FIELD(kept, account->ledger.free_kept)
ACCOUNT_FIELD(metadata, account->ledger.metadata)
ACCOUNT_FIELD(untouched, account->ledger.untouched)
ACCOUNT_FIELD(lingering, account->ledger.lingering)
ACCOUNT_FIELD(resident, account->ledger.resident)
ACCOUNT_FIELD(released, account->ledger.released)
ACCOUNT_FIELD(reserved, account->ledger.reserved)
ACCOUNT_FIELD(process, account->ledger.process_resident)
ACCOUNT_FIELD(difference, account->ledger.difference < 0
                              ? -account->ledger.difference
                              : account->ledger.difference)
ACCOUNT_FIELD(counted, account->limits.counted)
ACCOUNT_FIELD(refusals, account->limits.refusals)
ACCOUNT_FIELD(unstable, account->unstable)
ACCOUNT_FIELD(findings, account->findings)

static const struct hc_field fields[] = {
    {"live", field_live, NULL},
    {"objects", field_objects, NULL},
    {"tail", field_tail, NULL},
    {"cached", field_cached, NULL},
    {"pending", field_pending, NULL},
    {"free", field_free, NULL},
    {"page_caches", field_page_caches, NULL},
    {"kept", field_kept, NULL},
    {"metadata", field_metadata, NULL},
    {"untouched", field_untouched, NULL},
    {"lingering", field_lingering, NULL},
    {"resident", field_resident, NULL},
    {"released", field_released, NULL},
    {"reserved", field_reserved, NULL},
    {"process", field_process, NULL},
    {"difference", field_difference, NULL},
    {"counted", field_counted, NULL},
    {"refusals", field_refusals, NULL},
    {"unstable", field_unstable, NULL},
    {"findings", field_findings, NULL},
};

static uint64_t live_heaps(const struct mh_view *view) {
    uint64_t n = 0;

    for (size_t i = 0; i < view->nheaps; i++) {
        n += view->heaps[i].state == MH_VIEW_HEAP_LIVE;
    }
    return n;
}

static uint64_t caches_in_use(const struct mh_view *view) {
    uint64_t n = 0;

    for (size_t i = 0; i < view->ncaches; i++) {
        n += view->caches[i].state == MH_VIEW_CACHE_IN_USE ||
             view->caches[i].state == MH_VIEW_CACHE_SIDE;
    }
    return n;
}

// One line of the account; note may be NULL.
struct line {
    char sign; // '+', '-', '=', or ' '
    const char *name;
    uint64_t bytes;
    const char *note;
};

static void print_line(struct hc_context *ctx, uint64_t whole,
                       struct line line) {
    char bytes[HC_UNIT_TEXT], share[HC_UNIT_TEXT];
    int width = hc_is_exact(ctx) ? 14 : 9;
    bool bold = ctx->color && line.sign == '=';

    hc_format_bytes(bytes, line.bytes, hc_is_exact(ctx));
    (void)fprintf(ctx->out, "%s%c %-32s %*s", bold ? "\033[1m" : "", line.sign,
                  line.name, width, bytes);
    if (whole != 0) {
        (void)fprintf(ctx->out, " %8s",
                      hc_format_percent(share, line.bytes, whole));
    } else if (line.note != NULL) {
        (void)fprintf(ctx->out, " %8s", "");
    }
    if (line.note != NULL) {
        (void)fprintf(ctx->out, "   %s", line.note);
    }
    (void)fprintf(ctx->out, "%s\n", bold ? "\033[0m" : "");
}

static const char *count_note(char text[HC_UNIT_TEXT * 2], uint64_t count,
                              const char *what) {
    char number[HC_UNIT_TEXT];

    (void)snprintf(text, HC_UNIT_TEXT * (size_t)2, "%s %s%s",
                   hc_format_count(number, count), what, count == 1 ? "" : "s");
    return text;
}

// "the page tables say 9.44 GiB, difference -3.1 MiB (0.03 %)"
static const char *measured_note(struct hc_context *ctx, char text[160],
                                 const char *who, uint64_t bytes,
                                 int64_t difference) {
    char measured[HC_UNIT_TEXT], off[HC_UNIT_TEXT];
    double size = (double)difference;

    (void)snprintf(text, 160, "%s %s, difference %s (%.2f %%)", who,
                   hc_format_bytes(measured, bytes, hc_is_exact(ctx)),
                   hc_format_signed_bytes(off, difference, hc_is_exact(ctx)),
                   bytes != 0 ? 100 * (size < 0 ? -size : size) / (double)bytes
                              : 0.0);
    return text;
}

static void print_header(struct hc_context *ctx) {
    const struct mh_view *view = ctx->view;
    uint64_t heaps = live_heaps(view);
    char name[sizeof(ctx->process.name)];

    (void)fprintf(ctx->out,
                  "%s (pid %" PRIu64 "), mheap %s, %" PRIu64
                  " heap%s, read in %.1f ms, not stopped\n",
                  hc_plain(name, sizeof(name), ctx->process.name),
                  ctx->process.pid, view->root.version, heaps,
                  heaps == 1 ? "" : "s", (double)view->elapsed_ns / 1e6);
}

static uint64_t counted_resident(const struct mh_ledger *l) {
    return l->sum - l->untouched + l->lingering;
}

static void print_memory(struct hc_context *ctx, const struct mh_ledger *l) {
    char objects[HC_UNIT_TEXT * 2], pending[HC_UNIT_TEXT * 2];
    char caches[HC_UNIT_TEXT * 2], free_slots[HC_UNIT_TEXT * 2], measured[160];
    uint64_t whole = counted_resident(l);
    const struct line lines[] = {
        {' ', "live slots", l->live,
         count_note(objects, l->live_objects, "object")},
        {'+', "tail waste", l->tail, NULL},
        {'+', "thread caches", l->cached,
         count_note(caches, caches_in_use(ctx->view), "cache")},
        {'+', "freed by another thread", l->pending,
         count_note(pending, l->pending_objects, "object")},
        {'+', "free in spans", l->free_slots,
         count_note(free_slots, l->free_objects, "slot")},
        {'+', "manual pages", l->manual, NULL},
        {'+', "allocated pages without a span", l->taken, NULL},
        {'+', "free pages in thread caches", l->page_caches, NULL},
        {'+', "free pages kept", l->free_kept, NULL},
        {'+', "metadata", l->metadata, NULL},
        {'-', "never touched", l->untouched, NULL},
        {'+', "released, still in memory", l->lingering, NULL},
        {'=', "resident, counted", whole,
         measured_note(ctx, measured, "the page tables say", l->resident,
                       l->difference)},
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        print_line(ctx, whole, lines[i]);
    }
}

static void print_reserved(struct hc_context *ctx, const struct mh_ledger *l) {
    char measured[160];
    const struct line lines[] = {
        {'+', "never touched", l->untouched, NULL},
        {'+', "released to the system", l->released, NULL},
        {'-', "released, still in memory", l->lingering, NULL},
        {'+', "reserved, not mapped", l->room, NULL},
        {'+', "reserved for metadata", l->metadata_rest, NULL},
        {'=', "reserved, counted",
         l->sum + l->released + l->room + l->metadata_rest,
         measured_note(ctx, measured, "the address space is", l->reserved,
                       l->reserved_difference)},
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        print_line(ctx, 0, lines[i]);
    }
}

static void print_process(struct hc_context *ctx, const struct mh_ledger *l) {
    char rest[HC_UNIT_TEXT];
    char note[HC_UNIT_TEXT * 2];

    (void)snprintf(note, sizeof(note), "/proc says, of all the process");
    print_line(
        ctx, 0,
        (struct line){' ', "process resident", l->process_resident, note});
    (void)fprintf(ctx->out, "  %-32s %*s\n", "the rest of the process",
                  hc_is_exact(ctx) ? 14 : 9,
                  hc_format_signed_bytes(rest, l->rest, hc_is_exact(ctx)) +
                      (l->rest > 0 ? 1 : 0));
    if (l->swapped != 0) {
        print_line(ctx, 0,
                   (struct line){' ', "of mheap in swap", l->swapped, NULL});
    }
}

// What a limit leaves, or by how much it is passed.
static int64_t left_of(const struct mh_view_limits *limits, uint64_t limit) {
    return (int64_t)(limit - limits->counted);
}

static void print_limit(struct hc_context *ctx, const char *name,
                        uint64_t limit) {
    char text[HC_UNIT_TEXT], note[HC_UNIT_TEXT * 2];
    int64_t left = left_of(&ctx->view->limits, limit);
    uint64_t size = left < 0 ? 0 - (uint64_t)left : (uint64_t)left;

    if (limit != 0) {
        (void)snprintf(note, sizeof(note), "%s %s",
                       hc_format_bytes(text, size, hc_is_exact(ctx)),
                       left < 0 ? "too much" : "left");
        print_line(ctx, 0, (struct line){' ', name, limit, note});
    }
}

// Nothing where there are no limits.
static void print_limits(struct hc_context *ctx) {
    const struct mh_view_limits *limits = &ctx->view->limits;
    char refusals[HC_UNIT_TEXT * 2];

    if (limits->soft == 0 && limits->hard == 0) {
        return;
    }
    const char *note = limits->refusals == 0
                           ? NULL
                           : count_note(refusals, limits->refusals, "refusal");
    print_line(ctx, 0,
               (struct line){' ', "counted by limits", limits->counted, note});
    print_limit(ctx, "soft limit", limits->soft);
    print_limit(ctx, "hard limit", limits->hard);
}

static void print_locks(struct hc_context *ctx) {
    const struct mh_view_locks *locks = &ctx->view->locks;
    char heap[HC_UNIT_TEXT], central[HC_UNIT_TEXT], side[HC_UNIT_TEXT];
    char registry[HC_UNIT_TEXT], arenas[HC_UNIT_TEXT], records[HC_UNIT_TEXT];
    char contended[HC_UNIT_TEXT];

    if (!ctx->view->has_locks) {
        return;
    }
    (void)fprintf(ctx->out,
                  "locks taken: heap %s, central %s, side %s, registry %s, "
                  "arenas %s, records %s; contended %s\n",
                  hc_format_count(heap, locks->heap),
                  hc_format_count(central, locks->central),
                  hc_format_count(side, locks->side),
                  hc_format_count(registry, locks->registry),
                  hc_format_count(arenas, locks->arenas),
                  hc_format_count(records, locks->records),
                  hc_format_count(contended, locks->contended));
}

static void print_consistency(struct hc_context *ctx) {
    const struct mh_view *view = ctx->view;
    char unstable[HC_UNIT_TEXT], spans[HC_UNIT_TEXT], bytes[HC_UNIT_TEXT];

    (void)fprintf(ctx->out,
                  "consistency: %s of %s spans changed while being read",
                  hc_format_count(unstable, view->unstable),
                  hc_format_count(spans, view->nspans + view->unstable));
    if (view->unstable != 0) {
        (void)fprintf(
            ctx->out, " (%s of them in none of the lines above)",
            hc_format_bytes(bytes, view->unstable_bytes, hc_is_exact(ctx)));
    }
    (void)fprintf(ctx->out, "; %" PRIu64 " finding%s\n", view->findings_total,
                  view->findings_total == 1 ? "" : "s");
}

static uint64_t class_waste(const struct mh_view_class *c) {
    return c->free * c->slot_size + c->tail_bytes;
}

// Points at the class that holds most of what spans hold for nothing, where
// that is a tenth of the memory and a mebibyte or more.
static void print_hint(struct hc_context *ctx, const struct mh_ledger *l) {
    const struct mh_view *view = ctx->view;
    uint64_t waste = 0;
    size_t worst = 0;

    for (size_t i = 1; i < view->nclasses; i++) {
        waste += class_waste(&view->classes[i]);
        if (worst == 0 || class_waste(&view->classes[i]) >
                              class_waste(&view->classes[worst])) {
            worst = i;
        }
    }
    if (waste < UINT64_C(1) << 20 || waste < counted_resident(l) / 10) {
        return;
    }
    char share[HC_UNIT_TEXT];
    (void)fprintf(
        ctx->out,
        "hint: %s of what spans hold unused is in class %zu (%" PRIu32
        " bytes); see\n  heapctl spans %s --where 'class == %zu && "
        "occ < 25%%' --sort occ --top 20\n",
        hc_format_percent(share, class_waste(&view->classes[worst]), waste),
        worst, view->classes[worst].slot_size,
        ctx->target_word != NULL ? ctx->target_word : "TARGET", worst);
}

static void json_account(struct hc_json *data, const struct mh_ledger *l) {
    hc_json_number(data, "live_bytes", l->live);
    hc_json_number(data, "live_objects", l->live_objects);
    hc_json_number(data, "large_bytes", l->large_bytes);
    hc_json_number(data, "large_objects", l->large_objects);
    hc_json_number(data, "tail_bytes", l->tail);
    hc_json_number(data, "cached_bytes", l->cached);
    hc_json_number(data, "cached_objects", l->cached_objects);
    hc_json_number(data, "pending_bytes", l->pending);
    hc_json_number(data, "pending_objects", l->pending_objects);
    hc_json_number(data, "free_slots_bytes", l->free_slots);
    hc_json_number(data, "free_slots", l->free_objects);
    hc_json_number(data, "manual_bytes", l->manual);
    hc_json_number(data, "taken_bytes", l->taken);
    hc_json_number(data, "page_caches_bytes", l->page_caches);
    hc_json_number(data, "free_kept_bytes", l->free_kept);
    hc_json_number(data, "metadata_bytes", l->metadata);
    hc_json_number(data, "sum_bytes", l->sum);
    hc_json_number(data, "released_bytes", l->released);
    hc_json_number(data, "room_bytes", l->room);
    hc_json_number(data, "metadata_rest_bytes", l->metadata_rest);
    hc_json_number(data, "reserved_bytes", l->reserved);
    hc_json_signed(data, "reserved_difference_bytes", l->reserved_difference);
    hc_json_number(data, "booked_bytes", l->booked);
}

// Only what was measured: without residency these lines do not exist.
static void json_resident(struct hc_json *data, const struct mh_ledger *l) {
    hc_json_number(data, "untouched_bytes", l->untouched);
    hc_json_number(data, "lingering_bytes", l->lingering);
    hc_json_number(data, "counted_resident_bytes", counted_resident(l));
    hc_json_number(data, "resident_bytes", l->resident);
    hc_json_signed(data, "difference_bytes", l->difference);
    hc_json_number(data, "swapped_bytes", l->swapped);
    hc_json_number(data, "process_resident_bytes", l->process_resident);
    hc_json_signed(data, "rest_of_process_bytes", l->rest);
}

static struct hc_json *json_heaps(const struct mh_view *view) {
    struct hc_json *rows = hc_json_new_array();

    for (size_t i = 0; i < view->nheaps; i++) {
        const struct mh_view_heap *heap = &view->heaps[i];
        struct hc_json *row = hc_json_new_object();
        if (heap->state == MH_VIEW_HEAP_LIVE) {
            hc_json_number(row, "id", heap->id);
            hc_json_text(row, "name", heap->name);
            hc_json_number(row, "spans", heap->nspans);
            hc_json_number(row, "used_objects", heap->used);
            hc_json_number(row, "used_bytes", heap->used_bytes);
            hc_json_number(row, "pages", heap->total_pages);
            hc_json_number(row, "free_pages", heap->free_pages);
            hc_json_number(row, "released_pages", heap->released_pages);
            hc_json_number(row, "spans_made", heap->spans_made);
            hc_json_number(row, "spans_freed", heap->spans_freed);
            hc_json_number(row, "released_bytes_ever", heap->released_bytes);
            hc_json_append(rows, row);
        } else {
            hc_json_free(row);
        }
    }
    return rows;
}

static struct hc_json *json_books(const struct mh_view *view) {
    struct hc_json *rows = hc_json_new_array();

    for (size_t i = 0; i < view->nbooks; i++) {
        const struct mh_view_book *book = &view->books[i];
        struct hc_json *row = hc_json_new_object();
        hc_json_text(row, "purpose", book->name);
        hc_json_number(row, "reserved_bytes", book->reserved);
        hc_json_number(row, "prepared_bytes", book->prepared);
        hc_json_number(row, "ready_bytes", book->ready);
        hc_json_number(row, "reserved_peak_bytes", book->reserved_peak);
        hc_json_number(row, "os_calls", book->calls);
        hc_json_number(row, "os_failures", book->failures);
        hc_json_append(rows, row);
    }
    return rows;
}

// A limit that there is not has no member.
static struct hc_json *json_limits(const struct mh_view_limits *limits) {
    struct hc_json *data = hc_json_new_object();

    hc_json_number(data, "counted_bytes", limits->counted);
    hc_json_number(data, "refusals", limits->refusals);
    if (limits->soft != 0) {
        hc_json_number(data, "soft_bytes", limits->soft);
        hc_json_signed(data, "soft_left_bytes", left_of(limits, limits->soft));
    }
    if (limits->hard != 0) {
        hc_json_number(data, "hard_bytes", limits->hard);
        hc_json_signed(data, "hard_left_bytes", left_of(limits, limits->hard));
    }
    return data;
}

static struct hc_json *json_locks(const struct mh_view_locks *locks) {
    struct hc_json *row = hc_json_new_object();

    hc_json_number(row, "heap", locks->heap);
    hc_json_number(row, "central", locks->central);
    hc_json_number(row, "side", locks->side);
    hc_json_number(row, "registry", locks->registry);
    hc_json_number(row, "arenas", locks->arenas);
    hc_json_number(row, "records", locks->records);
    hc_json_number(row, "contended", locks->contended);
    return row;
}

static void print_json(struct hc_context *ctx, const struct mh_ledger *ledger) {
    struct hc_json *data = hc_json_new_object();

    json_account(data, ledger);
    if (ctx->view->has_residency) {
        json_resident(data, ledger);
    }
    hc_json_number(data, "caches", caches_in_use(ctx->view));
    hc_json_add(data, "heaps", json_heaps(ctx->view));
    hc_json_add(data, "books", json_books(ctx->view));
    if (ctx->view->limits.known) {
        hc_json_add(data, "limits", json_limits(&ctx->view->limits));
    }
    if (ctx->view->has_locks) {
        hc_json_add(data, "locks", json_locks(&ctx->view->locks));
    }
    hc_json_document(ctx, "stats", data);
}

static int check_fail_on(struct hc_context *ctx,
                         const struct account *account) {
    struct hc_fields set = {fields, sizeof(fields) / sizeof(fields[0]), NULL};
    struct hc_expr_error error;
    struct hc_expr *expr = hc_expr_parse(ctx->options.fail_on, set, &error);

    if (expr == NULL) {
        return hc_error(ctx, HC_USAGE, "--fail-on: column %zu of '%s': %s",
                        error.position, ctx->options.fail_on, error.text);
    }
    bool holds = hc_expr_holds(expr, account);
    hc_expr_free(expr);
    return holds ? HC_FINDING : HC_OK;
}

static int run_stats(struct hc_context *ctx) {
    struct account account = {
        .limits = ctx->view->limits,
        .unstable = ctx->view->unstable,
        .findings = ctx->view->findings_total,
    };
    int status = HC_OK;

    mh_ledger_make(ctx->view, &account.ledger);
    if (ctx->options.fail_on != NULL) {
        status = check_fail_on(ctx, &account);
    }
    if (status == HC_USAGE) {
        return status;
    }
    if (hc_is_json(ctx)) {
        print_json(ctx, &account.ledger);
        return status;
    }
    print_header(ctx);
    print_memory(ctx, &account.ledger);
    print_reserved(ctx, &account.ledger);
    print_process(ctx, &account.ledger);
    print_limits(ctx);
    print_locks(ctx);
    print_consistency(ctx);
    print_hint(ctx, &account.ledger);
    return status;
}

const struct hc_command hc_cmd_stats = {
    .name = "stats",
    .summary = "where the memory is, as a sum that adds up",
    .usage = "TARGET [--bytes] [--json] [--fail-on EXPR]",
    .help =
        "Every line is counted on its own; none is what is left over. The sum\n"
        "is set against what the page tables say is resident, and the\n"
        "difference is printed. docs/stats.md explains each line.\n"
        "\n"
        "fields of --fail-on: live objects tail cached pending free\n"
        "page_caches kept metadata untouched lingering resident released\n"
        "reserved process difference counted refusals unstable findings\n"
        "\n"
        "examples:\n"
        "  heapctl stats 4242\n"
        "  heapctl stats redis-server --json | jq .data.live_bytes\n"
        "  heapctl stats webd --fail-on 'live > 2GiB || findings > 0'\n",
    .options = HC_OPTS_VIEW | HC_OPT_FAIL_ON,
    .wants_target = true,
    .wants_residency = true,
    .max_words = 0,
    .run = run_stats,
};
