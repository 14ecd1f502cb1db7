// size_class.h - which slot size serves a request, and how its spans are cut.
//
// The table is generated and proved by scripts/gen_size_classes.py; why the
// spans are sized so is in docs/size-classes.md. Everything here is a pure
// function of constants: any thread, any time.
//
// Class 0 is not a class: it marks large objects. Class 1, 8 bytes, exists only
// for the managed heap. Every other slot size is a multiple of 16, and every
// power of two from 8 to MH_SMALL_MAX is a slot size.

#ifndef MHEAP_CORE_HEAP_SIZE_CLASS_H
#define MHEAP_CORE_HEAP_SIZE_CLASS_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/assert.h"
#include "core/base/attr.h"
#include "core/base/params.h"
#include "core/heap/size_class_table.h"

// The largest size that has a class.
#define MH_SMALL_MAX 32768

// The largest alignment that a class can serve.
#define MH_SMALL_ALIGN_MAX MH_PAGE_SIZE

struct mh_class_info {
    uint32_t size;        // bytes in a slot
    uint32_t npages;      // heap pages in a span
    uint32_t nslots;      // slots in a span
    uint32_t magic;       // see mh_class_slot
    uint16_t cache_slots; // most slots in a thread's cache
    uint16_t batch;       // most slots that one refill takes
    uint16_t first_slots; // slots in a thread's cache, at first
};

// By class; [0] is all zero.
extern const struct mh_class_info mh_classes[MH_NCLASSES];

// The span class (class * 2) of a size up to MH_CLASS_STEP_LIMIT, byte by byte:
// a table of steps would be smaller, and two instructions more in every malloc.
// Above, the class by steps of 128.
#define MH_NBY_128 ((MH_SMALL_MAX - MH_CLASS_STEP_LIMIT) / 128 + 1)
extern const uint8_t mh_span_class_by_size[MH_CLASS_STEP_LIMIT + 1];
extern const uint8_t mh_class_by_128[MH_NBY_128];

// mh_size_class is the class that malloc serves size from; size is at most
// MH_SMALL_MAX. Sizes 0 to 16 are served from slots of 16 bytes.
static MH_ALWAYS_INLINE unsigned mh_size_class(size_t size) {
    MH_ASSERT(size <= MH_SMALL_MAX);
    if (MH_LIKELY(size <= MH_CLASS_STEP_LIMIT)) {
        return mh_span_class_by_size[size] >> 1;
    }
    return mh_class_by_128[(size - MH_CLASS_STEP_LIMIT + 127) / 128];
}

// mh_class_size is the slot size of a class, 0 for class 0.
static MH_ALWAYS_INLINE size_t mh_class_size(unsigned class_index) {
    return mh_classes[class_index].size;
}

// mh_class_slot is the number of the slot that holds the byte at offset in a
// span of the class: offset / size, by multiplication. Offsets in the span's
// tail give nslots. Exact for every offset inside the span, for class 1 and up.
static MH_ALWAYS_INLINE uint32_t mh_class_slot(const struct mh_class_info *info,
                                               uint32_t offset) {
    return (uint32_t)(((uint64_t)offset * info->magic) >> 32);
}

// mh_size_class_aligned is the smallest class whose slots hold size bytes and
// start at multiples of align, a power of two. 0 when no class serves: size is
// over MH_SMALL_MAX, or align over MH_SMALL_ALIGN_MAX.
unsigned mh_size_class_aligned(size_t size, size_t align);

// mh_good_size is what malloc(size) really sets aside: a slot, or whole heap
// pages. SIZE_MAX for sizes over PTRDIFF_MAX, which nothing can serve.
size_t mh_good_size(size_t size);

#endif // MHEAP_CORE_HEAP_SIZE_CLASS_H
