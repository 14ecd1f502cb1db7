// bench_support.h - what every benchmark program shares.
//
// A program is a table of cases and a call of bench_main, which reads the
// options, runs the cases and prints one JSON line. The programs call plain
// malloc, calloc, realloc and free and link no allocator, so whatever
// LD_PRELOAD brings in is what is measured.
//
// Nothing here allocates while a case is being timed: tables come from
// bench_pages, which maps them, so that an allocator under test holds the
// measured objects and nothing else.

#ifndef MHEAP_BENCH_BENCH_SUPPORT_H
#define MHEAP_BENCH_BENCH_SUPPORT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// One option left at 0 means "the case's own choice".
struct bench_options {
    uint64_t seed;
    unsigned threads;
    double seconds;        // time budget of one case
    uint64_t ops;          // when not 0, stop after so many operations instead
    size_t objects;        // objects in a batch, working set or wave
    unsigned rounds;       // passes over a working set before it changes hands
    double wait_seconds;   // idle time before memory counts as settled
    const char *case_name; // NULL runs every case
    const char *trace_path;
};

struct bench_run;

struct bench_case {
    const char *name;
    void (*run)(struct bench_run *run, size_t arg);
    size_t arg; // meaning belongs to the program: a size, an order, a count
};

struct bench_program {
    const char *name;
    const char *question; // printed by --help
    const struct bench_case *cases;
    size_t ncases;
    struct bench_options defaults;
};

enum { BENCH_METRICS_MAX = 64, BENCH_NAME_MAX = 48 };

struct bench_metric {
    char name[BENCH_NAME_MAX];
    double value;
};

// One run of one program. Cases read `options` and add metrics.
struct bench_run {
    struct bench_options options;
    const struct bench_case *current;
    uint64_t total_ops;
    uint64_t untimed_ops;
    size_t nmetrics;
    struct bench_metric metrics[BENCH_METRICS_MAX];
};

// bench_main runs the program and returns its exit status: 0, 1 when the JSON
// line could not be written, 2 after a usage error. Running out of memory
// ends the process with 3.
int bench_main(const struct bench_program *program, int argc, char **argv);

// bench_put records a value under "<case>_<suffix>".
void bench_put(struct bench_run *run, const char *suffix, double value);

// bench_put_ns records time per operation and adds ops to the run's total.
void bench_put_ns(struct bench_run *run, const char *suffix, uint64_t cpu_ns,
                  uint64_t ops);

// bench_put_untimed tells of operations before and after the timed ones, where
// they are many: locks are counted over all of them.
void bench_put_untimed(struct bench_run *run, uint64_t ops);

// bench_more reports whether a case that began at start_ns (bench_wall_ns) and
// has done `done` operations should go on.
bool bench_more(const struct bench_options *options, uint64_t start_ns,
                uint64_t done);

// Clocks, in nanoseconds. The CPU clocks are system calls of some 100 ns: read
// them around batches, never around single operations.
uint64_t bench_wall_ns(void);
uint64_t bench_thread_cpu_ns(void);
uint64_t bench_process_cpu_ns(void);

// bench_sleep waits without calling the allocator.
void bench_sleep(double seconds);

// bench_rss_kib is the resident size of this process now (smaps_rollup, else
// statm), bench_peak_kib the highest it ever was (VmHWM). Both are 0 where
// /proc is missing.
uint64_t bench_rss_kib(void);
uint64_t bench_peak_kib(void);

// bench_peak_reset makes bench_peak_kib forget what was before, and reports
// whether the system can do that (clear_refs).
bool bench_peak_reset(void);

// bench_pages returns touched, zeroed memory straight from the OS, and
// bench_pages_free gives it back; size must be the same in both.
void *bench_pages(size_t size);
void bench_pages_free(void *base, size_t size);

// bench_out_of_memory says that an allocation failed and exits with 3: a
// number measured with failed allocations would mean nothing.
_Noreturn void bench_out_of_memory(void);

// bench_broken says what the allocator got wrong and exits with 4.
_Noreturn void bench_broken(const char *what);

// bench_threads_start starts `count` threads on `body`, giving each its own
// element of `args` (stride bytes apart), and bench_threads_join waits.
void bench_threads_start(pthread_t *threads, unsigned count,
                         void *(*body)(void *), void *args, size_t stride);
void bench_threads_join(const pthread_t *threads, unsigned count);

// xorshift64*: fast enough to vanish beside a malloc, and the same on every
// machine.
struct bench_rng {
    uint64_t state;
};

struct bench_rng bench_rng_seed(uint64_t seed);

static inline uint64_t bench_rng_next(struct bench_rng *rng) {
    uint64_t x = rng->state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    rng->state = x;
    return x * UINT64_C(0x2545f4914f6cdd1d);
}

// bench_rng_unit is uniform in [0, 1).
double bench_rng_unit(struct bench_rng *rng);

// bench_rng_below is uniform below `bound` (at most 2^32) up to a bias nobody
// can measure; the multiplication replaces a division.
static inline size_t bench_rng_below(struct bench_rng *rng, size_t bound) {
    return (size_t)(((bench_rng_next(rng) >> 32) * (uint64_t)bound) >> 32);
}

// Sizes are drawn from a table made beforehand, so that drawing one costs a
// load and not a logarithm.
enum { BENCH_SIZES_LOG2 = 12, BENCH_SIZES = 1 << BENCH_SIZES_LOG2 };

struct bench_sizes {
    uint32_t size[BENCH_SIZES];
};

// bench_sizes_log_uniform fills the table so that every doubling between low
// and high is as likely as any other: many small objects, few big ones.
void bench_sizes_log_uniform(struct bench_sizes *sizes, struct bench_rng *rng,
                             size_t low, size_t high);

// bench_sizes_uniform fills the table with sizes low .. high, all as likely.
void bench_sizes_uniform(struct bench_sizes *sizes, struct bench_rng *rng,
                         size_t low, size_t high);

static inline size_t bench_sizes_pick(const struct bench_sizes *sizes,
                                      struct bench_rng *rng) {
    return sizes->size[bench_rng_next(rng) >> (64 - BENCH_SIZES_LOG2)];
}

// bench_write stores one word at the start of an object of 8 bytes or more, as
// every program that asks for memory does. Volatile keeps the compiler from
// dropping a store to memory that is freed next.
static inline void bench_write(void *object, uint64_t value) {
    *(volatile uint64_t *)object = value;
}

// bench_touch_pages writes one byte in each 4 KiB of the object.
static inline void bench_touch_pages(void *object, size_t size) {
    volatile unsigned char *bytes = object;
    for (size_t at = 0; at < size; at += 4096) {
        bytes[at] = 1;
    }
}

#endif // MHEAP_BENCH_BENCH_SUPPORT_H
