// os_tls.h - what each thread has of its own, inline.
//
// The one piece of the OS that the fast path touches, so it is a header:
//   struct mh_cache *mh_tls_get(void)       never NULL once core/heap says so
//   void mh_tls_set(struct mh_cache *cache)
//   uint32_t mh_tls_asked(void)             a word, 0 when the thread begins
//   void mh_tls_set_asked(uint32_t word)    which may be forgotten
//   MH_TLS_VARIABLE, what makes a definition one of each thread. The variables
//     behind the functions are mh_tls_cache and mh_tls_word; core/heap defines
//     them, for it knows the first values.
// The backend's header must reach it without a call and without allocating.
// MH_OS_TLS_HEADER is the chosen backend's, set by the build.

#ifndef MHEAP_PLATFORM_OS_TLS_H
#define MHEAP_PLATFORM_OS_TLS_H

#include MH_OS_TLS_HEADER

#endif // MHEAP_PLATFORM_OS_TLS_H
