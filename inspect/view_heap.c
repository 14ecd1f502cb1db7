// view_heap.c - reading heaps and the bitmaps of their pages.

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/decode.h"
#include "inspect/reader.h"

// A block of chunk records is added by one growth; a terabyte has 262,144
// chunks of 4 MiB.
enum { MAX_BLOCKS = 1 << 20, MAX_BLOCK_CHUNKS = 1 << 20 };

static uint64_t chunk_bytes(const struct mh_view *view) {
    return (uint64_t)view->chunk_pages << view->page_shift;
}

// A chunk record is copied while its heap changes it: a page can be seen in two
// states at once. What is not ours is neither free nor released, and what is
// allocated is not released.
static void add_words(struct mh_reader *reader, const void *record,
                      struct mh_reader_chunk *chunk) {
    static const enum mh_field fields[3] = {MH_F_palloc_chunk_alloc,
                                            MH_F_palloc_chunk_released,
                                            MH_F_palloc_chunk_ours};
    const struct mh_schema *schema = &reader->root.schema;
    size_t n = reader->words_per_chunk;
    uint64_t *words = reader->chunk_words + reader->nchunk_words;

    for (size_t i = 0; i < 3; i++) {
        const struct mh_schema_row *row = &schema->rows[fields[i]];
        mh_reader_words(reader, mh_schema_at(schema, fields[i], record, 0),
                        row->count, row, words + i * n);
    }
    chunk->words = reader->nchunk_words;
    reader->nchunk_words += 3 * n;
}

static bool add_chunk(struct mh_reader *reader, const void *record,
                      uint64_t address, uint32_t heap) {
    uint64_t size = chunk_bytes(reader->view);
    uint64_t base = mh_reader_get(reader, MH_F_palloc_chunk_base, record);

    if (base % size != 0 || base > UINT64_MAX - size) {
        mh_reader_find(reader, "MH0304", address,
                       "a chunk of pages at 0x%" PRIx64, base);
        return true;
    }
    if (!mh_reader_grow(reader, &reader->chunk, &reader->chunks,
                        reader->nchunks, sizeof(*reader->chunk)) ||
        !mh_reader_grow(reader, &reader->chunk_words, &reader->chunk_words_room,
                        reader->nchunk_words +
                            (size_t)3 * reader->words_per_chunk,
                        sizeof(*reader->chunk_words))) {
        return false;
    }
    struct mh_reader_chunk *chunk = &reader->chunk[reader->nchunks++];
    chunk->base = base;
    chunk->heap = heap;
    add_words(reader, record, chunk);
    return true;
}

static void read_block(struct mh_reader *reader, uint64_t at, uint64_t n,
                       uint32_t heap) {
    size_t size = mh_schema_size(&reader->root.schema, MH_S_palloc_chunk);

    if (n > MAX_BLOCK_CHUNKS ||
        !mh_source_mapped(&reader->source, at, n * size, MH_MAPPED_READABLE)) {
        mh_reader_find(reader, "MH0303", at,
                       "a block of %" PRIu64 " chunks of pages", n);
        return;
    }
    char *records = mh_reader_alloc(reader, (size_t)n, size);
    if (records == NULL || n == 0 ||
        !mh_source_read(&reader->source, at, records, (size_t)n * size)) {
        free(records);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (!add_chunk(reader, records + i * size, at + i * size, heap)) {
            break;
        }
    }
    free(records);
    reader->taken -= n * size; // it was only borrowed
}

static void read_blocks(struct mh_reader *reader, uint64_t table,
                        uint32_t heap) {
    const struct mh_schema *schema = &reader->root.schema;
    const struct mh_schema_row *row = &schema->rows[MH_F_palloc_table_blocks];
    unsigned char head[256];
    size_t size = mh_schema_size(schema, MH_S_palloc_table);

    if (table == 0) {
        return; // a heap that never grew
    }
    if (size > sizeof(head) ||
        !mh_source_read(&reader->source, table, head, size)) {
        mh_reader_unread(reader, "the table of chunks", table);
        return;
    }
    uint64_t count = mh_reader_get(reader, MH_F_palloc_table_nblocks, head);
    if (count > MAX_BLOCKS) {
        mh_reader_find(reader, "MH0401", table, "%" PRIu64 " blocks of chunks",
                       count);
        return;
    }
    size_t bytes = (size_t)count * row->stride;
    char *blocks = mh_reader_alloc(reader, (size_t)count, row->stride);
    if (blocks != NULL && count != 0) {
        if (!mh_source_read(&reader->source, table + row->offset, blocks,
                            bytes)) {
            mh_reader_unread(reader, "the table of chunks", table);
            count = 0;
        }
        for (size_t i = 0; i < count && !reader->over_budget; i++) {
            const char *at = blocks + i * row->stride;
            read_block(
                reader, mh_reader_get(reader, MH_F_palloc_block_chunks, at),
                mh_reader_get(reader, MH_F_palloc_block_nchunks, at), heap);
        }
    }
    free(blocks);
}

static void read_counts(struct mh_reader *reader, struct mh_view_heap *heap,
                        const void *record) {
    const struct mh_schema *schema = &reader->root.schema;

    if (!mh_schema_has(schema, MH_F_heap_counts)) {
        return;
    }
    const void *at = mh_schema_at(schema, MH_F_heap_counts, record, 0);
    heap->large_allocs =
        mh_reader_get(reader, MH_F_heap_counts_large_allocs, at) +
        mh_reader_get(reader, MH_F_heap_counts_run_allocs, at);
    heap->large_alloc_bytes =
        mh_reader_get(reader, MH_F_heap_counts_large_alloc_bytes, at) +
        mh_reader_get(reader, MH_F_heap_counts_run_alloc_bytes, at);
    heap->large_frees =
        mh_reader_get(reader, MH_F_heap_counts_large_frees, at) +
        mh_reader_get(reader, MH_F_heap_counts_run_frees, at);
    heap->large_free_bytes =
        mh_reader_get(reader, MH_F_heap_counts_large_free_bytes, at) +
        mh_reader_get(reader, MH_F_heap_counts_run_free_bytes, at);
    heap->spans_made = mh_reader_get(reader, MH_F_heap_counts_spans_made, at) +
                       heap->large_allocs;
    heap->spans_freed =
        mh_reader_get(reader, MH_F_heap_counts_spans_freed, at) +
        heap->large_frees;
    heap->released_bytes =
        mh_reader_get(reader, MH_F_heap_counts_released_bytes, at);
    heap->remote_frees =
        mh_reader_get(reader, MH_F_heap_counts_remote_frees, at);
    heap->grown_bytes = mh_reader_get(reader, MH_F_heap_counts_grown_bytes, at);
}

static void read_heap(struct mh_reader *reader, uint64_t address, size_t i,
                      char *record) {
    const struct mh_schema *schema = &reader->root.schema;
    struct mh_view *view = reader->view;
    struct mh_view_heap *heap = &view->heaps[view->nheaps];

    if (!mh_source_read(&reader->source, address, record,
                        mh_schema_size(schema, MH_S_heap))) {
        mh_reader_find(reader, "MH0301", address, "heap %zu cannot be read", i);
        return;
    }
    const void *pages = mh_schema_at(schema, MH_F_heap_pages, record, 0);
    const void *room = mh_schema_at(schema, MH_F_heap_room, record, 0);
    *heap = (struct mh_view_heap){
        .address = address,
        .id = (uint32_t)mh_reader_get(reader, MH_F_heap_id, record),
        .generation =
            (uint32_t)mh_reader_get(reader, MH_F_heap_generation, record),
        .state = (uint32_t)mh_reader_get(reader, MH_F_heap_state, record),
        .total_pages = mh_reader_get(reader, MH_F_palloc_total_pages, pages),
        .free_pages = mh_reader_get(reader, MH_F_palloc_free_pages, pages),
        .released_pages =
            mh_reader_get(reader, MH_F_palloc_released_pages, pages),
        .room_next = mh_reader_get(reader, MH_F_room_next, room),
        .room_end = mh_reader_get(reader, MH_F_room_end, room),
    };
    if (heap->id != i || heap->state > MH_VIEW_HEAP_LIVE) {
        mh_reader_find(reader, "MH0301", address,
                       "heap %zu says that it is %" PRIu32 " in state %" PRIu32,
                       i, heap->id, heap->state);
        return;
    }
    if (mh_schema_has(schema, MH_F_heap_name)) {
        const struct mh_schema_row *row = &schema->rows[MH_F_heap_name];
        mh_decode_text(mh_schema_at(schema, MH_F_heap_name, record, 0),
                       (size_t)row->width * row->count, heap->name,
                       sizeof(heap->name));
    }
    read_counts(reader, heap, record);
    view->nheaps++;
}

static void read_table(struct mh_reader *reader, const char *head,
                       size_t count) {
    const struct mh_schema *schema = &reader->root.schema;
    struct mh_view *view = reader->view;
    char *record =
        mh_reader_alloc(reader, mh_schema_size(schema, MH_S_heap), 1);

    view->heaps = mh_reader_alloc(reader, count, sizeof(*view->heaps));
    for (size_t i = 0; record != NULL && view->heaps != NULL && i < count;
         i++) {
        uint64_t address = mh_schema_get_at(schema, MH_F_heaps_table, head, i);
        if (address != 0) {
            read_heap(reader, address, i, record);
        }
    }
    free(record);
}

void mh_reader_heaps(struct mh_reader *reader) {
    const struct mh_schema *schema = &reader->root.schema;
    uint64_t at = reader->root.is.heaps;
    size_t size = mh_schema_size(schema, MH_S_heaps);
    char *head = mh_reader_alloc(reader, size, 1);

    if (head == NULL || !mh_source_read(&reader->source, at, head, size)) {
        mh_reader_unread(reader, "the table of heaps", at);
        free(head);
        return;
    }
    uint64_t count = mh_reader_get(reader, MH_F_heaps_count, head);
    uint64_t most = schema->rows[MH_F_heaps_table].count;
    if (count > most || count > MH_VIEW_MAX_HEAPS) {
        mh_reader_find(reader, "MH0401", at, "%" PRIu64 " heaps", count);
        reader->view->partial = true;
        count = most < MH_VIEW_MAX_HEAPS ? most : MH_VIEW_MAX_HEAPS;
    }
    read_table(reader, head, (size_t)count);
    free(head);
}

static int by_base(const void *a, const void *b) {
    const struct mh_reader_chunk *x = a, *y = b;

    return x->base < y->base ? -1 : x->base > y->base;
}

// Heaps share chunks where their pieces of address space meet in one, so two
// records may have the same base; which pages are whose, `ours` says.
void mh_reader_chunks(struct mh_reader *reader) {
    struct mh_view *view = reader->view;
    size_t size = mh_schema_size(&reader->root.schema, MH_S_heap);
    char *record = mh_reader_alloc(reader, size, 1);

    for (size_t i = 0; record != NULL && i < view->nheaps; i++) {
        struct mh_view_heap *heap = &view->heaps[i];
        if (!mh_source_read(&reader->source, heap->address, record, size)) {
            mh_reader_unread(reader, "a heap", heap->address);
            continue;
        }
        const void *pages =
            mh_schema_at(&reader->root.schema, MH_F_heap_pages, record, 0);
        const void *room =
            mh_schema_at(&reader->root.schema, MH_F_heap_room, record, 0);
        heap->room_next = mh_reader_get(reader, MH_F_room_next, room);
        heap->room_end = mh_reader_get(reader, MH_F_room_end, room);
        read_blocks(reader, mh_reader_get(reader, MH_F_palloc_table, pages),
                    heap->id);
    }
    free(record);
    if (reader->nchunks != 0) {
        qsort(reader->chunk, reader->nchunks, sizeof(*reader->chunk), by_base);
    }
}
