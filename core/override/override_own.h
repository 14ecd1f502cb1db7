// override_own.h - whose an object is, where two mallocs share a process.

#ifndef MHEAP_CORE_OVERRIDE_OVERRIDE_OWN_H
#define MHEAP_CORE_OVERRIDE_OVERRIDE_OWN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/page/arena_map.h"

// mh_override_owns: p lies where this heap has its arenas. Whether an object is
// there is not said.
static inline bool mh_override_owns(const void *p) {
    return mh_arena_of((uintptr_t)p & ~(uintptr_t)15) != NULL;
}

#endif // MHEAP_CORE_OVERRIDE_OVERRIDE_OWN_H
