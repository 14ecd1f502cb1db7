// inline.c - what the inline functions of the public header call.
//
// A class comes as the place of its bin (mh_bin_of), from a header that was
// generated with the tables of this library: another header's functions have
// other names.

#define MHEAP_NO_INLINE

#include "core/api/fast.h"
#include "core/api/sized.h"
#include "core/base/assert.h"
#include "mheap/classes.h"
#include "mheap/mheap.h"

MH_STATIC_ASSERT(MHEAP_SIZE_CLASS_MAX == MH_SMALL_MAX,
                 "the public header knows every class");

// Declared in inline.h, but only for programs.
MHEAP_API void *MHEAP_MALLOC_CLASS(size_t place);
MHEAP_API void MHEAP_FREE_CLASS(void *p, size_t place, size_t size);
MHEAP_API void *mheap_malloc_any(size_t size);
MHEAP_API void mheap_free_sized_any(void *p, size_t size);

void *MHEAP_MALLOC_CLASS(size_t place) {
    return mh_class_malloc(place);
}

void MHEAP_FREE_CLASS(void *p, size_t place, size_t size) {
    if (MH_UNLIKELY(!mh_class_free(p, place))) {
        mh_free_sized_slow(p, 1, size);
    }
}

void *mheap_malloc_any(size_t size) {
    return mh_fast_malloc(size);
}

void mheap_free_sized_any(void *p, size_t size) {
    mh_fast_free_sized(p, size);
}
