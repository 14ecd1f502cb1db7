// note_wasm.c - the export that leads a reader to the root record.
//
// The counterpart of the ELF note: whoever runs the module has all its memory
// before him, and finds the record by calling an export, which strip keeps.

#include "platform/os_info.h"

extern const char mheap_inspect_root[];

const void *mh_wasm_root(void);

__attribute__((export_name("mheap_inspect_root"))) const void *
mh_wasm_root(void) {
    return mheap_inspect_root;
}

// Nothing is left to do at run time; but a static library's object is linked
// only when something calls it.
void mh_os_publish(const void *root) {
    (void)root;
}
