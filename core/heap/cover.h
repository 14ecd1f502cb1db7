// cover.h - the system pages that a run of heap pages touches.

#ifndef MHEAP_CORE_HEAP_COVER_H
#define MHEAP_CORE_HEAP_COVER_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/bits.h"
#include "core/base/params.h"
#include "core/sys/sys.h"

// In heap pages. A system page is Ready or Prepared as a whole: where it is
// larger than ours, what lies beside the run in the first and the last one goes
// with it.
struct mh_cover {
    uintptr_t base;        // of the first system page
    size_t npages;         // of all of them
    size_t before, behind; // of them, in front of the run and after it
};

static inline struct mh_cover mh_cover_of(uintptr_t base, size_t npages) {
    uintptr_t page = mh_sys_facts()->page_size;
    uintptr_t end = base + ((uintptr_t)npages << MH_PAGE_SHIFT);
    struct mh_cover cover = {base, npages, 0, 0};
    if (page > MH_PAGE_SIZE) {
        cover.base = mh_align_down(base, page);
        cover.before = (base - cover.base) >> MH_PAGE_SHIFT;
        cover.behind = (mh_align_up(end, page) - end) >> MH_PAGE_SHIFT;
        cover.npages = cover.before + npages + cover.behind;
    }
    return cover;
}

#endif // MHEAP_CORE_HEAP_COVER_H
