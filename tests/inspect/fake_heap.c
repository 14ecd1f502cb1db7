// fake_heap.c - a small heap with one of everything, in any byte order.

#include "tests/inspect/fake_heap.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mheap/inspect.h"
#include "tests/inspect/fake_layout.h"

static void put(struct fake_heap *heap, uint64_t address, size_t width,
                uint64_t value) {
    for (size_t i = 0; i < width; i++) {
        size_t at = heap->big_endian ? width - 1 - i : i;
        *fake_target_at(&heap->target, address + at) =
            (unsigned char)(value >> (8 * i));
    }
}

void fake_heap_put(struct fake_heap *heap, uint64_t address, const char *field,
                   size_t i, uint64_t value) {
    struct fake_layout *l = fake_layout_of(heap->pointer_bytes);
    size_t spec = fake_spec_of(field);

    put(heap, address + l->offset[spec] + i * l->width[spec], l->width[spec],
        value);
}

uint64_t fake_heap_get(struct fake_heap *heap, uint64_t address,
                       const char *field, size_t i) {
    struct fake_layout *l = fake_layout_of(heap->pointer_bytes);
    size_t spec = fake_spec_of(field), width = l->width[spec];
    uint64_t at = address + l->offset[spec] + i * width;
    uint64_t value = 0;

    for (size_t byte = 0; byte < width; byte++) {
        size_t from = heap->big_endian ? byte : width - 1 - byte;
        value = value << 8 | *fake_target_at(&heap->target, at + from);
    }
    return value;
}

void fake_heap_put_pointer(struct fake_heap *heap, uint64_t table, size_t i,
                           uint64_t value) {
    put(heap, table + i * heap->pointer_bytes, heap->pointer_bytes, value);
}

static uint64_t field_address(const struct fake_heap *heap, uint64_t address,
                              const char *field, size_t i) {
    const struct fake_layout *l = fake_layout_of(heap->pointer_bytes);
    size_t spec = fake_spec_of(field);

    return address + l->offset[spec] + i * l->width[spec];
}

// ---- where the pieces lie ---------------------------------------------------

enum piece {
    ROOT = 0,
    CLASSES = 0x400,
    BOOKS = 0x500,
    ARENAS = 0x700,
    HEAPS = 0x780,
    CACHES = 0x880,
    MAP = 0x900,
    RECORDS = 0x980,
    WINDOW = 0x9c0,
    LIMITS = 0xb00,
    ROWS = 0x1000, // up to 0x4000
    STATIC_BYTES = 0x4000,

    ARENA = 0,       // in FAKE_META; its own pages
    TABLES = 0x8000, // pointers: arenas, caches
    HEAP = 0x8100,
    BLOCKS = 0x8300,
    CHUNKS = 0x8400,
    PIECES = 0x8500,    // two records of lists
    MAP_TABLE = 0x9000, // a page
    CACHE = 0xa000,     // and the next page
    META_BYTES = 0xc000,

    PAGE_WORDS = 0, // in FAKE_WINDOW; a page in use and one that is not
    PAIRS = 0x2000, // six pages and two
    WINDOW_BYTES = 0xa000,
};

uint64_t fake_heap_arena(const struct fake_heap *heap) {
    (void)heap;
    return FAKE_META + ARENA;
}

uint64_t fake_heap_span(const struct fake_heap *heap, size_t record) {
    return field_address(heap, FAKE_META + ARENA, "arena.spans", record);
}

uint64_t fake_heap_pair(const struct fake_heap *heap, uint64_t address) {
    uint64_t size =
        *fake_struct_size(fake_layout_of(heap->pointer_bytes), "pair");

    return FAKE_WINDOW + PAIRS + (address - FAKE_HEAP) / 1024 * size;
}

uint64_t fake_heap_page_word(const struct fake_heap *heap, size_t page) {
    uint64_t size =
        *fake_struct_size(fake_layout_of(heap->pointer_bytes), "page_word");

    return FAKE_WINDOW + PAGE_WORDS + page * size;
}

uint64_t fake_heap_cache(const struct fake_heap *heap, size_t id) {
    (void)heap;
    (void)id;
    return FAKE_META + CACHE;
}

uint64_t fake_heap_record(const struct fake_heap *heap) {
    (void)heap;
    return FAKE_META + HEAP;
}

uint64_t fake_heap_list(const struct fake_heap *heap, const char *name) {
    if (strcmp(name, "arenas") == 0) {
        return FAKE_ROOT + ARENAS;
    }
    if (strcmp(name, "heaps") == 0) {
        return FAKE_ROOT + HEAPS;
    }
    if (strcmp(name, "chunks") == 0) {
        return FAKE_META + CHUNKS;
    }
    if (strcmp(name, "blocks") == 0) {
        return FAKE_META + BLOCKS;
    }
    if (strcmp(name, "window") == 0) {
        return FAKE_ROOT + WINDOW;
    }
    if (strcmp(name, "window.pairs") == 0) {
        return field_address(heap, FAKE_ROOT + WINDOW, name, 0);
    }
    return FAKE_ROOT + CACHES;
}

uint64_t fake_heap_row(const struct fake_heap *heap, const char *name) {
    size_t length = sizeof(struct mheap_inspect_field);

    for (uint64_t at = FAKE_ROOT + ROWS;; at += length) {
        const char *text =
            (const char *)fake_target_at((struct mh_target *)&heap->target, at);
        if (strncmp(text, name, MHEAP_INSPECT_NAME_SIZE) == 0) {
            return at;
        }
        if (*text == '\0') {
            abort();
        }
    }
}

// ---- filling it -------------------------------------------------------------

static void put_row(struct fake_heap *heap, size_t i, const char *name,
                    const unsigned numbers[4]) {
    uint64_t at = FAKE_ROOT + ROWS + i * sizeof(struct mheap_inspect_field);

    snprintf((char *)fake_target_at(&heap->target, at), MHEAP_INSPECT_NAME_SIZE,
             "%s", name);
    for (size_t n = 0; n < 4; n++) {
        put(heap, at + MHEAP_INSPECT_NAME_SIZE + 4 * n, 4, numbers[n]);
    }
}

static size_t put_rows(struct fake_heap *heap) {
    struct fake_layout *l = fake_layout_of(heap->pointer_bytes);
    size_t n = 0;

    // Rows nobody knows come first.
    put_row(heap, n++, "zebra", (const unsigned[4]){0, 9, 1, 9});
    put_row(heap, n++, "zebra.stripes", (const unsigned[4]){99, 7, 5, 3});
    for (size_t i = 0; i < fake_nspecs; i++) {
        unsigned numbers[4] = {l->offset[i], l->width[i], fake_specs[i].count,
                               l->width[i]};
        put_row(heap, n++, fake_specs[i].name, numbers);
    }
    for (size_t i = 0; i < l->nstructs; i++) {
        unsigned size = l->structs[i].size;
        put_row(heap, n++, l->structs[i].name,
                (const unsigned[4]){0, size, 1, size});
    }
    return n;
}

void fake_heap_root_put(struct fake_heap *heap, size_t offset, size_t width,
                        uint64_t value) {
    put(heap, FAKE_ROOT + offset, width, value);
}

#define PUT_ROOT(heap, field, value)                                    \
    put((heap), FAKE_ROOT + offsetof(struct mheap_inspect_root, field), \
        sizeof(((struct mheap_inspect_root *)NULL)->field), (value))

static void put_root(struct fake_heap *heap, size_t nrows) {
    memcpy(fake_target_at(&heap->target, FAKE_ROOT), MHEAP_INSPECT_MAGIC, 8);
    PUT_ROOT(heap, byte_order, MHEAP_INSPECT_BYTE_ORDER);
    PUT_ROOT(heap, major, MHEAP_INSPECT_MAJOR);
    PUT_ROOT(heap, minor, 7);
    PUT_ROOT(heap, pointer_bytes, heap->pointer_bytes);
    PUT_ROOT(heap, root_bytes, sizeof(struct mheap_inspect_root) + 64);
    PUT_ROOT(heap, layout, FAKE_ROOT + ROWS);
    PUT_ROOT(heap, layout_count, nrows);
    PUT_ROOT(heap, page_shift, 13);
    PUT_ROOT(heap, arena_shift, 20);
    PUT_ROOT(heap, granule_shift, 4);
    PUT_ROOT(heap, pair_bytes, 1024);
    PUT_ROOT(heap, chunk_pages, FAKE_CHUNK_PAGES);
    PUT_ROOT(heap, nclasses, FAKE_CLASSES);
    PUT_ROOT(heap, classes, FAKE_ROOT + CLASSES);
    PUT_ROOT(heap, arenas, FAKE_ROOT + ARENAS);
    PUT_ROOT(heap, heaps, FAKE_ROOT + HEAPS);
    PUT_ROOT(heap, caches, FAKE_ROOT + CACHES);
    PUT_ROOT(heap, records, FAKE_ROOT + RECORDS);
    PUT_ROOT(heap, books, FAKE_ROOT + BOOKS);
    PUT_ROOT(heap, npurposes, 2);
    PUT_ROOT(heap, arena_map, FAKE_ROOT + MAP);
    PUT_ROOT(heap, process_id, 4242);
    PUT_ROOT(heap, window, FAKE_ROOT + WINDOW);
    PUT_ROOT(heap, limits, FAKE_ROOT + LIMITS);
}

static void put_limits(struct fake_heap *heap) {
    uint64_t at = FAKE_ROOT + LIMITS;

    fake_heap_put(heap, at, "limits.soft", 0, 0x500000);
    fake_heap_put(heap, at, "limits.hard", 0, 0x600000);
    fake_heap_put(heap, at, "limits.counted", 0, 0x123000);
    fake_heap_put(heap, at, "limits.refusals", 0, 17);
}

static void put_class(struct fake_heap *heap, size_t i, unsigned size,
                      unsigned npages, unsigned nslots) {
    struct fake_layout *l = fake_layout_of(heap->pointer_bytes);
    uint64_t at = FAKE_ROOT + CLASSES + i * *fake_struct_size(l, "class");

    fake_heap_put(heap, at, "class.size", 0, size);
    fake_heap_put(heap, at, "class.npages", 0, npages);
    fake_heap_put(heap, at, "class.nslots", 0, nslots);
    fake_heap_put(heap, at, "class.cache_slots", 0, i == 0 ? 0 : 8);
}

static void put_book(struct fake_heap *heap, size_t i, uint64_t reserved,
                     uint64_t prepared, uint64_t ready) {
    struct fake_layout *l = fake_layout_of(heap->pointer_bytes);
    uint64_t at = FAKE_ROOT + BOOKS + i * *fake_struct_size(l, "account");

    fake_heap_put(heap, at, "account.reserved", 0, reserved);
    fake_heap_put(heap, at, "account.prepared", 0, prepared);
    fake_heap_put(heap, at, "account.ready", 0, ready);
}

static void put_span(struct fake_heap *heap, unsigned record, unsigned page,
                     unsigned npages, unsigned class, unsigned owner) {
    static const unsigned sizes[] = {0, 64, 3008}, slots[] = {1, 128, 8};
    uint64_t at = fake_heap_span(heap, record);

    fake_heap_put(heap, at, "span.base", 0,
                  FAKE_HEAP + (uint64_t)page * FAKE_HEAP_PAGE);
    fake_heap_put(heap, at, "span.npages", 0, npages);
    fake_heap_put(heap, at, "span.size_class", 0, class);
    fake_heap_put(heap, at, "span.slot_size", 0, sizes[class]);
    fake_heap_put(heap, at, "span.nslots", 0, slots[class]);
    fake_heap_put(heap, at, "span.birth", 0, record);
    fake_heap_put(heap, at, "span.state", 0, 1);
    fake_heap_put(heap, at, "span.owner_told", 0, (uint64_t)owner << 1);
    for (unsigned i = 0; i < (class == 0 ? 1 : npages); i++) {
        fake_heap_put(heap, fake_heap_page_word(heap, page + i),
                      "page_word.word", 0,
                      (uint64_t)owner << 8 | (uint64_t) class << 1);
        fake_heap_put(heap, FAKE_META + ARENA, "arena.span_index", page + i,
                      record);
    }
    fake_heap_put(heap, FAKE_META + ARENA, "arena.seq", page, 2);
}

static void set_bit(struct fake_heap *heap, uint64_t address,
                    const char *field) {
    uint64_t pair = fake_heap_pair(heap, address);
    uint64_t bit = UINT64_C(1) << (address / 16 % 64);

    fake_heap_put(heap, pair, field, 0,
                  fake_heap_get(heap, pair, field, 0) | bit);
}

static void put_spans(struct fake_heap *heap) {
    uint64_t base = FAKE_HEAP;

    put_span(heap, 0, 0, 1, 1, 1);
    for (unsigned slot = 0; slot <= 10; slot++) {
        set_bit(heap, base + slot * UINT64_C(64), "pair.live");
    }
    set_bit(heap, base + 10 * 64, "pair.remote");
    fake_heap_put(heap, fake_heap_span(heap, 0), "span.free", 0, 0xffff0000);
    for (size_t word = 1; word < 4; word++) {
        fake_heap_put(heap, fake_heap_span(heap, 0), "span.free", word,
                      0xffffffff);
    }
    put_span(heap, 1, 1, 3, 2, 0);
    fake_heap_put(heap, fake_heap_span(heap, 1), "span.list", 0, 2);
    fake_heap_put(heap, fake_heap_span(heap, 1), "span.free", 0, 0xf8);
    for (unsigned slot = 0; slot < 3; slot++) {
        set_bit(heap, base + FAKE_HEAP_PAGE + slot * UINT64_C(3008),
                "pair.live");
    }
    put_span(heap, 2, 4, 5, 0, 0xffffff);
    fake_heap_put(heap, fake_heap_span(heap, 2), "span.large_size", 0, 33000);
    set_bit(heap, base + UINT64_C(4) * FAKE_HEAP_PAGE, "pair.live");
    put_span(heap, 4, 9, 2, 0, 0xfffffe);
    fake_heap_put(heap, fake_heap_span(heap, 4), "span.state", 0, 2);
    fake_heap_put(heap, fake_heap_span(heap, 4), "span.nslots", 0, 0);
}

static void put_arena(struct fake_heap *heap) {
    uint64_t at = FAKE_META + ARENA;

    fake_heap_put(heap, at, "arena.base", 0, FAKE_HEAP);
    fake_heap_put(heap, at, "arena.bytes", 0, FAKE_BYTES);
    fake_heap_put(heap, at, "arena.spans_made", 0, 5);
    fake_heap_put(
        heap, at, "arena.record_bytes", 0,
        *fake_struct_size(fake_layout_of(heap->pointer_bytes), "arena"));
    fake_heap_put(heap, at, "arena.page_words", 0, FAKE_WINDOW + PAGE_WORDS);
    fake_heap_put(heap, at, "arena.pairs", 0, FAKE_WINDOW + PAIRS);
    put(heap, FAKE_META + TABLES, heap->pointer_bytes, at);
    fake_heap_put(heap, FAKE_ROOT + ARENAS, "arenas.count", 0, 1);
    fake_heap_put(heap, FAKE_ROOT + ARENAS, "arenas.table", 0,
                  FAKE_META + TABLES);
}

static void put_window(struct fake_heap *heap) {
    uint64_t at = FAKE_ROOT + WINDOW;
    uint64_t words = field_address(heap, at, "window.page_words", 0);
    uint64_t pairs = field_address(heap, at, "window.pairs", 0);

    fake_heap_put(heap, at, "window.base", 0, FAKE_WINDOW);
    fake_heap_put(heap, at, "window.bytes", 0, WINDOW_BYTES);
    fake_heap_put(heap, words, "window_array.base", 0,
                  FAKE_WINDOW + PAGE_WORDS);
    fake_heap_put(heap, words, "window_array.ready", 0, 0x1000);
    fake_heap_put(heap, pairs, "window_array.base", 0, FAKE_WINDOW + PAIRS);
    fake_heap_put(heap, pairs, "window_array.ready", 0, 0x6000);
}

static void put_cache(struct fake_heap *heap) {
    uint64_t at = FAKE_META + CACHE;
    uint64_t places = FAKE_META + CACHE + 0x400;
    uint64_t word = heap->pointer_bytes;
    uint64_t place =
        *fake_struct_size(fake_layout_of(heap->pointer_bytes), "place");

    fake_heap_put(heap, at, "cache.id", 0, 1);
    fake_heap_put(heap, at, "cache.state", 0, 1);
    fake_heap_put(heap, at, "cache.thread", 0, 4243);
    fake_heap_put(heap, at, "cache.heap", 0, FAKE_META + HEAP);
    // Class 1 has five slots, the others none.
    for (size_t i = 0; i < FAKE_CLASSES; i++) {
        uint64_t bottom = places + 10 * i * place;
        put(heap, field_address(heap, at, "cache.bottoms", i), (size_t)word,
            bottom);
        put(heap, field_address(heap, at, "cache.bins", i), (size_t)word,
            bottom + (i == 1 ? 5 * place : 0));
        fake_heap_put(heap, field_address(heap, at, "cache.counts", i),
                      "bin_count.taken", 0, 100 * i);
    }
    uint64_t pages = field_address(heap, at, "cache.pages", 0);
    fake_heap_put(heap, pages, "page_cache.base", 0, FAKE_HEAP);
    fake_heap_put(heap, pages, "page_cache.free", 0, 0xfe000);
    fake_heap_put(heap, pages, "page_cache.released", 0, 0xf8000);
    put(heap, field_address(heap, at, "cache.runs", 0), 8,
        FAKE_HEAP + 11 * FAKE_HEAP_PAGE + 1);
    put(heap, FAKE_META + TABLES + 0x80 + word, (size_t)word, at);
    fake_heap_put(heap, FAKE_ROOT + CACHES, "caches.count", 0, 2);
    fake_heap_put(heap, FAKE_ROOT + CACHES, "caches.table", 0,
                  FAKE_META + TABLES + 0x80);
}

static void put_chunks(struct fake_heap *heap) {
    struct fake_layout *l = fake_layout_of(heap->pointer_bytes);
    uint64_t first = FAKE_META + CHUNKS;
    uint64_t second = first + *fake_struct_size(l, "palloc_chunk");
    uint64_t block =
        field_address(heap, FAKE_META + BLOCKS, "palloc_table.blocks", 0);

    fake_heap_put(heap, first, "palloc_chunk.base", 0, FAKE_HEAP);
    fake_heap_put(heap, first, "palloc_chunk.ours", 0, UINT64_MAX);
    fake_heap_put(heap, first, "palloc_chunk.alloc", 0, 0xfffff); // 0-19
    fake_heap_put(heap, first, "palloc_chunk.released", 0,
                  UINT64_MAX << 40); // 40-63
    fake_heap_put(heap, second, "palloc_chunk.base", 0,
                  FAKE_HEAP + FAKE_BYTES / 2);
    fake_heap_put(heap, second, "palloc_chunk.ours", 0, 0xffffffff); // 64-95
    fake_heap_put(heap, second, "palloc_chunk.alloc", 0, UINT64_MAX << 32);
    fake_heap_put(heap, second, "palloc_chunk.released", 0, 0xffffffff);
    fake_heap_put(heap, FAKE_META + BLOCKS, "palloc_table.nblocks", 0, 1);
    fake_heap_put(heap, block, "palloc_block.chunks", 0, first);
    fake_heap_put(heap, block, "palloc_block.nchunks", 0, 2);
}

static void put_heap(struct fake_heap *heap) {
    uint64_t at = FAKE_META + HEAP;
    uint64_t pages = field_address(heap, at, "heap.pages", 0);
    uint64_t room = field_address(heap, at, "heap.room", 0);
    uint64_t counts = field_address(heap, at, "heap.counts", 0);
    uint64_t name = field_address(heap, at, "heap.name", 0);

    fake_heap_put(heap, at, "heap.state", 0, 1);
    memcpy(fake_target_at(&heap->target, name), "default", 8);
    fake_heap_put(heap, pages, "palloc.table", 0, FAKE_META + BLOCKS);
    fake_heap_put(heap, pages, "palloc.total_pages", 0, 96);
    fake_heap_put(heap, room, "room.next", 0,
                  FAKE_HEAP + UINT64_C(96) * FAKE_HEAP_PAGE);
    fake_heap_put(heap, room, "room.end", 0, FAKE_HEAP + FAKE_BYTES);
    fake_heap_put(heap, counts, "heap_counts.large_allocs", 0, 1);
    fake_heap_put(heap, counts, "heap_counts.run_allocs", 0, 2);
    fake_heap_put(heap, FAKE_ROOT + HEAPS, "heaps.count", 0, 1);
    fake_heap_put(heap, FAKE_ROOT + HEAPS, "heaps.table", 0, at);
    put_chunks(heap);
}

static void put_lock(struct fake_heap *heap, uint64_t at, uint64_t taken) {
    fake_heap_put(heap, at, "lock.taken", 0, taken);
    fake_heap_put(heap, at, "lock.contended", 0, 1);
}

// Each taken another number of times, and contended once.
static void put_locks(struct fake_heap *heap) {
    uint64_t at = FAKE_META + HEAP;

    put_lock(heap, field_address(heap, at, "heap.lock", 0), 1000);
    put_lock(heap, field_address(heap, at, "heap.side_lock", 0), 200);
    for (size_t i = 0; i < FAKE_CLASSES; i++) {
        uint64_t central = field_address(heap, at, "heap.central", i);
        put_lock(heap, field_address(heap, central, "central.lock", 0), 30 + i);
    }
    put_lock(heap, field_address(heap, FAKE_META + ARENA, "arena.lock", 0), 4);
    put_lock(heap, field_address(heap, FAKE_ROOT + ARENAS, "arenas.lock", 0),
             5);
    put_lock(heap, field_address(heap, FAKE_ROOT + CACHES, "caches.lock", 0),
             6);
}

// Lists of metadata: the page of tables as records, the cache as caches.
static void put_lists(struct fake_heap *heap) {
    struct fake_layout *l = fake_layout_of(heap->pointer_bytes);
    uint64_t records = FAKE_META + PIECES;
    uint64_t caches = records + *fake_struct_size(l, "persistent_chunk");
    uint64_t of_caches =
        field_address(heap, FAKE_ROOT + HEAPS, "heaps.caches", 0);

    fake_heap_put(heap, records, "persistent_chunk.base", 0,
                  FAKE_META + TABLES);
    fake_heap_put(heap, records, "persistent_chunk.size", 0, 0x1000);
    fake_heap_put(heap, caches, "persistent_chunk.base", 0, FAKE_META + CACHE);
    fake_heap_put(heap, caches, "persistent_chunk.size", 0, 0x2000);
    fake_heap_put(heap, FAKE_ROOT + RECORDS, "persistent.chunks", 0, records);
    fake_heap_put(heap, of_caches, "persistent.chunks", 0, caches);
    fake_heap_put(heap, FAKE_ROOT + MAP, "arena_map.count", 0, 64);
    fake_heap_put(heap, FAKE_ROOT + MAP, "arena_map.table", 0,
                  FAKE_META + MAP_TABLE);
    fake_heap_put(heap, FAKE_ROOT + MAP, "arena_map.parts", 0, 1);
    fake_heap_put(heap, FAKE_ROOT + MAP, "arena_map.part_shift", 0, 31);
}

void fake_heap_put_map(struct fake_heap *heap, const char *field,
                       uint64_t value) {
    fake_heap_put(heap, FAKE_ROOT + MAP, field, 0, value);
}

void fake_heap_make(struct fake_heap *heap, bool big_endian,
                    unsigned pointer_bytes) {
    memset(heap, 0, sizeof(*heap));
    heap->big_endian = big_endian;
    heap->pointer_bytes = pointer_bytes;
    fake_target_map(&heap->target, FAKE_ROOT, STATIC_BYTES);
    fake_target_map(&heap->target, FAKE_HEAP, FAKE_BYTES);
    fake_target_map(&heap->target, FAKE_META, META_BYTES);
    fake_target_map(&heap->target, FAKE_WINDOW, WINDOW_BYTES);
    put_root(heap, put_rows(heap));
    put_class(heap, 0, 0, 0, 0);
    put_class(heap, 1, 64, 1, 128);
    put_class(heap, 2, 3008, 3, 8);
    put_arena(heap);
    put_window(heap);
    put_limits(heap);
    put_spans(heap);
    put_cache(heap);
    put_heap(heap);
    put_locks(heap);
    put_lists(heap);
    put_book(heap, 0, UINT64_C(32) * FAKE_HEAP_PAGE,
             UINT64_C(61) * FAKE_HEAP_PAGE, UINT64_C(35) * FAKE_HEAP_PAGE);
    put_book(heap, 1, UINT64_C(0x3000), 0, UINT64_C(0xc000));

    fake_target_set_pages(&heap->target, FAKE_HEAP, FAKE_BYTES,
                          MH_TARGET_PAGE_ABSENT);
    fake_target_set_pages(&heap->target, FAKE_HEAP, 15 * FAKE_HEAP_PAGE,
                          MH_TARGET_PAGE_RESIDENT);
    fake_target_set_pages(&heap->target,
                          FAKE_HEAP + UINT64_C(20) * FAKE_HEAP_PAGE,
                          10 * FAKE_HEAP_PAGE, MH_TARGET_PAGE_RESIDENT);
    heap->target.resident = UINT64_C(30) << 20;
}

void fake_heap_free(struct fake_heap *heap) {
    fake_target_clear(&heap->target);
}
