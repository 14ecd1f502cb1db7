// info_windows.c - facts about a Windows machine, and standard error.

#include "core/base/bits.h"
#include "core/base/stir.h"
#include "platform/os.h"
#include "platform/os_info.h"
#include "platform/windows/windows_util.h"

// Declared in ntsecapi.h, which needs more of the system's headers than all of
// this file. Microsoft's reference calls it RtlGenRandom.
#define RtlGenRandom SystemFunction036
BOOLEAN NTAPI RtlGenRandom(void *buffer, ULONG size);

// There are no transparent huge pages: large ones have to be asked for when
// memory is reserved, by a privileged process, and cannot be given back in
// part.
void mh_os_query(struct mh_os_info *info) {
    SYSTEM_INFO system;

    GetSystemInfo(&system);
    uintptr_t last = (uintptr_t)system.lpMaximumApplicationAddress;
    *info = (struct mh_os_info){
        .page_size = system.dwPageSize,
        .reserve_align = system.dwAllocationGranularity,
        .huge_page_size = 0,
        .address_bits = mh_log2(last) + 1,
        // No limit of addresses but their width: a job object limits commit.
        .space_bytes = sizeof(void *) == 8 ? 0 : (size_t)last,
        .partial_free = false,
        .unused_zeroes = true,
        .commit_charged = true,
        .can_move = false,
        .can_discard = false,
    };
}

// Nobody promises that it cannot fail; the addresses are random too.
void mh_os_entropy(void *buffer, size_t size) {
    DWORD saved = GetLastError();

    if (!RtlGenRandom(buffer, (ULONG)size)) {
        mh_stir(mh_windows_clock() ^ (uintptr_t)&saved ^
                    (uintptr_t)&mh_os_entropy,
                buffer, size);
    }
    SetLastError(saved);
}

const char *mh_os_getenv(const char *name) {
    return mh_windows_getenv(name);
}

// A process is given its rights by the token that its creator chose for it; no
// program file lends rights to whoever starts it, as setuid does elsewhere. A
// creator that hands out more than it was asked with (the consent window, a
// service) makes the environment itself.
bool mh_os_is_secure(void) {
    return false;
}

uint64_t mh_os_process_id(void) {
    return GetCurrentProcessId();
}

void mh_os_write_error(const char *text, size_t size) {
    mh_windows_write_error(text, size);
}

void mh_os_abort(bool run_handler) {
    mh_windows_abort(run_handler);
}
