# 32-bit ARM with a floating-point unit.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR armv7l)
set(mheap_target linux-armhf)
set(mheap_compiler arm-linux-gnueabihf-gcc)
set(mheap_root /usr/arm-linux-gnueabihf)
set(mheap_emulator qemu-arm)
include("${CMAKE_CURRENT_LIST_DIR}/cross.cmake")
