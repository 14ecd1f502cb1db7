// fake_heap.h - a small heap with one of everything, in any byte order.
//
// Its structures are laid out like nobody's: only the layout table tells a
// reader where a field is. The sizes are small, so that a test can look at
// every byte of it.

#ifndef MHEAP_TESTS_INSPECT_FAKE_HEAP_H
#define MHEAP_TESTS_INSPECT_FAKE_HEAP_H

#include "tests/inspect/fake_target.h"

// Where things are in the target.
#define FAKE_ROOT      UINT64_C(0x00400000)
#define FAKE_HEAP      UINT64_C(0x10000000) // one arena of 1 MiB
#define FAKE_META      UINT64_C(0x20000000)
#define FAKE_WINDOW    UINT64_C(0x30000000) // page words, pairs, room for more
#define FAKE_BYTES     UINT64_C(0x00100000)
#define FAKE_HEAP_PAGE UINT64_C(8192)

enum {
    FAKE_PAGES = 128, // of the arena
    FAKE_CHUNK_PAGES = 64,
    FAKE_RECORDS = 16, // span records of the arena
    FAKE_CLASSES = 3,  // large, 64 bytes, 3008 bytes
};

// What the heap holds (in pages of 8 KiB):
//   0       span 0, 64 B slots, of cache 1: 0 to 9 used, 10 pending,
//           11 to 15 cached, 16 to 127 free
//   1-3     span 1, 3008 B slots, of nobody: 0 to 2 used, 3 to 7 free
//   4-8     span 2, a large object of 33000 bytes
//   9-10    span 4, manual; record 3 is dead
//   11-12   taken, by nobody that can be seen
//   13-19   kept by cache 1; 15 to 19 released
//   20-39   free
//   40-95   released; the second chunk begins at 64
//   96-127  room
// Pages 0 to 12 and 13, 14, 20 to 29 are resident, others absent.
struct fake_heap {
    struct mh_target target;
    bool big_endian;
    unsigned pointer_bytes;
};

// fake_heap_make builds it; fake_heap_free undoes that.
void fake_heap_make(struct fake_heap *heap, bool big_endian,
                    unsigned pointer_bytes);
void fake_heap_free(struct fake_heap *heap);

// fake_heap_put and fake_heap_get write and read element i of a field, named as
// in the layout table, of the structure at address.
void fake_heap_put(struct fake_heap *heap, uint64_t address, const char *field,
                   size_t i, uint64_t value);
uint64_t fake_heap_get(struct fake_heap *heap, uint64_t address,
                       const char *field, size_t i);

// fake_heap_put_map writes a field of the arena map.
void fake_heap_put_map(struct fake_heap *heap, const char *field,
                       uint64_t value);

// fake_heap_put_pointer writes pointer i of a table.
void fake_heap_put_pointer(struct fake_heap *heap, uint64_t table, size_t i,
                           uint64_t value);

// Addresses of structures.
uint64_t fake_heap_arena(const struct fake_heap *heap);
uint64_t fake_heap_span(const struct fake_heap *heap, size_t record);
uint64_t fake_heap_page_word(const struct fake_heap *heap, size_t page);
uint64_t fake_heap_pair(const struct fake_heap *heap, uint64_t address);
uint64_t fake_heap_cache(const struct fake_heap *heap, size_t id);
uint64_t fake_heap_record(const struct fake_heap *heap); // of the one heap
uint64_t fake_heap_row(const struct fake_heap *heap, const char *name);
uint64_t fake_heap_list(const struct fake_heap *heap, const char *name);

// fake_heap_root_put writes width bytes at offset of the root record.
void fake_heap_root_put(struct fake_heap *heap, size_t offset, size_t width,
                        uint64_t value);

#endif // MHEAP_TESTS_INSPECT_FAKE_HEAP_H
