// cmd_help.c - `heapctl help [VERB]` and `heapctl version`.

#include <stdio.h>

#include "mheap/inspect.h"
#include "mheap/version.h"
#include "tools/heapctl/heapctl.h"
#include "tools/heapctl/json_out.h"

void hc_help_command(FILE *out, const struct hc_command *command) {
    (void)fprintf(out, "heapctl %s - %s\n\nusage: heapctl %s %s\n\n%s\n",
                  command->name, command->summary, command->name,
                  command->usage, command->help);
    if (command->options != 0) {
        (void)fputs("options:\n", out);
        hc_args_describe(out, command->options | HC_OPT_COLOR);
    }
}

void hc_help_all(FILE *out) {
    (void)fputs("heapctl - see into a running process whose memory is mheap's\n"
                "\n"
                "usage: heapctl VERB [TARGET] [OPTIONS]\n"
                "\n",
                out);
    for (size_t i = 0; hc_commands[i] != NULL; i++) {
        (void)fprintf(out, "  %-9s %s\n", hc_commands[i]->name,
                      hc_commands[i]->summary);
    }
    (void)fputs(
        "\n"
        "TARGET is a process number or the name of one process. It is\n"
        "read while it runs and never stopped.\n"
        "\n"
        "  heapctl run -- python3 script.py    start a program on mheap\n"
        "  heapctl stats 4242                  where its memory is\n"
        "  heapctl help spans                  all about one verb\n"
        "\n"
        "exit status: 0 fine, 1 internal error, 2 usage, 3 no such\n"
        "target, several, or it ended, 4 permission, 5 no mheap in it\n"
        "or a newer format, 6 partial, 7 a finding under --fail-on\n",
        out);
}

static int run_help(struct hc_context *ctx) {
    if (ctx->nwords == 0) {
        hc_help_all(ctx->out);
        return HC_OK;
    }
    const struct hc_command *command = hc_command_find(ctx->words[0]);
    if (command == NULL) {
        const char *near = hc_command_suggest(ctx->words[0]);
        return hc_error(ctx, HC_USAGE, "help: no verb '%s'%s%s%s",
                        ctx->words[0], near != NULL ? "; did you mean '" : "",
                        near != NULL ? near : "", near != NULL ? "'?" : "");
    }
    hc_help_command(ctx->out, command);
    return HC_OK;
}

static int run_version(struct hc_context *ctx) {
    if (hc_is_json(ctx)) {
        struct hc_json *data = hc_json_new_object();
        hc_json_text(data, "version", MHEAP_VERSION_STRING);
        hc_json_number(data, "format_major", MHEAP_INSPECT_MAJOR);
        hc_json_number(data, "format_minor", MHEAP_INSPECT_MINOR);
        hc_json_document(ctx, "version", data);
        return HC_OK;
    }
    (void)fprintf(ctx->out, "heapctl %s, reads format %d.%d\n",
                  MHEAP_VERSION_STRING, MHEAP_INSPECT_MAJOR,
                  MHEAP_INSPECT_MINOR);
    return HC_OK;
}

const struct hc_command hc_cmd_help = {
    .name = "help",
    .summary = "explain heapctl or one of its verbs",
    .usage = "[VERB]",
    .help = "examples:\n"
            "  heapctl help\n"
            "  heapctl help spans\n",
    .options = HC_OPT_HELP,
    .max_words = 1,
    .run = run_help,
};

const struct hc_command hc_cmd_version = {
    .name = "version",
    .summary = "print the version of heapctl and of the format it reads",
    .usage = "[--json]",
    .help = "example:\n"
            "  heapctl version\n",
    .options = HC_OPT_HELP | HC_OPT_JSON,
    .max_words = 0,
    .run = run_version,
};
