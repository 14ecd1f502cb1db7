# What the Darwin toolchain files share. Each sets
#   mheap_target     its own name: the folder of what was built for it
#   mheap_machine    the processor, as the compiler calls it
#   mheap_emulator   what runs its programs here; empty: nothing does
# and includes this.
#
# The compiler is zig's, which brings the system's headers and the list of what
# its libraries have. scripts/cross_check.sh fetches it and writes the programs
# that stand for compiler, archiver and index below.

get_filename_component(mheap_source "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
set(MHEAP_CROSS_PREFIX "${mheap_source}/build/cross/${mheap_target}"
    CACHE PATH "where the tools and libraries of this target are")
set(ENV{PKG_CONFIG_LIBDIR} "${MHEAP_CROSS_PREFIX}/lib/pkgconfig")
set(ENV{PKG_CONFIG_PATH} "")

set(CMAKE_SYSTEM_NAME Darwin)
set(CMAKE_SYSTEM_PROCESSOR ${mheap_machine})
set(CMAKE_C_COMPILER "${MHEAP_CROSS_PREFIX}/bin/cc")
set(CMAKE_CXX_COMPILER "${MHEAP_CROSS_PREFIX}/bin/c++")
set(CMAKE_AR "${MHEAP_CROSS_PREFIX}/bin/ar" CACHE FILEPATH "")
set(CMAKE_RANLIB "${MHEAP_CROSS_PREFIX}/bin/ranlib" CACHE FILEPATH "")

# CMake asks Apple's tools for a system root, of which there is none here.
set(CMAKE_OSX_SYSROOT "" CACHE PATH "")
set(CMAKE_OSX_DEPLOYMENT_TARGET "" CACHE STRING "")

set(CMAKE_FIND_ROOT_PATH "${MHEAP_CROSS_PREFIX}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

set(MHEAP_EMULATOR "${mheap_emulator}" CACHE STRING "what runs the programs")
if(MHEAP_EMULATOR)
    set(CMAKE_CROSSCOMPILING_EMULATOR ${MHEAP_EMULATOR})
endif()
