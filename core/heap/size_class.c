// size_class.c - the tables of size classes and the rarer questions to them.

#include "core/heap/size_class.h"

#include "core/base/bits.h"

const struct mh_class_info mh_classes[MH_NCLASSES] = {MH_CLASS_ROWS};

const uint8_t mh_span_class_by_size[MH_CLASS_STEP_LIMIT + 1] = {
    MH_SPAN_CLASS_BY_SIZE};
const uint8_t mh_class_by_128[MH_NBY_128] = {MH_CLASS_BY_128};

MH_STATIC_ASSERT(MH_NCLASSES <= 128, "class * 2 + noscan fits a byte");

// Span bases are multiples of the heap page, so a slot is aligned to whatever
// divides both its size and the page.
unsigned mh_size_class_aligned(size_t size, size_t align) {
    MH_ASSERT(mh_is_pow2(align));
    if (size > MH_SMALL_MAX || align > MH_SMALL_ALIGN_MAX) {
        return 0;
    }
    // A slot that serves align is never smaller than it: start there, so that
    // the search is a few steps.
    unsigned index = mh_size_class(size < align ? align : size);
    while ((mh_class_size(index) & (align - 1)) != 0) {
        index++;
    }
    return index;
}

size_t mh_good_size(size_t size) {
    if (size <= MH_SMALL_MAX) {
        return mh_class_size(mh_size_class(size));
    }
    if (size > PTRDIFF_MAX || (size - 1) >> MH_PAGE_SHIFT >= UINT32_MAX) {
        return SIZE_MAX;
    }
    return mh_align_up(size, MH_PAGE_SIZE);
}
