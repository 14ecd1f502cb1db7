// tls_darwin.h - what each thread has of its own on Darwin.
//
// Not the compiler's thread-local variables: dyld makes a thread's at its first
// use, with malloc. Here they are values of pthread keys. A thread's values lie
// in an array that the thread register points to, which is what
// pthread_getspecific reads and what sources of the system publish
// (libsyscall/os/tsd.h of xnu), without a promise that it stays so. So the
// place is tried when the keys are made, and where the try does not find what
// was put there, the function is called instead.

#ifndef MHEAP_PLATFORM_DARWIN_TLS_DARWIN_H
#define MHEAP_PLATFORM_DARWIN_TLS_DARWIN_H

#include <stdint.h>

#include "core/base/attr.h"

struct mh_cache;

// What a thread has before it has set anything: core/heap defines one value for
// all threads.
#define MH_TLS_VARIABLE
extern struct mh_cache *mh_tls_cache __attribute__((visibility("hidden")));
extern uint32_t mh_tls_word __attribute__((visibility("hidden")));

// Where the cache lies behind the thread register, in bytes; 0: not known.
extern uintptr_t mh_darwin_slot __attribute__((visibility("hidden")));

// mh_darwin_direct reads what lies slot bytes behind the thread register.
static inline void *mh_darwin_direct(uintptr_t slot) {
    void *value;

#if defined(__x86_64__)
    __asm__ volatile("movq %%gs:(%1), %0" : "=r"(value) : "r"(slot));
#elif defined(__aarch64__)
    // Older systems keep the processor's number in the lowest bits.
    uintptr_t base;
    __asm__ volatile("mrs %0, TPIDRRO_EL0" : "=r"(base));
    value = *(void **)((base & ~(uintptr_t)7) + slot);
#else
#    error "no Darwin runs on this processor"
#endif
    return value;
}

// The way without the register; NULL: the thread has set nothing. It is called
// in the middle of every malloc and free, so it keeps the caller's registers:
// they need not be saved for a call that is as good as never made. Trap: clang
// before 17 lets such a function keep the register of its result too, so it has
// none.
#define MH_DARWIN_RARE __attribute__((preserve_most))
MH_DARWIN_RARE void mh_darwin_get_cache(struct mh_cache **out);
void mh_darwin_set_cache(struct mh_cache *cache);
uint32_t mh_darwin_asked(void);
void mh_darwin_set_asked(uint32_t word);

static inline struct mh_cache *mh_tls_get(void) {
    uintptr_t slot = __atomic_load_n(&mh_darwin_slot, __ATOMIC_RELAXED);
    struct mh_cache *cache;

    if (MH_LIKELY(slot != 0)) {
        cache = mh_darwin_direct(slot);
    } else {
        struct mh_cache *told;
        mh_darwin_get_cache(&told);
        cache = told;
    }
    return MH_LIKELY(cache != NULL) ? cache : mh_tls_cache;
}

static inline void mh_tls_set(struct mh_cache *cache) {
    mh_darwin_set_cache(cache);
}

static inline uint32_t mh_tls_asked(void) {
    return mh_darwin_asked();
}

static inline void mh_tls_set_asked(uint32_t word) {
    mh_darwin_set_asked(word);
}

#endif // MHEAP_PLATFORM_DARWIN_TLS_DARWIN_H
