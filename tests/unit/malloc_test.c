// malloc_test.c - the malloc family over the simulated OS.

#include <check.h>
#include <errno.h>
#include <string.h>

#include "core/heap/size_class.h"
#include "core/page/window.h"
#include "mheap/mheap.h"
#include "platform/sim/sim.h"
#include "tests/support/check_books.h"
#include "tests/support/expect.h"
#include "tests/support/objects.h"
#include "tests/support/test_main.h"

// Every size up to 40,000 gives room for it, and two never overlap.
START_TEST(every_size_has_room_of_its_own) {
    char *before = NULL;
    size_t room_before = 0;
    for (size_t size = 0; size <= 40000; size += size < 1100 ? 1 : 37) {
        char *p = mheap_malloc(size);
        ck_assert_ptr_nonnull(p);
        ck_assert_uint_eq((uintptr_t)p % 16, 0);
        size_t room = mheap_usable_size(p);
        ck_assert_uint_ge(room, size);
        ck_assert_uint_eq(room, mheap_good_size(size));
        memset(p, (int)size, room);
        if (before != NULL) {
            ck_assert(p + room <= before || before + room_before <= p);
            ck_assert(mh_is_filled(p, room, (unsigned char)size));
            mheap_free(before);
        }
        before = p;
        room_before = room;
    }
    mheap_free(before);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(calloc_is_zero_after_dirty_reuse) {
    for (unsigned i = 2; i < MH_NCLASSES; i++) {
        size_t size = mh_classes[i].size;
        void *dirty[20];
        for (int k = 0; k < 20; k++) {
            dirty[k] = mheap_malloc(size);
            memset(dirty[k], 0xff, size);
        }
        for (int k = 0; k < 20; k++) {
            mheap_free(dirty[k]);
        }
        for (int k = 0; k < 20; k++) {
            dirty[k] = mheap_calloc(1 + size % 2, size);
            ck_assert(mh_is_filled(dirty[k], size, 0));
        }
    }
}
END_TEST

START_TEST(calloc_is_zero_in_pages_that_held_other_classes) {
    for (int round = 0; round < 6; round++) {
        size_t size = (size_t)100 << (round % 3 * 3);
        void *dirty[200];
        for (int k = 0; k < 200; k++) {
            dirty[k] = mheap_calloc(1, size);
            ck_assert(mh_is_filled(dirty[k], size, 0));
            memset(dirty[k], 0xff, size);
        }
        for (int k = 0; k < 200; k++) {
            mheap_free(dirty[k]);
        }
        mheap_thread_flush(); // the pages are free for another class
        if (round % 2 == 0) {
            mheap_release();
        }
    }
}
END_TEST

START_TEST(overflowing_products_are_refused) {
    volatile size_t half = SIZE_MAX / 2 + 1;
    errno = 0;
    ck_assert_ptr_null(mheap_calloc(half, 2));
    ck_assert_int_eq(errno, ENOMEM);
    errno = 0;
    ck_assert_ptr_null(mheap_reallocarray(NULL, half, 2));
    ck_assert_int_eq(errno, ENOMEM);
    void *p = mheap_reallocarray(NULL, 10, 10);
    ck_assert_ptr_null(mheap_reallocarray(p, half, 4));
    ck_assert_uint_ge(mheap_usable_size(p), 100);
    mheap_free(p);
}
END_TEST

START_TEST(reallocarray_is_realloc_to_the_product) {
    char *p = mheap_malloc(10);
    mh_pattern_fill(p, 10, 7);
    p = mheap_reallocarray(p, 50, 20);
    ck_assert_uint_ge(mheap_usable_size(p), 1000);
    ck_assert(mh_pattern_holds(p, 10, 7));
    errno = EIO;
    ck_assert_ptr_null(mheap_reallocarray(p, 0, 8));
    ck_assert_int_eq(errno, EIO);
    ck_assert_uint_eq(mh_stats_now().in_use_objects, 0);
}
END_TEST

// From any size to any other, what fits stays.
START_TEST(realloc_keeps_what_fits) {
    static const size_t sizes[] = {1,     16,     17,      100,
                                   1024,  1025,   5000,    32768,
                                   32769, 100000, 1 << 20, 5 << 20};
    enum { N = sizeof(sizes) / sizeof(sizes[0]) };
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < N; k++) {
            size_t kept = sizes[i] < sizes[k] ? sizes[i] : sizes[k];
            void *p = mheap_malloc(sizes[i]);
            memset(p, 0x5c, sizes[i]);
            p = mheap_realloc(p, sizes[k]);
            ck_assert_ptr_nonnull(p);
            ck_assert(mh_is_filled(p, kept, 0x5c));
            ck_assert_uint_ge(mheap_usable_size(p), sizes[k]);
            mheap_free_sized(p, sizes[k]);
        }
    }
    struct mheap_stats stats;
    mheap_stats(NULL, &stats);
    ck_assert_uint_eq(stats.in_use_objects, 0);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(realloc_stays_where_half_is_used) {
    char *p = mheap_malloc(1000);
    ck_assert_ptr_eq(mheap_realloc(p, 1024), p);
    ck_assert_ptr_eq(mheap_realloc(p, 600), p);
    ck_assert_ptr_ne(mheap_realloc(p, 100), p); // else memory would be wasted
}
END_TEST

START_TEST(realloc_begins_and_ends_objects) {
    struct mheap_stats stats;
    void *p = mheap_realloc(NULL, 100);
    ck_assert_uint_ge(mheap_usable_size(p), 100);
    ck_assert_ptr_null(mheap_realloc(p, 0));
    mheap_stats(NULL, &stats);
    ck_assert_uint_eq(stats.in_use_objects, 0);
    void *q = mheap_realloc(NULL, 0);
    ck_assert_ptr_nonnull(q); // as malloc(0)
    mheap_free(q);
}
END_TEST

START_TEST(small_alignments_come_from_small_slots) {
    for (size_t align = 1; align <= 8192; align *= 2) {
        for (size_t size = 0; size <= 16384; size += 1 + size / 3) {
            char *p = mheap_aligned_alloc(align, size);
            ck_assert_uint_eq((uintptr_t)p % align, 0);
            ck_assert_uint_eq((uintptr_t)p % 16, 0);
            memset(p, 1, size);
            mheap_free_aligned_sized(p, align, size);
        }
    }
    struct mheap_stats stats;
    mheap_stats(NULL, &stats);
    ck_assert_uint_eq(stats.large_objects, 0);
    ck_assert_uint_eq(stats.in_use_objects, 0);
    ck_assert_uint_eq(stats.bad_frees_total, 0);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(allocation_keeps_errno_when_it_succeeds) {
    errno = 77;
    void *p = mheap_malloc(100);
    p = mheap_realloc(p, 100000);
    mheap_free(mheap_calloc(1000, 1000));
    mheap_free(mheap_aligned_alloc(4096, 1));
    mheap_free(p);
    mheap_destroy(mheap_create("x"));
    ck_assert_int_eq(errno, 77);
}
END_TEST

START_TEST(out_of_memory_is_enomem_everywhere) {
    ck_assert_ptr_nonnull(mheap_default());
    void *kept = mheap_malloc(10);
    mh_sim_fail_from(1);
    void *volatile p = NULL;
    for (int i = 0; i < 100000 && errno != ENOMEM; i++) {
        p = mheap_malloc(30000);
    }
    ck_assert_ptr_null(p);
    ck_assert_int_eq(errno, ENOMEM);
    errno = 0;
    ck_assert_ptr_null(mheap_calloc(1, 9 << 20));
    ck_assert_int_eq(errno, ENOMEM);
    errno = 0;
    ck_assert_ptr_null(mheap_realloc(kept, 9 << 20));
    ck_assert_int_eq(errno, ENOMEM);
    errno = 0;
    ck_assert_ptr_null(mheap_aligned_alloc(1 << 20, 9 << 20));
    ck_assert_int_eq(errno, ENOMEM);
    void *out = &out;
    errno = 77;
    ck_assert_int_eq(mheap_posix_memalign(&out, 1 << 20, 9 << 20), ENOMEM);
    ck_assert_ptr_eq(out, &out);
    ck_assert_int_eq(errno, 77);
    ck_assert_uint_ge(mheap_usable_size(kept), 10);
    mh_check_books(mheap_default());
}
END_TEST

// Few programs expect a realloc to a smaller size to fail; one to a larger size
// leaves the object as it was.
START_TEST(without_memory_a_small_object_shrinks_in_place_and_does_not_grow) {
    char *kept = mheap_malloc(1000);
    memset(kept, 7, 1000);
    mh_sim_fail_from(1);
    while (mheap_malloc(200) != NULL || mheap_malloc(2000) != NULL) {
    }
    errno = 77;
    ck_assert_ptr_eq(mheap_realloc(kept, 200), kept);
    ck_assert_int_eq(errno, 77);
    ck_assert_ptr_null(mheap_realloc(kept, 2000));
    ck_assert_int_eq(errno, ENOMEM);
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(kept[i], 7);
    }
    mh_check_books(mheap_default());
}
END_TEST

// ---- objects that the window does not cover ---------------------------------

enum { NOBJECTS = 6000, OBJECT_BYTES = 16384 }; // more than one arena

// A window takes an eighth of a limited space at most, the words of its arenas.
static void start_with_space_for_words(size_t bytes) {
    mh_sim_limit_space(8 * bytes);
    (void)mh_sys_facts(); // says it for good
    mh_sim_limit_space(0);
}

static void one_arena_of_window(void) {
    start_with_space_for_words(MH_WORDS_BYTES + MH_WORDS_BYTES / 2);
}

static unsigned bad_frees;

static void count(const struct mheap_bad_free *what, void *context) {
    (void)what;
    (void)context;
    bad_frees++;
}

START_TEST(objects_beyond_the_window_are_freed_and_looked_after_too) {
    static char *objects[NOBJECTS];
    size_t outside = 0;
    mheap_set_bad_free_handler(count, NULL);
    for (size_t i = 0; i < NOBJECTS; i++) {
        objects[i] = mheap_malloc(OBJECT_BYTES);
        ck_assert_ptr_nonnull(objects[i]);
        uintptr_t granule =
            mh_window_granule(&mh_window, (uintptr_t)objects[i]);
        outside += granule >= mh_window.limit;
    }
    ck_assert_uint_eq(mh_window_memory.narenas, 1);
    ck_assert_uint_gt(outside, NOBJECTS / 8);
    for (size_t i = 0; i < NOBJECTS; i++) {
        mheap_free(objects[i] + 16);
        ck_assert_uint_eq(bad_frees, 2 * i + 1);
        mheap_free(objects[i]);
        mheap_free(objects[i]);
        ck_assert_uint_eq(bad_frees, 2 * i + 2);
    }
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(a_heap_without_any_window_works) {
    start_with_space_for_words(MH_WORDS_BYTES - 1);
    mh_sim_limit_space((size_t)8 << 20);
    mheap_set_bad_free_handler(count, NULL);
    char *p = mheap_malloc(100);
    ck_assert_ptr_nonnull(p);
    ck_assert_uint_eq(mh_window_memory.narenas, 0);
    memset(p, 1, 100);
    mheap_free(p);
    ck_assert_uint_eq(bad_frees, 0);
    mheap_free(p);
    ck_assert_uint_eq(bad_frees, 1);
    ck_assert_ptr_eq(mheap_malloc(100), p);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(the_version_is_a_version) {
    ck_assert_str_eq(mheap_version(), MHEAP_VERSION_STRING);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("malloc");
    TCase *tcase = tcase_create("family");
    tcase_add_test(tcase, every_size_has_room_of_its_own);
    tcase_add_test(tcase, calloc_is_zero_after_dirty_reuse);
    tcase_add_test(tcase, calloc_is_zero_in_pages_that_held_other_classes);
    tcase_add_test(tcase, overflowing_products_are_refused);
    tcase_add_test(tcase, reallocarray_is_realloc_to_the_product);
    tcase_add_test(tcase, realloc_keeps_what_fits);
    tcase_add_test(tcase, realloc_stays_where_half_is_used);
    tcase_add_test(tcase, realloc_begins_and_ends_objects);
    tcase_add_test(tcase, small_alignments_come_from_small_slots);
    tcase_add_test(tcase, allocation_keeps_errno_when_it_succeeds);
    tcase_add_test(tcase, out_of_memory_is_enomem_everywhere);
    tcase_add_test(
        tcase,
        without_memory_a_small_object_shrinks_in_place_and_does_not_grow);
    tcase_add_test(tcase, a_heap_without_any_window_works);
    tcase_add_test(tcase, the_version_is_a_version);
    suite_add_tcase(suite, tcase);
    TCase *beyond = tcase_create("beyond the window");
    tcase_add_checked_fixture(beyond, one_arena_of_window, NULL);
    tcase_add_test(beyond,
                   objects_beyond_the_window_are_freed_and_looked_after_too);
    suite_add_tcase(suite, beyond);
    return mh_test_main(suite);
}
