// host_windows_sim.c - the simulator on a Windows machine.
//
// The simulated system may free any part of what it mapped, the host only the
// whole: a part is decommitted, and the whole goes with its last part.

#include "core/base/bits.h"
#include "platform/sim/sim_host.h"
#include "platform/windows/windows_util.h"

// Reservations that have been freed in part.
enum { PARTED_MAX = 4096 };

static struct {
    char *base;
    size_t gone; // bytes
} parted[PARTED_MAX];
static size_t nparted;

static bool query(const void *at, MEMORY_BASIC_INFORMATION *run) {
    return VirtualQuery(at, run, sizeof(*run)) == sizeof(*run) &&
           run->State != MEM_FREE;
}

// Its whole size.
static size_t reservation_size(char *base) {
    MEMORY_BASIC_INFORMATION run;
    size_t size = 0;

    while (query(base + size, &run) && run.AllocationBase == base) {
        size += run.RegionSize;
    }
    return size;
}

size_t mh_host_granularity(void) {
    SYSTEM_INFO system;

    GetSystemInfo(&system);
    return system.dwAllocationGranularity;
}

size_t mh_host_page_size(void) {
    SYSTEM_INFO system;

    GetSystemInfo(&system);
    return system.dwPageSize;
}

size_t mh_host_program_end(void) {
    return 0; // there is no break
}

unsigned mh_host_address_bits(void) {
    SYSTEM_INFO system;

    GetSystemInfo(&system);
    return mh_log2((uintptr_t)system.lpMaximumApplicationAddress) + 1;
}

void *mh_host_map(void *hint, size_t size, bool access, size_t align) {
    DWORD how = MEM_RESERVE | (access ? MEM_COMMIT : 0);
    void *base = NULL;

    if (align > mh_host_granularity()) {
        return NULL; // no system that is simulated needs it
    }
    if (hint != NULL) {
        base = VirtualAlloc(hint, size, how, PAGE_READWRITE);
    }
    return base != NULL ? base : VirtualAlloc(NULL, size, how, PAGE_READWRITE);
}

static void drop(size_t i) {
    (void)VirtualFree(parted[i].base, 0, MEM_RELEASE);
    parted[i] = parted[--nparted];
}

static bool unmap_part(char *base, char *at, size_t size) {
    size_t i = 0;

    while (i < nparted && parted[i].base != base) {
        i++;
    }
    if (i == PARTED_MAX || VirtualFree(at, size, MEM_DECOMMIT) == 0) {
        return false;
    }
    if (i == nparted) {
        parted[i].base = base;
        parted[i].gone = 0;
        nparted++;
    }
    parted[i].gone += size;
    if (parted[i].gone >= reservation_size(base)) {
        drop(i);
    }
    return true;
}

bool mh_host_unmap(void *base, size_t size) {
    DWORD saved = GetLastError();
    char *at = base;
    char *limit = at + size;
    MEMORY_BASIC_INFORMATION run;
    bool worked = true;

    while (worked && at < limit && query(at, &run)) {
        char *whole = run.AllocationBase;
        size_t all = reservation_size(whole);
        size_t left = (size_t)(whole + all - at);
        size_t part = left < (size_t)(limit - at) ? left : (size_t)(limit - at);
        worked = at == whole && part == all
                     ? VirtualFree(at, 0, MEM_RELEASE) != 0
                     : unmap_part(whole, at, part);
        at += part;
    }
    SetLastError(saved);
    return worked && at == limit;
}

// each_run calls one for every run of pages alike.
static bool each_run(char *base, size_t size,
                     bool (*one)(char *, size_t, bool committed, bool usable,
                                 bool access),
                     bool access) {
    DWORD saved = GetLastError();
    char *limit = base + size;
    MEMORY_BASIC_INFORMATION run;
    bool worked = true;

    while (worked && base < limit && query(base, &run)) {
        size_t left = (size_t)(limit - base);
        size_t rest = run.RegionSize - (size_t)(base - (char *)run.BaseAddress);
        size_t part = rest < left ? rest : left;
        worked = one(base, part, run.State == MEM_COMMIT,
                     run.State == MEM_COMMIT && run.Protect == PAGE_READWRITE,
                     access);
        base += part;
    }
    SetLastError(saved);
    return worked && base == limit;
}

static bool protect_run(char *at, size_t size, bool committed, bool usable,
                        bool access) {
    DWORD old;

    if (usable == access || (!committed && !access)) {
        return true;
    }
    if (!committed) {
        return VirtualAlloc(at, size, MEM_COMMIT, PAGE_READWRITE) != NULL;
    }
    return VirtualProtect(at, size, access ? PAGE_READWRITE : PAGE_NOACCESS,
                          &old) != 0;
}

static bool discard_run(char *at, size_t size, bool committed, bool usable,
                        bool access) {
    (void)access;
    return !committed || (VirtualFree(at, size, MEM_DECOMMIT) != 0 &&
                          (!usable || VirtualAlloc(at, size, MEM_COMMIT,
                                                   PAGE_READWRITE) != NULL));
}

bool mh_host_protect(void *base, size_t size, bool access) {
    return each_run(base, size, protect_run, access);
}

bool mh_host_can_read(uintptr_t address) {
    return mh_windows_is_on_stack(address, 1);
}

void mh_host_discard(void *base, size_t size) {
    if (!each_run(base, size, discard_run, false)) {
        mh_windows_abort(false);
    }
}

struct mh_os_err mh_host_map_shared(int fd, size_t size, void **base_out) {
    (void)fd;
    (void)size;
    (void)base_out;
    return (struct mh_os_err){EINVAL};
}

uint64_t mh_host_process_id(void) {
    return GetCurrentProcessId();
}

const char *mh_host_getenv(const char *name) {
    return mh_windows_getenv(name);
}

void mh_host_write_error(const char *text, size_t size) {
    mh_windows_write_error(text, size);
}

void mh_host_abort(bool run_handler) {
    mh_windows_abort(run_handler);
}

bool mh_host_is_oom(int code) {
    return code == ENOMEM || mh_windows_is_oom(code);
}
