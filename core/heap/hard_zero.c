// hard_zero.c - objects of no bytes, for the hardened mode.

#include "core/heap/hard_zero.h"

#include <stddef.h>

#include "core/base/atomic.h"
#include "core/base/bits.h"
#include "core/sys/sys.h"

// Enough for programs that keep many empty strings; who wants more gets slots.
enum { WORDS = 1024, OBJECTS = 64 * WORDS, STEP = 16 };

static struct {
    uintptr_t base;       // (c) 0: none
    uint64_t live[WORDS]; // (a)
    uint32_t next;        // (a) where to look first, modulo OBJECTS
} zero;

void mh_hard_zero_init(void) {
    size_t bytes =
        mh_align_up((size_t)OBJECTS * STEP, mh_sys_facts()->reserve_align);
    void *base = mh_sys_reserve(NULL, bytes, MH_FOR_OTHER);
    if (base != NULL) {
        mh_sys_name(base, bytes, "mheap: no bytes");
    }
    zero.base = (uintptr_t)base;
}

// Takes a bit of `wanted` in a word; its number, or 64 when there is none.
static unsigned take(uint64_t *word, uint64_t wanted) {
    uint64_t free = ~MH_LOAD_RELAXED(word) & wanted;
    while (free != 0) {
        uint64_t bit = free & -free;
        uint64_t old = __atomic_fetch_or(word, bit, __ATOMIC_ACQ_REL);
        if ((old & bit) == 0) {
            return mh_ctz64(bit);
        }
        free = ~old & wanted & ~bit;
    }
    return 64;
}

uintptr_t mh_hard_zero_alloc(void) {
    if (zero.base == 0) {
        return 0;
    }
    uint32_t start = MH_LOAD_RELAXED(&zero.next) % OBJECTS;
    uint64_t wanted = ~mh_low_bits(start % 64);
    // Once more at the end: what lies before the start in the first word.
    for (uint32_t i = 0; i <= WORDS; i++) {
        uint32_t word = (start / 64 + i) % WORDS;
        unsigned bit = take(&zero.live[word], wanted);
        if (bit != 64) {
            MH_STORE_RELAXED(&zero.next, word * 64 + bit + 1);
            return zero.base + (uintptr_t)(word * 64 + bit) * STEP;
        }
        wanted = ~UINT64_C(0);
    }
    return 0;
}

bool mh_hard_zero_owns(uintptr_t p) {
    return zero.base != 0 && p - zero.base < (uintptr_t)OBJECTS * STEP;
}

static uint64_t *word_of(uintptr_t p) {
    return &zero.live[(p - zero.base) / STEP / 64];
}

static uint64_t bit_of(uintptr_t p) {
    return UINT64_C(1) << ((p - zero.base) / STEP % 64);
}

bool mh_hard_zero_is_live(uintptr_t p) {
    return mh_hard_zero_owns(p) && (p - zero.base) % STEP == 0 &&
           (MH_LOAD_RELAXED(word_of(p)) & bit_of(p)) != 0;
}

bool mh_hard_zero_free(uintptr_t p) {
    if (!mh_hard_zero_is_live(p)) {
        return false;
    }
    uint64_t bit = bit_of(p);
    return (MH_AND_ACQ_REL(word_of(p), ~bit) & bit) != 0;
}
