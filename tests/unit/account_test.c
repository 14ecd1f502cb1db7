// account_test.c - the books add up, whoever writes in them and when.

#include <pthread.h>
#include <signal.h>

#include "core/sys/account.h"
#include "tests/support/expect.h"
#include "tests/support/test_main.h"

enum { NTHREADS = 4, NROUNDS = 20000 };

START_TEST(books_start_empty) {
    for (unsigned i = 0; i <= MH_NPURPOSES; i++) {
        struct mh_account book = mh_sys_account((enum mh_purpose)i);
        ck_assert_uint_eq(book.reserved + book.prepared + book.ready, 0);
        ck_assert_uint_eq(book.reserved_peak + book.calls + book.failures, 0);
    }
    mh_account_check();
}
END_TEST

START_TEST(bytes_walk_through_the_states) {
    mh_account_move(MH_FOR_HEAP, MH_NONE, MH_RESERVED, 100);
    ck_assert_uint_eq(mh_sys_account(MH_FOR_HEAP).reserved, 100);
    mh_account_move(MH_FOR_HEAP, MH_RESERVED, MH_PREPARED, 60);
    mh_account_move(MH_FOR_HEAP, MH_PREPARED, MH_READY, 25);
    struct mh_account book = mh_sys_account(MH_FOR_HEAP);
    ck_assert_uint_eq(book.reserved, 40);
    ck_assert_uint_eq(book.prepared, 35);
    ck_assert_uint_eq(book.ready, 25);
    mh_account_check();
}
END_TEST

START_TEST(purposes_have_books_of_their_own) {
    mh_account_move(MH_FOR_GC, MH_NONE, MH_READY, 7);
    mh_account_move(MH_FOR_SPANS, MH_NONE, MH_READY, 5);
    ck_assert_uint_eq(mh_sys_account(MH_FOR_GC).ready, 7);
    ck_assert_uint_eq(mh_sys_account(MH_FOR_SPANS).ready, 5);
    ck_assert_uint_eq(mh_sys_account(MH_FOR_HEAP).ready, 0);
    ck_assert_uint_eq(mh_sys_account(MH_NPURPOSES).ready, 12);
}
END_TEST

START_TEST(the_peak_remembers_the_most_and_ignores_moves_inside) {
    mh_account_move(MH_FOR_HEAP, MH_NONE, MH_RESERVED, 100);
    mh_account_move(MH_FOR_HEAP, MH_RESERVED, MH_READY, 100);
    mh_account_move(MH_FOR_HEAP, MH_READY, MH_NONE, 100);
    mh_account_move(MH_FOR_HEAP, MH_NONE, MH_READY, 30);
    ck_assert_uint_eq(mh_sys_account(MH_FOR_HEAP).reserved_peak, 100);
}
END_TEST

START_TEST(the_peak_of_all_is_of_one_moment) {
    mh_account_move(MH_FOR_HEAP, MH_NONE, MH_READY, 100);
    mh_account_move(MH_FOR_HEAP, MH_READY, MH_NONE, 100);
    mh_account_move(MH_FOR_GC, MH_NONE, MH_READY, 80);
    ck_assert_uint_eq(mh_sys_account(MH_NPURPOSES).reserved_peak, 100);
    mh_account_move(MH_FOR_SPANS, MH_NONE, MH_RESERVED, 30);
    ck_assert_uint_eq(mh_sys_account(MH_NPURPOSES).reserved_peak, 110);
}
END_TEST

START_TEST(calls_and_failures_are_counted_apart) {
    mh_account_call(MH_FOR_HEAP, false);
    mh_account_call(MH_FOR_HEAP, true);
    mh_account_call(MH_FOR_OTHER, false);
    ck_assert_uint_eq(mh_sys_account(MH_FOR_HEAP).calls, 2);
    ck_assert_uint_eq(mh_sys_account(MH_FOR_HEAP).failures, 1);
    ck_assert_uint_eq(mh_sys_account(MH_NPURPOSES).calls, 3);
}
END_TEST

START_TEST(outside_readers_see_the_same_figures) {
    mh_account_move(MH_FOR_CACHES, MH_NONE, MH_PREPARED, 4096);
    mh_account_call(MH_FOR_CACHES, false);
    const struct mh_account *books = mh_sys_books();
    ck_assert_uint_eq(books[MH_FOR_CACHES].prepared, 4096);
    ck_assert_uint_eq(books[MH_FOR_CACHES].reserved_peak, 4096);
    ck_assert_uint_eq(books[MH_FOR_CACHES].calls, 1);
}
END_TEST

START_TEST(more_than_two_to_the_32_is_exact) {
    uint64_t large = (uint64_t)SIZE_MAX / 2;
    mh_account_move(MH_FOR_HEAP, MH_NONE, MH_RESERVED, (size_t)large);
    mh_account_move(MH_FOR_HEAP, MH_RESERVED, MH_READY, 1);
    ck_assert_uint_eq(mh_sys_account(MH_FOR_HEAP).reserved, large - 1);
    mh_account_check();
}
END_TEST

static void take_what_is_not_there(void) {
    mh_account_move(MH_FOR_HEAP, MH_NONE, MH_READY, 10);
    mh_account_move(MH_FOR_HEAP, MH_READY, MH_PREPARED, 11);
}

START_TEST(taking_more_than_there_is_stops_the_program) {
    mh_expect_fatal(take_what_is_not_there, "mheap: fatal: check failed");
}
END_TEST

// What a second set of books would show if bytes were moved behind its back.
static void cook_the_books(void) {
    struct mh_account *book = (struct mh_account *)mh_sys_books();
    book->ready += 4096;
    mh_account_check();
}

START_TEST(the_check_finds_books_that_do_not_add_up) {
    mh_expect_fatal(cook_the_books, "mheap: fatal: check failed");
}
END_TEST

static void *come_and_go(void *arg) {
    size_t size = (size_t)(uintptr_t)arg;

    for (int i = 0; i < NROUNDS; i++) {
        mh_account_move(MH_FOR_HEAP, MH_NONE, MH_RESERVED, size);
        mh_account_move(MH_FOR_HEAP, MH_RESERVED, MH_PREPARED, size);
        mh_account_move(MH_FOR_HEAP, MH_PREPARED, MH_READY, size);
        mh_account_call(MH_FOR_HEAP, i % 2 == 0);
        mh_account_move(MH_FOR_HEAP, MH_READY, MH_NONE, size - 1);
    }
    return NULL;
}

START_TEST(no_update_of_any_thread_is_lost) {
    pthread_t threads[NTHREADS];

    for (uintptr_t i = 0; i < NTHREADS; i++) {
        ck_assert_int_eq(
            pthread_create(&threads[i], NULL, come_and_go, (void *)(i + 2)), 0);
    }
    for (int i = 0; i < NTHREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    struct mh_account book = mh_sys_account(MH_FOR_HEAP);
    ck_assert_uint_eq(book.ready, NTHREADS * NROUNDS);
    ck_assert_uint_eq(book.reserved + book.prepared, 0);
    ck_assert_uint_eq(book.calls, NTHREADS * NROUNDS);
    ck_assert_uint_eq(book.failures, NTHREADS * NROUNDS / 2);
    mh_account_check();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("account");

    TCase *books = tcase_create("books");
    tcase_add_test(books, books_start_empty);
    tcase_add_test(books, bytes_walk_through_the_states);
    tcase_add_test(books, purposes_have_books_of_their_own);
    tcase_add_test(books, the_peak_remembers_the_most_and_ignores_moves_inside);
    tcase_add_test(books, the_peak_of_all_is_of_one_moment);
    tcase_add_test(books, calls_and_failures_are_counted_apart);
    tcase_add_test(books, outside_readers_see_the_same_figures);
    tcase_add_test(books, more_than_two_to_the_32_is_exact);
    suite_add_tcase(suite, books);

    TCase *wrong = tcase_create("wrong");
    tcase_add_test(wrong, taking_more_than_there_is_stops_the_program);
    tcase_add_test(wrong, the_check_finds_books_that_do_not_add_up);
    suite_add_tcase(suite, wrong);

    TCase *threads = tcase_create("threads");
    tcase_add_test(threads, no_update_of_any_thread_is_lost);
    suite_add_tcase(suite, threads);
    return mh_test_main(suite);
}
