// linear_test.c - a region handed out from its start: side by side, zeroed, and
// with no page made ready before it is needed.

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/meta/linear.h"
#include "core/sys/sys.h"
#include "platform/sim/sim.h"
#include "tests/support/test_main.h"

static struct mh_linear region;
static size_t page, grain, size_bytes;
static struct mh_account before;

static void learn_sizes(void) {
    page = mh_sys_facts()->page_size;
    grain = mh_sys_facts()->reserve_align;
    before = mh_sys_account(MH_FOR_SPANS);
}

static void make_region(void) {
    learn_sizes();
    size_bytes = 16 * (grain > 4096 ? grain : 4096);
    ck_assert_int_eq(mh_linear_init(&region, size_bytes, MH_FOR_SPANS), MH_OK);
}

static void free_region(void) {
    ck_assert_int_eq(mh_linear_deinit(&region), MH_OK);
}

static unsigned char *get(size_t size, size_t align) {
    unsigned char *p = mh_linear_alloc(&region, size, align);
    ck_assert_ptr_nonnull(p);
    ck_assert_uint_eq((uintptr_t)p % align, 0);
    return p;
}

static void check_books(size_t reserved, size_t prepared, size_t ready) {
    struct mh_account now = mh_sys_account(MH_FOR_SPANS);
    ck_assert_uint_eq(now.reserved - before.reserved, reserved);
    ck_assert_uint_eq(now.prepared - before.prepared, prepared);
    ck_assert_uint_eq(now.ready - before.ready, ready);
}

static bool is_filled(const unsigned char *p, size_t size, unsigned char byte) {
    for (size_t i = 0; i < size; i++) {
        if (p[i] != byte) {
            return false;
        }
    }
    return true;
}

START_TEST(a_new_region_is_reserved_and_nothing_more) {
    check_books(size_bytes, 0, 0);
}
END_TEST

START_TEST(pages_become_ready_one_by_one_as_they_are_reached) {
    get(1, 1);
    check_books(size_bytes - page, 0, page);
    get(page - 1, 1);
    check_books(size_bytes - page, 0, page);
    get(1, 1);
    check_books(size_bytes - 2 * page, 0, 2 * page);
    get(3 * page, 1);
    check_books(size_bytes - 5 * page, 0, 5 * page);
}
END_TEST

START_TEST(requests_lie_side_by_side) {
    unsigned char *first = get(24, 8);
    ck_assert_ptr_eq(get(24, 8), first + 24);
    ck_assert_ptr_eq(get(1, 1), first + 48);
    ck_assert_ptr_eq(get(2, 2), first + 50);
    ck_assert_ptr_eq(get(64, 64), first + 64);
    ck_assert_ptr_eq(get(10 * page, 1), first + 128);
}
END_TEST

START_TEST(memory_is_zero_and_stays_as_written) {
    enum { N = 40 };
    unsigned char *pieces[N];
    size_t size = size_bytes / (N + 1);

    for (int i = 0; i < N; i++) {
        pieces[i] = get(size, 1);
        ck_assert(is_filled(pieces[i], size, 0));
        memset(pieces[i], i + 1, size);
    }
    for (int i = 0; i < N; i++) {
        ck_assert(is_filled(pieces[i], size, (unsigned char)(i + 1)));
    }
}
END_TEST

START_TEST(the_region_can_be_used_to_its_last_byte_and_no_further) {
    unsigned char *first = get(1, 1);
    ck_assert_ptr_null(mh_linear_alloc(&region, size_bytes, 1));
    unsigned char *rest = get(size_bytes - 1, 1);

    ck_assert_ptr_eq(rest, first + 1);
    rest[size_bytes - 2] = 1;
    ck_assert_ptr_null(mh_linear_alloc(&region, 1, 1));
    check_books(0, 0, size_bytes);
}
END_TEST

START_TEST(a_request_that_does_not_fit_takes_nothing) {
    get(1, 1);
    ck_assert_ptr_null(mh_linear_alloc(&region, SIZE_MAX, 1));
    ck_assert_ptr_null(mh_linear_alloc(&region, SIZE_MAX / 2, 16));
    ck_assert_ptr_null(mh_linear_alloc(&region, 1, SIZE_MAX / 2 + 1));
    ck_assert_ptr_null(mh_linear_alloc(&region, size_bytes + 1, 1));

    check_books(size_bytes - page, 0, page);
    get(size_bytes - page, 1);
}
END_TEST

START_TEST(deinit_gives_everything_back_in_any_mix_of_states) {
    get(2 * page + 1, 1);
    free_region();

    check_books(0, 0, 0);
    ck_assert_ptr_null(mh_linear_alloc(&region, 1, 1));
    ck_assert_int_eq(mh_linear_deinit(&region), MH_OK); // again: nothing
}
END_TEST

START_TEST(odd_sizes_are_rounded_up_to_what_can_be_reserved) {
    learn_sizes();
    ck_assert_int_eq(mh_linear_init(&region, 1, MH_FOR_SPANS), MH_OK);
    check_books(grain, 0, 0);
    get(grain, 1);
    check_books(0, 0, grain);
    free_region();

    ck_assert_int_eq(mh_linear_init(&region, grain + 1, MH_FOR_SPANS), MH_OK);
    check_books(2 * grain, 0, 0);
    free_region();
}
END_TEST

START_TEST(a_region_that_cannot_be_had_is_empty) {
    learn_sizes();
    ck_assert_int_ne(mh_linear_init(&region, SIZE_MAX, MH_FOR_SPANS), MH_OK);
    ck_assert_ptr_null(mh_linear_alloc(&region, 1, 1));
    ck_assert_int_ne(mh_linear_init(&region, SIZE_MAX / 16 * 15 / grain * grain,
                                    MH_FOR_SPANS),
                     MH_OK);
    ck_assert_ptr_null(mh_linear_alloc(&region, 1, 1));
    ck_assert_int_eq(mh_linear_deinit(&region), MH_OK);
    check_books(0, 0, 0);
}
END_TEST

START_TEST(what_lies_beyond_the_ready_pages_stays_reserved) {
    unsigned char *p = get(page + 1, 1);

    ck_assert_int_eq(mh_sim_state_of(p + page), MH_READY);
    ck_assert_int_eq(mh_sim_state_of(p + 2 * page), MH_RESERVED);
    ck_assert_int_eq(mh_sim_state_of(p + size_bytes - 1), MH_RESERVED);
}
END_TEST

START_TEST(alignment_beyond_the_top_of_the_address_space_gives_null) {
    uintptr_t top = UINTPTR_MAX - 0xffff;
    struct mh_linear highest = {.base = top,
                                .next = top + 1,
                                .ready = top + 0x8000,
                                .mapped = top + 0x8000,
                                .limit = top + 0x8000};

    ck_assert_ptr_null(mh_linear_alloc(&highest, 1, (size_t)1 << 20));
    ck_assert_uint_eq(highest.next, top + 1);
    ck_assert_ptr_nonnull(mh_linear_alloc(&highest, 1, 16));
}
END_TEST

START_TEST(a_size_of_zero_stops_the_program) {
    (void)!mh_linear_alloc(&region, 0, 1);
}
END_TEST

static Suite *linear_suite(void) {
    Suite *suite = suite_create("linear");

    TCase *memory = tcase_create("memory");
    tcase_add_checked_fixture(memory, make_region, free_region);
    tcase_add_test(memory, a_new_region_is_reserved_and_nothing_more);
    tcase_add_test(memory, pages_become_ready_one_by_one_as_they_are_reached);
    tcase_add_test(memory, requests_lie_side_by_side);
    tcase_add_test(memory, memory_is_zero_and_stays_as_written);
    tcase_add_test(memory,
                   the_region_can_be_used_to_its_last_byte_and_no_further);
    tcase_add_test(memory, a_request_that_does_not_fit_takes_nothing);
    tcase_add_test(memory, deinit_gives_everything_back_in_any_mix_of_states);
    tcase_add_test(memory, what_lies_beyond_the_ready_pages_stays_reserved);
    tcase_add_test_raise_signal(memory, a_size_of_zero_stops_the_program,
                                SIGABRT);
    suite_add_tcase(suite, memory);

    TCase *life = tcase_create("life");
    tcase_add_test(life, odd_sizes_are_rounded_up_to_what_can_be_reserved);
    tcase_add_test(life,
                   alignment_beyond_the_top_of_the_address_space_gives_null);
    tcase_add_test(life, a_region_that_cannot_be_had_is_empty);
    suite_add_tcase(suite, life);
    return suite;
}

int main(void) {
    return mh_test_main(linear_suite());
}
