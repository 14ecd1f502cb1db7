// note_darwin.c - the section that leads a reader to the root record.
//
// The counterpart of the ELF note: a section of its own, found by its name in
// the load commands of the program or library, which strip keeps. Mach-O has no
// distance between two objects' symbols, so it holds an address, which is right
// once dyld has put the image in its place: in memory, and not in the file.

#include <stdint.h>

#include "platform/os_info.h"

extern const char mheap_inspect_root[];

struct note {
    char name[8];
    uint32_t version;
    uint32_t zero;
    const void *root;
};

// `used` keeps the compiler's and the linker's hands off.
__attribute__((
    used,
    section("__DATA,__mheap,regular,no_dead_strip"))) static const struct note
    note = {"mheap", 1, 0, mheap_inspect_root};

// Nothing is left to do at run time; but a static library's object is linked
// only when something calls it.
void mh_os_publish(const void *root) {
    (void)root;
}
