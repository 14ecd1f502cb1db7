# Applies MHEAP_SANITIZE to every target defined after this file is included.
#
# A sanitizer is all or nothing: one object compiled without it hides the
# accesses that object makes. So it is set for the directory, not per target.

set(MHEAP_SANITIZE "" CACHE STRING
    "Sanitizers: address, undefined, thread, or address,undefined")
set_property(CACHE MHEAP_SANITIZE PROPERTY STRINGS
    "" address undefined thread address,undefined)

if(MHEAP_SANITIZE)
    string(REPLACE "," ";" mheap_sanitizers "${MHEAP_SANITIZE}")
    foreach(name IN LISTS mheap_sanitizers)
        if(NOT name MATCHES "^(address|undefined|thread)$")
            message(FATAL_ERROR "MHEAP_SANITIZE: no sanitizer named '${name}'; "
                "use address, undefined, thread or address,undefined")
        endif()
    endforeach()
    if("thread" IN_LIST mheap_sanitizers AND "address" IN_LIST mheap_sanitizers)
        message(FATAL_ERROR "MHEAP_SANITIZE: thread excludes address")
    endif()

    string(REPLACE ";" "," mheap_sanitizers "${mheap_sanitizers}")
    # No recovery: a finding ends the test that made it, whatever the
    # environment says.
    add_compile_options(-fsanitize=${mheap_sanitizers}
        -fno-sanitize-recover=all -fno-omit-frame-pointer -g)
    add_link_options(-fsanitize=${mheap_sanitizers})
endif()

# For fuzzing engines: what covers what is seen by them, and each *_fuzz program
# is one's own (tests/fuzz/corpus.cmake).
option(MHEAP_FUZZERS "Build tests/fuzz for libFuzzer or AFL++ (clang)" OFF)
if(MHEAP_FUZZERS)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
