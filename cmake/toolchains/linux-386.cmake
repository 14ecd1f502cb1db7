# 32-bit x86. Most 64-bit kernels run its programs too, but not all do.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR i686)
set(mheap_target linux-386)
set(mheap_compiler i686-linux-gnu-gcc)
set(mheap_root /usr/i686-linux-gnu)
set(mheap_emulator qemu-i386)
include("${CMAKE_CURRENT_LIST_DIR}/cross.cmake")
