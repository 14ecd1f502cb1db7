// arena_test.c - address space, the metadata that goes with it, and the way in
// and out of sight of a span.

#include <check.h>
#include <signal.h>

#include "core/heap/arena.h"
#include "core/heap/size_class.h"
#include "core/meta/layout.h"
#include "platform/sim/sim.h"
#include "tests/support/sanitized.h"
#include "tests/support/test_main.h"

#define MIB ((size_t)1 << 20)

static uintptr_t reserve(size_t size, size_t *got) {
    ck_assert_int_eq(mh_arenas_init(), MH_OK);
    return (uintptr_t)mh_arenas_reserve(size, size, got);
}

static uint32_t seq_of(const struct mh_span *span) {
    uintptr_t base = (uintptr_t)span->base;
    return mh_arena_of(base)->seq[mh_arena_page(base)];
}

START_TEST(a_reservation_is_whole_arenas_with_metadata) {
    size_t got = 0;
    uintptr_t base = reserve(3 * MIB, &got);
    ck_assert_uint_eq(got, MH_ARENA_SIZE);
    ck_assert_uint_eq(base % MH_ARENA_SIZE, 0);
    ck_assert_int_eq(mh_sim_state_of((void *)base), MH_RESERVED);

    struct mh_arena *arena = mh_arena_of(base);
    ck_assert_ptr_nonnull(arena);
    ck_assert_uint_eq(arena->base, base);
    ck_assert_uint_eq(arena->bytes, MH_ARENA_SIZE);
    ck_assert_ptr_eq(mh_arena_of(base + MH_ARENA_SIZE - 16), arena);
    ck_assert_int_eq(mh_sim_state_of(arena), MH_READY);
}
END_TEST

static uint64_t first_wanted(void) {
    const struct mh_layout *layout = mh_layout_own();
    size_t program_end = mh_sys_facts()->program_end;
    return layout->rule == MH_HINTS_LISTED
               ? mh_layout_hint(layout, 0)
               : mh_layout_program_hint(layout, program_end);
}

START_TEST(the_first_is_where_the_layout_wants_it) {
    size_t got = 0;
    uintptr_t base = reserve(MIB, &got);
    if (MH_SANITIZED) {
        return; // the sanitizer's mmap heeds no hint there
    }
    ck_assert_uint_eq(base, first_wanted());
    ck_assert_uint_eq(reserve(MIB, &got), base + MH_ARENA_SIZE);
}
END_TEST

START_TEST(a_reservation_of_several_arenas_has_all_their_metadata) {
    size_t got = 0;
    uintptr_t base = reserve(2 * MH_ARENA_SIZE + MIB, &got);
    ck_assert_uint_eq(got, 3 * MH_ARENA_SIZE);
    for (uintptr_t i = 0; i < 3; i++) {
        struct mh_arena *arena = mh_arena_of(base + i * MH_ARENA_SIZE);
        ck_assert_ptr_nonnull(arena);
        ck_assert_uint_eq(arena->number, i);
        ck_assert_ptr_eq(mh_arenas.table[i], arena);
    }
    ck_assert_uint_eq(mh_arenas.count, 3);
    ck_assert_ptr_null(mh_arena_of(base + 3 * MH_ARENA_SIZE));
}
END_TEST

START_TEST(where_space_is_short_a_piece_is_given) {
    size_t got = 0;
    size_t space = MH_ARENA_SIZE / 4 * 3;
    size_t more = space > 16 * MIB ? 2 * MIB : MIB;
    mh_sim_limit_space(space); // ulimit -v
    uintptr_t base = reserve(MIB, &got);
    ck_assert_uint_ne(base, 0);
    ck_assert_uint_eq(got, MIB);
    uintptr_t next = reserve(more, &got);
    ck_assert_uint_ne(next, 0);
    ck_assert_uint_eq(got, more);
    ck_assert_ptr_eq(mh_arena_of(next), mh_arena_of(base)); // share a granule
    ck_assert_uint_eq(mh_arenas.count, 1);
}
END_TEST

START_TEST(where_no_hint_is_heeded_a_window_follows) {
    size_t got = 0;
    // Not on Windows: an aligned piece is had there by reserving it again at an
    // address of one's own, which refused hints make impossible.
    mh_sim_become(MH_SIM_LINUX);
    mh_sim_refuse_hints(true);
    mh_sim_limit_commit(24 * MIB); // not enough for a full map
    uintptr_t base = reserve(MIB, &got);
    ck_assert_uint_ne(base, 0);
    ck_assert_uint_lt(mh_arena_map.count, 1 << 20);
    ck_assert_ptr_nonnull(mh_arena_of(base));
}
END_TEST

START_TEST(sizes_that_cannot_be_are_refused) {
    size_t got = 0;
    ck_assert_uint_eq(reserve(SIZE_MAX, &got), 0);
    ck_assert_uint_eq(reserve(SIZE_MAX - MH_ARENA_SIZE, &got), 0);
    ck_assert_uint_ne(reserve(MIB, &got), 0);
}
END_TEST

START_TEST(failed_growth_uses_no_addresses_up) {
    size_t got = 0;
    uintptr_t first = reserve(MIB, &got);
    struct mh_account before = mh_sys_account(MH_NPURPOSES);
    mh_sim_fail_kind(MH_OP_alloc, true); // no metadata
    for (int i = 0; i < 3000; i++) {
        ck_assert_uint_eq(reserve(MIB, &got), 0);
    }
    mh_sim_fail_nothing();
    struct mh_account after = mh_sys_account(MH_NPURPOSES);
    // What the window made Ready of its own stays; the sum does not grow.
    ck_assert_uint_eq(after.reserved + after.prepared + after.ready,
                      before.reserved + before.prepared + before.ready);
    ck_assert_uint_eq(reserve(MIB, &got), first + MH_ARENA_SIZE);
}
END_TEST

START_TEST(a_reservation_that_is_not_taken_back_is_used_next) {
    size_t got = 0;
    (void)reserve(MIB, &got);
    mh_sim_fail_kind(MH_OP_alloc, true);
    mh_sim_fail_kind(MH_OP_free, true);
    ck_assert_uint_eq(reserve(MIB, &got), 0);
    uint64_t reserved = mh_sys_account(MH_NPURPOSES).reserved;
    mh_sim_fail_nothing();
    ck_assert_uint_ne(reserve(MIB, &got), 0);
    ck_assert_uint_eq(mh_sys_account(MH_NPURPOSES).reserved, reserved);
}
END_TEST

START_TEST(the_list_of_arenas_outgrows_its_table) {
    size_t got = 0;
    struct mh_arena **first_table = NULL;
    for (uint64_t i = 0; i < 200; i++) {
        uintptr_t base = reserve(MIB, &got);
        ck_assert_ptr_eq(mh_arenas.table[i], mh_arena_of(base));
        first_table = i == 0 ? mh_arenas.table : first_table;
    }
    ck_assert_ptr_ne(first_table, mh_arenas.table);
    // Who still holds the old one reads what was there.
    ck_assert_ptr_eq(first_table[127], mh_arenas.table[127]);
}
END_TEST

// Spans --------------------------------------------------------------------

static uintptr_t base;

static void make_arena(void) {
    size_t got = 0;
    base = reserve(2 * MH_ARENA_SIZE, &got);
    ck_assert_uint_ne(base, 0);
}

static struct mh_span *make_small(uintptr_t at, size_t npages) {
    struct mh_span *span = mh_arena_new_span(at, npages);
    span->size_class = 5;
    span->slot_size = mh_classes[5].size;
    span->nslots = mh_classes[5].nslots;
    mh_span_publish(span, MH_SPAN_IN_USE, 77);
    return span;
}

static void retire(struct mh_span *span) {
    mh_span_retire(span);
    mh_arena_drop_span(span);
}

START_TEST(a_published_span_is_found_from_all_its_pages) {
    struct mh_span *span = make_small(base + 5 * MH_PAGE_SIZE, 3);
    struct mh_arena *arena = mh_arena_of(base);
    uintptr_t first = (uintptr_t)span->base;
    for (uintptr_t at = first; at < first + 3 * MH_PAGE_SIZE; at += 1040) {
        uint32_t word = arena->page_words[mh_arena_page(at)];
        ck_assert_uint_eq(mh_page_word_owner(word), 77);
        ck_assert_uint_eq(mh_page_word_class(word), 5);
        ck_assert_ptr_eq(mh_arena_span(arena, at), span);
        ck_assert_ptr_eq(mh_arena_span_at(at), span);
    }
    ck_assert_uint_eq(arena->page_words[4], 0);
    ck_assert_uint_eq(arena->page_words[8], 0);
    ck_assert_ptr_null(mh_arena_span_at(base + 4 * MH_PAGE_SIZE));
    ck_assert_ptr_null(mh_arena_span_at(base + 8 * MH_PAGE_SIZE));
    ck_assert_uint_eq(span->owner_told, mh_owner_word(77, false));
}
END_TEST

START_TEST(a_retired_span_is_found_no_more) {
    struct mh_span *span = make_small(base, 2);
    retire(span);
    ck_assert_int_eq(span->state, MH_SPAN_DEAD);
    ck_assert_uint_eq(mh_arena_of(base)->page_words[0], 0);
    ck_assert_uint_eq(mh_arena_of(base)->page_words[1], 0);
    ck_assert_ptr_null(mh_arena_span_at(base));
}
END_TEST

START_TEST(every_change_moves_the_sequence_by_two) {
    struct mh_span *span = make_small(base, 2);
    uint32_t seq = seq_of(span);
    ck_assert_uint_eq(seq, 2);
    mh_span_set_owner(span, 78);
    ck_assert_uint_eq(seq_of(span), 4);
    ck_assert_uint_eq(mh_page_word_owner(mh_arena_of(base)->page_words[1]), 78);
    mh_span_retire(span);
    ck_assert_uint_eq(seq_of(span), 6);
}
END_TEST

START_TEST(a_look_notices_a_change) {
    struct mh_span *span = make_small(base, 2);
    struct mh_span_look look = mh_span_look_begin(span);
    ck_assert(mh_span_look_end(look));
    mh_span_set_owner(span, 78);
    ck_assert(!mh_span_look_end(look));

    look = mh_span_look_begin(span);
    retire(span);
    (void)make_small(base + 4 * MH_PAGE_SIZE, 1); // takes the record
    ck_assert(!mh_span_look_end(look));

    span = make_small(base, 2);
    mh_arena_of(base)->seq[0]++; // somebody is changing it
    look = mh_span_look_begin(span);
    ck_assert(!mh_span_look_end(look));
}
END_TEST

START_TEST(odd_sequence_numbers_are_repaired) {
    struct mh_span *span = make_small(base, 2);
    struct mh_arena *arena = mh_arena_of(base);
    arena->seq[0]++;
    arena->seq[100]++;
    uint32_t before = seq_of(span);
    mh_arenas_repair_seq();
    ck_assert_uint_eq(seq_of(span), before + 1);
    ck_assert_uint_eq(arena->seq[100] % 2, 0);
    ck_assert_uint_eq(arena->seq[1], 0);
}
END_TEST

START_TEST(records_are_used_again_and_empty) {
    struct mh_span *a = make_small(base, 1);
    struct mh_span *b = make_small(base + MH_PAGE_SIZE, 1);
    ck_assert_ptr_ne(a, b);
    uint32_t birth = b->birth;
    a->touched = a->free[3] = 99;
    a->large_size = 99;
    retire(a);

    struct mh_span *c = mh_arena_new_span(base + 9 * MH_PAGE_SIZE, 4);

    ck_assert_ptr_eq(c, a);
    ck_assert_uint_gt(c->birth, birth);
    ck_assert_uint_eq(c->base, base + 9 * MH_PAGE_SIZE);
    ck_assert_uint_eq(c->npages, 4);
    ck_assert_uint_eq(c->touched | c->free[3] | c->large_size | c->nslots, 0);
    // Nobody can be told of a span that is not there yet.
    ck_assert_uint_eq(c->owner_told, mh_owner_word(MH_OWNER_DEAD, false));
    ck_assert_uint_eq(mh_arena_of(base)->spans_made, 2);
}
END_TEST

START_TEST(there_is_a_record_for_every_page) {
    for (uintptr_t i = 0; i < MH_ARENA_PAGES; i++) {
        (void)make_small(base + i * MH_PAGE_SIZE, 1);
    }
    for (uintptr_t i = 0; i < MH_ARENA_PAGES; i += 100) {
        uintptr_t at = base + i * MH_PAGE_SIZE;
        ck_assert_uint_eq(mh_arena_span_at(at)->base, at);
    }
}
END_TEST

START_TEST(a_large_span_is_named_once_and_found_inside) {
    uintptr_t at = base + 10 * MH_PAGE_SIZE;
    struct mh_span *span = mh_arena_new_span(at, MH_ARENA_PAGES);
    span->nslots = 1;
    mh_span_publish(span, MH_SPAN_IN_USE, MH_OWNER_LARGE);
    ck_assert_uint_eq(mh_arena_of(at)->page_words[11], 0);
    ck_assert_ptr_eq(mh_arena_span_at(at + 16), span);
    ck_assert_ptr_eq(mh_arena_span_at(at + MH_ARENA_SIZE / 2 + 5), span);
    // It ends in the next arena.
    ck_assert_ptr_eq(mh_arena_span_at(base + MH_ARENA_SIZE), span);
    ck_assert_ptr_eq(mh_arena_span_at(at + MH_ARENA_SIZE - 1), span);
    ck_assert_ptr_null(mh_arena_span_at(at + MH_ARENA_SIZE));
    ck_assert_ptr_null(mh_arena_span_at(at - 1));
}
END_TEST

START_TEST(dropping_a_span_in_use_stops_the_program) {
    mh_arena_drop_span(make_small(base, 1));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("arena");
    TCase *space = tcase_create("space");
    tcase_add_test(space, a_reservation_is_whole_arenas_with_metadata);
    tcase_add_test(space, the_first_is_where_the_layout_wants_it);
    tcase_add_test(space,
                   a_reservation_of_several_arenas_has_all_their_metadata);
    tcase_add_test(space, where_space_is_short_a_piece_is_given);
    tcase_add_test(space, where_no_hint_is_heeded_a_window_follows);
    tcase_add_test(space, sizes_that_cannot_be_are_refused);
    tcase_add_test(space, failed_growth_uses_no_addresses_up);
    tcase_add_test(space, a_reservation_that_is_not_taken_back_is_used_next);
    tcase_add_test(space, the_list_of_arenas_outgrows_its_table);
    suite_add_tcase(suite, space);
    TCase *spans = tcase_create("spans");
    tcase_add_checked_fixture(spans, make_arena, NULL);
    tcase_add_test(spans, a_published_span_is_found_from_all_its_pages);
    tcase_add_test(spans, a_retired_span_is_found_no_more);
    tcase_add_test(spans, every_change_moves_the_sequence_by_two);
    tcase_add_test(spans, a_look_notices_a_change);
    tcase_add_test(spans, odd_sequence_numbers_are_repaired);
    tcase_add_test(spans, records_are_used_again_and_empty);
    tcase_add_test(spans, there_is_a_record_for_every_page);
    tcase_add_test(spans, a_large_span_is_named_once_and_found_inside);
    tcase_add_test_raise_signal(spans, dropping_a_span_in_use_stops_the_program,
                                SIGABRT);
    suite_add_tcase(suite, spans);
    return mh_test_main(suite);
}
