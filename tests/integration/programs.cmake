# The programs of this folder: what a process may do to an allocator, each run
# linked to libmheap_malloc.a and with libmheap_malloc.so loaded first.

# The libraries are not built with a sanitizer.
if(NOT TARGET mheap_malloc)
    return()
endif()

function(mheap_program name)
    add_executable(${name} ${ARGN})
    target_include_directories(${name} PRIVATE
        "${PROJECT_SOURCE_DIR}/include" "${PROJECT_BINARY_DIR}/include")
    target_compile_definitions(${name} PRIVATE _GNU_SOURCE)
    # The compiler knows malloc and would leave out calls that are the test.
    target_compile_options(${name} PRIVATE -fno-builtin
        $<$<COMPILE_LANGUAGE:CXX>:-fsized-deallocation>)
    target_link_libraries(${name} PRIVATE mheap_warnings Threads::Threads
        ${CMAKE_DL_LIBS})
    set_target_properties(${name} PROPERTIES
        CXX_STANDARD 17 RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
endfunction()

function(mheap_program_test test)
    add_test(NAME integration.${test} COMMAND ${ARGN})
    set_tests_properties(integration.${test} PROPERTIES
        LABELS integration TIMEOUT 300)
endfunction()

set(mheap_preload
    "${CMAKE_COMMAND}" -E env "LD_PRELOAD=$<TARGET_FILE:mheap_malloc_shared>")

# mheap_program_both(<name> <source> [arguments]) registers both ways to run it.
function(mheap_program_both name source)
    mheap_program(${name}_linked ${source})
    target_link_libraries(${name}_linked PRIVATE mheap_malloc)
    target_compile_definitions(${name}_linked PRIVATE OVERRIDE_PRELOADED=0)
    mheap_program_test(${name}.linked ${name}_linked ${ARGN})

    mheap_program(${name}_plain ${source})
    target_compile_definitions(${name}_plain PRIVATE OVERRIDE_PRELOADED=1)
    add_dependencies(${name}_plain mheap_malloc_shared)
    mheap_program_test(${name}.preload ${mheap_preload}
        $<TARGET_FILE:${name}_plain> ${ARGN})
endfunction()

mheap_program_both(override override_test.c)
mheap_program_both(override_new override_new_test.cc)
mheap_program_both(fork_storm fork_storm_test.c)
mheap_program_both(thread_exit thread_exit_test.c)
mheap_program_both(thread_local thread_local_test.cc)
mheap_program_both(early early_test.c)
mheap_program_both(going_home going_home_test.c)
mheap_program_both(parked parked_test.c)
# Threads that make few objects, with a cache from the first on.
foreach(name fork_storm thread_exit thread_local)
    mheap_program_test(${name}.caches "${CMAKE_COMMAND}" -E env
        MHEAP_FIRST_OBJECTS=0 $<TARGET_FILE:${name}_linked>)
endforeach()
mheap_program_test(going_home.off "${CMAKE_COMMAND}" -E env MHEAP_SCAVENGER=off
    $<TARGET_FILE:going_home_linked> off)

# memory_limit_test.py runs it preloaded.
mheap_program(limit_run limit_run.c)
add_dependencies(limit_run mheap_malloc_shared)
# hardened_test.py does.
mheap_program(hardened_run hardened_run.c)
add_dependencies(hardened_run mheap_malloc_shared)
# guards_test.py does. Its frames are looked for in reports.
mheap_program(guards_run guards_run.c)
target_compile_options(guards_run PRIVATE -fno-omit-frame-pointer)
add_dependencies(guards_run mheap_malloc_shared)
foreach(name override_new fork_storm thread_exit thread_local early)
    mheap_program_test(${name}.sampled "${CMAKE_COMMAND}" -E env
        MHEAP_GUARD_BYTES=1 $<TARGET_FILE:${name}_linked>)
endforeach()
foreach(name override override_new thread_exit thread_local early)
    mheap_program_test(${name}.hardened "${CMAKE_COMMAND}" -E env
        MHEAP_HARDENED=1 $<TARGET_FILE:${name}_linked>)
endforeach()
# As MHEAP_CHECK_DELETE says, and with operators of the other kind before the
# library's.
set(mheap_delete_kinds ignored checked)
if(MHEAP_CHECK_DELETE)
    list(REVERSE mheap_delete_kinds)
endif()
list(GET mheap_delete_kinds 0 mheap_delete_kind)
list(GET mheap_delete_kinds 1 mheap_delete_other)
mheap_program_both(delete_sizes delete_sizes_test.cc ${mheap_delete_kind})
mheap_program(delete_sizes_other delete_sizes_test.cc
    "${PROJECT_SOURCE_DIR}/core/override/override_new.cc")
target_compile_definitions(delete_sizes_other PRIVATE OVERRIDE_PRELOADED=0
    MH_CXX_IS_OPTIONAL=0 MH_CHECK_DELETE=$<NOT:$<BOOL:${MHEAP_CHECK_DELETE}>>)
target_link_libraries(delete_sizes_other PRIVATE mheap_malloc
    mheap_override_flags)
mheap_program_test(delete_sizes.other delete_sizes_other ${mheap_delete_other})
foreach(test linked preload other)
    set_property(TEST integration.delete_sizes.${test} APPEND PROPERTY
        ENVIRONMENT MHEAP_BAD_FREE=count)
endforeach()
# They compare with sizes of classes and count large objects: a sampled object
# has a size of its own, and is counted as a large one.
foreach(test delete_sizes.linked delete_sizes.preload delete_sizes.other
    override.linked override.preload override.hardened)
    set_property(TEST integration.${test} APPEND PROPERTY
        ENVIRONMENT MHEAP_GUARD_BYTES=0)
endforeach()

add_library(dlopen_plugin MODULE dlopen_plugin.c)
add_library(dlopen_module MODULE dlopen_module.cc)
set_target_properties(dlopen_plugin dlopen_module PROPERTIES
    C_VISIBILITY_PRESET default CXX_VISIBILITY_PRESET default
    LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
target_compile_definitions(dlopen_plugin PRIVATE _GNU_SOURCE)
mheap_program_both(dlopen dlopen_test.c
    $<TARGET_FILE:dlopen_plugin> $<TARGET_FILE:dlopen_module>)
add_dependencies(dlopen_linked dlopen_plugin dlopen_module)

# Brings the four functions that the C library asks of a replacement.
mheap_program(own_malloc_plain own_malloc_test.c)
set_target_properties(own_malloc_plain PROPERTIES C_VISIBILITY_PRESET default)
add_dependencies(own_malloc_plain mheap_malloc_shared)
mheap_program_test(own_malloc.preload ${mheap_preload}
    $<TARGET_FILE:own_malloc_plain>)

# Static and stripped: no loader, no symbols, the C library's malloc left out.
foreach(source early_test.c fork_storm_test.c thread_exit_test.c
    override_new_test.cc going_home_test.c)
    get_filename_component(name ${source} NAME_WE)
    string(REPLACE "_test" "_static" name ${name})
    mheap_program(${name} ${source})
    target_compile_definitions(${name} PRIVATE OVERRIDE_PRELOADED=0)
    target_link_libraries(${name} PRIVATE mheap_malloc)
    target_link_options(${name} PRIVATE -static -s)
    string(REPLACE "_static" ".static" test ${name})
    mheap_program_test(${test} ${name})
endforeach()

# These use mheap's names beside the C library's malloc.
mheap_program(bad_free_run bad_free_run.c)
target_link_libraries(bad_free_run PRIVATE mheap)
mheap_program_test(bad_free_run bad_free_run)
mheap_program(good_free_run good_free_run.c)
target_link_libraries(good_free_run PRIVATE mheap)
mheap_program_test(good_free_run good_free_run)

mheap_program(early_api early_api_test.c)
target_link_libraries(early_api PRIVATE mheap)
mheap_program_test(early_api early_api)
mheap_program(early_api_linked early_api_test.c)
target_link_libraries(early_api_linked PRIVATE mheap_malloc)
mheap_program_test(early_api.linked early_api_linked)

mheap_program(api_test api_test.c api_cxx.cc)
target_link_libraries(api_test PRIVATE mheap PkgConfig::check m)
mheap_program_test(api api_test)

# Every public header alone, as C11 and as C++17. That it compiles is the test.
file(GLOB headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/include/mheap/*.h")
set(header_sources)
foreach(header IN LISTS headers ITEMS version.h)
    get_filename_component(name "${header}" NAME_WE)
    foreach(suffix c cc)
        set(source "${CMAKE_CURRENT_BINARY_DIR}/header_${name}.${suffix}")
        set(content "#include <mheap/${name}.h>\n")
        # Twice, for its guard; and something, for a unit must not be empty.
        file(CONFIGURE OUTPUT "${source}" CONTENT
            "${content}${content}extern int header_${name};\n")
        list(APPEND header_sources "${source}")
    endforeach()
endforeach()
add_library(header_check OBJECT ${header_sources})
target_include_directories(header_check PRIVATE
    "${PROJECT_SOURCE_DIR}/include" "${PROJECT_BINARY_DIR}/include")
target_compile_options(header_check PRIVATE -pedantic)
target_link_libraries(header_check PRIVATE mheap_warnings)
set_target_properties(header_check PROPERTIES CXX_STANDARD 17
    CXX_EXTENSIONS OFF)
