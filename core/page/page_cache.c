// page_cache.c - pages of one 64-page block, taken without the heap lock.

#include "core/page/page_cache.h"

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/page/palloc.h"

#define BLOCK_SIZE ((uintptr_t)MH_PAGE_CACHE_PAGES << MH_PAGE_SHIFT)

bool mh_page_cache_fill(struct mh_palloc *p, struct mh_page_cache *c) {
    uint64_t free, released;
    MH_CHECK(c->free == 0);

    uintptr_t base = mh_palloc_take_block(p, &free, &released);
    if (base == 0) {
        return false;
    }
    *c = (struct mh_page_cache){base, free, released};
    return true;
}

uintptr_t mh_page_cache_alloc(struct mh_page_cache *c, size_t npages,
                              size_t *released_out) {
    MH_CHECK(npages > 0 && npages <= MH_PAGE_CACHE_MAX_ALLOC);

    uint64_t starts = c->free;
    if (npages > 1) {
        starts = mh_palloc_bits_run_starts(starts, (unsigned)npages);
    }
    if (starts == 0) {
        return 0;
    }
    unsigned first = mh_ctz64(starts);
    uint64_t pages = mh_low_bits((unsigned)npages) << first;

    *released_out = mh_popcount64(c->released & pages);
    c->free &= ~pages;
    c->released &= ~pages;
    return c->base + ((uintptr_t)first << MH_PAGE_SHIFT);
}

bool mh_page_cache_free(struct mh_page_cache *c, uintptr_t base,
                        size_t npages) {
    uintptr_t offset = base - c->base; // huge when base lies below
    MH_CHECK(base % MH_PAGE_SIZE == 0);
    MH_CHECK(npages > 0);

    if (c->base == 0 || offset >= BLOCK_SIZE ||
        npages > (BLOCK_SIZE - offset) >> MH_PAGE_SHIFT) {
        return false;
    }
    uint64_t pages = mh_low_bits((unsigned)npages) << (offset >> MH_PAGE_SHIFT);
    MH_CHECK((c->free & pages) == 0);
    c->free |= pages;
    return true;
}

void mh_page_cache_flush(struct mh_palloc *p, struct mh_page_cache *c) {
    MH_ASSERT(mh_page_cache_check(c) == 0);

    if (c->free != 0) {
        mh_palloc_put_block(p, c->base, c->free, c->released);
    }
    *c = (struct mh_page_cache){0, 0, 0};
}

int mh_page_cache_check(const struct mh_page_cache *c) {
    if (c->base % BLOCK_SIZE != 0 || (c->base == 0 && c->free != 0)) {
        return 1;
    }
    return (c->released & ~c->free) == 0 ? 0 : 2;
}
