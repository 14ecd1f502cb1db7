# What the AIX toolchain files share. Each sets mheap_target, its own name, and
# mheap_triple, the compiler's, and includes this. There is no linker for XCOFF
# here and none of IBM's headers: objects are compiled, against declarations of
# the project's own (tests/aix/include), and that is all.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(MHEAP_OS aix CACHE STRING "backend: a folder of platform/")
set(CMAKE_C_COMPILER clang-19)
set(CMAKE_C_COMPILER_TARGET ${mheap_triple})
set(CMAKE_AR /usr/bin/llvm-ar-19 CACHE FILEPATH "")
set(CMAKE_RANLIB /usr/bin/llvm-ranlib-19 CACHE FILEPATH "")
get_filename_component(mheap_headers
    "${CMAKE_CURRENT_LIST_DIR}/../../tests/aix/include" ABSOLUTE)
set(CMAKE_C_FLAGS_INIT "-nostdlibinc -isystem ${mheap_headers}")
