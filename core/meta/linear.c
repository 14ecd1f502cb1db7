// linear.c - one reserved region, handed out from its start.

#include "core/meta/linear.h"

#include <stdbool.h>

#include "core/base/assert.h"
#include "core/base/bits.h"

enum mh_status mh_linear_init(struct mh_linear *l, size_t reserve_bytes,
                              enum mh_purpose purpose) {
    MH_CHECK(reserve_bytes != 0);
    *l = (struct mh_linear){.purpose = purpose};

    size_t grain = mh_sys_facts()->reserve_align;
    if (reserve_bytes > SIZE_MAX - grain) {
        return MH_NO_MEMORY;
    }
    size_t size = mh_align_up(reserve_bytes, grain);
    void *base = mh_sys_reserve(NULL, size, purpose);
    if (base == NULL) {
        return MH_NO_MEMORY;
    }
    l->base = l->next = l->ready = l->mapped = (uintptr_t)base;
    l->limit = l->base + size;
    return MH_OK;
}

// make_ready extends the usable pages to cover [base, end). Mapping and using
// fail separately, and each step that worked is kept.
static bool make_ready(struct mh_linear *l, uintptr_t end) {
    end = mh_align_up(end, mh_sys_facts()->page_size);
    if (end > l->mapped) {
        size_t size = end - l->mapped;
        if (mh_sys_map((void *)l->mapped, size, l->purpose) != MH_OK) {
            return false;
        }
        l->mapped = end;
    }
    if (end > l->ready) {
        size_t size = end - l->ready;
        if (mh_sys_used((void *)l->ready, size, size, l->purpose) != MH_OK) {
            return false;
        }
        l->ready = end;
    }
    return true;
}

void *mh_linear_alloc(struct mh_linear *l, size_t size, size_t align) {
    MH_CHECK(size != 0 && mh_is_pow2(align));
    uintptr_t base = mh_align_up(l->next, align);
    bool wrapped = base < l->next;
    if (wrapped || base > l->limit || l->limit - base < size) {
        return NULL;
    }
    if (!make_ready(l, base + size)) {
        return NULL;
    }
    l->next = base + size;
    return (void *)base;
}

enum mh_status mh_linear_deinit(struct mh_linear *l) {
    if (l->base == 0) {
        return MH_OK;
    }
    struct mh_split was = {
        .reserved = l->limit - l->mapped,
        .prepared = l->mapped - l->ready,
        .ready = l->ready - l->base,
    };
    enum mh_status status =
        mh_sys_free((void *)l->base, l->limit - l->base, was, l->purpose);
    if (status == MH_OK) {
        *l = (struct mh_linear){.purpose = l->purpose};
    }
    return status;
}
