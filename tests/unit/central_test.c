// central_test.c - spans of one class that nobody owns.

#include <check.h>

#include "core/heap/heap.h"
#include "tests/support/test_main.h"

static struct mheap *heap;
static struct mh_cache *cache;
static struct mh_central *central;
static unsigned size_class;

static void make_heap(void) {
    heap = mh_heap_default();
    ck_assert_ptr_nonnull(heap);
    cache = mh_cache_of_thread(heap);
    ck_assert_ptr_nonnull(cache);
    size_class = mh_size_class(100);
    central = &heap->central[size_class];
}

// A span without an owner, with n slots taken that are in use.
static struct mh_span *make_ownerless(uint32_t n) {
    static struct mh_place places[MH_SPAN_MAX_SLOTS];
    struct mh_span *span = mh_heap_new_span(heap, size_class, cache);
    ck_assert_ptr_nonnull(span);
    n = n < span->nslots ? n : span->nslots;
    (void)mh_span_take(span, n, places + n);
    for (uint32_t i = 0; i < n; i++) {
        uintptr_t p = (uintptr_t)places[i].slot;
        mh_arena_pair(mh_arena_of(p), p)->live |= mh_pair_bit(p);
    }
    span->owner_told = mh_owner_word(MH_OWNER_NONE, false);
    mh_span_set_owner(span, MH_OWNER_NONE);
    return span;
}

static bool put(struct mh_span *span) {
    mh_lock(&central->lock);
    bool idle = mh_central_put_locked(central, span);
    mh_unlock(&central->lock);
    return idle;
}

static void remove_span(struct mh_span *span) {
    mh_lock(&central->lock);
    mh_central_remove_locked(central, span);
    mh_unlock(&central->lock);
}

START_TEST(an_empty_list_gives_nothing) {
    ck_assert_ptr_null(mh_central_take(heap, size_class, cache));
}
END_TEST

START_TEST(a_span_with_free_slots_is_given_to_who_asks) {
    struct mh_span *span = make_ownerless(5);
    ck_assert(!put(span));
    ck_assert_uint_eq(central->nspans, 1);

    ck_assert_ptr_eq(mh_central_take(heap, size_class, cache), span);

    ck_assert_uint_eq(central->nspans, 0);
    ck_assert_int_eq(span->list, MH_LIST_NONE);
    ck_assert_uint_eq(span->owner_told, mh_owner_word(cache->id, false));
    uintptr_t base = (uintptr_t)span->base;
    uint32_t word = mh_arena_of(base)->page_words[mh_arena_page(base)];
    ck_assert_uint_eq(mh_page_word_owner(word), cache->id);
    ck_assert_ptr_eq(cache->owned, span);
}
END_TEST

START_TEST(the_last_one_put_is_the_first_taken) {
    struct mh_span *a = make_ownerless(1), *b = make_ownerless(1);
    (void)put(a);
    (void)put(b);
    ck_assert_ptr_eq(mh_central_take(heap, size_class, cache), b);
    ck_assert_ptr_eq(mh_central_take(heap, size_class, cache), a);
    ck_assert_ptr_null(mh_central_take(heap, size_class, cache));
}
END_TEST

START_TEST(a_full_span_is_not_listed) {
    struct mh_span *span = make_ownerless(MH_SPAN_MAX_SLOTS);
    ck_assert(!put(span));
    ck_assert_uint_eq(central->nspans, 0);
    ck_assert_ptr_null(mh_central_take(heap, size_class, cache));
}
END_TEST

START_TEST(an_idle_span_is_handed_back_to_the_caller) {
    struct mh_span *span = make_ownerless(0);
    ck_assert(put(span));
    ck_assert_uint_eq(central->nspans, 0);
    ck_assert_int_eq(span->list, MH_LIST_NONE);
}
END_TEST

START_TEST(a_listed_span_that_became_idle_leaves_the_list) {
    struct mh_span *span = make_ownerless(1), *other = make_ownerless(1);
    (void)put(span);
    (void)put(other);
    uintptr_t p = (uintptr_t)span->base;
    mh_arena_pair(mh_arena_of(p), p)->live = 0;
    mh_span_put_free(span, 0);
    ck_assert(put(span));
    ck_assert_uint_eq(central->nspans, 1);
    ck_assert_ptr_eq(mh_central_take(heap, size_class, cache), other);
}
END_TEST

START_TEST(putting_twice_lists_once) {
    struct mh_span *span = make_ownerless(3);
    ck_assert(!put(span));
    ck_assert(!put(span));
    ck_assert_uint_eq(central->nspans, 1);
    ck_assert_ptr_eq(mh_central_take(heap, size_class, cache), span);
    ck_assert_ptr_null(mh_central_take(heap, size_class, cache));
}
END_TEST

START_TEST(where_holes_are_made_next_moves_on_from_a_span_that_leaves) {
    struct mh_span *a = make_ownerless(1), *b = make_ownerless(1);
    (void)put(a);
    (void)put(b); // the first
    central->cut = b;
    remove_span(b);
    ck_assert_ptr_eq(central->cut, a);
    remove_span(a);
    ck_assert_ptr_null(central->cut);
}
END_TEST

START_TEST(spans_are_removed_from_anywhere_in_the_list) {
    struct mh_span *spans[3];
    for (int gone = 0; gone < 3; gone++) {
        for (int i = 0; i < 3; i++) {
            spans[i] = make_ownerless(1);
            (void)put(spans[i]);
        }
        remove_span(spans[gone]);
        remove_span(spans[gone]); // is on no list: nothing to do
        ck_assert_uint_eq(central->nspans, 2);
        for (int i = 2; i >= 0; i--) {
            if (i != gone) {
                ck_assert_ptr_eq(mh_central_take(heap, size_class, cache),
                                 spans[i]);
            }
        }
        ck_assert_uint_eq(central->nspans, 0);
    }
}
END_TEST

START_TEST(who_takes_a_span_gets_what_others_freed_in_it) {
    struct mh_span *span = make_ownerless(10);
    (void)put(span);
    uintptr_t p = (uintptr_t)span->base;
    uint32_t before = span->nfree;
    mh_arena_pair(mh_arena_of(p), p)->remote |= mh_pair_bit(p);
    span->touched = UINT64_C(1) << (p >> MH_GROUP_SHIFT & 63);
    ck_assert_ptr_eq(mh_central_take(heap, size_class, cache), span);
    ck_assert_uint_eq(span->nfree, before + 1);
    ck_assert_int_eq(mh_span_check(span), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("central");
    TCase *tcase = tcase_create("list");
    tcase_add_checked_fixture(tcase, make_heap, NULL);
    tcase_add_test(tcase, an_empty_list_gives_nothing);
    tcase_add_test(tcase, a_span_with_free_slots_is_given_to_who_asks);
    tcase_add_test(tcase, the_last_one_put_is_the_first_taken);
    tcase_add_test(tcase, a_full_span_is_not_listed);
    tcase_add_test(tcase, an_idle_span_is_handed_back_to_the_caller);
    tcase_add_test(tcase, a_listed_span_that_became_idle_leaves_the_list);
    tcase_add_test(tcase, putting_twice_lists_once);
    tcase_add_test(tcase,
                   where_holes_are_made_next_moves_on_from_a_span_that_leaves);
    tcase_add_test(tcase, spans_are_removed_from_anywhere_in_the_list);
    tcase_add_test(tcase, who_takes_a_span_gets_what_others_freed_in_it);
    suite_add_tcase(suite, tcase);
    return mh_test_main(suite);
}
