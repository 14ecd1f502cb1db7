// pairs_home_test.c - live and remote bits of released pages take no memory.

#include <check.h>
#include <string.h>

#include "core/heap/arena.h"
#include "core/heap/heap.h"
#include "mheap/mheap.h"
#include "platform/sim/sim.h"
#include "tests/support/check_books.h"
#include "tests/support/expect.h"
#include "tests/support/rounds.h"
#include "tests/support/test_main.h"

// 256 KiB of heap have their pairs in one system page of 4 KiB.
enum { SIZE = 1024, N = 8 << 10 };

static void *objects[N];

static void begin(void) {
    mheap_option_set(MHEAP_OPTION_SCAVENGER, MHEAP_SCAVENGER_OFF);
    mheap_option_set(MHEAP_OPTION_BAD_FREE, MHEAP_ON_BAD_FREE_COUNT);
    for (size_t i = 0; i < N; i++) {
        objects[i] = mheap_malloc(SIZE);
        ck_assert_ptr_nonnull(objects[i]);
    }
}

static void free_all_but(size_t kept) {
    for (size_t i = 0; i < N; i++) {
        if (i != kept) {
            mheap_free(objects[i]);
        }
    }
    ck_assert_uint_gt(mheap_release(), N / 2 * SIZE);
}

static struct mh_pair *pair_of(const void *object) {
    uintptr_t at = (uintptr_t)object;
    return mh_arena_pair(mh_arena_of(at), at);
}

// Host pages behind the pairs of the objects, which lie in address order.
static size_t resident_pages(void) {
    size_t page = mh_sys_facts()->page_size;
    uintptr_t first = (uintptr_t)pair_of(objects[0]) & ~(page - 1);
    uintptr_t last = (uintptr_t)pair_of(objects[N - 1]);
    size_t npages = (last - first) / page + 1;
    return mh_resident_pages((void *)first, npages);
}

// Arenas in which objects lie.
static size_t narenas(void) {
    uintptr_t first = (uintptr_t)objects[0] / MH_ARENA_SIZE;
    return (uintptr_t)objects[N - 1] / MH_ARENA_SIZE - first + 1;
}

static uint64_t bad_frees(void) {
    struct mheap_stats stats;
    mheap_stats(NULL, &stats);
    return stats.bad_frees_total;
}

static void end(void) {
    mh_check_books(mheap_default());
}

START_TEST(pairs_of_released_pages_are_given_back_where_that_works) {
    size_t before = resident_pages();
    free_all_but(N);
    if (mh_sys_facts()->can_discard) {
        // Eight mebibytes are several runs, and one call for those of an arena.
        ck_assert_uint_ge(mh_sim_calls(MH_SIM_DISCARD), 1);
        ck_assert_uint_le(mh_sim_calls(MH_SIM_DISCARD), narenas());
        ck_assert_uint_le(resident_pages(), 3); // what lies at the ends
    } else {
        ck_assert_uint_eq(mh_sim_calls(MH_SIM_DISCARD), 0);
        ck_assert_uint_eq(resident_pages(), before);
    }
}
END_TEST

START_TEST(a_live_object_keeps_the_pairs_around_it) {
    size_t kept = N / 2 + 85 * (size_t)_i; // at both ends of its page of pairs
    uint64_t live = pair_of(objects[kept])->live;
    free_all_but(kept);
    ck_assert_uint_ne(pair_of(objects[kept])->live & live, 0);
    mheap_free(objects[kept]);
    ck_assert_uint_eq(bad_frees(), 0);
}
END_TEST

START_TEST(a_second_free_there_is_bad_as_before) {
    free_all_but(N);
    mheap_free(objects[0]);
    mheap_free(objects[N / 2]);
    ck_assert_uint_eq(bad_frees(), 2);
}
END_TEST

START_TEST(the_addresses_can_be_used_again) {
    free_all_but(N);
    begin();
    memset(objects[N / 3], 1, SIZE);
    free_all_but(N);
    ck_assert_uint_eq(bad_frees(), 0);
}
END_TEST

START_TEST(what_the_system_refuses_there_does_no_harm) {
    size_t before = resident_pages();
    mh_sim_fail_kind(MH_SIM_DISCARD, true);
    free_all_but(N);
    ck_assert_uint_eq(resident_pages(), before);
    mheap_free(objects[0]);
    ck_assert_uint_eq(bad_frees(), 1);
}
END_TEST

// Pages that go home a few at a time: the pairs go with the last of them.
START_TEST(pieces_add_up) {
    if (!mh_sys_facts()->can_discard) {
        return;
    }
    struct mheap *heap = mheap_default();
    size_t before = resident_pages();
    for (size_t i = 0; i < N; i++) {
        mheap_free(objects[i]);
    }
    mheap_thread_flush();
    mh_lock(&heap->lock);
    while (mh_heap_release_some_locked(heap, MH_PAGE_SIZE) != 0) {
    }
    mh_unlock(&heap->lock);
    size_t bytes = (size_t)N * SIZE / 1024 * sizeof(struct mh_pair);
    ck_assert_uint_ge(before, bytes / mh_sys_facts()->page_size);
    ck_assert_uint_le(resident_pages(), 3);
}
END_TEST

START_TEST(they_go_in_rounds_of_the_scavenger_too) {
    mheap_option_set(MHEAP_OPTION_SCAVENGER, MHEAP_SCAVENGER_CALLS);
    start_the_clock();
    make_a_call();
    for (size_t i = 0; i < N; i++) {
        mheap_free(objects[i]);
    }
    mheap_thread_flush();
    for (int i = 0; i < 4; i++) {
        let_a_period_pass();
    }
    ck_assert_int_eq(mh_sim_calls(MH_SIM_DISCARD) != 0,
                     mh_sys_facts()->can_discard);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("pairs_home");
    TCase *tcase = tcase_create("pairs");
    tcase_add_checked_fixture(tcase, begin, end);
    tcase_add_test(tcase,
                   pairs_of_released_pages_are_given_back_where_that_works);
    tcase_add_loop_test(tcase, a_live_object_keeps_the_pairs_around_it, 0, 4);
    tcase_add_test(tcase, a_second_free_there_is_bad_as_before);
    tcase_add_test(tcase, the_addresses_can_be_used_again);
    tcase_add_test(tcase, what_the_system_refuses_there_does_no_harm);
    tcase_add_test(tcase, pieces_add_up);
    tcase_add_test(tcase, they_go_in_rounds_of_the_scavenger_too);
    suite_add_tcase(suite, tcase);
    return mh_test_main(suite);
}
