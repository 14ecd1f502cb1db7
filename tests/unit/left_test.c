// left_test.c - full spans of threads that vanished in a fork.
//
// In the child they stay as they are until one of their objects is freed, and
// so do spans of the thread that forked: the first write to a page there would
// copy it. helper and child are those of support/vanished.h.

#include <check.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>

#include "core/heap/cache.h"
#include "core/heap/left.h"
#include "mheap/mheap.h"
#include "tests/support/emulated.h"
#include "tests/support/sanitized.h"
#include "tests/support/test_main.h"
#include "tests/support/vanished.h"

static struct mh_span *span;  // looked at
static struct mh_span before; // the fork, what it was
static uint32_t owner;        // of the span, then

static void look_at(const void *object) {
    span = span_of(object);
    before = *span;
    owner = (uint32_t)(span->owner_told >> 1);
}

static void leave_full_spans(void) {
    fill(mine);
    run_helper(fill_theirs);
    look_at(theirs[0]);
    ck_assert_uint_eq(span->nfree, 0);
}

static void require(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "in the child: not so: %s\n", what);
        _exit(7);
    }
}

static void run_thread(void *(*act)(void *), void *arg) {
    pthread_t thread;
    require(pthread_create(&thread, NULL, act, arg) == 0, "a thread");
    require(pthread_join(thread, NULL) == 0, "it ends");
}

static void find_it_unwritten(void) {
    require(memcmp(span, &before, sizeof(before)) == 0,
            "the record is as it was");
    be_a_child();
}

START_TEST(a_full_span_of_a_vanished_thread_is_not_written_to) {
    leave_full_spans();
    in_child(find_it_unwritten);
}
END_TEST

START_TEST(a_span_of_ours_that_nobody_freed_into_is_not_written_to) {
    fill(mine);
    run_helper(nothing);
    look_at(mine[0]);
    in_child(find_it_unwritten);
}
END_TEST

static void fork_once_more(void) {
    in_child(find_it_unwritten);
}

START_TEST(what_was_left_is_left_to_a_grandchild) {
    leave_full_spans();
    in_child(fork_once_more);
}
END_TEST

static void require_some_left(void) {
    require(mh_cache_by_id(owner)->left != 0, "spans are left");
}

// The next thread gets the record of the one that vanished.
static void require_none_left(void) {
    require(mh_cache_by_id(owner)->left == 0, "nothing is left");
    uint64_t records = mh_caches.count;
    mheap_option_set(MHEAP_OPTION_FIRST_OBJECTS, 0);
    run_thread(fill_and_end, NULL);
    require(mh_caches.count == records, "the record is used again");
}

static void free_theirs(void) {
    for (size_t i = 0; i < N; i++) {
        drop(&theirs[i]);
    }
    require_none_left();
    be_a_child();
}

static void free_what_was_left(void) {
    require_some_left();
    free_theirs();
}

START_TEST(a_record_is_used_again_when_nothing_is_left) {
    leave_full_spans();
    in_child(free_what_was_left);
}
END_TEST

// Counts of what earlier forks left are made anew.
static void be_counted_once_more(void) {
    in_child(free_what_was_left);
}

START_TEST(what_a_grandchild_is_left_is_counted_once) {
    leave_full_spans();
    in_child(be_counted_once_more);
}
END_TEST

// The thread that made one of them ownerless vanishes before it counts that.
static void vanish_before_counting(void) {
    mh_cache_by_id(owner)->left++;
    in_child(free_what_was_left);
}

START_TEST(a_count_that_was_just_being_changed_is_right_in_the_next_child) {
    leave_full_spans();
    in_child(vanish_before_counting);
}
END_TEST

static void *free_one(void *arg) {
    (void)arg;
    drop(&theirs[0]);
    return NULL;
}

// By a thread without a cache, which cannot take the span for itself.
static void free_one_as_a_stranger(void) {
    mheap_option_set(MHEAP_OPTION_FIRST_OBJECTS, 100);
    run_thread(free_one, NULL);
    require(span->nfree == 1, "its slot is free");
    require(span->owner_told == mh_owner_word(MH_OWNER_NONE, false),
            "the span is nobody's");
    be_a_child();
}

START_TEST(the_first_free_makes_a_left_span_ownerless) {
    leave_full_spans();
    in_child(free_one_as_a_stranger);
}
END_TEST

static void *tell_id(void *arg) {
    mheap_free(mheap_malloc(SIZE));
    *(uint32_t *)arg = mh_tls_get()->id;
    return NULL;
}

static void start_a_thread(void) {
    uint32_t id = owner;
    require_some_left();
    mheap_option_set(MHEAP_OPTION_FIRST_OBJECTS, 0);
    run_thread(tell_id, &id);
    require(id != owner, "it has another record");
    be_a_child();
}

START_TEST(a_record_is_not_used_while_something_is_left) {
    leave_full_spans();
    in_child(start_a_thread);
}
END_TEST

static void *free_even(void *arg) {
    (void)arg;
    for (size_t i = 0; i < N; i += 2) {
        drop(&theirs[i]);
    }
    return NULL;
}

static void free_by_two(void) {
    pthread_t thread;
    require(pthread_create(&thread, NULL, free_even, NULL) == 0, "a thread");
    for (size_t i = 1; i < N; i += 2) {
        drop(&theirs[i]);
    }
    require(pthread_join(thread, NULL) == 0, "it ends");
    require(mh_cache_by_id(owner)->left == 0, "nothing is left");
    be_a_child();
}

START_TEST(two_threads_free_what_was_left_at_once) {
    leave_full_spans();
    for (int i = 0; i < 20; i++) {
        in_child(free_by_two);
    }
}
END_TEST

static void free_the_rest(void) {
    drop(&theirs[0]);
    require_none_left();
    be_a_child();
}

// Of each object but one only the bit is set: the thread that was freeing it
// vanishes in turn.
static void free_halfway(void) {
    require_some_left();
    for (size_t i = 1; i < N; i++) {
        uintptr_t p = (uintptr_t)theirs[i];
        mh_arena_pair(mh_arena_of(p), p)->remote |= mh_pair_bit(p);
        theirs[i] = NULL;
    }
    in_child(free_the_rest);
}

START_TEST(a_grandchild_takes_what_was_half_freed) {
    leave_full_spans();
    in_child(free_halfway);
}
END_TEST

// Told, on no stack, and with nothing to take in: frees would say no more.
static void tell_halfway(void) {
    span->owner_told |= 1;
    in_child(free_theirs);
}

START_TEST(a_grandchild_takes_what_was_half_told) {
    leave_full_spans();
    in_child(tell_halfway);
}
END_TEST

// The states below last a few instructions in the helper.

START_TEST(a_full_span_that_was_changing_hands_is_not_left) {
    leave_full_spans();
    uintptr_t p = (uintptr_t)theirs[0];
    mh_arena_of(p)->page_words[mh_arena_page(p)] =
        mh_page_word_make(MH_OWNER_NONE, span->size_class);
    in_child(be_a_child);
}
END_TEST

static void lose_one(void) {
    theirs[0] = NULL;
    be_a_child();
}

// Its slot was taken, and not yet marked as an object's.
START_TEST(a_span_with_a_slot_on_its_way_is_not_left) {
    leave_full_spans();
    uintptr_t p = (uintptr_t)theirs[0];
    mh_arena_pair(mh_arena_of(p), p)->live &= ~mh_pair_bit(p);
    in_child(lose_one);
}
END_TEST

static struct mheap *second;

static void fill_theirs_in_second(void) {
    for (size_t i = 0; i < N; i++) {
        theirs[i] = mheap_alloc_in(second, SIZE);
    }
}

static void destroy_second(void) {
    require_some_left();
    mheap_destroy(second);
    memset(theirs, 0, sizeof(theirs));
    require_none_left();
}

START_TEST(what_was_left_goes_with_its_heap) {
    fill(mine);
    second = mheap_create("second");
    run_helper(fill_theirs_in_second);
    look_at(theirs[0]);
    in_child(destroy_second);
}
END_TEST

static void destroy_another(void) {
    require_some_left();
    mheap_destroy(second);
    require_some_left();
    be_a_child();
}

START_TEST(what_was_left_does_not_go_with_another_heap) {
    leave_full_spans();
    second = mheap_create("second");
    ck_assert_ptr_nonnull(mheap_alloc_in(second, SIZE));
    in_child(destroy_another);
}
END_TEST

enum { MANY = 500000, COPIED = 200 };

static void fill_many(void) {
    for (size_t i = 0; i < MANY; i++) {
        require(mheap_malloc(SIZE) != NULL, "memory");
    }
}

static void count_copied_pages(void) {
    struct rusage used;
    (void)getrusage(RUSAGE_SELF, &used);
    require_some_left();
    if (used.ru_minflt > COPIED) {
        fprintf(stderr, "%ld pages\n", used.ru_minflt);
        _exit(8);
    }
}

// Their records take 300 pages.
START_TEST(few_pages_are_copied_for_many_full_spans) {
    fill(mine);
    run_helper(fill_many);
    uint32_t last = mh_arenas.table[0]->spans_made - 2;
    owner = (uint32_t)(mh_arenas.table[0]->spans[last].owner_told >> 1);
    in_child(count_copied_pages);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("left");
    TCase *tcase = tcase_create("child");
    // Those that are native start a thread in a child: qemu-user ends there
    // when another thread was alive in the parent.
    tcase_add_test(tcase, a_full_span_of_a_vanished_thread_is_not_written_to);
    tcase_add_test(tcase,
                   a_span_of_ours_that_nobody_freed_into_is_not_written_to);
    tcase_add_test(tcase, what_was_left_is_left_to_a_grandchild);
    MH_ADD_NATIVE_TEST(tcase, a_record_is_used_again_when_nothing_is_left);
    MH_ADD_NATIVE_TEST(tcase, what_a_grandchild_is_left_is_counted_once);
    MH_ADD_NATIVE_TEST(
        tcase, a_count_that_was_just_being_changed_is_right_in_the_next_child);
    MH_ADD_NATIVE_TEST(tcase, the_first_free_makes_a_left_span_ownerless);
    MH_ADD_NATIVE_TEST(tcase, a_record_is_not_used_while_something_is_left);
    MH_ADD_NATIVE_TEST(tcase, two_threads_free_what_was_left_at_once);
    MH_ADD_NATIVE_TEST(tcase, a_grandchild_takes_what_was_half_freed);
    tcase_add_test(tcase, a_full_span_that_was_changing_hands_is_not_left);
    tcase_add_test(tcase, a_span_with_a_slot_on_its_way_is_not_left);
    MH_ADD_NATIVE_TEST(tcase, a_grandchild_takes_what_was_half_told);
    MH_ADD_NATIVE_TEST(tcase, what_was_left_goes_with_its_heap);
    tcase_add_test(tcase, what_was_left_does_not_go_with_another_heap);
    if (!MH_SANITIZED) { // whose own pages are copied as well, as an emulator's
        MH_ADD_NATIVE_TEST(tcase, few_pages_are_copied_for_many_full_spans);
    }
    suite_add_tcase(suite, tcase);
    return mh_test_main(suite);
}
