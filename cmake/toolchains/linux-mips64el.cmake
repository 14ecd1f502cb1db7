# 64-bit MIPS, little-endian.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR mips64)
set(mheap_target linux-mips64el)
set(mheap_compiler mips64el-linux-gnuabi64-gcc)
set(mheap_root /usr/mips64el-linux-gnuabi64)
set(mheap_emulator qemu-mips64el)
include("${CMAKE_CURRENT_LIST_DIR}/cross.cmake")
