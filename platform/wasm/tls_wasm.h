// tls_wasm.h - what the one thread of a WebAssembly module has of its own.

#ifndef MHEAP_PLATFORM_WASM_TLS_WASM_H
#define MHEAP_PLATFORM_WASM_TLS_WASM_H

// Without shared memory the compiler makes ordinary variables of them.
#include "platform/posix/posix_tls.h"

#endif // MHEAP_PLATFORM_WASM_TLS_WASM_H
