// note_aix.c - what leads a reader to the root record on AIX.
//
// XCOFF has no notes. The record is an exported symbol, and strip keeps what
// the loader section names ("XCOFF Object File Format" of IBM's "Files
// Reference").

#include "platform/os_info.h"

// Nothing is left to do at run time; but a static library's object is linked
// only when something calls it.
void mh_os_publish(const void *root) {
    (void)root;
}
