// objects.h - objects that know what they should hold, and random numbers.

#ifndef MHEAP_TESTS_SUPPORT_OBJECTS_H
#define MHEAP_TESTS_SUPPORT_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// mh_random is the next number of a sequence that *state, any value, begins.
uint64_t mh_random(uint64_t *state);

// mh_random_below is a number below n, which is not 0.
size_t mh_random_below(uint64_t *state, size_t n);

// mh_random_size is a size below 2^log2: small ones as often as large ones.
size_t mh_random_size(uint64_t *state, unsigned log2);

// mh_pattern_fill writes a pattern that depends on tag to an object, and
// mh_pattern_holds says whether it is still there. Of objects over a page only
// the ends and a word per page (of those over a MiB, per 64 KiB) are written,
// so that many can be had.
void mh_pattern_fill(void *p, size_t size, uint64_t tag);
bool mh_pattern_holds(const void *p, size_t size, uint64_t tag);

// An object of at least MH_SELF_MIN bytes can carry its own size and tag, so
// that whoever gets the pointer can verify it.
enum { MH_SELF_MIN = 16 };
void mh_self_fill(void *p, size_t size, uint64_t tag);
bool mh_self_holds(const void *p);
size_t mh_self_size(const void *p);

#endif // MHEAP_TESTS_SUPPORT_OBJECTS_H
