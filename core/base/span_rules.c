// span_rules.c - the invariants of a span, as questions about plain numbers.

#include "core/base/span_rules.h"

#include "core/base/bits.h"

// No large object reaches further; keeps sums of addresses from wrapping.
#define MAX_SPAN_BYTES (UINT64_C(1) << 56)

static bool lies_in_arena(const struct mh_span_shape *shape) {
    uint64_t offset = shape->base - shape->arena_base;
    uint64_t limit =
        shape->size_class == 0 ? MAX_SPAN_BYTES : shape->arena_bytes - offset;

    if (shape->base < shape->arena_base || offset >= shape->arena_bytes ||
        shape->base % shape->page_bytes != 0 || shape->npages == 0 ||
        shape->npages > limit / shape->page_bytes) {
        return false;
    }
    return shape->npages * shape->page_bytes <= UINT64_MAX - shape->base;
}

int mh_span_rule_shape(const struct mh_span_shape *shape) {
    if (!lies_in_arena(shape)) {
        return 1;
    }
    uint64_t bytes = shape->npages * shape->page_bytes;
    if (shape->size_class == 0) {
        if (shape->large_start >= shape->page_bytes ||
            shape->large_size > bytes - shape->large_start) {
            return 2;
        }
        return shape->slot_size == 0 && shape->nslots == 1 ? 0 : 3;
    }
    if (shape->nslots == 0 || shape->slot_size == 0 ||
        shape->slot_size > bytes / shape->nslots) {
        return 2;
    }
    if (shape->size_class >= shape->nclasses ||
        shape->slot_size != shape->class_size ||
        shape->nslots != shape->class_nslots ||
        shape->nslots > shape->max_slots ||
        shape->slot_size % shape->granule != 0 || shape->large_size != 0 ||
        shape->large_start != 0) {
        return 3;
    }
    return 0;
}

int mh_span_rule_free(const uint64_t *free, size_t nwords, uint64_t nslots,
                      uint64_t nfree) {
    uint64_t count = 0;

    for (size_t i = 0; i < nwords; i++) {
        uint64_t before = (uint64_t)i * 64;
        uint64_t left = nslots > before ? nslots - before : 0;
        unsigned here = left < 64 ? (unsigned)left : 64;
        if ((free[i] & ~mh_low_bits(here)) != 0) {
            return 4;
        }
        count += mh_popcount64(free[i]);
    }
    return nfree == UINT64_MAX || nfree == count ? 0 : 4;
}

int mh_span_rule_granules(const struct mh_span_bits *bits) {
    size_t per_slot = bits->slot_size / bits->granule;

    for (size_t word = 0; word * 64 < bits->ngranules; word++) {
        uint64_t either = bits->live[word] | bits->remote[word];
        for (; either != 0; either &= either - 1) {
            size_t granule = word * 64 + mh_ctz64(either);
            if (granule % per_slot != 0 || granule / per_slot >= bits->nslots) {
                return 6;
            }
        }
    }
    return 0;
}

int mh_span_rule_slots(const struct mh_span_bits *bits) {
    size_t per_slot = bits->slot_size / bits->granule;

    for (size_t word = 0; word * 64 < bits->nslots; word++) {
        for (uint64_t left = bits->free[word]; left != 0; left &= left - 1) {
            size_t slot = word * 64 + mh_ctz64(left);
            size_t granule = slot * per_slot;
            uint64_t either =
                bits->live[granule / 64] | bits->remote[granule / 64];
            if (slot < bits->nslots && (either >> (granule % 64) & 1) != 0) {
                return 5;
            }
        }
    }
    return 0;
}

int mh_span_rule_list(bool listed, bool central, bool owned, uint64_t nfree) {
    if (listed && nfree == 0) {
        return 8;
    }
    return central && owned ? 8 : 0;
}
