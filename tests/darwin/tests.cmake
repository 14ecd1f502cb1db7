# Tests of the backend that are for Darwin only.

# dyld makes a thread's variables of the compiler's kind with malloc, at their
# first use, which may be within malloc.
add_test(NAME backend.no_thread_locals COMMAND sh -c
    "test -s \"$1\" && ! grep -q tlv_bootstrap \"$1\"" sh $<TARGET_FILE:mheap>)
set_tests_properties(backend.no_thread_locals PROPERTIES LABELS backend
    TIMEOUT 60)

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
