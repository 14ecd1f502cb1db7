// bits.h - small questions about words.

#ifndef MHEAP_CORE_BASE_BITS_H
#define MHEAP_CORE_BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// mh_ctz64 is the index of the lowest set bit; word must not be 0.
static inline unsigned mh_ctz64(uint64_t word) {
    return (unsigned)__builtin_ctzll(word);
}

// mh_clz64 is the number of zero bits above the highest set one; word != 0.
static inline unsigned mh_clz64(uint64_t word) {
    return (unsigned)__builtin_clzll(word);
}

static inline unsigned mh_popcount64(uint64_t word) {
    return (unsigned)__builtin_popcountll(word);
}

// mh_low_first64 is the word that stands in memory with the lowest byte of the
// given one first; and back.
static inline uint64_t mh_low_first64(uint64_t word) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_bswap64(word);
#else
    return word;
#endif
}

static inline bool mh_is_pow2(uint64_t n) {
    return n != 0 && (n & (n - 1)) == 0;
}

// mh_log2 is the exponent of the highest power of two that fits n; n != 0.
static inline unsigned mh_log2(uint64_t n) {
    return 63 - mh_clz64(n);
}

// mh_bit_with sets bit n of a word, mh_bit_get looks at it, mh_bit_take clears
// it and says what it was; n counts on from 0 after 63. The instructions of
// x86-64 take n modulo 64 for free and leave the old bit in a flag, which
// compilers do not find by themselves: three instructions fewer in every free.
#if defined(__x86_64__)

static inline uint64_t mh_bit_with(uint64_t word, uint64_t n) {
    __asm__("btsq %1, %0" : "+r"(word) : "r"(n) : "cc");
    return word;
}

static inline bool mh_bit_get(uint64_t word, uint64_t n) {
    bool bit;
    __asm__("btq %2, %1" : "=@ccc"(bit) : "r"(word), "r"(n));
    return bit;
}

static inline bool mh_bit_take(uint64_t *word, uint64_t n) {
    bool bit;
    __asm__("btrq %2, %1" : "=@ccc"(bit), "+r"(*word) : "r"(n));
    return bit;
}

#else

static inline uint64_t mh_bit_with(uint64_t word, uint64_t n) {
    return word | UINT64_C(1) << (n & 63);
}

static inline bool mh_bit_get(uint64_t word, uint64_t n) {
    return (word >> (n & 63) & 1) != 0;
}

static inline bool mh_bit_take(uint64_t *word, uint64_t n) {
    uint64_t bit = UINT64_C(1) << (n & 63);
    bool was = (*word & bit) != 0;
    *word &= ~bit;
    return was;
}

#endif

// mh_bit_set_atomic sets bit n of a word, sequentially consistent, and says
// whether it was set before. Asked for no more than that, compilers find the
// one instruction of x86-64; of the whole old word they make a loop.
static inline bool mh_bit_set_atomic(uint64_t *word, uint64_t n) {
    uint64_t bit = UINT64_C(1) << (n & 63);
    return (__atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST) & bit) != 0;
}

// mh_address_bits is a width that no address of a program exceeds whose stack
// lies at `stack`; 0: unknown. Systems put the stack at the top of the address
// space, where it shows how wide addresses are, but emulators put it anywhere,
// and memory above it. So it is believed only where it says more than usual.
static inline unsigned mh_address_bits(uintptr_t stack) {
    unsigned all = (unsigned)sizeof(void *) * 8;
    unsigned usual = all < 47 ? all : 47;
    unsigned shown = stack == 0 ? all : mh_log2(stack) + 1;
    return shown > usual ? shown : usual;
}

// mh_low_bits has the lowest n bits set, n <= 64.
static inline uint64_t mh_low_bits(unsigned n) {
    return n >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1;
}

// mh_align_up and mh_align_down round to a power of two. mh_align_up wraps to
// a small number on overflow; callers that take sizes from users check first.
static inline uintptr_t mh_align_up(uintptr_t n, uintptr_t align) {
    return (n + align - 1) & ~(align - 1);
}

static inline uintptr_t mh_align_down(uintptr_t n, uintptr_t align) {
    return n & ~(align - 1);
}

// mh_ror rotates a pointer-sized word right by n bits, 0 < n < its width.
static inline uintptr_t mh_ror(uintptr_t word, unsigned n) {
    return (word >> n) | (word << (sizeof(word) * 8 - n));
}

static inline bool mh_mul_overflows(size_t a, size_t b, size_t *product_out) {
    return __builtin_mul_overflow(a, b, product_out);
}

static inline bool mh_add_overflows(size_t a, size_t b, size_t *sum_out) {
    return __builtin_add_overflow(a, b, sum_out);
}

#endif // MHEAP_CORE_BASE_BITS_H
