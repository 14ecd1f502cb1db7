// tls_aix.h - what each thread has of its own on AIX.
//
// A 64-bit program reaches it from the thread pointer in r13, without a call; a
// 32-bit one asks a routine of the C library for that pointer first.

#ifndef MHEAP_PLATFORM_AIX_TLS_AIX_H
#define MHEAP_PLATFORM_AIX_TLS_AIX_H

#include "platform/posix/posix_tls.h"

#endif // MHEAP_PLATFORM_AIX_TLS_AIX_H
