// bench_settle.c - how much memory does a process hold at its peak, right
// after freeing it, and two idle seconds later?
//
// 256 MB in objects of 1000 bytes, all written. `all` frees every one; `tenth`
// frees 90 % of them, chosen at random, so that the survivors lie all over;
// `idle` makes one small object and nothing else, which is what a hello-world
// costs. In the wait the process sleeps and makes no call at all, so nothing
// that runs "at the next malloc" helps. Resident sizes are in KiB and include
// the program itself and its own table (2 MB); `live_kib` is what the
// program still holds, for comparison.

#include <stdlib.h>
#include <string.h>

#include "bench_support.h"

enum { OBJECT_SIZE = 1000 };
enum { CASE_ALL, CASE_TENTH };

static void make_objects(void **objects, size_t count) {
    for (size_t i = 0; i < count; i++) {
        objects[i] = malloc(OBJECT_SIZE);
        if (objects[i] == NULL) {
            bench_out_of_memory();
        }
        memset(objects[i], (int)(i & 0xff), OBJECT_SIZE);
    }
}

// free_objects frees the ones it was told to and returns how many it kept.
static size_t free_objects(void **objects, size_t count, size_t which,
                           uint64_t seed) {
    struct bench_rng rng = bench_rng_seed(seed);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (which == CASE_TENTH && bench_rng_below(&rng, 10) == 0) {
            kept += 1;
            continue;
        }
        free(objects[i]);
        objects[i] = NULL;
    }
    return kept;
}

static void check_survivors(void *const *objects, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const unsigned char *object = objects[i];
        if (object != NULL && object[OBJECT_SIZE - 1] != (i & 0xff)) {
            bench_broken("a living object lost its contents");
        }
    }
}

static void measure_settling(struct bench_run *run, size_t which) {
    size_t count = run->options.objects;
    size_t table = count * sizeof(void *);
    void **objects = bench_pages(table);
    bench_put(run, "start_kib", (double)bench_rss_kib());
    make_objects(objects, count);
    bench_put(run, "full_kib", (double)bench_rss_kib());
    uint64_t cpu_start = bench_thread_cpu_ns();
    size_t kept = free_objects(objects, count, which, run->options.seed);
    uint64_t free_ns = bench_thread_cpu_ns() - cpu_start;
    bench_put(run, "after_kib", (double)bench_rss_kib());

    // What the process burns while it is meant to sleep is the allocator's
    // background work.
    uint64_t idle_start = bench_process_cpu_ns();
    bench_sleep(run->options.wait_seconds);
    uint64_t idle_ns = bench_process_cpu_ns() - idle_start;
    bench_put(run, "settled_kib", (double)bench_rss_kib());
    bench_put(run, "live_kib", (double)(kept * OBJECT_SIZE) / 1024.0);
    bench_put(run, "idle_cpu_ms", (double)idle_ns * 1e-6);
    bench_put_ns(run, "free_ns", free_ns, count - kept);

    check_survivors(objects, count);
    for (size_t i = 0; i < count; i++) {
        free(objects[i]);
    }
    bench_pages_free(objects, table);
}

static void measure_idle(struct bench_run *run, size_t unused) {
    (void)unused;
    void *object = malloc(64);
    if (object == NULL) {
        bench_out_of_memory();
    }
    bench_write(object, 1);
    bench_put(run, "rss_kib", (double)bench_rss_kib());
    free(object);
}

static const struct bench_case cases[] = {
    {"idle", measure_idle, 0}, // first: later cases would raise it
    {"all", measure_settling, CASE_ALL},
    {"tenth", measure_settling, CASE_TENTH},
};

static const struct bench_program program = {
    .name = "bench_settle",
    .question = "how much memory stays after most or all of it was freed?",
    .cases = cases,
    .ncases = sizeof cases / sizeof cases[0],
    .defaults = {.seed = 1,
                 .threads = 1,
                 .objects = 256000,
                 .wait_seconds = 2.0},
};

int main(int argc, char **argv) {
    return bench_main(&program, argc, argv);
}
