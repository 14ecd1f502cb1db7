// tls_sim.h - what each thread has of its own over the simulated OS, whose
// threads are the host's.

#ifndef MHEAP_PLATFORM_SIM_TLS_SIM_H
#define MHEAP_PLATFORM_SIM_TLS_SIM_H

#include "platform/posix/posix_tls.h"

#endif // MHEAP_PLATFORM_SIM_TLS_SIM_H
