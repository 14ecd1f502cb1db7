// find_test.c - from a mapped ELF file to the root, also when the file lies.
//
// The file is fake_binary.c's, in both byte orders and word sizes. Its root is
// the made-up heap's.

#include <check.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/root_read.h"
#include "inspect/view.h"
#include "tests/inspect/fake_binary.h"

static struct fake_heap heap;
static struct mh_view_root roots[MH_VIEW_MAX_ROOTS];
static size_t nroots;
static char why[MH_VIEW_WHY];

static void put(size_t offset, size_t width, uint64_t value) {
    fake_binary_put(&heap, offset, width, value);
}

#define PUT(offset, type, field, value) \
    put((offset) + offsetof(type, field), sizeof(((type *)0)->field), (value))

static void make(int form) {
    fake_heap_make(&heap, form % 2 != 0, form / 2 != 0 ? 4 : 8);
    fake_binary_add(&heap);
}

static void set_up(void) {
    make(0);
}

static void tear_down(void) {
    fake_heap_free(&heap);
}

static enum mh_view_status find(void) {
    return mh_view_find(&heap.target, roots, &nroots, why, sizeof(why));
}

START_TEST(the_note_leads_to_the_root_in_every_byte_order_and_word_size) {
    tear_down();
    make(_i);
    ck_assert_int_eq(find(), MH_VIEW_OK);
    ck_assert_uint_eq(nroots, 1);
    ck_assert_uint_eq(roots[0].address, FAKE_ROOT);
    ck_assert(roots[0].by_note);
    ck_assert(roots[0].used);
    ck_assert_str_eq(roots[0].file, "/bin/program");
}
END_TEST

START_TEST(a_view_opens_without_being_told_the_root) {
    struct mh_view *view;

    ck_assert_int_eq(mh_view_open(&heap.target, NULL, &view), MH_VIEW_OK);
    ck_assert_uint_eq(view->root.address, FAKE_ROOT);
    ck_assert_uint_eq(view->nspans, 4);
    mh_view_close(view);
}
END_TEST

START_TEST(a_mapping_that_is_not_executed_is_no_program) {
    heap.target.maps[0].map.executable = false;
    ck_assert_int_eq(find(), MH_VIEW_NONE);
}
END_TEST

START_TEST(a_note_of_another_name_type_or_size_is_not_ours) {
    static const struct {
        size_t offset;
        uint64_t value;
    } changes[] = {{0, 7}, {4, 4}, {8, 2}, {12, 'M'}};
    size_t ours = NOTES + OTHER_NOTE;

    put(ours + changes[_i].offset, _i == 3 ? 1 : 4, changes[_i].value);
    ck_assert_int_eq(find(), MH_VIEW_NONE);
    ck_assert_uint_eq(nroots, 0);
}
END_TEST

START_TEST(a_note_that_leads_nowhere_is_no_root) {
    size_t desc = NOTES + OTHER_NOTE + 12 + 8;

    put(desc, 8, UINT64_MAX / 2);
    ck_assert_int_eq(find(), MH_VIEW_NONE);
}
END_TEST

START_TEST(a_root_of_another_major_is_listed_as_newer) {
    char opened[128] = "";
    struct mh_view_options options = {.why = opened,
                                      .why_size = sizeof(opened)};
    struct mh_view *view;

    fake_heap_root_put(&heap, offsetof(struct mheap_inspect_root, major), 2, 9);
    ck_assert_int_eq(find(), MH_VIEW_NEWER);
    ck_assert_uint_eq(nroots, 1);
    ck_assert_uint_eq(roots[0].major, 9);
    ck_assert_ptr_nonnull(strstr(why, "9.7"));
    ck_assert_int_eq(mh_view_open(&heap.target, &options, &view),
                     MH_VIEW_NEWER);
    ck_assert_ptr_nonnull(strstr(opened, "9.7"));
}
END_TEST

START_TEST(a_note_longer_than_its_segment_ends_the_search) {
    put(NOTES + 4, 4, UINT32_MAX); // the length of the first descriptor
    ck_assert_int_eq(find(), MH_VIEW_NONE);
    put(NOTES, 4, UINT32_MAX);
    put(NOTES + 4, 4, 16);
    ck_assert_int_eq(find(), MH_VIEW_NONE);
}
END_TEST

START_TEST(a_segment_of_notes_that_is_too_long_or_elsewhere_is_passed_over) {
    size_t note = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);

    PUT(note, Elf64_Phdr, p_filesz, UINT64_MAX);
    ck_assert_int_eq(find(), MH_VIEW_NONE);
    PUT(note, Elf64_Phdr, p_filesz, OTHER_NOTE + OUR_NOTE);
    PUT(note, Elf64_Phdr, p_vaddr, UINT64_MAX - 8);
    ck_assert_int_eq(find(), MH_VIEW_NONE);
}
END_TEST

// Files of Windows --------------------------------------------------------

static void make_pe(int form) {
    fake_heap_make(&heap, false, form % 2 != 0 ? 4 : 8);
    fake_binary_add_pe(&heap);
}

static void set_up_pe(void) {
    make_pe(0);
}

START_TEST(the_section_leads_to_the_root_in_every_word_size) {
    tear_down();
    make_pe(_i);
    ck_assert_int_eq(find(), MH_VIEW_OK);
    ck_assert_uint_eq(nroots, 1);
    ck_assert_uint_eq(roots[0].address, FAKE_ROOT);
    ck_assert(roots[0].by_note);
}
END_TEST

START_TEST(a_section_of_another_name_content_or_version_is_not_ours) {
    static const struct {
        size_t offset;
        uint64_t value;
    } changes[] = {{PE_OURS + 1, 'M'}, {PE_OURS + 6, '2'}, {NOTES, 'M'},
                   {NOTES + 8, 2},     {PE_HEADER, 'L'},   {0, 'Z'},
                   {PE_HEADER + 6, 1}};

    put(changes[_i].offset, 1, changes[_i].value);
    ck_assert_int_eq(find(), MH_VIEW_NONE);
    ck_assert_uint_eq(nroots, 0);
}
END_TEST

START_TEST(a_header_or_a_section_outside_the_file_is_passed_over) {
    static const uint32_t places[] = {UINT32_MAX, UINT32_MAX - 24,
                                      BINARY_BYTES - 23, INT32_MAX};

    put(PE_OURS + 12, 4, places[_i]);
    ck_assert_int_eq(find(), MH_VIEW_NONE);
    put(0x3c, 4, places[_i]);
    ck_assert_int_eq(find(), MH_VIEW_NONE);
}
END_TEST

START_TEST(a_table_of_more_sections_than_there_are_ends_with_the_header) {
    put(PE_HEADER + 6, 2, UINT16_MAX);
    ck_assert_int_eq(find(), MH_VIEW_OK);
    put(PE_HEADER + 20, 2, UINT16_MAX); // the table lies elsewhere
    ck_assert_int_eq(find(), MH_VIEW_NONE);
}
END_TEST

// Files of Darwin ----------------------------------------------------------

static void set_up_macho(void) {
    fake_heap_make(&heap, false, 8);
    fake_binary_add_macho(&heap);
}

START_TEST(the_section_of_a_mach_o_file_leads_to_the_root) {
    ck_assert_int_eq(find(), MH_VIEW_OK);
    ck_assert_uint_eq(nroots, 1);
    ck_assert_uint_eq(roots[0].address, FAKE_ROOT);
    ck_assert(roots[0].by_note);
}
END_TEST

START_TEST(a_section_of_another_mach_o_name_or_content_is_not_ours) {
    static const struct {
        size_t offset;
        uint64_t value;
    } changes[] = {{0, 0xce},          {16, 1},
                   {MACHO_DATA, 0x1b}, {MACHO_DATA + 64, 1},
                   {MACHO_OURS, '-'},  {MACHO_OURS + 7, 'x'},
                   {NOTES, 'M'},       {NOTES + 8, 2}};

    put(changes[_i].offset, 1, changes[_i].value);
    ck_assert_int_eq(find(), MH_VIEW_NONE);
    ck_assert_uint_eq(nroots, 0);
}
END_TEST

START_TEST(a_mach_o_command_that_is_no_size_ends_the_search) {
    static const uint32_t sizes[] = {0, 7, UINT32_MAX, INT32_MAX, BINARY_BYTES};

    put(MACHO_TEXT + 4, 4, sizes[_i]);
    ck_assert_int_eq(find(), MH_VIEW_NONE);
}
END_TEST

START_TEST(more_mach_o_commands_or_sections_than_there_are_harm_nobody) {
    put(16, 4, UINT32_MAX);
    put(MACHO_DATA + 64, 4, UINT32_MAX);
    ck_assert_int_eq(find(), MH_VIEW_OK);
    put(MACHO_OURS + 32, 8, UINT64_MAX); // a section that is nowhere
    ck_assert_int_eq(find(), MH_VIEW_NONE);
}
END_TEST

static uint64_t state = 2463534242u;

static uint32_t random_number(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}

START_TEST(a_file_with_changed_bytes_is_found_or_not_but_harms_nobody) {
    static const unsigned char nasty[] = {0, 1, 0x7f, 0x80, 0xff};
    size_t found = 0, lost = 0;

    for (int round = 0; round < 6000; round++) {
        tear_down();
        (round % 8 < 4 ? make : make_pe)(round % 4);
        size_t changes = 1 + random_number() % 6;
        for (size_t i = 0; i < changes; i++) {
            // The headers, or the notes.
            size_t at = random_number() % 512;
            at = at < 448 ? at : NOTES + at - 448;
            *fake_target_at(&heap.target, BINARY + at) =
                nasty[random_number() % sizeof(nasty)];
        }
        found += find() == MH_VIEW_OK;
        lost += nroots == 0;
    }
    ck_assert_uint_gt(found, 100);
    ck_assert_uint_gt(lost, 100);
}
END_TEST

static Suite *find_suite(void) {
    Suite *suite = suite_create("inspect.find");
    TCase *notes = tcase_create("notes");
    TCase *lies = tcase_create("lies");

    tcase_add_checked_fixture(notes, set_up, tear_down);
    tcase_add_loop_test(
        notes, the_note_leads_to_the_root_in_every_byte_order_and_word_size, 0,
        4);
    tcase_add_test(notes, a_view_opens_without_being_told_the_root);
    tcase_add_test(notes, a_mapping_that_is_not_executed_is_no_program);
    tcase_add_loop_test(notes, a_note_of_another_name_type_or_size_is_not_ours,
                        0, 4);
    tcase_add_test(notes, a_note_that_leads_nowhere_is_no_root);
    tcase_add_test(notes, a_root_of_another_major_is_listed_as_newer);
    suite_add_tcase(suite, notes);
    TCase *pe = tcase_create("windows");
    tcase_add_checked_fixture(pe, set_up_pe, tear_down);
    tcase_add_loop_test(pe, the_section_leads_to_the_root_in_every_word_size, 0,
                        2);
    tcase_add_loop_test(
        pe, a_section_of_another_name_content_or_version_is_not_ours, 0, 7);
    tcase_add_loop_test(
        pe, a_header_or_a_section_outside_the_file_is_passed_over, 0, 4);
    tcase_add_test(
        pe, a_table_of_more_sections_than_there_are_ends_with_the_header);
    suite_add_tcase(suite, pe);
    TCase *macho = tcase_create("darwin");
    tcase_add_checked_fixture(macho, set_up_macho, tear_down);
    tcase_add_test(macho, the_section_of_a_mach_o_file_leads_to_the_root);
    tcase_add_loop_test(
        macho, a_section_of_another_mach_o_name_or_content_is_not_ours, 0, 8);
    tcase_add_loop_test(macho, a_mach_o_command_that_is_no_size_ends_the_search,
                        0, 5);
    tcase_add_test(macho,
                   more_mach_o_commands_or_sections_than_there_are_harm_nobody);
    suite_add_tcase(suite, macho);
    tcase_add_checked_fixture(lies, set_up, tear_down);
    tcase_set_timeout(lies, 60);
    tcase_add_test(lies, a_note_longer_than_its_segment_ends_the_search);
    tcase_add_test(
        lies, a_segment_of_notes_that_is_too_long_or_elsewhere_is_passed_over);
    tcase_add_test(lies,
                   a_file_with_changed_bytes_is_found_or_not_but_harms_nobody);
    suite_add_tcase(suite, lies);
    return suite;
}

int main(void) {
    SRunner *runner = srunner_create(find_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
