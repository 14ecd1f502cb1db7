// posix_locals.h - what posix_thread.h remembers of each thread, where the
// compiler's thread-local variables never allocate.
//
// Elsewhere the backend has the same three functions of its own.

#ifndef MHEAP_PLATFORM_POSIX_POSIX_LOCALS_H
#define MHEAP_PLATFORM_POSIX_POSIX_LOCALS_H

#include <stdint.h>

#include "core/base/attr.h"
#include "platform/os_thread.h"

static MH_THREAD_LOCAL unsigned posix_exit_rounds;

static inline uint32_t *mh_posix_thread_words(void) {
    static MH_THREAD_LOCAL uint32_t words[MH_OS_THREAD_WORDS];

    return words;
}

// mh_posix_count_round counts the rounds of destructors that the calling thread
// has been through, this one included.
static inline unsigned mh_posix_count_round(void) {
    return ++posix_exit_rounds;
}

static inline void mh_posix_forget_rounds(void) {
    posix_exit_rounds = 0;
}

#endif // MHEAP_PLATFORM_POSIX_POSIX_LOCALS_H
