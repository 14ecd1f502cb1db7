# The drop-in where the loader puts pairs in their place: one library, to be
# loaded first (DYLD_INSERT_LIBRARIES). An archive could only be for the program
# itself, whose libraries would go on with another malloc.

add_library(mheap_malloc_shared SHARED ${override_c}
    $<TARGET_OBJECTS:mheap_os> $<TARGET_OBJECTS:mheap_core>)
target_include_directories(mheap_malloc_shared PRIVATE
    "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/include"
    "${PROJECT_BINARY_DIR}/include")
target_compile_definitions(mheap_malloc_shared PRIVATE _GNU_SOURCE
    MH_DEBUG_LEVEL=${MHEAP_DEBUG_LEVEL} MH_CHECKS=$<BOOL:${MHEAP_CHECKS}>
    MH_OS_NAME="${MHEAP_OS}"
    MH_OS_TLS_HEADER="platform/${MHEAP_OS}/tls_${MHEAP_OS}.h")
target_compile_options(mheap_malloc_shared PRIVATE -fno-builtin
    -fno-omit-frame-pointer)
target_link_libraries(mheap_malloc_shared PRIVATE mheap_warnings
    Threads::Threads)
set_target_properties(mheap_malloc_shared PROPERTIES OUTPUT_NAME mheap_malloc
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
