// source_test.c - judging addresses, and reading only what is there.

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/source.h"
#include "tests/inspect/fake_target.h"

// Two mappings that touch, a hole, and one of a file.
#define LOW     UINT64_C(0x10000)
#define HIGH    UINT64_C(0x14000)
#define FILE_AT UINT64_C(0x40000)

enum { ALL = 0x8000 };

static struct mh_target target;
static struct mh_source source;
static FILE *file;

static void set_up(void) {
    memset(&target, 0, sizeof(target));
    fake_target_map(&target, LOW, 0x4000);
    fake_target_map(&target, HIGH, 0x4000);
    struct fake_map *map = fake_target_map(&target, FILE_AT, 0x3000);
    map->map.inode = 77;
    map->map.offset = 0x1000;
    map->map.writable = false;
    ck_assert_int_eq(mh_source_open(&source, &target), MH_TARGET_OK);
}

static void tear_down(void) {
    mh_source_close(&source);
    fake_target_clear(&target);
    if (file != NULL) {
        (void)fclose(file);
        file = NULL;
    }
}

START_TEST(ranges_inside_mappings_that_touch_are_mapped) {
    ck_assert(mh_source_mapped(&source, LOW, ALL, MH_MAPPED_READABLE));
    ck_assert(mh_source_mapped(&source, LOW + 5, ALL - 5, MH_MAPPED_ANY));
    ck_assert(mh_source_mapped(&source, HIGH - 1, 2, MH_MAPPED_WRITABLE));
    ck_assert(mh_source_mapped(&source, FILE_AT, 1, MH_MAPPED_PRIVATE));
}
END_TEST

START_TEST(empty_wrapping_and_outside_ranges_are_not_mapped) {
    ck_assert(!mh_source_mapped(&source, LOW, 0, MH_MAPPED_ANY));
    ck_assert(!mh_source_mapped(&source, LOW - 1, 2, MH_MAPPED_ANY));
    ck_assert(!mh_source_mapped(&source, LOW, ALL + 1, MH_MAPPED_ANY));
    ck_assert(!mh_source_mapped(&source, 0, 1, MH_MAPPED_ANY));
    ck_assert(!mh_source_mapped(&source, LOW, UINT64_MAX, MH_MAPPED_ANY));
    ck_assert(!mh_source_mapped(&source, UINT64_MAX, 2, MH_MAPPED_ANY));
    ck_assert(!mh_source_mapped(&source, FILE_AT, 0x3001, MH_MAPPED_ANY));
}
END_TEST

START_TEST(a_mapping_without_the_flag_is_not_mapped) {
    ck_assert(!mh_source_mapped(&source, FILE_AT, 1, MH_MAPPED_WRITABLE));
    source.maps[1].shared = true;
    ck_assert(mh_source_mapped(&source, LOW, 0x4000, MH_MAPPED_PRIVATE));
    ck_assert(!mh_source_mapped(&source, LOW, 0x4001, MH_MAPPED_PRIVATE));
    source.maps[0].readable = false;
    ck_assert(!mh_source_mapped(&source, LOW, 1, MH_MAPPED_READABLE));
}
END_TEST

START_TEST(an_address_finds_its_mapping) {
    ck_assert_ptr_null(mh_source_map_of(&source, LOW - 1));
    ck_assert_ptr_eq(mh_source_map_of(&source, LOW), &source.maps[0]);
    ck_assert_ptr_eq(mh_source_map_of(&source, HIGH - 1), &source.maps[0]);
    ck_assert_ptr_eq(mh_source_map_of(&source, HIGH), &source.maps[1]);
    ck_assert_ptr_null(mh_source_map_of(&source, HIGH + 0x4000));
    ck_assert_ptr_null(mh_source_map_of(&source, UINT64_MAX));
}
END_TEST

START_TEST(absent_pages_read_as_zero_and_are_not_touched) {
    char buffer[ALL];

    memset(fake_target_at(&target, LOW), 'a', 0x4000);
    memset(fake_target_at(&target, HIGH), 'b', 0x4000);
    // What stands in a page that nothing backs must not show.
    fake_target_set_pages(&target, LOW + 0x1000, 0x2000, MH_TARGET_PAGE_ABSENT);
    fake_target_set_pages(&target, HIGH, 0x1000, MH_TARGET_PAGE_ABSENT);
    memset(buffer, 'x', sizeof(buffer));
    ck_assert(mh_source_read(&source, LOW + 7, buffer, ALL - 14));
    ck_assert(!target.touched_absent);
    for (size_t i = 0; i < ALL - 14; i++) {
        size_t at = i + 7;
        char want = at < 0x1000 ? 'a' : at < 0x3000 ? 0 : at < 0x4000 ? 'a' : 0;
        want = at >= 0x5000 ? 'b' : want;
        ck_assert_int_eq(buffer[i], want);
    }
    ck_assert_int_eq(buffer[ALL - 14], 'x');
    ck_assert_uint_eq(target.reads, 3);
}
END_TEST

START_TEST(swapped_and_shared_pages_are_read) {
    char buffer[2];

    *fake_target_at(&target, LOW) = 's';
    fake_target_set_pages(&target, LOW, 0x1000, MH_TARGET_PAGE_SWAPPED);
    ck_assert(mh_source_read(&source, LOW, buffer, 1));
    ck_assert_int_eq(buffer[0], 's');
    fake_target_set_pages(&target, LOW, 0x1000, MH_TARGET_PAGE_SHARED);
    ck_assert(mh_source_read(&source, LOW, buffer, 1));
    ck_assert_int_eq(buffer[0], 's');
}
END_TEST

START_TEST(an_absent_page_of_a_file_reads_from_the_file) {
    char buffer[0x3000];

    file = tmpfile();
    ck_assert_ptr_nonnull(file);
    for (int i = 0; i < 0x2800; i++) {
        ck_assert_int_ne(fputc("0123456789"[i % 10], file), EOF);
    }
    ck_assert_int_eq(fflush(file), 0);
    target.file = fileno(file);
    fake_target_set_pages(&target, FILE_AT, 0x3000, MH_TARGET_PAGE_ABSENT);
    // The mapping begins at 0x1000 of the file.
    ck_assert(mh_source_read(&source, FILE_AT + 3, buffer, 4));
    ck_assert_mem_eq(buffer, "9012", 4);
    ck_assert(!target.touched_absent);
    // Behind the end of the file, in its last page, are zeros.
    ck_assert(mh_source_read(&source, FILE_AT + 0x17fe, buffer, 6));
    ck_assert_mem_eq(buffer, "89\0\0\0\0", 6);
}
END_TEST

START_TEST(a_page_of_a_file_that_cannot_be_opened_is_read_in_the_target) {
    char byte = 0;

    *fake_target_at(&target, FILE_AT) = 'f';
    fake_target_set_pages(&target, FILE_AT, 0x1000, MH_TARGET_PAGE_ABSENT);
    ck_assert(mh_source_read(&source, FILE_AT, &byte, 1));
    ck_assert_int_eq(byte, 'f');
}
END_TEST

START_TEST(without_page_tables_everything_is_read) {
    char byte = 0;

    target.no_pages = true;
    *fake_target_at(&target, LOW) = 'n';
    ck_assert(mh_source_read(&source, LOW, &byte, 1));
    ck_assert_int_eq(byte, 'n');
    ck_assert(source.no_pages);
    ck_assert_int_eq(source.failure, MH_TARGET_OK);
}
END_TEST

START_TEST(unmapped_addresses_are_refused_without_asking_the_target) {
    char buffer[16];

    ck_assert(!mh_source_read(&source, 0, buffer, sizeof(buffer)));
    ck_assert(!mh_source_read(&source, HIGH + 0x3ff8, buffer, sizeof(buffer)));
    ck_assert_uint_eq(target.reads, 0);
    ck_assert_uint_eq(target.lists, 1);
}
END_TEST

START_TEST(new_mappings_are_seen_when_listing_again_is_allowed) {
    char byte;
    uint64_t later = UINT64_C(0x80000);

    fake_target_map(&target, later, 0x1000);
    ck_assert(!mh_source_read(&source, later, &byte, 1));
    mh_source_relist(&source);
    ck_assert(mh_source_read(&source, later, &byte, 1));
    ck_assert_uint_eq(target.lists, 2);
    // An address that is never mapped does not make it list for ever.
    for (int i = 0; i < 1000; i++) {
        ck_assert(!mh_source_mapped(&source, 0, 1, MH_MAPPED_ANY));
    }
    ck_assert_uint_le(target.lists, 100);
}
END_TEST

static Suite *source_suite(void) {
    Suite *suite = suite_create("inspect.source");
    TCase *judging = tcase_create("judging");
    TCase *reading = tcase_create("reading");

    tcase_add_checked_fixture(judging, set_up, tear_down);
    tcase_add_test(judging, ranges_inside_mappings_that_touch_are_mapped);
    tcase_add_test(judging, empty_wrapping_and_outside_ranges_are_not_mapped);
    tcase_add_test(judging, a_mapping_without_the_flag_is_not_mapped);
    tcase_add_test(judging, an_address_finds_its_mapping);
    tcase_add_test(judging,
                   new_mappings_are_seen_when_listing_again_is_allowed);
    suite_add_tcase(suite, judging);
    tcase_add_checked_fixture(reading, set_up, tear_down);
    tcase_add_test(reading, absent_pages_read_as_zero_and_are_not_touched);
    tcase_add_test(reading, swapped_and_shared_pages_are_read);
    tcase_add_test(reading, an_absent_page_of_a_file_reads_from_the_file);
    tcase_add_test(
        reading, a_page_of_a_file_that_cannot_be_opened_is_read_in_the_target);
    tcase_add_test(reading, without_page_tables_everything_is_read);
    tcase_add_test(reading,
                   unmapped_addresses_are_refused_without_asking_the_target);
    suite_add_tcase(suite, reading);
    return suite;
}

int main(void) {
    SRunner *runner = srunner_create(source_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
