// info_darwin.c - facts about a Darwin machine, and standard error.

#include <crt_externs.h>
#include <errno.h>
#include <mach/vm_page_size.h>
#include <mach/vm_param.h>
#include <pthread.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/base/stir.h"
#include "platform/os.h"
#include "platform/os_info.h"
#include "platform/posix/posix_util.h"

// Older systems keep the limit of addresses and hold nobody to it; to believe
// it all the same costs a heap that was told so nothing it was promised.
void mh_os_query(struct mh_os_info *info) {
    int saved = errno;

    *info = (struct mh_os_info){
        .page_size = vm_page_size,
        .reserve_align = vm_page_size,
        .huge_page_size = 0,
        .address_bits = mh_log2(MACH_VM_MAX_ADDRESS) + 1,
        .space_bytes = mh_posix_space_bytes(),
        .program_end = 0, // the heap does not lie behind the program
        .partial_free = true,
        .unused_zeroes = false,
        .commit_charged = false,
        .can_move = false,
        .can_discard = false,
    };
    errno = saved;
}

// getentropy(2): at most 256 bytes, which is what os_info.h allows. A sandbox
// may forbid it; the addresses are random too.
void mh_os_entropy(void *buffer, size_t size) {
    int saved = errno;

    if (getentropy(buffer, size) != 0) {
        mh_stir(mh_posix_clock(CLOCK_MONOTONIC_RAW) ^ (uintptr_t)&saved ^
                    (uintptr_t)&mh_os_entropy,
                buffer, size);
    }
    errno = saved;
}

// A library cannot name environ here (environ(7)). dyld runs the initialiser of
// libSystem, which sets it, before that of anything else; what calls malloc
// even earlier finds no variables.
const char *mh_os_getenv(const char *name) {
    char *const *variables = *_NSGetEnviron();

    return variables != NULL ? mh_posix_find(variables, name) : NULL;
}

bool mh_os_is_secure(void) {
    return issetugid() != 0;
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
