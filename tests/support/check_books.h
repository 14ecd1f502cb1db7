// check_books.h - the books of a heap, asked for inside a test.

#ifndef MHEAP_TESTS_SUPPORT_CHECK_BOOKS_H
#define MHEAP_TESTS_SUPPORT_CHECK_BOOKS_H

#include <check.h>
#include <stddef.h>

#include "mheap/mheap.h"
#include "tests/support/books.h"

// mh_check_books ends the test when the books of a heap that nobody is using do
// not add up.
static inline void mh_check_books(struct mheap *heap) {
    const char *wrong = mh_books_wrong(heap);
    ck_assert_msg(wrong == NULL, "%s", wrong);
}

// mh_stats_of returns the statistics of a heap, mh_stats_now of the process.
static inline struct mheap_stats mh_stats_of(const struct mheap *heap) {
    struct mheap_stats now;
    mheap_stats(heap, &now);
    return now;
}

static inline struct mheap_stats mh_stats_now(void) {
    return mh_stats_of(NULL);
}

#endif // MHEAP_TESTS_SUPPORT_CHECK_BOOKS_H
