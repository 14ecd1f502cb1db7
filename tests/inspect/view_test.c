// view_test.c - a view of a made-up heap, number by number.
//
// Long because all of them are of the same heap.

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/ledger.h"
#include "inspect/view.h"
#include "mheap/inspect.h"
#include "tests/inspect/fake_heap.h"

#define MAP_IN_PARTS UINT64_C(0x40000000)

static struct fake_heap heap;
static struct mh_view *view;

static void set_up(void) {
    fake_heap_make(&heap, false, 8);
    view = NULL;
}

static void tear_down(void) {
    mh_view_close(view);
    fake_heap_free(&heap);
}

static void set_up_form(int form) {
    fake_heap_free(&heap);
    fake_heap_make(&heap, form % 2 != 0, form / 2 != 0 ? 8 : 4);
}

static void read_view(void) {
    struct mh_view_options options = {.root = FAKE_ROOT, .residency = true};

    mh_view_close(view);
    ck_assert_int_eq(mh_view_open(&heap.target, &options, &view), MH_VIEW_OK);
}

static uint64_t page_address(unsigned page) {
    return FAKE_HEAP + (uint64_t)page * FAKE_HEAP_PAGE;
}

static bool has_finding(const char *code) {
    for (size_t i = 0; i < view->nfindings; i++) {
        if (strcmp(view->findings[i].code, code) == 0) {
            return true;
        }
    }
    return false;
}

// ---- a heap that stands still -----------------------------------------------

START_TEST(spans_are_decoded_in_every_byte_order_and_pointer_size) {
    set_up_form(_i);
    read_view();
    ck_assert_msg(view->nfindings == 0, "%s", view->findings[0].text);
    ck_assert_uint_eq(view->nspans, 4);
    const struct mh_view_span *span = &view->spans[0];
    ck_assert_uint_eq(span->base, page_address(0));
    ck_assert_uint_eq(span->bytes, FAKE_HEAP_PAGE);
    ck_assert_uint_eq(span->slot_size, 64);
    ck_assert_uint_eq(span->nslots, 128);
    ck_assert_uint_eq(span->used, 10);
    ck_assert_uint_eq(span->pending, 1);
    ck_assert_uint_eq(span->cached, 5);
    ck_assert_uint_eq(span->free, 112);
    ck_assert_uint_eq(span->owner, 1);
    ck_assert_uint_eq(view->caches[span->cache].thread, 4243);
    span = &view->spans[1];
    ck_assert_uint_eq(span->used, 3);
    ck_assert_uint_eq(span->free, 5);
    ck_assert_uint_eq(span->cached, 0);
    ck_assert_uint_eq(span->cache, MH_VIEW_NO_CACHE);
    ck_assert_uint_eq(span->list, MH_VIEW_LIST_CENTRAL);
    span = &view->spans[2];
    ck_assert_uint_eq(span->large_size, 33000);
    ck_assert_uint_eq(span->bytes, 5 * FAKE_HEAP_PAGE);
    ck_assert_uint_eq(span->used, 1);
    span = &view->spans[3];
    ck_assert_uint_eq(span->state, MH_VIEW_SPAN_MANUAL);
    ck_assert_uint_eq(span->nslots, 0);
}
END_TEST

START_TEST(runs_say_what_every_page_is) {
    static const struct {
        unsigned page, npages;
        enum mh_view_kind kind;
    } want[] = {
        {0, 4, MH_KIND_SMALL},
        {4, 5, MH_KIND_LARGE},
        {9, 2, MH_KIND_MANUAL},
        {11, 1, MH_KIND_PAGE_CACHE},
        {12, 1, MH_KIND_TAKEN},
        {13, 2, MH_KIND_PAGE_CACHE},
        {15, 5, MH_KIND_PAGE_CACHE_RELEASED},
        {20, 20, MH_KIND_FREE},
        {40, 56, MH_KIND_RELEASED},
        {96, 32, MH_KIND_ROOM},
    };

    set_up_form(_i);
    read_view();
    ck_assert_uint_eq(view->nruns, sizeof(want) / sizeof(want[0]));
    for (size_t i = 0; i < view->nruns; i++) {
        ck_assert_uint_eq(view->runs[i].base, page_address(want[i].page));
        ck_assert_uint_eq(view->runs[i].bytes,
                          (uint64_t)want[i].npages * FAKE_HEAP_PAGE);
        ck_assert_uint_eq(view->runs[i].kind, want[i].kind);
    }
    ck_assert_uint_eq(view->nextents, 1);
    ck_assert_uint_eq(view->extents[0].bytes, FAKE_BYTES);
}
END_TEST

START_TEST(caches_heaps_books_and_metadata_are_decoded) {
    set_up_form(_i);
    read_view();
    ck_assert_uint_eq(view->ncaches, 1);
    ck_assert_uint_eq(view->caches[0].id, 1);
    ck_assert_uint_eq(view->caches[0].bins[1].fill, 5);
    ck_assert_uint_eq(view->caches[0].fill_bytes, 5 * 64);
    ck_assert_uint_eq(view->classes[2].taken, 200);
    ck_assert_uint_eq(view->classes[1].fill, 5);
    ck_assert_uint_eq(view->nheaps, 1);
    ck_assert_str_eq(view->heaps[0].name, "default");
    ck_assert_uint_eq(view->heaps[0].large_allocs, 3);
    ck_assert_uint_eq(view->heaps[0].nspans, 4);
    ck_assert_uint_eq(view->nbooks, 2);
    // The arena, two lists, the map; of the window, two Ready and two not.
    ck_assert_uint_eq(view->nmetadata, 8);
    ck_assert_uint_eq(view->process_id, 4242);
    ck_assert_int_eq(view->big_endian, _i % 2);
}
END_TEST

START_TEST(limits_are_decoded) {
    set_up_form(_i);
    read_view();
    ck_assert(view->limits.known);
    ck_assert_uint_eq(view->limits.soft, 0x500000);
    ck_assert_uint_eq(view->limits.hard, 0x600000);
    ck_assert_uint_eq(view->limits.counted, 0x123000);
    ck_assert_uint_eq(view->limits.refusals, 17);
}
END_TEST

// What lies behind the record of minor 0 is somebody else's.
START_TEST(a_root_of_minor_0_has_no_limits) {
    size_t least = offsetof(struct mheap_inspect_root, limits);
    fake_heap_root_put(&heap, offsetof(struct mheap_inspect_root, root_bytes),
                       4, least);
    read_view();
    ck_assert(!view->limits.known);
    ck_assert_uint_eq(view->limits.soft, 0);
    ck_assert(!view->partial);
    ck_assert_uint_eq(view->nspans, 4);
}
END_TEST

START_TEST(limits_that_cannot_be_read_leave_the_rest) {
    fake_heap_root_put(&heap, offsetof(struct mheap_inspect_root, limits), 8,
                       UINT64_MAX - 8);
    read_view();
    ck_assert(!view->limits.known);
    ck_assert(view->partial);
    ck_assert(has_finding("MH0403"));
    ck_assert_uint_eq(view->nbooks, 2);
}
END_TEST

START_TEST(locks_are_added_up_kind_by_kind) {
    set_up_form(_i);
    read_view();
    ck_assert(view->has_locks);
    ck_assert_uint_eq(view->locks.heap, 1000);
    ck_assert_uint_eq(view->locks.side, 200);
    ck_assert_uint_eq(view->locks.central, 30 + 31 + 32);
    ck_assert_uint_eq(view->locks.records, 4);
    ck_assert_uint_eq(view->locks.arenas, 5);
    ck_assert_uint_eq(view->locks.registry, 6);
    ck_assert_uint_eq(view->locks.contended, 5 + FAKE_CLASSES);
}
END_TEST

// As in a version that did not count them.
START_TEST(a_target_without_counts_has_no_locks) {
    *fake_target_at(&heap.target, fake_heap_row(&heap, "lock.taken")) = 'z';
    read_view();
    ck_assert(!view->has_locks);
    ck_assert_uint_eq(view->locks.heap + view->locks.contended, 0);
    ck_assert(!view->partial);
}
END_TEST

START_TEST(the_ledger_adds_up_to_the_page) {
    struct mh_ledger ledger;

    set_up_form(_i);
    read_view();
    mh_ledger_make(view, &ledger);
    ck_assert_uint_eq(ledger.live, 10 * 64 + 3 * 3008 + 33000);
    ck_assert_uint_eq(ledger.tail, 512 + (5 * FAKE_HEAP_PAGE - 33000));
    ck_assert_uint_eq(ledger.cached, 5 * 64);
    ck_assert_uint_eq(ledger.pending, 64);
    ck_assert_uint_eq(ledger.free_slots, 112 * 64 + 5 * 3008);
    ck_assert_uint_eq(ledger.manual, 2 * FAKE_HEAP_PAGE);
    ck_assert_uint_eq(ledger.taken, 1 * FAKE_HEAP_PAGE);
    ck_assert_uint_eq(ledger.page_caches, 3 * FAKE_HEAP_PAGE);
    ck_assert_uint_eq(ledger.free_kept, 20 * FAKE_HEAP_PAGE);
    ck_assert_uint_eq(ledger.metadata, 0xc000);
    ck_assert_uint_eq(ledger.metadata_rest, 0x3000);
    ck_assert_uint_eq(ledger.sum, 35 * FAKE_HEAP_PAGE + 0xc000);
    ck_assert_uint_eq(ledger.untouched, 10 * FAKE_HEAP_PAGE);
    ck_assert_uint_eq(ledger.resident, 25 * FAKE_HEAP_PAGE + 0xc000);
    ck_assert_int_eq(ledger.difference, 0);
    ck_assert_uint_eq(ledger.released, 61 * FAKE_HEAP_PAGE);
    ck_assert_uint_eq(ledger.room, 32 * FAKE_HEAP_PAGE);
    ck_assert_uint_eq(ledger.reserved, FAKE_BYTES + 0xf000);
    ck_assert_int_eq(ledger.reserved_difference, 0);
    ck_assert_uint_eq(ledger.booked, ledger.reserved);
    ck_assert_int_eq(ledger.rest,
                     (int64_t)(heap.target.resident - ledger.resident));
}
END_TEST

START_TEST(arenas_are_split_into_what_their_addresses_are) {
    read_view();
    const struct mh_view_arena *arena = &view->arenas[0];
    ck_assert_uint_eq(arena->in_spans, 11 * FAKE_HEAP_PAGE);
    ck_assert_uint_eq(arena->taken, 1 * FAKE_HEAP_PAGE);
    ck_assert_uint_eq(arena->page_caches, 3 * FAKE_HEAP_PAGE);
    ck_assert_uint_eq(arena->free_kept, 20 * FAKE_HEAP_PAGE);
    ck_assert_uint_eq(arena->released, 61 * FAKE_HEAP_PAGE);
    ck_assert_uint_eq(arena->room, 32 * FAKE_HEAP_PAGE);
    ck_assert_uint_eq(arena->foreign, 0);
    ck_assert_uint_eq(arena->resident, 25 * FAKE_HEAP_PAGE);
    ck_assert_uint_eq(arena->used_bytes, 10 * 64 + 3 * 3008 + 33000);
}
END_TEST

START_TEST(every_slot_is_in_exactly_one_state) {
    read_view();
    const struct mh_view_span *span = &view->spans[0];
    for (uint32_t slot = 0; slot < span->nslots; slot++) {
        enum mh_slot_state want = slot < 10    ? MH_SLOT_USED
                                  : slot == 10 ? MH_SLOT_PENDING
                                  : slot < 16  ? MH_SLOT_CACHED
                                               : MH_SLOT_FREE;
        ck_assert_int_eq(mh_view_slot_state(view, span, slot), want);
    }
}
END_TEST

START_TEST(used_slots_are_walked_in_order) {
    read_view();
    const struct mh_view_span *span = &view->spans[0];
    for (uint32_t slot = 0; slot < 10; slot++) {
        ck_assert_uint_eq(mh_view_next_used(view, span, slot), slot);
    }
    ck_assert_uint_eq(mh_view_next_used(view, span, 10), span->nslots);
    ck_assert_uint_eq(mh_view_next_used(view, span, 127), span->nslots);
    ck_assert_uint_eq(mh_view_next_used(view, &view->spans[1], 3), 8);
    ck_assert_uint_eq(mh_view_next_used(view, &view->spans[2], 0), 0);
    ck_assert_uint_eq(mh_view_next_used(view, &view->spans[3], 0), 0);
}
END_TEST

// The large object of the heap begins 2 KiB into its first page.
static void put_start(uint64_t granules) {
    uint64_t at = page_address(4);
    uint64_t pair = fake_heap_pair(&heap, at);
    fake_heap_put(&heap, fake_heap_span(&heap, 2), "span.start", 0, granules);
    fake_heap_put(&heap, pair, "pair.live", 0,
                  fake_heap_get(&heap, pair, "pair.live", 0) & ~UINT64_C(1));
    pair = fake_heap_pair(&heap, at + 2048);
    fake_heap_put(&heap, pair, "pair.live", 0, 1);
}

START_TEST(a_large_object_may_begin_within_its_first_page) {
    struct mh_view_place place;

    set_up_form(_i);
    put_start(2048 / 16);
    read_view();
    ck_assert_msg(view->nfindings == 0, "%s", view->findings[0].text);
    ck_assert_uint_eq(view->spans[2].start, 2048);
    ck_assert_uint_eq(view->spans[2].used, 1);
    mh_view_locate(view, page_address(4) + 2048 + 32999, &place);
    ck_assert_int_eq(place.state, MH_SLOT_USED);
    ck_assert_uint_eq(place.object, page_address(4) + 2048);
    ck_assert_uint_eq(place.offset, 32999);
    mh_view_locate(view, page_address(4) + 2047, &place);
    ck_assert_int_eq(place.state, MH_SLOT_TAIL);
    mh_view_locate(view, page_address(4) + 2048 + 33000, &place);
    ck_assert_int_eq(place.state, MH_SLOT_TAIL);
}
END_TEST

START_TEST(an_address_is_located) {
    struct mh_view_place place;

    read_view();
    mh_view_locate(view, page_address(0) + 3 * 64 + 5, &place);
    ck_assert_int_eq(place.state, MH_SLOT_USED);
    ck_assert_uint_eq(place.slot, 3);
    ck_assert_uint_eq(place.object, page_address(0) + 3 * 64);
    ck_assert_uint_eq(place.offset, 5);
    ck_assert_uint_eq(place.object_bytes, 64);
    mh_view_locate(view, page_address(1) + 8 * 3008, &place);
    ck_assert_ptr_eq(place.span, &view->spans[1]);
    ck_assert_int_eq(place.state, MH_SLOT_TAIL);
    mh_view_locate(view, page_address(8), &place);
    ck_assert_ptr_eq(place.span, &view->spans[2]);
    ck_assert_uint_eq(place.offset, 4 * FAKE_HEAP_PAGE);
    mh_view_locate(view, page_address(4) + 33000, &place);
    ck_assert_int_eq(place.state, MH_SLOT_TAIL);
    mh_view_locate(view, page_address(20), &place);
    ck_assert_ptr_null(place.span);
    ck_assert_uint_eq(place.run->kind, MH_KIND_FREE);
    mh_view_locate(view, FAKE_META, &place);
    ck_assert_str_eq(place.metadata->what, "arena");
    mh_view_locate(view, FAKE_WINDOW + 0x7fff, &place);
    ck_assert_str_eq(place.metadata->what, "window");
    ck_assert(!place.metadata->reserved);
    mh_view_locate(view, FAKE_WINDOW + 0x8000, &place);
    ck_assert(place.metadata->reserved);
    mh_view_locate(view, 0, &place);
    ck_assert(place.run == NULL && place.span == NULL && place.arena == NULL &&
              place.metadata == NULL);
    mh_view_locate(view, UINT64_MAX, &place);
    ck_assert_ptr_null(place.run);
}
END_TEST

// Four parts of a page each, somewhere else.
static void put_map_in_parts(void) {
    fake_target_map(&heap.target, MAP_IN_PARTS, 0x4000);
    fake_heap_put_map(&heap, "arena_map.table", MAP_IN_PARTS);
    fake_heap_put_map(&heap, "arena_map.count", 0x4000 / heap.pointer_bytes);
    fake_heap_put_map(&heap, "arena_map.part_shift",
                      heap.pointer_bytes == 8 ? 9 : 10);
    fake_heap_put_map(&heap, "arena_map.parts", 5);
}

START_TEST(an_arena_map_in_parts_has_those_that_are_there) {
    struct mh_view_place place;

    set_up_form(_i);
    put_map_in_parts();
    read_view();
    ck_assert_uint_eq(view->findings_total, 0);
    for (uint64_t i = 0; i < 4; i++) {
        mh_view_locate(view, MAP_IN_PARTS + i * 0x1000, &place);
        ck_assert_str_eq(place.metadata->what, "arena map");
        ck_assert_int_eq(place.metadata->reserved, i % 2 != 0);
        ck_assert_uint_eq(place.metadata->bytes, 0x1000);
    }
}
END_TEST

START_TEST(parts_that_do_not_make_up_the_map_are_a_finding) {
    set_up_form(0);
    put_map_in_parts();
    fake_heap_put_map(&heap, "arena_map.count", 0x4000 / 8 - 1);
    read_view();
    ck_assert_uint_eq(view->findings_total, 1);
    ck_assert_str_eq(view->findings[0].code, "MH0307");
}
END_TEST

// ---- memory that is not there -----------------------------------------------

START_TEST(pages_that_nothing_backs_are_never_read) {
    // Pairs of pages that were never used.
    fake_target_set_pages(&heap.target, FAKE_WINDOW + 0x3000, 0x5000,
                          MH_TARGET_PAGE_ABSENT);
    read_view();
    ck_assert(!heap.target.touched_absent);
    ck_assert_uint_eq(view->findings_total, 0);
    ck_assert_uint_eq(view->nspans, 4);
}
END_TEST

START_TEST(swapped_pages_of_the_heap_are_counted_and_not_resident) {
    struct mh_ledger ledger;

    fake_target_set_pages(&heap.target, page_address(20), 0x2000,
                          MH_TARGET_PAGE_SWAPPED);
    read_view();
    mh_ledger_make(view, &ledger);
    ck_assert_uint_eq(ledger.swapped, 0x2000);
    ck_assert_int_eq(ledger.difference, 0);
    ck_assert_uint_eq(ledger.untouched, 11 * FAKE_HEAP_PAGE);
}
END_TEST

START_TEST(a_released_page_that_is_resident_has_a_line_of_its_own) {
    struct mh_ledger ledger;

    fake_target_set_pages(&heap.target, page_address(50), 0x1000,
                          MH_TARGET_PAGE_RESIDENT);
    read_view();
    mh_ledger_make(view, &ledger);
    ck_assert_uint_eq(ledger.lingering, 0x1000);
    ck_assert_uint_eq(ledger.untouched, 10 * FAKE_HEAP_PAGE);
    ck_assert_int_eq(ledger.difference, 0);
}
END_TEST

START_TEST(without_page_tables_the_heap_reads_but_is_not_measured) {
    heap.target.no_pages = true;
    read_view();
    ck_assert(!view->has_residency);
    ck_assert(view->partial);
    ck_assert(has_finding("MH0501"));
    ck_assert_uint_eq(view->nspans, 4);
}
END_TEST

// ---- a heap that moves ------------------------------------------------------

static uint64_t seq_of(unsigned page) {
    return fake_heap_get(&heap, fake_heap_arena(&heap), "arena.seq", page);
}

static void put_seq(unsigned page, uint64_t seq) {
    fake_heap_put(&heap, fake_heap_arena(&heap), "arena.seq", page, seq);
}

// Moves span 0 on during the first `context` reads of the heap's arena.
static void bump(struct mh_target *target, uint64_t address, size_t size) {
    int *left = target->context;

    if (address >= FAKE_META && size >= 64 && *left > 0) {
        (*left)--;
        put_seq(0, seq_of(0) + 2);
    }
}

START_TEST(a_span_that_moves_once_is_read_again) {
    int left = 3;

    heap.target.after_read = bump;
    heap.target.context = &left;
    read_view();
    ck_assert_uint_eq(view->nspans, 4);
    ck_assert_uint_eq(view->unstable, 0);
    ck_assert_uint_eq(view->retried, 1);
    ck_assert(view->spans[0].reread);
    ck_assert(!view->spans[1].reread);
}
END_TEST

START_TEST(a_span_that_always_moves_is_counted_and_left_out) {
    int left = 1 << 30;

    heap.target.after_read = bump;
    heap.target.context = &left;
    read_view();
    ck_assert_uint_eq(view->unstable, 1);
    ck_assert_uint_eq(view->unstable_bytes, FAKE_HEAP_PAGE);
    ck_assert_uint_eq(view->nspans, 3);
    ck_assert_uint_eq(view->findings_total, 0);
    ck_assert_uint_eq(view->runs[0].kind, MH_KIND_TAKEN);
}
END_TEST

// Lets a bin arrive in its new array when its cache has been read once.
static void settle_bin(struct mh_target *target, uint64_t address,
                       size_t size) {
    const uint64_t *bottom = target->context;
    (void)size;
    if (address == fake_heap_cache(&heap, 1)) {
        fake_heap_put(&heap, address, "cache.bottoms", 1, *bottom);
    }
}

START_TEST(a_bin_that_moves_to_a_larger_array_is_read_again) {
    uint64_t cache = fake_heap_cache(&heap, 1);
    uint64_t bottom = fake_heap_get(&heap, cache, "cache.bottoms", 1);

    fake_heap_put(&heap, cache, "cache.bottoms", 1, bottom + 0x1000);
    heap.target.after_read = settle_bin;
    heap.target.context = &bottom;
    read_view();
    ck_assert_uint_eq(view->caches[0].bins[1].fill, 5);
    ck_assert_uint_eq(view->findings_total, 0);
}
END_TEST

// A thread that vanished in a fork has left it full.
START_TEST(nobody_owns_a_span_of_a_cache_that_is_free) {
    fake_heap_put(&heap, fake_heap_cache(&heap, 1), "cache.state", 0, 0);
    read_view();
    ck_assert_uint_eq(view->spans[0].owner, 1);
    ck_assert_uint_eq(view->spans[0].cache, MH_VIEW_NO_CACHE);
    ck_assert_uint_eq(view->caches[0].nspans, 0);
}
END_TEST

START_TEST(an_odd_sequence_number_is_a_change_in_progress) {
    put_seq(1, 5);
    read_view();
    ck_assert_uint_eq(view->unstable, 1);
    ck_assert_uint_eq(view->nspans, 3);
    ck_assert_uint_eq(view->findings_total, 0);
}
END_TEST

// The span dies while the arena is copied.
static void kill_span(struct mh_target *target, uint64_t address, size_t size) {
    (void)target;
    (void)size;
    if (address >= FAKE_META) {
        put_seq(0, 4);
        fake_heap_put(&heap, fake_heap_span(&heap, 0), "span.state", 0, 0);
    }
}

START_TEST(a_span_that_dies_meanwhile_is_simply_gone) {
    heap.target.after_read = kill_span;
    read_view();
    ck_assert_uint_eq(view->nspans, 3);
    ck_assert_uint_eq(view->unstable, 0);
    ck_assert_uint_eq(view->findings_total, 0);
}
END_TEST

// A large object shrinks once its record has been copied.
static void shrink(struct mh_target *target, uint64_t address, size_t size) {
    uint64_t record = fake_heap_span(&heap, 2);

    if (address <= record && record - address < size) {
        target->after_read = NULL;
        fake_heap_put(&heap, record, "span.npages", 0, 5);
    }
}

START_TEST(a_large_object_that_shrinks_meanwhile_overlaps_nothing) {
    fake_heap_put(&heap, fake_heap_span(&heap, 2), "span.npages", 0, 6);
    heap.target.after_read = shrink;
    read_view();
    ck_assert_uint_eq(view->findings_total, 0);
    ck_assert_uint_eq(view->nspans, 4);
    ck_assert_uint_eq(view->spans[2].bytes, 5 * FAKE_HEAP_PAGE);
    ck_assert(view->spans[2].reread && view->spans[3].reread);
}
END_TEST

START_TEST(a_process_that_ends_while_it_is_read_is_gone) {
    struct mh_view_options options = {.root = FAKE_ROOT};

    heap.target.dead = true;
    ck_assert_int_eq(mh_view_open(&heap.target, &options, &view), MH_VIEW_GONE);
    ck_assert_ptr_null(view);
}
END_TEST

static void count_progress(void *context, uint64_t done, uint64_t total) {
    ck_assert_uint_le(done, total);
    (*(int *)context)++;
}

START_TEST(progress_is_told_arena_by_arena) {
    int calls = 0;
    struct mh_view_options options = {
        .root = FAKE_ROOT, .progress = count_progress, .context = &calls};

    ck_assert_int_eq(mh_view_open(&heap.target, &options, &view), MH_VIEW_OK);
    ck_assert_int_eq(calls, 1);
    ck_assert(!view->has_residency);
}
END_TEST

static Suite *view_suite(void) {
    Suite *suite = suite_create("inspect.view");
    TCase *still = tcase_create("still");
    TCase *absent = tcase_create("absent");
    TCase *moving = tcase_create("moving");

    tcase_add_checked_fixture(still, set_up, tear_down);
    tcase_add_loop_test(
        still, spans_are_decoded_in_every_byte_order_and_pointer_size, 0, 4);
    tcase_add_loop_test(still, runs_say_what_every_page_is, 0, 4);
    tcase_add_loop_test(still, limits_are_decoded, 0, 4);
    tcase_add_test(still, a_root_of_minor_0_has_no_limits);
    tcase_add_test(still, limits_that_cannot_be_read_leave_the_rest);
    tcase_add_loop_test(still, caches_heaps_books_and_metadata_are_decoded, 0,
                        4);
    tcase_add_loop_test(still, locks_are_added_up_kind_by_kind, 0, 4);
    tcase_add_test(still, a_target_without_counts_has_no_locks);
    tcase_add_loop_test(still, the_ledger_adds_up_to_the_page, 0, 4);
    tcase_add_test(still, arenas_are_split_into_what_their_addresses_are);
    tcase_add_test(still, every_slot_is_in_exactly_one_state);
    tcase_add_test(still, used_slots_are_walked_in_order);
    tcase_add_test(still, an_address_is_located);
    tcase_add_loop_test(still, a_large_object_may_begin_within_its_first_page,
                        0, 4);
    tcase_add_loop_test(still, an_arena_map_in_parts_has_those_that_are_there,
                        0, 4);
    tcase_add_test(still, parts_that_do_not_make_up_the_map_are_a_finding);
    suite_add_tcase(suite, still);
    tcase_add_checked_fixture(absent, set_up, tear_down);
    tcase_add_test(absent, pages_that_nothing_backs_are_never_read);
    tcase_add_test(absent,
                   swapped_pages_of_the_heap_are_counted_and_not_resident);
    tcase_add_test(absent,
                   a_released_page_that_is_resident_has_a_line_of_its_own);
    tcase_add_test(absent,
                   without_page_tables_the_heap_reads_but_is_not_measured);
    suite_add_tcase(suite, absent);
    tcase_add_checked_fixture(moving, set_up, tear_down);
    tcase_add_test(moving, nobody_owns_a_span_of_a_cache_that_is_free);
    tcase_add_test(moving, a_span_that_moves_once_is_read_again);
    tcase_add_test(moving, a_span_that_always_moves_is_counted_and_left_out);
    tcase_add_test(moving, a_bin_that_moves_to_a_larger_array_is_read_again);
    tcase_add_test(moving, an_odd_sequence_number_is_a_change_in_progress);
    tcase_add_test(moving, a_span_that_dies_meanwhile_is_simply_gone);
    tcase_add_test(moving,
                   a_large_object_that_shrinks_meanwhile_overlaps_nothing);
    tcase_add_test(moving, a_process_that_ends_while_it_is_read_is_gone);
    tcase_add_test(moving, progress_is_told_arena_by_arena);
    suite_add_tcase(suite, moving);
    return suite;
}

int main(void) {
    SRunner *runner = srunner_create(view_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
