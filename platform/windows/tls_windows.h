// tls_windows.h - what each thread has of its own, on Windows.
//
// Variables of the section that the loader copies for every thread, as the PE
// format describes it ("The .tls Section"): four loads, no call, nothing to set
// up, and right from a thread's first instruction to its last. What gcc makes
// of __thread here is a call that allocates by malloc at a thread's first use.

#ifndef MHEAP_PLATFORM_WINDOWS_TLS_WINDOWS_H
#define MHEAP_PLATFORM_WINDOWS_TLS_WINDOWS_H

#include <stdint.h>

#include "core/base/attr.h"

struct mh_cache;

#if defined(__clang__)
// clang does the same by itself.
#    define MH_WINDOWS_TLS                       __thread
#    define MH_WINDOWS_TLS_ADDRESS(at, variable) ((at) = &(variable))
#else
// Upper case: the linker sorts the parts of the section by name, and the C
// library ends it with one named ZZZ.
#    define MH_WINDOWS_TLS __attribute__((section(".tls$MHEAP")))
#    if defined(__x86_64__)
#        define MH_WINDOWS_TLS_ADDRESS(at, variable)      \
            __asm__("movl _tls_index(%%rip), %k0\n\t"     \
                    "movq %%gs:0x58, %%rcx\n\t"           \
                    "movq (%%rcx,%0,8), %0\n\t"           \
                    "leaq " #variable "@SECREL32(%0), %0" \
                    : "=r"(at)                            \
                    :                                     \
                    : "rcx")
#    else
#        define MH_WINDOWS_TLS_ADDRESS(at, variable)       \
            __asm__("movl __tls_index, %0\n\t"             \
                    "movl %%fs:0x2c, %%ecx\n\t"            \
                    "movl (%%ecx,%0,4), %0\n\t"            \
                    "leal _" #variable "@SECREL32(%0), %0" \
                    : "=r"(at)                             \
                    :                                      \
                    : "ecx")
#    endif
#endif

// core/heap defines them, which is why it says how.
#define MH_TLS_VARIABLE MH_WINDOWS_TLS
extern MH_TLS_VARIABLE struct mh_cache *mh_tls_cache;
extern MH_TLS_VARIABLE uint32_t mh_tls_word;

static inline struct mh_cache *mh_tls_get(void) {
    struct mh_cache **at;

    MH_WINDOWS_TLS_ADDRESS(at, mh_tls_cache);
    return *at;
}

static inline void mh_tls_set(struct mh_cache *cache) {
    struct mh_cache **at;

    MH_WINDOWS_TLS_ADDRESS(at, mh_tls_cache);
    *at = cache;
}

static inline uint32_t mh_tls_asked(void) {
    uint32_t *at;

    MH_WINDOWS_TLS_ADDRESS(at, mh_tls_word);
    return *at;
}

static inline void mh_tls_set_asked(uint32_t word) {
    uint32_t *at;

    MH_WINDOWS_TLS_ADDRESS(at, mh_tls_word);
    *at = word;
}

#endif // MHEAP_PLATFORM_WINDOWS_TLS_WINDOWS_H
