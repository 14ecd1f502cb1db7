// model_memory.c - mmap and its kin as Darwin has them.

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/darwin/model.h"
#include "tests/darwin/model_regions.h"

// xnu:bsd/sys/mman.h
enum {
    D_SHARED = 0x1,
    D_PRIVATE = 0x2,
    D_FIXED = 0x10,
    D_ANON = 0x1000,
    D_MADV_FREE = 5,
    D_MADV_FREE_REUSABLE = 7,
    D_MADV_FREE_REUSE = 8,
    D_MADV_CAN_REUSE = 9,
};

// xnu:bsd/sys/errno.h
enum { D_EPERM = 1, D_ENOMEM = 12, D_EINVAL = 22 };

// xnu:osfmk/mach/i386/vm_param.h: user addresses end here.
#define LAST_ADDRESS UINT64_C(0x7fffffe00000)
// What the loader keeps free of mappings below (PAGEZERO, mmap.2:244).
#define FIRST_ADDRESS UINT64_C(0x100000000)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void enter(void) {
    (void)pthread_mutex_lock(&lock);
}
static void leave(void) {
    (void)pthread_mutex_unlock(&lock);
}

// A child has the memory as it was between two calls.
__attribute__((constructor)) static void survive_forks(void) {
    (void)pthread_atfork(enter, leave, leave);
}

static uintptr_t up(uintptr_t n, size_t page) {
    return (n + page - 1) & ~(page - 1);
}
static uintptr_t down(uintptr_t n, size_t page) {
    return n & ~(page - 1);
}

static uint64_t random_state = 88172645463325252u;
static uint64_t random_number(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

bool memory_holds(const void *address) {
    enter();
    const struct region *region = regions_next((uintptr_t)address);
    bool holds = region != NULL && region->start <= (uintptr_t)address;
    leave();
    return holds;
}

// host_place finds room of whole pages of the model's on the host.
static void *host_place(size_t size, int protection) {
    size_t more = machine.page - 4096;
    char *base = mmap(NULL, size + more, protection,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (base == MAP_FAILED) {
        return NULL;
    }
    char *start = (char *)up((uintptr_t)base, machine.page);
    if (start > base) {
        (void)munmap(base, (size_t)(start - base));
    }
    if (start + size < base + size + more) {
        (void)munmap(start + size, (size_t)(base + more - start));
    }
    return start;
}

// mmap.2:66-94: a fixed place replaces what is there, a hint is followed where
// nothing is, anything else is the system's choice.
static void *place(uintptr_t address, size_t size, int protection, bool fixed) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

    if (fixed) {
        void *at =
            mmap((void *)address, size, protection, flags | MAP_FIXED, -1, 0);
        return at != MAP_FAILED ? at : NULL;
    }
    if (address != 0) {
        void *at = mmap((void *)address, size, protection,
                        flags | MAP_FIXED_NOREPLACE, -1, 0);
        if (at != MAP_FAILED) {
            return at;
        }
    }
    return host_place(size, protection);
}

// mmap.2:157-177: for anonymous memory fd is -1 or flags of Mach's, of which a
// tag is one. A program's own are 240 to 255; memory of this library under one
// of the system's would be counted with that.
static bool tag_is_valid(int fd) {
    unsigned tag = (unsigned)fd >> 24;

    return fd == -1 || ((fd & 0xffffff) == 0 && tag >= 240);
}

// mmap.2:188-191, 249: fixed addresses are aligned, and one of the two ways of
// sharing is named. The text says of no flag but the listed what it does.
static int mmap_refusal(uintptr_t address, size_t size, int flags, int fd) {
    int known = D_SHARED | D_PRIVATE | D_FIXED | D_ANON;

    if (size == 0 || (flags & ~known) != 0 ||
        (flags & (D_SHARED | D_PRIVATE)) == 0 || !tag_is_valid(fd)) {
        return D_EINVAL;
    }
    if ((flags & D_FIXED) != 0 && (address & (machine.page - 1)) != 0) {
        return D_EINVAL;
    }
    // Silent about a hint that is no address of the process: refused.
    if (address != 0 && (address < FIRST_ADDRESS || address > LAST_ADDRESS ||
                         size > LAST_ADDRESS - address)) {
        return D_ENOMEM;
    }
    return 0;
}

static void *map_anonymous(uintptr_t address, size_t size, int protection,
                           int flags, int fd) {
    int refusal = mmap_refusal(address, size, flags, fd);

    if (refusal != 0) {
        (void)fail(refusal);
        return MAP_FAILED;
    }
    size = up(size, machine.page);
    address = down(address, machine.page);
    enter();
    char *at = place(address, size, protection, (flags & D_FIXED) != 0);
    if (at != NULL) {
        regions_clear((uintptr_t)at, (uintptr_t)at + size);
        regions_add(&(struct region){(uintptr_t)at, (uintptr_t)at + size,
                                     protection, fd != -1 ? fd >> 24 : 0,
                                     false});
    }
    leave();
    if (at == NULL) {
        (void)fail(D_ENOMEM);
    }
    return at != NULL ? at : MAP_FAILED;
}

static void *d_mmap(void *address, size_t size, int protection, int flags,
                    int fd, int64_t offset) {
    if ((flags & D_ANON) != 0) {
        return map_anonymous((uintptr_t)address, size, protection, flags, fd);
    }
    void *at =
        mmap(NULL, size, protection,
             (flags & D_SHARED) != 0 ? MAP_SHARED : MAP_PRIVATE, fd, offset);
    (void)done(at == MAP_FAILED ? -1 : 0);
    return at;
}

// munmap.2:116-129: an address that is not aligned, no length, or a part that
// is not there.
static int d_munmap(void *address, size_t size) {
    uintptr_t start = (uintptr_t)address;
    uintptr_t end = start + up(size, machine.page);
    int result = 0;

    if ((start & (machine.page - 1)) != 0 || size == 0) {
        return fail(D_EINVAL);
    }
    enter();
    if (!regions_cover(start, end)) {
        result = fail(D_EINVAL);
    } else {
        regions_clear(start, end);
        (void)munmap(address, end - start);
    }
    leave();
    return result;
}

static void set_protection(struct region *region, int to) {
    region->protection = to;
}

// mprotect.2:119-128.
static int d_mprotect(void *address, size_t size, int protection) {
    uintptr_t start = (uintptr_t)address;
    uintptr_t end = start + up(size, machine.page);
    int result = 0;

    if ((start & (machine.page - 1)) != 0) {
        return fail(D_EINVAL);
    }
    enter();
    if (!regions_cover(start, end)) {
        result = fail(D_ENOMEM);
    } else {
        result = (int)done(mprotect(address, end - start, protection));
        regions_change(start, end, set_protection, protection);
    }
    leave();
    return result;
}

// madvise.2:120-123: what the range holds is gone as far as its owner may know.
// Pages keep their bytes, are zero, or hold anything.
static void forfeit(uintptr_t start, uintptr_t end, bool at_once) {
    for (uintptr_t page = start; page < end; page += machine.page) {
        uint64_t fate = at_once ? 0 : random_number() % 3;
        if (fate == 0) {
            (void)madvise((void *)page, machine.page, MADV_DONTNEED);
        } else if (fate == 1) {
            memset((void *)page, 0xdb, machine.page);
        }
    }
}

static void set_reusable(struct region *region, int to) {
    region->reusable = to != 0;
}

// madvise.2:176-180: not every memory can be given up; what cannot be written
// cannot, for its contents would change.
static bool all_writable(uintptr_t start, uintptr_t end) {
    const struct region *region = regions_next(start);

    for (; region != NULL && region->start < end;
         region = regions_next(region->end)) {
        if ((region->protection & PROT_WRITE) == 0) {
            return false;
        }
    }
    return true;
}

static int give_up(uintptr_t start, uintptr_t end, int advice) {
    if (!all_writable(start, end)) {
        return fail(D_EPERM);
    }
    if (advice == D_MADV_FREE) {
        // "right away": at once, so that what is resident shows it.
        forfeit(start, end, true);
        return 0;
    }
    if (machine.no_reusable) {
        return fail(D_EPERM);
    }
    // xnu:osfmk/vm/vm_map.c:16928-16935: no such thing for a process whose
    // pages are smaller than the kernel's, and no failure either.
    if (machine.kernel_page > machine.page) {
        return 0;
    }
    forfeit(start, end, false);
    regions_change(start, end, set_reusable, 1);
    return 0;
}

// The text does not say what becomes of a range that is not whole pages: it is
// widened, and for the advice that deals with pages of the kernel's, to those.
static int d_madvise(void *address, size_t size, int advice) {
    bool of_kernel =
        advice >= D_MADV_FREE_REUSABLE && advice <= D_MADV_CAN_REUSE;
    size_t page = of_kernel ? machine.kernel_page : machine.page;
    uintptr_t start = down((uintptr_t)address, page);
    uintptr_t end = up((uintptr_t)address + size, page);
    int result = 0;

    if (advice < 0 || advice > D_MADV_CAN_REUSE) {
        return fail(D_EINVAL);
    }
    enter();
    if (!regions_cover(start, end)) {
        result = fail(D_EINVAL); // madvise.2:168-169
    } else if (advice == D_MADV_FREE || advice == D_MADV_FREE_REUSABLE) {
        result = give_up(start, end, advice);
    } else if (advice == D_MADV_FREE_REUSE) {
        regions_change(start, end, set_reusable, 0);
    }
    leave();
    return result;
}

// mincore.2:60-66, one bit of it.
static int d_mincore(const void *address, size_t size, char *vector) {
    uintptr_t start = down((uintptr_t)address, machine.page);
    uintptr_t end = up((uintptr_t)address + size, machine.page);

    for (; start < end; start += machine.page) {
        unsigned char bits[16] = {0};
        if (mincore((void *)start, machine.page, bits) != 0) {
            return fail(D_EINVAL);
        }
        *vector++ = (char)(bits[0] & 1);
    }
    return 0;
}

const struct symbol memory_symbols[] = {
    {"mmap", (void *)d_mmap},         {"munmap", (void *)d_munmap},
    {"mprotect", (void *)d_mprotect}, {"madvise", (void *)d_madvise},
    {"mincore", (void *)d_mincore},   {NULL, NULL},
};
