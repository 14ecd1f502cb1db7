// size_class_test.c - every size, alignment and offset that the table covers.

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>

#include "core/base/bits.h"
#include "core/heap/size_class.h"
#include "tests/support/pure_main.h"

enum { SPAN_LIMIT = 128 * 1024 };

static uint32_t span_bytes(unsigned class_index) {
    return mh_classes[class_index].npages * 8192;
}

START_TEST(class_zero_is_empty_and_class_one_has_eight_bytes) {
    const struct mh_class_info *none = &mh_classes[0];

    ck_assert_uint_eq(none->size + none->npages + none->nslots + none->magic,
                      0);
    ck_assert_uint_eq(none->cache_slots + none->batch, 0);
    ck_assert_uint_eq(mh_class_size(1), 8);
}
END_TEST

START_TEST(the_number_of_classes_is_about_seventy) {
    ck_assert_uint_ge(MH_NCLASSES, 65);
    ck_assert_uint_le(MH_NCLASSES, 80);
}
END_TEST

START_TEST(sizes_grow_from_8_to_32_kib_in_multiples_of_16) {
    for (unsigned i = 2; i < MH_NCLASSES; i++) {
        ck_assert_uint_gt(mh_class_size(i), mh_class_size(i - 1));
        ck_assert_uint_eq(mh_class_size(i) % 16, 0);
    }
    ck_assert_uint_eq(mh_class_size(MH_NCLASSES - 1), 32768);
}
END_TEST

START_TEST(every_power_of_two_is_a_slot_size) {
    for (size_t size = 16; size <= MH_SMALL_MAX; size *= 2) {
        ck_assert_uint_eq(mh_class_size(mh_size_class(size)), size);
    }
}
END_TEST

START_TEST(every_size_gets_the_smallest_class_that_holds_it) {
    unsigned expected = 2;
    for (size_t size = 0; size <= MH_SMALL_MAX; size++) {
        while (mh_classes[expected].size < size) {
            expected++;
        }
        ck_assert_uint_eq(mh_size_class(size), expected);
    }
}
END_TEST

START_TEST(rounding_wastes_little) {
    for (size_t size = 1; size <= MH_SMALL_MAX; size++) {
        size_t slot = mh_class_size(mh_size_class(size));
        size_t waste = slot - size;
        if (size < 128) {
            ck_assert_uint_lt(waste, 16);
        } else {
            ck_assert_uint_le(waste * 8, slot);
        }
    }
}
END_TEST

START_TEST(spans_are_within_their_limits) {
    unsigned i = (unsigned)_i;
    const struct mh_class_info *info = &mh_classes[i];
    uint32_t bytes = span_bytes(i);

    ck_assert_uint_ge(info->npages, 1);
    ck_assert_uint_le(bytes, SPAN_LIMIT);
    ck_assert_uint_ge(info->nslots, 4);
    ck_assert_uint_le(info->nslots, info->size <= 16 ? 1024 : 512);
    if (info->size <= SPAN_LIMIT / 64) {
        ck_assert_uint_ge(info->nslots, 64);
    }
    ck_assert_uint_le(info->npages, MH_CLASS_MAX_PAGES);
    ck_assert_uint_le(info->nslots, MH_CLASS_MAX_SLOTS);
}
END_TEST

START_TEST(a_span_holds_all_its_slots_and_not_one_more) {
    unsigned i = (unsigned)_i;
    const struct mh_class_info *info = &mh_classes[i];

    ck_assert_uint_le(info->nslots * info->size, span_bytes(i));
    ck_assert_uint_lt(span_bytes(i) - info->nslots * info->size, info->size);
}
END_TEST

// Tail and rounding together, when every object is the smallest of its class.
START_TEST(a_full_span_of_smallest_objects_wastes_at_most_an_eighth) {
    unsigned i = (unsigned)_i;
    const struct mh_class_info *info = &mh_classes[i];
    if (info->size >= 128) {
        uint32_t smallest = mh_classes[i - 1].size + 1;
        uint32_t waste = span_bytes(i) - info->nslots * smallest;
        ck_assert_uint_le(waste * 8, span_bytes(i));
    }
}
END_TEST

START_TEST(the_slot_number_is_exact_for_every_offset) {
    unsigned i = (unsigned)_i;
    const struct mh_class_info *info = &mh_classes[i];
    for (uint32_t offset = 0; offset < span_bytes(i); offset++) {
        if (mh_class_slot(info, offset) != offset / info->size) {
            ck_abort_msg("class %u, offset %u", i, offset);
        }
    }
}
END_TEST

START_TEST(caches_hold_32_kib_or_2_to_256_slots) {
    const struct mh_class_info *info = &mh_classes[_i];
    unsigned slots = 32768 / info->size;
    slots = slots < 2 ? 2 : slots > 256 ? 256 : slots;

    ck_assert_uint_eq(info->cache_slots, slots);
    ck_assert_uint_eq(info->batch, slots / 2 < 32 ? slots / 2 : 32);
    ck_assert_uint_ge(info->first_slots, 2);
    ck_assert_uint_le(info->first_slots, 8);
    ck_assert_uint_le(info->first_slots, info->cache_slots);
}
END_TEST

// The class that a linear search over the definition finds; 0 for none.
static unsigned aligned_class(size_t size, size_t align) {
    for (unsigned i = 2; i < MH_NCLASSES; i++) {
        if (mh_class_size(i) >= size && mh_class_size(i) % align == 0) {
            return i;
        }
    }
    return 0;
}

START_TEST(every_size_and_alignment_gets_the_smallest_class_that_serves) {
    size_t align = (size_t)1 << _i;
    for (size_t size = 0; size <= MH_SMALL_MAX; size++) {
        unsigned index = mh_size_class_aligned(size, align);
        if (index != aligned_class(size, align)) {
            ck_abort_msg("size %zu, align %zu: class %u", size, align, index);
        }
        ck_assert_uint_ne(index, 0);
    }
}
END_TEST

START_TEST(no_class_serves_what_is_too_large_or_too_aligned) {
    ck_assert_uint_eq(mh_size_class_aligned(MH_SMALL_MAX + 1, 16), 0);
    ck_assert_uint_eq(mh_size_class_aligned(SIZE_MAX, 1), 0);
    ck_assert_uint_eq(mh_size_class_aligned(16, 16384), 0);
    ck_assert_uint_eq(mh_size_class_aligned(0, SIZE_MAX / 2 + 1), 0);
    ck_assert_uint_eq(mh_class_size(mh_size_class_aligned(1, 8192)), 8192);
}
END_TEST

START_TEST(good_size_is_the_slot_or_whole_pages) {
    ck_assert_uint_eq(mh_good_size(0), 16);
    ck_assert_uint_eq(mh_good_size(1), 16);
    ck_assert_uint_eq(mh_good_size(17), 32);
    ck_assert_uint_eq(mh_good_size(1025), 1152);
    ck_assert_uint_eq(mh_good_size(32768), 32768);
    ck_assert_uint_eq(mh_good_size(32769), 40960);
    ck_assert_uint_eq(mh_good_size(40960), 40960);
    ck_assert_uint_eq(mh_good_size(40961), 49152);
}
END_TEST

START_TEST(good_size_saturates) {
    // No object is larger, nor has as many pages as a record can count.
    size_t most = (size_t)PTRDIFF_MAX / 8192 < UINT32_MAX
                      ? (size_t)PTRDIFF_MAX / 8192 * 8192
                      : (size_t)UINT32_MAX * 8192;

    ck_assert_uint_eq(mh_good_size(most - 1), most);
    ck_assert_uint_eq(mh_good_size(most), most);
    ck_assert_uint_eq(mh_good_size(most + 8192), SIZE_MAX);
    ck_assert_uint_eq(mh_good_size(SIZE_MAX - 8191), SIZE_MAX);
    ck_assert_uint_eq(mh_good_size(SIZE_MAX), SIZE_MAX);
}
END_TEST

static Suite *size_class_suite(void) {
    Suite *suite = suite_create("size_class");

    TCase *table = tcase_create("table");
    tcase_add_test(table, class_zero_is_empty_and_class_one_has_eight_bytes);
    tcase_add_test(table, the_number_of_classes_is_about_seventy);
    tcase_add_test(table, sizes_grow_from_8_to_32_kib_in_multiples_of_16);
    tcase_add_test(table, every_power_of_two_is_a_slot_size);
    tcase_add_test(table, every_size_gets_the_smallest_class_that_holds_it);
    tcase_add_test(table, rounding_wastes_little);
    suite_add_tcase(suite, table);

    TCase *spans = tcase_create("spans");
    tcase_add_loop_test(spans, spans_are_within_their_limits, 1, MH_NCLASSES);
    tcase_add_loop_test(spans, a_span_holds_all_its_slots_and_not_one_more, 1,
                        MH_NCLASSES);
    tcase_add_loop_test(
        spans, a_full_span_of_smallest_objects_wastes_at_most_an_eighth, 1,
        MH_NCLASSES);
    tcase_add_loop_test(spans, the_slot_number_is_exact_for_every_offset, 1,
                        MH_NCLASSES);
    tcase_add_loop_test(spans, caches_hold_32_kib_or_2_to_256_slots, 1,
                        MH_NCLASSES);
    suite_add_tcase(suite, spans);

    TCase *sizes = tcase_create("sizes");
    tcase_add_loop_test(
        sizes, every_size_and_alignment_gets_the_smallest_class_that_serves, 0,
        14);
    tcase_add_test(sizes, no_class_serves_what_is_too_large_or_too_aligned);
    tcase_add_test(sizes, good_size_is_the_slot_or_whole_pages);
    tcase_add_test(sizes, good_size_saturates);
    suite_add_tcase(suite, sizes);
    return suite;
}

int main(void) {
    return mh_pure_test_main(size_class_suite());
}
