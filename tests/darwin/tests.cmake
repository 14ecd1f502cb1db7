# Tests of the backend that are for Darwin only.

# dyld makes a thread's variables of the compiler's kind with malloc, at their
# first use, which may be within malloc.
add_test(NAME backend.no_thread_locals COMMAND sh -c
    "test -s \"$1\" && ! grep -q tlv_bootstrap \"$1\"" sh $<TARGET_FILE:mheap>)
set_tests_properties(backend.no_thread_locals PROPERTIES LABELS backend
    TIMEOUT 60)
add_dependencies(tests_backend mheap)

# Where a program has used up all keys the heap works without caches. A row of
# the table of platforms has other options of the model.
if(MHEAP_EMULATOR)
    foreach(name os_lock os_layout)
        add_test(NAME backend.${name}_darwin.no_keys COMMAND ${MHEAP_EMULATOR}
            --no-keys $<TARGET_FILE:${name}_test_darwin>)
        set_tests_properties(backend.${name}_darwin.no_keys PROPERTIES
            LABELS backend TIMEOUT ${MHEAP_TEST_SECONDS}
            ENVIRONMENT "${mheap_test_words}")
    endforeach()
endif()

# The drop-in under a program that was not built with it.
if(MHEAP_EMULATOR AND TARGET mheap_malloc_shared)
    add_executable(drop_in_program
        "${CMAKE_CURRENT_LIST_DIR}/drop_in_program.c")
    target_link_libraries(drop_in_program PRIVATE mheap_warnings)
    target_compile_options(drop_in_program PRIVATE -fno-builtin)
    set_target_properties(drop_in_program PROPERTIES RUNTIME_OUTPUT_DIRECTORY
        "${CMAKE_BINARY_DIR}/bin")
    add_dependencies(tests_backend drop_in_program mheap_malloc_shared)
    set(drop_in ${MHEAP_EMULATOR} --insert $<TARGET_FILE:mheap_malloc_shared>
        $<TARGET_FILE:drop_in_program>)
    add_test(NAME backend.drop_in_serves COMMAND ${drop_in} serves)
    add_test(NAME backend.drop_in_foreign COMMAND ${drop_in} foreign)
    # It stops the program, which ctest would take for a failure.
    add_test(NAME backend.drop_in_twice COMMAND
        sh -c "\"$@\" 2>&1 | grep 'bad free: double free'" sh ${drop_in} twice)
    set_tests_properties(backend.drop_in_serves backend.drop_in_foreign
        backend.drop_in_twice PROPERTIES LABELS backend TIMEOUT 120)
    add_test(NAME backend.drop_in_absent COMMAND ${MHEAP_EMULATOR}
        $<TARGET_FILE:drop_in_program> serves)
    set_tests_properties(backend.drop_in_absent PROPERTIES LABELS backend
        TIMEOUT 120 WILL_FAIL ON)
endif()
