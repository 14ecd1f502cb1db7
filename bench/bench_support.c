// bench_support.c - options, cases, random sizes, and the JSON line.

#include "bench_support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_probe.h"

// Metrics.

void bench_put(struct bench_run *run, const char *suffix, double value) {
    if (run->nmetrics == BENCH_METRICS_MAX) {
        bench_broken("the program has more metrics than BENCH_METRICS_MAX");
    }
    struct bench_metric *metric = &run->metrics[run->nmetrics];
    int length = snprintf(metric->name, sizeof metric->name, "%s_%s",
                          run->current->name, suffix);
    if (length < 0 || (size_t)length >= sizeof metric->name) {
        bench_broken("a metric's name is longer than BENCH_NAME_MAX");
    }
    metric->value = value;
    run->nmetrics += 1;
}

void bench_put_ns(struct bench_run *run, const char *suffix, uint64_t cpu_ns,
                  uint64_t ops) {
    bench_put(run, suffix, ops == 0 ? 0.0 : (double)cpu_ns / (double)ops);
    run->total_ops += ops;
}

void bench_put_untimed(struct bench_run *run, uint64_t ops) {
    run->untimed_ops += ops;
}

bool bench_more(const struct bench_options *options, uint64_t start_ns,
                uint64_t done) {
    if (options->ops != 0) {
        return done < options->ops;
    }
    double elapsed = (double)(bench_wall_ns() - start_ns);
    return elapsed < options->seconds * 1e9;
}

_Noreturn void bench_out_of_memory(void) {
    fputs("bench: an allocation failed; no result\n", stderr);
    exit(3);
}

_Noreturn void bench_broken(const char *what) {
    fprintf(stderr, "bench: %s\n", what);
    exit(4);
}

// Random numbers and sizes.

struct bench_rng bench_rng_seed(uint64_t seed) {
    // One splitmix64 step: neighbouring seeds give unrelated streams, and no
    // seed gives the all-zero state, where xorshift would stay for good.
    uint64_t z = seed + UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return (struct bench_rng){.state = z == 0 ? 1 : z};
}

double bench_rng_unit(struct bench_rng *rng) {
    return (double)(bench_rng_next(rng) >> 11) * 0x1p-53;
}

void bench_sizes_log_uniform(struct bench_sizes *sizes, struct bench_rng *rng,
                             size_t low, size_t high) {
    double octaves = log2((double)high / (double)low);
    for (size_t i = 0; i < BENCH_SIZES; i++) {
        double size = (double)low * exp2(octaves * bench_rng_unit(rng));
        sizes->size[i] = (uint32_t)size;
    }
}

void bench_sizes_uniform(struct bench_sizes *sizes, struct bench_rng *rng,
                         size_t low, size_t high) {
    for (size_t i = 0; i < BENCH_SIZES; i++) {
        size_t size = low + bench_rng_below(rng, high - low + 1);
        sizes->size[i] = (uint32_t)size;
    }
}

// Threads.

void bench_threads_start(pthread_t *threads, unsigned count,
                         void *(*body)(void *), void *args, size_t stride) {
    for (unsigned i = 0; i < count; i++) {
        void *arg = (char *)args + (size_t)i * stride;
        if (pthread_create(&threads[i], NULL, body, arg) != 0) {
            bench_broken("a thread could not be started");
        }
    }
}

void bench_threads_join(const pthread_t *threads, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
    }
}

// Options.

static void print_help(FILE *out, const struct bench_program *program) {
    fprintf(out,
            "%s: %s\n\n"
            "  --case NAME     run one case only (default: all, in order)\n"
            "  --seed N        random seed\n"
            "  --threads N     threads, where the program has a choice\n"
            "  --seconds S     time for each case\n"
            "  --ops N         stop after N operations instead of S seconds\n"
            "  --objects N     objects in a batch or working set\n"
            "  --rounds N      passes over a working set per hand-over\n"
            "  --wait S        idle seconds before memory counts as settled\n"
            "  --trace FILE    recorded trace, where the program replays one\n"
            "\ncases:",
            program->name, program->question);
    for (size_t i = 0; i < program->ncases; i++) {
        fprintf(out, " %s", program->cases[i].name);
    }
    fputs("\n\nOne JSON line on standard output per run.\n", out);
}

// read_number accepts a whole positive number up to limit and nothing else.
static bool read_number(const char *text, uint64_t limit, uint64_t *out) {
    char *end = NULL;
    unsigned long long value = strtoull(text, &end, 10);
    if (end == text || *end != '\0' || text[0] == '-' || value > limit) {
        return false;
    }
    *out = value;
    return true;
}

static bool read_seconds(const char *text, double *out) {
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= 0.0) || value > 86400.0) {
        return false;
    }
    *out = value;
    return true;
}

static bool read_option(struct bench_options *options, const char *name,
                        const char *value) {
    uint64_t number = 0;
    if (strcmp(name, "--seconds") == 0) {
        return read_seconds(value, &options->seconds);
    }
    if (strcmp(name, "--wait") == 0) {
        return read_seconds(value, &options->wait_seconds);
    }
    if (strcmp(name, "--case") == 0) {
        options->case_name = value;
        return true;
    }
    if (strcmp(name, "--trace") == 0) {
        options->trace_path = value;
        return true;
    }
    if (strcmp(name, "--seed") == 0) {
        return read_number(value, UINT64_MAX, &options->seed);
    }
    if (strcmp(name, "--ops") == 0) {
        return read_number(value, UINT64_MAX, &options->ops);
    }
    if (strcmp(name, "--threads") == 0) {
        bool good = read_number(value, 1024, &number) && number > 0;
        options->threads = (unsigned)number;
        return good;
    }
    if (strcmp(name, "--rounds") == 0) {
        bool good = read_number(value, 1000000, &number) && number > 0;
        options->rounds = (unsigned)number;
        return good;
    }
    if (strcmp(name, "--objects") == 0) {
        bool good = read_number(value, UINT32_MAX, &number) && number > 0;
        options->objects = (size_t)number;
        return good;
    }
    return false;
}

static bool read_options(struct bench_options *options, int argc, char **argv) {
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc || !read_option(options, argv[i], argv[i + 1])) {
            fprintf(stderr, "bench: bad option: %s (see --help)\n", argv[i]);
            return false;
        }
    }
    return true;
}

// The run.

// Locks are counted from a case's first call to its last. What it does untimed
// is mostly not among its operations: the figures are upper bounds.
static void run_case(struct bench_run *run, const struct bench_case *chosen) {
    struct bench_locks before = {0, 0};
    struct bench_locks after = {0, 0};
    uint64_t ops = run->total_ops + run->untimed_ops;
    bool known = bench_locks_read(&before);
    run->current = chosen;
    chosen->run(run, chosen->arg);
    ops = run->total_ops + run->untimed_ops - ops;
    if (known && ops != 0 && bench_locks_read(&after)) {
        double per_1000 = 1000.0 / (double)ops;
        bench_put(run, "shared_locks_per_1000_ops",
                  (double)(after.shared - before.shared) * per_1000);
        bench_put(run, "contended_locks_per_1000_ops",
                  (double)(after.contended - before.contended) * per_1000);
    }
}

static bool run_cases(struct bench_run *run,
                      const struct bench_program *program) {
    const char *wanted = run->options.case_name;
    bool found = false;
    for (size_t i = 0; i < program->ncases; i++) {
        const struct bench_case *candidate = &program->cases[i];
        if (wanted != NULL && strcmp(wanted, candidate->name) != 0) {
            continue;
        }
        found = true;
        run_case(run, candidate);
    }
    if (!found) {
        fprintf(stderr, "bench: no case named %s (see --help)\n", wanted);
    }
    return found;
}

// Everything that a later line could disturb is read before anything is
// printed, because printing may allocate.
struct outcome {
    uint64_t wall_ns;
    uint64_t cpu_ns;
    uint64_t rss_kib;
    uint64_t peak_kib;
};

static bool print_line(const struct bench_program *program,
                       const struct bench_run *run,
                       const struct outcome *outcome) {
    const struct bench_options *options = &run->options;
    printf(
        "{\"schema\":\"mheap-bench/1\",\"program\":\"%s\","
        "\"case\":\"%s\",\"seed\":%llu,\"threads\":%u,\"objects\":%zu,"
        "\"seconds\":%g,\"ops\":%llu,\"metrics\":{",
        program->name, options->case_name == NULL ? "all" : options->case_name,
        (unsigned long long)options->seed, options->threads, options->objects,
        options->seconds, (unsigned long long)run->total_ops);
    for (size_t i = 0; i < run->nmetrics; i++) {
        printf("%s\"%s\":%.6g", i == 0 ? "" : ",", run->metrics[i].name,
               run->metrics[i].value);
    }
    printf("},\"wall_s\":%.6f,\"cpu_s\":%.6f,\"rss_kib\":%llu,"
           "\"peak_kib\":%llu,",
           (double)outcome->wall_ns * 1e-9, (double)outcome->cpu_ns * 1e-9,
           (unsigned long long)outcome->rss_kib,
           (unsigned long long)outcome->peak_kib);
    bench_probe_print(stdout);
    puts("}");
    return fflush(stdout) == 0 && !ferror(stdout);
}

int bench_main(const struct bench_program *program, int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_help(stdout, program);
        return 0;
    }
    // Static: a run is some kilobytes, and the main thread's stack should look
    // the same in every program.
    static struct bench_run run;
    run.options = program->defaults;
    if (!read_options(&run.options, argc, argv)) {
        return 2;
    }
    uint64_t wall_start = bench_wall_ns();
    if (!run_cases(&run, program)) {
        return 2;
    }
    struct outcome outcome = {
        .wall_ns = bench_wall_ns() - wall_start,
        .cpu_ns = bench_process_cpu_ns(),
        .rss_kib = bench_rss_kib(),
        .peak_kib = bench_peak_kib(),
    };
    return print_line(program, &run, &outcome) ? 0 : 1;
}
