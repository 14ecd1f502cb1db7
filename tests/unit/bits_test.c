// bits_test.c - small questions about words, at every bit.

#include "core/base/bits.h"
#include "tests/support/pure_main.h"

START_TEST(the_lowest_bit_is_found_under_any_others) {
    uint64_t above = ~UINT64_C(0) << _i;
    ck_assert_uint_eq(mh_ctz64(above), (unsigned)_i);
    ck_assert_uint_eq(mh_ctz64(UINT64_C(1) << _i), (unsigned)_i);
}
END_TEST

START_TEST(the_highest_bit_is_found_over_any_others) {
    uint64_t below = ~UINT64_C(0) >> _i;
    ck_assert_uint_eq(mh_clz64(below), (unsigned)_i);
    ck_assert_uint_eq(mh_log2(below), 63u - (unsigned)_i);
}
END_TEST

START_TEST(popcount_counts_the_low_bits) {
    ck_assert_uint_eq(mh_popcount64(mh_low_bits((unsigned)_i)), (unsigned)_i);
}
END_TEST

START_TEST(low_bits_of_64_is_everything) {
    ck_assert_uint_eq(mh_low_bits(64), UINT64_MAX);
    ck_assert_uint_eq(mh_low_bits(0), 0);
}
END_TEST

START_TEST(the_lowest_byte_stands_first_in_memory) {
    uint64_t word = mh_low_first64(UINT64_C(0x0807060504030201));
    const unsigned char *bytes = (const unsigned char *)&word;
    for (int i = 0; i < 8; i++) {
        ck_assert_uint_eq(bytes[i], i + 1);
    }
    ck_assert_uint_eq(mh_low_first64(word), UINT64_C(0x0807060504030201));
}
END_TEST

START_TEST(only_single_bits_are_powers_of_two) {
    uint64_t power = UINT64_C(1) << _i;
    ck_assert(mh_is_pow2(power));
    ck_assert(!mh_is_pow2(power | UINT64_C(1) << ((_i + 1) % 64)));
}
END_TEST

START_TEST(zero_is_no_power_of_two) {
    ck_assert(!mh_is_pow2(0));
}
END_TEST

START_TEST(aligning_keeps_multiples_and_moves_the_rest) {
    uintptr_t align = (uintptr_t)1 << _i;
    ck_assert_uint_eq(mh_align_up(3 * align, align), 3 * align);
    ck_assert_uint_eq(mh_align_down(3 * align, align), 3 * align);
    if (align > 1) {
        ck_assert_uint_eq(mh_align_up(3 * align + 1, align), 4 * align);
        ck_assert_uint_eq(mh_align_up(4 * align - 1, align), 4 * align);
        ck_assert_uint_eq(mh_align_down(4 * align - 1, align), 3 * align);
    }
    ck_assert_uint_eq(mh_align_up(0, align), 0);
}
END_TEST

START_TEST(aligning_past_the_end_wraps_to_a_small_number) {
    ck_assert_uint_eq(mh_align_up(UINTPTR_MAX, 4096), 0);
}
END_TEST

START_TEST(rotating_all_the_way_in_two_steps_changes_nothing) {
    unsigned width = sizeof(uintptr_t) * 8;
    unsigned n = 1 + (unsigned)_i % (width - 1);
    uintptr_t word = (uintptr_t)UINT64_C(0x0123456789abcdef);
    ck_assert_uint_eq(mh_ror(mh_ror(word, n), width - n), word);
    ck_assert_uint_eq(mh_ror(1, 1), (uintptr_t)1 << (width - 1));
}
END_TEST

START_TEST(overflow_is_seen_at_the_edge) {
    size_t result;
    ck_assert(!mh_mul_overflows(SIZE_MAX / 2, 2, &result));
    ck_assert_uint_eq(result, SIZE_MAX - 1);
    ck_assert(mh_mul_overflows(SIZE_MAX / 2 + 1, 2, &result));
    ck_assert(!mh_add_overflows(SIZE_MAX - 1, 1, &result));
    ck_assert_uint_eq(result, SIZE_MAX);
    ck_assert(mh_add_overflows(SIZE_MAX, 1, &result));
}
END_TEST

START_TEST(no_width_of_addresses_is_less_than_usual) {
    unsigned all = (unsigned)sizeof(void *) * 8;
    unsigned usual = all < 47 ? all : 47;
    ck_assert_uint_eq(mh_address_bits(0), all);
    ck_assert_uint_eq(mh_address_bits(1), usual);
    // Where emulators put the stack of a 64-bit and of a 32-bit program.
    ck_assert_uint_eq(mh_address_bits((uintptr_t)0x4000800000), usual);
    ck_assert_uint_eq(mh_address_bits((uintptr_t)0x40800000), usual);
    ck_assert_uint_eq(mh_address_bits(UINTPTR_MAX), all);
    ck_assert_uint_eq(mh_address_bits(UINTPTR_MAX >> 4),
                      all == 64 ? 60 : usual);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("bits");

    TCase *words = tcase_create("words");
    tcase_add_loop_test(words, the_lowest_bit_is_found_under_any_others, 0, 64);
    tcase_add_loop_test(words, the_highest_bit_is_found_over_any_others, 0, 64);
    tcase_add_loop_test(words, popcount_counts_the_low_bits, 0, 65);
    tcase_add_test(words, low_bits_of_64_is_everything);
    tcase_add_test(words, the_lowest_byte_stands_first_in_memory);
    tcase_add_loop_test(words, only_single_bits_are_powers_of_two, 0, 64);
    tcase_add_test(words, zero_is_no_power_of_two);
    tcase_add_loop_test(
        words, rotating_all_the_way_in_two_steps_changes_nothing, 0, 63);
    suite_add_tcase(suite, words);

    TCase *sizes = tcase_create("sizes");
    tcase_add_loop_test(sizes, aligning_keeps_multiples_and_moves_the_rest, 0,
                        24);
    tcase_add_test(sizes, aligning_past_the_end_wraps_to_a_small_number);
    tcase_add_test(sizes, overflow_is_seen_at_the_edge);
    tcase_add_test(sizes, no_width_of_addresses_is_less_than_usual);
    suite_add_tcase(suite, sizes);
    return mh_pure_test_main(suite);
}
