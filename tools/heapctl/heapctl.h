// heapctl.h - what the verbs of heapctl share.
//
// A verb is a file, a struct and a run function. It works on a context: the
// options, the words, and the view of the target, which is the same thing
// whether it was read from a live process or made up by a test.

#ifndef MHEAP_TOOLS_HEAPCTL_HEAPCTL_H
#define MHEAP_TOOLS_HEAPCTL_HEAPCTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/base/attr.h"
#include "inspect/view.h"
#include "tools/heapctl/terminal.h"

enum hc_status {
    HC_OK,
    HC_INTERNAL,  // this side failed: no memory, output refused
    HC_USAGE,     // what was typed makes no sense
    HC_NO_TARGET, // no such process, several, or it ended meanwhile
    HC_DENIED,    // not allowed to read it
    HC_NO_MHEAP,  // no mheap in it, or a format this reader does not know
    HC_PARTIAL,   // printed, but something could not be read
    HC_FINDING,   // --fail-on holds
};

// ---- options ----------------------------------------------------------------

// Each is one bit of a set.
enum hc_option {
    HC_OPT_HELP = 1 << 0,
    HC_OPT_JSON = 1 << 1,
    HC_OPT_BYTES = 1 << 2,
    HC_OPT_COLOR = 1 << 3,
    HC_OPT_ASCII = 1 << 4,
    HC_OPT_WHERE = 1 << 5,
    HC_OPT_SORT = 1 << 6,
    HC_OPT_TOP = 1 << 7,
    HC_OPT_CLASS = 1 << 8,
    HC_OPT_ARENA = 1 << 9,
    HC_OPT_CELL = 1 << 10,
    HC_OPT_FAIL_ON = 1 << 11,
    HC_OPT_INTERVAL = 1 << 12,
    HC_OPT_OUTPUT = 1 << 13,
    HC_OPT_ROOT = 1 << 14,
    HC_OPT_VERSION = 1 << 15,
};

// What every verb that prints a view takes, and what one with rows adds.
#define HC_OPTS_VIEW (HC_OPT_HELP | HC_OPT_JSON | HC_OPT_BYTES | HC_OPT_ROOT)
#define HC_OPTS_ROWS \
    (HC_OPTS_VIEW | HC_OPT_WHERE | HC_OPT_SORT | HC_OPT_TOP | HC_OPT_FAIL_ON)

struct hc_options {
    unsigned given;      // set of enum hc_option
    enum hc_color color; // --color
    const char *where;   // expression, or NULL
    const char *fail_on; // expression, or NULL
    const char *sort;    // keys, or NULL
    const char *output;  // file, or NULL
    uint64_t top;        // rows; UINT64_MAX: all
    uint64_t size_class; // with HC_OPT_CLASS
    uint64_t arena;      // with HC_OPT_ARENA
    uint64_t cell;       // bytes; 0: fitting
    uint64_t root;       // address, 0: the one in use
    double interval_s;   // 0: none
};

struct hc_args {
    struct hc_options options;
    char **words; // those that are no options, in order
    int nwords;
    char error[200]; // what was wrong
};

// hc_args_parse sorts argv into options, out of the allowed set, and words.
// Everything from the first word on is a word when stop_at_word. HC_OK, or
// HC_USAGE, and hc_args_error says why. out->words is argv, rearranged;
// out->options keeps what the options given do not change.
int hc_args_parse(int argc, char **argv, unsigned allowed, bool stop_at_word,
                  struct hc_args *out);

// hc_args_error is what was wrong when hc_args_parse failed last.
const char *hc_args_error(void);

// hc_args_describe prints a line of help per option of the set.
void hc_args_describe(FILE *out, unsigned set);

// ---- verbs ------------------------------------------------------------------

struct hc_context {
    FILE *out;     // results
    int out_errno; // why they could not be written, 0: they could
    FILE *err;     // everything else
    FILE *in;      // addresses, for `what -`
    struct hc_options options;
    char **words; // behind TARGET, where the verb has one
    int nwords;
    bool color;
    bool utf8;
    unsigned width; // columns

    // With a target:
    const char *target_word; // as typed, for hints
    struct mh_target_process process;
    struct mh_target *target; // NULL in tests
    const struct mh_view *view;
    char why[MH_VIEW_WHY]; // a view was refused, "": no more is known
};

struct hc_command {
    const char *name;
    const char *summary;      // one line, no full stop
    const char *usage;        // behind "heapctl NAME "
    const char *help;         // paragraphs and examples
    unsigned options;         // set of enum hc_option
    bool wants_target;        // the first word is one; view is read before run
    bool wants_residency;     // and page tables with it
    bool stop_at_word;        // options end at the first word
    int min_words, max_words; // without TARGET; max_words -1: any number
    int (*run)(struct hc_context *ctx); // enum hc_status, or what `run` passes
};

extern const struct hc_command hc_cmd_run;
extern const struct hc_command hc_cmd_ps;
extern const struct hc_command hc_cmd_stats;
extern const struct hc_command hc_cmd_classes;
extern const struct hc_command hc_cmd_spans;
extern const struct hc_command hc_cmd_arenas;
extern const struct hc_command hc_cmd_map;
extern const struct hc_command hc_cmd_what;
extern const struct hc_command hc_cmd_objects;
extern const struct hc_command hc_cmd_help;
extern const struct hc_command hc_cmd_version;

// The verbs in the order help lists them; the last is NULL.
extern const struct hc_command *const hc_commands[];

// hc_command_find is the verb of that name, or NULL.
const struct hc_command *hc_command_find(const char *name);

// hc_command_suggest is the name of a verb close to a misspelt one, or NULL.
const char *hc_command_suggest(const char *name);

// hc_help_command and hc_help_all print the help of one verb and of heapctl.
void hc_help_command(FILE *out, const struct hc_command *command);
void hc_help_all(FILE *out);

// hc_main is heapctl, with its streams given. The result is the exit status.
int hc_main(int argc, char **argv, FILE *in, FILE *out, FILE *err);

// hc_error prints "heapctl: " and a line; the result is status.
MH_PRINTF(3, 4)
int hc_error(struct hc_context *ctx, int status, const char *format, ...);

// hc_out_broken: results do not arrive any more, so that making more of them is
// no use. Called after each row, it notes the reason while it is known.
bool hc_out_broken(struct hc_context *ctx);

// hc_flush hands the results so far over, and notes why when it cannot.
void hc_flush(struct hc_context *ctx);

// hc_is_json: the machine form was asked for.
static inline bool hc_is_json(const struct hc_context *ctx) {
    return (ctx->options.given & HC_OPT_JSON) != 0;
}

static inline bool hc_is_exact(const struct hc_context *ctx) {
    return (ctx->options.given & HC_OPT_BYTES) != 0;
}

// ---- targets ----------------------------------------------------------------

// hc_attach finds the process that word names and reads its heap into
// ctx->view. HC_OK, or a status after its line to ctx->err.
int hc_attach(struct hc_context *ctx, const char *word, bool residency);

// hc_detach ends what hc_attach began.
void hc_detach(struct hc_context *ctx);

// hc_view_error is the exit status and the line to print for a view that could
// not be had of process pid.
int hc_view_error(struct hc_context *ctx, enum mh_view_status status);

// The processes there are, and which of them is the reader, who is nobody's
// target.
struct hc_processes {
    const struct mh_target_process *list;
    size_t n;
    uint64_t self;
};

// hc_match collects the processes that a name means: those that bear it; when
// there is none, those whose names begin with it. Fills at most size indices
// and returns how many there are.
size_t hc_match(const struct hc_processes *in, const char *name,
                size_t *matches, size_t size);

// hc_report_findings prints one line to ctx->err for each of the first findings
// of the view and how many more there are. HC_PARTIAL when the view is, else
// HC_OK.
int hc_report_findings(struct hc_context *ctx);

// hc_self is the number of this process; hc_user_name writes the name of a
// user, or its number where it has none.
uint64_t hc_self(void);
const char *hc_user_name(uint64_t uid, char *text, size_t size);

#endif // MHEAP_TOOLS_HEAPCTL_HEAPCTL_H
