// palloc_bits_test.c - questions about the bitmaps of one chunk.
//
// The answers come from loops over single bits, on bitmaps of every density.

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/page/palloc_bits.h"
#include "tests/support/test_main.h"

#define N MH_CHUNK_PAGES

static uint64_t seed = 1;

static uint64_t next_random(void) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return seed >> 33 ^ seed << 31;
}

static bool get(const uint64_t *words, unsigned i) {
    return (words[i / 64] >> i % 64 & 1) != 0;
}

// fill makes runs of set and clear bits, short or long by `density` in 0..7.
static void fill(uint64_t *words, unsigned density) {
    memset(words, 0, N / 8);
    bool set = next_random() % 2 == 0;
    for (unsigned i = 0; i < N; i++) {
        if (next_random() % (1u << density) == 0) {
            set = !set;
        }
        if (set) {
            words[i / 64] |= UINT64_C(1) << i % 64;
        }
    }
}

// first_clear_run is the naive answer to find and find_aligned.
static unsigned first_clear_run(const uint64_t *words, unsigned from,
                                unsigned n, unsigned align) {
    unsigned run = 0, found = N;

    for (unsigned i = N; i-- > from;) {
        run = get(words, i) ? 0 : run + 1;
        if (run >= n && i % align == 0) {
            found = i;
        }
    }
    return found;
}

START_TEST(set_and_clear_change_exactly_the_range) {
    for (unsigned round = 0; round < 3000; round++) {
        uint64_t before[MH_CHUNK_WORDS], set[MH_CHUNK_WORDS];
        uint64_t clear[MH_CHUNK_WORDS];
        fill(before, round % 8);
        memcpy(set, before, sizeof(set));
        memcpy(clear, before, sizeof(clear));
        unsigned first = (unsigned)(next_random() % N);
        unsigned n = 1 + (unsigned)(next_random() % (N - first));

        mh_palloc_bits_set(set, first, n);
        mh_palloc_bits_clear(clear, first, n);

        unsigned wrong = 0;
        for (unsigned i = 0; i < N; i++) {
            bool inside = i >= first && i < first + n;
            wrong += get(set, i) != (inside || get(before, i));
            wrong += get(clear, i) != (!inside && get(before, i));
        }
        ck_assert_uint_eq(wrong, 0);
    }
}
END_TEST

START_TEST(copy_changes_exactly_the_range) {
    unsigned wrong = 0;
    for (unsigned round = 0; round < 3000; round++) {
        uint64_t from[MH_CHUNK_WORDS], before[MH_CHUNK_WORDS];
        uint64_t to[MH_CHUNK_WORDS];
        fill(from, round % 8);
        fill(before, round % 5);
        memcpy(to, before, sizeof(to));
        unsigned first = (unsigned)(next_random() % N);
        unsigned n = 1 + (unsigned)(next_random() % (N - first));

        mh_palloc_bits_copy(to, from, first, n);

        for (unsigned i = 0; i < N; i++) {
            bool inside = i >= first && i < first + n;
            wrong += get(to, i) != get(inside ? from : before, i);
        }
    }
    ck_assert_uint_eq(wrong, 0);
}
END_TEST

START_TEST(count_all_and_none_look_at_the_range_only) {
    for (unsigned round = 0; round < 3000; round++) {
        uint64_t words[MH_CHUNK_WORDS];
        fill(words, round % 8);
        unsigned first = (unsigned)(next_random() % N), count = 0;
        unsigned n = 1 + (unsigned)(next_random() % (N - first));
        for (unsigned i = first; i < first + n; i++) {
            count += get(words, i);
        }

        ck_assert_uint_eq(mh_palloc_bits_count(words, first, n), count);
        ck_assert(mh_palloc_bits_none(words, first, n) == (count == 0));
    }
}
END_TEST

START_TEST(all_and_none_notice_one_bit_at_either_end) {
    for (unsigned first = 0; first < N; first += 31) {
        for (unsigned n = 1; first + n <= N; n += 29) {
            uint64_t words[MH_CHUNK_WORDS] = {0};
            mh_palloc_bits_set(words, first, n);
            ck_assert_uint_eq(mh_palloc_bits_count(words, first, n), n);
            mh_palloc_bits_clear(words, first + n - 1, 1);
            ck_assert_uint_lt(mh_palloc_bits_count(words, first, n), n);
            mh_palloc_bits_clear(words, first, n);
            ck_assert(mh_palloc_bits_none(words, first, n));
            mh_palloc_bits_set(words, first, 1);
            ck_assert(!mh_palloc_bits_none(words, first, n));
        }
    }
}
END_TEST

START_TEST(find_is_the_lowest_clear_run_at_or_above_the_start) {
    for (unsigned round = 0; round < 4000; round++) {
        uint64_t words[MH_CHUNK_WORDS];
        fill(words, round % 8);
        unsigned from = (unsigned)(next_random() % N);
        unsigned n = 1 + (unsigned)(next_random() % (2u << round % 9));

        ck_assert_uint_eq(mh_palloc_bits_find(words, from, n),
                          first_clear_run(words, from, n, 1));
    }
}
END_TEST

START_TEST(find_sees_runs_of_every_length_at_every_place) {
    unsigned wrong = 0; // one assertion at the end: each costs a system call
    for (unsigned first = 0; first < N; first++) {
        for (unsigned n = 1; first + n <= N; n += n < 70 ? 1 : 37) {
            uint64_t words[MH_CHUNK_WORDS];
            memset(words, 0xff, sizeof(words));
            mh_palloc_bits_clear(words, first, n);
            wrong += mh_palloc_bits_find(words, 0, n) != first;
            wrong += n < N && mh_palloc_bits_find(words, 0, n + 1) != N;
        }
    }
    ck_assert_uint_eq(wrong, 0);
}
END_TEST

START_TEST(find_aligned_skips_runs_at_other_places) {
    for (unsigned round = 0; round < 6000; round++) {
        uint64_t words[MH_CHUNK_WORDS];
        fill(words, round % 8);
        unsigned from = (unsigned)(next_random() % N);
        unsigned n = 1 + (unsigned)(next_random() % 64);
        unsigned align = 1u << next_random() % 7;

        ck_assert_uint_eq(mh_palloc_bits_find_aligned(words, from, n, align),
                          first_clear_run(words, from, n, align));
    }
}
END_TEST

START_TEST(last_run_is_the_highest_run_below_the_limit) {
    for (unsigned round = 0; round < 4000; round++) {
        uint64_t words[MH_CHUNK_WORDS];
        fill(words, round % 8);
        unsigned limit = (unsigned)(next_random() % (N + 1)), first = 77;
        unsigned end = limit;
        while (end > 0 && !get(words, end - 1)) {
            end--;
        }
        unsigned begin = end;
        while (begin > 0 && get(words, begin - 1)) {
            begin--;
        }

        ck_assert_uint_eq(mh_palloc_bits_last_run(words, limit, &first), end);
        ck_assert_uint_eq(first, end == 0 ? 77 : begin);
    }
}
END_TEST

START_TEST(run_starts_marks_the_beginnings_of_runs_in_a_word) {
    for (unsigned round = 0; round < 4000; round++) {
        uint64_t words[MH_CHUNK_WORDS], expected = 0;
        fill(words, round % 8);
        unsigned n = 1 + (unsigned)(next_random() % (1u << round % 7));
        for (unsigned i = 0; i + n <= 64; i++) {
            if (mh_palloc_bits_count(words, i, n) == n) {
                expected |= UINT64_C(1) << i;
            }
        }

        ck_assert(mh_palloc_bits_run_starts(words[0], n) == expected);
    }
}
END_TEST

START_TEST(longest_is_the_longest_run_of_a_word_or_what_is_known) {
    uint64_t random = 1;
    for (unsigned n = 0; n <= 64; n++) {
        for (unsigned first = 0; first + n <= 64; first++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            // A run of n, and others of one or two bits beside it.
            uint64_t run = mh_low_bits(n) << (first % 64);
            uint64_t near = run << 1 | run >> 1 | run;
            uint64_t word = run | (random & 0xdb6db6db6db6db6du & ~near);
            unsigned longest = 0, now = 0;
            for (unsigned bit = 0; bit < 64; bit++) {
                now = (word >> bit & 1) != 0 ? now + 1 : 0;
                longest = now > longest ? now : longest;
            }
            for (unsigned known = 0; known <= 65; known++) {
                ck_assert_uint_eq(mh_palloc_bits_longest(word, known),
                                  longest > known ? longest : known);
            }
        }
    }
}
END_TEST

// The chunk of the tests below: page 0 allocated, 1 free, 2 released, the rest
// not ours.
static struct mh_palloc_chunk three_pages(void) {
    struct mh_palloc_chunk chunk = {.base = 5 * MH_CHUNK_SIZE};
    memset(chunk.alloc, 0xff, sizeof(chunk.alloc));
    mh_palloc_bits_set(chunk.ours, 0, 3);
    mh_palloc_bits_clear(chunk.alloc, 1, 2);
    mh_palloc_bits_set(chunk.released, 2, 1);
    return chunk;
}

START_TEST(a_chunk_counts_its_pages_by_state) {
    struct mh_palloc_chunk chunk = three_pages();
    struct mh_palloc_counts counts = {100, 200, 300};

    mh_palloc_chunk_count(&chunk, &counts);

    ck_assert_uint_eq(counts.total, 103);
    ck_assert_uint_eq(counts.free, 202);
    ck_assert_uint_eq(counts.released, 301);
}
END_TEST

START_TEST(a_chunk_check_names_what_is_broken) {
    struct mh_palloc_chunk good = three_pages(), bad = good;
    ck_assert_int_eq(mh_palloc_chunk_check(&good), 0);

    bad.base += MH_PAGE_SIZE;
    ck_assert_int_eq(mh_palloc_chunk_check(&bad), 1);

    bad = good;
    mh_palloc_bits_clear(bad.alloc, N - 1, 1); // free, and not ours
    ck_assert_int_eq(mh_palloc_chunk_check(&bad), 2);

    bad = good;
    mh_palloc_bits_set(bad.released, N - 1, 1); // released, and not ours
    ck_assert_int_eq(mh_palloc_chunk_check(&bad), 2);

    bad = good;
    mh_palloc_bits_set(bad.released, 0, 1); // released, and allocated
    ck_assert_int_eq(mh_palloc_chunk_check(&bad), 3);
}
END_TEST

static Suite *palloc_bits_suite(void) {
    Suite *suite = suite_create("palloc_bits");

    TCase *ranges = tcase_create("ranges");
    tcase_add_test(ranges, set_and_clear_change_exactly_the_range);
    tcase_add_test(ranges, copy_changes_exactly_the_range);
    tcase_add_test(ranges, count_all_and_none_look_at_the_range_only);
    tcase_add_test(ranges, all_and_none_notice_one_bit_at_either_end);
    suite_add_tcase(suite, ranges);

    TCase *searches = tcase_create("searches");
    tcase_add_test(searches,
                   find_is_the_lowest_clear_run_at_or_above_the_start);
    tcase_add_test(searches, find_sees_runs_of_every_length_at_every_place);
    tcase_add_test(searches, find_aligned_skips_runs_at_other_places);
    tcase_add_test(searches, last_run_is_the_highest_run_below_the_limit);
    tcase_add_test(searches, run_starts_marks_the_beginnings_of_runs_in_a_word);
    tcase_add_test(searches,
                   longest_is_the_longest_run_of_a_word_or_what_is_known);
    suite_add_tcase(suite, searches);

    TCase *chunks = tcase_create("chunks");
    tcase_add_test(chunks, a_chunk_counts_its_pages_by_state);
    tcase_add_test(chunks, a_chunk_check_names_what_is_broken);
    suite_add_tcase(suite, chunks);
    return suite;
}

int main(void) {
    return mh_test_main(palloc_bits_suite());
}
