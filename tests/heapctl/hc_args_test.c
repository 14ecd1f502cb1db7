// hc_args_test.c - options, words, and from a command line to a verb.

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/heapctl/heapctl_fixture.h"

enum { ALL_OPTIONS = 0xffff };

// Words and options of a command line in one string, split at blanks.
struct line {
    char text[256];
    char *argv[32];
    int argc;
    struct hc_args args;
};

static int parse(struct line *line, const char *text, unsigned allowed,
                 bool stop) {
    memset(line, 0, sizeof(*line));
    strcpy(line->text, text);
    for (char *word = strtok(line->text, " "); word != NULL;
         word = strtok(NULL, " ")) {
        line->argv[line->argc++] = word;
    }
    return hc_args_parse(line->argc, line->argv, allowed, stop, &line->args);
}

START_TEST(options_and_words_may_be_mixed) {
    struct line line;

    ck_assert_int_eq(
        parse(&line, "webd --top 5 0x10 --json 0x20", ALL_OPTIONS, false),
        HC_OK);
    ck_assert_int_eq(line.args.nwords, 3);
    ck_assert_str_eq(line.args.words[0], "webd");
    ck_assert_str_eq(line.args.words[2], "0x20");
    ck_assert_uint_eq(line.args.options.top, 5);
    ck_assert_uint_eq(line.args.options.given, HC_OPT_TOP | HC_OPT_JSON);
}
END_TEST

START_TEST(a_value_may_follow_or_be_joined) {
    struct line line;

    ck_assert_int_eq(
        parse(&line, "--top=7 -i0.5 -o file --sort -size", ALL_OPTIONS, false),
        HC_OK);
    ck_assert_uint_eq(line.args.options.top, 7);
    ck_assert_double_eq(line.args.options.interval_s, 0.5);
    ck_assert_str_eq(line.args.options.output, "file");
    ck_assert_str_eq(line.args.options.sort, "-size");
    ck_assert_int_eq(line.args.nwords, 0);
}
END_TEST

START_TEST(a_program_keeps_its_own_options) {
    struct line line;

    ck_assert_int_eq(parse(&line, "-i 1 ls -l --json --", ALL_OPTIONS, true),
                     HC_OK);
    ck_assert_int_eq(line.args.nwords, 4);
    ck_assert_str_eq(line.args.words[1], "-l");
    ck_assert_str_eq(line.args.words[3], "--");
    ck_assert_uint_eq(line.args.options.given, HC_OPT_INTERVAL);
}
END_TEST

START_TEST(two_dashes_end_the_options) {
    struct line line;

    ck_assert_int_eq(parse(&line, "--json -- --top - -x", ALL_OPTIONS, false),
                     HC_OK);
    ck_assert_int_eq(line.args.nwords, 3);
    ck_assert_str_eq(line.args.words[0], "--top");
    ck_assert_uint_eq(line.args.options.given, HC_OPT_JSON);
}
END_TEST

START_TEST(a_dash_alone_is_a_word) {
    struct line line;

    ck_assert_int_eq(parse(&line, "webd -", ALL_OPTIONS, false), HC_OK);
    ck_assert_int_eq(line.args.nwords, 2);
    ck_assert_str_eq(line.args.words[1], "-");
}
END_TEST

static const struct {
    const char *text;
    const char *part; // of the message
} faults[] = {
    {"--frob", "unknown option '--frob'"},
    {"--frob=3", "unknown option '--frob'"},
    {"-x", "unknown option '-x'"},
    {"-xyz", "unknown option '-x'"},
    {"--top", "--top needs a value (N)"},
    {"--top five", "--top: 'five' is not a number"},
    {"--top -1", "'-1' is not a number"},
    {"--top=", "'' is not a number"},
    {"--json=yes", "--json takes no value"},
    {"--color red", "'red' is not auto, always or never"},
    {"--cell 0", "'0' is not a size"},
    {"--cell 5KB", "'5KB' is not a size"},
    {"--class x", "'x' is not a number"},
    {"--root zzz", "'zzz' is not an address"},
    {"--root 0", "'0' is not an address"},
    {"-i 0", "'0' is not a time"},
    {"-i -1", "'-1' is not a time"},
    {"-i 1x", "'1x' is not a time"},
    {"-i 1e400", "is not a time"},
    {"--where=", "--where: it is empty"},
};

START_TEST(what_makes_no_sense_is_named) {
    struct line line;

    ck_assert_int_eq(parse(&line, faults[_i].text, ALL_OPTIONS, false),
                     HC_USAGE);
    ck_assert_msg(strstr(line.args.error, faults[_i].part) != NULL, "%s: %s",
                  faults[_i].text, line.args.error);
}
END_TEST

START_TEST(an_option_of_another_verb_is_unknown) {
    struct line line;

    ck_assert_int_eq(parse(&line, "--where x", HC_OPT_JSON, false), HC_USAGE);
    ck_assert_ptr_nonnull(strstr(line.args.error, "unknown option '--where'"));
}
END_TEST

static const struct {
    const char *line;
    int status;
    const char *out; // parts of the streams, or NULL
    const char *err;
} commands[] = {
    {"", HC_USAGE, NULL, "usage: heapctl VERB"},
    {"--help", HC_OK, "usage: heapctl VERB", NULL},
    {"help", HC_OK, "exit status:", NULL},
    {"help frob", HC_USAGE, NULL, "help: no verb 'frob'"},
    {"help stat", HC_USAGE, NULL, "did you mean 'stats'?"},
    {"--version", HC_OK, "heapctl 0.1.0", NULL},
    {"version", HC_OK, "reads format 1.", NULL},
    {"version --json", HC_OK, "\"kind\":\"version\"", NULL},
    {"--json version", HC_OK, "\"schema\":\"heapctl/1\"", NULL},
    {"spanz", HC_USAGE, NULL,
     "heapctl: spanz: no such verb; did you mean 'spans'?\n"},
    {"frobnicate", HC_USAGE, NULL, "no such verb; see heapctl help"},
    {"--frob stats", HC_USAGE, NULL, "unknown option '--frob'"},
    {"stats", HC_USAGE, NULL, "usage: heapctl stats TARGET"},
    {"stats 1 2", HC_USAGE, NULL, "what is '2' for?"},
    {"stats --frob 1", HC_USAGE, NULL, "see heapctl stats --help"},
    {"what 1", HC_USAGE, NULL, "usage: heapctl what TARGET"},
    {"run", HC_USAGE, NULL, "usage: heapctl run"},
    {"run -i", HC_USAGE, NULL, "--interval needs a value"},
    {"ps 3", HC_USAGE, NULL, "what is '3' for?"},
    {"--bytes what 1 2", HC_USAGE, NULL, "not one of its own"},
    {"stats 4294967295", HC_NO_TARGET, NULL,
     "heapctl: 4294967295: no such process\n"},
    {"stats no-such-program-here", HC_NO_TARGET, NULL,
     "heapctl: no-such-program-here: no process of that name\n"},
};

START_TEST(a_command_line_ends_in_a_status_and_a_line) {
    struct fixture_result result = fixture_main(commands[_i].line);

    ck_assert_msg(result.status == commands[_i].status, "%s: %d %s",
                  commands[_i].line, result.status, result.err);
    if (commands[_i].out != NULL) {
        ck_assert_msg(strstr(result.out, commands[_i].out) != NULL, "%s: %s",
                      commands[_i].line, result.out);
        ck_assert_str_eq(result.err, "");
    }
    if (commands[_i].err != NULL) {
        ck_assert_msg(strstr(result.err, commands[_i].err) != NULL, "%s: %s",
                      commands[_i].line, result.err);
        ck_assert_str_eq(result.out, "");
    }
    fixture_result_free(&result);
}
END_TEST

START_TEST(every_verb_explains_itself_with_examples) {
    for (size_t i = 0; hc_commands[i] != NULL; i++) {
        char line[64];
        (void)snprintf(line, sizeof(line), "%s --help", hc_commands[i]->name);
        struct fixture_result result = fixture_main(line);
        ck_assert_int_eq(result.status, HC_OK);
        ck_assert_ptr_nonnull(strstr(result.out, hc_commands[i]->summary));
        ck_assert_ptr_nonnull(strstr(result.out, "example"));
        ck_assert_ptr_nonnull(strstr(result.out, "--help"));
        fixture_result_free(&result);
    }
}
END_TEST

static Suite *args_suite(void) {
    Suite *suite = suite_create("hc_args");
    TCase *options = tcase_create("options");
    TCase *lines = tcase_create("lines");

    tcase_add_test(options, options_and_words_may_be_mixed);
    tcase_add_test(options, a_value_may_follow_or_be_joined);
    tcase_add_test(options, a_program_keeps_its_own_options);
    tcase_add_test(options, two_dashes_end_the_options);
    tcase_add_test(options, a_dash_alone_is_a_word);
    tcase_add_loop_test(options, what_makes_no_sense_is_named, 0,
                        sizeof(faults) / sizeof(faults[0]));
    tcase_add_test(options, an_option_of_another_verb_is_unknown);
    suite_add_tcase(suite, options);
    tcase_add_loop_test(lines, a_command_line_ends_in_a_status_and_a_line, 0,
                        sizeof(commands) / sizeof(commands[0]));
    tcase_add_test(lines, every_verb_explains_itself_with_examples);
    suite_add_tcase(suite, lines);
    return suite;
}

int main(void) {
    SRunner *runner = srunner_create(args_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
