// fake_layout.h - where the fields of the made-up heap's structures lie.

#ifndef MHEAP_TESTS_INSPECT_FAKE_LAYOUT_H
#define MHEAP_TESTS_INSPECT_FAKE_LAYOUT_H

#include <stddef.h>

enum { FAKE_POINTER = 0, FAKE_STRUCT = 255 }; // widths

enum { FAKE_MAX_SPECS = 128, FAKE_MAX_STRUCTS = 32 };

// A field. A width of FAKE_STRUCT means the structure named by `of`, which
// stands earlier in the list.
struct fake_spec {
    const char *name;
    unsigned width, count;
    const char *of;
};

extern const struct fake_spec fake_specs[];
extern const size_t fake_nspecs;

// The layout of one pointer width.
struct fake_layout {
    unsigned offset[FAKE_MAX_SPECS], width[FAKE_MAX_SPECS]; // by field
    struct {
        char name[24];
        unsigned size;
    } structs[FAKE_MAX_STRUCTS];
    size_t nstructs;
};

struct fake_layout *fake_layout_of(unsigned pointer_bytes);

// fake_struct_size is the size of a structure; fake_spec_of the number of a
// field, by its whole name.
unsigned *fake_struct_size(struct fake_layout *l, const char *name);
size_t fake_spec_of(const char *field);

#endif // MHEAP_TESTS_INSPECT_FAKE_LAYOUT_H
