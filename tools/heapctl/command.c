// command.c - from the command line to a verb, and from there to an exit
// status.

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/heapctl/expr.h"
#include "tools/heapctl/heapctl.h"

const struct hc_command *const hc_commands[] = {
    &hc_cmd_run,     &hc_cmd_ps,     &hc_cmd_stats,   &hc_cmd_classes,
    &hc_cmd_spans,   &hc_cmd_arenas, &hc_cmd_map,     &hc_cmd_what,
    &hc_cmd_objects, &hc_cmd_help,   &hc_cmd_version, NULL,
};

// What may stand before the verb.
#define GLOBAL_OPTIONS \
    (HC_OPT_HELP | HC_OPT_VERSION | HC_OPT_JSON | HC_OPT_BYTES | HC_OPT_COLOR)

// stdio keeps no reason beside its error flag: it is errno of the write that
// failed, and gone with the next call.
bool hc_out_broken(struct hc_context *ctx) {
    if (ferror(ctx->out) == 0) {
        return false;
    }
    if (ctx->out_errno == 0) {
        ctx->out_errno = errno != 0 ? errno : EIO;
    }
    return true;
}

void hc_flush(struct hc_context *ctx) {
    errno = 0;
    if (fflush(ctx->out) != 0) {
        (void)hc_out_broken(ctx);
    }
}

int hc_error(struct hc_context *ctx, int status, const char *format, ...) {
    va_list args;

    hc_flush(ctx);
    (void)fputs("heapctl: ", ctx->err);
    va_start(args, format);
    (void)vfprintf(ctx->err, format, args);
    va_end(args);
    (void)fputc('\n', ctx->err);
    return status;
}

const struct hc_command *hc_command_find(const char *name) {
    for (size_t i = 0; hc_commands[i] != NULL; i++) {
        if (strcmp(hc_commands[i]->name, name) == 0) {
            return hc_commands[i];
        }
    }
    return NULL;
}

static const char *command_name(const void *list, size_t i) {
    return ((const struct hc_command *const *)list)[i]->name;
}

const char *hc_command_suggest(const char *name) {
    size_t n = 0;

    while (hc_commands[n] != NULL) {
        n++;
    }
    return hc_nearest(name, strlen(name), n, command_name, hc_commands);
}

static int unknown_verb(struct hc_context *ctx, const char *name) {
    const char *near = hc_command_suggest(name);

    if (near != NULL) {
        return hc_error(ctx, HC_USAGE, "%s: no such verb; did you mean '%s'?",
                        name, near);
    }
    return hc_error(ctx, HC_USAGE, "%s: no such verb; see heapctl help", name);
}

static int check_words(struct hc_context *ctx,
                       const struct hc_command *command) {
    int target = command->wants_target ? 1 : 0;

    if (ctx->nwords < target + command->min_words) {
        return hc_error(ctx, HC_USAGE, "%s: usage: heapctl %s %s",
                        command->name, command->name, command->usage);
    }
    if (command->max_words >= 0 && ctx->nwords > target + command->max_words) {
        return hc_error(ctx, HC_USAGE,
                        "%s: what is '%s' for? usage: heapctl "
                        "%s %s",
                        command->name, ctx->words[target + command->max_words],
                        command->name, command->usage);
    }
    return HC_OK;
}

static void decide_looks(struct hc_context *ctx) {
    struct hc_surroundings around = hc_surroundings_of(ctx->out);

    ctx->color = hc_wants_color(ctx->options.color, &around);
    ctx->utf8 = hc_is_utf8(&around) && (ctx->options.given & HC_OPT_ASCII) == 0;
    ctx->width = hc_terminal_width(ctx->out);
}

static int run_on_target(struct hc_context *ctx,
                         const struct hc_command *command) {
    int status = hc_attach(ctx, ctx->words[0], command->wants_residency);

    if (status != HC_OK) {
        return status;
    }
    ctx->words++;
    ctx->nwords--;
    status = command->run(ctx);
    if (status == HC_OK || status == HC_FINDING) {
        int partial = hc_report_findings(ctx);
        status = status == HC_OK ? partial : status;
    }
    hc_detach(ctx);
    return status;
}

static int run_command(struct hc_context *ctx, const struct hc_command *command,
                       int argc, char **argv) {
    struct hc_args args = {.options = ctx->options};
    unsigned early = ctx->options.given;

    if (hc_args_parse(argc, argv, command->options | HC_OPT_COLOR,
                      command->stop_at_word, &args) != HC_OK) {
        return hc_error(ctx, HC_USAGE, "%s: %s; see heapctl %s --help",
                        command->name, args.error, command->name);
    }
    ctx->options = args.options;
    ctx->words = args.words;
    ctx->nwords = args.nwords;
    if ((ctx->options.given & HC_OPT_HELP) != 0) {
        hc_help_command(ctx->out, command);
        return HC_OK;
    }
    if ((early & ~(command->options | HC_OPT_COLOR)) != 0) {
        return hc_error(ctx, HC_USAGE,
                        "%s: an option before the verb is not one of its own; "
                        "see heapctl %s --help",
                        command->name, command->name);
    }
    int status = check_words(ctx, command);
    if (status != HC_OK) {
        return status;
    }
    decide_looks(ctx);
    return command->wants_target ? run_on_target(ctx, command)
                                 : command->run(ctx);
}

static int dispatch(struct hc_context *ctx, int argc, char **argv) {
    struct hc_args args = {.options = ctx->options};

    if (hc_args_parse(argc - 1, argv + 1, GLOBAL_OPTIONS, true, &args) !=
        HC_OK) {
        return hc_error(ctx, HC_USAGE, "%s; see heapctl help", args.error);
    }
    ctx->options = args.options;
    if ((args.options.given & HC_OPT_VERSION) != 0) {
        return hc_cmd_version.run(ctx);
    }
    if (args.nwords == 0 && (args.options.given & HC_OPT_HELP) == 0) {
        hc_help_all(ctx->err);
        return HC_USAGE;
    }
    if (args.nwords == 0) {
        hc_help_all(ctx->out);
        return HC_OK;
    }
    const struct hc_command *command = hc_command_find(args.words[0]);
    if (command == NULL) {
        return unknown_verb(ctx, args.words[0]);
    }
    return run_command(ctx, command, args.nwords - 1, args.words + 1);
}

// Output that did not arrive is a failure, unless its reader went away.
static int finish(struct hc_context *ctx, int status) {
    hc_flush(ctx);
    if (!hc_out_broken(ctx)) {
        return status;
    }
    if (ctx->out_errno == EPIPE) {
        return HC_OK;
    }
    return hc_error(ctx, HC_INTERNAL, "standard output: %s",
                    strerror(ctx->out_errno));
}

int hc_main(int argc, char **argv, FILE *in, FILE *out, FILE *err) {
    struct hc_context ctx = {
        .out = out,
        .err = err,
        .in = in,
        .options = {.top = UINT64_MAX},
        .width = 80,
    };

    return finish(&ctx, dispatch(&ctx, argc, argv));
}
