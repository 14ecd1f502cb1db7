// inline.h - malloc and sized free of a size that the compiler knows.
//
// Included by mheap.h. In an optimised program that is linked with libmheap.a
// or libmheap_malloc.a, mheap_malloc(80) calls a function that is given the
// class: it has neither the comparison nor the table that find it out. Nothing
// else changes: the checks, errno, the address of the function, and what a size
// that is not constant does; but in hardened mode such an object has all bytes
// of its class. MHEAP_NO_INLINE leaves it out.
//
// The classes of a program and its library must be the same; the functions they
// meet in are named after them (classes.h), so that others do not link. A
// program that shall run with later versions of the shared library defines
// MHEAP_NO_INLINE; the CMake target of that library does.

#ifndef MHEAP_INLINE_H
#define MHEAP_INLINE_H

#include "mheap/mheap.h"

#if defined(__OPTIMIZE__) && !defined(MHEAP_NO_INLINE)

#    include "mheap/classes.h"

#    ifdef __cplusplus
extern "C" {
#    endif

// For the functions below and nobody else. place: of the class's bin.
MHEAP_API void *MHEAP_MALLOC_CLASS(size_t place);
MHEAP_API void MHEAP_FREE_CLASS(void *p, size_t place, size_t size);

// mheap_malloc and mheap_free_sized under names that are not inline.
MHEAP_API void *mheap_malloc_any(size_t size);
MHEAP_API void mheap_free_sized_any(void *p, size_t size);

// gnu_inline: never compiled by itself, so that whoever wants the address gets
// the library's function, and the names need not be macros.
#    define MHEAP_INLINE \
        extern inline __attribute__((always_inline, gnu_inline))

// The branches of MHEAP_SIZE_CLASS are gone when its argument is a constant.
// NOLINTNEXTLINE(readability-function-cognitive-complexity)
MHEAP_INLINE void *mheap_malloc(size_t size) {
    if (__builtin_constant_p(size) && size <= MHEAP_SIZE_CLASS_MAX) {
        return MHEAP_MALLOC_CLASS(2 * MHEAP_SIZE_CLASS(size));
    }
    return mheap_malloc_any(size);
}

// NOLINTNEXTLINE(readability-function-cognitive-complexity)
MHEAP_INLINE void mheap_free_sized(void *p, size_t size) {
    if (__builtin_constant_p(size) && size <= MHEAP_SIZE_CLASS_MAX) {
        MHEAP_FREE_CLASS(p, 2 * MHEAP_SIZE_CLASS(size), size);
        return;
    }
    mheap_free_sized_any(p, size);
}

#    undef MHEAP_INLINE

#    ifdef __cplusplus
}
#    endif

#endif

#endif // MHEAP_INLINE_H
