// cache_test.c - what a thread keeps for itself, and how it gives it back.

#include <check.h>
#include <limits.h>
#include <pthread.h>

#include "core/heap/heap.h"
#include "core/heap/options.h"
#include "mheap/mheap.h"
#include "tests/support/check_books.h"
#include "tests/support/sanitized.h"
#include "tests/support/test_main.h"
#include "tests/support/threads.h"

enum { SIZE = 64, MOST = 4000 };

static void *objects[MOST];
static unsigned size_class;

static struct mh_cache *cache(void) {
    return mh_tls_get();
}

static size_t limit(void) {
    return (size_t)(cache()->bins[size_class].limit -
                    mh_bin_bottom(cache(), size_class));
}

static size_t fill(void) {
    return mh_bin_fill(cache(), size_class);
}

static void get(size_t n) {
    for (size_t i = 0; i < n; i++) {
        objects[i] = mheap_malloc(SIZE);
        ck_assert_ptr_nonnull(objects[i]);
    }
}

static void drop(size_t n) {
    for (size_t i = 0; i < n; i++) {
        mheap_free(objects[i]);
    }
}

static bool is_free_in_span(void *p) {
    uintptr_t at = (uintptr_t)p;
    struct mh_span *span = mh_arena_span_at(at);
    uint32_t slot = mh_span_slot(span, at);
    return (span->free[slot / 64] >> (slot % 64) & 1) != 0;
}

static void begin(void) {
    size_class = mh_size_class(SIZE);
    mheap_option_set(MHEAP_OPTION_FIRST_OBJECTS, 0); // caches at once
    ck_assert_ptr_nonnull(mh_cache_of_thread(mh_heap_default()));
}

static void *use_much(void *unused) {
    (void)unused;
    static void *mine[1000];
    for (size_t i = 0; i < 1000; i++) {
        mine[i] = mheap_malloc(SIZE);
        // What the thread before was allowed is not this one's.
        ck_assert(i > 1 || limit() == mh_classes[size_class].first_slots);
    }
    for (size_t i = 0; i < 1000; i++) {
        mheap_free(mine[i]);
    }
    return NULL;
}

START_TEST(slots_come_in_address_order_from_a_fresh_span) {
    get(mh_classes[size_class].nslots);
    for (size_t i = 1; i < mh_classes[size_class].nslots; i++) {
        ck_assert_ptr_eq(objects[i], (char *)objects[i - 1] + SIZE);
    }
}
END_TEST

START_TEST(what_was_freed_last_is_handed_out_first) {
    get(10);
    mheap_free(objects[3]);
    mheap_free(objects[7]);
    ck_assert_ptr_eq(mheap_malloc(SIZE), objects[7]);
    ck_assert_ptr_eq(mheap_malloc(SIZE), objects[3]);
}
END_TEST

// The order in which no two neighbours lie in one span.
START_TEST(slots_of_many_spans_go_back_to_each_of_them) {
    size_t nslots = mh_classes[size_class].nslots;
    size_t nspans = MOST / nslots;
    get(nspans * nslots);
    for (size_t slot = 0; slot < nslots; slot++) {
        for (size_t span = 0; span < nspans; span++) {
            mheap_free(objects[span * nslots + slot]);
        }
        ck_assert_int_eq(mh_cache_check(cache()), 0);
    }
    size_t cached = fill();
    size_t free = 0;
    for (size_t i = 0; i < nspans * nslots; i++) {
        struct mh_span *span = mh_arena_span_at((uintptr_t)objects[i]);
        free += span == NULL || is_free_in_span(objects[i]);
    }
    ck_assert_uint_eq(free + cached, nspans * nslots);
    mheap_thread_flush();
    ck_assert_ptr_null(cache()->owned);
    mh_check_books(mheap_default());
}
END_TEST

// Whether all of the first n objects are free again once the bins are empty.
static void check_given_back(size_t n) {
    mheap_thread_flush();
    ck_assert_int_eq(mh_cache_check(cache()), 0);
    for (size_t i = 0; i < n; i++) {
        ck_assert(mh_arena_span_at((uintptr_t)objects[i]) == NULL ||
                  is_free_in_span(objects[i]));
    }
    ck_assert_ptr_null(cache()->owned);
    mh_check_books(mheap_default());
}

// Spans of this class have no tail, and lie side by side: a run of neighbours
// goes on into the next one.
START_TEST(neighbours_go_back_to_the_span_that_each_lies_in) {
    enum { N = 1000 };
    ck_assert_uint_lt((size_t)3 * mh_classes[size_class].nslots, N);
    get(N);
    drop(N);
    check_given_back(N);
    get(N);
    for (size_t i = N; i-- > 0;) {
        mheap_free(objects[i]);
        ck_assert_int_eq(mh_cache_check(cache()), 0);
    }
    check_given_back(N);
    get(N);
    for (size_t i = 0; i < N; i += 10) { // five up, then five down
        for (size_t k = 0; k < 5; k++) {
            mheap_free(objects[i + k]);
        }
        for (size_t k = 10; k-- > 5;) {
            mheap_free(objects[i + k]);
        }
    }
    check_given_back(N);
}
END_TEST

START_TEST(limits_double_until_the_class_allows_no_more) {
    size_t before = limit();
    size_t most = mh_classes[size_class].cache_slots;
    bool grew = false;
    for (int i = 0; i < MOST; i++) {
        (void)mheap_malloc(SIZE);
        size_t now = limit();
        ck_assert(now == before || now == 2 * before || now == most);
        grew = grew || now == 2 * before;
        before = now;
    }
    ck_assert(grew);
    ck_assert_uint_eq(before, most);
}
END_TEST

START_TEST(a_bin_moves_to_a_larger_array_with_all_its_slots) {
    const struct mh_class_info *info = &mh_classes[size_class];
    ck_assert_int_eq(mheap_option_set(MHEAP_OPTION_CACHE_TOTAL, 0), 0);
    get(40); // with the limit it has at first
    mheap_thread_flush();
    for (size_t i = 0; i < info->first_slots; i++) {
        mheap_free(objects[i]);
    }
    struct mh_place *first = mh_bin_bottom(cache(), size_class);
    ck_assert_uint_eq(fill(), info->first_slots);
    ck_assert_uint_eq(mh_bin_capacity(cache(), size_class), info->first_slots);
    ck_assert_int_eq(mheap_option_set(MHEAP_OPTION_CACHE_TOTAL, 1 << 20), 0);

    mheap_free(objects[info->first_slots]);

    ck_assert_ptr_ne(mh_bin_bottom(cache(), size_class), first);
    ck_assert_uint_eq(mh_bin_capacity(cache(), size_class), info->cache_slots);
    ck_assert_uint_eq(limit(), 2 * (size_t)info->first_slots);
    ck_assert_int_eq(mh_cache_check(cache()), 0);
    for (size_t i = info->first_slots + 1; i-- > 0;) {
        ck_assert_ptr_eq(mheap_malloc(SIZE), objects[i]);
    }
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(no_refill_takes_more_than_a_batch) {
    size_t batch = mh_classes[size_class].batch;
    for (int i = 0; i < MOST; i++) {
        bool empty = fill() == 0;
        (void)mheap_malloc(SIZE);
        ck_assert(!empty || fill() < batch);
    }
    ck_assert_uint_gt(limit() / 2, batch);
}
END_TEST

START_TEST(few_objects_of_many_classes_need_no_larger_array) {
    size_t before = mh_heaps.caches.used_bytes;
    for (unsigned i = 2; i < MH_NCLASSES; i++) {
        void *p = mheap_malloc(mh_class_size(i));
        ck_assert_ptr_nonnull(p);
        mheap_free(p);
    }
    ck_assert_uint_eq(mh_heaps.caches.used_bytes, before);
}
END_TEST

START_TEST(a_larger_array_serves_the_next_thread_that_has_the_cache) {
    size_t used = 0;
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        ck_assert_int_eq(pthread_create(&thread, NULL, use_much, NULL), 0);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
        ck_assert(i == 0 || mh_heaps.caches.used_bytes == used);
        used = mh_heaps.caches.used_bytes;
    }
}
END_TEST

START_TEST(a_full_bin_gives_its_older_half_back) {
    get(1000); // the limit is what it can be
    size_t most = mh_classes[size_class].cache_slots;
    ck_assert_uint_eq(limit(), most);
    while (fill() > 0) {
        (void)mheap_malloc(SIZE);
    }
    for (size_t i = 0; i < most; i++) {
        mheap_free(objects[i]);
    }
    ck_assert_uint_eq(fill(), most);
    ck_assert(!is_free_in_span(objects[0]));

    mheap_free(objects[most]);

    size_t kept = fill();
    ck_assert_uint_eq(kept, most / 2 + 1);
    for (size_t i = 0; i <= most; i++) {
        ck_assert_int_eq(is_free_in_span(objects[i]), i <= most - kept);
    }
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(no_limit_grows_where_nothing_may_be_kept) {
    mheap_option_set(MHEAP_OPTION_CACHE_BYTES, 0);
    mheap_option_set(MHEAP_OPTION_CACHE_TOTAL, 0);
    size_t before = limit();
    get(MOST);
    drop(MOST);
    ck_assert_uint_eq(limit(), before); // what it began with, and no more
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(all_caches_together_stay_below_their_total) {
    mheap_option_set(MHEAP_OPTION_CACHE_TOTAL, 20000);
    for (size_t size = 16; size <= 32768; size += 16) {
        for (int i = 0; i < 20; i++) {
            mheap_free(mheap_malloc(size));
            (void)mheap_malloc(size);
        }
    }
    ck_assert_uint_le(mh_caches.limit_bytes, 20000);
    ck_assert_uint_eq(mh_caches.limit_bytes, cache()->limit_bytes);
}
END_TEST

START_TEST(idle_spans_go_home) {
    get(MOST);
    ck_assert_uint_gt(mh_stats_now().spans, 3);
    drop(MOST);
    mheap_thread_flush();
    ck_assert_uint_eq(mh_stats_now().spans, 0);
    ck_assert_uint_eq(mh_stats_now().cached_bytes, 0);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(a_span_with_one_object_stays) {
    get(MOST);
    drop(MOST - 1);
    mheap_thread_flush();
    ck_assert_uint_eq(mh_stats_now().spans, 1);
    ck_assert_uint_eq(mh_stats_now().in_use_objects, 1);
    mheap_free(objects[MOST - 1]);
    mheap_thread_flush();
    ck_assert_uint_eq(mh_stats_now().spans, 0);
}
END_TEST

START_TEST(partly_free_spans_are_filled_before_new_ones_are_made) {
    get(MOST);
    for (size_t i = 0; i < MOST; i += 2) {
        mheap_free(objects[i]);
    }
    mheap_thread_flush();
    uint64_t spans = mh_stats_now().spans;
    for (size_t i = 0; i < MOST; i += 2) {
        objects[i] = mheap_malloc(SIZE);
    }
    ck_assert_uint_eq(mh_stats_now().spans, spans);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(what_is_taken_and_given_adds_up) {
    const struct mh_bin_count *count = &cache()->counts[size_class];
    get(MOST);
    ck_assert_uint_eq(count->taken - count->given, MOST + fill());
    drop(MOST);
    ck_assert_uint_eq(count->taken - count->given, fill());
    mheap_thread_flush();
    ck_assert_uint_eq(count->taken, count->given);
}
END_TEST

// Life ---------------------------------------------------------------------

static void get_and_keep(void *arg) {
    (void)arg;
    get(1000);
}

static void get_and_drop(void *arg) {
    (void)arg;
    get(1000);
    drop(1000);
}

START_TEST(a_thread_that_ends_leaves_nothing_owned) {
    mh_in_thread(get_and_drop, NULL);
    ck_assert_uint_eq(mh_stats_now().spans, 0);
    ck_assert_uint_eq(mh_stats_now().cached_bytes, 0);
    ck_assert_uint_eq(mh_stats_now().caches, 1);

    mh_in_thread(get_and_keep, NULL);
    ck_assert_uint_eq(mh_stats_now().in_use_objects, 1000);
    ck_assert_uint_eq(mh_stats_now().cached_bytes, 0);
    struct mh_span *span = mh_arena_span_at((uintptr_t)objects[5]);
    ck_assert_uint_eq(span->owner_told, mh_owner_word(MH_OWNER_NONE, false));
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(what_a_thread_left_is_used_by_the_next) {
    mh_in_thread(get_and_keep, NULL);
    uint64_t spans = mh_stats_now().spans;
    uint32_t room = mh_classes[size_class].nslots;
    ck_assert_uint_eq(spans, (1000 + room - 1) / room);
    // The last span has free slots: the first object comes from it.
    uintptr_t p = (uintptr_t)mheap_malloc(SIZE);
    ck_assert_ptr_eq(mh_arena_span_at(p),
                     mh_arena_span_at((uintptr_t)objects[999]));
    ck_assert_uint_eq(mh_stats_now().spans, spans);
}
END_TEST

START_TEST(numbers_of_caches_are_used_again) {
    uint64_t count = 0;
    for (int i = 0; i < 100; i++) {
        mh_in_thread(i % 2 ? get_and_keep : get_and_drop, NULL);
        count = i == 0 ? mh_caches.count : count;
    }
    ck_assert_uint_eq(mh_caches.count, count);
    uint32_t id = (uint32_t)count - 1;
    ck_assert_uint_eq(mh_cache_by_id(id)->generation, 100);
    ck_assert_int_eq(mh_cache_by_id(id)->state, MH_CACHE_FREE);
    ck_assert_uint_eq(mh_caches.limit_bytes, cache()->limit_bytes);
}
END_TEST

START_TEST(many_threads_at_once_have_caches_of_their_own) {
    struct mh_actor actors[100] = {{0}};
    for (int i = 0; i < 100; i++) {
        mh_actor_do(&actors[i], get_and_keep, NULL);
    }
    ck_assert_uint_eq(mh_stats_now().caches,
                      101); // the table has grown, too
    mh_check_books(mheap_default());
    for (int i = 0; i < 100; i++) {
        mh_actor_end(&actors[i]);
    }
    ck_assert_uint_eq(mh_stats_now().caches, 1);
    mh_check_books(mheap_default());
}
END_TEST

static void get_in_actor(void *arg) {
    *(void **)arg = mheap_malloc(SIZE);
}

static void get_of_many_classes(void *arg) {
    (void)arg;
    for (size_t size = 16; size <= 256; size += 16) {
        ck_assert_ptr_nonnull(mheap_malloc(size));
    }
    ck_assert_uint_ne(mh_tls_get()->pages.base, 0);
}

// What a thread with one object touches is near to what the others do: of the
// heap, and of the words beside it.
START_TEST(threads_with_few_spans_lie_close_together) {
    struct mh_actor actors[40] = {{0}};
    uintptr_t lowest = UINTPTR_MAX, highest = 0;
    for (int i = 0; i < 40; i++) {
        void *p = NULL;
        mh_actor_do(&actors[i], get_in_actor, &p);
        lowest = (uintptr_t)p < lowest ? (uintptr_t)p : lowest;
        highest = (uintptr_t)p > highest ? (uintptr_t)p : highest;
    }
    uintptr_t span = (uintptr_t)mh_classes[size_class].npages << MH_PAGE_SHIFT;
    ck_assert_uint_lt(highest - lowest, 40 * span);
    // Another one with many spans takes its pages without the heap's lock.
    mh_actor_do(&actors[0], get_of_many_classes, NULL);
    mh_check_books(mheap_default());
    for (int i = 0; i < 40; i++) {
        mh_actor_end(&actors[i]);
    }
}
END_TEST

#if MH_HAVE_FORK
static pthread_key_t key;
static unsigned rounds, rounds_past;
static void *left_over;
static bool served;

// Sets itself anew until the heap's own destructor has run.
static void on_destroy(void *value) {
    void *p = mheap_malloc(SIZE);
    void *large = mheap_malloc(100000);
    served = p != NULL && large != NULL;
    if (mh_tls_get() == &mh_cache_dead) {
        rounds_past++;
    }
    mheap_free(value);
    mheap_free(large);
    // A sanitizer forgets the thread in the last round.
    if (++rounds < PTHREAD_DESTRUCTOR_ITERATIONS - MH_SANITIZED) {
        pthread_setspecific(key, p);
    } else {
        left_over = p;
    }
}

static void arm(void *arg) {
    (void)arg;
    pthread_setspecific(key, mheap_malloc(SIZE));
}

START_TEST(a_thread_past_its_destructors_is_served_by_the_side_cache) {
    // The heap's key is older: its destructor runs first in every round.
    ck_assert_int_eq(pthread_key_create(&key, on_destroy), 0);
    mh_in_thread(arm, NULL);
    ck_assert(served);
    ck_assert_uint_ge(rounds_past, 1);
    ck_assert_ptr_nonnull(mheap_default()->side);
    ck_assert_uint_eq(mh_stats_now().in_use_objects, 1);
    mheap_free(left_over);
    ck_assert_uint_eq(mh_stats_now().bad_frees_total, 0);
    mh_check_books(mheap_default());

    (void)mheap_release(); // empties the side cache as well
    struct mh_cache *side = mheap_default()->side;
    ck_assert_uint_eq(mh_bin_fill(side, size_class), 0);
    mh_check_books(mheap_default());
}
END_TEST
#endif

START_TEST(what_is_freed_of_another_heap_stays_with_the_thread) {
    struct mheap *other = mheap_create("other");
    void *p = mheap_alloc_in(other, SIZE);
    mheap_free(p);
    ck_assert_ptr_null(mh_cache_of_thread(other)->told);
    ck_assert_ptr_eq(mheap_alloc_in(other, SIZE), p);
    mheap_destroy(other);
}
END_TEST

START_TEST(every_heap_has_a_cache_of_this_thread) {
    struct mheap *a = mheap_create("a"), *b = mheap_create("b");
    struct mh_cache *in_a = mh_cache_of_thread(a),
                    *in_b = mh_cache_of_thread(b);
    ck_assert_ptr_ne(in_a, in_b);
    ck_assert_ptr_ne(in_a, cache());
    ck_assert_ptr_eq(mh_cache_of_thread(a), in_a);
    ck_assert_ptr_eq(mh_cache_of_owner(in_a->id), in_a);
    ck_assert_ptr_eq(mh_cache_of_owner(in_b->id), in_b);
    ck_assert_ptr_eq(mh_cache_of_owner(cache()->id), cache());
    ck_assert_ptr_null(mh_cache_of_owner(99));
    mheap_destroy(a);
    ck_assert_int_eq(in_a->state, MH_CACHE_ORPHAN);
    struct mheap *c = mheap_create("c"); // the same record as a
    ck_assert_ptr_ne(mh_cache_of_thread(c), NULL);
    ck_assert_ptr_eq(mh_cache_of_thread(c)->heap, c);
    mheap_destroy(b);
    mheap_destroy(c);
}
END_TEST

START_TEST(the_check_names_what_is_broken) {
    get(200);
    drop(20);
    struct mh_bin *bin = &cache()->bins[size_class];
    struct mh_place *limit_before = bin->limit;
    ck_assert_int_eq(mh_cache_check(cache()), 0);

    bin->limit = bin->top - 1;
    ck_assert_int_eq(mh_cache_check(cache()), 1);
    bin->limit = limit_before;

    void *slot = bin->top->slot;
    bin->top->slot = (char *)slot + 16; // no slot begins there
    ck_assert_int_eq(mh_cache_check(cache()), 2);
    bin->top->slot = objects[100]; // in use
    ck_assert_int_eq(mh_cache_check(cache()), 2);
    bin->top->slot = slot;

    struct mh_span *span = cache()->owned;
    span->owner_told ^= 1u << 5;
    ck_assert_int_ne(mh_cache_check(cache()), 0);
    span->owner_told ^= 1u << 5;

    struct mh_span *current = cache()->current[size_class];
    cache()->current[size_class] = NULL;
    ck_assert_int_eq(mh_cache_check(cache()), 4);
    cache()->current[size_class] = current;
    ck_assert_int_eq(mh_cache_check(cache()), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("cache");
    TCase *bins = tcase_create("bins");
    tcase_add_checked_fixture(bins, begin, NULL);
    tcase_add_test(bins, slots_come_in_address_order_from_a_fresh_span);
    tcase_add_test(bins, what_was_freed_last_is_handed_out_first);
    tcase_add_test(bins, slots_of_many_spans_go_back_to_each_of_them);
    tcase_add_test(bins, neighbours_go_back_to_the_span_that_each_lies_in);
    tcase_add_test(bins, limits_double_until_the_class_allows_no_more);
    tcase_add_test(bins, a_bin_moves_to_a_larger_array_with_all_its_slots);
    tcase_add_test(bins, no_refill_takes_more_than_a_batch);
    tcase_add_test(bins, few_objects_of_many_classes_need_no_larger_array);
    tcase_add_test(bins,
                   a_larger_array_serves_the_next_thread_that_has_the_cache);
    tcase_add_test(bins, a_full_bin_gives_its_older_half_back);
    tcase_add_test(bins, no_limit_grows_where_nothing_may_be_kept);
    tcase_add_test(bins, all_caches_together_stay_below_their_total);
    tcase_add_test(bins, idle_spans_go_home);
    tcase_add_test(bins, a_span_with_one_object_stays);
    tcase_add_test(bins, partly_free_spans_are_filled_before_new_ones_are_made);
    tcase_add_test(bins, what_is_taken_and_given_adds_up);
    tcase_add_test(bins, the_check_names_what_is_broken);
    suite_add_tcase(suite, bins);
    TCase *life = tcase_create("life");
    tcase_add_checked_fixture(life, begin, NULL);
    tcase_add_test(life, a_thread_that_ends_leaves_nothing_owned);
    tcase_add_test(life, what_a_thread_left_is_used_by_the_next);
    tcase_add_test(life, numbers_of_caches_are_used_again);
    tcase_add_test(life, many_threads_at_once_have_caches_of_their_own);
    tcase_add_test(life, threads_with_few_spans_lie_close_together);
#if MH_HAVE_FORK
    tcase_add_test(life,
                   a_thread_past_its_destructors_is_served_by_the_side_cache);
#else
    mh_leave_out(a_thread_past_its_destructors_is_served_by_the_side_cache,
                 "none is: the hook always runs last");
#endif
    tcase_add_test(life, every_heap_has_a_cache_of_this_thread);
    tcase_add_test(life, what_is_freed_of_another_heap_stays_with_the_thread);
    suite_add_tcase(suite, life);
    return mh_test_main(suite);
}
