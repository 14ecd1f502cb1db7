// holes_test.c - the empty parts of spans that keep objects.

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/heap/heap.h"
#include "core/heap/holes.h"
#include "core/heap/scavenge.h"
#include "core/scav/scavenger.h"
#include "core/sys/limit.h"
#include "core/sys/sys.h"
#include "mheap/mheap.h"
#include "platform/sim/sim.h"
#include "tests/support/check_books.h"
#include "tests/support/expect.h"
#include "tests/support/objects.h"
#include "tests/support/rounds.h"
#include "tests/support/test_main.h"
#include "tests/support/threads.h"

// One in KEPT is kept; more spans than are looked at in one go keep some.
enum { N = 12000, SIZE = 320, KEPT = 100 };

static struct mh_actor other;
static struct mh_cache *others_cache;
static char *objects[N];

static size_t page_size(void) {
    return mh_sys_facts()->page_size;
}

// ---- which pages they are ---------------------------------------------------

static bool is_free_slot(const struct mh_span *span, uint32_t slot) {
    return (span->free[slot / 64] >> (slot % 64) & 1) != 0;
}

// The same, slot by slot and byte by byte.
static uint32_t naive_holes(const struct mh_span *span) {
    uint32_t holes = 0;
    size_t npages = ((size_t)span->npages << MH_PAGE_SHIFT) / page_size();
    for (size_t i = 0; i < npages; i++) {
        uintptr_t low = (uintptr_t)span->base + i * page_size();
        uintptr_t high = low + page_size();
        bool hole = true;
        for (uint32_t slot = 0; slot < span->nslots; slot++) {
            uintptr_t at = mh_span_slot_address(span, slot);
            bool reaches = at < high && at + span->slot_size > low;
            hole = hole && (!reaches || is_free_slot(span, slot));
        }
        holes |= hole ? UINT32_C(1) << i : 0;
    }
    bool none = page_size() > MH_PAGE_SIZE ||
                span->nfree * span->slot_size < page_size();
    return none ? 0 : holes;
}

static void set_free(struct mh_span *span, uint32_t slot, bool free) {
    if (is_free_slot(span, slot) != free) {
        span->free[slot / 64] ^= UINT64_C(1) << (slot % 64);
        span->nfree += free ? 1 : -1;
    }
}

START_TEST(pages_without_objects_are_found_in_every_class) {
    static struct mh_span span;
    const struct mh_class_info *info = &mh_classes[_i];
    uint64_t rng = (uint64_t)_i + 1;
    span = (struct mh_span){.base = (uint64_t)0xc0 << 24,
                            .slot_size = info->size,
                            .magic = info->magic,
                            .nslots = info->nslots,
                            .npages = info->npages,
                            .size_class = (uint8_t)_i};
    for (uint32_t slot = 0; slot < span.nslots; slot++) {
        set_free(&span, slot, true);
    }
    for (int round = 0; round < 300; round++) {
        ck_assert_uint_eq(mh_span_find_holes(&span), naive_holes(&span));
        uint32_t from = (uint32_t)mh_random_below(&rng, span.nslots);
        uint32_t n = (uint32_t)mh_random_below(&rng, span.nslots / 3 + 2);
        bool free = mh_random_below(&rng, 3) != 0;
        for (uint32_t at = from; at < from + n && at < span.nslots; at++) {
            set_free(&span, at, free);
        }
    }
}
END_TEST

START_TEST(where_system_pages_are_larger_than_the_heaps_there_are_none) {
    mh_sim_set_page_size(64 << 10);
    struct mh_cache *cache = mh_cache_of_thread(mh_heap_default());
    struct mh_span *span =
        mh_heap_new_span(cache->heap, mh_size_class(64), cache);
    ck_assert_uint_eq(mh_span_find_holes(span), 0);
}
END_TEST

// ---- made by rounds, filled by use ------------------------------------------

static void make_objects(void *arg) {
    (void)arg;
    for (size_t i = 0; i < N; i++) {
        objects[i] = mheap_malloc(SIZE);
        ck_assert_ptr_nonnull(objects[i]);
        memset(objects[i], (int)(i % 251), SIZE);
    }
    others_cache = mh_tls_get();
}

static void free_most(void *arg) {
    (void)arg;
    for (size_t i = 0; i < N; i++) {
        if (i % KEPT != 0) {
            mheap_free(objects[i]);
        }
    }
    mheap_thread_flush();
}

static void free_kept(void *arg) {
    (void)arg;
    for (size_t i = 0; i < N; i += KEPT) {
        ck_assert(mh_is_filled((unsigned char *)objects[i], SIZE,
                               (unsigned char)(i % 251)));
        mheap_free(objects[i]);
    }
    mheap_thread_flush();
}

static void begin(void) {
    start_the_clock();
    mh_actor_do(&other, make_objects, NULL);
}

static void begin_with_holes(void) {
    begin();
    mh_actor_do(&other, free_most, NULL);
    for (int i = 0; i < 3; i++) {
        let_a_period_pass();
    }
}

static void end(void) {
    mh_check_books(mheap_default());
    mh_actor_end(&other);
    mh_check_books(mheap_default());
}

static struct mh_span *span_of(size_t i) {
    return mh_arena_span_at((uintptr_t)objects[i]);
}

// Of the pages that objects lay in, so many are in a state.
static size_t npages_in(enum mh_state state) {
    size_t n = 0;
    uintptr_t last = 0;
    for (size_t i = 0; i < N; i++) {
        uintptr_t page = (uintptr_t)objects[i] & ~(page_size() - 1);
        n += page != last && mh_sim_state_of((void *)page) == state;
        last = page;
    }
    return n;
}

// Whether this system's pages are small enough.
static bool can_be(void) {
    return page_size() <= MH_PAGE_SIZE;
}

START_TEST(a_quiet_thread_keeps_the_pages_of_its_objects_only) {
    mh_actor_do(&other, free_most, NULL);
    size_t before = npages_in(MH_READY);
    for (int i = 0; i < 3; i++) {
        let_a_period_pass();
    }
    if (can_be()) {
        ck_assert_uint_le(npages_in(MH_READY), 2 * (N / KEPT) + 2);
    } else {
        ck_assert_uint_eq(npages_in(MH_READY), before);
    }
    mh_actor_do(&other, free_kept, NULL); // each holds what was written
}
END_TEST

START_TEST(what_there_was_no_time_for_is_done_in_a_later_round) {
    mh_actor_do(&other, free_most, NULL);
    let_a_period_pass();
    let_a_period_pass();
    size_t made = npages_in(MH_PREPARED);
    mh_actor_do(&other, make_objects, NULL);
    mh_actor_do(&other, free_most, NULL);
    let_a_period_pass();
    mh_pacer_spend(&mh_scavenger.pacer, UINT64_MAX);
    mh_scavenger.pacer.now_ns = now + MH_SCAV_PERIOD_NS; // nothing comes in
    let_a_period_pass();
    ck_assert_uint_eq(npages_in(MH_PREPARED), 0);
    let_a_period_pass();
    let_a_period_pass();
    ck_assert_uint_ge(npages_in(MH_PREPARED), made / 2);
    ck_assert_int_eq(made != 0, can_be());
}
END_TEST

START_TEST(a_thread_that_works_on_keeps_them_all) {
    mh_actor_do(&other, free_most, NULL);
    size_t before = npages_in(MH_READY);
    for (int i = 0; i < 4; i++) {
        mh_cache_enter(others_cache);
        mh_cache_leave(others_cache);
        let_a_period_pass();
    }
    ck_assert_uint_eq(npages_in(MH_READY), before);
}
END_TEST

START_TEST(holes_are_filled_before_a_slot_is_handed_out) {
    ck_assert_int_eq(span_of(0)->has_holes, can_be());
    mh_actor_do(&other, make_objects, NULL);
    for (size_t i = 0; i < N; i++) {
        ck_assert_int_eq(mh_sim_state_of(objects[i]), MH_READY);
        ck_assert(!span_of(i)->has_holes);
    }
}
END_TEST

START_TEST(holes_are_filled_before_a_span_ends) {
    mh_actor_do(&other, free_kept, NULL);
    struct mheap_class_stats stats;
    ck_assert(mheap_class_stats_get(NULL, mh_size_class(SIZE), &stats));
    ck_assert_uint_eq(stats.spans, 0);
    char *p = mheap_malloc((size_t)N * SIZE); // over the same pages
    ck_assert_uint_eq(npages_in(MH_PREPARED), 0);
    memset(p, 1, (size_t)N * SIZE);
    mheap_free(p);
}
END_TEST

START_TEST(a_hole_that_cannot_be_filled_is_out_of_memory_and_no_more) {
    if (!can_be()) {
        ck_assert(!span_of(0)->has_holes);
        return;
    }
    struct mh_span *span = span_of(0);
    mh_sim_fail_kind(MH_OP_used, true);
    mh_sim_fail_kind(MH_OP_unused, true);
    errno = 0;
    ck_assert(!mh_span_fill_holes(span));
    ck_assert(span->has_holes);
    mh_check_books(mheap_default());
    mh_actor_do(&other, free_kept, NULL); // what is idle cannot go: it stays
    ck_assert_int_eq(span->state, MH_SPAN_IN_USE);
    mh_check_books(mheap_default());
    mh_sim_fail_nothing();
    mh_actor_do(&other, make_objects, NULL);
    mh_actor_do(&other, free_most, NULL);
}
END_TEST

static void make_one(void *arg) {
    *(void **)arg = mheap_malloc(SIZE);
}

// One in the middle had its holes filled when that was possible still.
START_TEST(where_holes_cannot_be_filled_a_span_without_any_serves) {
    void *p = NULL;
    struct mh_span *whole = span_of(N / KEPT / 2 * KEPT);
    ck_assert_ptr_ne(span_of(0), whole);
    ck_assert(mh_span_fill_holes(whole));
    mh_sim_fail_kind(MH_OP_used, true);
    mh_sim_fail_kind(MH_OP_alloc, true);
    mh_sim_fail_kind(MH_OP_reserve, true);
    // More than lie in bins.
    for (size_t i = 0; i < 64; i++) {
        mh_actor_do(&other, make_one, &p);
        ck_assert_ptr_nonnull(p);
        memset(p, 1, SIZE);
        mheap_free(p);
    }
    mh_check_books(mheap_default());
    mh_sim_fail_nothing();
}
END_TEST

static void make_in(void *arg) {
    for (size_t i = 0; i < N; i++) {
        objects[i] = mheap_alloc_in(arg, SIZE);
        memset(objects[i], 1, SIZE);
    }
}

START_TEST(a_span_whose_holes_cannot_be_filled_ends_as_one_hole) {
    mheap_release(); // there is nothing free to give for them
    ck_assert_int_eq(mheap_option_set(MHEAP_OPTION_HARD_LIMIT, 1), 0);
    struct mh_span *span = span_of(0);
    ck_assert_int_eq(mh_span_fill_holes(span), !can_be());
    ck_assert_int_eq(span->has_holes, can_be());
    uint64_t before = mh_limits.counted;
    mh_actor_do(&other, free_kept, NULL);
    struct mheap_class_stats stats;
    ck_assert(mheap_class_stats_get(NULL, mh_size_class(SIZE), &stats));
    ck_assert_uint_eq(stats.spans, 0);
    ck_assert_uint_le(mh_limits.counted, before);
    mh_check_books(mheap_default());
    ck_assert_int_eq(mheap_option_set(MHEAP_OPTION_HARD_LIMIT, 0), 0);
    char *p = mheap_malloc((size_t)N * SIZE); // over the same pages
    memset(p, 1, (size_t)N * SIZE);
    mheap_free(p);
}
END_TEST

START_TEST(where_holes_cannot_be_filled_a_destroyed_heap_ends_its_spans) {
    struct mheap *heap = mheap_create("cut");
    struct mheap_stats stats;
    mh_actor_do(&other, make_in, heap);
    mh_actor_do(&other, free_most, NULL);
    for (int i = 0; i < 3; i++) {
        let_a_period_pass();
    }
    mh_sim_fail_kind(MH_OP_used, true);
    mheap_destroy(heap);
    mh_sim_fail_nothing();
    heap = mheap_create("next");
    ck_assert_int_eq(mh_heap_check(heap), 0);
    mheap_stats(heap, &stats);
    ck_assert_uint_eq(stats.spans, 0);
    ck_assert_uint_eq(stats.free_page_bytes, 0);
    char *p = mheap_alloc_in(heap, (size_t)N * SIZE);
    memset(p, 1, (size_t)N * SIZE);
    mheap_destroy(heap);
}
END_TEST

START_TEST(holes_are_filled_from_free_pages_at_the_soft_limit) {
    if (!can_be()) {
        return;
    }
    mheap_release();
    mheap_free(mheap_malloc(1 << 20));
    uint64_t soft = mh_limits.counted;
    ck_assert_int_eq(mheap_option_set(MHEAP_OPTION_SOFT_LIMIT, soft), 0);
    ck_assert(mh_span_fill_holes(span_of(0)));
    ck_assert_uint_le(mh_limits.counted, soft);
}
END_TEST

START_TEST(a_page_that_the_system_keeps_is_no_hole) {
    mh_sim_fail_kind(MH_OP_unused, true);
    mh_actor_do(&other, free_most, NULL);
    for (int i = 0; i < 3; i++) {
        let_a_period_pass();
    }
    mh_sim_fail_nothing();
    ck_assert(!span_of(0)->has_holes);
}
END_TEST

START_TEST(spans_that_nobody_owns_have_holes_too) {
    mh_actor_do(&other, free_most, NULL);
    mh_actor_end(&other);
    let_a_period_pass();
    let_a_period_pass();
    for (size_t i = 0; i < N; i += KEPT) {
        ck_assert_uint_eq(span_of(i)->owner_told,
                          mh_owner_word(MH_OWNER_NONE, false));
        ck_assert_int_eq(span_of(i)->has_holes, can_be());
    }
    free_kept(NULL); // by another thread, which adopts or settles them
    mh_check_books(mheap_default());
}
END_TEST

enum { M = 600, LARGER = 2 * SIZE };
static char *larger[M];

static void make_and_free_larger(void *arg) {
    (void)arg;
    for (size_t i = 0; i < M; i++) {
        larger[i] = mheap_malloc(LARGER);
        ck_assert_ptr_nonnull(larger[i]);
    }
    for (size_t i = 0; i < M; i++) {
        if (i % 100 != 0) {
            mheap_free(larger[i]);
        }
    }
}

// Each call has the time for some spans of one class.
START_TEST(no_class_takes_the_time_of_the_others) {
    mh_actor_do(&other, make_and_free_larger, NULL);
    mh_actor_do(&other, free_most, NULL);
    mh_actor_end(&other);
    ck_assert_uint_ne(mh_size_class(SIZE), mh_size_class(LARGER));
    for (unsigned i = 0; i < 2 * MH_NCLASSES; i++) {
        struct mh_pacer pacer = {.now_ns = 0, .left_ns = 1};
        mh_heap_sweep_quiet(&pacer);
    }
    ck_assert_int_eq(span_of(0)->has_holes, can_be());
    ck_assert_int_eq(mh_arena_span_at((uintptr_t)larger[0])->has_holes,
                     can_be());
    free_kept(NULL);
}
END_TEST

START_TEST(who_has_no_cache_fills_the_holes_of_spans_that_end) {
    mh_actor_end(&other);
    struct mh_cache *mine = mh_tls_get();
    mh_tls_set(&mh_cache_dead);
    for (size_t i = 0; i < N; i += KEPT) {
        mheap_free(objects[i]);
    }
    mh_tls_set(mine);
    struct mheap_class_stats stats;
    ck_assert(mheap_class_stats_get(NULL, mh_size_class(SIZE), &stats));
    ck_assert_uint_eq(stats.spans, 0);
    char *p = mheap_malloc((size_t)N * SIZE);
    ck_assert_uint_eq(npages_in(MH_PREPARED), 0);
    memset(p, 1, (size_t)N * SIZE);
    mh_check_books(mheap_default());
}
END_TEST

static void free_another(void *arg) {
    (void)arg;
    mheap_free(objects[KEPT]);
    mheap_thread_flush();
}

START_TEST(more_holes_are_made_beside_those_there_are) {
    uint32_t before = span_of(KEPT)->holes;
    mh_actor_do(&other, free_another, NULL);
    for (int i = 0; i < 3; i++) {
        let_a_period_pass();
    }
    if (can_be()) {
        ck_assert_uint_gt(span_of(KEPT)->holes, before);
    }
    objects[KEPT] = mheap_malloc(SIZE); // for who frees what was kept
    memset(objects[KEPT], KEPT, SIZE);
}
END_TEST

START_TEST(a_thread_that_ends_leaves_its_holes_behind) {
    mh_actor_end(&other);
    ck_assert_int_eq(span_of(0)->has_holes, can_be());
    mh_check_books(mheap_default());
    free_kept(NULL);
    char *p = mheap_malloc(SIZE);
    memset(p, 1, SIZE);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(a_heap_with_holes_can_be_destroyed) {
    struct mheap *heap = mheap_create("cut");
    mh_actor_do(&other, make_in, heap);
    mh_actor_do(&other, free_most, NULL);
    for (int i = 0; i < 3; i++) {
        let_a_period_pass();
    }
    ck_assert_int_eq(span_of(0)->has_holes, can_be());
    mheap_destroy(heap);
    heap = mheap_create("next");
    char *p = mheap_alloc_in(heap, (size_t)N * SIZE);
    memset(p, 1, (size_t)N * SIZE);
    mheap_destroy(heap);
}
END_TEST

START_TEST(where_holes_cannot_be_filled_a_destroyed_heap_has_no_objects_left) {
    struct mheap *heap = mheap_create("cut");
    struct mheap_stats stats;
    mh_actor_do(&other, make_in, heap);
    mh_actor_do(&other, free_most, NULL);
    for (int i = 0; i < 3; i++) {
        let_a_period_pass();
    }
    mh_sim_fail_kind(MH_OP_used, true);
    mh_sim_fail_kind(MH_OP_unused, true);
    mheap_destroy(heap);
    mh_sim_fail_nothing();
    mheap_option_set(MHEAP_OPTION_BAD_FREE, MHEAP_ON_BAD_FREE_COUNT);
    for (size_t i = 0; i < N; i += KEPT) {
        ck_assert_uint_eq(mheap_usable_size(objects[i]), 0);
        mheap_free(objects[i]);
    }
    mheap_stats(NULL, &stats);
    ck_assert_uint_eq(stats.bad_frees_total, N / KEPT);
    heap = mheap_create("next");
    ck_assert_int_eq(mh_heap_check(heap), 0);
    mheap_stats(heap, &stats);
    ck_assert_int_eq(stats.spans != 0, can_be());
    ck_assert_uint_eq(stats.in_use_objects, 0);
    mheap_release(); // and so those that were left
    mheap_stats(heap, &stats);
    ck_assert_uint_eq(stats.spans, 0);
    mheap_destroy(heap);
}
END_TEST

START_TEST(a_hole_under_an_object_breaks_s9) {
    struct mh_span *span = span_of(0);
    uint32_t page =
        (uint32_t)(((uintptr_t)objects[0] - span->base) / page_size());
    span->holes |= UINT32_C(1) << page;
    span->has_holes = 1;
    ck_assert_int_eq(mh_span_check(span), 9);
    span->holes &= ~(UINT32_C(1) << page);
    span->has_holes = span->holes == 0;
    ck_assert_int_eq(mh_span_check(span), 9);
    span->has_holes = span->holes != 0;
    ck_assert_int_eq(mh_span_check(span), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("holes");
    TCase *found = tcase_create("found");
    tcase_add_loop_test(found, pages_without_objects_are_found_in_every_class,
                        2, MH_NCLASSES);
    tcase_add_test(found,
                   where_system_pages_are_larger_than_the_heaps_there_are_none);
    suite_add_tcase(suite, found);
    TCase *made = tcase_create("made");
    tcase_add_checked_fixture(made, begin, end);
    tcase_add_test(made, a_quiet_thread_keeps_the_pages_of_its_objects_only);
    tcase_add_test(made, what_there_was_no_time_for_is_done_in_a_later_round);
    tcase_add_test(made, a_thread_that_works_on_keeps_them_all);
    tcase_add_test(made, a_page_that_the_system_keeps_is_no_hole);
    tcase_add_test(made, spans_that_nobody_owns_have_holes_too);
    tcase_add_test(made, no_class_takes_the_time_of_the_others);
    tcase_add_test(made, a_heap_with_holes_can_be_destroyed);
    tcase_add_test(
        made,
        where_holes_cannot_be_filled_a_destroyed_heap_has_no_objects_left);
    suite_add_tcase(suite, made);
    TCase *filled = tcase_create("filled");
    tcase_add_checked_fixture(filled, begin_with_holes, end);
    tcase_add_test(filled, holes_are_filled_before_a_slot_is_handed_out);
    tcase_add_test(filled, holes_are_filled_before_a_span_ends);
    tcase_add_test(filled,
                   a_hole_that_cannot_be_filled_is_out_of_memory_and_no_more);
    tcase_add_test(filled,
                   where_holes_cannot_be_filled_a_span_without_any_serves);
    tcase_add_test(filled, holes_are_filled_from_free_pages_at_the_soft_limit);
    tcase_add_test(filled,
                   a_span_whose_holes_cannot_be_filled_ends_as_one_hole);
    tcase_add_test(
        filled, where_holes_cannot_be_filled_a_destroyed_heap_ends_its_spans);
    tcase_add_test(filled, who_has_no_cache_fills_the_holes_of_spans_that_end);
    tcase_add_test(filled, more_holes_are_made_beside_those_there_are);
    tcase_add_test(filled, a_thread_that_ends_leaves_its_holes_behind);
    tcase_add_test(filled, a_hole_under_an_object_breaks_s9);
    suite_add_tcase(suite, filled);
    return mh_test_main(suite);
}
