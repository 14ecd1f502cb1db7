# IBM Z: 64-bit, big-endian.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR s390x)
set(mheap_target linux-s390x)
set(mheap_compiler s390x-linux-gnu-gcc)
set(mheap_root /usr/s390x-linux-gnu)
set(mheap_emulator qemu-s390x)
include("${CMAKE_CURRENT_LIST_DIR}/cross.cmake")
