// override_interpose.c - malloc and its kin, put in their place by the loader.
//
// Where a program's calls are bound to the library they were linked with, one
// that is loaded first takes nobody's place by having the same names. The
// loader looks instead for a section of pairs, what to call and in whose
// place, and binds every other image accordingly (mach-o/dyld-interposing.h).
// Calls in here still reach the system's.
//
// What was allocated before, or by who was left out, is the system's: whose an
// object is shows its address. For the other direction see override_zone.c.

#include <errno.h>
#include <malloc/malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/api/fast.h"
#include "core/heap/options.h"
#include "core/override/override_own.h"
#include "core/scav/scavenger.h"
#include "core/sys/sys.h"
#include "mheap/mheap.h"

__attribute__((constructor)) static void prefer_for_programs(void) {
    mh_option_prefer(MH_OPTION_SCAVENGER, MH_SCAV_THREAD);
    mh_option_prefer(MH_OPTION_GUARD_BYTES, MH_GUARD_BYTES_OF_PROGRAMS);
    mh_option_prefer(MH_OPTION_GUARD_REPORT, 1);
    mh_option_prefer(MH_OPTION_HUGE_PAGES, 1);
}

static void *take(size_t size) {
    return mh_fast_malloc(size);
}

static void give(void *p) {
    if (MH_LIKELY(p == NULL || mh_override_owns(p))) {
        mh_fast_free(p, "free");
    } else {
        free(p);
    }
}

static void *take_zeroed(size_t n, size_t size) {
    return mheap_calloc(n, size);
}

static void *resize(void *p, size_t size) {
    return p == NULL || mh_override_owns(p) ? mheap_realloc(p, size)
                                            : realloc(p, size);
}

// On failure the object is freed, where realloc keeps it.
static void *resize_or_free(void *p, size_t size) {
    void *resized = resize(p, size);

    if (resized == NULL && size != 0) {
        int saved = errno;
        give(p);
        errno = saved;
    }
    return resized;
}

static void *take_pages(size_t size) {
    return mheap_aligned_alloc(mh_sys_facts()->page_size, size);
}

static size_t size_of(const void *p) {
    return p == NULL || mh_override_owns(p) ? mheap_usable_size(p)
                                            : malloc_size(p);
}

static size_t good_size(size_t size) {
    return mheap_good_size(size);
}

struct pair {
    const void *ours;
    const void *theirs;
};

// The linker of zig knows no type of sections for this; the name is enough.
#define PAIRS "__DATA,__interpose,regular,no_dead_strip"
#define INTERPOSE(our, their)                                                 \
    __attribute__((used,                                                      \
                   section(PAIRS))) static const struct pair pair_##their = { \
        (const void *)(our), (const void *)(their)}

INTERPOSE(take, malloc);
INTERPOSE(give, free);
INTERPOSE(take_zeroed, calloc);
INTERPOSE(resize, realloc);
INTERPOSE(resize_or_free, reallocf);
INTERPOSE(take_pages, valloc);
INTERPOSE(mheap_posix_memalign, posix_memalign);
INTERPOSE(mheap_aligned_alloc, aligned_alloc);
INTERPOSE(size_of, malloc_size);
INTERPOSE(good_size, malloc_good_size);
