// json_out.c - the machine form.

#include "tools/heapctl/json_out.h"

#include <inttypes.h>
#include <stdio.h>

#include "tools/heapctl/plain.h"
#include "tools/heapctl/units.h"

// A NULL value would be printed as null, which would say more than that memory
// ran out; hc_json_print notices an object that could not be made at all.
static void put(struct hc_json *object, const char *key,
                struct hc_json *value) {
    if (value != NULL) {
        hc_json_add(object, key, value);
    }
}

// A process may call itself anything; JSON may hold UTF-8 only.
static struct hc_json *clean_text(const char *text) {
    char clean[1024];
    size_t n = 0;

    while (*text != '\0' && n + 4 < sizeof(clean)) {
        size_t length = hc_utf8_length(text);
        if (length == 0) {
            clean[n++] = '?';
            text++;
        }
        for (; length > 0; length--) {
            clean[n++] = *text++;
        }
    }
    clean[n] = '\0';
    return hc_json_new_string(clean);
}

void hc_json_text(struct hc_json *object, const char *key, const char *text) {
    if (text != NULL) {
        put(object, key, clean_text(text));
    }
}

void hc_json_number(struct hc_json *object, const char *key, uint64_t number) {
    char text[32];

    (void)snprintf(text, sizeof(text), "%" PRIu64, number);
    put(object, key, hc_json_new_word(text));
}

void hc_json_signed(struct hc_json *object, const char *key, int64_t number) {
    char text[32];

    (void)snprintf(text, sizeof(text), "%" PRId64, number);
    put(object, key, hc_json_new_word(text));
}

void hc_json_address(struct hc_json *object, const char *key,
                     uint64_t address) {
    char text[HC_UNIT_TEXT];

    put(object, key, hc_json_new_string(hc_format_address(text, address)));
}

void hc_json_bool(struct hc_json *object, const char *key, bool value) {
    put(object, key, hc_json_new_word(value ? "true" : "false"));
}

void hc_json_share(struct hc_json *object, const char *key, uint64_t part,
                   uint64_t whole) {
    char text[HC_UNIT_TEXT];

    if (whole != 0) {
        double share = (double)part / (double)whole;
        (void)snprintf(text, sizeof(text), "%.4f", share);
        put(object, key, hc_json_new_word(text));
    }
}

struct hc_json *hc_json_target(const struct hc_context *ctx) {
    const struct mh_view *view = ctx->view;
    struct hc_json *target = hc_json_new_object();
    char format[HC_UNIT_TEXT];

    hc_json_number(target, "pid", ctx->process.pid);
    hc_json_text(target, "name", ctx->process.name);
    hc_json_number(target, "uid", ctx->process.uid);
    hc_json_text(target, "version", view->root.version);
    (void)snprintf(format, sizeof(format), "%u.%u", view->root.major,
                   view->root.minor);
    hc_json_text(target, "format", format);
    hc_json_text(target, "library", view->root.file);
    hc_json_address(target, "root", view->root.address);
    hc_json_number(target, "page_bytes", UINT64_C(1) << view->page_shift);
    hc_json_number(target, "pointer_bytes", view->pointer_bytes);
    return target;
}

static struct hc_json *json_findings(const struct mh_view *view) {
    struct hc_json *list = hc_json_new_array();

    for (size_t i = 0; i < view->nfindings; i++) {
        struct hc_json *finding = hc_json_new_object();
        hc_json_text(finding, "code", view->findings[i].code);
        hc_json_address(finding, "address", view->findings[i].address);
        hc_json_text(finding, "text", view->findings[i].text);
        hc_json_append(list, finding);
    }
    return list;
}

struct hc_json *hc_json_consistency(const struct hc_context *ctx) {
    const struct mh_view *view = ctx->view;
    struct hc_json *object = hc_json_new_object();

    hc_json_bool(object, "stopped", false);
    hc_json_bool(object, "partial", view->partial);
    hc_json_number(object, "spans", view->nspans + view->unstable);
    hc_json_number(object, "unstable_spans", view->unstable);
    hc_json_number(object, "unstable_bytes", view->unstable_bytes);
    hc_json_number(object, "retried_spans", view->retried);
    hc_json_number(object, "elapsed_ns", view->elapsed_ns);
    hc_json_number(object, "reads", view->reads);
    hc_json_number(object, "read_bytes", view->read_bytes);
    hc_json_number(object, "findings", view->findings_total);
    put(object, "finding_list", json_findings(view));
    return object;
}

static void print(FILE *out, struct hc_json *object) {
    (void)fputs(hc_json_string(object), out);
    hc_json_free(object);
}

void hc_json_print(FILE *out, struct hc_json *object) {
    print(out, object);
    (void)fputc('\n', out);
}

void hc_json_begin(struct hc_context *ctx, const char *kind) {
    (void)fprintf(ctx->out, "{\"schema\":\"heapctl/1\",\"kind\":\"%s\"", kind);
    (void)fputs(",\n\"target\":", ctx->out);
    print(ctx->out, ctx->view != NULL ? hc_json_target(ctx) : NULL);
    (void)fputs(",\n\"consistency\":", ctx->out);
    print(ctx->out, ctx->view != NULL ? hc_json_consistency(ctx) : NULL);
    (void)fputs(",\n\"data\":", ctx->out);
}

void hc_json_end(struct hc_context *ctx) {
    (void)fputs("}\n", ctx->out);
}

void hc_json_document(struct hc_context *ctx, const char *kind,
                      struct hc_json *data) {
    hc_json_begin(ctx, kind);
    print(ctx->out, data);
    (void)fputc('\n', ctx->out);
    hc_json_end(ctx);
}
