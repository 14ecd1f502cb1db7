// override_malloc.c - the allocation symbols of the C library, on mheap.
//
// A program gets them by linking libmheap_malloc.a or by loading
// libmheap_malloc.so before the C library. Every symbol through which memory
// can be had or given back is here, the C library's own second names included:
// one that were missing would hand out memory the others do not know.
//
// What the symbols promise is what glibc promises; where versions of it differ,
// the newest.

#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/api/fast.h"
#include "core/api/sized.h"
#include "core/base/bits.h"
#include "core/heap/options.h"
#include "core/scav/scavenger.h"
#include "core/sys/sys.h"
#include "mheap/mheap.h"

// Not declared by the C library: gone from its headers, or too new for them.
MHEAP_API void cfree(void *p);
MHEAP_API void free_sized(void *p, size_t size);
MHEAP_API void free_aligned_sized(void *p, size_t align, size_t size);

// Who puts this malloc under a whole program wants memory to go home without
// being asked, and to hear of mistakes.
__attribute__((constructor)) static void prefer_for_programs(void) {
    mh_option_prefer(MH_OPTION_SCAVENGER, MH_SCAV_THREAD);
    mh_option_prefer(MH_OPTION_GUARD_BYTES, MH_GUARD_BYTES_OF_PROGRAMS);
    mh_option_prefer(MH_OPTION_GUARD_REPORT, 1);
    mh_option_prefer(MH_OPTION_HUGE_PAGES, 1);
}

MHEAP_API void *malloc(size_t size) {
    return mh_fast_malloc(size);
}

MHEAP_API void free(void *p) {
    mh_fast_free(p, "free");
}

MHEAP_API void *calloc(size_t n, size_t size) {
    return mheap_calloc(n, size);
}

// Never inlined: reallocarray must reach the one that the program sees.
__attribute__((noinline)) MHEAP_API void *realloc(void *p, size_t size) {
    return mheap_realloc(p, size);
}

// A program may bring malloc, calloc, realloc and free of its own and nothing
// more; they then stand before ours. It frees what it has of reallocarray with
// its own free, so this goes through its own realloc, as the C library's does.
MHEAP_API void *reallocarray(void *p, size_t n, size_t size) {
    size_t bytes = 0;

    if (mh_mul_overflows(n, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(p, bytes);
}

MHEAP_API void cfree(void *p) {
    mheap_free(p);
}

MHEAP_API void free_sized(void *p, size_t size) {
    mh_fast_free_sized(p, size);
}

MHEAP_API void free_aligned_sized(void *p, size_t align, size_t size) {
    mheap_free_aligned_sized(p, align, size);
}

MHEAP_API int posix_memalign(void **out, size_t align, size_t size) {
    return mheap_posix_memalign(out, align, size);
}

MHEAP_API void *aligned_alloc(size_t align, size_t size) {
    return mheap_aligned_alloc(align, size);
}

// Unlike aligned_alloc, memalign takes any alignment and rounds it up to a
// power of two.
MHEAP_API void *memalign(size_t align, size_t size) {
    if (align > SIZE_MAX / 2 + 1) {
        errno = EINVAL;
        return NULL;
    }
    size_t rounded = 1;
    while (rounded < align) {
        rounded *= 2;
    }
    return mheap_aligned_alloc(rounded, size);
}

MHEAP_API void *valloc(size_t size) {
    return mheap_aligned_alloc(mh_sys_facts()->page_size, size);
}

// Whole pages, for whatever size.
MHEAP_API void *pvalloc(size_t size) {
    size_t page = mh_sys_facts()->page_size;
    if (size > SIZE_MAX - (page - 1)) {
        errno = ENOMEM;
        return NULL;
    }
    return mheap_aligned_alloc(page, mh_align_up(size, page));
}

MHEAP_API size_t malloc_usable_size(void *p) {
    return mheap_usable_size(p);
}

// The names under which glibc's own parts, and programs that wrap malloc, reach
// it. They are aliases, so that both names have one address.
#define SECOND_NAME(result, name, symbol, parameters, of) \
    MHEAP_API result name parameters __asm__(symbol) __attribute__((alias(of)))

SECOND_NAME(void *, libc_malloc, "__libc_malloc", (size_t size), "malloc");
SECOND_NAME(void, libc_free, "__libc_free", (void *p), "free");
SECOND_NAME(void, libc_cfree, "__libc_cfree", (void *p), "cfree");
SECOND_NAME(void *, libc_calloc, "__libc_calloc", (size_t n, size_t size),
            "calloc");
SECOND_NAME(void *, libc_realloc, "__libc_realloc", (void *p, size_t size),
            "realloc");
SECOND_NAME(void *, libc_reallocarray, "__libc_reallocarray",
            (void *p, size_t n, size_t size), "reallocarray");
SECOND_NAME(void *, libc_memalign, "__libc_memalign",
            (size_t align, size_t size), "memalign");
SECOND_NAME(void *, libc_valloc, "__libc_valloc", (size_t size), "valloc");
SECOND_NAME(void *, libc_pvalloc, "__libc_pvalloc", (size_t size), "pvalloc");
SECOND_NAME(int, libc_posix_memalign, "__posix_memalign",
            (void **out, size_t align, size_t size), "posix_memalign");
