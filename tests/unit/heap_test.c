// heap_test.c - heaps as values, giving back, and systems that refuse.

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/heap/heap.h"
#include "mheap/mheap.h"
#include "platform/sim/sim.h"
#include "tests/support/check_books.h"
#include "tests/support/emulated.h"
#include "tests/support/expect.h"
#include "tests/support/objects.h"
#include "tests/support/test_main.h"
#include "tests/support/threads.h"

#define MIB ((size_t)1 << 20)

// Some of everything.
static void fill(struct mheap *heap) {
    uint64_t rng = 1;
    for (int i = 0; i < 300; i++) {
        size_t size = mh_random_size(&rng, i % 50 == 0 ? 18 : 11);
        void *p = mheap_alloc_in(heap, size);
        ck_assert_ptr_nonnull(p);
        mh_pattern_fill(p, size, 1);
    }
    ck_assert_ptr_nonnull(mheap_pages_alloc(heap, 3));
}

START_TEST(a_heap_made_and_destroyed_often_does_not_grow) {
    struct mheap_stats before = {0};
    int rounds = mh_test_rounds(1000, 50);
    for (int i = 0; i < rounds; i++) {
        struct mheap *heap = mheap_create("again");
        ck_assert_ptr_nonnull(heap);
        fill(heap);
        mheap_destroy(heap);
        if (i == 1) {
            before = mh_stats_now();
        }
    }
    struct mheap_stats after = mh_stats_now();
    ck_assert_uint_eq(after.spans, before.spans);
    ck_assert_uint_eq(after.reserved_bytes, before.reserved_bytes);
    ck_assert_uint_eq(after.prepared_bytes, before.prepared_bytes);
    ck_assert_uint_eq(after.ready_bytes, before.ready_bytes);
    ck_assert_uint_eq(mh_heaps.count, 2);
    ck_assert_uint_le(mh_caches.count, 4);
}
END_TEST

START_TEST(a_flush_empties_the_threads_caches_of_all_heaps) {
    struct mheap *own = mheap_create("own");
    mheap_option_set(MHEAP_OPTION_FIRST_OBJECTS, 0);
    mheap_free(mheap_alloc_in(mheap_default(), 64));
    mheap_free(mheap_alloc_in(own, 64));
    ck_assert_uint_gt(mh_stats_of(mheap_default()).cached_bytes, 0);
    ck_assert_uint_gt(mh_stats_of(own).cached_bytes, 0);
    mheap_thread_flush();
    ck_assert_uint_eq(mh_stats_of(mheap_default()).cached_bytes, 0);
    ck_assert_uint_eq(mh_stats_of(own).cached_bytes, 0);
    mheap_destroy(own);
}
END_TEST

START_TEST(heaps_do_not_mix) {
    struct mheap *a = mheap_create("a"), *b = mheap_create("b");
    fill(a);
    fill(b);
    void *p = mheap_alloc_in(a, 100), *q = mheap_alloc_in(b, 100);
    ck_assert_ptr_eq(mheap_heap_of(p), a);
    ck_assert_ptr_eq(mheap_heap_of(q), b);
    ck_assert_uint_eq(mh_stats_of(a).in_use_objects, 301);
    ck_assert_uint_eq(mh_stats_now().in_use_objects, 602);
    mh_check_books(a);
    mh_check_books(b);

    mheap_destroy(a);

    ck_assert_uint_eq(mh_stats_now().in_use_objects, 301);
    ck_assert_uint_eq(mheap_usable_size(p), 0);
    ck_assert_ptr_null(mheap_heap_of(p));
    ck_assert_uint_ge(mheap_usable_size(q), 100);
    mh_check_books(b);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(what_was_in_a_destroyed_heap_cannot_be_freed) {
    mheap_option_set(MHEAP_OPTION_BAD_FREE, MHEAP_ON_BAD_FREE_COUNT);
    struct mheap *heap = mheap_create("gone");
    void *small = mheap_alloc_in(heap, 100);
    void *large = mheap_alloc_in(heap, MIB);
    void *pages = mheap_pages_alloc(heap, 2);
    mheap_destroy(heap);
    mheap_free(small);
    mheap_free(large);
    mheap_pages_free(pages);
    ck_assert_uint_eq(mh_stats_now().bad_frees_total, 3);
    // The next heap takes the same memory, and starts empty.
    heap = mheap_create("next");
    ck_assert_uint_eq(mh_stats_of(heap).spans, 0);
    fill(heap);
    mh_check_books(heap);
    ck_assert_uint_eq(mh_stats_now().bad_frees_total, 3);
}
END_TEST

START_TEST(destroying_gives_the_memory_back) {
    struct mheap *heap = mheap_create("big");
    char *p = mheap_alloc_in(heap, 20 * MIB);
    memset(p, 1, 20 * MIB);
    uint64_t ready = mh_sim_bytes(MH_READY);
    mheap_destroy(heap);
    ck_assert_uint_ge(ready - mh_sim_bytes(MH_READY), 20 * MIB);
    ck_assert_int_eq(mh_sim_state_of(p), MH_PREPARED);
}
END_TEST

START_TEST(objects_move_within_their_heap) {
    struct mheap *heap = mheap_create("own");
    char *p = mheap_alloc_in(heap, 10);
    for (size_t size = 20; size < 300000; size *= 2) {
        p = mheap_realloc(p, size);
        ck_assert_ptr_eq(mheap_heap_of(p), heap);
    }
    mheap_destroy(heap);
    ck_assert_uint_eq(mh_stats_now().in_use_objects, 0);
}
END_TEST

static void free_it(void *p) {
    mheap_free(p);
}

static void fill_it(void *heap) {
    fill(heap);
}

START_TEST(any_thread_uses_any_heap) {
    struct mheap *heap = mheap_create("shared");
    void *p = mheap_alloc_in(heap, 100);
    mh_in_thread(free_it, p);
    mh_in_thread(fill_it, heap);
    ck_assert_uint_eq(mh_stats_of(heap).in_use_objects, 300);
    mh_check_books(heap);
    mheap_destroy(heap);
    ck_assert_uint_eq(mh_stats_now().in_use_objects, 0);
}
END_TEST

static void use_and_stay(void *arg) {
    (void)mheap_alloc_in(arg, 100);
}

START_TEST(threads_that_used_a_destroyed_heap_go_on) {
    struct mh_actor actor = {0};
    struct mheap *heap = mheap_create("gone");
    mh_actor_do(&actor, use_and_stay, heap);
    mheap_destroy(heap);
    mh_actor_do(&actor, use_and_stay, mheap_default());
    heap = mheap_create("next"); // most likely the same record
    mh_actor_do(&actor, use_and_stay, heap);
    ck_assert_uint_eq(mh_stats_of(heap).in_use_objects, 1);
    mh_check_books(heap);
    mh_actor_end(&actor);
    mh_check_books(heap);
    mheap_destroy(heap);
    ck_assert_uint_eq(mh_stats_now().caches, 0);
}
END_TEST

START_TEST(a_thread_that_used_a_destroyed_heap_ends_without_a_trace) {
    struct mh_actor actor = {0};
    struct mheap *heap = mheap_create("gone");
    mh_actor_do(&actor, use_and_stay, heap);
    mheap_destroy(heap);
    struct mheap *next = mheap_create("next");
    ck_assert_ptr_eq(next, heap); // the same record
    (void)mheap_alloc_in(next, 100);
    mh_actor_end(&actor);
    ck_assert_uint_eq(next->caches_live, 1);
    mh_check_books(next);
    mheap_destroy(next);
}
END_TEST

START_TEST(names_are_copied_and_cut) {
    char name[64] = "a name that is much longer than thirty-one bytes";
    struct mheap *heap = mheap_create(name);
    name[0] = 'X';
    ck_assert_str_eq(heap->name, "a name that is much longer than");
    ck_assert_str_eq(mheap_create(NULL)->name, "");
    ck_assert_str_eq(mheap_default()->name, "default");
}
END_TEST

START_TEST(there_are_only_so_many_heaps) {
    struct mheap *heap = NULL;
    for (int i = 1; i < MH_HEAPS_MAX; i++) {
        heap = mheap_create("one of many");
        ck_assert_ptr_nonnull(heap);
    }
    errno = 0;
    ck_assert_ptr_null(mheap_create("one too many"));
    ck_assert_int_eq(errno, ENOMEM);
    mheap_destroy(heap);
    ck_assert_ptr_eq(mheap_create("again"), heap);
}
END_TEST

START_TEST(the_default_heap_stays) {
    void *p = mheap_malloc(100);
    mheap_destroy(mheap_default());
    mheap_destroy(NULL);
    ck_assert_uint_ge(mheap_usable_size(p), 100);
    mheap_free(p);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(a_heap_that_is_no_heap_allocates_nothing) {
    errno = 0;
    ck_assert_ptr_null(mheap_alloc_in(NULL, 10));
    ck_assert_int_eq(errno, ENOMEM);
    ck_assert_ptr_null(mheap_calloc_in(NULL, 1, 10));
    ck_assert_ptr_null(mheap_aligned_alloc_in(NULL, 16, 10));
    ck_assert_ptr_null(mheap_pages_alloc(NULL, 1));
}
END_TEST

START_TEST(release_gives_everything_back_and_memory_works_after) {
    for (int round = 0; round < 5; round++) {
        void *objects[500];
        for (size_t i = 0; i < 500; i++) {
            objects[i] = mheap_malloc(i * 200);
            memset(objects[i], 0x77, i * 200);
        }
        for (size_t i = 0; i < 500; i++) {
            ck_assert(mh_is_filled(objects[i], i * 200, 0x77));
            mheap_free(objects[i]);
        }
        ck_assert_uint_gt(mheap_release(), 10 * MIB);
        ck_assert_uint_eq(mh_stats_now().free_page_bytes, 0);
        ck_assert_uint_eq(mh_sys_account(MH_FOR_HEAP).ready, 0);
        ck_assert_uint_eq(mheap_release(), 0);
        mh_check_books(mheap_default());
    }
}
END_TEST

START_TEST(what_is_in_use_is_not_released) {
    char *kept = mheap_malloc(100), *large = mheap_malloc(MIB);
    memset(kept, 0x11, 100);
    memset(large, 0x22, MIB);
    mheap_free(mheap_malloc(5 * MIB));
    mheap_release();
    ck_assert(mh_is_filled(kept, 100, 0x11));
    ck_assert(mh_is_filled(large, MIB, 0x22));
}
END_TEST

// Only pages that are whole system pages are given back.
START_TEST(release_knows_the_systems_page) {
    mh_sim_become(MH_SIM_LINUX);
    mh_sim_set_page_size((size_t)64 << 10);
    char *pages[64];
    for (int i = 0; i < 64; i++) {
        pages[i] = mheap_pages_alloc(mheap_default(), 1);
        memset(pages[i], i, MH_PAGE_SIZE);
    }
    for (int i = 0; i < 64; i += 2) { // never eight in a row
        mheap_pages_free(pages[i]);
    }
    mheap_release();
    for (int i = 1; i < 64; i += 2) {
        ck_assert(mh_is_filled(pages[i], MH_PAGE_SIZE, (unsigned char)i));
        mheap_pages_free(pages[i]);
    }
    ck_assert_uint_ge(mheap_release(), 64 * MH_PAGE_SIZE);
    mh_check_books(mheap_default());
}
END_TEST

// Five free pages are left at the end of an arena, and the next one follows:
// the lowest run that fits a span would lie in both.
START_TEST(small_spans_do_not_cross_arenas) {
    uintptr_t page = 0;
    do {
        page = (uintptr_t)mheap_pages_alloc(mheap_default(), 1);
        ck_assert_uint_ne(page, 0);
    } while (page % MH_ARENA_SIZE != MH_ARENA_SIZE - 6 * MH_PAGE_SIZE);
    for (int i = 0; i < 20; i++) {
        uintptr_t p = (uintptr_t)mheap_malloc(16000);
        struct mh_span *span = mh_arena_span_at(p);
        ck_assert_uint_gt(span->npages, 5);
        uintptr_t last =
            (uintptr_t)span->base + span->npages * MH_PAGE_SIZE - 16;
        ck_assert_ptr_eq(mh_arena_of((uintptr_t)span->base), mh_arena_of(last));
    }
    ck_assert_uint_eq(mh_arenas.count, 2);
    mh_check_books(mheap_default());
}
END_TEST

// Systems ------------------------------------------------------------------

static void *objects[4000];

// Allocates until the system refuses, on each system of the simulator.
START_TEST(commit_refused_is_null_and_memory_works_after) {
    size_t size = _i / MH_SIM_NOS == 0 ? 3000 : 70000, n = 0;
    mh_sim_become((enum mh_sim_os)(_i % MH_SIM_NOS));
    ck_assert_ptr_nonnull(mheap_default());
    mheap_free(mheap_malloc(1));
    mh_sim_limit_commit((size_t)mh_sim_bytes(MH_READY) + 3 * MIB);
    errno = 0;
    while (n < 4000 && (objects[n] = mheap_malloc(size)) != NULL) {
        mh_pattern_fill(objects[n], size, n);
        n++;
    }
    ck_assert_uint_lt(n, 4000);
    ck_assert_uint_gt(n, 10);
    ck_assert_int_eq(errno, ENOMEM);
    mh_check_books(mheap_default());
    for (size_t i = 0; i < n; i++) {
        ck_assert(mh_pattern_holds(objects[i], size, i));
        mheap_free(objects[i]);
    }
    ck_assert_ptr_nonnull(mheap_malloc(size)); // there is room again
    mh_sim_limit_commit(0);
    ck_assert_ptr_nonnull(mheap_malloc(50 * MIB));
    mh_check_books(mheap_default());
}
END_TEST

// Memory that is free is given back before the system's refusal is final.
START_TEST(free_memory_is_released_before_giving_up) {
    mh_sim_become(MH_SIM_WINDOWS);
    char *p = mheap_malloc(20 * MIB), *q = mheap_malloc(MIB);
    ck_assert_ptr_nonnull(p);
    ck_assert_ptr_nonnull(q);
    // Enough for the metadata of what is new, in arenas of 4 MiB, too.
    mh_sim_limit_commit((size_t)mh_sim_bytes(MH_READY) + 2 * MIB);
    mheap_free(p);
    // Does not fit where p was: new memory must be committed, and can be, once
    // p's is not.
    char *r = mheap_malloc(20 * MIB + 8192);
    ck_assert_ptr_nonnull(r);
    memset(r, 1, 20 * MIB);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(every_system_and_page_size_works) {
    static const size_t page_sizes[] = {4096, 16384, 65536};
    mh_sim_become((enum mh_sim_os)(_i % MH_SIM_NOS));
    mh_sim_set_page_size(page_sizes[_i / MH_SIM_NOS]);
    struct mheap *heap = mheap_create("one");
    for (int round = 0; round < 3; round++) {
        fill(heap);
        fill(mheap_default());
        mh_check_books(heap);
        mheap_destroy(heap);
        mheap_release();
        heap = mheap_create("one");
    }
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(the_check_says_which_part_is_broken) {
    struct mheap *heap = mheap_default();
    void *p = mheap_malloc(100);
    struct mh_span *span = mh_arena_span_at((uintptr_t)p);
    span->nfree++;
    ck_assert_int_eq(mheap_check(heap), 204);
    span->nfree--;
    heap->pages.free_pages++;
    ck_assert_int_gt(mheap_check(heap), 100);
    ck_assert_int_lt(mheap_check(heap), 200);
    heap->pages.free_pages--;
    ck_assert_int_eq(mheap_check(heap), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("heap");
    TCase *heaps = tcase_create("heaps");
    tcase_add_test(heaps, a_heap_made_and_destroyed_often_does_not_grow);
    tcase_add_test(heaps, a_flush_empties_the_threads_caches_of_all_heaps);
    tcase_add_test(heaps, heaps_do_not_mix);
    tcase_add_test(heaps, what_was_in_a_destroyed_heap_cannot_be_freed);
    tcase_add_test(heaps, destroying_gives_the_memory_back);
    tcase_add_test(heaps, objects_move_within_their_heap);
    tcase_add_test(heaps, any_thread_uses_any_heap);
    tcase_add_test(heaps, threads_that_used_a_destroyed_heap_go_on);
    tcase_add_test(heaps,
                   a_thread_that_used_a_destroyed_heap_ends_without_a_trace);
    tcase_add_test(heaps, names_are_copied_and_cut);
    tcase_add_test(heaps, there_are_only_so_many_heaps);
    tcase_add_test(heaps, the_default_heap_stays);
    tcase_add_test(heaps, a_heap_that_is_no_heap_allocates_nothing);
    tcase_add_test(heaps, the_check_says_which_part_is_broken);
    suite_add_tcase(suite, heaps);
    TCase *pages = tcase_create("pages");
    tcase_add_test(pages, release_gives_everything_back_and_memory_works_after);
    tcase_add_test(pages, what_is_in_use_is_not_released);
    tcase_add_test(pages, release_knows_the_systems_page);
    tcase_add_test(pages, small_spans_do_not_cross_arenas);
    suite_add_tcase(suite, pages);
    TCase *systems = tcase_create("systems");
    tcase_add_loop_test(systems, commit_refused_is_null_and_memory_works_after,
                        0, 2 * MH_SIM_NOS);
    tcase_add_test(systems, free_memory_is_released_before_giving_up);
    tcase_add_loop_test(systems, every_system_and_page_size_works, 0,
                        3 * MH_SIM_NOS);
    suite_add_tcase(suite, systems);
    return mh_test_main(suite);
}
