// rows.c - filters, order and output that all sets share.

#include "tools/heapctl/rows.h"

#include <stdlib.h>
#include <string.h>

#include "tools/heapctl/json_out.h"

enum { KEYS_MAX = 8 };

struct key {
    const struct hc_field *field;
    bool downwards;
};

// One showing of a set.
struct show {
    struct hc_context *ctx;
    const struct hc_set *set;
    struct hc_expr *where;
    struct hc_expr *fail_on;
    struct key keys[KEYS_MAX];
    size_t nkeys;
    struct hc_table table;
    struct hc_sums sums;
    uint64_t shown;
    bool found; // --fail-on held for a row
};

static const char *field_name(const void *list, size_t i) {
    return ((const struct hc_field *)list)[i].name;
}

static int bad_key(struct show *show, const char *key, size_t length) {
    struct hc_fields fields = show->set->fields;
    const char *near =
        hc_nearest(key, length, fields.count, field_name, fields.list);

    return hc_error(show->ctx, HC_USAGE, "--sort: unknown field '%.*s'%s%s%s",
                    (int)length, key, near != NULL ? "; did you mean '" : "",
                    near != NULL ? near : "", near != NULL ? "'?" : "");
}

static int parse_keys(struct show *show, const char *text) {
    while (text != NULL) {
        const char *comma = strchr(text, ',');
        bool downwards = *text == '-';
        const char *name = text + (downwards ? 1 : 0);
        size_t length = comma != NULL ? (size_t)(comma - name) : strlen(name);
        const struct hc_field *field =
            hc_field_find(show->set->fields, name, length);
        if (field == NULL) {
            return bad_key(show, name, length);
        }
        if (show->nkeys == KEYS_MAX) {
            return hc_error(show->ctx, HC_USAGE, "--sort: more than %d keys",
                            KEYS_MAX);
        }
        show->keys[show->nkeys++] = (struct key){field, downwards};
        text = comma != NULL ? comma + 1 : NULL;
    }
    return HC_OK;
}

static int parse_expr(struct show *show, const char *option, const char *text,
                      struct hc_expr **expr_out) {
    struct hc_expr_error error;

    if (text == NULL) {
        return HC_OK;
    }
    *expr_out = hc_expr_parse(text, show->set->fields, &error);
    if (*expr_out != NULL) {
        return HC_OK;
    }
    return hc_error(show->ctx, HC_USAGE, "--%s: column %zu of '%s': %s", option,
                    error.position, text, error.text);
}

static void show_row(struct show *show, const void *row) {
    const struct hc_set *set = show->set;
    struct hc_context *ctx = show->ctx;

    show->shown++;
    if (!hc_is_json(ctx)) {
        set->print(ctx, &show->table, row);
        hc_table_end(&show->table);
        return;
    }
    struct hc_json *object = hc_json_new_object();
    set->json(ctx, object, row);
    (void)fputs(show->shown == 1 ? "\n" : ",\n", ctx->out);
    (void)fputs(hc_json_string(object), ctx->out);
    hc_json_free(object);
}

// The row, counted, if --where lets it through.
static bool accept(struct show *show, const void *row) {
    if (row == NULL ||
        (show->where != NULL && !hc_expr_holds(show->where, row))) {
        return false;
    }
    show->sums.rows++;
    show->set->add(&show->sums, row);
    if (show->fail_on != NULL && hc_expr_holds(show->fail_on, row)) {
        show->found = true;
    }
    return true;
}

static void show_in_order(struct show *show) {
    for (size_t i = 0; i < show->set->nrows; i++) {
        const void *row = show->set->row(show->set->fields.context, i);
        if (accept(show, row) && show->shown < show->ctx->options.top) {
            show_row(show, row);
            if (hc_out_broken(show->ctx)) {
                return;
            }
        }
    }
}

static int compare_field(const struct hc_field *field, const void *context,
                         const void *a, const void *b) {
    if (field->word != NULL) {
        return strcmp(field->word(context, a), field->word(context, b));
    }
    double x = field->number(context, a), y = field->number(context, b);
    return x < y ? -1 : x > y ? 1 : 0;
}

static bool comes_before(const struct show *show, const void *a,
                         const void *b) {
    for (size_t i = 0; i < show->nkeys; i++) {
        int order =
            compare_field(show->keys[i].field, show->set->fields.context, a, b);
        if (order != 0) {
            return (order < 0) != show->keys[i].downwards;
        }
    }
    return false;
}

// Merges the sorted halves [0, half) and [half, n) of from into to; the second
// may be missing, and the first be cut by n. Of equals the left one goes first,
// so that ties stay in the order of addresses.
static void merge(const struct show *show, const void **from, const void **to,
                  size_t half, size_t n) {
    size_t left = 0, right = half;

    for (size_t i = 0; i < n; i++) {
        bool take_right =
            left == half ||
            (right < n && comes_before(show, from[right], from[left]));
        to[i] = take_right ? from[right++] : from[left++];
    }
}

// A merge sort, because qsort is not stable and takes no context.
static void sort_rows(const struct show *show, const void **rows,
                      const void **spare, size_t n) {
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t at = 0; at < n; at += 2 * width) {
            size_t left = n - at;
            size_t size = left < 2 * width ? left : 2 * width;
            merge(show, rows + at, spare + at, width, size);
        }
        memcpy(rows, spare, n * sizeof(*rows));
    }
}

static int show_sorted(struct show *show) {
    size_t size = show->set->nrows != 0 ? show->set->nrows : 1;
    const void **rows = calloc(size, 2 * sizeof(*rows));
    size_t n = 0;

    if (rows == NULL) {
        return hc_error(show->ctx, HC_INTERNAL, "--sort: out of memory");
    }
    for (size_t i = 0; i < show->set->nrows; i++) {
        const void *row = show->set->row(show->set->fields.context, i);
        if (accept(show, row)) {
            rows[n++] = row;
        }
    }
    sort_rows(show, rows, rows + size, n);
    for (size_t i = 0; i < n && i < show->ctx->options.top; i++) {
        show_row(show, rows[i]);
        if (hc_out_broken(show->ctx)) {
            break;
        }
    }
    free(rows);
    return HC_OK;
}

static void begin(struct show *show) {
    struct hc_context *ctx = show->ctx;

    if (hc_is_json(ctx)) {
        hc_json_begin(ctx, show->set->kind);
        (void)fputs("{\"rows\":[", ctx->out);
    } else {
        hc_table_start(&show->table, ctx->out, show->set->columns,
                       show->set->ncolumns, hc_is_exact(ctx));
    }
}

static void end(struct show *show) {
    struct hc_context *ctx = show->ctx;

    if (!hc_is_json(ctx)) {
        bool cut = show->shown < show->sums.rows;
        show->set->print_sums(&show->table, &show->sums, cut ? "all" : "sum");
        hc_table_end(&show->table);
        return;
    }
    struct hc_json *sums = hc_json_new_object();
    hc_json_number(sums, "rows", show->sums.rows);
    show->set->json_sums(sums, &show->sums);
    (void)fputs("],\n\"sum\":", ctx->out);
    hc_json_print(ctx->out, sums);
    (void)fputc('}', ctx->out);
    hc_json_end(ctx);
}

int hc_set_show(struct hc_context *ctx, const struct hc_set *set) {
    struct show show = {.ctx = ctx, .set = set};
    int status = parse_expr(&show, "where", ctx->options.where, &show.where);

    if (status == HC_OK) {
        status =
            parse_expr(&show, "fail-on", ctx->options.fail_on, &show.fail_on);
    }
    if (status == HC_OK) {
        status = parse_keys(&show, ctx->options.sort);
    }
    if (status == HC_OK) {
        begin(&show);
        if (show.nkeys == 0) {
            show_in_order(&show);
        } else {
            status = show_sorted(&show);
        }
        end(&show);
    }
    hc_expr_free(show.where);
    hc_expr_free(show.fail_on);
    return status == HC_OK && show.found ? HC_FINDING : status;
}
