# WebAssembly over WASI. clang has the target; the C library is wasi-libc.
set(CMAKE_SYSTEM_NAME Generic) # of WASI this CMake has not heard
set(CMAKE_SYSTEM_PROCESSOR wasm32)
set(MHEAP_OS wasm CACHE STRING "backend: a folder of platform/")
set(mheap_target wasm32)
set(mheap_compiler clang-14)
set(CMAKE_C_COMPILER_TARGET wasm32-wasi)
set(CMAKE_AR llvm-ar-14)
set(CMAKE_RANLIB llvm-ranlib-14)
set(mheap_root /usr/lib/wasm32-wasi)
get_filename_component(mheap_run
    "${CMAKE_CURRENT_LIST_DIR}/../../tests/support/wasm/run.mjs" ABSOLUTE)
# node 20 breaks its own memory where some modules trap that have called WASI
# by a short cut of its compiler.
set(mheap_emulator
    "node;--no-warnings;--no-turbo-fast-api-calls;${mheap_run}")
include("${CMAKE_CURRENT_LIST_DIR}/cross.cmake")
# wasi-libc's imitations of what tests use.
string(APPEND CMAKE_C_STANDARD_LIBRARIES_INIT " -lwasi-emulated-signal -lwasi-emulated-getpid")
