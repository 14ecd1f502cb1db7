// sized.c - frees by those who know the size: is it the object's?
//
// When it is, the fast path has compared one word and nothing is left to do
// here. When it is not, the size may still be right: this decides.

// The names below are those of functions here, not of the inline ones.
#define MHEAP_NO_INLINE

#include "core/api/sized.h"

#include <errno.h>
#include <stdint.h>

#include "core/api/fast.h"
#include "core/api/slow.h"
#include "core/base/atomic.h"
#include "core/base/bits.h"
#include "core/heap/bad_free.h"
#include "core/heap/hard.h"
#include "core/heap/hard_alloc.h"
#include "core/heap/hard_zero.h"
#include "core/heap/heap.h"
#include "mheap/mheap.h"

// Whether an object was ever left with more room than its user asked for. (a)
static bool any_kept;
static bool any_left_large;

void mh_object_kept(void) {
    MH_STORE_RELAXED(&any_kept, true);
}

void mh_object_left_large(void) {
    MH_STORE_RELAXED(&any_left_large, true);
}

// Whether a heap ever served threads that have no cache.
static bool has_side_objects(uint32_t id) {
    struct mheap *heap = mh_heap_by_id(id);
    mh_lock(&heap->side_lock);
    bool has = heap->side != NULL;
    mh_unlock(&heap->side_lock);
    return has;
}

// Whether an object asked for with size and align, a power of two, could be the
// one at p.
static bool size_matches(const void *p, size_t align, size_t size) {
    struct mh_object object = mh_object_at(p);
    if (object.span == NULL) {
        // Has no bytes, or is a bad free of another kind: let free say which.
        return !mh_hard_zero_is_live((uintptr_t)p) ||
               mh_hard_size_matches(0, size);
    }
    unsigned size_class = mh_size_class_aligned(size, align);
    bool is_sealed = mh_hard_on && object.span->size_class != 0;
    if (MH_LOAD_RELAXED(&any_left_large) && !is_sealed &&
        size <= object.bytes) {
        return true;
    }
    if (mh_hard_on || object.span->guard == MH_GUARD_SAMPLED) {
        return mh_hard_size_matches(object.bytes, size);
    }
    if (object.span->size_class == 0) {
        return size_class == 0 &&
               mh_align_up(size + (size == 0), MH_PAGE_SIZE) == object.bytes;
    }
    if (size_class == object.span->size_class ||
        (MH_LOAD_RELAXED(&any_kept) && mh_object_fits(object.bytes, size))) {
        return true;
    }
    return size_class != 0 &&
           mh_side_class(size, align) == object.span->size_class &&
           has_side_objects(object.span->heap);
}

void mh_free_sized_slow(void *p, size_t align, size_t size) {
    int saved = errno;
    if (p != NULL && !size_matches(p, align, size)) {
        // To a report, SIZE_MAX is no size.
        mh_bad_free(p, "free_sized", size == SIZE_MAX ? size - 1 : size);
        errno = saved;
        return;
    }
    mh_fast_free(p, "free_sized");
}

// The alignment that an object had which was asked for with this one: memalign
// rounds up, and 0 is as good as none.
static size_t rounded(size_t align) {
    const size_t most = SIZE_MAX / 2 + 1;
    if (MH_LIKELY(mh_is_pow2(align)) || align > most) {
        return align > most ? most : align;
    }
    return align == 0 ? 1 : (size_t)1 << (mh_log2(align) + 1);
}

// As mh_size_free. The objects of large alignments are large.
static bool aligned_free(void *p, size_t align, size_t size) {
    unsigned size_class = mh_size_class_aligned(size, align);
    return size_class != 0 && mh_class_free(p, (size_t)size_class << 1);
}

void mheap_free_sized(void *p, size_t size) {
    mh_fast_free_sized(p, size);
}

void mheap_free_aligned_sized(void *p, size_t align, size_t size) {
    align = rounded(align);
    if (MH_UNLIKELY(!aligned_free(p, align, size))) {
        mh_free_sized_slow(p, align, size);
    }
}
