// info_aix.c - facts about an AIX machine, and standard error.

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "core/base/stir.h"
#include "platform/os.h"
#include "platform/os_info.h"
#include "platform/posix/posix_util.h"

extern char **environ;

// mmap gives addresses from 0x0A00000000000000 up, which is as wide as they get
// ("Address space models" of IBM's "General Programming Concepts").
enum { ADDRESS_BITS = sizeof(void *) == 8 ? 60 : 32 };

// Pages of 4 KiB: larger ones of mmap's have to be asked for. Where the program
// ends says nothing about where there is room: the break of a 32-bit program
// lies in a segment that mmap does not use.
void mh_os_query(struct mh_os_info *info) {
    int saved = errno;
    size_t page_size = (size_t)sysconf(_SC_PAGESIZE);

    *info = (struct mh_os_info){
        .page_size = page_size,
        .reserve_align = page_size,
        .huge_page_size = 0,
        .address_bits = ADDRESS_BITS,
        .space_bytes = mh_posix_space_bytes(),
        .program_end = 0,
        .partial_free = true,
        .unused_zeroes = false,
        .commit_charged = false,
        .can_move = false,
        .can_discard = false,
    };
    errno = saved;
}

// Reading and opening are cancellation points; a thread that is cancelled here
// would leave the heap's locks held.
static bool read_random(void *buffer, size_t size) {
    int state = 0;

    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    int fd = open("/dev/urandom", O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, buffer, size);
    if (fd >= 0) {
        (void)close(fd);
    }
    (void)pthread_setcancelstate(state, NULL);
    return n >= 0 && (size_t)n == size;
}

void mh_os_entropy(void *buffer, size_t size) {
    int saved = errno;

    if (!read_random(buffer, size)) {
        mh_stir(mh_posix_clock(CLOCK_MONOTONIC) ^ (uintptr_t)&saved, buffer,
                size);
    }
    errno = saved;
}

const char *mh_os_getenv(const char *name) {
    return environ == NULL ? NULL : mh_posix_find(environ, name);
}

bool mh_os_is_secure(void) {
    return getuid() != geteuid() || getgid() != getegid();
}

uint64_t mh_os_process_id(void) {
    return (uint64_t)getpid();
}

void mh_os_write_error(const char *text, size_t size) {
    mh_posix_write_error(text, size);
}

void mh_os_abort(bool run_handler) {
    mh_posix_abort(run_handler);
}
