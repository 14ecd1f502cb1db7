// attach.c - from what was typed as TARGET to the view of a process.

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/ledger.h"
#include "tools/heapctl/heapctl.h"
#include "tools/heapctl/plain.h"
#include "tools/heapctl/units.h"

enum {
    MATCHES_MAX = 64,
    FINDINGS_SHOWN = 10, // --json has them all
};

// The processes whose names begin with the first length bytes of name.
static size_t match_by(const struct hc_processes *in, const char *name,
                       size_t length, size_t *matches, size_t size) {
    size_t found = 0;

    for (size_t i = 0; i < in->n; i++) {
        if (in->list[i].pid != in->self &&
            strncmp(in->list[i].name, name, length) == 0) {
            if (found < size) {
                matches[found] = i;
            }
            found++;
        }
    }
    return found;
}

size_t hc_match(const struct hc_processes *in, const char *name,
                size_t *matches, size_t size) {
    size_t length = strlen(name);
    size_t found = match_by(in, name, length + 1, matches, size);

    return found != 0 ? found : match_by(in, name, length, matches, size);
}

static int several(struct hc_context *ctx, const char *word,
                   const struct mh_target_process *list, const size_t *matches,
                   size_t found) {
    size_t shown = found < MATCHES_MAX ? found : MATCHES_MAX;

    (void)hc_error(ctx, HC_NO_TARGET,
                   "%s: %zu processes have that name; use a number:", word,
                   found);
    for (size_t i = 0; i < shown; i++) {
        const struct mh_target_process *process = &list[matches[i]];
        char user[64], name[sizeof(process->name)];
        (void)fprintf(ctx->err, "  %8" PRIu64 "  %-12s %s\n", process->pid,
                      hc_user_name(process->uid, user, sizeof(user)),
                      hc_plain(name, sizeof(name), process->name));
    }
    if (shown < found) {
        (void)fprintf(ctx->err, "  and %zu more\n", found - shown);
    }
    return HC_NO_TARGET;
}

static int find_by_name(struct hc_context *ctx, const char *word) {
    struct mh_target_process *list = NULL;
    size_t n = 0, matches[MATCHES_MAX];
    int status = HC_OK;

    if (mh_target_processes(&list, &n) != MH_TARGET_OK) {
        return hc_error(ctx, HC_INTERNAL, "%s: processes cannot be listed",
                        word);
    }
    struct hc_processes all = {list, n, hc_self()};
    size_t found = hc_match(&all, word, matches, MATCHES_MAX);
    if (found == 0) {
        status =
            hc_error(ctx, HC_NO_TARGET, "%s: no process of that name", word);
    } else if (found > 1) {
        status = several(ctx, word, list, matches, found);
    } else {
        ctx->process = list[matches[0]];
    }
    free(list);
    return status;
}

static int find_by_number(struct hc_context *ctx, const char *word,
                          uint64_t pid) {
    enum mh_target_status status = mh_target_process_of(pid, &ctx->process);

    if (status == MH_TARGET_OK) {
        return HC_OK;
    }
    return hc_error(ctx, HC_NO_TARGET, "%s: no such process", word);
}

// "4242 (webd)", for messages.
static const char *describe(const struct hc_context *ctx, char text[128]) {
    char name[sizeof(ctx->process.name)];

    (void)snprintf(text, 128, "process %" PRIu64 " (%s)", ctx->process.pid,
                   hc_plain(name, sizeof(name), ctx->process.name));
    return text;
}

static int denied(struct hc_context *ctx) {
    char name[128], text[4096];

    (void)hc_error(ctx, HC_DENIED, "%s: permission denied",
                   describe(ctx, name));
    text[0] = '\0';
    mh_target_explain(ctx->process.pid, text, sizeof(text));
    (void)fputs(text, ctx->err);
    return HC_DENIED;
}

int hc_view_error(struct hc_context *ctx, enum mh_view_status status) {
    char name[128];
    const char *who = describe(ctx, name);

    switch (status) {
    case MH_VIEW_GONE:
        return hc_error(ctx, HC_NO_TARGET, "%s: it ended while it was read",
                        who);
    case MH_VIEW_DENIED:
        return denied(ctx);
    case MH_VIEW_NONE:
        return hc_error(ctx, HC_NO_MHEAP,
                        "%s: there is no mheap in it; start it with "
                        "heapctl run",
                        who);
    case MH_VIEW_NEWER:
        return hc_error(ctx, HC_NO_MHEAP,
                        "%s: its mheap is of a newer format%s%s; use its own "
                        "heapctl",
                        who, ctx->why[0] != '\0' ? ": " : "", ctx->why);
    case MH_VIEW_CORRUPT:
        return hc_error(ctx, HC_PARTIAL, "%s: its mheap makes no sense%s%s",
                        who, ctx->why[0] != '\0' ? ": " : "", ctx->why);
    default:
        return hc_error(ctx, HC_INTERNAL, "%s: %s", who,
                        mh_view_status_name(status));
    }
}

static int open_target(struct hc_context *ctx) {
    enum mh_target_status status =
        mh_target_open(ctx->process.pid, &ctx->target);
    char name[128];

    switch (status) {
    case MH_TARGET_OK:
        return HC_OK;
    case MH_TARGET_GONE:
        // Its number was there a moment ago; a zombie's still is.
        return hc_error(ctx, HC_NO_TARGET,
                        "%s: it has no memory: it has ended, or is a thread "
                        "of the kernel",
                        describe(ctx, name));
    case MH_TARGET_DENIED:
        return denied(ctx);
    case MH_TARGET_NO_MEMORY:
        return hc_view_error(ctx, MH_VIEW_NO_MEMORY);
    default:
        return hc_view_error(ctx, MH_VIEW_FAILED);
    }
}

// A process can have more than one mheap, each with memory of its own. Showing
// one and keeping silent about the others would mislead.
static void mention_others(struct hc_context *ctx,
                           const struct mh_view_root *roots, size_t n) {
    for (size_t i = 1; i < n; i++) {
        if (roots[i].used && ctx->options.root == 0) {
            char file[sizeof(roots[i].file)];
            (void)hc_error(ctx, HC_OK,
                           "note: there is another mheap in use, of %s; see "
                           "it with --root 0x%" PRIx64,
                           hc_plain(file, sizeof(file), roots[i].file),
                           roots[i].address);
        }
    }
}

// A view opened at an address does not know which file that address came from.
static void name_library(struct mh_view *view, const struct mh_view_root *roots,
                         size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (roots[i].address == view->root.address) {
            memcpy(view->root.file, roots[i].file, sizeof(view->root.file));
            view->root.by_note = roots[i].by_note;
        }
    }
}

static int no_such_root(struct hc_context *ctx) {
    char name[128];

    return hc_error(ctx, HC_NO_MHEAP,
                    "%s: there is no mheap at --root 0x%" PRIx64
                    "; without --root heapctl finds those it has",
                    describe(ctx, name), ctx->options.root);
}

// By how much of what is resident the sum of a view is off, in parts of 1,000.
static uint64_t off_by(const struct mh_view *view) {
    struct mh_ledger ledger;

    mh_ledger_make(view, &ledger);
    uint64_t off = ledger.difference < 0 ? 0 - (uint64_t)ledger.difference
                                         : (uint64_t)ledger.difference;
    return off * 1000 / (ledger.resident | 1);
}

// A process goes on while its books are read, and then its page tables. Where
// it has moved between the two by more than this, it is read again, and what is
// least off counts.
enum { READS = 3, OFF_MAX = 3 };

static enum mh_view_status read_view(struct hc_context *ctx,
                                     const struct mh_view_options *options,
                                     struct mh_view **view_out) {
    struct mh_view *best = NULL;

    for (int i = 0; i < READS && (best == NULL || off_by(best) > OFF_MAX);
         i++) {
        struct mh_view *view = NULL;
        enum mh_view_status status = mh_view_open(ctx->target, options, &view);
        if (status != MH_VIEW_OK) {
            mh_view_close(best);
            return status;
        }
        if (best == NULL || off_by(view) < off_by(best)) {
            mh_view_close(best);
            best = view;
        } else {
            mh_view_close(view);
        }
    }
    *view_out = best;
    return MH_VIEW_OK;
}

static int open_view(struct hc_context *ctx, bool residency) {
    struct mh_view_root *roots = calloc(MH_VIEW_MAX_ROOTS, sizeof(*roots));
    struct mh_view *view = NULL;
    size_t nroots = 0;

    if (roots == NULL) {
        return hc_view_error(ctx, MH_VIEW_NO_MEMORY);
    }
    enum mh_view_status status =
        mh_view_find(ctx->target, roots, &nroots, ctx->why, sizeof(ctx->why));
    if (status == MH_VIEW_OK) {
        struct mh_view_options options = {
            .root =
                ctx->options.root != 0 ? ctx->options.root : roots[0].address,
            .residency = residency,
            .why = ctx->why,
            .why_size = sizeof(ctx->why),
        };
        status = read_view(ctx, &options, &view);
        if (status == MH_VIEW_NONE && ctx->options.root != 0) {
            free(roots);
            return no_such_root(ctx);
        }
    }
    if (status == MH_VIEW_OK) {
        ctx->view = view;
        name_library(view, roots, nroots);
        mention_others(ctx, roots, nroots);
    }
    free(roots);
    return status == MH_VIEW_OK ? HC_OK : hc_view_error(ctx, status);
}

int hc_attach(struct hc_context *ctx, const char *word, bool residency) {
    uint64_t pid;
    int status;

    ctx->target_word = word;
    if (*word == '\0') {
        return hc_error(ctx, HC_USAGE,
                        "the target is empty; it should be a process number "
                        "or a name");
    }
    status = hc_parse_count(word, &pid) ? find_by_number(ctx, word, pid)
                                        : find_by_name(ctx, word);
    if (status == HC_OK) {
        status = open_target(ctx);
    }
    if (status == HC_OK) {
        status = open_view(ctx, residency);
    }
    if (status != HC_OK) {
        hc_detach(ctx);
    }
    return status;
}

void hc_detach(struct hc_context *ctx) {
    if (ctx->view != NULL) {
        // The view is ours; only the verbs see it as constant.
        mh_view_close((struct mh_view *)ctx->view);
        ctx->view = NULL;
    }
    if (ctx->target != NULL) {
        mh_target_close(ctx->target);
        ctx->target = NULL;
    }
}

int hc_report_findings(struct hc_context *ctx) {
    const struct mh_view *view = ctx->view;
    size_t shown =
        view->nfindings < FINDINGS_SHOWN ? view->nfindings : FINDINGS_SHOWN;

    hc_flush(ctx);
    for (size_t i = 0; i < shown; i++) {
        const struct mh_finding *finding = &view->findings[i];
        (void)fprintf(ctx->err, "heapctl: %s: 0x%" PRIx64 ": %s\n",
                      finding->code, finding->address, finding->text);
    }
    if (view->findings_total > shown) {
        (void)fprintf(ctx->err, "heapctl: findings: %" PRIu64 " more\n",
                      view->findings_total - shown);
    }
    return view->partial ? HC_PARTIAL : HC_OK;
}
