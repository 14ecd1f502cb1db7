# What the build must know of AIX.

set(MHEAP_LACKS hints resident unused trap)
# Without AIX itself there is no linker, and nothing to look for.
if(CMAKE_SYSTEM_NAME STREQUAL "Generic")
    set(MHEAP_HAVE_THREADS OFF)
    add_library(Threads::Threads INTERFACE IMPORTED)
endif()
set(MHEAP_HAVE_PROC OFF)
# The simulator's tests run on machines that are there.
set(MHEAP_SIM_HOST "")
# What asks a Linux kernel, over the model too.
set(MHEAP_TESTS_LEFT_OUT os_posix)
# Where Linux stands for AIX (tests/aix), the backend sees AIX's numbers.
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
    file(GLOB mheap_aix_sources "${CMAKE_CURRENT_LIST_DIR}/*.c")
    set_source_files_properties(${mheap_aix_sources} PROPERTIES
        INCLUDE_DIRECTORIES "${PROJECT_SOURCE_DIR}/tests/aix/model/include")
endif()
