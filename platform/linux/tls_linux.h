// tls_linux.h - what each thread has of its own on Linux.

#ifndef MHEAP_PLATFORM_LINUX_TLS_LINUX_H
#define MHEAP_PLATFORM_LINUX_TLS_LINUX_H

#include "platform/posix/posix_tls.h"

#endif // MHEAP_PLATFORM_LINUX_TLS_LINUX_H
