// trace_interpreter.c - the calls of an interpreter that counts references.
//
// The shape is what the author knows of CPython and its kin with their own
// small-object pools off; the numbers are round ones, measured nowhere. Each
// step is one of
//
//   - 55 %: an expression makes 1 to 4 temporaries of 24 to 56 bytes and frees
//     them in the opposite order;
//   - 15 %: a call makes a frame of 56 to 504 bytes (log-uniform) and up to 4
//     locals; one local in 8 is a string of 49 to 200 bytes;
//   - 15 %: the innermost call returns and frees its locals, last first, and
//     its frame;
//   - 10 %: a value of 24 to 56 bytes, one in 4 a string of 32 to 256, goes
//     into one of 64 dictionaries, some of which are far more popular; a
//     dictionary that is two thirds full gets a table of twice the size and
//     frees the old one, and one of 4096 entries replaces a random value
//     instead;
//   - 5 %: one of 16 lists grows by a place, by realloc to an eighth more than
//     it needs; at 4096 places it is dropped and begins again.
//
// At most 1000 calls are open. At the end everything is freed.

#include "trace_build.h"

enum { DICTIONARIES = 64, DICTIONARY_MAX = 4096, ENTRY_BYTES = 32 };
enum { LISTS = 16, LIST_MAX = 4096, DEPTH_MAX = 1000, LOCALS_MAX = 4 };

static const uint8_t small_sizes[8] = {24, 24, 32, 32, 32, 40, 48, 56};

struct dictionary {
    uint32_t table;
    size_t places;
    struct object_list values;
};

struct list {
    uint32_t object;
    size_t used;
    size_t room; // places of 8 bytes; 0: not made yet
};

struct frame {
    uint32_t object;
    uint32_t locals[LOCALS_MAX];
    size_t nlocals;
};

struct interpreter {
    struct trace_builder builder;
    struct bench_rng rng;
    struct bench_sizes frame_sizes;
    struct bench_sizes local_strings;
    struct bench_sizes value_strings;
    struct dictionary dictionaries[DICTIONARIES];
    struct list lists[LISTS];
    struct frame frames[DEPTH_MAX];
    size_t depth;
};

static uint32_t make(struct interpreter *in, size_t size) {
    return trace_build_make(&in->builder, TRACE_MALLOC, size);
}

static uint32_t make_small(struct interpreter *in) {
    return make(in, small_sizes[bench_rng_below(&in->rng, 8)]);
}

static void evaluate(struct interpreter *in) {
    uint32_t temporaries[4];
    size_t count = 1 + bench_rng_below(&in->rng, 4);
    for (size_t i = 0; i < count; i++) {
        temporaries[i] = make_small(in);
    }
    while (count > 0) {
        trace_build_free(&in->builder, temporaries[--count]);
    }
}

static void call(struct interpreter *in) {
    if (in->depth == DEPTH_MAX) {
        return;
    }
    struct frame *frame = &in->frames[in->depth++];
    frame->object = make(in, bench_sizes_pick(&in->frame_sizes, &in->rng));
    frame->nlocals = bench_rng_below(&in->rng, LOCALS_MAX + 1);
    for (size_t i = 0; i < frame->nlocals; i++) {
        bool string = bench_rng_below(&in->rng, 8) == 0;
        frame->locals[i] =
            string ? make(in, bench_sizes_pick(&in->local_strings, &in->rng))
                   : make_small(in);
    }
}

static void return_from_call(struct interpreter *in) {
    if (in->depth == 0) {
        return;
    }
    struct frame *frame = &in->frames[--in->depth];
    while (frame->nlocals > 0) {
        trace_build_free(&in->builder, frame->locals[--frame->nlocals]);
    }
    trace_build_free(&in->builder, frame->object);
}

static void grow_dictionary(struct interpreter *in,
                            struct dictionary *dictionary) {
    bool first = dictionary->places == 0;
    uint32_t old = dictionary->table;
    dictionary->places = first ? 8 : dictionary->places * 2;
    dictionary->table = make(in, dictionary->places * ENTRY_BYTES);
    if (!first) {
        trace_build_free(&in->builder, old);
    }
}

static void store_value(struct interpreter *in) {
    // The lower of two: the first dictionary is picked 127 times as often as
    // the last.
    size_t a = bench_rng_below(&in->rng, DICTIONARIES);
    size_t b = bench_rng_below(&in->rng, DICTIONARIES);
    struct dictionary *dictionary = &in->dictionaries[a < b ? a : b];
    bool string = bench_rng_below(&in->rng, 4) == 0;
    uint32_t value =
        string ? make(in, bench_sizes_pick(&in->value_strings, &in->rng))
               : make_small(in);
    struct object_list *values = &dictionary->values;
    if (values->count == DICTIONARY_MAX) {
        size_t at = bench_rng_below(&in->rng, values->count);
        trace_build_free(&in->builder, values->at[at]);
        values->at[at] = value;
        return;
    }
    if (values->count + 1 > dictionary->places * 2 / 3) {
        grow_dictionary(in, dictionary);
    }
    object_list_add(values, value);
}

static void append_to_list(struct interpreter *in) {
    struct list *list = &in->lists[bench_rng_below(&in->rng, LISTS)];
    if (list->used == LIST_MAX) {
        trace_build_free(&in->builder, list->object);
        *list = (struct list){0};
    }
    list->used += 1;
    if (list->used <= list->room) {
        return;
    }
    bool first = list->room == 0;
    list->room = list->used + list->used / 8 + 6;
    if (first) {
        list->object = make(in, list->room * 8);
    } else {
        trace_build_realloc(&in->builder, list->object, list->room * 8);
    }
}

static void step(struct interpreter *in) {
    size_t percent = bench_rng_below(&in->rng, 100);
    if (percent < 55) {
        evaluate(in);
    } else if (percent < 70) {
        call(in);
    } else if (percent < 85) {
        return_from_call(in);
    } else if (percent < 95) {
        store_value(in);
    } else {
        append_to_list(in);
    }
}

static void free_everything(struct interpreter *in) {
    while (in->depth > 0) {
        return_from_call(in);
    }
    for (size_t i = 0; i < DICTIONARIES; i++) {
        struct dictionary *dictionary = &in->dictionaries[i];
        object_list_free(&in->builder, &dictionary->values, false);
        object_list_release(&dictionary->values);
        if (dictionary->places != 0) {
            trace_build_free(&in->builder, dictionary->table);
        }
    }
    for (size_t i = 0; i < LISTS; i++) {
        if (in->lists[i].room != 0) {
            trace_build_free(&in->builder, in->lists[i].object);
        }
    }
}

struct trace trace_interpreter(uint64_t seed, size_t steps) {
    static struct interpreter in; // some 80 KiB
    in = (struct interpreter){.builder = trace_build_start(),
                              .rng = bench_rng_seed(seed)};
    bench_sizes_log_uniform(&in.frame_sizes, &in.rng, 56, 504);
    bench_sizes_log_uniform(&in.local_strings, &in.rng, 49, 200);
    bench_sizes_log_uniform(&in.value_strings, &in.rng, 32, 256);
    for (size_t i = 0; i < steps; i++) {
        step(&in);
    }
    free_everything(&in);
    return trace_build_finish(&in.builder);
}
