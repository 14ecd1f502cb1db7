// fixalloc_test.c - pools of equal records: no two live records share a byte,
// freed ones come back first, and the flags mean what they say.

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/meta/fixalloc.h"
#include "core/meta/persistent.h"
#include "tests/support/test_main.h"

#define CHUNK ((size_t)16384)

static struct mh_persistent source;
static struct mh_fixalloc pool;

static void make_source(void) {
    mh_persistent_init(&source, MH_FOR_OTHER);
}

static void make_pool(size_t record_size, enum mh_fixalloc_flags flags) {
    mh_fixalloc_init(&pool, record_size, &source, flags, NULL, NULL);
}

static unsigned char *get(void) {
    unsigned char *record = mh_fixalloc_alloc(&pool);
    ck_assert_ptr_nonnull(record);
    return record;
}

static bool is_filled(const unsigned char *p, size_t size, unsigned char byte) {
    for (size_t i = 0; i < size; i++) {
        if (p[i] != byte) {
            return false;
        }
    }
    return true;
}

START_TEST(a_new_pool_takes_no_memory) {
    make_pool(64, MH_FIXALLOC_KEEP);

    ck_assert_uint_eq(source.mapped_bytes, 0);
    ck_assert_uint_eq(pool.in_use, 0);
    ck_assert_uint_eq(pool.chunk_bytes, 0);
}
END_TEST

static const size_t record_sizes[] = {
    1, 8, 16, 24, 40, 64, 100, 128, 192, 1000, 5000, 8192, 16384, 20000, 70000};
enum { NRECORD_SIZES = sizeof(record_sizes) / sizeof(record_sizes[0]) };

START_TEST(records_are_zero_aligned_and_share_no_byte) {
    enum { N = 300 };
    size_t size = record_sizes[_i];
    unsigned char *records[N];
    int n = size > CHUNK ? 8 : N;
    make_pool(size, MH_FIXALLOC_KEEP);

    for (int i = 0; i < n; i++) {
        records[i] = get();
        ck_assert_uint_eq((uintptr_t)records[i] % 16, 0);
        if (size % 64 == 0) {
            ck_assert_uint_eq((uintptr_t)records[i] % 64, 0);
        }
        ck_assert(is_filled(records[i], size, 0));
        memset(records[i], i + 1, size);
    }
    for (int i = 0; i < n; i++) {
        ck_assert(is_filled(records[i], size, (unsigned char)(i + 1)));
    }
    ck_assert_uint_eq(pool.in_use, (size_t)n);
}
END_TEST

START_TEST(records_come_from_chunks_of_at_most_16_kib) {
    size_t size = record_sizes[_i];
    make_pool(size, MH_FIXALLOC_KEEP);
    get();

    if (size < CHUNK) {
        ck_assert_uint_le(pool.chunk_bytes, CHUNK);
        ck_assert_uint_gt(pool.chunk_bytes + pool.record_size, CHUNK);
    } else {
        ck_assert_uint_eq(pool.chunk_bytes, pool.record_size);
    }
}
END_TEST

START_TEST(a_chunk_serves_all_the_records_that_fit) {
    make_pool(48, MH_FIXALLOC_KEEP);
    for (size_t i = 0; i < CHUNK / 48; i++) {
        get();
    }
    size_t one = pool.chunk_bytes;
    ck_assert_uint_le(one, CHUNK);
    get();
    ck_assert_uint_eq(pool.chunk_bytes, 2 * one);
}
END_TEST

START_TEST(the_record_freed_last_comes_back_first) {
    make_pool(32, MH_FIXALLOC_KEEP);
    unsigned char *a = get();
    unsigned char *b = get();
    mh_fixalloc_free(&pool, a);
    mh_fixalloc_free(&pool, b);

    ck_assert_ptr_eq(get(), b);
    ck_assert_ptr_eq(get(), a);
}
END_TEST

START_TEST(freed_records_are_used_before_new_memory) {
    unsigned char *records[100];
    make_pool(512, MH_FIXALLOC_KEEP);
    for (int i = 0; i < 100; i++) {
        records[i] = get();
    }
    size_t before = pool.chunk_bytes;
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 100; i++) {
            mh_fixalloc_free(&pool, records[i]);
        }
        for (int i = 0; i < 100; i++) {
            records[i] = get();
        }
    }
    ck_assert_uint_eq(pool.chunk_bytes, before);
}
END_TEST

START_TEST(in_use_counts_the_records_handed_out) {
    make_pool(32, MH_FIXALLOC_KEEP);
    unsigned char *a = get();
    unsigned char *b = get();
    ck_assert_uint_eq(pool.in_use, 2);
    mh_fixalloc_free(&pool, a);
    ck_assert_uint_eq(pool.in_use, 1);
    mh_fixalloc_free(&pool, b);
    ck_assert_uint_eq(pool.in_use, 0);
}
END_TEST

START_TEST(a_zeroing_pool_clears_used_records) {
    make_pool(100, MH_FIXALLOC_ZERO);
    unsigned char *record = get();
    memset(record, 0xaa, 100);
    mh_fixalloc_free(&pool, record);

    ck_assert_ptr_eq(get(), record);
    ck_assert(is_filled(record, 100, 0));
}
END_TEST

START_TEST(a_keeping_pool_leaves_all_but_the_first_word) {
    make_pool(100, MH_FIXALLOC_KEEP);
    unsigned char *record = get();
    memset(record, 0xaa, 100);
    mh_fixalloc_free(&pool, record);
    ck_assert(is_filled(record + sizeof(void *), 100 - sizeof(void *), 0xaa));

    ck_assert_ptr_eq(get(), record);
    ck_assert(is_filled(record + sizeof(void *), 100 - sizeof(void *), 0xaa));
}
END_TEST

struct births {
    int count;
    bool all_zero;
    void *last;
};

static void note_birth(void *argument, void *record) {
    struct births *births = argument;
    births->count++;
    births->last = record;
    births->all_zero = births->all_zero && is_filled(record, 40, 0);
    memset(record, 0x77, 40);
}

START_TEST(first_use_is_called_once_in_the_life_of_each_record) {
    struct births births = {0, true, NULL};
    mh_fixalloc_init(&pool, 40, &source, MH_FIXALLOC_KEEP, note_birth, &births);

    unsigned char *a = get();
    ck_assert_int_eq(births.count, 1);
    ck_assert_ptr_eq(births.last, a);
    unsigned char *b = get();
    ck_assert_int_eq(births.count, 2);
    ck_assert_ptr_eq(births.last, b);

    mh_fixalloc_free(&pool, a);
    ck_assert_ptr_eq(get(), a);
    ck_assert_int_eq(births.count, 2);
    for (int i = 0; i < 1000; i++) {
        get();
    }
    ck_assert_int_eq(births.count, 1002);
    ck_assert(births.all_zero);
}
END_TEST

START_TEST(what_first_use_wrote_is_what_the_caller_gets) {
    struct births births = {0, true, NULL};
    mh_fixalloc_init(&pool, 40, &source, MH_FIXALLOC_ZERO, note_birth, &births);

    ck_assert(is_filled(get(), 40, 0x77));
}
END_TEST

START_TEST(two_pools_of_one_source_do_not_mix) {
    struct mh_fixalloc other;
    make_pool(64, MH_FIXALLOC_KEEP);
    mh_fixalloc_init(&other, 64, &source, MH_FIXALLOC_KEEP, NULL, NULL);

    unsigned char *mine = get();
    unsigned char *theirs = mh_fixalloc_alloc(&other);
    mh_fixalloc_free(&pool, mine);
    ck_assert_ptr_ne(mine, theirs);
    ck_assert_ptr_ne(mh_fixalloc_alloc(&other), mine);
    ck_assert_ptr_eq(get(), mine);
}
END_TEST

// A random walk against a model: every live record holds its own number.
START_TEST(a_long_random_run_keeps_every_live_record) {
    enum { MOST = 500, STEPS = 50000 };
    static uint32_t *live[MOST];
    uint32_t rng = 12345;
    uint32_t next_number = 1;
    static uint32_t numbers[MOST];
    size_t nlive = 0;
    make_pool(72, MH_FIXALLOC_ZERO);

    for (int step = 0; step < STEPS; step++) {
        rng = rng * 1664525 + 1013904223;
        size_t i = (rng >> 8) % MOST;
        if (live[i] == NULL) {
            live[i] = (uint32_t *)get();
            ck_assert(is_filled((unsigned char *)live[i], 72, 0));
            numbers[i] = next_number++;
            live[i][0] = live[i][17] = numbers[i];
            nlive++;
        } else {
            ck_assert_uint_eq(live[i][0], numbers[i]);
            ck_assert_uint_eq(live[i][17], numbers[i]);
            mh_fixalloc_free(&pool, live[i]);
            live[i] = NULL;
            nlive--;
        }
        ck_assert_uint_eq(pool.in_use, nlive);
    }
    ck_assert_uint_le(pool.chunk_bytes, (MOST * 80 / CHUNK + 1) * CHUNK);
}
END_TEST

START_TEST(freeing_more_than_was_handed_out_stops_the_program) {
    make_pool(32, MH_FIXALLOC_KEEP);
    unsigned char *record = get();
    mh_fixalloc_free(&pool, record);
    mh_fixalloc_free(&pool, record);
}
END_TEST

START_TEST(freeing_null_stops_the_program) {
    make_pool(32, MH_FIXALLOC_KEEP);
    get();
    mh_fixalloc_free(&pool, NULL);
}
END_TEST

START_TEST(a_record_size_of_zero_stops_the_program) {
    make_pool(0, MH_FIXALLOC_KEEP);
}
END_TEST

static Suite *fixalloc_suite(void) {
    Suite *suite = suite_create("fixalloc");

    TCase *records = tcase_create("records");
    tcase_add_checked_fixture(records, make_source, NULL);
    tcase_add_test(records, a_new_pool_takes_no_memory);
    tcase_add_loop_test(records, records_are_zero_aligned_and_share_no_byte, 0,
                        NRECORD_SIZES);
    tcase_add_loop_test(records, records_come_from_chunks_of_at_most_16_kib, 0,
                        NRECORD_SIZES);
    tcase_add_test(records, a_chunk_serves_all_the_records_that_fit);
    tcase_add_test(records, the_record_freed_last_comes_back_first);
    tcase_add_test(records, freed_records_are_used_before_new_memory);
    tcase_add_test(records, in_use_counts_the_records_handed_out);
    tcase_add_test(records, two_pools_of_one_source_do_not_mix);
    tcase_add_test(records, a_long_random_run_keeps_every_live_record);
    suite_add_tcase(suite, records);

    TCase *flags = tcase_create("flags");
    tcase_add_checked_fixture(flags, make_source, NULL);
    tcase_add_test(flags, a_zeroing_pool_clears_used_records);
    tcase_add_test(flags, a_keeping_pool_leaves_all_but_the_first_word);
    tcase_add_test(flags, first_use_is_called_once_in_the_life_of_each_record);
    tcase_add_test(flags, what_first_use_wrote_is_what_the_caller_gets);
    suite_add_tcase(suite, flags);

    TCase *misuse = tcase_create("misuse");
    tcase_add_checked_fixture(misuse, make_source, NULL);
    tcase_add_test_raise_signal(
        misuse, freeing_more_than_was_handed_out_stops_the_program, SIGABRT);
    tcase_add_test_raise_signal(misuse, freeing_null_stops_the_program,
                                SIGABRT);
    tcase_add_test_raise_signal(misuse, a_record_size_of_zero_stops_the_program,
                                SIGABRT);
    suite_add_tcase(suite, misuse);
    return suite;
}

int main(void) {
    return mh_test_main(fixalloc_suite());
}
