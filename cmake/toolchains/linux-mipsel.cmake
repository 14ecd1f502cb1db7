# 32-bit MIPS, little-endian: addresses of 31 bits.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR mips)
set(mheap_target linux-mipsel)
set(mheap_compiler mipsel-linux-gnu-gcc)
set(mheap_root /usr/mipsel-linux-gnu)
set(mheap_emulator qemu-mipsel)
include("${CMAKE_CURRENT_LIST_DIR}/cross.cmake")
