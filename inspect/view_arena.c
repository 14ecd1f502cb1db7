// view_arena.c - reading arenas: find them, copy them, settle what moves.

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/decode.h"
#include "inspect/view_span.h"

// ---- the list of arenas -----------------------------------------------------

static uint64_t header_field(struct mh_reader *reader, uint64_t record,
                             enum mh_field field) {
    const struct mh_schema_row *row = &reader->root.schema.rows[field];
    unsigned char number[8] = {0};

    if (row->width == 0 || row->width > sizeof(number)) {
        return 0;
    }
    if (!mh_source_read(&reader->source, record + row->offset, number,
                        row->width)) {
        mh_reader_unread(reader, "an arena", record + row->offset);
    }
    return mh_decode(number, row->width, reader->root.big_endian);
}

static void read_header(struct mh_reader *reader, uint64_t record,
                        struct mh_view_arena *arena) {
    *arena = (struct mh_view_arena){
        .record = record,
        .record_bytes = header_field(reader, record, MH_F_arena_record_bytes),
        .page_words = header_field(reader, record, MH_F_arena_page_words),
        .pairs = header_field(reader, record, MH_F_arena_pairs),
        .base = header_field(reader, record, MH_F_arena_base),
        .bytes = header_field(reader, record, MH_F_arena_bytes),
        .number = (uint32_t)header_field(reader, record, MH_F_arena_number),
        .spans_made =
            (uint32_t)header_field(reader, record, MH_F_arena_spans_made),
    };
}

// Bytes of the page words, and of the pairs, of one arena.
static uint64_t page_words_bytes(const struct mh_reader *reader) {
    const struct mh_view *view = reader->view;

    return mh_schema_size(&reader->root.schema, MH_S_page_word)
           << (view->arena_shift - view->page_shift);
}

static uint64_t pairs_bytes(const struct mh_reader *reader) {
    const struct mh_view *view = reader->view;

    return mh_schema_size(&reader->root.schema, MH_S_pair) *
           ((UINT64_C(1) << view->arena_shift) / view->pair_bytes);
}

static bool header_is_sane(struct mh_reader *reader,
                           const struct mh_view_arena *arena) {
    uint64_t size = UINT64_C(1) << reader->view->arena_shift;
    uint32_t records = reader->root.schema.rows[MH_F_arena_spans].count;

    if (arena->bytes != size || (arena->base & (size - 1)) != 0 ||
        arena->base > UINT64_MAX - size) {
        mh_reader_find(reader, "MH0102", arena->record,
                       "the arena covers 0x%" PRIx64 " +0x%" PRIx64
                       ", which is no arena",
                       arena->base, arena->bytes);
        return false;
    }
    if (arena->spans_made > records) {
        mh_reader_find(reader, "MH0102", arena->record,
                       "the arena has made %" PRIu32 " of %" PRIu32
                       " span records",
                       arena->spans_made, records);
        return false;
    }
    return true;
}

// Metadata in a file or in shared memory could be claimed many times over at no
// cost to the target, and be swapped for something else.
static bool is_private(struct mh_reader *reader, uint64_t base,
                       uint64_t bytes) {
    return base % 8 == 0 && base <= UINT64_MAX - bytes &&
           mh_source_mapped(&reader->source, base, bytes,
                            MH_MAPPED_READABLE | MH_MAPPED_WRITABLE |
                                MH_MAPPED_PRIVATE);
}

// The words of an arena, which lie behind its record or elsewhere.
static bool words_are_sane(struct mh_reader *reader,
                           struct mh_view_arena *arena) {
    uint64_t least = mh_schema_size(&reader->root.schema, MH_S_arena);
    uint64_t words = page_words_bytes(reader) + pairs_bytes(reader);

    if (arena->record_bytes != least && arena->record_bytes != least + words) {
        mh_reader_find(reader, "MH0102", arena->record,
                       "the arena's record takes 0x%" PRIx64 " bytes",
                       arena->record_bytes);
        return false;
    }
    if (!is_private(reader, arena->record, arena->record_bytes) ||
        !is_private(reader, arena->page_words, page_words_bytes(reader)) ||
        !is_private(reader, arena->pairs, pairs_bytes(reader))) {
        mh_reader_find(reader, "MH0101", arena->record,
                       "no private memory for an arena's words");
        return false;
    }
    arena->metadata_bytes = least + words;
    return true;
}

static bool add_arena(struct mh_reader *reader, uint64_t record) {
    struct mh_view *view = reader->view;
    struct mh_view_arena *arena = &view->arenas[view->narenas];

    if (!is_private(reader, record,
                    mh_schema_size(&reader->root.schema, MH_S_arena))) {
        mh_reader_find(reader, "MH0101", record,
                       "no private memory for an arena's metadata");
        return false;
    }
    read_header(reader, record, arena);
    if (!header_is_sane(reader, arena) || !words_are_sane(reader, arena)) {
        return false;
    }
    view->narenas++;
    return true;
}

// Two arenas neither cover the same addresses nor share metadata: what each has
// of one kind begins where field says, and takes so many bytes.
struct arena_part {
    size_t field; // of struct mh_view_arena, a uint64_t
    uint64_t bytes;
};

static uint64_t part_at(const struct mh_view_arena *arena, size_t field) {
    uint64_t at;

    memcpy(&at, (const char *)arena + field, sizeof(at));
    return at;
}

#define BY_FIELD(name, field)                                      \
    static int name(const void *a, const void *b) {                \
        const struct mh_view_arena *x = a, *y = b;                 \
        if (x->field != y->field) {                                \
            return x->field < y->field ? -1 : 1;                   \
        }                                                          \
        return x->record < y->record ? -1 : x->record > y->record; \
    }

BY_FIELD(by_record, record)
BY_FIELD(by_page_words, page_words)
BY_FIELD(by_pairs, pairs)
BY_FIELD(by_base, base)

static void drop_doubles(struct mh_reader *reader,
                         int (*order)(const void *, const void *),
                         struct arena_part part) {
    struct mh_view *view = reader->view;
    uint64_t end = 0;
    size_t kept = 0;

    qsort(view->arenas, view->narenas, sizeof(*view->arenas), order);
    for (size_t i = 0; i < view->narenas; i++) {
        struct mh_view_arena arena = view->arenas[i];
        uint64_t at = part_at(&arena, part.field);
        if (at < end) {
            mh_reader_find(reader, "MH0103", arena.record,
                           "two arenas share 0x%" PRIx64, at);
            continue;
        }
        end = at + part.bytes;
        view->arenas[kept++] = arena;
    }
    view->narenas = kept;
}

#define PART(name, size) \
    ((struct arena_part){offsetof(struct mh_view_arena, name), (size)})

// In the order of addresses at the end.
static void drop_all_doubles(struct mh_reader *reader) {
    uint64_t record = mh_schema_size(&reader->root.schema, MH_S_arena);

    drop_doubles(reader, by_record, PART(record, record));
    drop_doubles(reader, by_page_words,
                 PART(page_words, page_words_bytes(reader)));
    drop_doubles(reader, by_pairs, PART(pairs, pairs_bytes(reader)));
    drop_doubles(reader, by_base,
                 PART(base, UINT64_C(1) << reader->view->arena_shift));
}

static void list_arenas(struct mh_reader *reader) {
    const struct mh_schema *schema = &reader->root.schema;
    struct mh_view *view = reader->view;
    unsigned char head[256];
    size_t size = mh_schema_size(schema, MH_S_arenas);

    if (size > sizeof(head) ||
        !mh_source_read(&reader->source, reader->root.is.arenas, head, size)) {
        mh_reader_unread(reader, "the list of arenas", reader->root.is.arenas);
        return;
    }
    uint64_t count = mh_reader_get(reader, MH_F_arenas_count, head);
    uint64_t table = mh_reader_get(reader, MH_F_arenas_table, head);
    if (count > MH_VIEW_MAX_ARENAS) {
        mh_reader_find(reader, "MH0401", table, "%" PRIu64 " arenas", count);
        view->partial = true;
        count = MH_VIEW_MAX_ARENAS;
    }
    size_t width = reader->root.is.pointer_bytes;
    char *pointers = mh_reader_alloc(reader, (size_t)count, width);
    view->arenas =
        mh_reader_alloc(reader, (size_t)count, sizeof(*view->arenas));
    if (pointers == NULL || view->arenas == NULL || count == 0) {
        free(pointers);
        return;
    }
    if (!mh_source_read(&reader->source, table, pointers,
                        (size_t)count * width)) {
        mh_reader_unread(reader, "the table of arenas", table);
        count = 0;
    }
    for (size_t i = 0; i < count; i++) {
        (void)add_arena(reader, mh_decode(pointers + i * width, width,
                                          reader->root.big_endian));
    }
    free(pointers);
    drop_all_doubles(reader);
}

// ---- copying one arena ------------------------------------------------------

static bool copy_part(struct mh_reader *reader, struct mh_arena_copy *copy,
                      size_t offset, size_t size) {
    uint64_t at = reader->view->arenas[copy->index].record + offset;

    return size == 0 ||
           mh_source_read(&reader->source, at, copy->bytes + offset, size);
}

// Elements [first, first + n) of an array in the arena.
static bool copy_elements(struct mh_reader *reader, struct mh_arena_copy *copy,
                          enum mh_field field, size_t first, size_t n) {
    const struct mh_schema_row *row = &reader->root.schema.rows[field];

    return copy_part(reader, copy, row->offset + first * (size_t)row->stride,
                     n * (size_t)row->stride);
}

// Page words, or pairs, [first, first + n) of the arena.
static bool copy_page_words(struct mh_reader *reader,
                            struct mh_arena_copy *copy, size_t first,
                            size_t n) {
    size_t size = mh_schema_size(&reader->root.schema, MH_S_page_word);
    uint64_t at = reader->view->arenas[copy->index].page_words;

    return mh_source_read(&reader->source, at + first * size,
                          copy->page_words + first * size, n * size);
}

static bool copy_pairs(struct mh_reader *reader, struct mh_arena_copy *copy,
                       size_t first, size_t n) {
    size_t size = mh_schema_size(&reader->root.schema, MH_S_pair);
    uint64_t at = reader->view->arenas[copy->index].pairs;

    return mh_source_read(&reader->source, at + first * size,
                          copy->pairs + first * size, n * size);
}

static bool copy_seq(struct mh_reader *reader, struct mh_arena_copy *copy,
                     size_t first, size_t n, uint32_t *out) {
    if (!copy_elements(reader, copy, MH_F_arena_seq, first, n)) {
        return false;
    }
    for (size_t i = first; i < first + n; i++) {
        out[i] = (uint32_t)mh_schema_get_at(&reader->root.schema,
                                            MH_F_arena_seq, copy->bytes, i);
    }
    return true;
}

// Sequence numbers, everything else, sequence numbers: three reads in time.
static bool copy_arena(struct mh_reader *reader, struct mh_arena_copy *copy) {
    const struct mh_view *view = reader->view;
    uint32_t made = view->arenas[copy->index].spans_made;
    size_t pages = copy->npages;
    size_t npairs =
        (size_t)((UINT64_C(1) << view->arena_shift) / view->pair_bytes);

    return copy_seq(reader, copy, 0, pages, copy->before) &&
           copy_page_words(reader, copy, 0, pages) &&
           copy_elements(reader, copy, MH_F_arena_span_index, 0, pages) &&
           copy_elements(reader, copy, MH_F_arena_spans, 0, made) &&
           copy_pairs(reader, copy, 0, npairs) &&
           copy_seq(reader, copy, 0, pages, copy->after);
}

static const void *record_at(const struct mh_reader *reader,
                             const struct mh_arena_copy *copy, uint32_t i) {
    return mh_schema_at(&reader->root.schema, MH_F_arena_spans, copy->bytes, i);
}

static bool is_dead(const struct mh_reader *reader,
                    const struct mh_arena_copy *copy, uint32_t record) {
    uint64_t state =
        mh_reader_get(reader, MH_F_span_state, record_at(reader, copy, record));

    return state != MH_VIEW_SPAN_IN_USE && state != MH_VIEW_SPAN_MANUAL;
}

// The page a record says it begins at, or the number of pages.
static size_t first_page(const struct mh_reader *reader,
                         const struct mh_arena_copy *copy, uint32_t record) {
    const struct mh_view_arena *arena = &reader->view->arenas[copy->index];
    uint64_t base =
        mh_reader_get(reader, MH_F_span_base, record_at(reader, copy, record));
    uint64_t page = (base - arena->base) >> reader->view->page_shift;

    return base < arena->base || page >= copy->npages ? copy->npages
                                                      : (size_t)page;
}

// ---- one span again ---------------------------------------------------------

enum again {
    AGAIN_STABLE, // *span is filled
    AGAIN_DEAD,   // it is gone
    AGAIN_MOVING,
    AGAIN_BROKEN, // it stands still and is wrong; *fault says how
    AGAIN_UNREAD,
};

// Copies what one small span needs, after its record.
static bool copy_span(struct mh_reader *reader, struct mh_arena_copy *copy,
                      uint32_t record, size_t page) {
    const struct mh_view *view = reader->view;
    const void *at = record_at(reader, copy, record);
    uint64_t npages = mh_reader_get(reader, MH_F_span_npages, at);
    bool large = mh_reader_get(reader, MH_F_span_size_class, at) == 0;
    size_t per_page = ((size_t)1 << view->page_shift) / view->pair_bytes;

    if (large || npages == 0 || npages > copy->npages - page) {
        npages = 1;
    }
    return copy_page_words(reader, copy, page, (size_t)npages) &&
           copy_elements(reader, copy, MH_F_arena_span_index, page,
                         (size_t)npages) &&
           copy_pairs(reader, copy, page * per_page, (size_t)npages * per_page);
}

static enum again read_again(struct mh_reader *reader,
                             struct mh_arena_copy *copy, uint32_t record,
                             struct mh_view_span *span, const char **fault) {
    if (!copy_elements(reader, copy, MH_F_arena_spans, record, 1)) {
        return AGAIN_UNREAD;
    }
    if (is_dead(reader, copy, record)) {
        return AGAIN_DEAD;
    }
    size_t page = first_page(reader, copy, record);
    if (page == copy->npages) {
        *fault = "S1: the span lies outside its arena or between pages";
        return AGAIN_BROKEN;
    }
    if (!copy_seq(reader, copy, page, 1, copy->before) ||
        !copy_elements(reader, copy, MH_F_arena_spans, record, 1) ||
        !copy_span(reader, copy, record, page) ||
        !copy_seq(reader, copy, page, 1, copy->after)) {
        return AGAIN_UNREAD;
    }
    uint32_t seq = copy->before[page];
    if (seq != copy->after[page] || seq % 2 != 0 ||
        first_page(reader, copy, record) != page) {
        return AGAIN_MOVING;
    }
    if (is_dead(reader, copy, record)) {
        return AGAIN_DEAD;
    }
    *fault = mh_span_decode(reader, copy, record, span);
    if (*fault != NULL) {
        return AGAIN_BROKEN;
    }
    span->seq = seq;
    span->reread = true;
    return AGAIN_STABLE;
}

// True when *span is filled. What moves in every try is counted; what stands
// still and is wrong in every try is a finding.
static bool settle(struct mh_reader *reader, struct mh_arena_copy *copy,
                   uint32_t record, struct mh_view_span *span) {
    struct mh_view *view = reader->view;
    const char *fault = NULL;
    enum again again = AGAIN_MOVING;

    view->retried++;
    for (int try = 0; try < MH_VIEW_RETRIES; try++) {
        again = read_again(reader, copy, record, span, &fault);
        if (again == AGAIN_STABLE || again == AGAIN_DEAD) {
            return again == AGAIN_STABLE;
        }
    }
    const void *at = record_at(reader, copy, record);
    uint64_t base = mh_reader_get(reader, MH_F_span_base, at);
    if (again == AGAIN_MOVING) {
        uint64_t npages = mh_reader_get(reader, MH_F_span_npages, at);
        view->unstable++;
        view->arenas[copy->index].unstable++;
        if (npages <= copy->npages) {
            view->unstable_bytes += npages << view->page_shift;
        }
    } else if (again == AGAIN_BROKEN && !reader->over_budget) {
        mh_reader_find(reader, mh_span_fault_code(fault), base,
                       "span record %" PRIu32 " of the arena at 0x%" PRIx64
                       ": %s",
                       record, view->arenas[copy->index].base, fault);
    } else if (again == AGAIN_UNREAD) {
        mh_reader_unread(reader, "a span", base);
    }
    return false;
}

// ---- all spans of one arena -------------------------------------------------

static bool overlaps(const struct mh_view_span *low,
                     const struct mh_view_span *high) {
    return low != NULL && high->base - low->base < low->bytes;
}

static struct mh_view_span *last_span(struct mh_view *view) {
    return view->nspans == 0 ? NULL : &view->spans[view->nspans - 1];
}

// Reads a span of another arena again, for which this one's copy will do: only
// parts that are read again are looked at.
static bool settle_in(struct mh_reader *reader, struct mh_arena_copy *copy,
                      struct mh_view_span *span) {
    size_t index = copy->index;

    copy->index = span->arena;
    bool kept = settle(reader, copy, span->record, span);
    copy->index = index;
    return kept;
}

// A large object that shrinks, or one that another arena's span has replaced
// since, seems to overlap its successor. Read again, at most one of the two
// claims the pages.
static void add_span(struct mh_reader *reader, struct mh_arena_copy *copy,
                     struct mh_view_span *span) {
    struct mh_view *view = reader->view;
    struct mh_view_span *last = last_span(view);

    if (overlaps(last, span)) {
        uint64_t last_base = last->base, base = span->base;
        if (!settle_in(reader, copy, last) || last->base != last_base) {
            view->nspans--;
        }
        if (!settle_in(reader, copy, span) || span->base != base) {
            return;
        }
        last = last_span(view);
    }
    if (last != NULL && span->base < last->base + last->bytes) {
        mh_reader_find(reader, "MH0111", span->base,
                       "two spans share the pages at 0x%" PRIx64, span->base);
        return;
    }
    if (mh_reader_grow(reader, &view->spans, &reader->spans, view->nspans,
                       sizeof(*view->spans))) {
        view->spans[view->nspans++] = *span;
    }
}

// Decodes the records that stood still; the others go to `moving`.
static size_t decode_stable(struct mh_reader *reader,
                            struct mh_arena_copy *copy, size_t *nmoving_out) {
    uint32_t made = reader->view->arenas[copy->index].spans_made;
    size_t nfound = 0, nmoving = 0;

    for (uint32_t record = 0; record < made; record++) {
        if (is_dead(reader, copy, record)) {
            continue;
        }
        size_t page = first_page(reader, copy, record);
        bool stable = page < copy->npages &&
                      copy->before[page] == copy->after[page] &&
                      copy->before[page] % 2 == 0;
        struct mh_view_span *span = &copy->found[nfound];
        if (stable && mh_span_decode(reader, copy, record, span) == NULL) {
            span->seq = copy->before[page];
            nfound++;
        } else {
            copy->moving[nmoving++] = record;
        }
    }
    *nmoving_out = nmoving;
    return nfound;
}

static void read_arena(struct mh_reader *reader, struct mh_arena_copy *copy) {
    struct mh_view_arena *arena = &reader->view->arenas[copy->index];
    size_t nmoving;

    if (!copy_arena(reader, copy)) {
        mh_reader_unread(reader, "an arena", arena->record);
        return;
    }
    size_t nfound = decode_stable(reader, copy, &nmoving);
    for (size_t i = 0; i < nmoving && !reader->over_budget; i++) {
        if (settle(reader, copy, copy->moving[i], &copy->found[nfound])) {
            nfound++;
        }
    }
    // Into the order of addresses. Two records for one page: the later wins
    // here, and rule S7 has let only one of them pass at any moment.
    memset(copy->order, 0, copy->npages * sizeof(*copy->order));
    for (size_t i = 0; i < nfound; i++) {
        uint64_t offset = copy->found[i].base - arena->base;
        copy->order[offset >> reader->view->page_shift] = (uint32_t)i + 1;
    }
    for (size_t page = 0; page < copy->npages; page++) {
        if (copy->order[page] != 0) {
            add_span(reader, copy, &copy->found[copy->order[page] - 1]);
        }
    }
}

static void free_copy(struct mh_arena_copy *copy) {
    free(copy->bytes);
    free(copy->page_words);
    free(copy->pairs);
    free(copy->before);
    free(copy->after);
    free(copy->live);
    free(copy->remote);
    free(copy->free);
    free(copy->order);
    free(copy->found);
    free(copy->moving);
}

static bool make_copy(struct mh_reader *reader, struct mh_arena_copy *copy) {
    const struct mh_schema_row *rows = reader->root.schema.rows;
    const struct mh_view *view = reader->view;
    size_t records = rows[MH_F_arena_spans].count;
    size_t granules = (size_t)1 << (view->arena_shift - view->granule_shift);
    size_t slots =
        (size_t)rows[MH_F_span_free].count * rows[MH_F_span_free].width;

    memset(copy, 0, sizeof(*copy));
    copy->npages = (size_t)1 << (view->arena_shift - view->page_shift);
    copy->bytes = mh_reader_alloc(reader, rows[MH_S_arena].width, 1);
    copy->page_words =
        mh_reader_alloc(reader, (size_t)page_words_bytes(reader), 1);
    copy->pairs = mh_reader_alloc(reader, (size_t)pairs_bytes(reader), 1);
    copy->before = mh_reader_alloc(reader, copy->npages, sizeof(uint32_t));
    copy->after = mh_reader_alloc(reader, copy->npages, sizeof(uint32_t));
    copy->live = mh_reader_alloc(reader, granules / 64 + 1, sizeof(uint64_t));
    copy->remote = mh_reader_alloc(reader, granules / 64 + 1, sizeof(uint64_t));
    copy->free = mh_reader_alloc(reader, slots / 8 + 1, sizeof(uint64_t));
    copy->order = mh_reader_alloc(reader, copy->npages, sizeof(uint32_t));
    copy->found = mh_reader_alloc(reader, records, sizeof(*copy->found));
    copy->moving = mh_reader_alloc(reader, records, sizeof(uint32_t));
    return copy->bytes != NULL && copy->page_words != NULL &&
           copy->pairs != NULL && copy->before != NULL && copy->after != NULL &&
           copy->live != NULL && copy->remote != NULL && copy->free != NULL &&
           copy->order != NULL && copy->found != NULL && copy->moving != NULL;
}

void mh_reader_arenas(struct mh_reader *reader) {
    const struct mh_view_options *options = reader->options;
    struct mh_view *view = reader->view;
    struct mh_arena_copy copy;

    list_arenas(reader);
    if (view->narenas != 0 && make_copy(reader, &copy)) {
        for (size_t i = 0; i < view->narenas && !reader->over_budget &&
                           reader->source.failure == MH_TARGET_OK;
             i++) {
            copy.index = i;
            read_arena(reader, &copy);
            if (options != NULL && options->progress != NULL) {
                options->progress(options->context, i + 1, view->narenas);
            }
        }
    }
    if (view->narenas != 0) {
        free_copy(&copy);
    }
}
