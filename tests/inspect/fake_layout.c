// fake_layout.c - where the fields of the made-up heap's structures lie.

#include "tests/inspect/fake_layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "tests/inspect/fake_heap.h"

enum { POINTER = FAKE_POINTER, STRUCT = FAKE_STRUCT }; // short, for the table

// Fields in the order of their offsets. A width of STRUCT means the structure
// named by `of`, which stands earlier in the list.
const struct fake_spec fake_specs[] = {
    {"lock.contended", 8, 1, NULL},
    {"lock.taken", 8, 1, NULL},
    {"pair.remote", 8, 1, NULL},
    {"pair.live", 8, 1, NULL},
    {"span.state", 1, 1, NULL},
    {"span.size_class", 2, 1, NULL},
    {"span.list", 1, 1, NULL},
    {"span.owner_told", 8, 1, NULL},
    {"span.npages", 4, 1, NULL},
    {"span.slot_size", 4, 1, NULL},
    {"span.base", 8, 1, NULL},
    {"span.nslots", 2, 1, NULL},
    {"span.heap", 4, 1, NULL},
    {"span.birth", 4, 1, NULL},
    {"span.large_size", 8, 1, NULL},
    {"span.start", 2, 1, NULL},
    {"span.free", 4, 8, NULL}, // 256 slots
    {"arenas.table", POINTER, 1, NULL},
    {"arenas.count", 8, 1, NULL},
    {"arenas.lock", STRUCT, 1, "lock"},
    {"arena.spans_made", 4, 1, NULL},
    {"arena.base", 8, 1, NULL},
    {"arena.bytes", 8, 1, NULL},
    {"arena.number", 4, 1, NULL},
    {"arena.lock", STRUCT, 1, "lock"},
    {"arena.pairs", POINTER, 1, NULL},
    {"arena.record_bytes", 8, 1, NULL},
    {"arena.page_words", POINTER, 1, NULL},
    {"page_word.word", 4, 1, NULL},
    {"arena.seq", 4, FAKE_PAGES, NULL},
    {"arena.span_index", 2, FAKE_PAGES, NULL},
    {"arena.spans", STRUCT, FAKE_RECORDS, "span"},
    {"bin.top", POINTER, 1, NULL},
    {"bin_count.taken", 8, 1, NULL},
    {"bin_count.given", 8, 1, NULL},
    {"page_cache.free", 8, 1, NULL},
    {"page_cache.base", POINTER, 1, NULL},
    {"page_cache.released", 8, 1, NULL},
    {"caches.count", 8, 1, NULL},
    {"caches.lock", STRUCT, 1, "lock"},
    {"caches.table", POINTER, 1, NULL},
    {"central.lock", STRUCT, 1, "lock"},
    {"cache.id", 4, 1, NULL},
    {"cache.state", 4, 1, NULL},
    {"cache.generation", 4, 1, NULL},
    {"cache.thread", 8, 1, NULL},
    {"cache.heap", POINTER, 1, NULL},
    {"cache.bins", STRUCT, FAKE_CLASSES, "bin"},
    {"cache.counts", STRUCT, FAKE_CLASSES, "bin_count"},
    {"cache.pages", STRUCT, 1, "page_cache"},
    {"cache.runs", 8, 3, NULL},
    {"cache.bottoms", POINTER, FAKE_CLASSES, NULL},
    {"place.slot", POINTER, 1, NULL},
    {"place.pair", POINTER, 1, NULL},
    {"palloc_block.nchunks", 8, 1, NULL},
    {"palloc_block.chunks", POINTER, 1, NULL},
    {"palloc_table.nblocks", 8, 1, NULL},
    {"palloc_table.blocks", STRUCT, 2, "palloc_block"},
    {"palloc_chunk.ours", 8, 1, NULL},
    {"palloc_chunk.alloc", 8, 1, NULL},
    {"palloc_chunk.released", 8, 1, NULL},
    {"palloc_chunk.base", 8, 1, NULL},
    {"palloc.table", POINTER, 1, NULL},
    {"palloc.total_pages", 8, 1, NULL},
    {"palloc.free_pages", 8, 1, NULL},
    {"palloc.released_pages", 8, 1, NULL},
    {"room.next", POINTER, 1, NULL},
    {"room.end", POINTER, 1, NULL},
    {"heap_counts.large_allocs", 8, 1, NULL},
    {"heap_counts.run_allocs", 8, 1, NULL},
    {"heap_counts.spans_made", 8, 1, NULL},
    {"heap.id", 4, 1, NULL},
    {"heap.state", 4, 1, NULL},
    {"heap.name", 32, 1, NULL},
    {"heap.pages", STRUCT, 1, "palloc"},
    {"heap.room", STRUCT, 1, "room"},
    {"heap.side_lock", STRUCT, 1, "lock"},
    {"heap.counts", STRUCT, 1, "heap_counts"},
    {"heap.central", STRUCT, FAKE_CLASSES, "central"},
    {"heap.lock", STRUCT, 1, "lock"},
    {"persistent.chunks", POINTER, 1, NULL},
    {"persistent_chunk.next", POINTER, 1, NULL},
    {"persistent_chunk.size", POINTER, 1, NULL},
    {"persistent_chunk.base", POINTER, 1, NULL},
    {"heaps.count", 4, 1, NULL},
    {"heaps.table", POINTER, 4, NULL},
    {"heaps.caches", STRUCT, 1, "persistent"},
    {"class.size", 4, 1, NULL},
    {"class.npages", 4, 1, NULL},
    {"class.nslots", 4, 1, NULL},
    {"class.cache_slots", 2, 1, NULL},
    {"account.reserved", 8, 1, NULL},
    {"account.prepared", 8, 1, NULL},
    {"account.ready", 8, 1, NULL},
    {"arena_map.count", POINTER, 1, NULL},
    {"arena_map.table", POINTER, 1, NULL},
    {"arena_map.parts", 8, 1, NULL},
    {"arena_map.part_shift", 4, 1, NULL},
    {"limits.refusals", 8, 1, NULL},
    {"limits.counted", 8, 1, NULL},
    {"limits.hard", 8, 1, NULL},
    {"limits.soft", 8, 1, NULL},
    {"window_array.ready", POINTER, 1, NULL},
    {"window_array.base", POINTER, 1, NULL},
    {"window.pairs", STRUCT, 1, "window_array"},
    {"window.bytes", POINTER, 1, NULL},
    {"window.base", POINTER, 1, NULL},
    {"window.page_words", STRUCT, 1, "window_array"},
};

const size_t fake_nspecs = sizeof(fake_specs) / sizeof(fake_specs[0]);

MH_STATIC_ASSERT(sizeof(fake_specs) / sizeof(fake_specs[0]) <= FAKE_MAX_SPECS,
                 "every field has a place in a layout");

// Of either pointer width, worked out once.
static struct fake_layout layouts[2];

static size_t struct_length(const char *name) {
    return strcspn(name, ".");
}

unsigned *fake_struct_size(struct fake_layout *l, const char *name) {
    size_t length = struct_length(name);

    for (size_t i = 0; i < l->nstructs; i++) {
        if (strlen(l->structs[i].name) == length &&
            strncmp(l->structs[i].name, name, length) == 0) {
            return &l->structs[i].size;
        }
    }
    snprintf(l->structs[l->nstructs].name, sizeof(l->structs[0].name), "%.*s",
             (int)length, name);
    return &l->structs[l->nstructs++].size;
}

// Three bytes of nothing behind every field: nothing is aligned as in C.
static void lay_out(struct fake_layout *l, unsigned pointer_bytes) {
    for (size_t i = 0; i < fake_nspecs; i++) {
        const struct fake_spec *spec = &fake_specs[i];
        unsigned *size = fake_struct_size(l, spec->name);
        l->width[i] = spec->width == POINTER ? pointer_bytes : spec->width;
        if (spec->width == STRUCT) {
            l->width[i] = *fake_struct_size(l, spec->of);
        }
        l->offset[i] = *size;
        *size += l->width[i] * spec->count + 3;
    }
}

size_t fake_spec_of(const char *field) {
    for (size_t i = 0; i < fake_nspecs; i++) {
        if (strcmp(fake_specs[i].name, field) == 0) {
            return i;
        }
    }
    fprintf(stderr, "no field %s\n", field);
    abort();
}

struct fake_layout *fake_layout_of(unsigned pointer_bytes) {
    struct fake_layout *l = &layouts[pointer_bytes == 8];

    if (l->nstructs == 0) {
        lay_out(l, pointer_bytes);
    }
    return l;
}
