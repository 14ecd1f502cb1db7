# 64-bit POWER, big-endian.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ppc64)
set(mheap_target linux-ppc64)
set(mheap_compiler powerpc64-linux-gnu-gcc)
set(mheap_root /usr/powerpc64-linux-gnu)
set(mheap_emulator qemu-ppc64)
include("${CMAKE_CURRENT_LIST_DIR}/cross.cmake")
