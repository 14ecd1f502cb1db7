// trace_build.h - writing a trace operation by operation, for the generators.
//
// Nothing here calls the allocator that is about to be measured.

#ifndef MHEAP_BENCH_TRACE_BUILD_H
#define MHEAP_BENCH_TRACE_BUILD_H

#include "trace.h"

struct trace_builder {
    struct trace trace;
    size_t ops_room;
    uint64_t *sizes; // of the living; of the dead, the next dead one
    size_t sizes_room;
    uint64_t first_dead;
    uint64_t live; // bytes
};

struct trace_builder trace_build_start(void);

// trace_build_make appends a malloc or calloc and returns the object's number.
uint32_t trace_build_make(struct trace_builder *builder, enum trace_kind kind,
                          size_t size);
void trace_build_realloc(struct trace_builder *builder, uint32_t object,
                         size_t size);
void trace_build_free(struct trace_builder *builder, uint32_t object);

// trace_build_finish returns the trace. Objects that still live are a fault of
// the generator and end the process.
struct trace trace_build_finish(struct trace_builder *builder);

// A list of objects that grows. All zero is an empty one.
struct object_list {
    uint32_t *at;
    size_t count;
    size_t room;
};

void object_list_add(struct object_list *list, uint32_t object);
void object_list_release(struct object_list *list);

// object_list_free appends a free of each object, the first or the last first,
// and empties the list.
void object_list_free(struct trace_builder *builder, struct object_list *list,
                      bool last_first);

#endif // MHEAP_BENCH_TRACE_BUILD_H
