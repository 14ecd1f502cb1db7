// persistent_test.c - memory that is never given back: where it comes from,
// that no two requests share a byte, and that the list of chunks is true.

#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/meta/persistent.h"
#include "core/sys/sys.h"
#include "platform/sim/sim.h"
#include "tests/support/test_main.h"

#define KIB ((size_t)1024)

static struct mh_persistent source;
static uint64_t ready_before;

static uint64_t ready_now(void) {
    return mh_sys_account(MH_FOR_CACHES).ready;
}

// taken is what the source got from the system since the test began.
static uint64_t taken(void) {
    return ready_now() - ready_before;
}

static size_t whole_pages(size_t size) {
    size_t page = mh_sys_facts()->page_size;
    return (size + page - 1) / page * page;
}

static void make_source(void) {
    mh_persistent_init(&source, MH_FOR_CACHES);
    ready_before = ready_now();
}

static unsigned char *get(size_t size, size_t align) {
    unsigned char *p = mh_persistent_alloc(&source, size, align);
    ck_assert_ptr_nonnull(p);
    ck_assert_uint_eq((uintptr_t)p % align, 0);
    return p;
}

static bool is_filled(const unsigned char *p, size_t size, unsigned char byte) {
    for (size_t i = 0; i < size; i++) {
        if (p[i] != byte) {
            return false;
        }
    }
    return true;
}

START_TEST(an_unused_source_holds_nothing) {
    ck_assert_uint_eq(taken(), 0);
    ck_assert_uint_eq(source.mapped_bytes, 0);
    ck_assert_uint_eq(source.used_bytes, 0);
}
END_TEST

START_TEST(the_first_chunk_is_small_and_later_ones_are_not) {
    get(1, 1);
    ck_assert_uint_eq(taken(), 64 * KIB);
    get(60 * KIB, 8);
    ck_assert_uint_eq(taken(), 64 * KIB); // it still fits
    get(8 * KIB, 8);
    ck_assert_uint_eq(taken(), (64 + 256) * KIB);
}
END_TEST

START_TEST(a_chunk_is_used_up_before_the_next_is_taken) {
    size_t piece = 4 * KIB;
    size_t pieces = 0;
    while (taken() <= 64 * KIB) {
        get(piece, 16);
        pieces++;
    }
    ck_assert_uint_eq(pieces, 64 * KIB / piece); // the list record takes one
}
END_TEST

START_TEST(every_alignment_is_honoured_and_memory_is_zero) {
    static const size_t sizes[] = {1,    3,     16,    100,   4096,
                                   8192, 65535, 65536, 70000, 300000};
    size_t align = (size_t)1 << _i;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        unsigned char *p = get(sizes[i], align);
        ck_assert(is_filled(p, sizes[i], 0));
        memset(p, 0xee, sizes[i]);
    }
}
END_TEST

START_TEST(requests_share_no_byte) {
    enum { N = 400 };
    unsigned char *blocks[N];
    size_t sizes[N];

    for (int i = 0; i < N; i++) {
        sizes[i] = (size_t)(i * 7919 % 5000 + 1);
        if (i % 40 == 0) {
            sizes[i] += 64 * KIB;
        }
        blocks[i] = get(sizes[i], (size_t)1 << (i % 14));
        memset(blocks[i], i & 0xff, sizes[i]);
    }
    for (int i = 0; i < N; i++) {
        ck_assert(is_filled(blocks[i], sizes[i], (unsigned char)i));
    }
}
END_TEST

START_TEST(a_large_request_gets_memory_of_its_own) {
    get(1, 1);
    uint64_t before = taken();

    get(64 * KIB - 1, 1);
    ck_assert_uint_eq(taken() - before, 256 * KIB);
    get(64 * KIB, 1);
    ck_assert_uint_eq(taken() - before, 320 * KIB);
    get(1000 * KIB + 1, 16);
    ck_assert_uint_eq(taken() - before,
                      320 * KIB + whole_pages(1000 * KIB + 1));
}
END_TEST

START_TEST(a_large_request_does_not_end_the_use_of_a_chunk) {
    unsigned char *before = get(16, 16);
    get(500 * KIB, 8192);
    unsigned char *after = get(16, 16);

    // The list record of the large one lies between, and nothing else.
    ck_assert_uint_gt(after - before, 0);
    ck_assert_uint_le(after - before, 64);
}
END_TEST

START_TEST(everything_handed_out_is_owned) {
    unsigned char *small = get(10, 1);
    unsigned char *large = get(200 * KIB, 8192);
    unsigned char *other = get(50 * KIB, 1);
    get(50 * KIB, 1);

    ck_assert(mh_persistent_owns(&source, (uintptr_t)small));
    ck_assert(mh_persistent_owns(&source, (uintptr_t)small + 9));
    ck_assert(mh_persistent_owns(&source, (uintptr_t)large));
    ck_assert(mh_persistent_owns(&source, (uintptr_t)large + 200 * KIB - 1));
    ck_assert(mh_persistent_owns(&source, (uintptr_t)other));
}
END_TEST

START_TEST(a_chunk_is_owned_to_its_last_byte_and_no_further) {
    get(1, 1);
    const struct mh_persistent_chunk *chunk = source.chunks;

    ck_assert(mh_persistent_owns(&source, chunk->base));
    ck_assert(mh_persistent_owns(&source, chunk->base + chunk->size - 1));
    ck_assert(!mh_persistent_owns(&source, chunk->base - 1));
    ck_assert(!mh_persistent_owns(&source, chunk->base + chunk->size));
}
END_TEST

START_TEST(nothing_else_is_owned) {
    struct mh_persistent stranger;
    int local = 0;
    mh_persistent_init(&stranger, MH_FOR_OTHER);
    get(100, 1);
    void *theirs = mh_persistent_alloc(&stranger, 100, 1);

    ck_assert(!mh_persistent_owns(&source, 0));
    ck_assert(!mh_persistent_owns(&source, UINTPTR_MAX));
    ck_assert(!mh_persistent_owns(&source, (uintptr_t)&local));
    ck_assert(!mh_persistent_owns(&source, (uintptr_t)&source));
    ck_assert(!mh_persistent_owns(&source, (uintptr_t)theirs));
    ck_assert(mh_persistent_owns(&stranger, (uintptr_t)theirs));
}
END_TEST

START_TEST(the_list_of_chunks_adds_up_to_what_was_taken) {
    for (int i = 0; i < 100; i++) {
        get((size_t)(i * 1237 % 100000 + 1), 8);
    }
    size_t listed = 0;
    for (const struct mh_persistent_chunk *chunk = source.chunks; chunk != NULL;
         chunk = chunk->next) {
        listed += chunk->size;
    }
    ck_assert_uint_eq(listed, taken());
    ck_assert_uint_eq(source.mapped_bytes, listed);
}
END_TEST

START_TEST(used_bytes_are_those_asked_for) {
    get(1, 1);
    get(4096, 4096);
    get(100000, 8192);

    ck_assert_uint_eq(source.used_bytes, 1 + 4096 + 100000);
}
END_TEST

START_TEST(an_impossible_size_gives_null_and_does_no_harm) {
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 8191, SIZE_MAX / 2 + 1,
                                   SIZE_MAX / 2, SIZE_MAX / 4};
    unsigned char *before = get(32, 16);

    // A system of 32 bits could give the last ones.
    mh_sim_limit_space((size_t)256 << 20);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        ck_assert_ptr_null(mh_persistent_alloc(&source, sizes[i], 8192));
    }
    unsigned char *after = get(32, 16);
    ck_assert_uint_eq(taken(), 64 * KIB);
    ck_assert_uint_le(after - before, 96); // at most one list record was made
}
END_TEST

START_TEST(a_size_of_zero_stops_the_program) {
    (void)!mh_persistent_alloc(&source, 0, 1);
}
END_TEST

START_TEST(an_alignment_beyond_the_limit_stops_the_program) {
    (void)!mh_persistent_alloc(&source, 1, 16384);
}
END_TEST

START_TEST(an_alignment_that_is_no_power_of_two_stops_the_program) {
    (void)!mh_persistent_alloc(&source, 1, 24);
}
END_TEST

enum { NTHREADS = 4, PER_THREAD = 300, RECORD = 200 };

static void *fill_many(void *argument) {
    unsigned char **records = argument;
    unsigned char mark = (unsigned char)(uintptr_t)records;
    for (int i = 0; i < PER_THREAD; i++) {
        size_t size = i % 50 == 0 ? 64 * KIB : RECORD;
        records[i] = mh_persistent_alloc(&source, size, 8);
        if (records[i] != NULL) {
            memset(records[i], mark, RECORD);
        }
    }
    return NULL;
}

START_TEST(threads_may_allocate_at_the_same_time) {
    static unsigned char *records[NTHREADS][PER_THREAD + 1];
    pthread_t threads[NTHREADS];

    for (int t = 0; t < NTHREADS; t++) {
        ck_assert_int_eq(
            pthread_create(&threads[t], NULL, fill_many, records[t]), 0);
    }
    for (int t = 0; t < NTHREADS; t++) {
        pthread_join(threads[t], NULL);
    }
    for (int t = 0; t < NTHREADS; t++) {
        unsigned char mark = (unsigned char)(uintptr_t)records[t];
        for (int i = 0; i < PER_THREAD; i++) {
            ck_assert_ptr_nonnull(records[t][i]);
            ck_assert(is_filled(records[t][i], RECORD, mark));
        }
    }
    ck_assert_uint_eq(source.used_bytes,
                      NTHREADS * (6 * 64 * KIB + 294 * RECORD));
}
END_TEST

static Suite *persistent_suite(void) {
    Suite *suite = suite_create("persistent");

    TCase *chunks = tcase_create("chunks");
    tcase_add_checked_fixture(chunks, make_source, NULL);
    tcase_add_test(chunks, an_unused_source_holds_nothing);
    tcase_add_test(chunks, the_first_chunk_is_small_and_later_ones_are_not);
    tcase_add_test(chunks, a_chunk_is_used_up_before_the_next_is_taken);
    tcase_add_test(chunks, a_large_request_gets_memory_of_its_own);
    tcase_add_test(chunks, a_large_request_does_not_end_the_use_of_a_chunk);
    tcase_add_test(chunks, the_list_of_chunks_adds_up_to_what_was_taken);
    tcase_add_test(chunks, used_bytes_are_those_asked_for);
    suite_add_tcase(suite, chunks);

    TCase *memory = tcase_create("memory");
    tcase_add_checked_fixture(memory, make_source, NULL);
    tcase_add_loop_test(memory, every_alignment_is_honoured_and_memory_is_zero,
                        0, 14);
    tcase_add_test(memory, requests_share_no_byte);
    tcase_add_test(memory, everything_handed_out_is_owned);
    tcase_add_test(memory, a_chunk_is_owned_to_its_last_byte_and_no_further);
    tcase_add_test(memory, nothing_else_is_owned);
    tcase_add_test(memory, threads_may_allocate_at_the_same_time);
    suite_add_tcase(suite, memory);

    TCase *misuse = tcase_create("misuse");
    tcase_add_checked_fixture(misuse, make_source, NULL);
    tcase_add_test(misuse, an_impossible_size_gives_null_and_does_no_harm);
    tcase_add_test_raise_signal(misuse, a_size_of_zero_stops_the_program,
                                SIGABRT);
    tcase_add_test_raise_signal(
        misuse, an_alignment_beyond_the_limit_stops_the_program, SIGABRT);
    tcase_add_test_raise_signal(
        misuse, an_alignment_that_is_no_power_of_two_stops_the_program,
        SIGABRT);
    suite_add_tcase(suite, misuse);
    return suite;
}

int main(void) {
    return mh_test_main(persistent_suite());
}
