# What the toolchain files beside this one share. Each sets
#   mheap_target     its own name: the folder of what was built for it
#   mheap_compiler   the C compiler
#   mheap_root       where that compiler's headers and libraries lie
#   mheap_emulator   what runs its programs here; empty: they run as they are
# and includes this.

set(CMAKE_C_COMPILER ${mheap_compiler})

# Libraries for this target that the project built itself: Check. Its own script
# (scripts/cross_check.sh) puts it there. A project that CMake tries to compile
# has another source folder, so the place is told from here.
get_filename_component(mheap_source "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
set(MHEAP_CROSS_PREFIX "${mheap_source}/build/cross/${mheap_target}"
    CACHE PATH "where the libraries of this target were built")
set(ENV{PKG_CONFIG_LIBDIR} "${MHEAP_CROSS_PREFIX}/lib/pkgconfig")
set(ENV{PKG_CONFIG_PATH} "")

# Headers and libraries are the target's, programs this machine's.
set(CMAKE_FIND_ROOT_PATH "${MHEAP_CROSS_PREFIX}" ${mheap_root})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# Static: an emulator then needs no loader and no libraries of the target, and
# cannot mix up two versions of them.
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static")
# Behind every archive, Check's too, which has no way to ask for it.
set(CMAKE_C_STANDARD_LIBRARIES_INIT "-lm")

# ctest starts every program through this. Who runs the tests can replace it:
# by nothing where the kernel runs such programs, or by other options.
set(MHEAP_EMULATOR "${mheap_emulator}" CACHE STRING "what runs the programs")
if(MHEAP_EMULATOR)
    set(CMAKE_CROSSCOMPILING_EMULATOR ${MHEAP_EMULATOR})
endif()
