// model_aix.c - AIX's calls for memory, as IBM describes them, over Linux's.
//
// Written from the "mmap or mmap64 Subroutine", "mprotect Subroutine" and
// "munmap Subroutine" pages of IBM's "AIX Technical Reference: Base Operating
// System and Extensions", and not from the backend. What is said there about:
//
//   addr        a region is never placed where it would overlap another
//   MAP_FIXED   fails where there is a mapping, unless XPG_SUS_ENV is ON; then
//               it takes the mapping's place
//   ENOMEM      the code of that failure
//   flags       one of MAP_SHARED and MAP_PRIVATE; what is unknown is EINVAL
//   mprotect    returns 0, having done nothing, for what no mmap made, unless
//               XPG_SUS_ENV is ON
//   munmap      any part of what mmap made, and of nothing else; the address
//               is a page's, the length is rounded up; no length is EINVAL
//               where XPG_SUS_ENV is ON
//
// Pages of 4 KiB, as mmap's are. What Linux does otherwise does not show: it is
// asked for one place at a time, and what it then gives is looked at.

#include "tests/aix/model_aix.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/meta/layout.h"

// AIX's numbers, from golang/go, src/runtime/defs_aix_ppc64.go.
enum {
    AIX_MAP_SHARED = 0x1,
    AIX_MAP_PRIVATE = 0x2,
    AIX_MAP_ANONYMOUS = 0x10,
    AIX_MAP_FIXED = 0x100,
    PAGE = 4096,
    REGIONS_MAX = 1 << 16,
};

// Where it looks for room, above what Linux has mapped by itself.
#define FIRST_PLACE ((uintptr_t)0xa000000000)
#define PLACE_STEP  ((uintptr_t)1 << 28) // a segment

// What is mapped, in address order, apart from one another.
static struct region { uintptr_t start, end; } regions[REGIONS_MAX];
static size_t nregions;
static bool sus;
static struct mh_model_counts counts;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

// first_over is the first region that ends behind start.
static size_t first_over(uintptr_t start) {
    size_t low = 0, high = nregions;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (regions[middle].end <= start) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool overlaps(uintptr_t start, uintptr_t end) {
    size_t i = first_over(start);

    return i < nregions && regions[i].start < end;
}

static bool is_all_mapped(uintptr_t start, uintptr_t end) {
    for (size_t i = first_over(start);
         i < nregions && regions[i].start <= start; i++) {
        start = regions[i].end;
        if (start >= end) {
            return true;
        }
    }
    return false;
}

static void insert(size_t i, uintptr_t start, uintptr_t end) {
    if (nregions == REGIONS_MAX) {
        abort();
    }
    memmove(&regions[i + 1], &regions[i], (nregions - i) * sizeof(regions[0]));
    regions[i] = (struct region){start, end};
    nregions++;
}

static void forget(uintptr_t start, uintptr_t end) {
    size_t i = first_over(start);

    while (i < nregions && regions[i].start < end) {
        struct region old = regions[i];
        nregions--;
        memmove(&regions[i], &regions[i + 1],
                (nregions - i) * sizeof(regions[0]));
        if (old.end > end) {
            insert(i, end, old.end);
        }
        if (old.start < start) {
            insert(i, old.start, start);
            i++;
        }
    }
}

static int linux_flags(int flags) {
    return ((flags & AIX_MAP_SHARED) != 0 ? MAP_SHARED : MAP_PRIVATE) |
           ((flags & AIX_MAP_ANONYMOUS) != 0 ? MAP_ANONYMOUS : 0) |
           MAP_NORESERVE;
}

// try_at maps at a place that the model knows to be free; false where Linux has
// something there, or the memory is not to be had.
static bool try_at(uintptr_t start, size_t len, int prot, int flags, int fildes,
                   long off) {
    void *at = mmap((void *)start, len, prot, linux_flags(flags), fildes, off);

    if (at == MAP_FAILED) {
        return false;
    }
    if ((uintptr_t)at != start) {
        (void)munmap(at, len);
        errno = ENOMEM;
        return false;
    }
    insert(first_over(start), start, start + len);
    return true;
}

// Hints that stand for addresses AIX would not give are not heeded.
static uintptr_t place(uintptr_t hint, size_t len, int prot, int flags,
                       int fildes, long off) {
    if (hint >= FIRST_PLACE && hint % PAGE == 0 && hint + len > hint &&
        hint >> 46 == 0 && !overlaps(hint, hint + len) &&
        try_at(hint, len, prot, flags, fildes, off)) {
        return hint;
    }
    uintptr_t start = FIRST_PLACE;
    for (int tries = 0; tries < 1000; tries++) {
        size_t i = first_over(start);
        while (i < nregions && regions[i].start < start + len) {
            start = regions[i++].end;
        }
        if (try_at(start, len, prot, flags, fildes, off)) {
            return start;
        }
        if (errno != ENOMEM) {
            return 0;
        }
        start += PLACE_STEP;
    }
    return 0;
}

static void *refuse(int code) {
    counts.refused++;
    errno = code;
    return MAP_FAILED;
}

static void *mmap_locked(uintptr_t addr, size_t len, int prot, int flags,
                         int fildes, long off) {
    const int known =
        AIX_MAP_SHARED | AIX_MAP_PRIVATE | AIX_MAP_ANONYMOUS | AIX_MAP_FIXED;
    int sharing = flags & (AIX_MAP_SHARED | AIX_MAP_PRIVATE);

    counts.mapped++;
    if (len == 0 || (flags & ~known) != 0 || prot >> 3 != 0 ||
        (sharing != AIX_MAP_SHARED && sharing != AIX_MAP_PRIVATE)) {
        return refuse(EINVAL);
    }
    len = (len + PAGE - 1) / PAGE * PAGE;
    if ((flags & AIX_MAP_FIXED) != 0) {
        counts.fixed++;
        if (addr % PAGE != 0 || addr == 0) {
            return refuse(EINVAL);
        }
        if (overlaps(addr, addr + len)) {
            if (!sus) {
                return refuse(ENOMEM);
            }
            (void)munmap((void *)addr, len);
            forget(addr, addr + len);
        }
        return try_at(addr, len, prot, flags, fildes, off) ? (void *)addr
                                                           : refuse(ENOMEM);
    }
    uintptr_t at = place(addr, len, prot, flags, fildes, off);
    return at != 0 ? (void *)at : refuse(errno);
}

void *mh_model_mmap(void *addr, size_t len, int prot, int flags, int fildes,
                    long off) {
    pthread_mutex_lock(&lock);
    void *at = mmap_locked((uintptr_t)addr, len, prot, flags, fildes, off);
    pthread_mutex_unlock(&lock);
    return at;
}

int mh_model_mprotect(void *addr, size_t len, int prot) {
    uintptr_t start = (uintptr_t)addr;
    int result = 0;

    pthread_mutex_lock(&lock);
    if (start % PAGE != 0 || prot >> 3 != 0) {
        errno = EINVAL;
        result = -1;
    } else if (!is_all_mapped(start, start + len)) {
        counts.protected_nothing++;
        errno = sus ? ENOMEM : errno;
        result = sus ? -1 : 0;
    } else {
        result = mprotect(addr, len, prot);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

// unmap_regions unmaps what mmap made of [start, end).
static int unmap_regions(uintptr_t start, uintptr_t end) {
    for (size_t i = first_over(start); i < nregions && regions[i].start < end;
         i++) {
        uintptr_t from = regions[i].start > start ? regions[i].start : start;
        uintptr_t to = regions[i].end < end ? regions[i].end : end;
        if (munmap((void *)from, to - from) != 0) {
            return -1;
        }
    }
    forget(start, end);
    return 0;
}

int mh_model_munmap(void *addr, size_t len) {
    uintptr_t start = (uintptr_t)addr;

    if (start % PAGE != 0 || (len == 0 && sus)) {
        errno = EINVAL;
        return -1;
    }
    len = (len + PAGE - 1) / PAGE * PAGE;
    pthread_mutex_lock(&lock);
    int result = unmap_regions(start, start + len);
    pthread_mutex_unlock(&lock);
    return result;
}

void mh_model_set_sus(bool on) {
    sus = on;
}

struct mh_model_counts mh_model_counts(void) {
    pthread_mutex_lock(&lock);
    struct mh_model_counts now = counts;
    pthread_mutex_unlock(&lock);
    return now;
}

// A fork must not leave the lock taken in the child.
static void before_fork(void) {
    pthread_mutex_lock(&lock);
}
static void after_fork(void) {
    pthread_mutex_unlock(&lock);
}
__attribute__((constructor)) static void begin(void) {
    (void)pthread_atfork(before_fork, after_fork, after_fork);
}

// The row of AIX, as much lower as the model's addresses are. Linked in place
// of core/meta's own function (model.cmake).
const struct mh_layout *__wrap_mh_layout_own(void);
const struct mh_layout *__wrap_mh_layout_own(void) {
    static struct mh_layout row;

    row = *mh_layout_find("aix", "ppc64", 64);
    row.base -= MH_MODEL_DISTANCE;
    row.hint_low -= MH_MODEL_DISTANCE;
    return &row;
}

long thread_self(void);
long thread_self(void) {
    return syscall(SYS_gettid);
}
