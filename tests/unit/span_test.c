// span_test.c - slots of one span: taking, giving, draining, checking.

#include <check.h>

#include "core/heap/bad_free.h"
#include "core/heap/heap.h"
#include "core/heap/options.h"
#include "tests/support/test_main.h"

enum { SIZE = 64 };

static struct mh_cache *cache;
static struct mh_span *span;
static struct mh_arena *arena;
static void *slots[MH_SPAN_MAX_SLOTS];

static struct mh_span *make(unsigned size_class) {
    cache = mh_cache_of_thread(mh_heap_default());
    ck_assert_ptr_nonnull(cache);
    return mh_heap_new_span(cache->heap, size_class, cache);
}

static void make_span(void) {
    span = make(mh_size_class(SIZE));
    ck_assert_ptr_nonnull(span);
    arena = mh_arena_of((uintptr_t)span->base);
}

static struct mh_pair *pair_of(uintptr_t p) {
    return mh_arena_pair(arena, p);
}

static uint32_t take(uint32_t n) {
    static struct mh_place places[MH_SPAN_MAX_SLOTS];
    uint32_t taken = mh_span_take(span, n, places + n);
    for (uint32_t i = n - taken; i < n; i++) {
        slots[i] = places[i].slot;
        ck_assert_ptr_eq(places[i].pair, pair_of((uintptr_t)slots[i]));
    }
    return taken;
}

static void set_live(void *p) {
    pair_of((uintptr_t)p)->live |= mh_pair_bit((uintptr_t)p);
}

// As another thread's free leaves it.
static void free_remote(void *p) {
    uintptr_t at = (uintptr_t)p;
    uint64_t group = at >> MH_GROUP_SHIFT;
    pair_of(at)->remote |= mh_pair_bit(at);
    span->touched |= UINT64_C(1) << (group & 63);
}

START_TEST(a_new_span_is_idle_and_sound_in_every_class) {
    for (unsigned i = 2; i < MH_NCLASSES; i++) {
        struct mh_span *one = make(i);
        ck_assert_ptr_nonnull(one);
        ck_assert(mh_span_is_idle(one));
        ck_assert_int_eq(mh_span_check(one), 0);
        ck_assert_uint_eq(one->nslots, mh_classes[i].nslots);
        for (uint32_t slot = 0; slot < one->nslots; slot++) {
            uintptr_t at = mh_span_slot_address(one, slot);
            ck_assert_uint_eq(at % 16, 0);
            ck_assert_uint_eq(mh_span_slot(one, at), slot);
            ck_assert_uint_eq(mh_span_slot(one, at + one->slot_size - 1), slot);
        }
    }
}
END_TEST

START_TEST(slots_are_taken_in_address_order) {
    ck_assert_uint_eq(take(10), 10);
    for (uint32_t i = 0; i < 10; i++) { // the end is popped first
        ck_assert_uint_eq((uintptr_t)slots[9 - i], span->base + i * SIZE);
    }
    ck_assert_uint_eq(span->nfree, span->nslots - 10);
    ck_assert_uint_eq(take(3), 3);
    ck_assert_uint_eq((uintptr_t)slots[2], span->base + 10 * SIZE);
}
END_TEST

START_TEST(no_more_slots_are_taken_than_there_are) {
    uint32_t all = span->nslots;
    ck_assert_uint_eq(take(all), all);
    ck_assert_uint_eq(span->nfree, 0);
    ck_assert_uint_eq(take(5), 0);
    for (uint32_t i = 1; i < all; i++) {
        ck_assert_uint_gt((uintptr_t)slots[i - 1], (uintptr_t)slots[i]);
    }
    ck_assert_int_eq(mh_span_check(span), 0);
}
END_TEST

START_TEST(the_lowest_free_slot_comes_first_wherever_it_is) {
    uint32_t all = span->nslots;
    (void)take(all);
    mh_span_put_free(span, all - 1);
    mh_span_put_free(span, 70);
    mh_span_put_free(span, 3);
    ck_assert_uint_eq(span->nfree, 3);
    ck_assert_uint_eq(take(3), 3);
    ck_assert_uint_eq((uintptr_t)slots[2], mh_span_slot_address(span, 3));
    ck_assert_uint_eq((uintptr_t)slots[1], mh_span_slot_address(span, 70));
    ck_assert_uint_eq((uintptr_t)slots[0], mh_span_slot_address(span, all - 1));
}
END_TEST

START_TEST(slots_given_back_make_it_idle_again) {
    (void)take(100);
    for (uint32_t i = 0; i < 100; i++) {
        ck_assert(!mh_span_is_idle(span));
        mh_span_put_free(span, i);
    }
    ck_assert(mh_span_is_idle(span));
    ck_assert_int_eq(mh_span_check(span), 0);
}
END_TEST

START_TEST(draining_frees_what_others_freed_and_nothing_else) {
    (void)take(200);
    for (uint32_t i = 0; i < 200; i++) {
        set_live(slots[i]);
    }
    for (uint32_t i = 0; i < 200; i += 7) {
        free_remote(slots[i]);
    }
    uint32_t before = span->nfree;
    ck_assert_uint_eq(mh_span_drain(span), 29);
    ck_assert_uint_eq(span->nfree, before + 29);
    ck_assert_uint_eq(span->touched, 0);
    for (uint32_t i = 0; i < 200; i++) {
        uintptr_t p = (uintptr_t)slots[i];
        ck_assert_uint_eq(pair_of(p)->remote & mh_pair_bit(p), 0);
        bool live = (pair_of(p)->live & mh_pair_bit(p)) != 0;
        ck_assert_int_eq(live, i % 7 != 0);
    }
    ck_assert_int_eq(mh_span_check(span), 0);
    ck_assert_uint_eq(mh_span_drain(span), 0);
}
END_TEST

START_TEST(every_slot_of_every_class_can_be_drained) {
    for (unsigned i = 2; i < MH_NCLASSES; i++) {
        span = make(i);
        arena = mh_arena_of((uintptr_t)span->base);
        uint32_t all = span->nslots;
        (void)take(all);
        for (uint32_t k = 0; k < all; k++) {
            set_live(slots[k]);
            free_remote(slots[k]);
        }
        ck_assert_uint_eq(mh_span_drain(span), all);
        ck_assert(mh_span_is_idle(span));
        ck_assert_int_eq(mh_span_check(span), 0);
    }
}
END_TEST

START_TEST(groups_that_nobody_touched_are_not_looked_at) {
    (void)take(200);
    set_live(slots[0]);
    free_remote(slots[0]);
    span->touched = 0; // the free that touches has not come to it yet
    ck_assert_uint_eq(mh_span_drain(span), 0);
    free_remote(slots[0]);
    ck_assert_uint_eq(mh_span_drain(span), 1);
}
END_TEST

// Two groups of one span with the same note would hide each other's frees.
START_TEST(the_groups_of_a_span_have_a_note_each_wherever_it_lies) {
    for (unsigned i = 1; i < MH_NCLASSES; i++) {
        uintptr_t bytes = (uintptr_t)mh_classes[i].npages << MH_PAGE_SHIFT;
        ck_assert_uint_lt(bytes, (uintptr_t)64 << MH_GROUP_SHIFT);
        ck_assert_uint_eq(bytes % ((uintptr_t)1 << MH_GROUP_SHIFT), 0);
    }
}
END_TEST

// A thread that was held up may note what was part of a span before this one.
START_TEST(a_note_of_what_lies_behind_the_span_is_not_followed) {
    uintptr_t bytes = (uintptr_t)span->npages << MH_PAGE_SHIFT;
    struct mh_pair *behind = pair_of((uintptr_t)span->base + bytes);
    behind->live = behind->remote = 1;
    span->touched = ~UINT64_C(0);
    ck_assert_uint_eq(mh_span_drain(span), 0);
    ck_assert_uint_eq(behind->live & behind->remote, 1);
    ck_assert_uint_eq(span->touched, 0);
    ck_assert_int_eq(mh_span_check(span), 0);
}
END_TEST

START_TEST(a_remote_bit_without_a_live_one_is_a_bad_free) {
    mh_option_set(MH_OPTION_BAD_FREE, MH_ON_BAD_FREE_COUNT);
    (void)take(10);
    set_live(slots[3]);
    free_remote(slots[3]);
    free_remote(slots[4]); // lies in a bin, say
    uint32_t before = span->nfree;
    ck_assert_uint_eq(mh_span_drain(span), 1);
    ck_assert_uint_eq(mh_bad_free_count(), 1);
    ck_assert_uint_eq(span->nfree, before + 1);
    uintptr_t p = (uintptr_t)slots[4];
    ck_assert_uint_eq(pair_of(p)->remote & mh_pair_bit(p), 0);
}
END_TEST

START_TEST(rebuilding_keeps_what_is_live_and_frees_the_rest) {
    (void)take(100);
    for (uint32_t i = 0; i < 100; i += 2) {
        set_live(slots[i]); // the others lay in a bin that is no more
    }
    free_remote(slots[0]);
    mh_span_rebuild(span);
    ck_assert_uint_eq(span->nfree, span->nslots - 49);
    ck_assert_uint_eq(span->touched, 0);
    ck_assert_int_eq(mh_span_check(span), 0);
    uintptr_t p = (uintptr_t)slots[0];
    ck_assert_uint_eq((pair_of(p)->live | pair_of(p)->remote) & mh_pair_bit(p),
                      0);
}
END_TEST

// Every third slot of each class is live, freed by another, or neither.
START_TEST(rebuilding_finds_every_slot_of_every_class) {
    for (unsigned i = 2; i < MH_NCLASSES; i++) {
        span = make(i);
        arena = mh_arena_of((uintptr_t)span->base);
        ck_assert_uint_eq(take(span->nslots), span->nslots);
        for (uint32_t slot = 0; slot < span->nslots; slot++) {
            void *p = (void *)mh_span_slot_address(span, slot);
            if (slot % 3 != 2) {
                set_live(p);
            }
            if (slot % 3 == 1) {
                free_remote(p);
            }
        }
        mh_span_rebuild(span);
        ck_assert_int_eq(mh_span_check(span), 0);
        for (uint32_t slot = 0; slot < span->nslots; slot++) {
            bool free = (span->free[slot / 64] >> slot % 64 & 1) != 0;
            uintptr_t p = mh_span_slot_address(span, slot);
            ck_assert_int_eq(free, slot % 3 != 0);
            ck_assert_int_eq((pair_of(p)->live & mh_pair_bit(p)) == 0, free);
            ck_assert_uint_eq(pair_of(p)->remote, 0);
        }
    }
}
END_TEST

// The owner had cleared the live bit, and vanished before the remote one.
START_TEST(rebuilding_ends_a_drain_that_was_half_way) {
    mh_option_set(MH_OPTION_BAD_FREE, MH_ON_BAD_FREE_COUNT);
    (void)take(10);
    free_remote(slots[3]);
    mh_span_rebuild(span);
    span->touched = ~UINT64_C(0);
    ck_assert_uint_eq(mh_span_drain(span), 0);
    ck_assert_uint_eq(span->nfree, span->nslots);
    ck_assert_uint_eq(mh_bad_free_count(), 0);
}
END_TEST

START_TEST(the_check_names_what_is_broken) {
    struct mh_span good = *span;
    uint64_t base = span->base;
    span->base += 16;
    ck_assert_int_eq(mh_span_check(span), 1);
    *span = good;
    span->npages = 0;
    ck_assert_int_eq(mh_span_check(span), 1);
    *span = good;
    span->nslots = 1000;
    ck_assert_int_ne(mh_span_check(span), 0);
    *span = good;
    span->slot_size = 32;
    ck_assert_int_eq(mh_span_check(span), 3);
    *span = good;
    span->nfree--;
    ck_assert_int_eq(mh_span_check(span), 4);
    *span = good;
    span->free[0] &= ~UINT64_C(1);
    ck_assert_int_eq(mh_span_check(span), 4);
    *span = good;
    set_live((void *)(uintptr_t)base);
    ck_assert_int_eq(mh_span_check(span), 5);
    pair_of((uintptr_t)base)->live = 0;
    set_live((void *)(uintptr_t)(base + 16));
    ck_assert_int_eq(mh_span_check(span), 6);
    pair_of((uintptr_t)base)->live = 0;
    arena->page_words[mh_arena_page((uintptr_t)base)] ^= 1u << MH_CLASS_BITS;
    ck_assert_int_eq(mh_span_check(span), 7);
    arena->page_words[mh_arena_page((uintptr_t)base)] ^= 1u << MH_CLASS_BITS;
    span->list = MH_LIST_CENTRAL;
    ck_assert_int_eq(mh_span_check(span), 8);
    *span = good;
    ck_assert_int_eq(mh_span_check(span), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("span");
    TCase *tcase = tcase_create("slots");
    tcase_add_checked_fixture(tcase, make_span, NULL);
    tcase_add_test(tcase, a_new_span_is_idle_and_sound_in_every_class);
    tcase_add_test(tcase, slots_are_taken_in_address_order);
    tcase_add_test(tcase, no_more_slots_are_taken_than_there_are);
    tcase_add_test(tcase, the_lowest_free_slot_comes_first_wherever_it_is);
    tcase_add_test(tcase, slots_given_back_make_it_idle_again);
    tcase_add_test(tcase, draining_frees_what_others_freed_and_nothing_else);
    tcase_add_test(tcase, every_slot_of_every_class_can_be_drained);
    tcase_add_test(tcase, groups_that_nobody_touched_are_not_looked_at);
    tcase_add_test(tcase,
                   the_groups_of_a_span_have_a_note_each_wherever_it_lies);
    tcase_add_test(tcase, a_note_of_what_lies_behind_the_span_is_not_followed);
    tcase_add_test(tcase, a_remote_bit_without_a_live_one_is_a_bad_free);
    tcase_add_test(tcase, rebuilding_keeps_what_is_live_and_frees_the_rest);
    tcase_add_test(tcase, rebuilding_finds_every_slot_of_every_class);
    tcase_add_test(tcase, rebuilding_ends_a_drain_that_was_half_way);
    tcase_add_test(tcase, the_check_names_what_is_broken);
    suite_add_tcase(suite, tcase);
    return mh_test_main(suite);
}
