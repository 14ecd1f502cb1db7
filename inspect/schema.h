// schema.h - where the fields of the target's structures lie.
//
// The target's layout table, looked up once into an array by field number, with
// every offset, width and stride checked against the size of its structure.
// Rows with names this reader does not know are passed over; a field that only
// some versions have is absent and reads as 0.

#ifndef MHEAP_INSPECT_SCHEMA_H
#define MHEAP_INSPECT_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// S(structure): a row without a dot, whose width is the size.
// N(structure, field): a number the reader cannot do without; O: can.
// A(structure, field, kind of element): an array or a structure inside.
// P: the same, optional.
// clang-format off
#define MH_SCHEMA(S, N, O, A, P)                                             \
    S(lock) O(lock, taken) O(lock, contended)                                \
    S(arenas) N(arenas, count) N(arenas, table) P(arenas, lock)              \
    O(arenas, ahead) O(arenas, ahead_end)                                    \
    S(arena) N(arena, base) N(arena, bytes) O(arena, number)                 \
    N(arena, spans_made) N(arena, record_bytes) N(arena, page_words)         \
    P(arena, lock) N(arena, pairs) A(arena, span_index) A(arena, seq)        \
    A(arena, spans)                                                          \
    S(page_word) N(page_word, word)                                          \
    S(pair) N(pair, live) N(pair, remote)                                    \
    S(span) N(span, base) N(span, slot_size) N(span, nslots)                 \
    N(span, npages) N(span, heap) O(span, birth) N(span, size_class)         \
    N(span, state) O(span, start) O(span, list) N(span, large_size)          \
    N(span, owner_told)                                                      \
    A(span, free)                                                            \
    S(caches) N(caches, count) N(caches, table) P(caches, lock)              \
    S(central) P(central, lock)                                              \
    S(cache) N(cache, id) N(cache, state) O(cache, generation)               \
    O(cache, thread) N(cache, heap) A(cache, bins) P(cache, counts)          \
    A(cache, bottoms) A(cache, pages) P(cache, runs) S(place)                \
    S(bin) N(bin, top)                                                       \
    S(bin_count) O(bin_count, taken) O(bin_count, given)                     \
    O(bin_count, drained)                                                    \
    S(page_cache) N(page_cache, base) N(page_cache, free)                    \
    N(page_cache, released)                                                  \
    S(heaps) N(heaps, count) A(heaps, table) P(heaps, caches)                \
    S(heap) N(heap, id) O(heap, generation) N(heap, state) P(heap, name)     \
    P(heap, counts) A(heap, pages) A(heap, room) P(heap, lock)               \
    P(heap, side_lock) P(heap, central)                                      \
    S(heap_counts) O(heap_counts, large_allocs)                              \
    O(heap_counts, run_allocs) O(heap_counts, run_alloc_bytes)               \
    O(heap_counts, run_frees) O(heap_counts, run_free_bytes)                 \
    O(heap_counts, large_alloc_bytes) O(heap_counts, large_frees)            \
    O(heap_counts, large_free_bytes) O(heap_counts, spans_made)              \
    O(heap_counts, spans_freed) O(heap_counts, released_bytes)               \
    O(heap_counts, remote_frees) O(heap_counts, grown_bytes)                 \
    S(room) N(room, next) N(room, end)                                       \
    S(palloc) N(palloc, table) O(palloc, total_pages)                        \
    O(palloc, free_pages) O(palloc, released_pages)                          \
    S(palloc_table) N(palloc_table, nblocks) A(palloc_table, blocks)         \
    S(palloc_block) N(palloc_block, chunks) N(palloc_block, nchunks)         \
    S(palloc_chunk) N(palloc_chunk, base) A(palloc_chunk, alloc)             \
    A(palloc_chunk, released) A(palloc_chunk, ours)                          \
    S(class) N(class, size) N(class, npages) N(class, nslots)                \
    N(class, cache_slots)                                                    \
    S(account) N(account, reserved) N(account, prepared) N(account, ready)   \
    O(account, reserved_peak) O(account, calls) O(account, failures)         \
    S(arena_map) O(arena_map, count) O(arena_map, table)                     \
    O(arena_map, parts) O(arena_map, part_shift)                             \
    S(window) N(window, base) N(window, bytes) A(window, page_words)         \
    A(window, pairs)                                                         \
    S(window_array) N(window_array, base) N(window_array, ready)             \
    S(persistent) O(persistent, chunks)                                      \
    S(persistent_chunk) O(persistent_chunk, next)                            \
    O(persistent_chunk, base) O(persistent_chunk, size)                      \
    S(limits) O(limits, soft) O(limits, hard) O(limits, counted)             \
    O(limits, refusals)
// clang-format on

#define MH_SCHEMA_STRUCT(structure)       MH_S_##structure,
#define MH_SCHEMA_FIELD(structure, field) MH_F_##structure##_##field,

enum mh_field {
    MH_SCHEMA(MH_SCHEMA_STRUCT, MH_SCHEMA_FIELD, MH_SCHEMA_FIELD,
              MH_SCHEMA_FIELD, MH_SCHEMA_FIELD) MH_NFIELDS
};

struct mh_schema_row {
    uint32_t offset; // in its structure
    uint32_t width;  // of one element; 0: absent
    uint32_t count;
    uint32_t stride;
};

struct mh_schema {
    bool big_endian;
    uint32_t pointer_bytes;
    struct mh_schema_row rows[MH_NFIELDS];
};

enum { MH_SCHEMA_ROW_BYTES = 48, MH_SCHEMA_MAX_ROWS = 4096 };

// mh_schema_parse reads nrows rows of MH_SCHEMA_ROW_BYTES each. NULL, or what
// is wrong with the table, written into reason, which is also the result.
const char *mh_schema_parse(struct mh_schema *schema, const void *rows,
                            size_t nrows, char *reason, size_t size);

// mh_schema_size is the size of a structure, for a field number that names one.
size_t mh_schema_size(const struct mh_schema *schema, enum mh_field structure);

static inline bool mh_schema_has(const struct mh_schema *schema,
                                 enum mh_field field) {
    return schema->rows[field].width != 0;
}

// mh_schema_get reads a number from a copy of its structure; 0 when absent.
uint64_t mh_schema_get(const struct mh_schema *schema, enum mh_field field,
                       const void *record);

// mh_schema_at is element i of an array inside a copy of its structure, and
// mh_schema_get_at the number there. i is below the count of the row.
const void *mh_schema_at(const struct mh_schema *schema, enum mh_field field,
                         const void *record, size_t i);
uint64_t mh_schema_get_at(const struct mh_schema *schema, enum mh_field field,
                          const void *record, size_t i);

#endif // MHEAP_INSPECT_SCHEMA_H
