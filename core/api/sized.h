// sized.h - frees by those who know the size.

#ifndef MHEAP_CORE_API_SIZED_H
#define MHEAP_CORE_API_SIZED_H

#include <stdbool.h>
#include <stddef.h>

#include "core/api/fast.h"
#include "core/base/attr.h"

// mh_free_sized_slow frees what the fast path did not. A size and an alignment
// that the object at p cannot have been asked for with are a bad free.
void mh_free_sized_slow(void *p, size_t align, size_t size);

// mh_fast_free_sized is mh_fast_free for a size that is compared on the way.
static MH_ALWAYS_INLINE void mh_fast_free_sized(void *p, size_t size) {
    if (MH_UNLIKELY(!mh_size_free(p, size))) {
        mh_free_sized_slow(p, 1, size);
    }
}

// mh_object_fits is whether an object of `have` bytes may stay for one of
// `size`: not when more than half of it would be unused.
static inline bool mh_object_fits(size_t have, size_t size) {
    return size <= have && (size > have / 2 || have <= 32);
}

// mh_object_kept says that realloc left some object where it was although a
// new one of its size would be of another class, and mh_object_left_large that
// it did so although the object does not fit. Until then no size but one of the
// class is right.
void mh_object_kept(void);
void mh_object_left_large(void);

#endif // MHEAP_CORE_API_SIZED_H
