// emulated.h - whether a program of tests runs under an emulator of processors.
//
// qemu-user makes the calls of the system by itself. Its own memory counts with
// the program's, limits of address space are taken and ignored, and it takes
// memory of a 32-bit program from one mapping of its own, so that "nobody's" is
// nothing a call would refuse. What asks for one of these is left out there;
// the same promise is held natively.

#ifndef MHEAP_TESTS_SUPPORT_EMULATED_H
#define MHEAP_TESTS_SUPPORT_EMULATED_H

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>

static inline bool mh_test_is_emulated(void) {
    return getenv("MHEAP_TEST_EMULATED") != NULL;
}

// mh_test_rounds is how often something is tried again: natively as often as it
// takes to meet what is rare, under an emulator, which takes thirty times as
// long, as often as it takes to go everywhere once.
static inline int mh_test_rounds(int native, int emulated) {
    return mh_test_is_emulated() ? emulated : native;
}

// MH_ADD_NATIVE_TEST adds a test unless an emulator runs this.
#define MH_ADD_NATIVE_TEST(tests, test)      \
    do {                                     \
        if (!mh_test_is_emulated()) {        \
            tcase_add_test((tests), (test)); \
        }                                    \
    } while (0)

#endif // MHEAP_TESTS_SUPPORT_EMULATED_H
