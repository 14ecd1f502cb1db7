// cmd_ps.c - `heapctl ps`: the processes that have an mheap.

#include <stdlib.h>
#include <string.h>

#include "tools/heapctl/cmd_ps.h"
#include "tools/heapctl/json_out.h"
#include "tools/heapctl/plain.h"
#include "tools/heapctl/rows.h"

#define PROCESS_FIELD(name, expression)                                \
    static double field_##name(const void *context, const void *row) { \
        const struct hc_process *process = row;                        \
        (void)context;                                                 \
        return (double)(expression);                                   \
    }
PROCESS_FIELD(pid, process->process.pid)
PROCESS_FIELD(uid, process->process.uid)
PROCESS_FIELD(heaps, process->heaps)
PROCESS_FIELD(in_use, process->in_use)
PROCESS_FIELD(objects, process->objects)
PROCESS_FIELD(resident, process->resident)

static const char *field_name(const void *context, const void *row) {
    (void)context;
    return ((const struct hc_process *)row)->process.name;
}

static const char *field_user(const void *context, const void *row) {
    (void)context;
    return ((const struct hc_process *)row)->user;
}

static const char *field_version(const void *context, const void *row) {
    (void)context;
    return ((const struct hc_process *)row)->version;
}

static const struct hc_field fields[] = {
    {"pid", field_pid, NULL},           {"uid", field_uid, NULL},
    {"user", NULL, field_user},         {"name", NULL, field_name},
    {"version", NULL, field_version},   {"heaps", field_heaps, NULL},
    {"in_use", field_in_use, NULL},     {"objects", field_objects, NULL},
    {"resident", field_resident, NULL},
};

static const struct hc_column columns[] = {
    {"PID", HC_RIGHT, 7},   {"USER", HC_LEFT, 10},   {"VERSION", HC_LEFT, 7},
    {"HEAPS", HC_RIGHT, 5}, {"IN-USE", HC_RIGHT, 0}, {"RESIDENT", HC_RIGHT, 0},
    {"NAME", HC_LEFT, 4},
};

enum { HEAPS, IN_USE, OBJECTS, RESIDENT };

static const void *row_of(const void *context, size_t i) {
    return &((const struct hc_process *)context)[i];
}

static void print(const struct hc_context *ctx, struct hc_table *table,
                  const void *row) {
    const struct hc_process *process = row;
    char name[sizeof(process->process.name)];

    (void)ctx;
    hc_table_count(table, process->process.pid);
    hc_table_text(table, process->user);
    hc_table_text(table, process->version);
    if (process->decoded) {
        hc_table_count(table, process->heaps);
        hc_table_size(table, process->in_use);
    } else {
        hc_table_text(table, "-");
        hc_table_text(table, "-");
    }
    hc_table_size(table, process->resident);
    hc_table_text(table, hc_plain(name, sizeof(name), process->process.name));
}

static void json(const struct hc_context *ctx, struct hc_json *object,
                 const void *row) {
    const struct hc_process *process = row;

    (void)ctx;
    hc_json_number(object, "pid", process->process.pid);
    hc_json_text(object, "name", process->process.name);
    hc_json_number(object, "uid", process->process.uid);
    hc_json_text(object, "user", process->user);
    hc_json_text(object, "version", process->version);
    if (process->decoded) {
        hc_json_number(object, "heaps", process->heaps);
        hc_json_number(object, "in_use_bytes", process->in_use);
        hc_json_number(object, "in_use_objects", process->objects);
    }
    hc_json_number(object, "process_resident_bytes", process->resident);
}

static void add(struct hc_sums *sums, const void *row) {
    const struct hc_process *process = row;

    sums->of[HEAPS] += process->heaps;
    sums->of[IN_USE] += process->in_use;
    sums->of[OBJECTS] += process->objects;
    sums->of[RESIDENT] += process->resident;
}

static void print_sums(struct hc_table *table, const struct hc_sums *sums,
                       const char *label) {
    hc_table_text(table, label);
    hc_table_count(table, sums->rows);
    hc_table_text(table, "");
    hc_table_count(table, sums->of[HEAPS]);
    hc_table_size(table, sums->of[IN_USE]);
    hc_table_size(table, sums->of[RESIDENT]);
}

static void json_sums(struct hc_json *object, const struct hc_sums *sums) {
    hc_json_number(object, "heaps", sums->of[HEAPS]);
    hc_json_number(object, "in_use_bytes", sums->of[IN_USE]);
    hc_json_number(object, "in_use_objects", sums->of[OBJECTS]);
    hc_json_number(object, "process_resident_bytes", sums->of[RESIDENT]);
}

int hc_ps_show(struct hc_context *ctx, const struct hc_process *list,
               size_t n) {
    const struct hc_set set = {
        .kind = "ps",
        .fields = {fields, sizeof(fields) / sizeof(fields[0]), list},
        .columns = columns,
        .ncolumns = sizeof(columns) / sizeof(columns[0]),
        .nrows = n,
        .row = row_of,
        .print = print,
        .json = json,
        .add = add,
        .print_sums = print_sums,
        .json_sums = json_sums,
    };

    return hc_set_show(ctx, &set);
}

// Sums up what a view says of the process it was read from.
static void take_view(struct hc_process *process, const struct mh_view *view) {
    process->decoded = true;
    for (size_t i = 0; i < view->nheaps; i++) {
        process->heaps += view->heaps[i].state == MH_VIEW_HEAP_LIVE;
    }
    for (size_t i = 0; i < view->nclasses; i++) {
        process->in_use += view->classes[i].used_bytes;
        process->objects += view->classes[i].used;
    }
}

static enum mh_view_status look_into(struct mh_target *target,
                                     struct mh_view_root *roots,
                                     struct hc_process *process) {
    struct mh_view *view = NULL;
    size_t nroots = 0;
    enum mh_view_status status = mh_view_find(target, roots, &nroots, NULL, 0);

    if (status != MH_VIEW_OK && status != MH_VIEW_NEWER) {
        return status;
    }
    (void)snprintf(process->version, sizeof(process->version), "%s",
                   nroots != 0 ? roots[0].version : "?");
    (void)mh_target_resident(target, &process->resident);
    if (status == MH_VIEW_OK) {
        struct mh_view_options options = {.root = roots[0].address};
        status = mh_view_open(target, &options, &view);
        if (status == MH_VIEW_OK) {
            take_view(process, view);
            mh_view_close(view);
        }
    }
    // What cannot be decoded is listed all the same, unless it has ended.
    return status == MH_VIEW_GONE ? status : MH_VIEW_OK;
}

// Processes that end meanwhile are left out: they are no more.
static enum mh_view_status look_at(const struct mh_target_process *candidate,
                                   struct mh_view_root *roots,
                                   struct hc_process *process) {
    struct mh_target *target = NULL;
    enum mh_target_status opened = mh_target_open(candidate->pid, &target);

    if (opened != MH_TARGET_OK) {
        return opened == MH_TARGET_DENIED ? MH_VIEW_DENIED : MH_VIEW_GONE;
    }
    memset(process, 0, sizeof(*process));
    process->process = *candidate;
    (void)hc_user_name(candidate->uid, process->user, sizeof(process->user));
    enum mh_view_status status = look_into(target, roots, process);
    mh_target_close(target);
    return status;
}

static int gather(struct hc_context *ctx, const struct mh_target_process *list,
                  size_t n, struct mh_view_root *roots,
                  struct hc_process *found) {
    size_t nfound = 0, denied = 0;

    for (size_t i = 0; i < n; i++) {
        enum mh_view_status status =
            list[i].pid == hc_self() ? MH_VIEW_NONE
                                     : look_at(&list[i], roots, &found[nfound]);
        nfound += status == MH_VIEW_OK;
        denied += status == MH_VIEW_DENIED;
    }
    int status = hc_ps_show(ctx, found, nfound);
    if (denied != 0) {
        (void)hc_error(ctx, HC_OK,
                       "ps: %zu of %zu processes may not be read from here",
                       denied, n);
    }
    return status;
}

static int run_ps(struct hc_context *ctx) {
    struct mh_target_process *list = NULL;
    size_t n = 0;

    if (mh_target_processes(&list, &n) != MH_TARGET_OK) {
        return hc_error(ctx, HC_INTERNAL, "ps: processes cannot be listed");
    }
    struct hc_process *found = calloc(n + 1, sizeof(*found));
    struct mh_view_root *roots = calloc(MH_VIEW_MAX_ROOTS, sizeof(*roots));
    int status = found != NULL && roots != NULL
                     ? gather(ctx, list, n, roots, found)
                     : hc_error(ctx, HC_INTERNAL, "ps: out of memory");
    free(roots);
    free(found);
    free(list);
    return status;
}

const struct hc_command hc_cmd_ps = {
    .name = "ps",
    .summary = "the processes that have an mheap",
    .usage = "[--where EXPR] [--sort KEYS] [--top N]",
    .help =
        "IN-USE is what the program has of mheap; RESIDENT is what the system\n"
        "says of all the process. Processes that may not be read are counted\n"
        "on standard error.\n"
        "\n"
        "fields: pid uid user name version heaps in_use objects resident\n"
        "\n"
        "examples:\n"
        "  heapctl ps\n"
        "  heapctl ps --sort -in_use --top 5\n"
        "  heapctl ps --where 'user == www-data && resident > 1GiB'\n",
    .options = HC_OPTS_ROWS & ~HC_OPT_ROOT,
    .max_words = 0,
    .run = run_ps,
};
