// mem_darwin.c - the four states of memory on Darwin.
//
//   Reserved  mapped without access
//   Prepared  mapped for reading and writing, never touched or given up
//   Ready     the same; pages come when they are touched
//
// Prepared and Ready differ in what the system counts against the process:
// pages given up with MADV_FREE_REUSABLE are not, until MADV_FREE_REUSE or a
// write. What they hold meanwhile is promised by nobody: the old bytes until
// memory is short, zeroes from then on.
//
// The rules are those of mmap(2), madvise(2), mprotect(2) and munmap(2) of
// macOS, and of the headers of its SDK.

#include <errno.h>
#include <mach/vm_page_size.h>
#include <mach/vm_statistics.h>
#include <sys/mman.h>

#include "platform/os.h"
#include "platform/posix/posix_util.h"

// vmmap(1) lists our memory as "Memory Tag 249": mmap(2) leaves 240 to 255 to
// programs. Not one of malloc's own tags, for which the kernel holds the advice
// below to rules of its own.
#define OUR_TAG ((int)VM_MAKE_TAG(249u))

// Anonymous memory has no file, and its tag stands where a file would
// (mmap(2), MAP_ANON).
static struct mh_os_err map(void *hint, size_t size, int protection, int fixed,
                            void **base_out) {
    int saved = errno;
    void *base = mmap(hint, size, protection, MAP_PRIVATE | MAP_ANON | fixed,
                      OUR_TAG, 0);

    if (base == MAP_FAILED) {
        return mh_posix_done(-1, saved);
    }
    *base_out = base;
    return mh_posix_done(0, saved);
}

struct mh_os_err mh_os_alloc(size_t size, void **base_out) {
    return map(NULL, size, PROT_READ | PROT_WRITE, 0, base_out);
}

// A hint that is taken is moved. What becomes of one outside the address space
// is not said, so a refusal is asked again without it.
struct mh_os_err mh_os_reserve(void *hint, size_t size, void **base_out) {
    struct mh_os_err err = map(hint, size, PROT_NONE, 0, base_out);

    if (!mh_os_ok(err) && hint != NULL) {
        err = map(NULL, size, PROT_NONE, 0, base_out);
    }
    return err;
}

struct mh_os_err mh_os_map(void *base, size_t size) {
    return mh_posix_protect(base, size, PROT_READ | PROT_WRITE);
}

// On the system's books only: a page that was given up and is written to works
// without it, but is left out of what the process is said to use. Pages that
// were never given up are no failure. So there is none to report: a kernel that
// does not know the advice loses nothing but the count.
struct mh_os_err mh_os_used(void *base, size_t size) {
    int saved = errno;

    (void)madvise(base, size, MADV_FREE_REUSE);
    errno = saved;
    return (struct mh_os_err){0};
}

// A process that is translated from amd64 has pages of 4 KiB, where the kernel
// has 16. Trap: it is told that MADV_FREE_REUSABLE worked, and nothing has
// happened (vm_map_reusable_pages of xnu).
static bool is_translated(void) {
    return vm_kernel_page_size > vm_page_size;
}

// Trap: the kernel widens a range that is not one of whole pages, as it does
// for every advice, and the neighbours' contents go too. os.h has whole pages.
//
// There is no choice of laziness: the pages leave the account at once, and the
// system takes them when it needs them. Nor are there hints to take: superpages
// are asked for when memory is mapped, on amd64 only, and cannot be given back
// in part; a mapping has its tag from the start, and no name.
//
// What cannot be marked so (madvise(2): EPERM, ENOTSUP, EINVAL) may still be
// given up the older way, which leaves the pages on the process's account until
// they are taken.
struct mh_os_err mh_os_unused(void *base, size_t size) {
    int saved = errno;
    int result = is_translated() ? -1 : madvise(base, size, MADV_FREE_REUSABLE);

    if (result != 0) {
        result = madvise(base, size, MADV_FREE);
    }
    return mh_posix_done(result, saved);
}

// A fresh mapping over the old one gives the pages back in the same call.
struct mh_os_err mh_os_fault(void *base, size_t size) {
    void *at;

    return map(base, size, PROT_NONE, MAP_FIXED, &at);
}

struct mh_os_err mh_os_free(void *base, size_t size) {
    return mh_posix_unmap(base, size);
}

// mach_vm_remap would share the pages, and the source would need a fresh
// mapping by a second call: one that fails leaves the two with the same pages.
struct mh_os_err mh_os_move(void *from, void *to, size_t size) {
    (void)from;
    (void)to;
    (void)size;
    return (struct mh_os_err){ENOTSUP};
}

// No advice promises zeroes on every version: MADV_ZERO is too new, and may
// answer ENOTSUP at any time (madvise(2)).
struct mh_os_err mh_os_discard(void *base, size_t size) {
    (void)base;
    (void)size;
    return (struct mh_os_err){ENOTSUP};
}

struct mh_os_err mh_os_map_shared(int fd, size_t size, void **base_out) {
    return mh_posix_map_shared(fd, size, base_out);
}

bool mh_os_err_is_oom(struct mh_os_err err) {
    return mh_posix_is_oom(err.code);
}
