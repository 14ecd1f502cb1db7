// report.c - the words and figures of `heapctl run`.

#include <inttypes.h>

#include "tools/heapctl/cmd_run.h"
#include "tools/heapctl/json_out.h"
#include "tools/heapctl/units.h"

static const char *const source_names[] = {
    [HC_SOURCE_FINAL] = "final",   [HC_SOURCE_LIVE] = "live",
    [HC_SOURCE_UNUSED] = "unused", [HC_SOURCE_PERIODIC] = "periodic",
    [HC_SOURCE_UNREAD] = "unread", [HC_SOURCE_NONE] = "none",
};

// Where the figures below come from, or why there are none.
static void print_source(FILE *out, const struct hc_run_report *report) {
    switch (report->source) {
    case HC_SOURCE_FINAL:
        (void)fputs("the library's record at exit", out);
        break;
    case HC_SOURCE_LIVE:
        (void)fprintf(out,
                      "it left no record; the last live reading, %.2f s before "
                      "the end",
                      report->seconds - report->reading.at_s);
        break;
    case HC_SOURCE_UNUSED:
        (void)fputs("the mheap loaded into it was never asked for memory", out);
        break;
    case HC_SOURCE_PERIODIC:
        (void)fputs("it left no record at exit; the last one before", out);
        break;
    case HC_SOURCE_UNREAD:
        (void)fputs("it had an mheap, but left no record and ended before it "
                    "could be read",
                    out);
        break;
    case HC_SOURCE_NONE:
        (void)fputs("no mheap was ever seen in it (a static program, or one "
                    "that drops the preload)",
                    out);
        break;
    }
    if (report->of_pid != report->pid) {
        (void)fprintf(out, ", of process %" PRIu64 " which it started",
                      report->of_pid);
    }
}

static void print_size(struct hc_context *ctx, FILE *out, const char *name,
                       uint64_t bytes) {
    char text[HC_UNIT_TEXT];

    (void)fprintf(out, "  %-24s %*s", name, hc_is_exact(ctx) ? 14 : 9,
                  hc_format_bytes(text, bytes, hc_is_exact(ctx)));
}

static void print_figures(struct hc_context *ctx, FILE *out,
                          const struct hc_run_report *report) {
    const struct mheap_summary *f = &report->figures;
    char count[HC_UNIT_TEXT], large[HC_UNIT_TEXT];

    print_size(ctx, out, "in use", f->in_use_bytes);
    (void)fprintf(out, "   %s objects, %s of them large\n",
                  hc_format_count(count, f->in_use_objects),
                  hc_format_count(large, f->large_objects));
    print_size(ctx, out, "thread caches", f->cached_bytes);
    (void)fputc('\n', out);
    if (report->source == HC_SOURCE_LIVE) {
        print_size(ctx, out, "free in spans", report->reading.free_bytes);
        (void)fputc('\n', out);
        print_size(ctx, out, "free pages kept", report->reading.kept_bytes);
        (void)fputc('\n', out);
    }
    print_size(ctx, out, "metadata", f->metadata_bytes);
    (void)fprintf(out, "   %s spans\n", hc_format_count(count, f->spans));
    print_size(ctx, out, "address space", report->space_bytes);
    (void)fputc('\n', out);
}

// What only the library itself can count.
static void print_record(struct hc_context *ctx, FILE *out,
                         const struct mheap_summary *f) {
    print_size(ctx, out, "of it ready for use", f->ready_bytes);
    (void)fputc('\n', out);
    print_size(ctx, out, "address space, at most", f->peak_mapped_bytes);
    (void)fprintf(out,
                  "\n  %" PRIu64 " calls to the system, %" PRIu64
                  " failed; %" PRIu64 " bad frees\n",
                  f->os_calls, f->os_failures, f->bad_frees);
}

static void print_text(struct hc_context *ctx, FILE *out,
                       const struct hc_run_report *report) {
    (void)fprintf(out, "heapctl: %s (pid %" PRIu64 "): %s %d after %.2f s; ",
                  report->program, report->pid,
                  report->end.signalled ? "killed by signal" : "exit status",
                  report->end.code, report->seconds);
    print_source(out, report);
    if (report->source == HC_SOURCE_NONE ||
        report->source == HC_SOURCE_UNUSED ||
        report->source == HC_SOURCE_UNREAD) {
        (void)fputc('\n', out);
        return;
    }
    (void)fputs(":\n", out);
    print_figures(ctx, out, report);
    if (report->source != HC_SOURCE_LIVE) {
        print_record(ctx, out, &report->figures);
    }
}

static void json_figures(struct hc_json *object,
                         const struct mheap_summary *f) {
    hc_json_number(object, "in_use_bytes", f->in_use_bytes);
    hc_json_number(object, "in_use_objects", f->in_use_objects);
    hc_json_number(object, "large_bytes", f->large_bytes);
    hc_json_number(object, "large_objects", f->large_objects);
    hc_json_number(object, "cached_bytes", f->cached_bytes);
    hc_json_number(object, "metadata_bytes", f->metadata_bytes);
    hc_json_number(object, "spans", f->spans);
}

static void json_record(struct hc_json *object, const struct mheap_summary *f) {
    hc_json_number(object, "reserved_bytes", f->reserved_bytes);
    hc_json_number(object, "prepared_bytes", f->prepared_bytes);
    hc_json_number(object, "ready_bytes", f->ready_bytes);
    hc_json_number(object, "peak_mapped_bytes", f->peak_mapped_bytes);
    hc_json_number(object, "os_calls", f->os_calls);
    hc_json_number(object, "os_failures", f->os_failures);
    hc_json_number(object, "bad_frees", f->bad_frees);
}

static void json_reading(struct hc_json *object,
                         const struct hc_reading *reading) {
    json_figures(object, &reading->figures);
    hc_json_number(object, "address_space_bytes", reading->space_bytes);
    hc_json_number(object, "free_slots_bytes", reading->free_bytes);
    hc_json_number(object, "free_kept_bytes", reading->kept_bytes);
    hc_json_number(object, "process_resident_bytes", reading->resident_bytes);
}

static void json_seconds(struct hc_json *object, const char *key,
                         double seconds) {
    char text[HC_UNIT_TEXT];

    (void)snprintf(text, sizeof(text), "%.3f", seconds);
    hc_json_add(object, key, hc_json_new_word(text));
}

// One document on one line, so that a stream of them can be read line by line.
static void print_document(FILE *out, const char *kind, struct hc_json *target,
                           struct hc_json *data) {
    struct hc_json *document = hc_json_new_object();

    hc_json_text(document, "schema", "heapctl/1");
    hc_json_text(document, "kind", kind);
    hc_json_add(document, "target", target);
    hc_json_add(document, "consistency", NULL);
    hc_json_add(document, "data", data);
    hc_json_print(out, document);
}

static struct hc_json *json_report(const struct hc_run_report *report) {
    struct hc_json *data = hc_json_new_object();

    hc_json_text(data, "program", report->program);
    hc_json_number(data, report->end.signalled ? "signal" : "exit_status",
                   (uint64_t)report->end.code);
    json_seconds(data, "seconds", report->seconds);
    hc_json_text(data, "source", source_names[report->source]);
    if (report->source == HC_SOURCE_LIVE) {
        json_seconds(data, "age_seconds",
                     report->seconds - report->reading.at_s);
        json_reading(data, &report->reading);
    } else if (report->source == HC_SOURCE_FINAL ||
               report->source == HC_SOURCE_PERIODIC) {
        hc_json_number(data, "record_pid", report->of_pid);
        hc_json_number(data, "address_space_bytes", report->space_bytes);
        json_figures(data, &report->figures);
        json_record(data, &report->figures);
    }
    return data;
}

void hc_run_print_report(struct hc_context *ctx, FILE *out,
                         const struct hc_run_report *report) {
    if (!hc_is_json(ctx)) {
        print_text(ctx, out, report);
        return;
    }
    struct hc_json *target = hc_json_new_object();
    hc_json_number(target, "pid", report->pid);
    hc_json_text(target, "name", report->program);
    print_document(out, "run", target, json_report(report));
}

void hc_run_print_line(struct hc_context *ctx, FILE *out, double seconds,
                       const struct hc_reading *reading) {
    char in_use[HC_UNIT_TEXT], objects[HC_UNIT_TEXT], free_text[HC_UNIT_TEXT];
    char kept[HC_UNIT_TEXT], resident[HC_UNIT_TEXT];
    bool exact = hc_is_exact(ctx);

    if (hc_is_json(ctx)) {
        struct hc_json *data = hc_json_new_object();
        json_seconds(data, "seconds", seconds);
        hc_json_bool(data, "seen", reading->seen);
        if (reading->seen) {
            json_reading(data, reading);
        }
        print_document(out, "sample", NULL, data);
    } else if (!reading->seen) {
        (void)fprintf(out, "heapctl: %8.2f s  no mheap seen\n", seconds);
    } else {
        (void)fprintf(
            out,
            "heapctl: %8.2f s  in use %s in %s objects, free in spans %s, free "
            "pages %s, process resident %s\n",
            seconds,
            hc_format_bytes(in_use, reading->figures.in_use_bytes, exact),
            hc_format_count(objects, reading->figures.in_use_objects),
            hc_format_bytes(free_text, reading->free_bytes, exact),
            hc_format_bytes(kept, reading->kept_bytes, exact),
            hc_format_bytes(resident, reading->resident_bytes, exact));
    }
    (void)fflush(out);
}
