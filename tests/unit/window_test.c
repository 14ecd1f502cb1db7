// window_test.c - page words and pairs found by arithmetic, and what happens to
// the window where address space or memory is short.

#include <check.h>
#include <stdlib.h>

#include "core/page/window.h"
#include "core/sys/region.h"
#include "platform/sim/sim.h"
#include "tests/support/test_main.h"

#define FIRST ((uintptr_t)3 << 30)
#define SIZE  MH_ARENA_SIZE

static struct mh_words words_of(uintptr_t base) {
    struct mh_words words = {NULL, NULL};
    ck_assert_int_eq(mh_window_words(base, &words), MH_OK);
    return words;
}

static bool covers(uintptr_t p) {
    struct mh_window window = mh_window_now();
    return mh_window_granule(&window, p) < window.limit;
}

START_TEST(before_it_is_made_it_covers_nothing) {
    struct mh_words words;
    ck_assert(!covers(0));
    ck_assert(!covers(FIRST));
    ck_assert(!covers(UINTPTR_MAX & ~(uintptr_t)15));
    ck_assert_int_eq(mh_window_words(FIRST, &words), MH_REFUSED);
}
END_TEST

START_TEST(making_it_reserves_addresses_and_nothing_more) {
    struct mh_account before = mh_sys_account(MH_FOR_SPANS);
    mh_window_init(FIRST + 12345);
    struct mh_account now = mh_sys_account(MH_FOR_SPANS);
    ck_assert_uint_ge(mh_window_memory.narenas, 16);
    ck_assert_uint_eq(now.reserved - before.reserved, mh_window_memory.bytes);
    ck_assert_uint_eq(now.prepared, before.prepared);
    ck_assert_uint_eq(now.ready, before.ready);
    ck_assert(!covers(FIRST));
}
END_TEST

START_TEST(an_arena_in_it_gets_zeroed_words_of_its_own) {
    mh_window_init(FIRST);
    struct mh_words first = words_of(FIRST);
    struct mh_words second = words_of(FIRST + SIZE);
    for (size_t i = 0; i < MH_ARENA_PAGES; i++) {
        ck_assert_uint_eq(first.page_words[i], 0);
        first.page_words[i] = 0x11111111;
        ck_assert_uint_eq(second.page_words[i], 0);
        second.page_words[i] = 0x22222222;
    }
    for (size_t i = 0; i < MH_ARENA_PAIRS; i++) {
        ck_assert_uint_eq(first.pairs[i].live | first.pairs[i].remote, 0);
        first.pairs[i].live = 1;
        ck_assert_uint_eq(second.pairs[i].live | second.pairs[i].remote, 0);
        second.pairs[i].remote = 2;
    }
    ck_assert_uint_eq(first.page_words[MH_ARENA_PAGES - 1], 0x11111111);
    ck_assert_uint_eq(first.pairs[MH_ARENA_PAIRS - 1].live, 1);
}
END_TEST

START_TEST(an_address_leads_to_its_words) {
    mh_window_init(FIRST);
    for (uintptr_t base = FIRST; base < FIRST + 3 * SIZE; base += SIZE) {
        struct mh_words words = words_of(base);
        struct mh_window window = mh_window_now();
        for (uintptr_t off = 0; off < SIZE; off += 16 * 509) {
            uintptr_t granule = mh_window_granule(&window, base + off);
            ck_assert_uint_lt(granule, window.limit);
            ck_assert_uint_eq(granule % 64, (base + off) / 16 % 64);
            ck_assert_ptr_eq(mh_window_pair(&window, granule),
                             &words.pairs[off >> MH_PAIR_SHIFT]);
            words.page_words[off >> MH_PAGE_SHIFT] = (uint32_t)(off + 7);
            ck_assert_uint_eq(mh_window_page_word(&window, granule), off + 7);
        }
    }
}
END_TEST

START_TEST(no_other_address_is_below_the_limit) {
    mh_window_init(FIRST);
    words_of(FIRST);
    ck_assert(covers(FIRST));
    ck_assert(covers(FIRST + SIZE - 16));
    ck_assert(!covers(FIRST - 16));
    ck_assert(!covers(FIRST + SIZE));
    ck_assert(!covers(0));
    ck_assert(!covers(UINTPTR_MAX & ~(uintptr_t)15));
    ck_assert(!covers(FIRST ^ (uintptr_t)1 << (sizeof(uintptr_t) * 8 - 1)));
    for (uintptr_t off = 1; off < 16; off++) {
        ck_assert(!covers(FIRST + off));
        ck_assert(!covers(FIRST + SIZE - off));
    }
}
END_TEST

// A wild pointer into addresses the system gave to somebody else reads words.
START_TEST(what_lies_between_two_arenas_has_words_that_say_nothing) {
    mh_window_init(FIRST);
    words_of(FIRST + 5 * SIZE);
    struct mh_window window = mh_window_now();
    for (uintptr_t base = FIRST; base < FIRST + 6 * SIZE; base += SIZE) {
        uintptr_t granule = mh_window_granule(&window, base + SIZE - 16);
        ck_assert_uint_lt(granule, window.limit);
        ck_assert_uint_eq(mh_window_page_word(&window, granule), 0);
        ck_assert_uint_eq(mh_window_pair(&window, granule)->live, 0);
    }
    words_of(FIRST); // a lower arena does not draw the limit back
    ck_assert(covers(FIRST + 5 * SIZE));
}
END_TEST

START_TEST(an_arena_elsewhere_is_refused) {
    struct mh_words words = {NULL, NULL};
    mh_window_init(FIRST);
    uintptr_t behind = FIRST + mh_window_memory.narenas * SIZE;
    words_of(behind - SIZE);
    ck_assert_int_eq(mh_window_words(behind, &words), MH_REFUSED);
    ck_assert_int_eq(mh_window_words(FIRST - SIZE, &words), MH_REFUSED);
    ck_assert_ptr_null(words.pairs);
}
END_TEST

START_TEST(a_copy_stays_as_wide_as_it_was) {
    mh_window_init(FIRST);
    words_of(FIRST);
    struct mh_window copy = mh_window_now();
    words_of(FIRST + SIZE);
    ck_assert_uint_ge(mh_window_granule(&copy, FIRST + SIZE), copy.limit);
    ck_assert(covers(FIRST + SIZE));
}
END_TEST

START_TEST(where_address_space_is_limited_it_takes_an_eighth_at_most) {
    size_t limit = (size_t)256 << 20;
    mh_sim_limit_space(limit);
    mh_window_init(FIRST);
    ck_assert_uint_ge(mh_window_memory.narenas, 1);
    ck_assert_uint_le(mh_window_memory.bytes, limit / 8 + (128 << 10));
}
END_TEST

START_TEST(where_there_is_no_room_there_is_none) {
    struct mh_words words;
    mh_sim_limit_space((size_t)256 << 10);
    mh_window_init(FIRST);
    ck_assert_uint_eq(mh_window_memory.narenas, 0);
    ck_assert_int_eq(mh_window_words(FIRST, &words), MH_REFUSED);
    ck_assert(!covers(FIRST));
}
END_TEST

START_TEST(a_refused_reservation_is_tried_again_smaller) {
    mh_sim_fail_nth(1);
    mh_window_init(FIRST);
    size_t got = mh_window_memory.narenas;
    ck_assert_uint_ge(got, 1);
    ck_assert_uint_eq(mh_sim_failures(MH_SIM_NCALLS), 1);
    words_of(FIRST + (got - 1) * SIZE);
}
END_TEST

// Each of the calls that make words Ready fails once; what was done before is
// kept, and the next try goes on.
START_TEST(refused_memory_is_asked_for_again_later) {
    struct mh_words words = {NULL, NULL};
    mh_window_init(FIRST);
    unsigned refused = 0;
    for (uintptr_t i = 0; i < 4; i++) {
        mh_sim_fail_nth(i + 1);
        if (mh_window_words(FIRST + i * SIZE, &words) != MH_OK) {
            refused++;
            ck_assert(!covers(FIRST + i * SIZE));
            ck_assert_ptr_null(words.pairs);
        }
        mh_sim_fail_nothing();
        struct mh_words now = words_of(FIRST + i * SIZE);
        now.page_words[0] = 1;
        now.pairs[MH_ARENA_PAIRS - 1].live = 1;
    }
    ck_assert_uint_ge(refused, 2);
    struct mh_account account = mh_sys_account(MH_FOR_SPANS);
    ck_assert_uint_eq(account.reserved + account.prepared + account.ready,
                      mh_window_memory.bytes);
    ck_assert_uint_eq(account.ready, mh_window_memory.page_words.ready +
                                         mh_window_memory.pairs.ready);
}
END_TEST

static void with_large_pages(void) {
    mh_sim_set_page_size(64 << 10);
}

static TCase *window_tcase(const char *name) {
    TCase *tcase = tcase_create(name);
    tcase_add_test(tcase, before_it_is_made_it_covers_nothing);
    tcase_add_test(tcase, making_it_reserves_addresses_and_nothing_more);
    tcase_add_test(tcase, an_arena_in_it_gets_zeroed_words_of_its_own);
    tcase_add_test(tcase, an_address_leads_to_its_words);
    tcase_add_test(tcase, no_other_address_is_below_the_limit);
    tcase_add_test(tcase,
                   what_lies_between_two_arenas_has_words_that_say_nothing);
    tcase_add_test(tcase, an_arena_elsewhere_is_refused);
    tcase_add_test(tcase, a_copy_stays_as_wide_as_it_was);
    tcase_add_test(tcase,
                   where_address_space_is_limited_it_takes_an_eighth_at_most);
    tcase_add_test(tcase, where_there_is_no_room_there_is_none);
    tcase_add_test(tcase, a_refused_reservation_is_tried_again_smaller);
    tcase_add_test(tcase, refused_memory_is_asked_for_again_later);
    return tcase;
}

int main(void) {
    Suite *suite = suite_create("window");
    TCase *large = window_tcase("with pages of 64 KiB");
    tcase_add_checked_fixture(large, with_large_pages, NULL);
    suite_add_tcase(suite, window_tcase("window"));
    suite_add_tcase(suite, large);
    return mh_test_main(suite);
}
