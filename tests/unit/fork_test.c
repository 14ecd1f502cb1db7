// fork_test.c - what a child makes of what other threads were doing.
//
// A helper thread gets itself into a state and stops there; the main thread
// forks, and the child, where the helper is no more, must find everything
// whole. States that last a few instructions are made by hand.

#include <check.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/heap/heap.h"
#include "mheap/mheap.h"
#include "tests/support/test_main.h"
#include "tests/support/vanished.h"

START_TEST(a_child_without_threads_goes_on) {
    fill(mine);
    fork_and_check();
    for (size_t i = 0; i < N; i++) {
        drop(&mine[i]); // and so does the parent
    }
    ck_assert_ptr_null(mh_books_wrong(mheap_default()));
}
END_TEST

START_TEST(what_vanished_threads_made_can_be_freed) {
    fill(mine);
    run_helper(fill_theirs);
    fork_and_check();
}
END_TEST

static void fill_theirs_and_free_half(void) {
    fill(theirs);
    for (size_t i = 0; i < N; i += 2) {
        drop(&theirs[i]); // these lie in the helper's bins and spans
    }
}

START_TEST(what_lay_in_vanished_caches_is_free) {
    fill(mine);
    run_helper(fill_theirs_and_free_half);
    fork_and_check();
}
END_TEST

static void free_some_of_mine(void) {
    fill(theirs);
    for (size_t i = 0; i < N; i += 3) {
        drop(&mine[i]);
    }
}

START_TEST(what_vanished_threads_freed_of_ours_is_free) {
    fill(mine);
    run_helper(free_some_of_mine);
    fork_and_check();
}
END_TEST

// The states below last a few instructions in the helper.

START_TEST(a_free_that_was_not_told_is_found) {
    fill(mine);
    run_helper(nothing);
    uintptr_t p = (uintptr_t)mine[7]; // its bit is set, nothing else
    mh_arena_pair(mh_arena_of(p), p)->remote |= mh_pair_bit(p);
    mine[7] = NULL;
    fork_and_check();
}
END_TEST

START_TEST(a_span_told_of_but_not_sent_is_drained) {
    fill(mine);
    run_helper(nothing);
    span_of(mine[0])->owner_told |= 1;
    fork_and_check();
}
END_TEST

START_TEST(a_free_into_an_ownerless_span_that_was_not_told_is_found) {
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, fill_and_end, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    run_helper(nothing);
    // All objects of the span but one, and that one only by its bit.
    uintptr_t p = (uintptr_t)theirs[7];
    ck_assert_uint_eq(span_of(theirs[7])->owner_told, 0);
    mh_arena_pair(mh_arena_of(p), p)->remote |= mh_pair_bit(p);
    theirs[7] = NULL;
    fork_and_check();
}
END_TEST

static struct mh_span *idle_span;

static void make_an_idle_span(void) {
    void *p = mheap_malloc(1000);
    idle_span = span_of(p);
    mheap_free(p);
    mheap_thread_flush();
    struct mh_cache *cache = mh_tls_get();
    // A span that is its owner's and idle, as between two steps of settling.
    idle_span = mh_heap_new_span(mheap_default(), mh_size_class(1000), cache);
}

START_TEST(a_span_that_was_being_given_back_is_gone) {
    fill(mine);
    run_helper(make_an_idle_span);
    idle_span->owner_told = mh_owner_word(MH_OWNER_DEAD, false);
    fork_and_check();
}
END_TEST

START_TEST(a_span_whose_words_were_being_cleared_is_gone) {
    fill(mine);
    run_helper(make_an_idle_span);
    struct mh_arena *arena = mh_arena_of((uintptr_t)idle_span->base);
    size_t page = mh_arena_page((uintptr_t)idle_span->base);
    idle_span->owner_told = mh_owner_word(MH_OWNER_DEAD, false);
    arena->page_words[page] = 0;
    arena->seq[page]++;
    fork_and_check();
}
END_TEST

START_TEST(a_span_that_was_being_published_is_gone) {
    fill(mine);
    run_helper(make_an_idle_span);
    struct mh_arena *arena = mh_arena_of((uintptr_t)idle_span->base);
    size_t page = mh_arena_page((uintptr_t)idle_span->base);
    arena->page_words[page + idle_span->npages - 1] = 0;
    arena->seq[page]++;
    fork_and_check();
}
END_TEST

// The record is dead again, and the number was not yet made even.
START_TEST(a_change_that_was_all_but_done_is_done) {
    fill(mine);
    run_helper(make_an_idle_span);
    uintptr_t base = (uintptr_t)idle_span->base;
    idle_span->owner_told = mh_owner_word(MH_OWNER_DEAD, false);
    mh_span_retire(idle_span);
    mh_arena_of(base)->seq[mh_arena_page(base)]--;
    fork_and_check();
}
END_TEST

static void make_large(void) {
    large = mheap_malloc(100000);
    pages = mheap_pages_alloc(mheap_default(), 5);
}

START_TEST(vanished_threads_large_objects_and_pages_stay) {
    fill(mine);
    run_helper(make_large);
    fork_and_check();
}
END_TEST

START_TEST(a_large_object_being_freed_is_gone) {
    fill(mine);
    run_helper(make_large);
    uintptr_t p = (uintptr_t)large;
    mh_arena_pair(mh_arena_of(p), p)->live &= ~mh_pair_bit(p);
    large = NULL;
    fork_and_check();
}
END_TEST

START_TEST(a_large_object_being_published_is_gone) {
    fill(mine);
    run_helper(make_large);
    uintptr_t p = (uintptr_t)large;
    struct mh_arena *arena = mh_arena_of(p);
    mh_arena_pair(arena, p)->live &= ~mh_pair_bit(p);
    arena->page_words[mh_arena_page(p)] = 0;
    arena->seq[mh_arena_page(p)]++;
    large = NULL;
    fork_and_check();
}
END_TEST

START_TEST(pages_being_freed_are_gone) {
    fill(mine);
    run_helper(make_large);
    uintptr_t p = (uintptr_t)pages;
    mh_arena_of(p)->page_words[mh_arena_page(p)] = 0;
    pages = NULL;
    fork_and_check();
}
END_TEST

START_TEST(pages_that_no_span_had_yet_are_free_again) {
    bool zero;
    fill(mine);
    run_helper(nothing);
    ck_assert_uint_ne(mh_heap_alloc_pages(mheap_default(), 9, 1, &zero), 0);
    fork_and_check();
}
END_TEST

// A record off the free list that was not anybody's yet is used by the next.
START_TEST(a_cache_that_was_being_opened_is_not_lost) {
    pthread_t thread;
    fill(mine);
    ck_assert_int_eq(pthread_create(&thread, NULL, fill_and_end, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_ptr_nonnull(mh_caches.free);
    mh_caches.free = mh_caches.free->next_free;
    uint64_t before = mh_caches.count;

    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        (void)pthread_create(&thread, NULL, fill_and_end, NULL);
        (void)pthread_join(thread, NULL);
        _exit(mh_caches.count == before ? 0 : 5);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST

// All of its objects, and nothing else tells of it.
START_TEST(an_ownerless_span_that_was_freed_untold_is_gone) {
    pthread_t thread;
    fill(mine);
    mheap_option_set(MHEAP_OPTION_FIRST_OBJECTS, 0); // it has a cache at once
    ck_assert_int_eq(pthread_create(&thread, NULL, fill_and_end, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    for (size_t i = 0; i < N; i++) {
        uintptr_t p = (uintptr_t)theirs[i];
        ck_assert_uint_eq(span_of(theirs[i])->owner_told, 0);
        mh_arena_pair(mh_arena_of(p), p)->remote |= mh_pair_bit(p);
        theirs[i] = NULL;
    }
    fork_and_check();
}
END_TEST

static void have_a_child(void) {
    drop(&mine[1]);
    in_child(be_a_child);
}

START_TEST(a_child_of_a_child_is_whole) {
    fill(mine);
    run_helper(fill_theirs_and_free_half);
    in_child(have_a_child);
}
END_TEST

// Every lock is taken before and free afterwards, however many there are.
START_TEST(many_heaps_fork) {
    for (int i = 0; i < 40; i++) {
        ck_assert_ptr_nonnull(mheap_create("many"));
    }
    fill(mine);
    fork_and_check();
    for (size_t i = 0; i < N; i++) {
        drop(&mine[i]);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("fork");
    TCase *tcase = tcase_create("child");
    tcase_add_test(tcase, a_child_without_threads_goes_on);
    tcase_add_test(tcase, what_vanished_threads_made_can_be_freed);
    tcase_add_test(tcase, what_lay_in_vanished_caches_is_free);
    tcase_add_test(tcase, what_vanished_threads_freed_of_ours_is_free);
    tcase_add_test(tcase, a_free_that_was_not_told_is_found);
    tcase_add_test(tcase, a_span_told_of_but_not_sent_is_drained);
    tcase_add_test(tcase,
                   a_free_into_an_ownerless_span_that_was_not_told_is_found);
    tcase_add_test(tcase, an_ownerless_span_that_was_freed_untold_is_gone);
    tcase_add_test(tcase, a_span_that_was_being_given_back_is_gone);
    tcase_add_test(tcase, a_span_whose_words_were_being_cleared_is_gone);
    tcase_add_test(tcase, a_span_that_was_being_published_is_gone);
    tcase_add_test(tcase, a_change_that_was_all_but_done_is_done);
    tcase_add_test(tcase, vanished_threads_large_objects_and_pages_stay);
    tcase_add_test(tcase, a_large_object_being_freed_is_gone);
    tcase_add_test(tcase, a_large_object_being_published_is_gone);
    tcase_add_test(tcase, pages_being_freed_are_gone);
    tcase_add_test(tcase, pages_that_no_span_had_yet_are_free_again);
    tcase_add_test(tcase, a_cache_that_was_being_opened_is_not_lost);
    tcase_add_test(tcase, a_child_of_a_child_is_whole);
    tcase_add_test(tcase, many_heaps_fork);
    suite_add_tcase(suite, tcase);
    return mh_test_main(suite);
}
