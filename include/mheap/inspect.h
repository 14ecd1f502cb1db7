// inspect.h - how a process shows its heap to a reader outside.
//
// The library keeps one root record. A reader finds it through an ELF note
// (owner "mheap", type 1; see docs/inspection.md) or the dynamic symbol
// mheap_inspect_root, copies it, and learns from its layout table where every
// field of every structure lies: offset, width and stride. No reader needs
// debug information, the same word size, or the same byte order.
//
// This header is for readers written in C that want the names as constants. The
// structures themselves are the library's own and are not declared here: read
// them through the table.

#ifndef MHEAP_INSPECT_H
#define MHEAP_INSPECT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// "mheap\0R1" as it stands in memory.
#define MHEAP_INSPECT_MAGIC "mheap\0R1"

// A reader understands every minor of its major. Fields and structures are only
// ever added within a major; meanings never change.
#define MHEAP_INSPECT_MAJOR 1
#define MHEAP_INSPECT_MINOR 1

// Written as a number; a reader that sees it reversed reads the other way
// round.
#define MHEAP_INSPECT_BYTE_ORDER 0x01020304u

// Note: owner name "mheap", this type; the descriptor is one signed 64-bit
// distance in bytes from its own first byte to the root record.
#define MHEAP_INSPECT_NOTE_NAME "mheap"
#define MHEAP_INSPECT_NOTE_TYPE 1

// The longest "structure.field" in the table, with its end.
#define MHEAP_INSPECT_NAME_SIZE 32

// One row of the layout table. A row "arena.page_word" with count > 1 is an
// array inside the structure; element i lies at offset + i * stride. A row
// "span" without a dot gives the size of the structure itself as width.
struct mheap_inspect_field {
    char name[MHEAP_INSPECT_NAME_SIZE];
    uint32_t offset; // bytes from the start of the structure
    uint32_t width;  // bytes of one element
    uint32_t count;  // elements
    uint32_t stride; // bytes from one element to the next
};

// The root record. Its own layout is fixed for the major; every number is in
// the byte order of the target, every pointer an address in the target, widened
// to 64 bits.
struct mheap_inspect_root {
    char magic[8];
    uint32_t byte_order; // MHEAP_INSPECT_BYTE_ORDER
    uint16_t major, minor;
    uint32_t pointer_bytes;
    uint32_t root_bytes; // of this record, so that a minor may add fields
    uint64_t layout;     // struct mheap_inspect_field[layout_count]
    uint64_t layout_count;
    uint64_t version;     // the library's version, a string of at most 31 bytes
    uint32_t page_shift;  // heap page, bytes = 1 << page_shift
    uint32_t arena_shift; // arena, bytes = 1 << arena_shift
    uint32_t granule_shift; // bytes one live or remote bit stands for
    uint32_t pair_bytes;    // bytes of heap one pair of words stands for
    uint32_t chunk_pages;   // heap pages of one page allocator chunk
    uint32_t nclasses;      // size classes, class 0 (large) included
    uint64_t classes;       // array of "class" structures
    uint64_t arenas;        // the "arenas" structure
    uint64_t heaps;         // the "heaps" structure
    uint64_t caches;        // the "caches" structure: the registry
    uint64_t records;       // the "persistent" structure of small records
    uint64_t books;         // array of "account" structures, one per purpose
    uint64_t npurposes;
    uint64_t arena_map;  // the "arena_map" structure
    uint64_t process_id; // as the process sees itself; changes after fork
    uint64_t summary;    // struct mheap_summary kept for heapctl run, or 0
    uint64_t window;     // the "window" structure
    uint64_t limits;     // the "limits" structure; from minor 1 on
};

// What a process leaves in the memory file it inherits from `heapctl run`. The
// writer is the process that first opened it; its children leave it alone.
#define MHEAP_SUMMARY_MAGIC "mheap\0S1"
struct mheap_summary {
    char magic[8];       // written by heapctl
    uint32_t bytes;      // of this record, written by heapctl
    uint32_t final;      // 1: written at exit, complete
    uint64_t process_id; // who writes, 0: nobody yet
    uint64_t in_use_bytes;
    uint64_t in_use_objects;
    uint64_t peak_mapped_bytes;
    uint64_t ready_bytes;
    uint64_t prepared_bytes;
    uint64_t reserved_bytes;
    uint64_t large_objects;
    uint64_t large_bytes;
    uint64_t spans;
    uint64_t cached_bytes;
    uint64_t metadata_bytes;
    uint64_t bad_frees;
    uint64_t os_calls;
    uint64_t os_failures;
};

#ifdef __cplusplus
}
#endif

#endif // MHEAP_INSPECT_H
