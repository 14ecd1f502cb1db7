// view_cache.c - reading the registry of thread caches.
//
// A cache is read up to its places: the pointers in them are not needed, and
// many of their pages were never touched.

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/decode.h"
#include "inspect/reader.h"

// The bytes of a cache up to the end of the last field that is wanted.
static size_t head_bytes(const struct mh_reader *reader) {
    static const enum mh_field fields[] = {
        MH_F_cache_id,    MH_F_cache_state,  MH_F_cache_generation,
        MH_F_cache_heap,  MH_F_cache_bins,   MH_F_cache_thread,
        MH_F_cache_pages, MH_F_cache_counts, MH_F_cache_bottoms,
        MH_F_cache_runs,
    };
    size_t bytes = 0;

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const struct mh_schema_row *row = &reader->root.schema.rows[fields[i]];
        size_t end = row->offset + (size_t)row->stride * row->count;
        // The last element may be narrower than its stride.
        size_t whole = mh_schema_size(&reader->root.schema, MH_S_cache);
        end = end < whole ? end : whole;
        bytes = row->width != 0 && end > bytes ? end : bytes;
    }
    return bytes;
}

static bool is_used(uint32_t state) {
    return state == MH_VIEW_CACHE_IN_USE || state == MH_VIEW_CACHE_SIDE;
}

// How many slots lie in a bin, or UINT64_MAX when its top is outside of it.
static uint64_t bin_fill(const struct mh_reader *reader, const char *bytes,
                         size_t i) {
    const struct mh_schema *schema = &reader->root.schema;
    const void *at = mh_schema_at(schema, MH_F_cache_bins, bytes, i);
    uint64_t top = mh_reader_get(reader, MH_F_bin_top, at);
    uint64_t bottom = mh_schema_get_at(schema, MH_F_cache_bottoms, bytes, i);
    uint64_t fill = (top - bottom) / mh_schema_size(schema, MH_S_place);
    bool fits = top >= bottom && fill <= reader->view->classes[i].cache_slots;
    return fits ? fill : UINT64_MAX;
}

static void read_bins(struct mh_reader *reader, struct mh_view_cache *cache,
                      const char *bytes) {
    const struct mh_schema *schema = &reader->root.schema;
    const struct mh_view *view = reader->view;

    for (size_t i = 0; i < view->nclasses; i++) {
        struct mh_view_bin *bin = &cache->bins[i];
        uint64_t fill = bin_fill(reader, bytes, i);
        if (fill != UINT64_MAX) {
            bin->fill = (uint32_t)fill;
        } else if (is_used(cache->state)) {
            mh_reader_find(reader, "MH0202", cache->address,
                           "bin %zu of cache %" PRIu32 " ends outside itself",
                           i, cache->id);
        }
        cache->fill_objects += bin->fill;
        cache->fill_bytes += (uint64_t)bin->fill * view->classes[i].slot_size;
        if (mh_schema_has(schema, MH_F_cache_counts)) {
            const void *at = mh_schema_at(schema, MH_F_cache_counts, bytes, i);
            bin->taken = mh_reader_get(reader, MH_F_bin_count_taken, at);
            bin->given = mh_reader_get(reader, MH_F_bin_count_given, at);
            bin->drained = mh_reader_get(reader, MH_F_bin_count_drained, at);
        }
    }
}

static void read_page_cache(struct mh_reader *reader,
                            struct mh_view_cache *cache, const char *bytes) {
    const void *pages =
        mh_schema_at(&reader->root.schema, MH_F_cache_pages, bytes, 0);
    uint64_t block = UINT64_C(64) << reader->view->page_shift;

    cache->page_base = mh_reader_get(reader, MH_F_page_cache_base, pages);
    cache->pages_free = mh_reader_get(reader, MH_F_page_cache_free, pages);
    // Two words that change together are copied one after the other; what is
    // not free is not released either.
    cache->pages_released =
        mh_reader_get(reader, MH_F_page_cache_released, pages) &
        cache->pages_free;
    if (cache->page_base % block != 0) {
        mh_reader_find(reader, "MH0203", cache->address,
                       "the pages of cache %" PRIu32 " begin at 0x%" PRIx64,
                       cache->id, cache->page_base);
        cache->page_base = cache->pages_free = cache->pages_released = 0;
    }
}

// Longer than a word of bits is none, nor is one that begins between pages.
static void read_page_runs(struct mh_reader *reader,
                           struct mh_view_cache *cache, const char *bytes) {
    const struct mh_schema *schema = &reader->root.schema;
    uint64_t page = UINT64_C(1) << reader->view->page_shift;
    size_t n = schema->rows[MH_F_cache_runs].count;

    for (size_t i = 0; i < n && i < MH_VIEW_PAGE_RUNS; i++) {
        uint64_t run = mh_schema_get_at(schema, MH_F_cache_runs, bytes, i);
        if (run % page > 64) {
            mh_reader_find(reader, "MH0203", cache->address,
                           "a run of cache %" PRIu32 " has %" PRIu64 " pages",
                           cache->id, run % page);
        } else {
            cache->runs[i] = run;
        }
    }
}

// Reads a cache's record. A bin that moves to a larger array meanwhile has its
// bottom in one and its top in the other: then the record is read again. What
// does not move stays wrong, and is found.
static bool read_record(struct mh_reader *reader, uint64_t address,
                        char *bytes) {
    enum { TRIES = 4 };
    bool fits = false;
    for (int i = 0; i < TRIES && !fits; i++) {
        if (!mh_source_read(&reader->source, address, bytes,
                            head_bytes(reader))) {
            return false;
        }
        fits = true;
        for (size_t bin = 0; bin < reader->view->nclasses; bin++) {
            fits = fits && bin_fill(reader, bytes, bin) != UINT64_MAX;
        }
    }
    return true;
}

static bool read_cache(struct mh_reader *reader, uint64_t address, size_t i,
                       char *bytes) {
    struct mh_view *view = reader->view;
    struct mh_view_cache *cache = &view->caches[view->ncaches];

    if (!read_record(reader, address, bytes)) {
        mh_reader_find(reader, "MH0201", address,
                       "thread cache %zu cannot be read", i);
        return false;
    }
    *cache = (struct mh_view_cache){
        .address = address,
        .thread = mh_reader_get(reader, MH_F_cache_thread, bytes),
        .id = (uint32_t)mh_reader_get(reader, MH_F_cache_id, bytes),
        .state = (uint32_t)mh_reader_get(reader, MH_F_cache_state, bytes),
        .generation =
            (uint32_t)mh_reader_get(reader, MH_F_cache_generation, bytes),
        .heap = UINT32_MAX,
        .bins =
            mh_reader_alloc(reader, view->nclasses, sizeof(struct mh_view_bin)),
    };
    if (cache->bins == NULL) {
        return false;
    }
    if (cache->id != i || cache->state > MH_VIEW_CACHE_ORPHAN) {
        mh_reader_find(reader, "MH0201", address,
                       "thread cache %zu says that it is %" PRIu32
                       " in state %" PRIu32,
                       i, cache->id, cache->state);
        free(cache->bins);
        return false;
    }
    if (cache->state == MH_VIEW_CACHE_FREE) {
        cache->thread = 0;
    }
    // Which heap: its address now, its number once heaps are read.
    uint64_t heap = mh_reader_get(reader, MH_F_cache_heap, bytes);
    for (size_t h = 0; h < view->nheaps; h++) {
        if (view->heaps[h].address == heap) {
            cache->heap = view->heaps[h].id;
        }
    }
    read_bins(reader, cache, bytes);
    read_page_cache(reader, cache, bytes);
    read_page_runs(reader, cache, bytes);
    view->ncaches++;
    return true;
}

static void read_table(struct mh_reader *reader, uint64_t table, size_t count) {
    struct mh_view *view = reader->view;
    size_t width = reader->root.is.pointer_bytes;
    char *pointers = mh_reader_alloc(reader, count, width);
    char *bytes = mh_reader_alloc(reader, head_bytes(reader), 1);

    view->caches = mh_reader_alloc(reader, count, sizeof(*view->caches));
    if (pointers != NULL && bytes != NULL && view->caches != NULL &&
        count != 0) {
        if (!mh_source_read(&reader->source, table, pointers, count * width)) {
            mh_reader_unread(reader, "the table of thread caches", table);
            count = 0;
        }
        for (size_t i = 0; i < count; i++) {
            uint64_t address =
                mh_decode(pointers + i * width, width, reader->root.big_endian);
            if (address != 0) {
                (void)read_cache(reader, address, i, bytes);
            }
        }
    }
    free(pointers);
    free(bytes);
}

void mh_reader_caches(struct mh_reader *reader) {
    const struct mh_schema *schema = &reader->root.schema;
    unsigned char head[256];
    size_t size = mh_schema_size(schema, MH_S_caches);

    if (size > sizeof(head) ||
        !mh_source_read(&reader->source, reader->root.is.caches, head, size)) {
        mh_reader_unread(reader, "the registry of thread caches",
                         reader->root.is.caches);
        return;
    }
    uint64_t count = mh_reader_get(reader, MH_F_caches_count, head);
    if (count > MH_VIEW_MAX_CACHES) {
        mh_reader_find(reader, "MH0401", reader->root.is.caches,
                       "%" PRIu64 " thread caches", count);
        reader->view->partial = true;
        count = MH_VIEW_MAX_CACHES;
    }
    read_table(reader, mh_reader_get(reader, MH_F_caches_table, head),
               (size_t)count);
}
