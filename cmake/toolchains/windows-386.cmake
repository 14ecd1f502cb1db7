# 32-bit Windows. -posix: the variant with POSIX threads, which Check needs.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR X86)
set(mheap_target windows-386)
set(mheap_compiler i686-w64-mingw32-gcc-posix)
set(mheap_root /usr/i686-w64-mingw32)
set(mheap_emulator wine)
set(CMAKE_RC_COMPILER i686-w64-mingw32-windres)
include("${CMAKE_CURRENT_LIST_DIR}/cross.cmake")
