// bench_aligned.c - what does replacing an object cost that must lie at a
// multiple of 16 to 4096 bytes?
//
// A working set of 5000 objects. One operation picks one at random, frees it,
// and puts one of another size and alignment in its place, by aligned_alloc
// and posix_memalign in turn; choosing costs some 8 ns. `aligned_mixed` has
// alignments of 16 to 4096, each power of two as likely as any other, and
// sizes of 16 to 4096 bytes, log-uniform: most objects are smaller than the
// distance they ask for, which an allocator may pay for in memory.
// `aligned_line` has what programs ask for most, 64 bytes for a cache line or
// a vector, and sizes of 16 to 1024. `aligned_page` has 4096 and sizes of 4 to
// 64 KiB, as buffers for direct I/O. aligned_alloc is given sizes rounded up
// to a multiple of the alignment, as C11 asks.
//
// `crooked_pct` is how many results were not aligned as asked, in percent. It
// is counted and does not end the program, because a release that is widely
// installed has it (mimalloc 2.0.9, where size and alignment are both 256,
// 512 or 1024) and its time would be missed.

#include <stdlib.h>

#include "bench_support.h"

enum { OPS_PER_LOOK = 4096 };
enum { CASE_MIXED, CASE_LINE, CASE_PAGE };

struct shape {
    size_t size_low, size_high;
    unsigned align_low_log2, align_high_log2;
};

static const struct shape shapes[] = {
    [CASE_MIXED] = {16, 4096, 4, 12},
    [CASE_LINE] = {16, 1024, 6, 6},
    [CASE_PAGE] = {4096, (size_t)64 << 10, 12, 12},
};

struct set {
    const struct shape *shape;
    struct bench_sizes sizes;
    struct bench_rng rng;
    void **objects;
    size_t count;
    uint64_t ops;
    uint64_t crooked;
};

static void *make_aligned(size_t align, size_t size, bool posix) {
    void *object = NULL;
    if (posix) {
        return posix_memalign(&object, align, size) == 0 ? object : NULL;
    }
    return aligned_alloc(align, (size + align - 1) & ~(align - 1));
}

static void *make_object(struct set *set) {
    const struct shape *shape = set->shape;
    unsigned choices = shape->align_high_log2 - shape->align_low_log2 + 1;
    size_t align = (size_t)1 << (shape->align_low_log2 +
                                 bench_rng_below(&set->rng, choices));
    size_t size = bench_sizes_pick(&set->sizes, &set->rng);
    // Volatile: the compiler knows what these calls promise and would drop
    // the test.
    void *volatile object = make_aligned(align, size, set->ops % 2 != 0);
    if (object == NULL) {
        bench_out_of_memory();
    }
    set->crooked += (uintptr_t)object % align != 0;
    bench_write(object, set->ops);
    set->ops += 1;
    return object;
}

static void replace_objects(struct set *set, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t at = bench_rng_below(&set->rng, set->count);
        free(set->objects[at]);
        set->objects[at] = make_object(set);
    }
}

static void measure_aligned(struct bench_run *run, size_t which) {
    static struct set set;
    size_t table = run->options.objects * sizeof(void *);
    set = (struct set){.shape = &shapes[which],
                       .rng = bench_rng_seed(run->options.seed),
                       .objects = bench_pages(table),
                       .count = run->options.objects};
    bench_sizes_log_uniform(&set.sizes, &set.rng, set.shape->size_low,
                            set.shape->size_high);
    for (size_t i = 0; i < set.count; i++) {
        set.objects[i] = make_object(&set);
    }
    replace_objects(&set, set.count); // so that it loses the order of birth

    uint64_t done = 0;
    uint64_t start = bench_wall_ns();
    uint64_t cpu_start = bench_thread_cpu_ns();
    while (bench_more(&run->options, start, done)) {
        replace_objects(&set, OPS_PER_LOOK);
        done += OPS_PER_LOOK;
    }
    bench_put_ns(run, "ns", bench_thread_cpu_ns() - cpu_start, done);
    bench_put(run, "crooked_pct",
              100.0 * (double)set.crooked / (double)set.ops);

    for (size_t i = 0; i < set.count; i++) {
        free(set.objects[i]);
    }
    bench_pages_free(set.objects, table);
}

static const struct bench_case cases[] = {
    {"aligned_mixed", measure_aligned, CASE_MIXED},
    {"aligned_line", measure_aligned, CASE_LINE},
    {"aligned_page", measure_aligned, CASE_PAGE},
};

static const struct bench_program program = {
    .name = "bench_aligned",
    .question = "what does replacing an object at an aligned address cost?",
    .cases = cases,
    .ncases = sizeof cases / sizeof cases[0],
    .defaults = {.seed = 1, .threads = 1, .seconds = 0.5, .objects = 5000},
};

int main(int argc, char **argv) {
    return bench_main(&program, argc, argv);
}
