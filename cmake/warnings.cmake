# mheap_warnings: the warnings every target of this project compiles with.
#
# Link it PRIVATE, so that it never reaches a program that uses the library.
# Warnings become errors only with MHEAP_WERROR=ON: a newer compiler with a new
# warning must not break the build of somebody who only wants the library.

option(MHEAP_WERROR "Treat warnings as errors (the dev and CI presets)" OFF)

add_library(mheap_warnings INTERFACE)

if(MSVC)
    target_compile_options(mheap_warnings INTERFACE /W4)
    if(MHEAP_WERROR)
        target_compile_options(mheap_warnings INTERFACE /WX)
    endif()
else()
    # -Wundef: a misspelt name in an #if is 0 without it. -Wsign-conversion is
    # part of -Wconversion in both compilers and is noise in bit arithmetic.
    target_compile_options(mheap_warnings INTERFACE
        -Wall -Wextra -Wshadow -Wundef -Wvla
        -Wconversion -Wno-sign-conversion
        $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>
        $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>)
    if(MHEAP_WERROR)
        target_compile_options(mheap_warnings INTERFACE -Werror)
    endif()
endif()
