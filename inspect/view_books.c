// view_books.c - the library's own books, and where its metadata lies.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "inspect/reader.h"

enum { MAX_PIECES = 1 << 20 }; // of one list of metadata

static void name_book(struct mh_view_book *book, size_t i) {
    static const char *const names[] = {"heap",    "spans", "caches",
                                        "profile", "gc",    "other"};

    if (i < sizeof(names) / sizeof(names[0])) {
        snprintf(book->name, sizeof(book->name), "%s", names[i]);
    } else {
        snprintf(book->name, sizeof(book->name), "purpose %u",
                 (unsigned)i & 0xff);
    }
}

static void read_books(struct mh_reader *reader) {
    const struct mheap_inspect_root *is = &reader->root.is;
    struct mh_view *view = reader->view;
    size_t n = (size_t)is->npurposes;
    size_t size = mh_schema_size(&reader->root.schema, MH_S_account);
    char *records = mh_reader_alloc(reader, n, size);

    view->books = mh_reader_alloc(reader, n, sizeof(*view->books));
    if (records == NULL || view->books == NULL || n == 0 ||
        !mh_source_read(&reader->source, is->books, records, n * size)) {
        mh_reader_unread(reader, "the books", is->books);
        free(records);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const char *at = records + i * size;
        struct mh_view_book *book = &view->books[i];
        name_book(book, i);
        book->reserved = mh_reader_get(reader, MH_F_account_reserved, at);
        book->prepared = mh_reader_get(reader, MH_F_account_prepared, at);
        book->ready = mh_reader_get(reader, MH_F_account_ready, at);
        book->reserved_peak =
            mh_reader_get(reader, MH_F_account_reserved_peak, at);
        book->calls = mh_reader_get(reader, MH_F_account_calls, at);
        book->failures = mh_reader_get(reader, MH_F_account_failures, at);
    }
    view->nbooks = n;
    free(records);
}

static void read_limits(struct mh_reader *reader) {
    uint64_t address = reader->root.is.limits;
    struct mh_view_limits *limits = &reader->view->limits;
    size_t size = mh_schema_size(&reader->root.schema, MH_S_limits);
    if (address == 0 || size == 0) {
        return;
    }
    char *record = mh_reader_alloc(reader, 1, size);
    limits->known = record != NULL &&
                    mh_source_read(&reader->source, address, record, size);
    if (limits->known) {
        limits->soft = mh_reader_get(reader, MH_F_limits_soft, record);
        limits->hard = mh_reader_get(reader, MH_F_limits_hard, record);
        limits->counted = mh_reader_get(reader, MH_F_limits_counted, record);
        limits->refusals = mh_reader_get(reader, MH_F_limits_refusals, record);
    } else {
        mh_reader_unread(reader, "the limits", address);
    }
    free(record);
}

// Whole system pages: that is what the memory was got in.
static bool add_piece(struct mh_reader *reader, uint64_t base, uint64_t bytes,
                      const char *what, bool reserved) {
    struct mh_view *view = reader->view;
    uint64_t page = view->system_page;

    if (bytes == 0 || base > UINT64_MAX - bytes - page) {
        return false;
    }
    uint64_t end = (base + bytes + page - 1) / page * page;
    base = base / page * page;
    if (!mh_source_mapped(&reader->source, base, end - base, MH_MAPPED_ANY) ||
        !mh_reader_grow(reader, &view->metadata, &reader->metadata,
                        view->nmetadata, sizeof(*view->metadata))) {
        return false;
    }
    view->metadata[view->nmetadata++] = (struct mh_view_metadata){
        .base = base, .bytes = end - base, .what = what, .reserved = reserved};
    return true;
}

static bool add_metadata(struct mh_reader *reader, uint64_t base,
                         uint64_t bytes, const char *what) {
    return add_piece(reader, base, bytes, what, false);
}

// The list only grows at its head and its records never change, so a walk that
// began somewhere ends; more steps than there can be mappings means a loop.
static void walk_pieces(struct mh_reader *reader, const void *persistent,
                        const char *what) {
    const struct mh_schema *schema = &reader->root.schema;
    uint64_t at = mh_reader_get(reader, MH_F_persistent_chunks, persistent);
    unsigned char record[256];
    size_t size = mh_schema_size(schema, MH_S_persistent_chunk);

    for (size_t steps = 0; at != 0; steps++) {
        if (steps == MAX_PIECES || size == 0 || size > sizeof(record) ||
            !mh_source_read(&reader->source, at, record, size) ||
            !add_metadata(
                reader,
                mh_reader_get(reader, MH_F_persistent_chunk_base, record),
                mh_reader_get(reader, MH_F_persistent_chunk_size, record),
                what)) {
            mh_reader_find(reader, "MH0306", at,
                           "the list of pieces for %s does not end well", what);
            return;
        }
        at = mh_reader_get(reader, MH_F_persistent_chunk_next, record);
    }
}

static void add_list(struct mh_reader *reader, uint64_t address,
                     const char *what) {
    unsigned char record[512];
    size_t size = mh_schema_size(&reader->root.schema, MH_S_persistent);

    if (address == 0 || size == 0 || size > sizeof(record)) {
        return;
    }
    if (!mh_source_read(&reader->source, address, record, size)) {
        mh_reader_unread(reader, "a list of metadata", address);
        return;
    }
    walk_pieces(reader, record, what);
}

// The table of an arena map: whole, or in parts that are Ready one by one.
// False when it does not lie where it should.
static bool add_map_table(struct mh_reader *reader, const void *record,
                          uint64_t table, uint64_t bytes) {
    const struct mh_schema *schema = &reader->root.schema;
    uint64_t parts = mh_reader_get(reader, MH_F_arena_map_parts, record);
    uint64_t shift = mh_reader_get(reader, MH_F_arena_map_part_shift, record);
    uint64_t pointer = reader->root.is.pointer_bytes;

    if (!mh_schema_has(schema, MH_F_arena_map_part_shift) || shift > 40 ||
        pointer << shift >= bytes) {
        return add_metadata(reader, table, bytes, "arena map");
    }
    uint64_t part = pointer << shift;
    if (bytes / part > 64 || bytes % part != 0) {
        return false;
    }
    for (uint64_t i = 0; i < bytes / part; i++) {
        if (!add_piece(reader, table + i * part, part, "arena map",
                       (parts >> i & 1) == 0)) {
            return false;
        }
    }
    return true;
}

static void add_arena_map(struct mh_reader *reader) {
    const struct mh_schema *schema = &reader->root.schema;
    unsigned char record[256];
    size_t size = mh_schema_size(schema, MH_S_arena_map);

    if (reader->root.is.arena_map == 0 || size == 0 || size > sizeof(record) ||
        !mh_source_read(&reader->source, reader->root.is.arena_map, record,
                        size)) {
        return;
    }
    uint64_t count = mh_reader_get(reader, MH_F_arena_map_count, record);
    uint64_t table = mh_reader_get(reader, MH_F_arena_map_table, record);
    if (count == 0) {
        return; // nothing was ever allocated
    }
    if (count > UINT64_C(1) << 40 ||
        !add_map_table(reader, record, table,
                       count * reader->root.is.pointer_bytes)) {
        mh_reader_find(reader, "MH0307", table,
                       "an arena map of %" PRIu64 " entries", count);
    }
}

// One array of the window: Ready so far, Reserved up to `limit`. False when it
// does not lie where it should.
static bool add_window_array(struct mh_reader *reader, const void *window,
                             enum mh_field field, uint64_t from,
                             uint64_t limit) {
    const struct mh_schema *schema = &reader->root.schema;
    const void *array = mh_schema_at(schema, field, window, 0);
    uint64_t base = mh_reader_get(reader, MH_F_window_array_base, array);
    uint64_t ready = mh_reader_get(reader, MH_F_window_array_ready, array);

    if (base != from || base > limit || ready > limit - base) {
        return false;
    }
    return (ready == 0 || add_metadata(reader, base, ready, "window")) &&
           (ready == limit - base ||
            add_piece(reader, base + ready, limit - base - ready, "window",
                      true));
}

// Page words first, pairs behind them, in one reservation.
static void add_window(struct mh_reader *reader) {
    const struct mh_schema *schema = &reader->root.schema;
    unsigned char record[512];
    size_t size = mh_schema_size(schema, MH_S_window);

    if (reader->root.is.window == 0 || size > sizeof(record) ||
        !mh_source_read(&reader->source, reader->root.is.window, record,
                        size)) {
        mh_reader_unread(reader, "the window", reader->root.is.window);
        return;
    }
    uint64_t base = mh_reader_get(reader, MH_F_window_base, record);
    uint64_t bytes = mh_reader_get(reader, MH_F_window_bytes, record);
    const void *array = mh_schema_at(schema, MH_F_window_pairs, record, 0);
    uint64_t pairs = mh_reader_get(reader, MH_F_window_array_base, array);
    if (bytes == 0) {
        return; // nothing was ever allocated, or there was no room for it
    }
    if (bytes > UINT64_MAX - base || pairs < base || pairs > base + bytes ||
        !add_window_array(reader, record, MH_F_window_page_words, base,
                          pairs) ||
        !add_window_array(reader, record, MH_F_window_pairs, pairs,
                          base + bytes)) {
        mh_reader_find(reader, "MH0309", base,
                       "a window of 0x%" PRIx64 " bytes that cannot be", bytes);
    }
}

// Where a heap begins above the program: room for records of arenas to come.
static void add_records_ahead(struct mh_reader *reader) {
    const struct mh_schema *schema = &reader->root.schema;
    unsigned char record[256];
    size_t size = mh_schema_size(schema, MH_S_arenas);

    if (!mh_schema_has(schema, MH_F_arenas_ahead_end) ||
        size > sizeof(record) ||
        !mh_source_read(&reader->source, reader->root.is.arenas, record,
                        size)) {
        return; // an older library, or the list of arenas was told unread
    }
    uint64_t from = mh_reader_get(reader, MH_F_arenas_ahead, record);
    uint64_t end = mh_reader_get(reader, MH_F_arenas_ahead_end, record);
    if (from != end && (from > end || !add_piece(reader, from, end - from,
                                                 "arenas to come", true))) {
        mh_reader_find(reader, "MH0307", from,
                       "room for arenas up to 0x%" PRIx64, end);
    }
}

static int by_base(const void *a, const void *b) {
    const struct mh_view_metadata *x = a, *y = b;

    return x->base < y->base ? -1 : x->base > y->base;
}

// Each byte once, or the ledger would not add up.
static void drop_doubles(struct mh_reader *reader) {
    struct mh_view *view = reader->view;
    uint64_t limit = 0;
    size_t kept = 0;

    if (view->nmetadata == 0) {
        return;
    }
    qsort(view->metadata, view->nmetadata, sizeof(*view->metadata), by_base);
    for (size_t i = 0; i < view->nmetadata; i++) {
        struct mh_view_metadata metadata = view->metadata[i];
        if (metadata.base < limit) {
            mh_reader_find(reader, "MH0308", metadata.base,
                           "two pieces of metadata share 0x%" PRIx64,
                           metadata.base);
            continue;
        }
        limit = metadata.base + metadata.bytes;
        view->metadata[kept++] = metadata;
    }
    view->nmetadata = kept;
}

void mh_reader_books(struct mh_reader *reader) {
    const struct mh_schema *schema = &reader->root.schema;
    const struct mh_view *view = reader->view;

    read_books(reader);
    read_limits(reader);
    for (size_t i = 0; i < view->narenas; i++) {
        (void)add_metadata(reader, view->arenas[i].record,
                           view->arenas[i].record_bytes, "arena");
    }
    add_list(reader, reader->root.is.records, "records");
    if (mh_schema_has(schema, MH_F_heaps_caches)) {
        add_list(reader,
                 reader->root.is.heaps + schema->rows[MH_F_heaps_caches].offset,
                 "caches");
    }
    add_arena_map(reader);
    add_window(reader);
    add_records_ahead(reader);
    drop_doubles(reader);
}
