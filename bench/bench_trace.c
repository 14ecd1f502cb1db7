// bench_trace.c - what does the sequence of calls of a whole program cost, in
// time and in memory?
//
// A trace is made or read before anything is timed, and then played by one
// thread in its order: the calls of the allocator, and a write to each page of
// what they return. `compiler`, `interpreter` and `cache` are generated from
// the seed (trace_compiler.c and so on say from what distribution and where
// its shape comes from). `replay` plays the file of --trace, recorded from a
// real program by libmheap_record.so; calls of several threads are played in
// the order in which they were recorded, by this one.
//
// `first_ns` is per call of the first time through, with memory that is fresh
// from the system, as in a program that runs once; `ns` is of the times after
// it. `live_kib` is what the trace asks for at its peak, and `heap_kib` what
// the process has grown by at most, from before the first time to after the
// last.

#include <stdio.h>
#include <stdlib.h>

#include "bench_support.h"
#include "trace.h"

enum { CASE_COMPILER, CASE_INTERPRETER, CASE_CACHE };

struct counts {
    uint64_t made, moved, freed;
};

static void count_calls(const struct trace *trace, struct counts *counts) {
    *counts = (struct counts){0};
    for (size_t i = 0; i < trace->nops; i++) {
        enum trace_kind kind = trace->ops[i].kind;
        counts->moved += kind == TRACE_REALLOC;
        counts->freed += kind == TRACE_FREE;
        counts->made += kind != TRACE_REALLOC && kind != TRACE_FREE;
    }
}

static void *aligned(const struct trace_op *op) {
    void *object = NULL;
    size_t align = (size_t)1 << op->align_log2;
    align = align < sizeof(void *) ? sizeof(void *) : align;
    return posix_memalign(&object, align, op->size) == 0 ? object : NULL;
}

static void *call(const struct trace_op *op, void *object) {
    switch ((enum trace_kind)op->kind) {
    case TRACE_MALLOC:
        return malloc(op->size);
    case TRACE_CALLOC:
        return calloc(1, op->size);
    case TRACE_ALIGNED:
        return aligned(op);
    case TRACE_REALLOC:
        return realloc(object, op->size);
    case TRACE_FREE:
        free(object);
        return NULL;
    }
    return NULL;
}

static void play(const struct trace *trace, void **objects) {
    for (size_t i = 0; i < trace->nops; i++) {
        const struct trace_op *op = &trace->ops[i];
        void *object = call(op, objects[op->object]);
        objects[op->object] = object;
        if (op->size == 0) {
            continue; // a free, or an object that may be NULL
        }
        if (object == NULL) {
            bench_out_of_memory();
        }
        bench_touch_pages(object, op->size);
    }
}

// play_once returns the CPU time of the trace; what it leaves alive, as a
// recorded program may at its end, is freed outside of it.
static uint64_t play_once(const struct trace *trace, void **objects) {
    uint64_t cpu_start = bench_thread_cpu_ns();
    play(trace, objects);
    uint64_t cpu_ns = bench_thread_cpu_ns() - cpu_start;
    for (uint32_t i = 0; i < trace->nobjects; i++) {
        free(objects[i]);
        objects[i] = NULL;
    }
    return cpu_ns;
}

static void put_calls(struct bench_run *run, const struct trace *trace) {
    struct counts counts;
    count_calls(trace, &counts);
    bench_put(run, "made", (double)counts.made);
    bench_put(run, "moved", (double)counts.moved);
    bench_put(run, "freed", (double)counts.freed);
    bench_put(run, "live_kib", (double)trace->live_peak / 1024.0);
}

static void measure_trace(struct bench_run *run, struct trace *trace) {
    size_t table = trace->nobjects * sizeof(void *);
    void **objects = bench_pages(table);
    bool reset = bench_peak_reset();
    uint64_t before_kib = bench_rss_kib();
    uint64_t first_ns = play_once(trace, objects);
    uint64_t again_ns = 0;
    uint64_t done = 0;
    uint64_t start = bench_wall_ns();
    while (bench_more(&run->options, start, done)) {
        again_ns += play_once(trace, objects);
        done += trace->nops;
    }
    uint64_t peak_kib = bench_peak_kib();
    bool grew = reset && peak_kib > before_kib;
    bench_put_ns(run, "first_ns", first_ns, trace->nops);
    bench_put_ns(run, "ns", again_ns, done);
    bench_put(run, "heap_kib", grew ? (double)(peak_kib - before_kib) : 0.0);
    put_calls(run, trace);
    bench_pages_free(objects, table);
    trace_release(trace);
}

static size_t scale(const struct bench_run *run, size_t own) {
    return run->options.objects == 0 ? own : run->options.objects;
}

static void measure_generated(struct bench_run *run, size_t which) {
    uint64_t seed = run->options.seed;
    struct trace trace;
    if (which == CASE_COMPILER) {
        trace = trace_compiler(seed, scale(run, 200));
    } else if (which == CASE_INTERPRETER) {
        trace = trace_interpreter(seed, scale(run, 300000));
    } else {
        trace = trace_cache(seed, scale(run, 60000));
    }
    measure_trace(run, &trace);
}

static void measure_replay(struct bench_run *run, size_t unused) {
    (void)unused;
    const struct bench_options *options = &run->options;
    if (options->trace_path == NULL && options->case_name == NULL) {
        return; // every case, and nothing to replay
    }
    if (options->trace_path == NULL) {
        fputs("bench: replay needs --trace FILE\n", stderr);
        exit(2);
    }
    struct trace trace = trace_read(options->trace_path);
    measure_trace(run, &trace);
}

static const struct bench_case cases[] = {
    {"compiler", measure_generated, CASE_COMPILER},
    {"interpreter", measure_generated, CASE_INTERPRETER},
    {"cache", measure_generated, CASE_CACHE},
    {"replay", measure_replay, 0},
};

static const struct bench_program program = {
    .name = "bench_trace",
    .question = "what does the sequence of calls of a whole program cost?",
    .cases = cases,
    .ncases = sizeof cases / sizeof cases[0],
    .defaults = {.seed = 1, .threads = 1, .seconds = 0.5},
};

int main(int argc, char **argv) {
    return bench_main(&program, argc, argv);
}
