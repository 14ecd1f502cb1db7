// root_read.h - finding and reading the root record of a target.

#ifndef MHEAP_INSPECT_ROOT_READ_H
#define MHEAP_INSPECT_ROOT_READ_H

#include "inspect/schema.h"
#include "inspect/source.h"
#include "inspect/view.h"
#include "mheap/inspect.h"

// A root record in the numbers of this machine, and what it says of the others.
struct mh_root {
    uint64_t address;
    bool big_endian;
    struct mheap_inspect_root is;
    char version[32];
    struct mh_schema schema;
};

// mh_root_read copies and checks the root at address and its layout table. On
// failure reason says why: MH_VIEW_NONE when there is no root, MH_VIEW_NEWER
// for another major (only magic, byte order and versions are filled then),
// MH_VIEW_CORRUPT when it makes no sense.
enum mh_view_status mh_root_read(struct mh_source *source, uint64_t address,
                                 struct mh_root *root, char *reason,
                                 size_t size);

// One place where a root may be.
struct mh_root_place {
    uint64_t address;
    size_t map; // in source->maps
    bool by_note;
};

// mh_root_places looks through the files that the target has mapped, for the
// note and, in files without one, for the dynamic symbol. It returns how many
// it found, at most max.
size_t mh_root_places(struct mh_source *source, struct mh_root_place *places,
                      size_t max);

#endif // MHEAP_INSPECT_ROOT_READ_H
