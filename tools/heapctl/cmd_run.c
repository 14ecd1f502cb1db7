// cmd_run.c - `heapctl run PROGRAM ARGS…`: any program, on mheap.
//
// The library leaves its last figures in a memory file when the program ends
// by exit. A program that ends otherwise leaves none: for it, heapctl reads
// the heap itself now and then while it runs, and shows the last reading.

#include <errno.h>
#include <string.h>

#include "inspect/ledger.h"
#include "tools/heapctl/cmd_run.h"
#include "tools/heapctl/run.h"

enum {
    NOT_FOUND = 127, // as shells have it
    NOT_RUNNABLE = 126,
};

// A short program should not end unseen: the first readings come early, then
// one about every second.
static const double first_readings_s[] = {0.02, 0.05, 0.1, 0.2, 0.4};
enum { NFIRST = sizeof(first_readings_s) / sizeof(first_readings_s[0]) };
#define READING_EVERY_S 1.0

struct runner {
    struct hc_context *ctx;
    FILE *out; // of reports
    const char *program;
    struct hc_child child;
    double started_s;
    double next_reading_s; // since the start
    size_t nreadings;
    double next_line_s; // of -i, since the start
    struct hc_reading last;
    struct hc_reading fresh; // of this moment, or !seen
};

static double since_start(const struct runner *runner) {
    return hc_now_s() - runner->started_s;
}

static void take_ledger(struct hc_reading *reading,
                        const struct mh_ledger *ledger) {
    struct mheap_summary *figures = &reading->figures;

    figures->in_use_bytes = ledger->live;
    figures->in_use_objects = ledger->live_objects;
    figures->large_objects = ledger->large_objects;
    figures->large_bytes = ledger->large_bytes;
    figures->cached_bytes = ledger->cached;
    figures->metadata_bytes = ledger->metadata;
    reading->space_bytes = ledger->reserved;
    reading->free_bytes = ledger->free_slots + ledger->pending;
    reading->kept_bytes = ledger->free_kept + ledger->page_caches;
}

// A reading of the child as it is now; seen says whether there was an mheap.
static void read_child(struct runner *runner) {
    struct hc_reading *reading = &runner->fresh;
    struct mh_target *target = NULL;
    struct mh_view *view = NULL;
    const struct mh_view_options options = {0};

    memset(reading, 0, sizeof(*reading));
    if (mh_target_open(runner->child.pid, &target) != MH_TARGET_OK) {
        return;
    }
    if (mh_view_open(target, &options, &view) == MH_VIEW_OK) {
        struct mh_ledger ledger;
        mh_ledger_make(view, &ledger);
        reading->seen = view->nspans != 0 || view->narenas != 0;
        reading->at_s = since_start(runner);
        reading->figures.spans = view->nspans;
        take_ledger(reading, &ledger);
        (void)mh_target_resident(target, &reading->resident_bytes);
        mh_view_close(view);
    }
    mh_target_close(target);
    if (reading->seen) {
        runner->last = *reading;
    }
}

static void schedule_reading(struct runner *runner) {
    size_t n = ++runner->nreadings;

    runner->next_reading_s = n < NFIRST ? first_readings_s[n]
                                        : since_start(runner) + READING_EVERY_S;
}

// Waits for the end, reading the heap and printing lines when they are due.
static void watch(struct runner *runner) {
    double interval_s = runner->ctx->options.interval_s;

    runner->next_reading_s = first_readings_s[0];
    runner->next_line_s = interval_s > 0 ? interval_s : 1e300;
    for (;;) {
        double next = runner->next_reading_s < runner->next_line_s
                          ? runner->next_reading_s
                          : runner->next_line_s;
        double wait_s = next - since_start(runner);
        if (hc_child_wait(&runner->child, wait_s > 0 ? wait_s : 0)) {
            return;
        }
        read_child(runner);
        double now = since_start(runner);
        if (now >= runner->next_line_s) {
            hc_run_print_line(runner->ctx, runner->out, now, &runner->fresh);
            // A line that is late does not make the next ones late.
            while (runner->next_line_s <= now) {
                runner->next_line_s += interval_s;
            }
        }
        if (now >= runner->next_reading_s) {
            schedule_reading(runner);
        }
    }
}

struct hc_run_report hc_run_judge(const struct hc_reading *last,
                                  const struct mheap_summary *record,
                                  uint64_t pid) {
    struct hc_run_report report = {.source = HC_SOURCE_NONE};
    bool is_own = record->process_id == pid;
    bool is_final = record->process_id != 0 && record->final == 1;
    // A program with an mheap linked in leaves the one we preloaded alone.
    bool is_used = record->reserved_bytes != 0 || record->prepared_bytes != 0 ||
                   record->ready_bytes != 0;

    if (is_final && is_used && (is_own || !last->seen)) {
        report.source = HC_SOURCE_FINAL;
    } else if (last->seen) {
        report.source = HC_SOURCE_LIVE;
    } else if (is_final) {
        report.source = HC_SOURCE_UNUSED;
    } else if (record->process_id != 0 && record->reserved_bytes != 0) {
        report.source = HC_SOURCE_PERIODIC;
    } else if (record->process_id != 0) {
        report.source = HC_SOURCE_UNREAD;
    }
    bool from_record =
        report.source == HC_SOURCE_FINAL || report.source == HC_SOURCE_PERIODIC;
    report.figures = from_record ? *record : last->figures;
    report.reading = *last;
    report.space_bytes = from_record
                             ? record->reserved_bytes + record->prepared_bytes +
                                   record->ready_bytes
                             : last->space_bytes;
    report.pid = pid;
    report.of_pid = from_record ? record->process_id : pid;
    return report;
}

static int finish(struct runner *runner) {
    struct mheap_summary record = hc_child_record(&runner->child);
    struct hc_run_report report =
        hc_run_judge(&runner->last, &record, runner->child.pid);

    report.program = runner->program;
    report.end = runner->child.end;
    report.seconds = since_start(runner);
    hc_run_print_report(runner->ctx, runner->out, &report);
    (void)fflush(runner->out);
    (void)fflush(runner->ctx->err);
    if (runner->out != runner->ctx->err) {
        bool lost = ferror(runner->out) != 0;
        // The exit status is the program's; only words can tell of it.
        if (fclose(runner->out) != 0 || lost) {
            (void)hc_error(runner->ctx, HC_INTERNAL,
                           "run: %s: the report could not be written",
                           runner->ctx->options.output);
        }
    }
    return hc_child_pass_on(&runner->child);
}

static int start_failed(struct hc_context *ctx,
                        const struct hc_start_error *error) {
    (void)hc_error(ctx, HC_INTERNAL, "run: %s: %s", error->what,
                   strerror(error->code));
    return !error->is_program      ? HC_INTERNAL
           : error->code == ENOENT ? NOT_FOUND
                                   : NOT_RUNNABLE;
}

static int run_run(struct hc_context *ctx) {
    char preload[1024];
    struct runner runner = {
        .ctx = ctx, .out = ctx->err, .program = ctx->words[0]};
    struct hc_start_error error;

    const char *wrong = hc_find_preload(preload, sizeof(preload));
    if (wrong != NULL) {
        return hc_error(ctx, HC_INTERNAL, "run: %s", wrong);
    }
    if (ctx->options.output != NULL) {
        runner.out = fopen(ctx->options.output, "we");
        if (runner.out == NULL) {
            return hc_error(ctx, HC_INTERNAL, "run: %s: cannot be written",
                            ctx->options.output);
        }
    }
    ctx->words[ctx->nwords] = NULL; // argv ends with NULL, and so do its tails
    runner.started_s = hc_now_s();
    if (!hc_child_start(&runner.child, ctx->words, preload, &error)) {
        return start_failed(ctx, &error);
    }
    watch(&runner);
    return finish(&runner);
}

const struct hc_command hc_cmd_run = {
    .name = "run",
    .summary = "start any program on mheap, and report when it ends",
    .usage = "[-i SECONDS] [-o FILE] [--json] [--] PROGRAM [ARGUMENTS]",
    .help =
        "The library is preloaded; the program's input, output and exit "
        "status\n"
        "are its own, and a signal that ends it ends heapctl. The report goes\n"
        "to standard error: the library's own when the program ends by exit,\n"
        "else the last of the readings that heapctl takes about every second,\n"
        "and it says which. With -i one line is printed every SECONDS.\n"
        "\n"
        "A program that cannot be found gives 127, one that cannot be "
        "executed\n"
        "126, as in a shell. MHEAP_PRELOAD names another library to preload.\n"
        "\n"
        "examples:\n"
        "  heapctl run python3 script.py\n"
        "  heapctl run -i 0.5 -- sqlite3 big.db 'select count(*) from t'\n"
        "  heapctl run --json -o report.json make -j8\n",
    .options = HC_OPT_HELP | HC_OPT_JSON | HC_OPT_BYTES | HC_OPT_INTERVAL |
               HC_OPT_OUTPUT,
    .stop_at_word = true,
    .min_words = 1,
    .max_words = -1,
    .run = run_run,
};
