// plan_sim.c - which system the simulator is, and what it refuses.

#include <stdlib.h>
#include <string.h>

#include "core/base/atomic.h"
#include "core/base/stir.h"
#include "platform/os_info.h"
#include "platform/sim/sim_host.h"
#include "platform/sim/sim_state.h"

// Windows's codes, as Microsoft's "System Error Codes" reference lists them.
enum {
    WINDOWS_NOT_ENOUGH_MEMORY = 8,
    WINDOWS_INVALID_PARAMETER = 87,
    WINDOWS_COMMITMENT_LIMIT = 1455,
};

// What each system promises, by the public page that says so: "Linux" is the
// Linux man-pages project, "Darwin" the manual pages of xnu (bsd/man) and Libc,
// "Windows" Microsoft's reference of Win32, "AIX" IBM's Technical Reference
// (docs/platforms.md says what of that was at hand). A fact that is not there
// is promised by nobody, and false.
static const struct mh_sim_traits personalities[MH_SIM_NOS] = {
    [MH_SIM_LINUX] =
        {
            .name = "linux",
            .page_size = 4096,           // getpagesize(2): the processor's
            .reserve_align = 4096,       // mmap(2): places are whole pages
            .huge_page_size = 2 << 20,   // madvise(2), MADV_HUGEPAGE; x86-64's
            .partial_free = true,        // munmap(2): any range of pages
            .can_move = true,            // mremap(2), MREMAP_DONTUNMAP
            .can_discard = true,         // madvise(2), MADV_DONTNEED
            .unused_takes_ranges = true, // process_madvise(2): a vector
            .fault_discards = true, // mmap(2), MAP_FIXED: what was there goes
            .comeback = MH_SIM_ZEROES, // madvise(2): zeroes for private memory
            .out_of_memory = ENOMEM,   // mmap(2), ERRORS
            .out_of_commit = ENOMEM,   // mprotect(2), ERRORS
            .bad_argument = EINVAL,    // the same
        },
    [MH_SIM_DARWIN] =
        {
            .name = "darwin",
            .page_size = 16384,     // getpagesize(3): Apple silicon's
            .reserve_align = 16384, // mmap(2): places are whole pages
            .partial_free = true,   // munmap(2): the pages of a range
            .fault_discards = true, // mmap(2), MAP_FIXED: what was there goes
            // madvise(2), MADV_FREE: pages may be taken; what they hold when
            // they come back is not said.
            .comeback = MH_SIM_ANYTHING,
            .out_of_memory = ENOMEM, // mmap(2), ERRORS
            .out_of_commit = ENOMEM, // the same
            .bad_argument = EINVAL,  // the same
        },
    [MH_SIM_WINDOWS] =
        {
            .name = "windows",
            .page_size = 4096, // SYSTEM_INFO: dwPageSize of x64
            // VirtualAlloc, lpAddress: dwAllocationGranularity of SYSTEM_INFO.
            .reserve_align = 65536,
            .commit_charged = true, // VirtualAlloc, MEM_COMMIT: the charge
            .prepared_traps = true, // VirtualFree: MEM_DECOMMIT, Remarks
            .fault_discards = true, // the same: the contents are gone
            // VirtualFree, dwSize: MEM_RELEASE is of all that was reserved.
            // VirtualAlloc, Remarks: the range of a call lies in one.
            .per_reservation = true,
            .comeback = MH_SIM_ZEROES, // VirtualAlloc, MEM_COMMIT: zeroes
            .out_of_memory = WINDOWS_NOT_ENOUGH_MEMORY,
            .out_of_commit = WINDOWS_COMMITMENT_LIMIT,
            .bad_argument = WINDOWS_INVALID_PARAMETER,
        },
    [MH_SIM_AIX] =
        {
            .name = "aix",
            .page_size = 65536,     // "Multiple page size support": 64 KiB
            .reserve_align = 65536, // mmap: addr is of whole pages
            .partial_free = true,   // munmap: any pages of a region
            // No fault_discards: MAP_FIXED over a mapping fails unless
            // XPG_SUS_ENV is ON (mmap), so it is mprotect, which keeps pages.
            // madvise: the advice is taken and changes nothing.
            .comeback = MH_SIM_ANYTHING,
            .out_of_memory = ENOMEM, // mmap, Error Codes
            .out_of_commit = ENOMEM, // the same
            .bad_argument = EINVAL,  // the same
        },
};

// Everything a test can set. Guarded by the lock.
static struct {
    enum mh_sim_os os;
    struct mh_sim_traits traits;
    bool refuse_hints, secure;
    size_t commit_limit, space_limit;
    uint64_t clock, seed;
    uint64_t fail_nth, fail_from; // calls to go; 0 when there is no such plan
    unsigned fail_kinds;          // bits
    unsigned fail_rate;
    int fail_code;
    uint64_t calls[MH_SIM_NCALLS], failures[MH_SIM_NCALLS];
} sim;

static bool started;
static uint64_t holder; // process id of the lock's holder, or 0

// The host protects whole pages of its own: smaller ones cannot be simulated.
static void take_host_pages(void) {
    size_t host = mh_host_page_size();

    if (sim.traits.page_size < host) {
        sim.traits.page_size = host;
    }
    if (sim.traits.reserve_align < sim.traits.page_size) {
        sim.traits.reserve_align = sim.traits.page_size;
    }
}

static void become(enum mh_sim_os os) {
    memset(&sim, 0, sizeof(sim));
    sim.os = os;
    sim.traits = personalities[os];
    if (sim.traits.reserve_align < mh_host_granularity()) {
        sim.traits.reserve_align = mh_host_granularity();
    }
    sim.seed = 1;
    take_host_pages();
    // release: pairs with the acquire in mh_sim_traits_now.
    MH_STORE_RELEASE(&started, true);
}

static void start(void) {
    const char *name = getenv("MHEAP_SIM");
    enum mh_sim_os os = MH_SIM_LINUX;

    for (unsigned i = 0; name != NULL && i < MH_SIM_NOS; i++) {
        if (strcmp(name, personalities[i].name) == 0) {
            os = (enum mh_sim_os)i;
        }
    }
    if (name != NULL && strcmp(name, personalities[os].name) != 0) {
        mh_sim_broken("MHEAP_SIM", 0, "no such system");
    }
    become(os);
}

void mh_sim_lock(void) {
    uint64_t me = mh_os_process_id();
    uint64_t seen = 0;

    // acquire: pairs with the release in mh_sim_unlock.
    while (!MH_CAS_ACQ_REL(&holder, &seen, me)) {
        if (seen == me) {
            MH_PAUSE();
            seen = 0;
        }
    }
    if (!started) {
        start();
    }
}

void mh_sim_unlock(void) {
    MH_STORE_RELEASE(&holder, 0);
}

void mh_sim_become(enum mh_sim_os os) {
    mh_sim_lock();
    mh_sim_free_all();
    become(os);
    mh_sim_unlock();
}

enum mh_sim_os mh_sim_os_now(void) {
    mh_sim_lock();
    enum mh_sim_os os = sim.os;
    mh_sim_unlock();
    return os;
}

// Without the lock: traits change only before memory exists.
const struct mh_sim_traits *mh_sim_traits_now(void) {
    // acquire: pairs with the release in become.
    if (!MH_LOAD_ACQUIRE(&started)) {
        mh_sim_lock();
        mh_sim_unlock();
    }
    return &sim.traits;
}

void mh_sim_set_page_size(size_t page_size) {
    mh_sim_lock();
    sim.traits.page_size = page_size;
    take_host_pages();
    mh_sim_unlock();
}

// SETTER(name, type, argument, field) defines mh_sim_NAME(TYPE ARGUMENT).
#define SETTER(name, type, argument, field) \
    void mh_sim_##name(type argument) {     \
        mh_sim_lock();                      \
        sim.field = argument;               \
        mh_sim_unlock();                    \
    }

SETTER(set_seed, uint64_t, seed_value, seed)
SETTER(refuse_hints, bool, refuse, refuse_hints)
SETTER(limit_commit, size_t, bytes, commit_limit)
SETTER(limit_space, size_t, bytes, space_limit)
SETTER(fail_nth, uint64_t, n, fail_nth)
SETTER(fail_from, uint64_t, n, fail_from)
SETTER(fail_rate, unsigned, per_thousand, fail_rate)
SETTER(fail_code, int, code, fail_code)
SETTER(set_clock, uint64_t, now_ns, clock)
SETTER(set_secure, bool, is_secure, secure)

void mh_sim_fail_kind(unsigned kind, bool fail) {
    mh_sim_lock();
    sim.fail_kinds &= ~(1u << kind);
    sim.fail_kinds |= (fail ? 1u : 0u) << kind;
    mh_sim_unlock();
}

void mh_sim_fail_nothing(void) {
    mh_sim_lock();
    sim.fail_nth = 0;
    sim.fail_from = 0;
    sim.fail_kinds = 0;
    sim.fail_rate = 0;
    sim.fail_code = 0;
    mh_sim_unlock();
}

static uint64_t sum_of(const uint64_t *counters, unsigned kind) {
    uint64_t sum = 0;

    mh_sim_lock();
    for (unsigned i = 0; i < MH_SIM_NCALLS; i++) {
        sum += kind == MH_SIM_NCALLS || kind == i ? counters[i] : 0;
    }
    mh_sim_unlock();
    return sum;
}

uint64_t mh_sim_calls(unsigned kind) {
    return sum_of(sim.calls, kind);
}

uint64_t mh_sim_failures(unsigned kind) {
    return sum_of(sim.failures, kind);
}

uint64_t mh_sim_random(void) {
    unsigned char word[sizeof(uint64_t)];
    uint64_t value;

    mh_stir(sim.seed++, word, sizeof(word));
    memcpy(&value, word, sizeof(value));
    return value;
}

static bool plan_fails(unsigned kind) {
    bool fails = (sim.fail_kinds & 1u << kind) != 0;

    if (sim.fail_nth > 0 && --sim.fail_nth == 0) {
        fails = true;
    }
    if (sim.fail_from == 1) {
        fails = true;
    } else if (sim.fail_from > 1) {
        sim.fail_from--;
    }
    return fails ||
           (sim.fail_rate > 0 && mh_sim_random() % 1000 < sim.fail_rate);
}

int mh_sim_refused(unsigned kind, int code) {
    sim.failures[kind]++;
    return code;
}

int mh_sim_attempt(unsigned kind) {
    sim.calls[kind]++;
    if (!plan_fails(kind)) {
        return 0;
    }
    return mh_sim_refused(kind, sim.fail_code != 0 ? sim.fail_code
                                                   : sim.traits.out_of_memory);
}

static bool fits(size_t limit, uint64_t now, size_t more) {
    return limit == 0 || (now <= limit && more <= limit - now);
}

size_t mh_sim_space(void) {
    mh_sim_lock();
    size_t limit = sim.space_limit;
    mh_sim_unlock();
    return limit != 0 ? limit : (size_t)1 << 30;
}

bool mh_sim_room_for_space(size_t size) {
    return fits(sim.space_limit,
                mh_sim_bytes_locked(MH_RESERVED) +
                    mh_sim_bytes_locked(MH_PREPARED) +
                    mh_sim_bytes_locked(MH_READY),
                size);
}

bool mh_sim_room_for_commit(size_t size) {
    return fits(sim.commit_limit, mh_sim_bytes_locked(MH_READY), size);
}

bool mh_sim_hints_refused(void) {
    return sim.refuse_hints;
}

bool mh_sim_secure(void) {
    mh_sim_lock();
    bool secure = sim.secure;
    mh_sim_unlock();
    return secure;
}

uint64_t mh_sim_clock(void) {
    mh_sim_lock();
    uint64_t now = sim.clock;
    mh_sim_unlock();
    return now;
}

void mh_os_set_lazy(bool lazy) {
    mh_sim_lock();
    if (sim.os == MH_SIM_LINUX) {
        sim.traits.comeback = lazy ? MH_SIM_ANYTHING : MH_SIM_ZEROES;
    }
    mh_sim_unlock();
}
