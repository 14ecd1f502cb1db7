// host_posix_sim.c - the simulator on a POSIX machine.

#include <sys/uio.h>

#include "core/base/bits.h"
#include "platform/posix/posix_util.h"
#include "platform/sim/sim_host.h"

enum { MH_HOST_LARGE = 4 << 20 }; // bytes

size_t mh_host_granularity(void) {
    return mh_host_page_size();
}

size_t mh_host_page_size(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}

// The stack lies at the top.
unsigned mh_host_address_bits(void) {
    return mh_address_bits((uintptr_t)__builtin_frame_address(0));
}

// Asking for no more moves nothing.
size_t mh_host_program_end(void) {
    void *end = sbrk(0);

    return end == (void *)-1 ? 0 : (size_t)end;
}

static int protection(bool access) {
    return access ? PROT_READ | PROT_WRITE : PROT_NONE;
}

void *mh_host_map(void *hint, size_t size, bool access, size_t align) {
    size_t padded = size + align;
    void *base = NULL;

    if (hint != NULL && mh_os_ok(mh_posix_map(hint, size, protection(access),
                                              MAP_NORESERVE, &base))) {
        if (base == hint) {
            return base;
        }
        (void)mh_posix_unmap(base, size);
    }
    if (padded < size ||
        !mh_os_ok(mh_posix_map(NULL, padded, protection(access), MAP_NORESERVE,
                               &base))) {
        return NULL;
    }
    char *middle = (char *)mh_align_up((uintptr_t)base, align);
    size_t head = (size_t)(middle - (char *)base);
    if (head > 0) {
        (void)mh_posix_unmap(base, head);
    }
    if (align > head) {
        (void)mh_posix_unmap(middle + size, align - head);
    }
    return middle;
}

bool mh_host_unmap(void *base, size_t size) {
    return mh_os_ok(mh_posix_unmap(base, size));
}

// The simulator writes over what it takes back: with huge pages a test of
// 100 MB spends a tenth of the time in page faults.
static void prefer_huge_pages(void *base, size_t size) {
#ifdef MADV_HUGEPAGE
    int saved = errno;
    (void)madvise(base, size, MADV_HUGEPAGE);
    errno = saved;
#else
    (void)base;
    (void)size;
#endif
}

bool mh_host_protect(void *base, size_t size, bool access) {
    if (access && size >= MH_HOST_LARGE) {
        prefer_huge_pages(base, size);
    }
    return mh_os_ok(mh_posix_protect(base, size, protection(access)));
}

bool mh_host_can_read(uintptr_t address) {
    char byte = 0;
    struct iovec to = {&byte, 1}, from = {(void *)address, 1};
    int saved = errno;
    bool can = process_vm_readv(getpid(), &to, 1, &from, 1, 0) == 1;

    errno = saved;
    return can;
}

void mh_host_discard(void *base, size_t size) {
    int saved = errno;

    (void)madvise(base, size, MADV_DONTNEED);
    errno = saved;
}

struct mh_os_err mh_host_map_shared(int fd, size_t size, void **base_out) {
    return mh_posix_map_shared(fd, size, base_out);
}

uint64_t mh_host_process_id(void) {
    return (uint64_t)getpid();
}

const char *mh_host_getenv(const char *name) {
    return environ == NULL ? NULL : mh_posix_find(environ, name);
}

void mh_host_write_error(const char *text, size_t size) {
    mh_posix_write_error(text, size);
}

void mh_host_abort(bool run_handler) {
    mh_posix_abort(run_handler);
}

bool mh_host_is_oom(int code) {
    return mh_posix_is_oom(code);
}
