// heap_grow_regress_test.c - a heap whose growth fails half way.
//
// The system maps what it is asked for, but there is no memory left for the
// page allocator's own records.

#include <check.h>
#include <string.h>

#include "core/heap/heap.h"
#include "core/heap/records.h"
#include "mheap/mheap.h"
#include "platform/sim/sim.h"
#include "tests/support/books.h"
#include "tests/support/test_main.h"

enum { TRIES = 200, SIZE = 5 << 20 };

// From here on records can be had from nowhere.
static void use_up_records(void) {
    mh_sim_fail_kind(MH_OP_alloc, true);
    while (mh_persistent_alloc(&mh_records, 16, 16) != NULL) {
    }
}

START_TEST(growth_without_records_stays_inside_its_room) {
    struct mheap *heap = mheap_default();
    mheap_free(mheap_malloc(100));
    uintptr_t end = heap->room.end;
    uintptr_t next = heap->room.next;
    use_up_records();
    for (unsigned i = 0; i < TRIES; i++) {
        ck_assert_ptr_null(mheap_malloc(SIZE));
        ck_assert_uint_le(heap->room.next, heap->room.end);
    }
    // All of it is there for later.
    ck_assert_uint_eq(heap->room.next, next);
    ck_assert_uint_eq(heap->room.end, end);

    mh_sim_fail_nothing();
    unsigned char *p = mheap_malloc(SIZE);
    ck_assert_ptr_nonnull(p);
    memset(p, 1, SIZE);
    mheap_free(p);
    ck_assert_ptr_null(mh_books_wrong(heap));
}
END_TEST

START_TEST(addresses_that_cannot_be_put_back_are_passed_over) {
    struct mheap *heap = mheap_default();
    mheap_free(mheap_malloc(100));
    use_up_records();
    mh_sim_fail_kind(MH_OP_fault, true);
    for (unsigned i = 0; i < TRIES; i++) {
        ck_assert_ptr_null(mheap_malloc(SIZE));
        ck_assert_uint_le(heap->room.next, heap->room.end);
    }
    mh_sim_fail_nothing();
    unsigned char *p = mheap_malloc(SIZE);
    ck_assert_ptr_nonnull(p);
    memset(p, 1, SIZE);
    mheap_free(p);
    ck_assert_int_eq(mheap_check(heap), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("heap_grow_regress");
    TCase *grow = tcase_create("grow");
    tcase_add_test(grow, growth_without_records_stays_inside_its_room);
    tcase_add_test(grow, addresses_that_cannot_be_put_back_are_passed_over);
    suite_add_tcase(suite, grow);
    return mh_test_main(suite);
}
