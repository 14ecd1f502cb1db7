// tls_sim.h - what each thread has of its own over the simulated OS, whose
// threads are the host's.

#ifndef MHEAP_PLATFORM_SIM_TLS_SIM_H
#define MHEAP_PLATFORM_SIM_TLS_SIM_H

#ifdef _WIN32
#    include "platform/windows/tls_windows.h"
#else
#    include "platform/posix/posix_tls.h"
#endif

#endif // MHEAP_PLATFORM_SIM_TLS_SIM_H
