// expect.h - what tests expect of code that stops the program or touches memory
// it may not touch.

#ifndef MHEAP_TESTS_SUPPORT_EXPECT_H
#define MHEAP_TESTS_SUPPORT_EXPECT_H

#include <stdbool.h>
#include <stddef.h>

// mh_expect_fatal runs act in a child and fails the test unless the child ends
// by SIGABRT having written message somewhere in its standard error.
void mh_expect_fatal(void (*act)(void), const char *message);

// mh_traps reads the byte at address and says whether that trapped.
bool mh_traps(const void *address);

// mh_expect_trap fails the test unless mh_traps says `traps`. Where memory has
// no pages nothing does, and nothing is expected.
#if MH_HAVE_PAGES
#    define mh_expect_trap(address, traps) \
        ck_assert_int_eq(mh_traps(address), (traps))
#else
#    define mh_expect_trap(address, traps) ((void)(address), (void)(traps))
#endif

// Also outside of a test of Check, whose assertions nobody would hear there:
// where the system refuses what these two need, the program aborts.
//
// mh_error_of runs act and stores what it writes to standard error, cut to
// size - 1 bytes.
void mh_error_of(void (*act)(void), char *text, size_t size);

// mh_set_variable sets a variable of the environment, NULL: it is none.
void mh_set_variable(const char *name, const char *value);

// mh_resident_pages is how many of the npages system pages from base on are in
// memory.
size_t mh_resident_pages(const void *base, size_t npages);

// mh_is_filled: every byte of [base, base + size) is byte.
bool mh_is_filled(const void *base, size_t size, unsigned char byte);

#endif // MHEAP_TESTS_SUPPORT_EXPECT_H
