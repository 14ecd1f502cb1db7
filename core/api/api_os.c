// api_os.c - the OS layer as programs see it.
//
// Arguments that core/sys would stop the program for are a status here: a
// library's own mistakes and its user's deserve different answers. The figures
// of a region are changed by atomic operations, because threads may work on
// different parts of it at once.

#include "core/base/atomic.h"
#include "core/base/bits.h"
#include "core/sys/sys.h"
#include "mheap/os.h"

static enum mheap_os_status translate(enum mh_status status) {
    switch (status) {
    case MH_OK:
        return MHEAP_OS_OK;
    case MH_NO_MEMORY:
        return MHEAP_OS_NO_MEMORY;
    case MH_REFUSED:
        break;
    }
    return MHEAP_OS_REFUSED;
}

struct mheap_os_facts mheap_os_facts(void) {
    const struct mh_os_facts *facts = mh_sys_facts();

    return (struct mheap_os_facts){
        .page_size = facts->page_size,
        .reserve_align = facts->reserve_align,
        .huge_page_size = facts->huge_page_size,
        .address_bits = facts->address_bits,
        .unused_zeroes = facts->unused_zeroes,
        .commit_charged = facts->commit_charged,
    };
}

// round_up makes size a multiple of granule; false, size untouched, when it is
// too large for that.
static bool round_up(size_t *size, size_t granule) {
    size_t rounded = mh_align_up(*size, granule);

    if (rounded < *size) {
        return false;
    }
    *size = rounded;
    return true;
}

enum mheap_os_status mheap_os_alloc(size_t size,
                                    struct mheap_region *region_out) {
    if (size == 0) {
        return MHEAP_OS_INVALID;
    }
    if (!round_up(&size, mh_sys_facts()->page_size)) {
        return MHEAP_OS_NO_MEMORY;
    }
    void *base = mh_sys_alloc(size, MH_FOR_OTHER);
    if (base == NULL) {
        return MHEAP_OS_NO_MEMORY;
    }
    *region_out =
        (struct mheap_region){.base = base, .size = size, .ready = size};
    return MHEAP_OS_OK;
}

// reserve_at tries the hint, which the system may not honour, and falls back on
// any aligned place. What came back unaligned goes back; when even that is
// refused there is nothing to hand out.
static void *reserve_at(void *hint, size_t size, size_t align) {
    void *base = mh_sys_reserve(hint, size, MH_FOR_OTHER);
    struct mh_split was = {.reserved = size};

    if (base == NULL || ((uintptr_t)base & (align - 1)) == 0) {
        return base;
    }
    if (mh_sys_free(base, size, was, MH_FOR_OTHER) != MH_OK) {
        return NULL;
    }
    return mh_sys_reserve_aligned(size, align, MH_FOR_OTHER);
}

enum mheap_os_status mheap_os_reserve(void *hint, size_t size, size_t align,
                                      struct mheap_region *region_out) {
    size_t granule = mh_sys_facts()->reserve_align;

    if (align == 0 || (align < granule && mh_is_pow2(align))) {
        align = granule; // every region is as aligned as that
    }
    if (size == 0 || !mh_is_pow2(align) ||
        ((uintptr_t)hint & (granule - 1)) != 0) {
        return MHEAP_OS_INVALID;
    }
    if (!round_up(&size, granule) ||
        (uintptr_t)hint + (size - 1) < (uintptr_t)hint) {
        return MHEAP_OS_NO_MEMORY;
    }
    void *base = hint == NULL
                     ? mh_sys_reserve_aligned(size, align, MH_FOR_OTHER)
                     : reserve_at(hint, size, align);
    if (base == NULL) {
        return MHEAP_OS_NO_MEMORY;
    }
    *region_out =
        (struct mheap_region){.base = base, .size = size, .reserved = size};
    return MHEAP_OS_OK;
}

// is_part: [offset, offset + size) are whole pages of the region, and as far as
// its figures can tell it may hold `was`.
static bool is_part(struct mheap_region *region, size_t offset, size_t size,
                    struct mh_split was) {
    size_t in_page = mh_sys_facts()->page_size - 1;

    return region->base != NULL && size != 0 && offset <= region->size &&
           size <= region->size - offset &&
           ((offset | size | was.prepared) & in_page) == 0 &&
           was.prepared <= size &&
           was.reserved <= MH_LOAD_RELAXED(&region->reserved) &&
           was.prepared <= MH_LOAD_RELAXED(&region->prepared) &&
           was.ready <= MH_LOAD_RELAXED(&region->ready);
}

// account books that a split of the region has become all of one state.
// Relaxed: the figures order nothing, and no update may be lost.
static enum mheap_os_status account(struct mheap_region *region,
                                    struct mh_split was, size_t *became,
                                    enum mh_status status) {
    if (status == MH_OK) {
        MH_SUB_RELAXED(&region->reserved, was.reserved);
        MH_SUB_RELAXED(&region->prepared, was.prepared);
        MH_SUB_RELAXED(&region->ready, was.ready);
        MH_ADD_RELAXED(became, was.reserved + was.prepared + was.ready);
    }
    return translate(status);
}

static void *at(const struct mheap_region *region, size_t offset) {
    return (char *)region->base + offset;
}

enum mheap_os_status mheap_os_map(struct mheap_region *region, size_t offset,
                                  size_t size) {
    struct mh_split was = {.reserved = size};

    if (!is_part(region, offset, size, was)) {
        return MHEAP_OS_INVALID;
    }
    return account(region, was, &region->prepared,
                   mh_sys_map(at(region, offset), size, MH_FOR_OTHER));
}

enum mheap_os_status mheap_os_used(struct mheap_region *region, size_t offset,
                                   size_t size, size_t prepared) {
    struct mh_split was = {.prepared = prepared, .ready = size - prepared};

    if (!is_part(region, offset, size, was)) {
        return MHEAP_OS_INVALID;
    }
    return account(
        region, was, &region->ready,
        mh_sys_used(at(region, offset), size, prepared, MH_FOR_OTHER));
}

enum mheap_os_status mheap_os_unused(struct mheap_region *region, size_t offset,
                                     size_t size) {
    struct mh_split was = {.ready = size};

    if (!is_part(region, offset, size, was)) {
        return MHEAP_OS_INVALID;
    }
    return account(region, was, &region->prepared,
                   mh_sys_unused(at(region, offset), size, MH_FOR_OTHER));
}

enum mheap_os_status mheap_os_fault(struct mheap_region *region, size_t offset,
                                    size_t size, size_t prepared) {
    struct mh_split was = {.prepared = prepared, .ready = size - prepared};

    if (!is_part(region, offset, size, was)) {
        return MHEAP_OS_INVALID;
    }
    return account(region, was, &region->reserved,
                   mh_sys_fault(at(region, offset), size, was, MH_FOR_OTHER));
}

enum mheap_os_status mheap_os_free(struct mheap_region *region) {
    struct mh_split was = {region->reserved, region->prepared, region->ready};

    if (!is_part(region, 0, region->size, was) ||
        was.reserved + was.prepared + was.ready != region->size) {
        return MHEAP_OS_INVALID;
    }
    enum mh_status status =
        mh_sys_free(region->base, region->size, was, MH_FOR_OTHER);
    if (status == MH_OK) {
        *region = (struct mheap_region){.base = NULL};
    }
    return translate(status);
}

const char *mheap_os_status_text(enum mheap_os_status status) {
    switch (status) {
    case MHEAP_OS_OK:
        return "ok";
    case MHEAP_OS_NO_MEMORY:
        return "out of memory or address space";
    case MHEAP_OS_REFUSED:
        return "refused by the system";
    case MHEAP_OS_INVALID:
        return "invalid argument";
    }
    return "unknown status";
}
