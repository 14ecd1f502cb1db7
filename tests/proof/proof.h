// proof.h - what a proof is written in.
//
// A proof is a function without arguments. It takes any values there are, says
// what it assumes of them, calls the code as it stands in core/, and says what
// holds then. cbmc follows every path for all values at once and answers either
// that it holds or with values for which it does not. scripts/prove.py runs
// them.
//
// `any` in a claim stands for "for all": a place that the proof knows nothing
// of.

#ifndef MHEAP_TESTS_PROOF_PROOF_H
#define MHEAP_TESTS_PROOF_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Proofs are compiled with MH_DEBUG_LEVEL 1: what the code itself asserts is
// proved with the rest.
void mh_check_failed(const char *condition, const char *file, int line) {
    (void)condition;
    (void)file;
    (void)line;
    __CPROVER_assert(false, "a check of the code itself");
    __CPROVER_assume(false);
}

// cbmc 5.12 knows __builtin_clzll and not this. Of 0 it is undefined.
int __builtin_ctzll(unsigned long long word) {
    __CPROVER_assert(word != 0, "the lowest set bit of 0");
    return 63 - __builtin_clzll(word & -word);
}

// No body: cbmc takes any value for what a function of such a name returns.
uint64_t nondet_uint64(void);
uint32_t nondet_uint32(void);
unsigned nondet_unsigned(void);

#define GIVEN(condition) __CPROVER_assume(condition)

// With PROOF_REACHED no claim holds: that shows that what is given can be so.
#ifdef PROOF_REACHED
#    define HOLDS(condition) \
        __CPROVER_assert(((void)(condition), false), "not reached")
#else
#    define HOLDS(condition) __CPROVER_assert((condition), #    condition)
#endif

static inline uint64_t any_uint64(void) {
    return nondet_uint64();
}

static inline uint32_t any_uint32(void) {
    return nondet_uint32();
}

static inline unsigned any_unsigned(void) {
    return nondet_unsigned();
}

static inline unsigned any_below(unsigned limit) {
    unsigned n = any_unsigned();
    GIVEN(n < limit);
    return n;
}

// Any number from low to high, both of them possible.
static inline unsigned any_within(unsigned low, unsigned high) {
    unsigned n = any_unsigned();
    GIVEN(n >= low && n <= high);
    return n;
}

#endif // MHEAP_TESTS_PROOF_PROOF_H
