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

// mh_is_filled: every byte of [base, base + size) is byte.
bool mh_is_filled(const void *base, size_t size, unsigned char byte);

#endif // MHEAP_TESTS_SUPPORT_EXPECT_H
