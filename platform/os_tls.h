// os_tls.h - the calling thread's cache pointer, inline.
//
// The one piece of the OS that the fast path touches, so it is a header:
//   struct mh_cache *mh_tls_get(void)       never NULL once core/heap says so
//   void mh_tls_set(struct mh_cache *cache)
// The backend's header must reach it without a call and without allocating.
// MH_OS_TLS_HEADER is the chosen backend's, set by the build.

#ifndef MHEAP_PLATFORM_OS_TLS_H
#define MHEAP_PLATFORM_OS_TLS_H

#include MH_OS_TLS_HEADER

#endif // MHEAP_PLATFORM_OS_TLS_H
