// schema_test.c - roots and layout tables, right and wrong.

#include <check.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/root_read.h"
#include "tests/inspect/fake_heap.h"

static struct fake_heap heap;
static struct mh_source source;
static struct mh_root root;
static char reason[128];

static void open_heap(bool big_endian, unsigned pointer_bytes) {
    fake_heap_make(&heap, big_endian, pointer_bytes);
    ck_assert_int_eq(mh_source_open(&source, &heap.target), MH_TARGET_OK);
}

static void set_up(void) {
    open_heap(false, 8);
}

static void tear_down(void) {
    mh_source_close(&source);
    fake_heap_free(&heap);
}

static enum mh_view_status read_root(void) {
    return mh_root_read(&source, FAKE_ROOT, &root, reason, sizeof(reason));
}

#define PUT_ROOT(field, value)                                            \
    fake_heap_root_put(&heap, offsetof(struct mheap_inspect_root, field), \
                       sizeof(root.is.field), (value))

// Changes number n (offset, width, count, stride) of a row.
static void put_row(const char *name, size_t n, uint32_t value) {
    uint64_t at = fake_heap_row(&heap, name);
    fake_heap_root_put(
        &heap, (size_t)(at - FAKE_ROOT) + MHEAP_INSPECT_NAME_SIZE + 4 * n, 4,
        value);
}

enum { OFFSET, WIDTH, COUNT, STRIDE };

START_TEST(a_root_reads_in_both_byte_orders_and_pointer_sizes) {
    for (int i = 0; i < 4; i++) {
        tear_down();
        open_heap(i % 2 != 0, i / 2 != 0 ? 8 : 4);
        ck_assert_int_eq(read_root(), MH_VIEW_OK);
        ck_assert_int_eq(root.big_endian, i % 2);
        ck_assert_uint_eq(root.is.pointer_bytes, i / 2 != 0 ? 8 : 4);
        ck_assert_uint_eq(root.is.arenas, fake_heap_list(&heap, "arenas"));
        ck_assert_uint_eq(root.is.process_id, 4242);
        ck_assert(mh_schema_has(&root.schema, MH_F_span_owner_told));
    }
}
END_TEST

START_TEST(rows_with_unknown_names_are_passed_over) {
    put_row("zebra.stripes", WIDTH, UINT32_MAX);
    put_row("zebra.stripes", OFFSET, UINT32_MAX);
    ck_assert_int_eq(read_root(), MH_VIEW_OK);
}
END_TEST

START_TEST(an_optional_field_that_is_missing_is_absent_and_reads_as_zero) {
    *fake_target_at(&heap.target, fake_heap_row(&heap, "span.birth")) = 'z';
    ck_assert_int_eq(read_root(), MH_VIEW_OK);
    ck_assert(!mh_schema_has(&root.schema, MH_F_span_birth));
    ck_assert_uint_eq(mh_schema_get(&root.schema, MH_F_span_birth, "abc"), 0);
}
END_TEST

START_TEST(a_required_field_that_is_missing_is_named) {
    *fake_target_at(&heap.target, fake_heap_row(&heap, "span.npages")) = 'z';
    ck_assert_int_eq(read_root(), MH_VIEW_CORRUPT);
    ck_assert_ptr_nonnull(strstr(reason, "span.npages is missing"));
}
END_TEST

static const struct {
    const char *row;
    size_t number;
    uint32_t value;
} lies[] = {
    {"span.base", WIDTH, 3},       {"span.base", WIDTH, 9},
    {"span.base", OFFSET, 100000}, {"span.base", OFFSET, UINT32_MAX},
    {"span.base", COUNT, 0},       {"span.free", COUNT, UINT32_MAX},
    {"span.free", STRIDE, 1},      {"span.free", STRIDE, UINT32_MAX},
    {"span.free", WIDTH, 16},      {"arena", WIDTH, UINT32_MAX},
    {"arena", WIDTH, 8},           {"arena.seq", COUNT, 100000},
    {"arena.spans", WIDTH, 4},     {"palloc_table.blocks", WIDTH, 1},
    {"pair.live", WIDTH, 0},       {"arenas.lock", WIDTH, 4},
    {"arena.lock", WIDTH, 4},      {"caches.lock", WIDTH, 4},
    {"central.lock", WIDTH, 4},    {"heap.lock", WIDTH, 4},
    {"heap.side_lock", WIDTH, 4},  {"heap.central", WIDTH, 4},
};

START_TEST(a_row_that_lies_is_refused) {
    put_row(lies[_i].row, lies[_i].number, lies[_i].value);
    ck_assert_msg(read_root() == MH_VIEW_CORRUPT, "%s, %zu = %u", lies[_i].row,
                  lies[_i].number, (unsigned)lies[_i].value);
    ck_assert_ptr_nonnull(strstr(reason, "layout table"));
}
END_TEST

static const struct {
    const char *what;
    size_t offset, width;
    uint64_t value;
} roots[] = {
#define ROOT(field, value)                                              \
    {                                                                   \
#        field, offsetof(struct mheap_inspect_root, field),             \
            sizeof(((struct mheap_inspect_root *)NULL)->field), (value) \
    }
    ROOT(byte_order, 0x01020305), ROOT(pointer_bytes, 16),
    ROOT(root_bytes, 8),          ROOT(page_shift, 0),
    ROOT(page_shift, 63),         ROOT(arena_shift, 13),
    ROOT(arena_shift, 64),        ROOT(granule_shift, 40),
    ROOT(pair_bytes, 0),          ROOT(pair_bytes, 1000),
    ROOT(pair_bytes, 1 << 20),    ROOT(chunk_pages, 0),
    ROOT(chunk_pages, 1 << 20),   ROOT(nclasses, 0),
    ROOT(nclasses, 100000),       ROOT(npurposes, UINT64_MAX),
    ROOT(layout_count, 0),        ROOT(layout_count, UINT64_MAX),
    ROOT(layout, 0x1000),         ROOT(layout, UINT64_MAX - 8),
};

START_TEST(a_root_that_lies_is_refused) {
    fake_heap_root_put(&heap, roots[_i].offset, roots[_i].width,
                       roots[_i].value);
    ck_assert_msg(read_root() == MH_VIEW_CORRUPT, "%s", roots[_i].what);
}
END_TEST

START_TEST(no_magic_is_no_root) {
    *fake_target_at(&heap.target, FAKE_ROOT + 6) = 'X';
    ck_assert_int_eq(read_root(), MH_VIEW_NONE);
}
END_TEST

START_TEST(an_address_that_is_not_mapped_is_no_root) {
    ck_assert_int_eq(
        mh_root_read(&source, 0x1000, &root, reason, sizeof(reason)),
        MH_VIEW_NONE);
    ck_assert_int_eq(
        mh_root_read(&source, UINT64_MAX - 3, &root, reason, sizeof(reason)),
        MH_VIEW_NONE);
}
END_TEST

START_TEST(another_major_is_newer_whatever_else_it_says) {
    PUT_ROOT(major, MHEAP_INSPECT_MAJOR + 1);
    PUT_ROOT(layout, 0);
    PUT_ROOT(root_bytes, 0);
    ck_assert_int_eq(read_root(), MH_VIEW_NEWER);
    ck_assert_ptr_nonnull(strstr(reason, "2.7"));
}
END_TEST

START_TEST(a_later_minor_reads) {
    PUT_ROOT(minor, 65535);
    ck_assert_int_eq(read_root(), MH_VIEW_OK);
}
END_TEST

START_TEST(a_version_that_cannot_be_read_is_empty) {
    PUT_ROOT(version, UINT64_MAX);
    ck_assert_int_eq(read_root(), MH_VIEW_OK);
    ck_assert_str_eq(root.version, "");
}
END_TEST

static Suite *schema_suite(void) {
    Suite *suite = suite_create("inspect.schema");
    TCase *right = tcase_create("right");
    TCase *wrong = tcase_create("wrong");

    tcase_add_checked_fixture(right, set_up, tear_down);
    tcase_add_test(right, a_root_reads_in_both_byte_orders_and_pointer_sizes);
    tcase_add_test(right, rows_with_unknown_names_are_passed_over);
    tcase_add_test(
        right, an_optional_field_that_is_missing_is_absent_and_reads_as_zero);
    tcase_add_test(right, a_later_minor_reads);
    tcase_add_test(right, a_version_that_cannot_be_read_is_empty);
    suite_add_tcase(suite, right);
    tcase_add_checked_fixture(wrong, set_up, tear_down);
    tcase_add_test(wrong, a_required_field_that_is_missing_is_named);
    tcase_add_loop_test(wrong, a_row_that_lies_is_refused, 0,
                        sizeof(lies) / sizeof(lies[0]));
    tcase_add_loop_test(wrong, a_root_that_lies_is_refused, 0,
                        sizeof(roots) / sizeof(roots[0]));
    tcase_add_test(wrong, no_magic_is_no_root);
    tcase_add_test(wrong, an_address_that_is_not_mapped_is_no_root);
    tcase_add_test(wrong, another_major_is_newer_whatever_else_it_says);
    suite_add_tcase(suite, wrong);
    return suite;
}

int main(void) {
    SRunner *runner = srunner_create(schema_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
