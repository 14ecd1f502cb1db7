// trace_compiler.c - the calls of a compiler that works function by function.
//
// The shape is what the author knows of compilers that call malloc for each
// node instead of carving arenas of their own; the numbers are round ones,
// measured nowhere:
//
//   - A function is a tree of 200 to 8000 nodes (log-uniform), of 16 to 96
//     bytes; one in 64 is of 128 to 2048 (a switch, a long call).
//   - One node in ten is a type or declaration and lives until the end.
//   - With every eighth comes a work list that starts at 64 bytes, doubles a
//     time or three by realloc, and is freed at once.
//   - With every 64th comes a symbol: its name and its entry live until the
//     end, and a table of 8 bytes per symbol doubles by realloc when it is
//     three quarters full.
//   - A pass over the function has two zeroed bit sets of its size.
//   - The output grows by half by realloc when it is full.
//   - A function's nodes are freed in bulk, in the order of birth, every fourth
//     time in reverse; at the end everything else goes, in order of birth.

#include "trace_build.h"

enum { NODES_MIN = 200, NODES_MAX = 8000, OUTPUT_PER_NODE = 12 };

static const uint8_t node_sizes[16] = {16, 24, 24, 32, 32, 32, 40, 40,
                                       48, 48, 48, 56, 64, 72, 80, 96};

struct buffer {
    uint32_t object;
    size_t bytes;
    size_t used;
};

struct compiler {
    struct trace_builder builder;
    struct bench_rng rng;
    struct bench_sizes tree_sizes;  // nodes of a function
    struct bench_sizes large_sizes; // of a large node
    struct bench_sizes name_sizes;
    struct object_list function;
    struct object_list program;
    struct buffer symbols;
    struct buffer output;
};

static uint32_t make(struct compiler *compiler, size_t size) {
    return trace_build_make(&compiler->builder, TRACE_MALLOC, size);
}

static void write_output(struct compiler *compiler, size_t bytes) {
    struct buffer *output = &compiler->output;
    output->used += bytes;
    while (output->used > output->bytes) {
        output->bytes += output->bytes / 2;
        trace_build_realloc(&compiler->builder, output->object, output->bytes);
    }
}

static void use_work_list(struct compiler *compiler) {
    size_t size = 64;
    uint32_t list = make(compiler, size);
    for (size_t i = bench_rng_below(&compiler->rng, 4); i > 0; i--) {
        size *= 2;
        trace_build_realloc(&compiler->builder, list, size);
    }
    trace_build_free(&compiler->builder, list);
}

static void add_symbol(struct compiler *compiler) {
    size_t name = bench_sizes_pick(&compiler->name_sizes, &compiler->rng);
    object_list_add(&compiler->program, make(compiler, name));
    object_list_add(&compiler->program, make(compiler, 48));
    struct buffer *symbols = &compiler->symbols;
    symbols->used += 8;
    if (symbols->used > symbols->bytes / 4 * 3) {
        symbols->bytes *= 2;
        trace_build_realloc(&compiler->builder, symbols->object,
                            symbols->bytes);
    }
}

static void add_node(struct compiler *compiler, size_t index) {
    struct bench_rng *rng = &compiler->rng;
    size_t size = node_sizes[bench_rng_below(rng, 16)];
    if (bench_rng_below(rng, 64) == 0) {
        size = bench_sizes_pick(&compiler->large_sizes, rng);
    }
    bool stays = bench_rng_below(rng, 10) == 0;
    object_list_add(stays ? &compiler->program : &compiler->function,
                    make(compiler, size));
    if (index % 8 == 0) {
        use_work_list(compiler);
    }
    if (index % 64 == 0) {
        add_symbol(compiler);
    }
}

static void compile_function(struct compiler *compiler, size_t index) {
    size_t nodes = bench_sizes_pick(&compiler->tree_sizes, &compiler->rng);
    for (size_t i = 0; i < nodes; i++) {
        add_node(compiler, i);
    }
    struct trace_builder *builder = &compiler->builder;
    size_t set_bytes = (nodes + 7) / 8;
    uint32_t live = trace_build_make(builder, TRACE_CALLOC, set_bytes);
    uint32_t seen = trace_build_make(builder, TRACE_CALLOC, set_bytes);
    write_output(compiler, nodes * OUTPUT_PER_NODE);
    trace_build_free(builder, seen);
    trace_build_free(builder, live);
    object_list_free(builder, &compiler->function, index % 4 == 3);
}

struct trace trace_compiler(uint64_t seed, size_t functions) {
    static struct compiler compiler; // some 50 KiB of sizes
    compiler = (struct compiler){.builder = trace_build_start(),
                                 .rng = bench_rng_seed(seed),
                                 .symbols = {.bytes = 1024},
                                 .output = {.bytes = 4096}};
    struct bench_rng *rng = &compiler.rng;
    bench_sizes_log_uniform(&compiler.tree_sizes, rng, NODES_MIN, NODES_MAX);
    bench_sizes_log_uniform(&compiler.large_sizes, rng, 128, 2048);
    bench_sizes_log_uniform(&compiler.name_sizes, rng, 4, 40);
    compiler.symbols.object = make(&compiler, compiler.symbols.bytes);
    compiler.output.object = make(&compiler, compiler.output.bytes);
    for (size_t i = 0; i < functions; i++) {
        compile_function(&compiler, i);
    }
    object_list_free(&compiler.builder, &compiler.program, false);
    trace_build_free(&compiler.builder, compiler.symbols.object);
    trace_build_free(&compiler.builder, compiler.output.object);
    object_list_release(&compiler.function);
    object_list_release(&compiler.program);
    return trace_build_finish(&compiler.builder);
}
