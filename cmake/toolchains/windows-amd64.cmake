# 64-bit Windows. -posix: the variant with POSIX threads, which Check needs.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR AMD64)
set(mheap_target windows-amd64)
set(mheap_compiler x86_64-w64-mingw32-gcc-posix)
set(mheap_root /usr/x86_64-w64-mingw32)
set(mheap_emulator wine)
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)
include("${CMAKE_CURRENT_LIST_DIR}/cross.cmake")
