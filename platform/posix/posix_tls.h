// posix_tls.h - what each thread has of its own, where the compiler and the
// loader have thread-local variables.
//
// Initial-exec: one load from the thread pointer plus a constant, no call and
// no allocation, also in a preloaded library (the loader sets aside static
// room for objects that are there at start). core/heap defines the variables.

#ifndef MHEAP_PLATFORM_POSIX_POSIX_TLS_H
#define MHEAP_PLATFORM_POSIX_POSIX_TLS_H

#include <stdint.h>

#include "core/base/attr.h"

struct mh_cache;

#define MH_TLS_VARIABLE MH_THREAD_LOCAL

extern MH_THREAD_LOCAL struct mh_cache *mh_tls_cache
    __attribute__((visibility("hidden")));
extern MH_THREAD_LOCAL uint32_t mh_tls_word
    __attribute__((visibility("hidden")));

static inline struct mh_cache *mh_tls_get(void) {
    return mh_tls_cache;
}

static inline void mh_tls_set(struct mh_cache *cache) {
    mh_tls_cache = cache;
}

static inline uint32_t mh_tls_asked(void) {
    return mh_tls_word;
}

static inline void mh_tls_set_asked(uint32_t word) {
    mh_tls_word = word;
}

#endif // MHEAP_PLATFORM_POSIX_POSIX_TLS_H
