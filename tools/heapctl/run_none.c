// run_none.c - `heapctl run`, where it is not there: on Windows nothing can be
// loaded under a program, and on Darwin only what the program allows.

#include "tools/heapctl/heapctl.h"

static int run_none(struct hc_context *ctx) {
    return hc_error(ctx, HC_INTERNAL,
                    "run: not on this system, where a program takes malloc "
                    "from the library it was linked with; link it to mheap, "
                    "start it, and use the other verbs");
}

const struct hc_command hc_cmd_run = {
    .name = "run",
    .summary = "not on this system: link the program to mheap instead",
    .usage = "PROGRAM [ARGUMENTS]",
    .help = "Other systems load mheap under a program that was built without\n"
            "it. Here there is no way to do that for every program.\n",
    .options = HC_OPT_HELP,
    .stop_at_word = true,
    .min_words = 1,
    .max_words = -1,
    .run = run_none,
};
