# 64-bit RISC-V.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR riscv64)
set(mheap_target linux-riscv64)
set(mheap_compiler riscv64-linux-gnu-gcc)
set(mheap_root /usr/riscv64-linux-gnu)
set(mheap_emulator qemu-riscv64)
include("${CMAKE_CURRENT_LIST_DIR}/cross.cmake")
