# Inputs that fuzzing engines found, kept in tests/fuzz/corpus/NAME, and the
# engines themselves (docs/fuzzing.md).

# mheap_corpus(<name> <program>): fuzz.NAME.corpus runs every kept input. In a
# build for engines the program is one's, and there is no such test.
function(mheap_corpus name program)
    if(NOT TARGET ${program})
        return()
    endif()
    if(MHEAP_FUZZERS)
        target_compile_definitions(${program} PRIVATE MH_LIBFUZZER)
        target_link_options(${program} PRIVATE -fsanitize=fuzzer)
        return()
    endif()
    file(GLOB inputs CONFIGURE_DEPENDS
        "${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name}/*")
    if(inputs)
        add_test(NAME fuzz.${name}.corpus COMMAND ${program} ${inputs})
        set_tests_properties(fuzz.${name}.corpus PROPERTIES LABELS fuzz
            TIMEOUT ${MHEAP_TEST_SECONDS})
    endif()
endfunction()
