# 64-bit POWER, little-endian.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ppc64le)
set(mheap_target linux-ppc64le)
set(mheap_compiler powerpc64le-linux-gnu-gcc)
set(mheap_root /usr/powerpc64le-linux-gnu)
set(mheap_emulator qemu-ppc64le)
include("${CMAKE_CURRENT_LIST_DIR}/cross.cmake")
