// mem_windows.c - the four states of memory on Windows.
//
//   Reserved  MEM_RESERVE
//   Prepared  the same: an access traps
//   Ready     MEM_COMMIT, read and write
//
// Reserved and Prepared differ on the books only. Committed pages are charged
// against memory and paging files even when nobody touches them, so `used` is
// where memory runs out, and `unused` gives both the pages and the charge back.
//
// The rules below are those of Microsoft's references of VirtualAlloc,
// VirtualFree and VirtualQuery.
//
// MEM_RESET is not offered as the lazy way of `unused`: it keeps the charge.
// Placeholders (VirtualAlloc2) would allow reservations to be split; not every
// Windows has them, and the heap has no need.
// Large pages are not asked for: they need a privilege, cannot be decommitted
// and must be committed when they are reserved.

#include "platform/os.h"
#include "platform/windows/windows_util.h"

static const struct mh_os_err fine = {0};

// query finds the run of pages alike that at lies in. It never spans two
// reservations: the pages of a run have one AllocationBase.
static bool query(const void *at, MEMORY_BASIC_INFORMATION *run) {
    return VirtualQuery(at, run, sizeof(*run)) == sizeof(*run);
}

static char *run_end(const MEMORY_BASIC_INFORMATION *run) {
    return (char *)run->BaseAddress + run->RegionSize;
}

// reservation_end is where the reservation that at lies in stops, or limit if
// that comes first; NULL where at lies in none of private memory.
static char *reservation_end(char *at, char *limit) {
    MEMORY_BASIC_INFORMATION run;

    if (!query(at, &run) || run.State == MEM_FREE || run.Type != MEM_PRIVATE) {
        return NULL;
    }
    const void *base = run.AllocationBase;
    char *end = run_end(&run);
    while (end < limit && query(end, &run) && run.State != MEM_FREE &&
           run.AllocationBase == base) {
        end = run_end(&run);
    }
    return end < limit ? end : limit;
}

struct mh_os_err mh_os_alloc(size_t size, void **base_out) {
    DWORD saved = GetLastError();
    void *base =
        VirtualAlloc(NULL, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);

    if (base != NULL) {
        *base_out = base;
    }
    return mh_windows_done(base != NULL, saved);
}

// Windows refuses a hint that is taken, or that is no address at all, where
// other systems look elsewhere. So it is asked again without one.
struct mh_os_err mh_os_reserve(void *hint, size_t size, void **base_out) {
    DWORD saved = GetLastError();
    void *base = NULL;

    if (hint != NULL) {
        base = VirtualAlloc(hint, size, MEM_RESERVE, PAGE_NOACCESS);
    }
    if (base == NULL) {
        base = VirtualAlloc(NULL, size, MEM_RESERVE, PAGE_NOACCESS);
    }
    if (base != NULL) {
        *base_out = base;
    }
    return mh_windows_done(base != NULL, saved);
}

struct mh_os_err mh_os_map(void *base, size_t size) {
    (void)base;
    (void)size;
    return fine;
}

static bool commit(void *base, size_t size) {
    return VirtualAlloc(base, size, MEM_COMMIT, PAGE_READWRITE) != NULL;
}

// The size is never 0 here: with it the call would take the whole reservation.
static bool decommit(void *base, size_t size) {
    return VirtualFree(base, size, MEM_DECOMMIT) != 0;
}

static bool leave(void *base, size_t size) {
    (void)base;
    (void)size;
    return true;
}

// each calls one for the part of every reservation in [base, base + size), in
// order, for a call that covers parts of two is refused. *done_out is how much
// was dealt with.
static bool each(char *base, size_t size, bool (*one)(void *, size_t),
                 size_t *done_out) {
    char *limit = base + size;

    for (*done_out = 0; *done_out < size;) {
        char *at = base + *done_out;
        char *end = reservation_end(at, limit);
        if (end == NULL) {
            SetLastError(ERROR_INVALID_ADDRESS);
            return false;
        }
        if (!one(at, (size_t)(end - at))) {
            return false;
        }
        *done_out += (size_t)(end - at);
    }
    return true;
}

// Committing a committed page is no failure and keeps what it holds, so the
// range may mix the two. A range in one reservation, nearly every one, needs
// no question. When a later reservation fails the pages of earlier ones stay
// committed, which os.h allows.
struct mh_os_err mh_os_used(void *base, size_t size) {
    DWORD saved = GetLastError();
    size_t done;

    return mh_windows_done(
        commit(base, size) || each(base, size, commit, &done), saved);
}

// Decommitting a page that is not committed is no failure either. Whether all
// of the range is ours is asked before the first page is given up; should the
// system refuse a later reservation all the same, the earlier ones are
// committed anew, for a page that the caller takes for Ready must not trap.
// Where not even that can be had there is no way on.
static struct mh_os_err give_up(void *base, size_t size) {
    DWORD saved = GetLastError();
    size_t done;

    if (decommit(base, size)) {
        return mh_windows_done(true, saved);
    }
    if (!each(base, size, leave, &done)) {
        return mh_windows_done(false, saved);
    }
    bool worked = each(base, size, decommit, &done);
    struct mh_os_err err = mh_windows_done(worked, saved);
    if (!worked && done > 0 && !mh_os_ok(mh_os_used(base, done))) {
        mh_windows_abort(false);
    }
    return err;
}

struct mh_os_err mh_os_unused(void *base, size_t size) {
    return give_up(base, size);
}

struct mh_os_err mh_os_fault(void *base, size_t size) {
    return give_up(base, size);
}

// is_reservation: the range is one whole reservation.
static bool is_reservation(char *base, size_t size) {
    MEMORY_BASIC_INFORMATION run;

    return query(base, &run) && run.State != MEM_FREE &&
           run.AllocationBase == base &&
           reservation_end(base, base + size) == base + size &&
           (!query(base + size, &run) || run.State == MEM_FREE ||
            run.AllocationBase != base);
}

// MEM_RELEASE takes no size: it frees the whole reservation that begins at
// base, whatever the caller meant to free of it.
struct mh_os_err mh_os_free(void *base, size_t size) {
    DWORD saved = GetLastError();

    if (!is_reservation(base, size)) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return mh_windows_done(false, saved);
    }
    return mh_windows_done(VirtualFree(base, 0, MEM_RELEASE) != 0, saved);
}

// Private pages cannot change their address.
struct mh_os_err mh_os_move(void *from, void *to, size_t size) {
    (void)from;
    (void)to;
    (void)size;
    return (struct mh_os_err){ERROR_NOT_SUPPORTED};
}

// MEM_RESET would let the pages go, but not at once, and promises nothing about
// what they then hold; between decommit and commit an access traps.
struct mh_os_err mh_os_discard(void *base, size_t size) {
    (void)base;
    (void)size;
    return (struct mh_os_err){ERROR_NOT_SUPPORTED};
}

// The number is that of an inherited handle of a section: handles fit 32 bits
// in every process. A view larger than the section is refused.
struct mh_os_err mh_os_map_shared(int fd, size_t size, void **base_out) {
    DWORD saved = GetLastError();
    void *base =
        MapViewOfFile((HANDLE)(intptr_t)fd, FILE_MAP_WRITE, 0, 0, size);

    if (base != NULL) {
        *base_out = base;
    }
    return mh_windows_done(base != NULL, saved);
}

bool mh_os_err_is_oom(struct mh_os_err err) {
    return mh_windows_is_oom(err.code);
}
