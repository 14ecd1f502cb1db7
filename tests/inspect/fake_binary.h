// fake_binary.h - the file of the program that runs the made-up heap.
//
// An ELF file mapped below everything else: header, one loaded segment, one
// segment of notes, in the byte order and word size of the heap. The note leads
// to the heap's root.

#ifndef MHEAP_TESTS_INSPECT_FAKE_BINARY_H
#define MHEAP_TESTS_INSPECT_FAKE_BINARY_H

#include "tests/inspect/fake_heap.h"

// The file is mapped below everything else; it wants to be at 0x1000.
#define BINARY UINT64_C(0x00200000)
#define WANTED UINT64_C(0x00001000)

enum {
    BINARY_BYTES = 0x4000,
    NOTES = 0x800, // offset of the notes in the file
    OTHER_NOTE = 12 + 4 + 16,
    OUR_NOTE = 12 + 8 + 8,

    PE_HEADER = 0x80, // offset of the signature in a file of Windows
    PE_OPTIONAL = 0xf0,
    PE_SECTIONS = PE_HEADER + 24 + PE_OPTIONAL, // two; ours is the second
    PE_OURS = PE_SECTIONS + 40,

    MACHO_TEXT = 32, // offset of the first segment in a file of Darwin
    MACHO_DATA = MACHO_TEXT + 72 + 80, // the second, of two sections
    MACHO_OURS = MACHO_DATA + 72 + 80, // of which ours is the second
    MACHO_END = MACHO_OURS + 80,
};

// fake_binary_add maps the file into a heap that fake_heap_make made, and
// fake_binary_add_pe and fake_binary_add_macho one of Windows and of Darwin,
// with a section at NOTES instead of a note.
void fake_binary_add(struct fake_heap *heap);
void fake_binary_add_pe(struct fake_heap *heap);
void fake_binary_add_macho(struct fake_heap *heap);

// fake_binary_put writes width bytes at offset of the file, in its byte order.
void fake_binary_put(struct fake_heap *heap, size_t offset, size_t width,
                     uint64_t value);

#endif // MHEAP_TESTS_INSPECT_FAKE_BINARY_H
