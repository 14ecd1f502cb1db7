# 64-bit ARM.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(mheap_target linux-arm64)
set(mheap_compiler aarch64-linux-gnu-gcc)
set(mheap_root /usr/aarch64-linux-gnu)
set(mheap_emulator qemu-aarch64)
include("${CMAKE_CURRENT_LIST_DIR}/cross.cmake")
