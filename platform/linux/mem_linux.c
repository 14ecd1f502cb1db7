// mem_linux.c - the four states of memory on Linux.
//
//   Reserved  mapped without access, and without a claim on memory
//   Prepared  mapped for reading and writing, never touched or given back
//   Ready     the same mapping; pages come when they are touched
//
// Prepared and Ready differ on the books only: Linux commits on first touch.
// A mapping next to one with the same rights is merged by the kernel, so a heap
// that maps its arenas front to back keeps few mappings.

#include <errno.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/base/atomic.h"
#include "core/base/range.h"
#include "platform/linux/linux.h"
#include "platform/os.h"
#include "platform/posix/posix_util.h"

#ifndef PR_SET_VMA
#    define PR_SET_VMA 0x53564d41
#endif
#ifndef PR_SET_VMA_ANON_NAME
#    define PR_SET_VMA_ANON_NAME 0
#endif
#ifndef MREMAP_DONTUNMAP
#    define MREMAP_DONTUNMAP 4
#endif
#ifndef PIDFD_SELF_PROCESS
#    define PIDFD_SELF_PROCESS (-10001) // pidfd.h of Linux 6.15
#endif
#ifndef SYS_process_madvise
#    define SYS_process_madvise (-1) // headers before Linux 5.10: refused
#endif
#ifndef MAP_FIXED_NOREPLACE
#    define MAP_FIXED_NOREPLACE 0x100000
#endif

// Which advice unused gives. MADV_FREE leaves the pages until memory is short:
// cheaper, but resident memory then no longer says what the heap uses.
static int unused_advice = MADV_DONTNEED;

// The kernel knows how to name mappings; cleared when it turns out not to.
static bool can_name = true;

// It takes advice for many ranges at once; the same.
static bool takes_ranges = true;

struct mh_os_err mh_os_alloc(size_t size, void **base_out) {
    return mh_posix_map(NULL, size, PROT_READ | PROT_WRITE, 0, base_out);
}

// NORESERVE keeps the kernel's heuristic overcommit from refusing a large
// reservation for which nobody asked memory. Without MAP_FIXED the hint is only
// that: the kernel goes elsewhere when the place is taken.
struct mh_os_err mh_os_reserve(void *hint, size_t size, void **base_out) {
    return mh_posix_map(hint, size, PROT_NONE, MAP_NORESERVE, base_out);
}

// mprotect rather than a second mmap: it fails without having unmapped
// anything, and the range merges with a neighbour that has the same rights.
struct mh_os_err mh_os_map(void *base, size_t size) {
    return mh_posix_protect(base, size, PROT_READ | PROT_WRITE);
}

struct mh_os_err mh_os_used(void *base, size_t size) {
    (void)base;
    (void)size;
    return (struct mh_os_err){0};
}

// Kernels before 4.5 lack MADV_FREE and say EINVAL. EINVAL also means that the
// program has locked the pages in memory; then the second call says it again.
struct mh_os_err mh_os_unused(void *base, size_t size) {
    int saved = errno;
    int advice = MH_LOAD_RELAXED(&unused_advice);
    int result = madvise(base, size, advice);

    if (result != 0 && errno == EINVAL && advice != MADV_DONTNEED) {
        result = madvise(base, size, MADV_DONTNEED);
        if (result == 0) {
            MH_STORE_RELAXED(&unused_advice, MADV_DONTNEED);
        }
    }
    return mh_posix_done(result, saved);
}

// Every madvise waits for all processors that run the process: 50 us where they
// are busy, and 2 us for a range when many come together. A descriptor of the
// process would be the parent's in a child of fork; this number is whoever's
// calls. Before Linux 6.15 there is no such number, and no advice that loses
// contents for oneself either.
size_t mh_os_unused_ranges(const struct mh_range *ranges, size_t n) {
    enum { MOST = 64 };
    struct iovec parts[MOST];
    int saved = errno;
    size_t done = 0;

    if (!MH_LOAD_RELAXED(&takes_ranges)) {
        return 0;
    }
    n = n < MOST ? n : MOST;
    for (size_t i = 0; i < n; i++) {
        parts[i] = (struct iovec){ranges[i].base, ranges[i].size};
    }
    ssize_t bytes = syscall(SYS_process_madvise, PIDFD_SELF_PROCESS, parts, n,
                            MH_LOAD_RELAXED(&unused_advice), 0);
    if (bytes < 0 && errno != ENOMEM && errno != EINTR) {
        MH_STORE_RELAXED(&takes_ranges, false);
    }
    for (; done < n && bytes >= (ssize_t)ranges[done].size; done++) {
        bytes -= (ssize_t)ranges[done].size;
    }
    errno = saved;
    return done;
}

// A fresh mapping over the old one gives the pages back in the same call. It
// splits the mapping, which is why this is for debugging.
struct mh_os_err mh_os_fault(void *base, size_t size) {
    void *at;

    return mh_posix_map(base, size, PROT_NONE, MAP_NORESERVE | MAP_FIXED, &at);
}

struct mh_os_err mh_os_free(void *base, size_t size) {
    return mh_posix_unmap(base, size);
}

// The kernel unmaps the destination before it finds that the move is not
// possible: the source has become two mappings, or a limit is in the way. What
// is missing is mapped anew; never over what another thread has mapped there
// meanwhile. Where that fails too there is a hole in memory that the caller
// takes for Ready, and no way on.
static void repair_destination(void *to, size_t size) {
    void *at = NULL;
    struct mh_os_err err =
        mh_posix_map(to, size, PROT_READ | PROT_WRITE,
                     MAP_NORESERVE | MAP_FIXED_NOREPLACE, &at);

    if (!mh_os_ok(err) && err.code != EEXIST) {
        mh_posix_abort(false);
    }
}

// `spare` is room for the repair: with it given back, the destination can be
// mapped anew whatever the limits of the process are.
struct mh_os_err mh_os_move(void *from, void *to, size_t size) {
    int saved = errno;
    void *spare = NULL;
    struct mh_os_err err =
        mh_posix_map(NULL, size, PROT_READ | PROT_WRITE, MAP_NORESERVE, &spare);

    if (!mh_os_ok(err)) {
        return err;
    }
    void *at = mremap(from, size, size,
                      MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to);
    err = mh_posix_done(at == MAP_FAILED ? -1 : 0, saved);
    (void)mh_posix_unmap(spare, size);
    if (!mh_os_ok(err)) {
        repair_destination(to, size);
    }
    return err;
}

// Whatever unused does: MADV_FREE would let the old contents come back.
struct mh_os_err mh_os_discard(void *base, size_t size) {
    int saved = errno;

    return mh_posix_done(madvise(base, size, MADV_DONTNEED), saved);
}

struct mh_os_err mh_os_map_shared(int fd, size_t size, void **base_out) {
    return mh_posix_map_shared(fd, size, base_out);
}

void mh_os_set_lazy(bool lazy) {
    MH_STORE_RELAXED(&unused_advice, lazy ? MADV_FREE : MADV_DONTNEED);
}

bool mh_linux_is_lazy(void) {
    return MH_LOAD_RELAXED(&unused_advice) != MADV_DONTNEED;
}

// A byte for each page.
size_t mh_os_resident(const void *base, size_t size) {
    enum { PAGES = 256 };
    unsigned char in[PAGES];
    int saved = errno;
    size_t page_size = (size_t)getpagesize();
    uintptr_t at = (uintptr_t)base;
    size_t resident = 0;

    while (size != 0) {
        size_t n = size / page_size < PAGES ? size / page_size : PAGES;
        if (mincore((void *)at, n * page_size, in) != 0) {
            errno = saved;
            return 0;
        }
        for (size_t i = 0; i < n; i++) {
            resident += (in[i] & 1u) * page_size;
        }
        at += n * page_size;
        size -= n * page_size;
    }
    return resident;
}

static void advise(void *base, size_t size, int advice) {
    int saved = errno;

    (void)madvise(base, size, advice);
    errno = saved;
}

void mh_os_hugepage(void *base, size_t size) {
    advise(base, size, MADV_HUGEPAGE);
}

void mh_os_nohugepage(void *base, size_t size) {
    advise(base, size, MADV_NOHUGEPAGE);
}

// Kernels without names for anonymous memory say EINVAL to every attempt.
void mh_os_name(void *base, size_t size, const char *name) {
    int saved = errno;

    if (!MH_LOAD_RELAXED(&can_name)) {
        return;
    }
    if (prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, base, size, name) != 0 &&
        errno == EINVAL) {
        MH_STORE_RELAXED(&can_name, false);
    }
    errno = saved;
}

bool mh_os_err_is_oom(struct mh_os_err err) {
    return mh_posix_is_oom(err.code);
}
