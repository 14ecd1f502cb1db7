// api_test.c - what the public header promises, at its edges.

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mheap/mheap.h"

int api_from_cxx(void);

static volatile size_t huge = SIZE_MAX; // unseen by the compiler

// Both ends of what may be used can be written and read.
static void touch(void *p, size_t size) {
    unsigned char *bytes = p;
    size_t usable = mheap_usable_size(p);

    ck_assert_ptr_nonnull(p);
    ck_assert_uint_ge(usable, size);
    if (usable > 0) {
        bytes[0] = 0xa5;
        bytes[usable - 1] = 0x5a;
        ck_assert_uint_eq(bytes[0], usable == 1 ? 0x5a : 0xa5);
    }
}

static void assert_refused(void *p, int error) {
    ck_assert_ptr_null(p);
    ck_assert_int_eq(errno, error);
    errno = 0;
}

START_TEST(sizes_that_cannot_be_are_enomem) {
    struct mheap *heap = mheap_default();
    errno = 0;
    assert_refused(mheap_malloc(huge), ENOMEM);
    assert_refused(mheap_malloc(huge / 2 + 1), ENOMEM);
    assert_refused(mheap_malloc(huge - 8191), ENOMEM);
    assert_refused(mheap_calloc(huge / 2, 3), ENOMEM);
    assert_refused(mheap_calloc(huge, huge), ENOMEM);
    assert_refused(mheap_realloc(NULL, huge), ENOMEM);
    assert_refused(mheap_reallocarray(NULL, huge / 4, 5), ENOMEM);
    assert_refused(mheap_aligned_alloc(64, huge - 62), ENOMEM);
    assert_refused(mheap_aligned_alloc(huge / 2 + 1, 1), ENOMEM);
    assert_refused(mheap_alloc_in(heap, huge), ENOMEM);
    assert_refused(mheap_calloc_in(heap, huge / 2, 3), ENOMEM);
    assert_refused(mheap_aligned_alloc_in(heap, 64, huge - 62), ENOMEM);
    assert_refused(mheap_pages_alloc(heap, huge / 8192), ENOMEM);
    assert_refused(mheap_pages_alloc(heap, huge), ENOMEM);
    ck_assert_int_eq(mheap_check(heap), 0);
}
END_TEST

START_TEST(a_failed_realloc_leaves_the_object_alone) {
    char *p = mheap_malloc(100);
    strcpy(p, "still here");

    ck_assert_ptr_null(mheap_realloc(p, huge / 2 + 1));
    ck_assert_ptr_null(mheap_reallocarray(p, huge / 2, 3));

    ck_assert_str_eq(p, "still here");
    ck_assert_uint_ge(mheap_usable_size(p), 100);
    mheap_free(p);
}
END_TEST

START_TEST(alignments_that_cannot_be_are_einval) {
    void *out = &out;
    errno = 0;
    assert_refused(mheap_aligned_alloc(0, 8), EINVAL);
    assert_refused(mheap_aligned_alloc(3, 8), EINVAL);
    assert_refused(mheap_aligned_alloc(huge, 8), EINVAL);
    assert_refused(mheap_aligned_alloc_in(mheap_default(), 48, 8), EINVAL);
    assert_refused(mheap_pages_alloc(mheap_default(), 0), EINVAL);

    errno = 77;
    ck_assert_int_eq(mheap_posix_memalign(&out, 0, 8), EINVAL);
    ck_assert_int_eq(mheap_posix_memalign(&out, sizeof(void *) / 2, 8), EINVAL);
    ck_assert_int_eq(mheap_posix_memalign(&out, 24, 8), EINVAL);
    ck_assert_int_eq(mheap_posix_memalign(&out, 64, huge - 62), ENOMEM);
    ck_assert_ptr_eq(out, &out);
    ck_assert_int_eq(errno, 77);
}
END_TEST

// The test's number is the power of two.
START_TEST(every_alignment_is_kept_at_every_size) {
    static const size_t sizes[] = {0,    1,     16,    100,     4000,
                                   8192, 33000, 70000, 1 << 20, 3 << 20};
    size_t align = (size_t)1 << _i;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        void *p = mheap_aligned_alloc(align, sizes[i]);
        ck_assert_uint_eq((uintptr_t)p % align, 0);
        ck_assert_uint_eq((uintptr_t)p % 16, 0);
        touch(p, sizes[i]);
        void *second = NULL;
        if (align >= sizeof(void *)) {
            ck_assert_int_eq(mheap_posix_memalign(&second, align, sizes[i]), 0);
            ck_assert_uint_eq((uintptr_t)second % align, 0);
            touch(second, sizes[i]);
        }
        mheap_free_aligned_sized(p, align, sizes[i]);
        mheap_free(second);
    }
    ck_assert_int_eq(mheap_check(mheap_default()), 0);
}
END_TEST

START_TEST(usable_sizes_are_good_sizes_and_writable) {
    for (size_t size = 0; size < 200000; size += 1 + size / 9) {
        void *p = mheap_malloc(size);
        ck_assert_uint_eq((uintptr_t)p % 16, 0);
        touch(p, size);
        memset(p, 0x77, mheap_usable_size(p));
        ck_assert_uint_ge(mheap_good_size(size), size);
        ck_assert_uint_eq(mheap_usable_size(p), mheap_good_size(size));
        mheap_free_sized(p, size);
    }
    ck_assert_uint_eq(mheap_good_size(huge), SIZE_MAX);
    ck_assert_uint_eq(mheap_good_size(huge / 2 + 2), SIZE_MAX);
#if SIZE_MAX > UINT32_MAX
    size_t most = ((size_t)1 << 45) - 8192; // 2^32 - 1 pages
    ck_assert_uint_eq(mheap_good_size(most), most);
    ck_assert_uint_eq(mheap_good_size(most + 1), SIZE_MAX);
#endif
}
END_TEST

START_TEST(the_good_size_of_a_good_size_is_itself) {
    for (size_t size = 1; size < 300000; size += 1 + size / 7) {
        size_t good = mheap_good_size(size);
        ck_assert_uint_eq(mheap_good_size(good), good);
    }
}
END_TEST

START_TEST(what_is_no_object_has_no_size_and_no_heap) {
    static char variable[64];
    char local[64];
    char *p = mheap_malloc(100);
    char *large = mheap_malloc(1 << 20);
    void *no_objects[] = {NULL,  variable,     local,    p + 16,
                          p + 1, large + 4096, large + 8};

    for (size_t i = 0; i < sizeof(no_objects) / sizeof(no_objects[0]); i++) {
        ck_assert_uint_eq(mheap_usable_size(no_objects[i]), 0);
        ck_assert_ptr_null(mheap_heap_of(no_objects[i]));
    }
    mheap_free(p);
    mheap_free(large);
    ck_assert_uint_eq(mheap_usable_size(p), 0);
    ck_assert_uint_eq(mheap_usable_size(large), 0);
    ck_assert_ptr_null(mheap_heap_of(p));
    ck_assert_ptr_null(mheap_heap_of(large));
}
END_TEST

START_TEST(zero_bytes_are_objects_of_their_own) {
    void *objects[100];
    for (size_t i = 0; i < 100; i++) {
        objects[i] = mheap_malloc(0);
        ck_assert_ptr_nonnull(objects[i]);
        for (size_t j = 0; j < i; j++) {
            ck_assert_ptr_ne(objects[i], objects[j]);
        }
    }
    for (size_t i = 0; i < 100; i++) {
        mheap_free(objects[i]);
    }
}
END_TEST

START_TEST(calloc_zeroes_what_others_have_written) {
    for (size_t size = 1; size < 3000000; size = size * 3 + 1) {
        for (int round = 0; round < 4; round++) {
            unsigned char *p = mheap_calloc(1, size);
            ck_assert(p[0] == 0 && memcmp(p, p + 1, size - 1) == 0);
            memset(p, 0xff, mheap_usable_size(p));
            mheap_free(p);
        }
    }
}
END_TEST

START_TEST(freeing_keeps_errno) {
    void *p = mheap_malloc(10);
    void *large = mheap_malloc(10 << 20);
    void *resized = mheap_malloc(10);
    errno = 77;
    mheap_free(p);
    mheap_free(large);
    mheap_free(NULL);
    mheap_free_sized(NULL, 7);
    mheap_free_aligned_sized(NULL, 64, 7);
    ck_assert_ptr_null(mheap_realloc(resized, 0));
    mheap_release();
    mheap_thread_flush();
    ck_assert_int_eq(errno, 77);
}
END_TEST

START_TEST(realloc_keeps_what_fits) {
    static const size_t sizes[] = {10,      100,   5000, 33000,   1 << 20,
                                   5 << 20, 40000, 9000, 2 << 20, 12};
    unsigned char *p = NULL;
    size_t had = 0;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        p = mheap_realloc(p, sizes[i]);
        ck_assert_ptr_nonnull(p);
        for (size_t at = 0; at < had && at < sizes[i]; at++) {
            ck_assert_uint_eq(p[at], (unsigned char)(at * 13));
        }
        touch(p, sizes[i]);
        for (size_t at = 0; at < sizes[i]; at++) {
            p[at] = (unsigned char)(at * 13);
        }
        had = sizes[i];
    }
    ck_assert_ptr_null(mheap_realloc(p, 0));
    ck_assert_uint_eq(mheap_usable_size(p), 0);
}
END_TEST

START_TEST(a_heap_is_destroyed_with_all_in_it) {
    struct mheap *heap = mheap_create("a name much longer than what is kept");
    ck_assert_ptr_nonnull(heap);
    void *other = mheap_malloc(64);
    void *p = NULL;

    for (int i = 0; i < 5000; i++) {
        p = mheap_alloc_in(heap, (size_t)(i % 700) * 100);
        ck_assert_ptr_nonnull(p);
    }
    unsigned char *zeroed = mheap_calloc_in(heap, 3, 1000);
    ck_assert_uint_eq(zeroed[2999], 0);
    void *wide = mheap_aligned_alloc_in(heap, 1 << 16, 5);
    ck_assert_uint_eq((uintptr_t)wide % (1 << 16), 0);
    ck_assert_ptr_eq(mheap_heap_of(p), heap);
    ck_assert_ptr_eq(mheap_heap_of(wide), heap);
    ck_assert_ptr_eq(mheap_heap_of(other), mheap_default());
    ck_assert_int_eq(mheap_check(heap), 0);
    struct mheap_stats stats;
    mheap_stats(heap, &stats);
    ck_assert_uint_eq(stats.in_use_objects, 5002);

    mheap_destroy(heap);
    ck_assert_ptr_null(mheap_heap_of(p));
    ck_assert_uint_eq(mheap_usable_size(p), 0);
    ck_assert_ptr_eq(mheap_heap_of(other), mheap_default());
    mheap_free(other);
    mheap_destroy(NULL);
}
END_TEST

START_TEST(an_object_stays_in_its_heap_when_resized) {
    struct mheap *heap = mheap_create(NULL);
    void *p = mheap_alloc_in(heap, 10);
    for (size_t size = 20; size < 2000000; size *= 3) {
        p = mheap_realloc(p, size);
        ck_assert_ptr_eq(mheap_heap_of(p), heap);
    }
    mheap_free(p);
    mheap_destroy(heap);
}
END_TEST

START_TEST(heaps_run_out_and_come_back) {
    enum { MOST = 1023 };
    static struct mheap *heaps[MOST + 1];
    size_t n = 0;

    while (n <= MOST && (heaps[n] = mheap_create("one of many")) != NULL) {
        n++;
    }
    ck_assert_uint_eq(n, MOST);
    for (size_t i = 0; i < n; i++) {
        mheap_destroy(heaps[i]);
    }
    struct mheap *heap = mheap_create("again");
    ck_assert_ptr_nonnull(heap);
    touch(mheap_alloc_in(heap, 100), 100);
    mheap_destroy(heap);
}
END_TEST

START_TEST(pages_are_whole_and_the_programs_own) {
    struct mheap_stats before, during, after;
    mheap_stats(NULL, &before);
    unsigned char *pages = mheap_pages_alloc(mheap_default(), 5);
    mheap_stats(NULL, &during);
    mheap_pages_free(NULL);

    ck_assert_uint_eq((uintptr_t)pages % 8192, 0);
    memset(pages, 0xee, (size_t)5 * 8192);
    ck_assert_uint_eq(during.manual_bytes - before.manual_bytes, 5 * 8192);
    ck_assert_uint_eq(during.in_use_objects, before.in_use_objects);
    ck_assert_uint_eq(mheap_usable_size(pages), 0);
    mheap_pages_free(pages);
    mheap_stats(NULL, &after);
    ck_assert_uint_eq(after.manual_bytes, before.manual_bytes);
}
END_TEST

START_TEST(statistics_add_up) {
    struct mheap_stats before, during, after;
    void *objects[1000];

    mheap_stats(NULL, &before);
    for (size_t i = 0; i < 1000; i++) {
        objects[i] = mheap_malloc(i % 100 == 0 ? 100000 : i);
    }
    mheap_stats(NULL, &during);
    ck_assert_uint_eq(during.in_use_objects - before.in_use_objects, 1000);
    ck_assert_uint_eq(during.large_objects - before.large_objects, 10);
    ck_assert_uint_ge(during.large_bytes - before.large_bytes, 1000000);
    ck_assert_uint_ge(during.ready_bytes, during.in_use_bytes);
    ck_assert_uint_ge(during.mapped_peak_bytes, during.reserved_bytes +
                                                    during.prepared_bytes +
                                                    during.ready_bytes);

    uint64_t used = 0;
    struct mheap_class_stats found;
    unsigned i = 1;
    for (; mheap_class_stats_get(NULL, i, &found); i++) {
        used += found.used;
        ck_assert_uint_eq(found.used + found.cached + found.free +
                              found.pending,
                          found.slots);
    }
    ck_assert_uint_gt(i, 40);
    ck_assert(!mheap_class_stats_get(NULL, 0, &found));
    ck_assert(!mheap_class_stats_get(NULL, UINT32_MAX, &found));
    ck_assert_uint_eq(used + during.large_objects, during.in_use_objects);

    for (size_t n = 0; n < 1000; n++) {
        mheap_free(objects[n]);
    }
    mheap_stats(NULL, &after);
    ck_assert_uint_eq(after.in_use_objects, before.in_use_objects);
    ck_assert_uint_eq(after.in_use_bytes, before.in_use_bytes);
}
END_TEST

static void *use_and_end(void *arg) {
    void *objects[500];
    for (size_t i = 0; i < 500; i++) {
        objects[i] = mheap_malloc(i * 8);
    }
    for (size_t i = 0; i < 500; i++) {
        mheap_free(objects[i]);
    }
    return arg;
}

static void run_threads(int n) {
    for (int i = 0; i < n; i++) {
        pthread_t thread;
        ck_assert_int_eq(pthread_create(&thread, NULL, use_and_end, NULL), 0);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
    }
}

START_TEST(threads_that_end_leave_nothing) {
    struct mheap_stats before, after;
    mheap_free(mheap_malloc(1));
    run_threads(1); // the side cache is there from here on
    mheap_release();
    mheap_stats(NULL, &before);
    run_threads(300);
    mheap_release();
    mheap_stats(NULL, &after);
    ck_assert_uint_eq(after.caches, before.caches);
    ck_assert_uint_eq(after.cached_bytes, before.cached_bytes);
    ck_assert_uint_eq(after.spans, before.spans);
    ck_assert_uint_le(after.metadata_bytes, before.metadata_bytes + (1 << 20));
}
END_TEST

START_TEST(release_gives_free_pages_back) {
    struct mheap_stats stats;
    char *p = mheap_malloc(32 << 20);
    memset(p, 1, 32 << 20);
    mheap_free(p);

    ck_assert_uint_ge(mheap_release(), 32 << 20);
    mheap_stats(NULL, &stats);
    ck_assert_uint_eq(stats.free_page_bytes, 0);
    ck_assert_uint_ge(stats.released_bytes, 32 << 20);
    ck_assert_uint_eq(mheap_release(), 0);
    unsigned char *again = mheap_calloc(1, 32 << 20);
    ck_assert_uint_eq(again[(32 << 20) - 1], 0);
    mheap_free(again);
}
END_TEST

START_TEST(options_keep_what_they_are_given) {
    uint64_t was = mheap_option_get(MHEAP_OPTION_BAD_FREE);
    ck_assert_uint_eq(was, MHEAP_ON_BAD_FREE_ABORT);
    ck_assert_int_eq(mheap_option_set(MHEAP_OPTION_BAD_FREE, 99), EINVAL);
    ck_assert_int_eq(mheap_option_set(MHEAP_NOPTIONS, 0), EINVAL);
    ck_assert_uint_eq(mheap_option_get(MHEAP_OPTION_BAD_FREE), was);
    ck_assert_int_eq(
        mheap_option_set(MHEAP_OPTION_BAD_FREE, MHEAP_ON_BAD_FREE_COUNT), 0);
    ck_assert_uint_eq(mheap_option_get(MHEAP_OPTION_BAD_FREE),
                      MHEAP_ON_BAD_FREE_COUNT);

    void *p = mheap_malloc(10);
    mheap_free(p);
    mheap_free(p); // counted, as the option says
    struct mheap_stats stats;
    mheap_stats(NULL, &stats);
    ck_assert_uint_eq(stats.bad_frees_total, 1);
}
END_TEST

static struct mheap_bad_free seen;
static int seen_count;

static void see(const struct mheap_bad_free *what, void *context) {
    ck_assert_ptr_eq(context, &seen_count);
    seen = *what;
    seen_count++;
}

START_TEST(a_handler_is_told_what_is_known) {
    char *p = mheap_malloc(1000);
    mheap_set_bad_free_handler(see, &seen_count);
    mheap_free(p + 160);

    ck_assert_int_eq(seen_count, 1);
    ck_assert_uint_eq(seen.kind, MHEAP_BAD_INTERIOR);
    ck_assert_ptr_eq(seen.address, p + 160);
    ck_assert_ptr_eq(seen.object, p);
    ck_assert_ptr_nonnull(seen.span);
    ck_assert_uint_eq(seen.slot_size, mheap_usable_size(p));
    ck_assert_str_eq(seen.function, "free");

    errno = 0;
    ck_assert_ptr_null(mheap_realloc(p + 160, 5));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_str_eq(seen.function, "realloc");
    mheap_free_sized(p, 100000);
    ck_assert_uint_eq(seen.kind, MHEAP_BAD_SIZE);
    ck_assert_uint_eq(seen.given_size, 100000);
    ck_assert_int_eq(seen_count, 3);
    ck_assert_uint_ge(mheap_usable_size(p), 1000); // it lives
    mheap_free(p);
    mheap_set_bad_free_handler(NULL, NULL);
}
END_TEST

START_TEST(every_kind_has_a_name) {
    static const char *const names[] = {
        "double free", "interior pointer", "misaligned pointer",
        "free page",   "stack address",    "wild pointer",
        "wrong size",  "manual pages"};
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        ck_assert_str_eq(mheap_bad_free_name((enum mheap_bad_free_kind)i),
                         names[i]);
    }
}
END_TEST

START_TEST(the_version_linked_is_the_version_compiled_for) {
    ck_assert_str_eq(mheap_version(), MHEAP_VERSION_STRING);
}
END_TEST

START_TEST(the_headers_serve_cxx) {
    ck_assert_int_eq(api_from_cxx(), 0);
}
END_TEST

static void add_objects(Suite *suite) {
    TCase *objects = tcase_create("objects");
    tcase_set_timeout(objects, 60);
    tcase_add_test(objects, sizes_that_cannot_be_are_enomem);
    tcase_add_test(objects, a_failed_realloc_leaves_the_object_alone);
    tcase_add_test(objects, alignments_that_cannot_be_are_einval);
    tcase_add_loop_test(objects, every_alignment_is_kept_at_every_size, 0, 31);
    tcase_add_test(objects, usable_sizes_are_good_sizes_and_writable);
    tcase_add_test(objects, the_good_size_of_a_good_size_is_itself);
    tcase_add_test(objects, what_is_no_object_has_no_size_and_no_heap);
    tcase_add_test(objects, zero_bytes_are_objects_of_their_own);
    tcase_add_test(objects, calloc_zeroes_what_others_have_written);
    tcase_add_test(objects, freeing_keeps_errno);
    tcase_add_test(objects, realloc_keeps_what_fits);
    suite_add_tcase(suite, objects);
}

static Suite *api_suite(void) {
    Suite *suite = suite_create("api");
    add_objects(suite);

    TCase *heaps = tcase_create("heaps");
    tcase_set_timeout(heaps, 60);
    tcase_add_test(heaps, a_heap_is_destroyed_with_all_in_it);
    tcase_add_test(heaps, an_object_stays_in_its_heap_when_resized);
    tcase_add_test(heaps, heaps_run_out_and_come_back);
    tcase_add_test(heaps, pages_are_whole_and_the_programs_own);
    tcase_add_test(heaps, statistics_add_up);
    tcase_add_test(heaps, threads_that_end_leave_nothing);
    tcase_add_test(heaps, release_gives_free_pages_back);
    suite_add_tcase(suite, heaps);

    TCase *process = tcase_create("process");
    tcase_add_test(process, options_keep_what_they_are_given);
    tcase_add_test(process, a_handler_is_told_what_is_known);
    tcase_add_test(process, every_kind_has_a_name);
    tcase_add_test(process, the_version_linked_is_the_version_compiled_for);
    tcase_add_test(process, the_headers_serve_cxx);
    suite_add_tcase(suite, process);
    return suite;
}

int main(void) {
    SRunner *runner = srunner_create(api_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
