// remote_test.c - one thread frees what another one allocated, step by step.

#include <check.h>

#include "core/heap/heap.h"
#include "core/heap/remote.h"
#include "mheap/mheap.h"
#include "tests/support/check_books.h"
#include "tests/support/test_main.h"
#include "tests/support/threads.h"

enum { SIZE = 64, N = 2000 };

static struct mh_actor other;
static struct mh_cache *others_cache;
static void *objects[N]; // of the other thread
static unsigned size_class;

static void get_all(void *arg) {
    (void)arg;
    for (size_t i = 0; i < N; i++) {
        objects[i] = mheap_malloc(SIZE);
    }
    others_cache = mh_tls_get();
}

static void flush(void *arg) {
    (void)arg;
    mheap_thread_flush();
}

static void free_it(void *p) {
    mheap_free(p);
}

static void get_one(void *arg) {
    *(void **)arg = mheap_malloc(SIZE);
}

static struct mh_pair pair_of(const void *p) {
    return *mh_arena_pair(mh_arena_of((uintptr_t)p), (uintptr_t)p);
}

static bool is_live(const void *p) {
    return (pair_of(p).live & mh_pair_bit((uintptr_t)p)) != 0;
}

static bool is_remote(const void *p) {
    return (pair_of(p).remote & mh_pair_bit((uintptr_t)p)) != 0;
}

static struct mh_span *span_of(const void *p) {
    return mh_arena_span_at((uintptr_t)p);
}

static struct mheap_class_stats stats(void) {
    struct mheap_class_stats now;
    ck_assert(mheap_class_stats_get(NULL, size_class, &now));
    return now;
}

static void begin(void) {
    size_class = mh_size_class(SIZE);
    mheap_option_set(MHEAP_OPTION_FIRST_OBJECTS, 0); // caches at once
    mh_actor_do(&other, get_all, NULL);
    ck_assert_ptr_nonnull(mh_cache_of_thread(mheap_default()));
    mheap_option_set(MHEAP_OPTION_BAD_FREE, MHEAP_ON_BAD_FREE_COUNT);
}

START_TEST(a_remote_free_waits_for_the_owner) {
    mheap_free(objects[0]);
    ck_assert(is_live(objects[0]));
    ck_assert(is_remote(objects[0]));
    ck_assert_uint_eq(stats().pending, 1);
    ck_assert_uint_eq(stats().used, N - 1);
    ck_assert_uint_eq(mheap_usable_size(objects[0]), 0);

    mh_actor_do(&other, flush, NULL);

    ck_assert(!is_live(objects[0]));
    ck_assert(!is_remote(objects[0]));
    ck_assert_uint_eq(stats().pending, 0);
    ck_assert_uint_eq(stats().used, N - 1);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(it_does_not_go_into_this_threads_cache) {
    uint64_t spans = stats().spans;
    for (size_t i = 0; i < 100; i++) {
        mheap_free(objects[i]);
    }
    void *p = mheap_malloc(SIZE);
    ck_assert_ptr_ne(span_of(p), span_of(objects[0]));
    ck_assert_uint_eq(stats().spans, spans + 1);
}
END_TEST

START_TEST(the_owner_is_told_once_per_span) {
    struct mh_span *span = span_of(objects[0]);
    for (size_t i = 0; span_of(objects[i]) == span; i++) {
        mheap_free(objects[i]);
        ck_assert_ptr_eq(others_cache->told, span);
        ck_assert_ptr_null(span->told_next);
        ck_assert_uint_eq(span->owner_told,
                          mh_owner_word(others_cache->id, true));
    }
    struct mh_span *second = span_of(objects[N - 1]);
    ck_assert_ptr_ne(second, span);
    mheap_free(objects[N - 1]);
    ck_assert_ptr_eq(others_cache->told, second);
    ck_assert_ptr_eq(second->told_next, span);
    mh_check_books(mheap_default());

    mh_actor_do(&other, flush, NULL);
    ck_assert_ptr_null(others_cache->told);
    ck_assert_uint_eq(second->owner_told,
                      mh_owner_word(others_cache->id, false));
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(the_owner_hands_out_what_others_freed) {
    mh_actor_do(&other, flush, NULL); // empty bins: the next malloc refills
    struct mh_span *span = span_of(objects[0]);
    mheap_free(objects[3]);
    void *p = NULL;
    bool found = false;
    for (size_t i = 0; i < N && !found; i++) {
        mh_actor_do(&other, get_one, &p);
        found = p == objects[3];
    }
    ck_assert(found);
    ck_assert_ptr_eq(span_of(p), span);
    ck_assert(is_live(p));
    ck_assert(!is_remote(p));
}
END_TEST

// Has the other thread refill its bin once; it has to have free slots.
static void refill(void *arg) {
    (void)arg;
    ck_assert(others_cache->partial[size_class] != NULL ||
              others_cache->current[size_class]->nfree != 0);
    for (uint32_t calls = others_cache->calls; calls == others_cache->calls;) {
        ck_assert_ptr_nonnull(mheap_malloc(SIZE));
    }
}

START_TEST(what_others_freed_is_left_while_there_are_free_slots) {
    mh_actor_do(&other, flush, NULL);
    uint64_t spans = stats().spans;
    mheap_free(objects[0]);
    mh_actor_do(&other, refill, NULL);
    ck_assert_ptr_eq(others_cache->told, span_of(objects[0]));
    ck_assert_uint_eq(stats().pending, 1);
    for (size_t i = 0; stats().used < N; i++) {
        ck_assert_uint_lt(i, N);
        mh_actor_do(&other, get_one, &(void *){NULL});
    }
    // It came before a new span.
    while (stats().pending != 0) {
        ck_assert_uint_eq(stats().spans, spans);
        mh_actor_do(&other, get_one, &(void *){NULL});
    }
    ck_assert_uint_eq(stats().spans, spans);
    mh_check_books(mheap_default());
}
END_TEST

static void get_another_class(void *arg) {
    *(void **)arg = mheap_malloc(SIZE * 10);
}

START_TEST(what_others_emptied_goes_home_before_another_class_grows) {
    void *p = NULL;
    mh_actor_do(&other, flush, NULL);
    for (size_t i = 0; i < N; i++) {
        mheap_free(objects[i]);
    }
    mh_actor_do(&other, get_another_class, &p);
    ck_assert_ptr_nonnull(p);
    ck_assert_uint_eq(stats().spans, 0);
    ck_assert_uint_eq(stats().pending, 0);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(what_others_freed_is_not_left_for_ever) {
    mh_actor_do(&other, flush, NULL);
    mheap_free(objects[0]);
    mh_actor_do(&other, refill, NULL);
    ck_assert_uint_eq(stats().pending, 1);
    others_cache->calls += 999; // for other classes, say
    mh_actor_do(&other, refill, NULL);
    ck_assert_uint_eq(stats().pending, 0);
    ck_assert_ptr_null(others_cache->told);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(a_span_emptied_from_outside_goes_home) {
    for (size_t i = 0; i < N; i++) {
        mheap_free(objects[i]);
    }
    ck_assert_uint_eq(stats().used, 0);
    ck_assert_uint_gt(stats().spans, 0);
    mh_actor_do(&other, flush, NULL);
    ck_assert_uint_eq(stats().spans, 0);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(a_span_whose_owner_ended_is_adopted_by_who_frees) {
    mh_actor_end(&other);
    struct mh_span *span = span_of(objects[0]);
    ck_assert_uint_eq(span->owner_told, mh_owner_word(MH_OWNER_NONE, false));

    mheap_free(objects[0]);

    struct mh_cache *mine = mh_tls_get();
    ck_assert_uint_eq(span->owner_told, mh_owner_word(mine->id, false));
    ck_assert(!is_live(objects[0]));
    ck_assert(!is_remote(objects[0]));
    mheap_free(objects[1]); // from here on it is a local one
    ck_assert(!is_remote(objects[1]));
    ck_assert_uint_eq(mh_bin_fill(mine, size_class), 1);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(adopted_spans_go_home_when_they_are_empty) {
    mh_actor_end(&other);
    for (size_t i = 0; i < N; i++) {
        mheap_free(objects[i]);
    }
    mheap_thread_flush();
    ck_assert_uint_eq(stats().spans, 0);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(a_thread_that_ends_drains_what_it_was_told) {
    for (size_t i = 0; i < N; i += 2) {
        mheap_free(objects[i]);
    }
    mh_actor_end(&other);
    ck_assert_uint_eq(stats().pending, 0);
    ck_assert_uint_eq(stats().used, N / 2);
    ck_assert_uint_eq(mheap_default()->central[size_class].nspans,
                      stats().spans);
    mh_check_books(mheap_default());
}
END_TEST

// A thread without a cache of its own settles ownerless spans where they are.
START_TEST(a_thread_without_a_cache_frees_into_ownerless_spans) {
    mh_actor_end(&other);
    mheap_thread_flush();
    struct mh_cache *mine = mh_tls_get();
    mh_tls_set(&mh_cache_dead);
    struct mh_span *span = span_of(objects[0]);
    mheap_free(objects[0]);
    ck_assert_uint_eq(span->owner_told, mh_owner_word(MH_OWNER_NONE, false));
    ck_assert_int_eq(span->list, MH_LIST_CENTRAL);
    ck_assert_uint_ge(span->nfree, 1);
    for (size_t i = 1; i < N; i++) {
        mheap_free(objects[i]);
    }
    mh_tls_set(mine);
    ck_assert_uint_eq(stats().spans, 0); // and idle ones go home
    mh_check_books(mheap_default());
}
END_TEST

static uint64_t bad(void) {
    struct mheap_stats now;
    mheap_stats(NULL, &now);
    return now.bad_frees_total;
}

START_TEST(a_second_free_is_caught_whoever_makes_it) {
    mheap_free(objects[0]);
    mheap_free(objects[0]); // by the same thread
    ck_assert_uint_eq(bad(), 1);
    mh_actor_do(&other, free_it, objects[0]); // by the owner
    ck_assert_uint_eq(bad(), 2);
    mh_in_thread(free_it, objects[0]); // by a third
    ck_assert_uint_eq(bad(), 3);
    mh_actor_do(&other, flush, NULL);
    mheap_free(objects[0]); // after the drain
    ck_assert_uint_eq(bad(), 4);

    mh_actor_do(&other, free_it, objects[1]); // the owner first
    mheap_free(objects[1]);
    ck_assert_uint_eq(bad(), 5);
    ck_assert_uint_eq(stats().used, N - 2);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(the_inside_of_an_object_is_caught) {
    mheap_free((char *)objects[0] + 16);
    mheap_free((char *)objects[0] + 1);
    ck_assert_uint_eq(bad(), 2);
    ck_assert_uint_eq(stats().pending, 0);
}
END_TEST

// A free that comes too late finds the span gone, and its bits as they were.
START_TEST(what_is_refused_leaves_no_bit_behind) {
    mh_actor_do(&other, free_it, objects[0]);
    uintptr_t p = (uintptr_t)objects[0];
    ck_assert(!mh_remote_free(mh_arena_of(p), p));
    ck_assert(!is_remote(objects[0]));
    ck_assert_uint_eq(span_of(objects[0])->owner_told,
                      mh_owner_word(others_cache->id, false));
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(told_needlessly_is_drained_needlessly) {
    struct mh_span *span = span_of(objects[0]);
    mheap_free(objects[0]);
    mh_actor_do(&other, flush, NULL);
    // As a free whose bit the owner drained before it was told.
    span->touched = 1;
    span->owner_told |= 1;
    span->told_next = NULL;
    others_cache->told = span;
    mh_actor_do(&other, flush, NULL);
    ck_assert_uint_eq(span->owner_told, mh_owner_word(others_cache->id, false));
    mh_check_books(mheap_default());
}
END_TEST

// An idle span that somebody is just telling of must not be given away.
START_TEST(a_span_that_is_told_of_does_not_go_home) {
    struct mh_span *span = span_of(objects[0]);
    size_t n = 0;
    while (span_of(objects[n]) == span) {
        n++;
    }
    span->owner_told |= 1; // told, and not yet on the stack
    for (size_t i = 0; i < n; i++) {
        mh_actor_do(&other, free_it, objects[i]);
    }
    mh_actor_do(&other, flush, NULL);
    ck_assert_int_eq(span->state, MH_SPAN_IN_USE);
    ck_assert(mh_span_is_idle(span));
    span->told_next = NULL; // now it is
    others_cache->told = span;
    mh_actor_do(&other, flush, NULL);
    ck_assert_int_eq(span->state, MH_SPAN_DEAD);
    mh_check_books(mheap_default());
}
END_TEST

// ---- a free whose span dies between its two halves --------------------------

// As a thread sees it that set its bit and was then held up: its span is gone.
static struct mh_span gone;

static void begin_late(void) {
    begin();
    gone.owner_told = mh_owner_word(MH_OWNER_DEAD, false);
    gone.base = (uintptr_t)objects[0];
}

static void set_remote(void *p) {
    uintptr_t at = (uintptr_t)p;
    __atomic_fetch_or(&mh_arena_pair(mh_arena_of(at), at)->remote,
                      mh_pair_bit(at), __ATOMIC_SEQ_CST);
}

static bool tell_late(void *p) {
    uintptr_t at = (uintptr_t)p;
    return mh_remote_tell(mh_arena_of(at), at, &gone);
}

static void free_all(void *arg) {
    (void)arg;
    for (size_t i = 0; i < N; i++) {
        mheap_free(objects[i]);
    }
    mheap_thread_flush();
}

START_TEST(a_late_bit_that_was_taken_in_is_no_bad_free) {
    mh_actor_do(&other, free_all, NULL);
    ck_assert_ptr_null(span_of(objects[0]));
    ck_assert(tell_late(objects[0]));
    ck_assert(!is_remote(objects[0]));
}
END_TEST

START_TEST(a_late_bit_on_a_free_page_is_one_and_does_not_stay) {
    mh_actor_do(&other, free_all, NULL);
    set_remote(objects[0]);
    ck_assert(!tell_late(objects[0]));
    ck_assert(!is_remote(objects[0]));
}
END_TEST

// Somebody has freed the new object there: it must neither be lost nor blamed.
START_TEST(a_bit_of_the_next_span_is_left_to_it) {
    struct mh_span *span = span_of(objects[5]);
    set_remote(objects[5]);
    ck_assert(tell_late(objects[5]));
    ck_assert(is_remote(objects[5]));
    ck_assert_uint_eq(span->owner_told, mh_owner_word(others_cache->id, true));
    mh_actor_do(&other, flush, NULL);
    ck_assert(!is_live(objects[5]));
    ck_assert(!is_remote(objects[5]));
    ck_assert_uint_eq(bad(), 0);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(a_late_bit_on_a_large_object_is_a_bad_free) {
    mh_actor_do(&other, free_all, NULL);
    void *large = mheap_malloc(100000);
    ck_assert_ptr_eq(large, objects[0]); // the lowest free pages
    set_remote(large);
    ck_assert(!tell_late(large));
    ck_assert(!is_remote(large));
    mheap_free(large);
    ck_assert_uint_eq(bad(), 0);
}
END_TEST

START_TEST(bits_that_came_too_late_are_reported_by_the_next_span) {
    mh_actor_do(&other, free_all, NULL);
    set_remote(objects[0]);
    set_remote(objects[20]);
    mh_actor_do(&other, get_all, NULL);
    ck_assert_uint_eq(bad(), 2);
    ck_assert(!is_remote(objects[0]));
    mh_actor_do(&other, free_all, NULL);
    ck_assert_uint_eq(bad(), 2);
    mh_check_books(mheap_default());

    set_remote(objects[0]);
    void *large = mheap_malloc(100000);
    ck_assert_ptr_eq(large, objects[0]);
    ck_assert_uint_eq(bad(), 3);
    ck_assert_uint_gt(mheap_usable_size(large), 0);
}
END_TEST

START_TEST(objects_of_another_heap_go_back_to_it) {
    struct mheap *heap = mheap_create("other");
    void *p = mheap_alloc_in(heap, SIZE);
    mh_actor_do(&other, free_it, p); // has no cache of that heap
    ck_assert(is_remote(p));
    ck_assert_uint_eq(bad(), 0);
    mheap_thread_flush();
    struct mheap_stats now;
    mheap_stats(heap, &now);
    ck_assert_uint_eq(now.spans, 0);
    mh_check_books(heap);
    mheap_destroy(heap);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("remote");
    TCase *tcase = tcase_create("remote");
    tcase_add_checked_fixture(tcase, begin, NULL);
    tcase_add_test(tcase, a_remote_free_waits_for_the_owner);
    tcase_add_test(tcase, it_does_not_go_into_this_threads_cache);
    tcase_add_test(tcase, the_owner_is_told_once_per_span);
    tcase_add_test(tcase, the_owner_hands_out_what_others_freed);
    tcase_add_test(tcase, what_others_freed_is_left_while_there_are_free_slots);
    tcase_add_test(tcase,
                   what_others_emptied_goes_home_before_another_class_grows);
    tcase_add_test(tcase, what_others_freed_is_not_left_for_ever);
    tcase_add_test(tcase, a_span_emptied_from_outside_goes_home);
    tcase_add_test(tcase, a_span_whose_owner_ended_is_adopted_by_who_frees);
    tcase_add_test(tcase, adopted_spans_go_home_when_they_are_empty);
    tcase_add_test(tcase, a_thread_that_ends_drains_what_it_was_told);
    tcase_add_test(tcase, a_thread_without_a_cache_frees_into_ownerless_spans);
    tcase_add_test(tcase, a_second_free_is_caught_whoever_makes_it);
    tcase_add_test(tcase, the_inside_of_an_object_is_caught);
    tcase_add_test(tcase, what_is_refused_leaves_no_bit_behind);
    tcase_add_test(tcase, told_needlessly_is_drained_needlessly);
    tcase_add_test(tcase, a_span_that_is_told_of_does_not_go_home);
    tcase_add_test(tcase, objects_of_another_heap_go_back_to_it);
    suite_add_tcase(suite, tcase);
    TCase *late = tcase_create("late");
    tcase_add_checked_fixture(late, begin_late, NULL);
    tcase_add_test(late, a_late_bit_that_was_taken_in_is_no_bad_free);
    tcase_add_test(late, a_late_bit_on_a_free_page_is_one_and_does_not_stay);
    tcase_add_test(late, a_bit_of_the_next_span_is_left_to_it);
    tcase_add_test(late, a_late_bit_on_a_large_object_is_a_bad_free);
    tcase_add_test(late, bits_that_came_too_late_are_reported_by_the_next_span);
    suite_add_tcase(suite, late);
    return mh_test_main(suite);
}
