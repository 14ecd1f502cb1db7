// args.c - the command line: options and words.

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tools/heapctl/heapctl.h"
#include "tools/heapctl/units.h"

struct spec {
    const char *name;
    char letter; // or 0
    enum hc_option bit;
    const char *value; // what it is called in help; NULL: a flag
    const char *text;
};

static const struct spec specs[] = {
    {"where", 0, HC_OPT_WHERE, "EXPR", "only rows for which EXPR holds"},
    {"sort", 0, HC_OPT_SORT, "KEY[,KEY]",
     "order by fields, -KEY downwards; ties by address"},
    {"top", 0, HC_OPT_TOP, "N", "at most N rows"},
    {"class", 0, HC_OPT_CLASS, "N", "only this size class; 0 is large objects"},
    {"arena", 0, HC_OPT_ARENA, "N", "only the arena of this number"},
    {"cell", 0, HC_OPT_CELL, "SIZE", "memory one cell stands for"},
    {"ascii", 0, HC_OPT_ASCII, NULL, "draw with ASCII only"},
    {"fail-on", 0, HC_OPT_FAIL_ON, "EXPR", "exit 7 when EXPR holds"},
    {"interval", 'i', HC_OPT_INTERVAL, "SECONDS", "print a line every SECONDS"},
    {"output", 'o', HC_OPT_OUTPUT, "FILE",
     "write to FILE, not to standard error"},
    {"root", 0, HC_OPT_ROOT, "ADDRESS",
     "the mheap to read, where a process has several"},
    {"bytes", 0, HC_OPT_BYTES, NULL, "sizes in bytes"},
    {"json", 0, HC_OPT_JSON, NULL, "the machine form, heapctl/1"},
    {"color", 0, HC_OPT_COLOR, "WHEN", "auto, always or never"},
    {"help", 'h', HC_OPT_HELP, NULL, "this text"},
    {"version", 0, HC_OPT_VERSION, NULL, "the version of heapctl"},
};

enum { NSPECS = sizeof(specs) / sizeof(specs[0]) };

MH_PRINTF(2, 3)
static int fail(struct hc_args *out, const char *format, ...) {
    va_list args;

    va_start(args, format);
    (void)vsnprintf(out->error, sizeof(out->error), format, args);
    va_end(args);
    return HC_USAGE;
}

static const struct spec *find_long(const char *name, size_t length) {
    for (size_t i = 0; i < NSPECS; i++) {
        if (strlen(specs[i].name) == length &&
            strncmp(specs[i].name, name, length) == 0) {
            return &specs[i];
        }
    }
    return NULL;
}

static const struct spec *find_letter(char letter) {
    for (size_t i = 0; i < NSPECS; i++) {
        if (specs[i].letter == letter) {
            return &specs[i];
        }
    }
    return NULL;
}

static int bad_value(struct hc_args *out, const struct spec *spec,
                     const char *value, const char *wanted) {
    return fail(out, "--%s: '%s' is not %s", spec->name, value, wanted);
}

static int set_color(struct hc_args *out, const struct spec *spec,
                     const char *value) {
    static const char *const words[] = {"auto", "always", "never"};

    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(value, words[i]) == 0) {
            out->options.color = (enum hc_color)i;
            return HC_OK;
        }
    }
    return bad_value(out, spec, value, "auto, always or never");
}

static int set_interval(struct hc_args *out, const struct spec *spec,
                        const char *value) {
    const char *end;

    if (hc_scan_number(value, &end, &out->options.interval_s) != NULL ||
        *end != '\0' || out->options.interval_s < 0.01 ||
        out->options.interval_s > 1e6) {
        return bad_value(out, spec, value, "a time of 0.01 seconds or more");
    }
    return HC_OK;
}

static int set_count(struct hc_args *out, const struct spec *spec,
                     const char *value, uint64_t *count_out) {
    return hc_parse_count(value, count_out)
               ? HC_OK
               : bad_value(out, spec, value, "a number");
}

static int set_text(struct hc_args *out, const struct spec *spec,
                    const char *value, const char **text_out) {
    *text_out = value;
    return *value != '\0' ? HC_OK : fail(out, "--%s: it is empty", spec->name);
}

static int set_cell(struct hc_args *out, const struct spec *spec,
                    const char *value) {
    bool good =
        hc_parse_size(value, &out->options.cell) && out->options.cell > 0;

    return good ? HC_OK : bad_value(out, spec, value, "a size such as 64K");
}

static int set_root(struct hc_args *out, const struct spec *spec,
                    const char *value) {
    bool good =
        hc_parse_address(value, &out->options.root) && out->options.root != 0;

    return good ? HC_OK : bad_value(out, spec, value, "an address");
}

static int set(struct hc_args *out, const struct spec *spec,
               const char *value) {
    struct hc_options *options = &out->options;

    options->given |= spec->bit;
    switch (spec->bit) {
    case HC_OPT_COLOR:
        return set_color(out, spec, value);
    case HC_OPT_WHERE:
        return set_text(out, spec, value, &options->where);
    case HC_OPT_FAIL_ON:
        return set_text(out, spec, value, &options->fail_on);
    case HC_OPT_SORT:
        return set_text(out, spec, value, &options->sort);
    case HC_OPT_OUTPUT:
        return set_text(out, spec, value, &options->output);
    case HC_OPT_TOP:
        return set_count(out, spec, value, &options->top);
    case HC_OPT_CLASS:
        return set_count(out, spec, value, &options->size_class);
    case HC_OPT_ARENA:
        return set_count(out, spec, value, &options->arena);
    case HC_OPT_CELL:
        return set_cell(out, spec, value);
    case HC_OPT_ROOT:
        return set_root(out, spec, value);
    case HC_OPT_INTERVAL:
        return set_interval(out, spec, value);
    default:
        return HC_OK;
    }
}

struct reader {
    int argc;
    char **argv;
    int at;
    unsigned allowed;
    struct hc_args *out;
};

// The option at r->at and its value, which may be the word behind it.
static int take_option(struct reader *r) {
    char *arg = r->argv[r->at++];
    bool is_long = arg[1] == '-';
    const char *equals = is_long ? strchr(arg, '=') : NULL;
    size_t length = equals != NULL ? (size_t)(equals - arg) : strlen(arg);
    const struct spec *spec =
        is_long ? find_long(arg + 2, length - 2) : find_letter(arg[1]);

    if (spec == NULL || (r->allowed & spec->bit) == 0) {
        return fail(r->out, "unknown option '%.*s'", is_long ? (int)length : 2,
                    arg);
    }
    const char *value = equals != NULL ? equals + 1 : NULL;
    if (!is_long && arg[2] != '\0') {
        value = arg + 2;
    }
    if (spec->value == NULL) {
        return value == NULL ? set(r->out, spec, "")
                             : fail(r->out, "--%s takes no value", spec->name);
    }
    if (value == NULL) {
        if (r->at == r->argc) {
            return fail(r->out, "--%s needs a value (%s)", spec->name,
                        spec->value);
        }
        value = r->argv[r->at++];
    }
    return set(r->out, spec, value);
}

int hc_args_parse(int argc, char **argv, unsigned allowed, bool stop_at_word,
                  struct hc_args *out) {
    struct reader reader = {argc, argv, 0, allowed, out};
    bool only_words = false;

    out->words = argv;
    out->nwords = 0;
    while (reader.at < argc) {
        char *arg = argv[reader.at];
        if (!only_words && strcmp(arg, "--") == 0) {
            only_words = true;
            reader.at++;
        } else if (only_words || arg[0] != '-' || arg[1] == '\0') {
            only_words = only_words || stop_at_word;
            reader.at++;
            out->words[out->nwords++] = arg;
        } else if (take_option(&reader) != HC_OK) {
            return HC_USAGE;
        }
    }
    return HC_OK;
}

void hc_args_describe(FILE *out, unsigned set_of) {
    for (size_t i = 0; i < NSPECS; i++) {
        char left[64];
        if ((set_of & specs[i].bit) == 0) {
            continue;
        }
        int n = specs[i].letter != 0
                    ? snprintf(left, sizeof(left), "-%c, ", specs[i].letter)
                    : 0;
        (void)snprintf(left + n, sizeof(left) - (size_t)n, "--%s%s%s",
                       specs[i].name, specs[i].value != NULL ? " " : "",
                       specs[i].value != NULL ? specs[i].value : "");
        (void)fprintf(out, "  %-24s %s\n", left, specs[i].text);
    }
}
