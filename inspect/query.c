// query.c - asking a view what lies where.

#include <string.h>

#include "core/base/bits.h"
#include "inspect/view.h"

const char *mh_view_kind_name(unsigned kind) {
    static const char *const names[MH_NKINDS] = {
        [MH_KIND_SMALL] = "small",
        [MH_KIND_LARGE] = "large",
        [MH_KIND_MANUAL] = "manual",
        [MH_KIND_PAGE_CACHE] = "page cache",
        [MH_KIND_PAGE_CACHE_RELEASED] = "page cache, released",
        [MH_KIND_FREE] = "free",
        [MH_KIND_RELEASED] = "released",
        [MH_KIND_TAKEN] = "taken",
        [MH_KIND_ROOM] = "room",
        [MH_KIND_FOREIGN] = "foreign",
    };

    return kind < MH_NKINDS ? names[kind] : "unknown";
}

const char *mh_slot_state_name(enum mh_slot_state state) {
    static const char *const names[] = {
        [MH_SLOT_USED] = "used", [MH_SLOT_PENDING] = "pending",
        [MH_SLOT_FREE] = "free", [MH_SLOT_CACHED] = "cached",
        [MH_SLOT_TAIL] = "tail",
    };

    return (unsigned)state <= MH_SLOT_TAIL ? names[state] : "unknown";
}

enum mh_slot_state mh_view_slot_state(const struct mh_view *view,
                                      const struct mh_view_span *span,
                                      uint32_t slot) {
    size_t words = ((size_t)span->nslots + 63) / 64;
    const uint64_t *bits = view->bits + span->bits;
    unsigned low = bits[slot / 64] >> (slot % 64) & 1;
    unsigned high = bits[words + slot / 64] >> (slot % 64) & 1;

    return (enum mh_slot_state)(high << 1 | low);
}

uint32_t mh_view_next_used(const struct mh_view *view,
                           const struct mh_view_span *span, uint32_t from) {
    size_t words = ((size_t)span->nslots + 63) / 64;

    for (size_t word = from / 64; word < words; word++) {
        const uint64_t *bits = view->bits + span->bits + word;
        uint64_t used = ~(bits[0] | bits[words]);
        if (word == from / 64) {
            used &= ~mh_low_bits(from % 64);
        }
        if (used != 0) {
            // Bits behind the last slot are clear, which reads as used.
            uint32_t slot = (uint32_t)(word * 64) + mh_ctz64(used);
            return slot < span->nslots ? slot : span->nslots;
        }
    }
    return span->nslots;
}

uint64_t mh_view_object_size(const struct mh_view_span *span) {
    return span->size_class == 0 ? span->large_size : span->slot_size;
}

// The last of n records of the given size that begins at or before address, by
// its first field, a 64-bit base; NULL if none.
static const void *last_at(const void *records, size_t n, size_t size,
                           size_t base_offset, uint64_t address) {
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint64_t base;
        memcpy(&base, (const char *)records + middle * size + base_offset,
               sizeof(base));
        if (base <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? NULL : (const char *)records + (low - 1) * size;
}

#define LAST_AT(array, n, type, address) \
    last_at((array), (n), sizeof(type), offsetof(type, base), (address))

const struct mh_view_span *mh_view_span_at(const struct mh_view *view,
                                           uint64_t address) {
    const struct mh_view_span *span =
        LAST_AT(view->spans, view->nspans, struct mh_view_span, address);

    return span != NULL && address - span->base < span->bytes ? span : NULL;
}

const struct mh_view_run *mh_view_run_at(const struct mh_view *view,
                                         uint64_t address) {
    const struct mh_view_run *run =
        LAST_AT(view->runs, view->nruns, struct mh_view_run, address);

    return run != NULL && address - run->base < run->bytes ? run : NULL;
}

const struct mh_view_arena *mh_view_arena_at(const struct mh_view *view,
                                             uint64_t address) {
    const struct mh_view_arena *arena =
        LAST_AT(view->arenas, view->narenas, struct mh_view_arena, address);

    return arena != NULL && address - arena->base < arena->bytes ? arena : NULL;
}

static const struct mh_view_metadata *metadata_at(const struct mh_view *view,
                                                  uint64_t address) {
    const struct mh_view_metadata *metadata = LAST_AT(
        view->metadata, view->nmetadata, struct mh_view_metadata, address);

    return metadata != NULL && address - metadata->base < metadata->bytes
               ? metadata
               : NULL;
}

const struct mh_view_heap *mh_view_heap_by_id(const struct mh_view *view,
                                              uint32_t id) {
    for (size_t i = 0; i < view->nheaps; i++) {
        if (view->heaps[i].id == id) {
            return &view->heaps[i];
        }
    }
    return NULL;
}

const struct mh_view_cache *mh_view_cache_of(const struct mh_view *view,
                                             const struct mh_view_span *span) {
    return span->cache < view->ncaches ? &view->caches[span->cache] : NULL;
}

static void locate_slot(const struct mh_view *view, uint64_t address,
                        struct mh_view_place *place) {
    const struct mh_view_span *span = place->span;
    uint64_t offset = address - span->base - span->start;

    place->state = MH_SLOT_TAIL;
    if (span->nslots == 0) {
        return;
    }
    uint64_t slot = span->size_class == 0 ? 0 : offset / span->slot_size;
    if (slot >= span->nslots) {
        return;
    }
    uint64_t begin = slot * span->slot_size;
    uint64_t size = mh_view_object_size(span);
    if (span->size_class == 0 && offset >= size) {
        return; // in front of it, too
    }
    place->slot = (uint32_t)slot;
    place->state = mh_view_slot_state(view, span, place->slot);
    place->object = span->base + span->start + begin;
    place->object_bytes = size;
    place->offset = offset - begin;
}

void mh_view_locate(const struct mh_view *view, uint64_t address,
                    struct mh_view_place *place_out) {
    *place_out = (struct mh_view_place){
        .run = mh_view_run_at(view, address),
        .span = mh_view_span_at(view, address),
        .arena = mh_view_arena_at(view, address),
        .metadata = metadata_at(view, address),
        .state = MH_SLOT_TAIL,
    };
    if (place_out->span != NULL) {
        locate_slot(view, address, place_out);
    }
}
