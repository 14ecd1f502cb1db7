# What the build must know of WebAssembly.

set(MHEAP_LACKS hints resident unused trap)
set(MHEAP_HAVE_FORK OFF)
set(MHEAP_HAVE_PROC OFF)
set(MHEAP_HAVE_THREADS OFF) # nor has the C library a header for them
set(MHEAP_HAVE_PAGES OFF) # that trap, or that the system could take back
add_library(Threads::Threads INTERFACE IMPORTED)
set(MHEAP_SIM_HOST wasm)
set(MHEAP_SIM_UNIT "")
set(MHEAP_SIM_BACKEND "")
# signal.h is an imitation, which tests of abort() need.
add_compile_definitions(_WASI_EMULATED_SIGNAL)
# What fork leaves behind, and nothing but threads.
set(MHEAP_TESTS_LEFT_OUT os_posix fork left heap_regress heap_fault
    fork_stress first_use_stress huge_stress limit_stress threads_stress
    environment)
# For what tests, not the library, ask.
add_compile_definitions(_WASI_EMULATED_GETPID)
