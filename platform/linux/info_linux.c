// info_linux.c - facts about a Linux machine, and standard error.
//
// Runs before constructors and inside malloc. Reads and writes go through
// syscall(), because the C library's own are cancellation points: a thread
// cancelled there would leave the heap's locks held.

#include <errno.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/base/stir.h"
#include "platform/linux/linux.h"
#include "platform/os.h"
#include "platform/os_info.h"
#include "platform/posix/posix_util.h"

#ifndef GRND_NONBLOCK
#    define GRND_NONBLOCK 1
#endif
#ifndef MREMAP_DONTUNMAP
#    define MREMAP_DONTUNMAP 4
#endif

// Room for the environment when it must be read from /proc.
enum { EARLY_ENVIRONMENT = 32 * 1024, EARLY_VARIABLES = 1024 };

// read_file copies the start of a file, and reports how many bytes; 0 when it
// cannot be read.
static size_t read_file(const char *path, char *buffer, size_t size) {
    size_t length = 0;
    long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return 0;
    }
    while (length < size) {
        long n = syscall(SYS_read, (int)fd, buffer + length, size - length);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break;
        }
        length += (size_t)n;
    }
    (void)syscall(SYS_close, (int)fd);
    return length;
}

// A size of 0 is what a kernel without huge pages, or a container that hides
// /sys, amounts to. A mode of [never] is the administrator's no.
static size_t huge_page_size(void) {
    char text[64];
    size_t size = 0;
    size_t length = read_file("/sys/kernel/mm/transparent_hugepage/enabled",
                              text, sizeof(text) - 1);

    text[length] = '\0';
    if (length == 0 || strstr(text, "[never]") != NULL) {
        return 0;
    }
    length = read_file("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size",
                       text, sizeof(text));
    for (size_t i = 0; i < length && text[i] >= '0' && text[i] <= '9'; i++) {
        size = size * 10 + (size_t)(text[i] - '0');
    }
    return size;
}

// The 16 random bytes lie on the stack.
static unsigned address_bits(void) {
    return mh_address_bits((uintptr_t)getauxval(AT_RANDOM));
}

// Asking for no more moves nothing.
static size_t program_end(void) {
    void *end = sbrk(0);

    return end == (void *)-1 ? 0 : (size_t)end;
}

// MREMAP_DONTUNMAP came with Linux 5.7; emulators know the call but not always
// the flag. So it is tried on two pages, and the result looked at.
static bool can_move(size_t page_size) {
    void *base = NULL;
    unsigned char resident;
    bool moved = false;

    if (!mh_os_ok(mh_posix_map(NULL, 2 * page_size, PROT_READ | PROT_WRITE, 0,
                               &base)) ||
        base == NULL) {
        return false;
    }
    volatile unsigned char *from = base;
    volatile unsigned char *to = from + page_size;

    *from = 0xa5;
    if (mh_os_ok(mh_os_move(base, (char *)base + page_size, page_size))) {
        moved = *to == 0xa5;
        // Gone, and by now perhaps another thread's.
        if (mincore(base, page_size, &resident) != 0) {
            (void)mh_posix_unmap((char *)base + page_size, page_size);
            return false;
        }
    }
    (void)mh_posix_unmap(base, 2 * page_size);
    return moved;
}

void mh_os_query(struct mh_os_info *info) {
    int saved = errno;

    info->page_size = (size_t)getauxval(AT_PAGESZ);
    if (info->page_size == 0) {
        info->page_size = (size_t)sysconf(_SC_PAGESIZE);
    }
    info->reserve_align = info->page_size;
    info->huge_page_size = huge_page_size();
    info->address_bits = address_bits();
    info->space_bytes = mh_posix_space_bytes();
    info->program_end = program_end();
    info->partial_free = true;
    info->unused_zeroes = !mh_linux_is_lazy();
    info->commit_charged = false;
    info->can_move = can_move(info->page_size);
    info->can_discard = true;
    errno = saved;
}

// Early in boot the kernel may have nothing yet, and old or sandboxed ones lack
// the call. The kernel gave every process 16 random bytes; with the clock and
// the stack's address they tell one call from the next.
void mh_os_entropy(void *buffer, size_t size) {
    int saved = errno;
    long n = syscall(SYS_getrandom, buffer, size, GRND_NONBLOCK);
    const void *given = (const void *)getauxval(AT_RANDOM);
    uint64_t seed[2] = {0, 0};

    errno = saved;
    if (n >= 0 && (size_t)n == size) {
        return;
    }
    if (given != NULL) {
        memcpy(seed, given, sizeof(seed));
    }
    mh_stir(seed[0] ^ seed[1] ^ mh_posix_clock(CLOCK_MONOTONIC) ^
                (uintptr_t)&seed,
            buffer, size);
}

// The C library sets environ when it initialises itself. The dynamic loader
// calls malloc before that; then the kernel's copy of the environment is read,
// once, as far as it fits. No thread but the first exists that early.
static const char *early_getenv(const char *name) {
    static char text[EARLY_ENVIRONMENT];
    static char *variables[EARLY_VARIABLES + 1];

    if (variables[0] == NULL) {
        size_t length = read_file("/proc/self/environ", text, sizeof(text) - 1);
        size_t n = 0;
        for (size_t i = 0; i < length && n < EARLY_VARIABLES; n++) {
            variables[n] = text + i;
            i += strlen(text + i) + 1;
        }
    }
    return mh_posix_find(variables, name);
}

const char *mh_os_getenv(const char *name) {
    int saved = errno;
    const char *value =
        environ != NULL ? mh_posix_find(environ, name) : early_getenv(name);

    errno = saved;
    return value;
}

bool mh_os_is_secure(void) {
    return getauxval(AT_SECURE) != 0;
}

uint64_t mh_os_process_id(void) {
    return (uint64_t)getpid();
}

void mh_os_write_error(const char *text, size_t size) {
    int saved = errno;

    while (size > 0) {
        long n = syscall(SYS_write, STDERR_FILENO, text, size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break;
        }
        text += n;
        size -= (size_t)n;
    }
    errno = saved;
}

void mh_os_abort(bool run_handler) {
    mh_posix_abort(run_handler);
}
