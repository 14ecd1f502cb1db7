// trace_build.c - growing arrays of operations and objects.

#include "trace_build.h"

#include <string.h>

static const uint64_t none = UINT64_MAX;

enum { FIRST_ROOM = 4096 };

// grown returns the array with twice the room, mapped.
static void *grown(void *array, size_t *room, size_t element) {
    size_t before = *room * element;
    *room = *room == 0 ? FIRST_ROOM : *room * 2;
    void *bigger = bench_pages(*room * element);
    if (before != 0) {
        memcpy(bigger, array, before);
        bench_pages_free(array, before);
    }
    return bigger;
}

struct trace_builder trace_build_start(void) {
    return (struct trace_builder){.first_dead = none};
}

static void append(struct trace_builder *builder, enum trace_kind kind,
                   uint32_t object, size_t size) {
    struct trace *trace = &builder->trace;
    if (trace->nops == builder->ops_room) {
        trace->ops = grown(trace->ops, &builder->ops_room, sizeof *trace->ops);
    }
    trace->ops[trace->nops++] = (struct trace_op){
        .size = size, .object = object, .kind = (uint8_t)kind};
    builder->live += size;
    if (builder->live > trace->live_peak) {
        trace->live_peak = builder->live;
    }
}

static uint32_t take_number(struct trace_builder *builder) {
    if (builder->first_dead != none) {
        uint32_t object = (uint32_t)builder->first_dead;
        builder->first_dead = builder->sizes[object];
        return object;
    }
    if (builder->trace.nobjects == builder->sizes_room) {
        builder->sizes =
            grown(builder->sizes, &builder->sizes_room, sizeof *builder->sizes);
    }
    return builder->trace.nobjects++;
}

uint32_t trace_build_make(struct trace_builder *builder, enum trace_kind kind,
                          size_t size) {
    uint32_t object = take_number(builder);
    builder->sizes[object] = size;
    append(builder, kind, object, size);
    return object;
}

void trace_build_realloc(struct trace_builder *builder, uint32_t object,
                         size_t size) {
    builder->live -= builder->sizes[object];
    builder->sizes[object] = size;
    append(builder, TRACE_REALLOC, object, size);
}

void trace_build_free(struct trace_builder *builder, uint32_t object) {
    builder->live -= builder->sizes[object];
    append(builder, TRACE_FREE, object, 0);
    builder->sizes[object] = builder->first_dead;
    builder->first_dead = object;
}

struct trace trace_build_finish(struct trace_builder *builder) {
    if (builder->live != 0) {
        bench_broken("a generated trace leaves objects alive");
    }
    if (builder->sizes_room != 0) {
        bench_pages_free(builder->sizes,
                         builder->sizes_room * sizeof *builder->sizes);
    }
    builder->trace.pages_bytes = builder->ops_room * sizeof *builder->trace.ops;
    return builder->trace;
}

void trace_release(struct trace *trace) {
    if (trace->pages_bytes != 0) {
        bench_pages_free(trace->ops, trace->pages_bytes);
    }
    *trace = (struct trace){0};
}

void object_list_add(struct object_list *list, uint32_t object) {
    if (list->count == list->room) {
        list->at = grown(list->at, &list->room, sizeof *list->at);
    }
    list->at[list->count++] = object;
}

void object_list_release(struct object_list *list) {
    if (list->room != 0) {
        bench_pages_free(list->at, list->room * sizeof *list->at);
    }
    *list = (struct object_list){0};
}

void object_list_free(struct trace_builder *builder, struct object_list *list,
                      bool last_first) {
    for (size_t i = 0; i < list->count; i++) {
        size_t at = last_first ? list->count - 1 - i : i;
        trace_build_free(builder, list->at[at]);
    }
    list->count = 0;
}
