// hardened.h - for tests of the hardened mode: switching it on, and what it
// reports. For one file of a program: what is kept is that file's.

#ifndef MHEAP_TESTS_SUPPORT_HARDENED_H
#define MHEAP_TESTS_SUPPORT_HARDENED_H

// Of a constant size the inline functions tell the class only.
#define MHEAP_NO_INLINE

#include <check.h>
#include <errno.h>

#include "mheap/mheap.h"
#include "tests/support/check_books.h"

static struct mheap_bad_free last; // report
static unsigned reports;           // that nobody has asked for yet

static void on_report(const struct mheap_bad_free *what, void *context) {
    (void)context;
    last = *what;
    reports++;
    errno = EIO; // as a handler may that writes somewhere
}

static inline void harden(void) {
    ck_assert_int_eq(mheap_option_set(MHEAP_OPTION_HARDENED, 1), 0);
    mheap_set_bad_free_handler(on_report, NULL);
}

// One report, of this kind, about this address.
static inline void require(enum mheap_bad_free_kind kind, const void *p) {
    ck_assert_uint_eq(reports, 1);
    ck_assert_msg(last.kind == kind, "%s instead of %s",
                  mheap_bad_free_name(last.kind), mheap_bad_free_name(kind));
    ck_assert_ptr_eq(last.address, p);
    reports = 0;
}

// No report, and books that are right.
static inline void require_sound(void) {
    mh_check_books(mheap_default());
    ck_assert_uint_eq(reports, 0);
}

#endif // MHEAP_TESTS_SUPPORT_HARDENED_H
