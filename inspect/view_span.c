// view_span.c - decoding one span from a copy of its arena's metadata.

#include "inspect/view_span.h"

#include <string.h>

#include "core/base/bits.h"
#include "core/base/span_rules.h"

enum { CLASS_BITS = 8 }; // of a page word: owner << 8 | size class << 1

// The numbers S1 to S8 and what they mean, as findings put it.
static const struct {
    const char *fault, *code;
} faults[] = {
    {"S1: the span lies outside its arena or between pages", "MH0104"},
    {"S2: the slots are larger than the span", "MH0105"},
    {"S3: slot size and count are not those of its class", "MH0106"},
    {"S4: a slot behind the last one is free", "MH0107"},
    {"S6: an object begins inside a slot", "MH0108"},
    {"S7: the pages name another span", "MH0109"},
    {"the span record cannot be decoded", "MH0110"},
};

enum { FAULT_S1, FAULT_S2, FAULT_S3, FAULT_S4, FAULT_S6, FAULT_S7, FAULT_ROOM };

const char *mh_span_fault_code(const char *fault) {
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        if (strcmp(fault, faults[i].fault) == 0) {
            return faults[i].code;
        }
    }
    return "MH0110";
}

static const void *record_at(const struct mh_reader *reader,
                             const struct mh_arena_copy *copy, uint32_t i) {
    return mh_schema_at(&reader->root.schema, MH_F_arena_spans, copy->bytes, i);
}

static const char *check_shape(const struct mh_reader *reader,
                               const struct mh_arena_copy *copy,
                               const void *record) {
    const struct mh_view *view = reader->view;
    const struct mh_view_arena *arena = &view->arenas[copy->index];
    const struct mh_schema_row *free =
        &reader->root.schema.rows[MH_F_span_free];
    uint64_t size_class = mh_reader_get(reader, MH_F_span_size_class, record);
    const struct mh_view_class *class =
        size_class < view->nclasses ? &view->classes[size_class] : NULL;
    struct mh_span_shape shape = {
        .base = mh_reader_get(reader, MH_F_span_base, record),
        .npages = mh_reader_get(reader, MH_F_span_npages, record),
        .slot_size = mh_reader_get(reader, MH_F_span_slot_size, record),
        .nslots = mh_reader_get(reader, MH_F_span_nslots, record),
        .large_size = mh_reader_get(reader, MH_F_span_large_size, record),
        .large_start = mh_reader_get(reader, MH_F_span_start, record)
                       << view->granule_shift,
        .size_class = size_class,
        .nclasses = view->nclasses,
        .class_size = class != NULL ? class->slot_size : 0,
        .class_nslots = class != NULL ? class->nslots : 0,
        .max_slots = (uint64_t)free->count * free->width * 8,
        .granule = UINT64_C(1) << view->granule_shift,
        .page_bytes = UINT64_C(1) << view->page_shift,
        .arena_base = arena->base,
        .arena_bytes = arena->bytes,
    };
    if (mh_reader_get(reader, MH_F_span_state, record) == MH_VIEW_SPAN_MANUAL) {
        // Nothing but its pages is said of a manual span.
        shape.size_class = shape.slot_size = shape.large_size = 0;
        shape.large_start = 0;
        shape.nslots = 1;
    }
    int rule = mh_span_rule_shape(&shape);
    return rule == 0 ? NULL : faults[rule - 1].fault;
}

static uint64_t page_word(const struct mh_reader *reader,
                          const struct mh_arena_copy *copy, size_t page) {
    size_t size = mh_schema_size(&reader->root.schema, MH_S_page_word);

    return mh_reader_get(reader, MH_F_page_word_word,
                         copy->page_words + page * size);
}

static const char *check_pages(const struct mh_reader *reader,
                               const struct mh_arena_copy *copy,
                               struct mh_view_span *span) {
    const struct mh_schema *schema = &reader->root.schema;
    const struct mh_view_arena *arena = &reader->view->arenas[copy->index];
    unsigned shift = reader->view->page_shift;
    size_t first = (size_t)((span->base - arena->base) >> shift);
    size_t count = span->size_class == 0 ? 1 : (size_t)(span->bytes >> shift);
    uint64_t word = page_word(reader, copy, first);

    for (size_t i = first; i < first + count; i++) {
        if (page_word(reader, copy, i) != word ||
            mh_schema_get_at(schema, MH_F_arena_span_index, copy->bytes, i) !=
                span->record) {
            return faults[FAULT_S7].fault;
        }
    }
    if (word == 0 ||
        (word & mh_low_bits(CLASS_BITS)) >> 1 != span->size_class) {
        return faults[FAULT_S7].fault;
    }
    span->owner = (uint32_t)(word >> CLASS_BITS);
    return NULL;
}

// Copies the object bits of a span into words of this machine.
static size_t load_bits(const struct mh_reader *reader,
                        struct mh_arena_copy *copy,
                        const struct mh_view_span *span) {
    const struct mh_schema *schema = &reader->root.schema;
    const struct mh_view *view = reader->view;
    uint64_t offset = span->base - view->arenas[copy->index].base;
    size_t first = (size_t)(offset / view->pair_bytes);
    size_t npairs = (size_t)(span->bytes / view->pair_bytes);
    size_t stride = mh_schema_size(schema, MH_S_pair);
    const char *pairs = copy->pairs + first * stride;
    struct mh_schema_row live = schema->rows[MH_F_pair_live];
    struct mh_schema_row remote = schema->rows[MH_F_pair_remote];

    if (span->size_class == 0) {
        npairs = (size_t)(span->start / view->pair_bytes) + 1;
    }
    live.stride = remote.stride = (uint32_t)stride;
    mh_reader_words(reader, pairs + live.offset, npairs, &live, copy->live);
    mh_reader_words(reader, pairs + remote.offset, npairs, &remote,
                    copy->remote);
    return npairs * (view->pair_bytes >> view->granule_shift);
}

// The first that applies: used, pending, free, cached. The three bits of a slot
// are copied at different moments; whatever they say together, the slot counts
// once.
static enum mh_slot_state state_of(const struct mh_arena_copy *copy,
                                   uint32_t slot, uint64_t granule) {
    uint64_t bit = UINT64_C(1) << (granule % 64);
    bool live = (copy->live[granule / 64] & bit) != 0;
    bool remote = (copy->remote[granule / 64] & bit) != 0;

    if (live && !remote) {
        return MH_SLOT_USED;
    }
    if (remote) {
        return MH_SLOT_PENDING;
    }
    return (copy->free[slot / 64] >> (slot % 64) & 1) != 0 ? MH_SLOT_FREE
                                                           : MH_SLOT_CACHED;
}

// Two bits per slot, in two rows of words behind each other.
static bool add_slots(struct mh_reader *reader,
                      const struct mh_arena_copy *copy,
                      struct mh_view_span *span) {
    struct mh_view *view = reader->view;
    uint64_t first = span->start >> view->granule_shift;
    uint64_t per_slot = span->slot_size >> view->granule_shift;
    size_t words = ((size_t)span->nslots + 63) / 64;
    uint32_t counts[MH_SLOT_TAIL] = {0};

    if (!mh_reader_grow(reader, &view->bits, &reader->bits,
                        view->nbits + 2 * words, sizeof(*view->bits))) {
        return false;
    }
    uint64_t *bits = view->bits + view->nbits;
    memset(bits, 0, 2 * words * sizeof(*bits));
    for (uint32_t slot = 0; slot < span->nslots; slot++) {
        enum mh_slot_state state =
            state_of(copy, slot, first + slot * per_slot);
        counts[state]++;
        bits[slot / 64] |= (uint64_t)(state & 1) << (slot % 64);
        bits[words + slot / 64] |= (uint64_t)(state >> 1) << (slot % 64);
    }
    span->bits = view->nbits;
    view->nbits += 2 * words;
    span->used = counts[MH_SLOT_USED];
    span->pending = counts[MH_SLOT_PENDING];
    span->free = counts[MH_SLOT_FREE];
    span->cached = counts[MH_SLOT_CACHED];
    return true;
}

static const char *decode_slots(struct mh_reader *reader,
                                struct mh_arena_copy *copy, const void *record,
                                struct mh_view_span *span) {
    const struct mh_schema *schema = &reader->root.schema;
    const struct mh_schema_row *free = &schema->rows[MH_F_span_free];
    struct mh_span_bits bits = {
        .live = copy->live,
        .remote = copy->remote,
        .free = copy->free,
        .ngranules = load_bits(reader, copy, span),
        .slot_size = span->slot_size,
        .granule = UINT32_C(1) << reader->view->granule_shift,
        .nslots = span->nslots,
    };

    mh_reader_words(reader, mh_schema_at(schema, MH_F_span_free, record, 0),
                    free->count, free, copy->free);
    if (span->size_class == 0) {
        // A large object has no free bits: it is there or about to go.
        copy->free[0] = 1;
    } else {
        size_t nwords = ((size_t)free->count * free->width + 7) / 8;
        if (mh_span_rule_free(copy->free, nwords, span->nslots, UINT64_MAX) !=
            0) {
            return faults[FAULT_S4].fault;
        }
        if (mh_span_rule_granules(&bits) != 0) {
            return faults[FAULT_S6].fault;
        }
    }
    return add_slots(reader, copy, span) ? NULL : faults[FAULT_ROOM].fault;
}

const char *mh_span_decode(struct mh_reader *reader, struct mh_arena_copy *copy,
                           uint32_t record, struct mh_view_span *out) {
    const void *at = record_at(reader, copy, record);
    const char *fault = check_shape(reader, copy, at);

    if (fault != NULL) {
        return fault;
    }
    *out = (struct mh_view_span){
        .base = mh_reader_get(reader, MH_F_span_base, at),
        .bytes = mh_reader_get(reader, MH_F_span_npages, at)
                 << reader->view->page_shift,
        .slot_size = (uint32_t)mh_reader_get(reader, MH_F_span_slot_size, at),
        .nslots = (uint32_t)mh_reader_get(reader, MH_F_span_nslots, at),
        .heap = (uint32_t)mh_reader_get(reader, MH_F_span_heap, at),
        .birth = (uint32_t)mh_reader_get(reader, MH_F_span_birth, at),
        .cache = MH_VIEW_NO_CACHE,
        .arena = (uint32_t)copy->index,
        .record = record,
        .size_class = (uint8_t)mh_reader_get(reader, MH_F_span_size_class, at),
        .state = (uint8_t)mh_reader_get(reader, MH_F_span_state, at),
        .list = (uint8_t)mh_reader_get(reader, MH_F_span_list, at),
        .told = (mh_reader_get(reader, MH_F_span_owner_told, at) & 1) != 0,
    };
    if (out->size_class == 0) {
        out->large_size = mh_reader_get(reader, MH_F_span_large_size, at);
        out->start = mh_reader_get(reader, MH_F_span_start, at)
                     << reader->view->granule_shift;
    }
    fault = check_pages(reader, copy, out);
    if (fault != NULL) {
        return fault;
    }
    if (out->state == MH_VIEW_SPAN_MANUAL) {
        out->nslots = out->slot_size = 0;
        out->large_size = out->start = 0;
        return NULL;
    }
    return decode_slots(reader, copy, at, out);
}
