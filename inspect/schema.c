// schema.c - where the fields of the target's structures lie.

#include "inspect/schema.h"

#include <stdio.h>
#include <string.h>

#include "inspect/decode.h"
#include "mheap/inspect.h"

// No structure of an allocator is larger; an arena's is a few MiB.
#define MAX_STRUCTURE ((uint64_t)256 << 20)

enum kind {
    STRUCTURE,
    NUMBER,
    ARRAY,
};

struct wanted {
    const char *name;
    enum mh_field structure;
    enum kind kind;
    bool required;
};

#define WANT_STRUCT(s)      {#s, MH_S_##s, STRUCTURE, true},
#define WANT_NUMBER(s, f)   {#s "." #f, MH_S_##s, NUMBER, true},
#define WANT_OPTIONAL(s, f) {#s "." #f, MH_S_##s, NUMBER, false},
#define WANT_ARRAY(s, f)    {#s "." #f, MH_S_##s, ARRAY, true},
#define WANT_PART(s, f)     {#s "." #f, MH_S_##s, ARRAY, false},

static const struct wanted wanted[MH_NFIELDS] = {
    MH_SCHEMA(WANT_STRUCT, WANT_NUMBER, WANT_OPTIONAL, WANT_ARRAY, WANT_PART)};

_Static_assert(sizeof(struct mheap_inspect_field) == MH_SCHEMA_ROW_BYTES,
               "a row is the same on every machine");

// Structures only some versions list: with them go their optional fields.
static bool is_optional_structure(size_t i) {
    return i == MH_S_lock || i == MH_S_central || i == MH_S_bin_count ||
           i == MH_S_heap_counts || i == MH_S_arena_map ||
           i == MH_S_persistent || i == MH_S_persistent_chunk ||
           i == MH_S_limits;
}

static uint32_t number_at(const unsigned char *row, size_t offset, bool big) {
    return (uint32_t)mh_decode(row + offset, 4, big);
}

static bool same_name(const unsigned char *row, const char *name) {
    char text[MHEAP_INSPECT_NAME_SIZE];

    mh_decode_text(row, sizeof(text), text, sizeof(text));
    return strcmp(text, name) == 0;
}

static void read_row(struct mh_schema_row *out, const unsigned char *row,
                     bool big) {
    out->offset =
        number_at(row, offsetof(struct mheap_inspect_field, offset), big);
    out->width =
        number_at(row, offsetof(struct mheap_inspect_field, width), big);
    out->count =
        number_at(row, offsetof(struct mheap_inspect_field, count), big);
    out->stride =
        number_at(row, offsetof(struct mheap_inspect_field, stride), big);
    if (out->stride == 0) {
        out->stride = out->width;
    }
}

static void look_up(struct mh_schema *schema, const unsigned char *rows,
                    size_t nrows) {
    // Rows stand in the order of the structures, mostly as here, so a search
    // that goes on where the last one ended finds most at once.
    size_t at = 0;

    for (size_t i = 0; i < MH_NFIELDS; i++) {
        for (size_t tried = 0; tried < nrows; tried++) {
            const unsigned char *row = rows + at * MH_SCHEMA_ROW_BYTES;
            at = at + 1 == nrows ? 0 : at + 1;
            if (same_name(row, wanted[i].name)) {
                read_row(&schema->rows[i], row, schema->big_endian);
                break;
            }
        }
    }
}

static const char *fault_of(const struct mh_schema *schema, size_t i) {
    const struct mh_schema_row *row = &schema->rows[i];
    const struct mh_schema_row *whole = &schema->rows[wanted[i].structure];

    if (row->width == 0) {
        return wanted[i].required && !is_optional_structure(i) ? "is missing"
                                                               : NULL;
    }
    if (wanted[i].kind == STRUCTURE) {
        return row->width > MAX_STRUCTURE ? "is impossibly large" : NULL;
    }
    if (wanted[i].kind == NUMBER && row->width != 1 && row->width != 2 &&
        row->width != 4 && row->width != 8) {
        return "has no width of a number";
    }
    // The blocks stand behind their structure, as many as nblocks says.
    bool behind = i == MH_F_palloc_table_blocks;
    uint64_t end = behind ? row->offset
                          : row->offset +
                                ((uint64_t)row->count - 1) * row->stride +
                                row->width;
    if (row->count == 0 || row->stride < row->width || end > whole->width) {
        return "does not fit its structure";
    }
    return NULL;
}

// Elements that are structures must be at least as wide as those.
static const char *elements_fault(const struct mh_schema *schema) {
    static const struct {
        enum mh_field array, element;
    } pairs[] = {
        {MH_F_arenas_lock, MH_S_lock},
        {MH_F_arena_lock, MH_S_lock},
        {MH_F_caches_lock, MH_S_lock},
        {MH_F_central_lock, MH_S_lock},
        {MH_F_heap_lock, MH_S_lock},
        {MH_F_heap_side_lock, MH_S_lock},
        {MH_F_heap_central, MH_S_central},
        {MH_F_arena_spans, MH_S_span},
        {MH_F_cache_bins, MH_S_bin},
        {MH_F_cache_counts, MH_S_bin_count},
        {MH_F_cache_pages, MH_S_page_cache},
        {MH_F_heap_counts, MH_S_heap_counts},
        {MH_F_heap_pages, MH_S_palloc},
        {MH_F_heap_room, MH_S_room},
        {MH_F_heaps_caches, MH_S_persistent},
        {MH_F_palloc_table_blocks, MH_S_palloc_block},
        {MH_F_window_page_words, MH_S_window_array},
        {MH_F_window_pairs, MH_S_window_array},
    };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        const struct mh_schema_row *array = &schema->rows[pairs[i].array];
        if (array->width != 0 &&
            array->width < schema->rows[pairs[i].element].width) {
            return wanted[pairs[i].array].name;
        }
    }
    return NULL;
}

// Arrays of numbers, which mh_schema_get_at reads.
static bool numbers_fit(const struct mh_schema *schema) {
    static const enum mh_field arrays[] = {
        MH_F_arena_span_index,   MH_F_arena_seq,
        MH_F_span_free,          MH_F_heaps_table,
        MH_F_palloc_chunk_alloc, MH_F_palloc_chunk_released,
        MH_F_palloc_chunk_ours,  MH_F_cache_bottoms,
        MH_F_cache_runs,
    };

    for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
        uint32_t width = schema->rows[arrays[i]].width;
        bool absent = width == 0 && !wanted[arrays[i]].required;
        if (!absent && width != 1 && width != 2 && width != 4 && width != 8) {
            return false;
        }
    }
    return true;
}

const char *mh_schema_parse(struct mh_schema *schema, const void *rows,
                            size_t nrows, char *reason, size_t size) {
    memset(schema->rows, 0, sizeof(schema->rows));
    look_up(schema, rows, nrows);
    for (size_t i = 0; i < MH_NFIELDS; i++) {
        const char *fault = fault_of(schema, i);
        if (fault != NULL) {
            snprintf(reason, size, "layout table: %s %s", wanted[i].name,
                     fault);
            return reason;
        }
    }
    const char *element = elements_fault(schema);
    if (element != NULL) {
        snprintf(reason, size, "layout table: elements of %s are too small",
                 element);
        return reason;
    }
    if (!numbers_fit(schema)) {
        snprintf(reason, size, "layout table: an array of numbers has none");
        return reason;
    }
    return NULL;
}

size_t mh_schema_size(const struct mh_schema *schema, enum mh_field structure) {
    return schema->rows[structure].width;
}

const void *mh_schema_at(const struct mh_schema *schema, enum mh_field field,
                         const void *record, size_t i) {
    const struct mh_schema_row *row = &schema->rows[field];

    return (const char *)record + row->offset + i * (size_t)row->stride;
}

uint64_t mh_schema_get(const struct mh_schema *schema, enum mh_field field,
                       const void *record) {
    const struct mh_schema_row *row = &schema->rows[field];

    return mh_decode((const char *)record + row->offset, row->width,
                     schema->big_endian);
}

uint64_t mh_schema_get_at(const struct mh_schema *schema, enum mh_field field,
                          const void *record, size_t i) {
    return mh_decode(mh_schema_at(schema, field, record, i),
                     schema->rows[field].width, schema->big_endian);
}
