// override_exit.c - the last look of the hardened mode.
//
// Writes beyond objects that are never freed, and to freed ones whose slot
// nobody took again, are found here or not at all.

#include "core/heap/hard_alloc.h"

// After the program's own exit handlers, which may still free.
__attribute__((destructor)) static void look_once_more(void) {
    mh_hard_check_thread();
}
