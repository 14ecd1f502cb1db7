// arena.c - the metadata of one granule of address space.

#include "core/heap/arena.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/heap/records.h"
#include "core/heap/size_class.h"
#include "core/meta/hints.h"
#include "core/meta/layout.h"
#include "core/meta/linear.h"
#include "core/sys/sys.h"

enum {
    FEW_ARENAS = 4096,    // the window where a full map cannot be had
    FIRST_CAPACITY = 128, // of the table of arenas
};

struct mh_arenas mh_arenas = {.lock = MH_LOCK_INIT(MH_RANK_ARENAS)};

static struct mh_hints hints; // (l) of mh_arenas

// Room for the records of all arenas, where a heap begins above the program.
static struct mh_linear records_ahead; // (l) of mh_arenas; empty: none

MH_STATIC_ASSERT(MH_ARENA_PAGES <= UINT16_MAX + 1,
                 "a span index fits a page's");
MH_STATIC_ASSERT(sizeof(struct mh_span) % MH_CACHE_LINE == 0,
                 "span records keep their lines apart");

// A reservation that waits to be used: the first one, which says where the map
// is wanted, or one that was of no use and that the system did not take back.
static struct {
    uintptr_t base;
    size_t size; // 0: none
} kept;          // (l) of mh_arenas

static uintptr_t take_addresses_locked(size_t size, size_t align,
                                       size_t *size_out) {
    if (kept.size >= size && kept.base % align == 0) {
        *size_out = kept.size;
        kept.size = 0;
        return kept.base;
    }
    *size_out = size;
    return (uintptr_t)mh_hints_reserve(&hints, size, align, MH_FOR_HEAP);
}

static void keep_addresses_locked(uintptr_t base, size_t size) {
    kept.base = base;
    kept.size = size;
}

// Where addresses are few, a heap that begins above the program has room to
// grow in one piece. With a limit on addresses it takes only what it needs, in
// the same place: they may be wanted elsewhere.
static void start_above_program(void) {
    const struct mh_os_facts *facts = mh_sys_facts();
    bool ahead = facts->space_bytes == 0;

    if (facts->program_end != 0) {
        mh_hints_start(&hints, facts->program_end, ahead, MH_FOR_HEAP);
    }
}

static void tell_records_ahead(void) {
    MH_STORE_RELAXED(&mh_arenas.ahead_end, records_ahead.limit);
    MH_STORE_RELAXED(&mh_arenas.ahead, records_ahead.ready);
}

// Records that lay among what the heap grows by would cut it up: large objects
// then fit nowhere, though there are addresses enough. The words of arenas have
// the window; this is for the rest. Half of it is better than nothing.
static void reserve_records_ahead(void) {
    size_t page = mh_sys_facts()->page_size;
    size_t each = mh_align_up(sizeof(struct mh_arena), page);
    bool ahead = mh_layout_own()->rule == MH_HINTS_ABOVE_PROGRAM &&
                 mh_sys_facts()->space_bytes == 0;
    size_t n = ahead ? mh_window_memory.narenas : 0;

    while (n != 0 &&
           mh_linear_init(&records_ahead, n * each, MH_FOR_SPANS) != MH_OK) {
        n /= 2;
    }
    tell_records_ahead();
}

// The address layout and the map, once. A window, where there is no room for
// all of the map, lies around the first reservation, for hints need not be
// heeded.
static enum mh_status init_locked(void) {
    if (mh_arena_map.count != 0) {
        return MH_OK;
    }
    const struct mh_layout *layout = mh_layout_own();
    MH_CHECK(layout->arena_shift == MH_ARENA_SHIFT);
    if (hints.layout == NULL) {
        mh_hints_init(&hints, layout);
        start_above_program();
    }
    size_t size = 0;
    uintptr_t first =
        take_addresses_locked(MH_ARENA_SIZE, MH_ARENA_SIZE, &size);
    if (first == 0) {
        first = take_addresses_locked(MH_ARENA_PIECE, MH_ARENA_PIECE, &size);
    }
    if (first == 0) {
        return MH_NO_MEMORY;
    }
    keep_addresses_locked(first, size);
    uintptr_t full = (uintptr_t)mh_layout_arenas(layout);
    uintptr_t few = full < FEW_ARENAS ? full : FEW_ARENAS;
    const struct mh_arena_map_plan plan = {.base = (uintptr_t)layout->base,
                                           .full = full,
                                           .part_bits = layout->l1_bits,
                                           .near = first,
                                           .few = few};
    enum mh_status status = mh_arena_map_init(&plan);
    if (status != MH_OK) {
        return status;
    }
    mh_window_init(first);
    reserve_records_ahead();
    if (mh_arena_map.count < full) {
        // Only what lies in the window is of use.
        hints.nhints = 0;
        mh_hints_add_around(&hints, first, first + size);
    }
    return MH_OK;
}

// Makes room for one more arena in the table.
static enum mh_status grow_table_locked(void) {
    if (mh_arenas.count < mh_arenas.capacity) {
        return MH_OK;
    }
    uint64_t capacity =
        mh_arenas.capacity == 0 ? FIRST_CAPACITY : 2 * mh_arenas.capacity;
    struct mh_arena **table = mh_persistent_alloc(
        &mh_records, (size_t)capacity * sizeof(struct mh_arena *),
        sizeof(struct mh_arena *));
    if (table == NULL) {
        return MH_NO_MEMORY;
    }
    if (mh_arenas.count != 0) {
        memcpy(table, mh_arenas.table,
               (size_t)mh_arenas.count * sizeof(struct mh_arena *));
    }
    mh_arenas.capacity = capacity;
    MH_STORE_RELEASE(&mh_arenas.table, table);
    return MH_OK;
}

// Room for a record, zeroed: from what was reserved ahead, or anywhere.
static struct mh_arena *record_room_locked(size_t size) {
    struct mh_arena *arena = NULL;
    if (records_ahead.base != 0) {
        arena =
            mh_linear_alloc(&records_ahead, size, mh_sys_facts()->page_size);
        tell_records_ahead();
    }
    return arena != NULL ? arena : mh_sys_alloc(size, MH_FOR_SPANS);
}

// A zeroed record for the arena at base, with its words: in the window, or
// behind it. NULL when out of memory.
static struct mh_arena *new_record_locked(uintptr_t base) {
    struct mh_words words = {NULL, NULL};
    enum mh_status status = mh_window_words(base, &words);
    size_t size = sizeof(struct mh_arena);
    if (status != MH_OK) {
        size += MH_WORDS_BYTES;
    }
    struct mh_arena *arena = record_room_locked(size);
    if (arena == NULL) {
        return NULL;
    }
    mh_sys_name(arena, size, "mheap: arena");
    if (status != MH_OK) {
        words.pairs = (struct mh_pair *)(arena + 1);
        words.page_words = (uint32_t *)(words.pairs + MH_ARENA_PAIRS);
    }
    arena->record_bytes = size;
    arena->page_words = words.page_words;
    arena->pairs = words.pairs;
    return arena;
}

// Makes and publishes the metadata of the granule at base, if it has none.
static enum mh_status make_arena_locked(uintptr_t base) {
    if (!mh_arena_map_covers(base)) {
        return MH_NO_MEMORY;
    }
    if (mh_arena_of(base) != NULL) {
        return MH_OK;
    }
    if (grow_table_locked() != MH_OK || mh_arena_map_grow(base) != MH_OK) {
        return MH_NO_MEMORY;
    }
    struct mh_arena *arena = new_record_locked(base);
    if (arena == NULL) {
        return MH_NO_MEMORY;
    }
    arena->base = base;
    arena->bytes = MH_ARENA_SIZE;
    arena->number = (uint32_t)mh_arenas.count;
    mh_lock_init(&arena->lock, MH_RANK_FIXALLOC);
    mh_arena_map_set(base, arena);
    mh_arenas.table[mh_arenas.count] = arena;
    // release: a reader that sees the count sees the entry and the arena.
    MH_STORE_RELEASE(&mh_arenas.count, mh_arenas.count + 1);
    return MH_OK;
}

// The metadata of every granule of a range. What was made before a failure
// stays: an arena record lives as long as the process and is used later.
static enum mh_status make_arenas_locked(uintptr_t base, size_t size) {
    uintptr_t at = mh_align_down(base, MH_ARENA_SIZE);
    for (; at < base + size; at += MH_ARENA_SIZE) {
        if (make_arena_locked(at) != MH_OK) {
            return MH_NO_MEMORY;
        }
    }
    return MH_OK;
}

static void *reserve_locked(size_t size, size_t align, size_t *size_out) {
    struct mh_hints before = hints;
    uintptr_t base = take_addresses_locked(size, align, size_out);
    if (base == 0) {
        return NULL;
    }
    if (make_arenas_locked(base, *size_out) == MH_OK) {
        return (void *)base;
    }
    if (mh_hints_is_initial(&before, base)) {
        hints = before;
        return NULL;
    }
    struct mh_split was = {.reserved = *size_out};
    bool freed =
        mh_sys_free((void *)base, *size_out, was, MH_FOR_HEAP) == MH_OK;
    if (freed || !mh_arena_map_covers(base)) {
        // The next try begins where this one did: otherwise a program that goes
        // on asking while memory is short would use up the addresses.
        hints = before;
    } else {
        keep_addresses_locked(base, *size_out);
    }
    return NULL;
}

enum mh_status mh_arenas_init(void) {
    mh_lock(&mh_arenas.lock);
    enum mh_status status = init_locked();
    mh_unlock(&mh_arenas.lock);
    return status;
}

// Whole arenas, or else the least that does in pieces: where address space is
// short (ulimit -v, 39-bit systems) a whole arena may be more than there is.
void *mh_arenas_reserve(size_t size, size_t least, size_t *size_out) {
    size_t whole = mh_align_up(size, MH_ARENA_SIZE);
    size_t piece = mh_align_up(least, MH_ARENA_PIECE);
    if (whole < size || piece < least) {
        return NULL; // more than addresses can say
    }
    mh_lock(&mh_arenas.lock);
    void *base = reserve_locked(whole, MH_ARENA_SIZE, size_out);
    if (base == NULL && piece < whole) {
        base = reserve_locked(piece, MH_ARENA_PIECE, size_out);
    }
    mh_unlock(&mh_arenas.lock);
    return base;
}

// Empties a recycled record, field by field: a reader, or a thread that freed
// the last object in the span before, may be looking. base and arena_index are
// never other than a place in this arena.
static void clear_span(struct mh_span *span) {
    MH_STORE_RELAXED(&span->slot_size, 0);
    MH_STORE_RELAXED(&span->magic, 0);
    MH_STORE_RELAXED(&span->nslots, 0);
    MH_STORE_RELAXED(&span->heap, 0);
    MH_STORE_RELAXED(&span->size_class, 0);
    MH_STORE_RELAXED(&span->start, 0);
    span->guard = MH_GUARD_NONE;
    MH_STORE_RELAXED(&span->list, MH_LIST_NONE);
    MH_STORE_RELAXED(&span->large_size, 0);
    MH_STORE_RELAXED(&span->owner_told, mh_owner_word(MH_OWNER_DEAD, false));
    MH_STORE_RELAXED(&span->touched, 0);
    MH_STORE_RELAXED(&span->told_next, NULL);
    span->next = NULL;
    span->prev = NULL;
    span->list_next = NULL;
    span->list_prev = NULL;
    MH_STORE_RELAXED(&span->nfree, 0);
    span->free_words = 0;
    span->has_holes = 0;
    MH_STORE_RELAXED(&span->holes, 0);
    span->seen_free = 0;
    for (unsigned i = 0; i < MH_SPAN_FREE_WORDS; i++) {
        MH_STORE_RELAXED(&span->free[i], 0);
    }
}

struct mh_span *mh_arena_new_span(uintptr_t base, size_t npages) {
    struct mh_arena *arena = mh_arena_of_known(base);
    mh_lock(&arena->lock);
    uint32_t index = arena->free_span;
    if (index != 0) {
        index--;
        arena->free_span = arena->spans[index].nfree; // the link while dead
    } else {
        MH_CHECK(arena->spans_made < MH_ARENA_PAGES);
        index = arena->spans_made;
        MH_STORE_RELEASE(&arena->spans_made, index + 1);
    }
    uint32_t birth = arena->births++;
    mh_unlock(&arena->lock);

    struct mh_span *span = &arena->spans[index];
    clear_span(span);
    MH_STORE_RELAXED(&span->base, base);
    span->slots_base = base;
    MH_STORE_RELAXED(&span->npages, (uint32_t)npages);
    MH_STORE_RELAXED(&span->birth, birth);
    MH_STORE_RELAXED(&span->arena_index, (uint16_t)index);
    return span;
}

// The pairs of a range that one arena covers.
static void discard_pairs_of(struct mh_arena *arena, uintptr_t base,
                             size_t bytes) {
    size_t page = mh_sys_facts()->page_size;
    size_t npairs = bytes >> MH_PAIR_SHIFT;
    uintptr_t first = (uintptr_t)mh_arena_pair(arena, base);
    uintptr_t from = mh_align_up(first, page);
    uintptr_t to = mh_align_down(first + npairs * sizeof(struct mh_pair), page);
    if (from < to) {
        enum mh_status status =
            mh_sys_discard((void *)from, to - from, MH_FOR_SPANS);
        (void)status;
    }
}

void mh_arena_discard_pairs(uintptr_t base, size_t bytes) {
    uintptr_t end = base + bytes;
    while (base < end) {
        uintptr_t border = mh_align_up(base + 1, MH_ARENA_SIZE);
        uintptr_t stop = border < end ? border : end;
        discard_pairs_of(mh_arena_of_known(base), base, stop - base);
        base = stop;
    }
}

void mh_arena_drop_span(struct mh_span *span) {
    struct mh_arena *arena = mh_arena_of_known((uintptr_t)span->base);
    MH_CHECK(span->state == MH_SPAN_DEAD);
    mh_lock(&arena->lock);
    MH_STORE_RELAXED(&span->nfree, arena->free_span);
    arena->free_span = (uint32_t)span->arena_index + 1;
    mh_unlock(&arena->lock);
}

static void scatter_locked(void) {
    uint64_t random = 0;
    mh_sys_random(&random, sizeof(random));
    mh_hints_scatter(&hints, random);
    uintptr_t base = (uintptr_t)mh_hints_reserve(&hints, kept.size,
                                                 MH_ARENA_SIZE, MH_FOR_HEAP);
    if (base != 0) {
        mh_hints_give_back((void *)kept.base, kept.size, MH_FOR_HEAP);
        keep_addresses_locked(base, kept.size);
    }
}

void mh_arenas_scatter(void) {
    mh_lock(&mh_arenas.lock);
    const struct mh_layout *layout = mh_layout_own();
    if (layout->rule == MH_HINTS_LISTED && kept.size != 0 &&
        mh_arena_map.count == mh_layout_arenas(layout)) {
        scatter_locked();
    }
    mh_unlock(&mh_arenas.lock);
}

static uint32_t *seq_of(const struct mh_span *span, struct mh_arena *arena) {
    return &arena->seq[mh_arena_page((uintptr_t)span->base)];
}

// An odd number says: look again. The fence keeps the changes behind it.
static void begin_change(uint32_t *seq) {
    MH_STORE_RELAXED(seq, *seq + 1);
    MH_FENCE_RELEASE();
}

static void end_change(uint32_t *seq) {
    MH_STORE_RELEASE(seq, *seq + 1);
}

struct mh_span_look mh_span_look_begin(const struct mh_span *span) {
    uintptr_t base = (uintptr_t)MH_LOAD_RELAXED(&span->base);
    struct mh_arena *arena = mh_arena_of_known(base);
    struct mh_span_look look = {&arena->seq[mh_arena_page(base)], 0};
    // acquire: pairs with end_change; what the change wrote is seen.
    look.number = MH_LOAD_ACQUIRE(look.seq);
    return look;
}

bool mh_span_look_end(struct mh_span_look look) {
    // Keeps what was read before the second look at the number.
    MH_FENCE_ACQUIRE();
    return look.number % 2 == 0 && MH_LOAD_RELAXED(look.seq) == look.number;
}

// A large or manual span is named on its first page only: inner pages are found
// by walking, which only reports need, and an object of many gigabytes is not
// worth a write per page.
static size_t named_pages(const struct mh_span *span) {
    return span->size_class == 0 ? 1 : span->npages;
}

static void write_page_words(const struct mh_span *span, struct mh_arena *arena,
                             uint32_t word) {
    size_t first = mh_arena_page((uintptr_t)span->base);
    size_t count = named_pages(span);
    for (size_t i = 0; i < count; i++) {
        MH_STORE_RELAXED(&arena->page_words[first + i], word);
    }
}

// A thread that freed into the last span of this record and was held up may
// note its group only now. seq_cst: either it finds the owner here and tells,
// or its note is taken back. A span without a class has nobody to tell, and its
// notes say nothing.
static void open_to_notes(struct mh_span *span, uint32_t owner) {
    uint64_t word = mh_owner_word(owner, false);
    if (span->size_class == 0) {
        MH_STORE_RELAXED(&span->owner_told, word);
        return;
    }
    __atomic_store_n(&span->owner_told, word, __ATOMIC_SEQ_CST);
    (void)__atomic_exchange_n(&span->touched, 0, __ATOMIC_SEQ_CST);
}

void mh_span_publish(struct mh_span *span, enum mh_span_state state,
                     uint32_t owner) {
    struct mh_arena *arena = mh_arena_of_known((uintptr_t)span->base);
    uint32_t *seq = seq_of(span, arena);
    size_t first = mh_arena_page((uintptr_t)span->base);
    size_t count = named_pages(span);

    begin_change(seq);
    for (size_t i = 0; i < count; i++) {
        MH_STORE_RELAXED(&arena->span_index[first + i], span->arena_index);
    }
    open_to_notes(span, owner);
    MH_STORE_RELEASE(&span->state, (uint8_t)state);
    // A thread that frees reads the page word first; what it needs of the span
    // was written before. It has the pointer from a thread that got it from
    // malloc, so that the program's own hand-over orders the two.
    MH_FENCE_RELEASE();
    write_page_words(span, arena, mh_page_word_make(owner, span->size_class));
    end_change(seq);
}

void mh_span_retire(struct mh_span *span) {
    struct mh_arena *arena = mh_arena_of_known((uintptr_t)span->base);
    uint32_t *seq = seq_of(span, arena);
    begin_change(seq);
    write_page_words(span, arena, 0);
    MH_STORE_RELEASE(&span->state, (uint8_t)MH_SPAN_DEAD);
    end_change(seq);
}

void mh_span_set_owner(struct mh_span *span, uint32_t owner) {
    struct mh_arena *arena = mh_arena_of_known((uintptr_t)span->base);
    uint32_t *seq = seq_of(span, arena);
    begin_change(seq);
    write_page_words(span, arena, mh_page_word_make(owner, span->size_class));
    end_change(seq);
}

void mh_span_resize(struct mh_span *span, size_t npages, size_t size) {
    struct mh_arena *arena = mh_arena_of_known((uintptr_t)span->base);
    uint32_t *seq = seq_of(span, arena);
    begin_change(seq);
    MH_STORE_RELAXED(&span->npages, (uint32_t)npages);
    MH_STORE_RELAXED(&span->large_size, size);
    end_change(seq);
}

void mh_arenas_repair_seq(void) {
    for (uint64_t a = 0; a < mh_arenas.count; a++) {
        uint32_t *seq = mh_arenas.table[a]->seq;
        for (size_t page = 0; page < MH_ARENA_PAGES; page++) {
            if (seq[page] % 2 != 0) {
                end_change(&seq[page]);
            }
        }
    }
}

// The last page at or before `page` that names a span, in this arena.
static struct mh_span *last_named(struct mh_arena *arena, size_t page) {
    for (size_t i = page + 1; i-- > 0;) {
        if (MH_LOAD_RELAXED(&arena->page_words[i]) != 0) {
            return &arena->spans[MH_LOAD_RELAXED(&arena->span_index[i])];
        }
    }
    return NULL;
}

static bool span_covers(const struct mh_span *span, uintptr_t address) {
    uint64_t bytes = (uint64_t)MH_LOAD_RELAXED(&span->npages) << MH_PAGE_SHIFT;
    return address - MH_LOAD_RELAXED(&span->base) < bytes;
}

struct mh_span *mh_arena_span_at(uintptr_t address) {
    uintptr_t at = mh_align_down(address, 16);
    struct mh_arena *arena = mh_arena_of(at);
    while (arena != NULL) {
        struct mh_span *span = last_named(arena, mh_arena_page(at));
        if (span != NULL) {
            return span_covers(span, address) ? span : NULL;
        }
        // A large object may begin in an arena before.
        at = (uintptr_t)arena->base - 16;
        arena = mh_arena_of(at);
    }
    return NULL;
}
