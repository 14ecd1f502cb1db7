// root_test.c - the record a reader outside finds first.

#include <check.h>
#include <string.h>
#if MH_HAVE_FORK
#    include <sys/wait.h>
#endif
#include <unistd.h>

#include "core/heap/heap.h"
#include "core/heap/records.h"
#include "core/heap/root.h"
#include "mheap/inspect.h"
#include "mheap/mheap.h"
#include "tests/support/test_main.h"

extern struct mheap_inspect_root mheap_inspect_root;
static const struct mheap_inspect_root *const root = &mheap_inspect_root;

static const struct mheap_inspect_field *rows(void) {
    return (const struct mheap_inspect_field *)(uintptr_t)root->layout;
}

static const struct mheap_inspect_field *row(const char *name) {
    for (uint64_t i = 0; i < root->layout_count; i++) {
        if (strcmp(rows()[i].name, name) == 0) {
            return &rows()[i];
        }
    }
    ck_abort_msg("no row %s", name);
    return NULL;
}

// Element i of a field, read as a reader does: by the table alone.
static uint64_t read_field(const void *record, const char *name, uint64_t i) {
    const struct mheap_inspect_field *field = row(name);
    const char *at = (const char *)record + field->offset + i * field->stride;
    const uint64_t one = 1;
    uint64_t value = 0;
    ck_assert_uint_lt(i, field->count);
    ck_assert_uint_le(field->width, sizeof(value));
    bool low_first = *(const unsigned char *)&one == 1;
    size_t skip = low_first ? 0 : sizeof(value) - field->width;
    memcpy((char *)&value + skip, at, field->width);
    return value;
}

static void *pointer(uint64_t address) {
    return (void *)(uintptr_t)address;
}

START_TEST(it_is_whole_before_the_first_allocation) {
    ck_assert_int_eq(memcmp(root->magic, MHEAP_INSPECT_MAGIC, 8), 0);
    ck_assert_uint_eq(root->byte_order, MHEAP_INSPECT_BYTE_ORDER);
    ck_assert_uint_eq(root->major, MHEAP_INSPECT_MAJOR);
    ck_assert_uint_eq(root->pointer_bytes, sizeof(void *));
    ck_assert_uint_eq(root->root_bytes, sizeof(*root));
    ck_assert_uint_eq(1u << root->page_shift, MH_PAGE_SIZE);
    ck_assert_uint_eq((uintptr_t)1 << root->arena_shift, MH_ARENA_SIZE);
    ck_assert_uint_eq(root->nclasses, MH_NCLASSES);
    ck_assert_uint_eq(root->npurposes, MH_NPURPOSES);
    ck_assert_uint_eq(root->layout, 0); // says: nothing to read yet
}
END_TEST

START_TEST(the_first_heap_publishes_it) {
    (void)mheap_malloc(1);
    ck_assert_ptr_eq(pointer(root->arenas), &mh_arenas);
    ck_assert_ptr_eq(pointer(root->heaps), &mh_heaps);
    ck_assert_ptr_eq(pointer(root->caches), &mh_caches);
    ck_assert_ptr_eq(pointer(root->classes), mh_classes);
    ck_assert_ptr_eq(pointer(root->records), &mh_records);
    ck_assert_ptr_eq(pointer(root->arena_map), &mh_arena_map);
    ck_assert_str_eq(pointer(root->version), mheap_version());
    ck_assert_uint_eq(root->process_id, (uint64_t)getpid());
    ck_assert_uint_gt(root->layout_count, 50);
}
END_TEST

// The structure a row belongs to is the row named before the dot.
START_TEST(every_row_lies_within_its_structure) {
    (void)mheap_malloc(1);
    for (uint64_t i = 0; i < root->layout_count; i++) {
        const struct mheap_inspect_field *field = &rows()[i];
        char name[MHEAP_INSPECT_NAME_SIZE];
        ck_assert_ptr_nonnull(memchr(field->name, 0, sizeof(field->name)));
        strcpy(name, field->name);
        char *dot = strchr(name, '.');
        if (dot == NULL) {
            ck_assert_uint_eq(field->offset, 0);
            continue;
        }
        *dot = '\0';
        uint64_t end = field->offset +
                       (uint64_t)(field->count - 1) * field->stride +
                       field->width;
        bool open_ended = strcmp(field->name, "palloc_table.blocks") == 0;
        ck_assert_msg(open_ended || end <= row(name)->width, "%s", field->name);
        ck_assert_uint_gt(field->width, 0);
        ck_assert_uint_ge(field->stride, field->width);
    }
}
END_TEST

START_TEST(no_name_is_there_twice) {
    (void)mheap_malloc(1);
    for (uint64_t i = 0; i < root->layout_count; i++) {
        ck_assert_ptr_eq(row(rows()[i].name), &rows()[i]);
    }
}
END_TEST

START_TEST(the_table_leads_to_every_object) {
    void *p = mheap_malloc(100);
    uintptr_t at = (uintptr_t)p;
    const void *arenas = pointer(root->arenas);
    ck_assert_uint_eq(read_field(arenas, "arenas.count", 0), 1);
    void **table = pointer(read_field(arenas, "arenas.table", 0));
    const void *arena = table[0];
    uint64_t base = read_field(arena, "arena.base", 0);
    ck_assert_uint_eq(base, at & ~(MH_ARENA_SIZE - 1));

    uint64_t page = (at - base) >> root->page_shift;
    const char *words = pointer(read_field(arena, "arena.page_words", 0));
    ck_assert_uint_eq(row("page_word")->width, sizeof(uint32_t));
    uint64_t word = *(const uint32_t *)(words + page * row("page_word")->width);
    uint64_t index = read_field(arena, "arena.span_index", page);
    const char *span = (const char *)arena + row("arena.spans")->offset +
                       index * row("arena.spans")->stride;
    uint64_t span_base = read_field(span, "span.base", 0);
    uint64_t slot_size = read_field(span, "span.slot_size", 0);
    ck_assert_uint_eq((at - span_base) % slot_size, 0);
    ck_assert_uint_eq(slot_size, mheap_usable_size(p));

    const char *pairs = pointer(read_field(arena, "arena.pairs", 0));
    const char *pair =
        pairs + (at - base) / root->pair_bytes * row("pair")->width;
    uint64_t bit = (at >> root->granule_shift) % 64;
    ck_assert_uint_eq(read_field(pair, "pair.live", 0) >> bit & 1, 1);

    const void *caches = pointer(root->caches);
    void **registry = pointer(read_field(caches, "caches.table", 0));
    uint64_t owner = word >> 8;
    ck_assert_uint_eq(read_field(registry[owner], "cache.id", 0), owner);
    ck_assert_ptr_eq(pointer(read_field(registry[owner], "cache.heap", 0)),
                     mheap_default());
}
END_TEST

#if MH_HAVE_FORK
START_TEST(a_child_says_who_it_is) {
    int status = -1;
    (void)mheap_malloc(1);
    pid_t child = fork();
    if (child == 0) {
        _exit(root->process_id == (uint64_t)getpid() ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST
#endif

int main(void) {
    Suite *suite = suite_create("root");
    TCase *tcase = tcase_create("root");
    tcase_add_test(tcase, it_is_whole_before_the_first_allocation);
    tcase_add_test(tcase, the_first_heap_publishes_it);
    tcase_add_test(tcase, every_row_lies_within_its_structure);
    tcase_add_test(tcase, no_name_is_there_twice);
    tcase_add_test(tcase, the_table_leads_to_every_object);
#if MH_HAVE_FORK
    tcase_add_test(tcase, a_child_says_who_it_is);
#else
    mh_leave_out(a_child_says_who_it_is, "needs fork");
#endif
    suite_add_tcase(suite, tcase);
    return mh_test_main(suite);
}
