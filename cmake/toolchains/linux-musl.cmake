# x86-64 with musl in place of the GNU C library.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(mheap_target linux-musl)
set(mheap_compiler musl-gcc)
set(mheap_root /usr/lib/x86_64-linux-musl /usr/include/x86_64-linux-musl)
set(mheap_emulator)
# The kernel's own headers do not come with musl; behind its own, so that of the
# GNU library's nothing is taken.
set(CMAKE_C_FLAGS_INIT "-idirafter /usr/include/x86_64-linux-gnu \
-idirafter /usr/include")
include("${CMAKE_CURRENT_LIST_DIR}/cross.cmake")
