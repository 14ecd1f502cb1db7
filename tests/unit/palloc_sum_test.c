// palloc_sum_test.c - summaries against counting page by page.

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/page/palloc_bits.h"
#include "core/page/palloc_sum.h"
#include "tests/support/test_main.h"

#define N          MH_CHUNK_PAGES
#define MAX_CHUNKS 9

static uint64_t seed = 1;

static uint64_t next_random(void) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return seed >> 33 ^ seed << 31;
}

// count_pages summarises n chunks that lie behind each other, bit by bit.
static struct mh_palloc_sum count_pages(const uint64_t *words, unsigned n) {
    struct mh_palloc_sum sum = {0, 0, 0};
    uint32_t run = 0;
    bool any_allocated = false;

    for (unsigned i = 0; i < n * N; i++) {
        if ((words[i / 64] >> i % 64 & 1) != 0) {
            if (!any_allocated) {
                sum.start = run;
            }
            any_allocated = true;
            run = 0;
            continue;
        }
        run++;
        sum.longest = run > sum.longest ? run : sum.longest;
    }
    sum.end = run;
    if (!any_allocated) {
        sum.start = run;
    }
    return sum;
}

static void assert_equal(struct mh_palloc_sum got, struct mh_palloc_sum want) {
    ck_assert_uint_eq(got.start, want.start);
    ck_assert_uint_eq(got.longest, want.longest);
    ck_assert_uint_eq(got.end, want.end);
}

START_TEST(a_free_chunk_and_a_full_one_are_the_extremes) {
    uint64_t words[MH_CHUNK_WORDS] = {0};
    assert_equal(mh_palloc_sum_of(words), (struct mh_palloc_sum){N, N, N});
    memset(words, 0xff, sizeof(words));
    assert_equal(mh_palloc_sum_of(words), (struct mh_palloc_sum){0, 0, 0});
}
END_TEST

START_TEST(one_allocated_page_splits_a_chunk_at_every_place) {
    for (uint32_t i = 0; i < N; i++) {
        uint64_t words[MH_CHUNK_WORDS] = {0};
        uint32_t before = i, behind = N - 1 - i;
        mh_palloc_bits_set(words, i, 1);
        assert_equal(mh_palloc_sum_of(words),
                     (struct mh_palloc_sum){
                         before, before > behind ? before : behind, behind});
    }
}
END_TEST

// Every pattern of 16 pages, at the border of two words, in a chunk that is
// otherwise allocated, otherwise free, or both by halves.
START_TEST(all_patterns_of_16_pages_at_a_border_of_words) {
    for (unsigned pattern = 0; pattern < 1u << 16; pattern++) {
        uint64_t words[MH_CHUNK_WORDS];
        memset(words, _i % 2 != 0 ? 0xff : 0, sizeof(words) / 2);
        memset(words + 4, _i / 2 != 0 ? 0xff : 0, sizeof(words) / 2);
        words[3] = (words[3] & mh_low_bits(56)) | (uint64_t)pattern << 56;
        words[4] = (words[4] & ~mh_low_bits(8)) | pattern >> 8;

        struct mh_palloc_sum got = mh_palloc_sum_of(words);
        struct mh_palloc_sum want = count_pages(words, 1);
        if (!mh_palloc_sum_equal(got, want)) {
            assert_equal(got, want); // names the field
        }
    }
}
END_TEST

// fill makes whole chunks free or allocated as often as mixed ones.
static void fill(uint64_t *words, unsigned nchunks) {
    memset(words, 0, nchunks * MH_CHUNK_WORDS * sizeof(*words));
    for (unsigned c = 0; c < nchunks; c++) {
        unsigned how = (unsigned)(next_random() % 4);
        unsigned density = 1 + (unsigned)(next_random() % 9);
        bool set = how == 0;
        for (unsigned i = c * N; i < (c + 1) * N; i++) {
            if (how >= 2 && next_random() % (1u << density) == 0) {
                set = !set;
            }
            if (set) {
                words[i / 64] |= UINT64_C(1) << i % 64;
            }
        }
    }
}

START_TEST(random_chunks_are_summarised_exactly) {
    for (unsigned round = 0; round < 5000; round++) {
        uint64_t words[MH_CHUNK_WORDS];
        fill(words, 1);
        assert_equal(mh_palloc_sum_of(words), count_pages(words, 1));
    }
}
END_TEST

START_TEST(merging_chunks_is_summarising_them_together) {
    for (unsigned round = 0; round < 3000; round++) {
        uint64_t words[MAX_CHUNKS * MH_CHUNK_WORDS];
        struct mh_palloc_sum sums[MAX_CHUNKS];
        unsigned n = 1 + round % MAX_CHUNKS;
        fill(words, n);
        for (unsigned i = 0; i < n; i++) {
            sums[i] = mh_palloc_sum_of(words + i * MH_CHUNK_WORDS);
        }
        assert_equal(mh_palloc_sum_merge(sums, n, N), count_pages(words, n));
    }
}
END_TEST

START_TEST(merging_in_two_steps_is_merging_in_one) {
    for (unsigned round = 0; round < 2000; round++) {
        uint64_t words[8 * MH_CHUNK_WORDS];
        struct mh_palloc_sum sums[8], halves[2];
        fill(words, 8);
        for (unsigned i = 0; i < 8; i++) {
            sums[i] = mh_palloc_sum_of(words + i * MH_CHUNK_WORDS);
        }
        halves[0] = mh_palloc_sum_merge(sums, 4, N);
        halves[1] = mh_palloc_sum_merge(sums + 4, 4, N);
        assert_equal(mh_palloc_sum_merge(halves, 2, 4 * N),
                     mh_palloc_sum_merge(sums, 8, N));
    }
}
END_TEST

START_TEST(sums_are_equal_when_all_three_numbers_are) {
    struct mh_palloc_sum sum = {1, 2, 3};
    ck_assert(mh_palloc_sum_equal(sum, sum));
    ck_assert(!mh_palloc_sum_equal(sum, (struct mh_palloc_sum){0, 2, 3}));
    ck_assert(!mh_palloc_sum_equal(sum, (struct mh_palloc_sum){1, 0, 3}));
    ck_assert(!mh_palloc_sum_equal(sum, (struct mh_palloc_sum){1, 2, 0}));
}
END_TEST

static Suite *palloc_sum_suite(void) {
    Suite *suite = suite_create("palloc_sum");

    TCase *chunk = tcase_create("chunk");
    tcase_add_test(chunk, a_free_chunk_and_a_full_one_are_the_extremes);
    tcase_add_test(chunk, one_allocated_page_splits_a_chunk_at_every_place);
    tcase_add_loop_test(chunk, all_patterns_of_16_pages_at_a_border_of_words, 0,
                        4);
    tcase_add_test(chunk, random_chunks_are_summarised_exactly);
    suite_add_tcase(suite, chunk);

    TCase *merge = tcase_create("merge");
    tcase_add_test(merge, merging_chunks_is_summarising_them_together);
    tcase_add_test(merge, merging_in_two_steps_is_merging_in_one);
    tcase_add_test(merge, sums_are_equal_when_all_three_numbers_are);
    suite_add_tcase(suite, merge);
    return suite;
}

int main(void) {
    return mh_test_main(palloc_sum_suite());
}
