# The drop-in where the loader puts pairs in their place: one library, to be
# loaded first (DYLD_INSERT_LIBRARIES). An archive could only be for the program
# itself, whose libraries would go on with another malloc.

add_library(mheap_malloc_shared SHARED ${override_c}
    $<TARGET_OBJECTS:mheap_os> $<TARGET_OBJECTS:mheap_core>)
target_link_libraries(mheap_malloc_shared PRIVATE mheap_override_flags
    Threads::Threads)
set_target_properties(mheap_malloc_shared PROPERTIES OUTPUT_NAME mheap_malloc
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
