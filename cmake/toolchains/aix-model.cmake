# 64-bit POWER, big-endian, with AIX's backend over a model of AIX's calls for
# memory (tests/aix). Everything else is Linux's.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ppc64)
set(MHEAP_OS aix CACHE STRING "backend: a folder of platform/")
set(mheap_target aix-model)
set(mheap_compiler powerpc64-linux-gnu-gcc)
set(mheap_root /usr/powerpc64-linux-gnu)
set(mheap_emulator qemu-ppc64)
include("${CMAKE_CURRENT_LIST_DIR}/cross.cmake")
