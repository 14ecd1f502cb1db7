// sys.h - the four states of memory: rounding, rules, books and failures.
//
// This is sysAlloc, sysReserve, sysMap, sysUsed, sysUnused, sysFault and
// sysFree of the design. A call checks its arguments against the rules in
// region.h, makes the system call below it, and keeps the books: bytes per
// state and per purpose, exactly, so that reserved + prepared + ready is what
// is mapped.
//
// All functions are thread safe and take no lock. Sizes and bases are multiples
// of the page size (reserve: of reserve_align); a caller that breaks this is
// stopped with a message in every build. A call that the system refuses is a
// value: MH_NO_MEMORY when something ran out (or the process is at its own hard
// limit, see limit.h), MH_REFUSED for any other reason
// (Linux gives pages that the program has locked in memory back to nobody,
// say). The books then say what still holds. errno is kept throughout.

#ifndef MHEAP_CORE_SYS_SYS_H
#define MHEAP_CORE_SYS_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/range.h"

// What memory is for. The books are kept per purpose.
enum mh_purpose {
    MH_FOR_HEAP,    // pages that objects live in
    MH_FOR_SPANS,   // arena metadata: page words, bitmaps, span records
    MH_FOR_CACHES,  // thread caches
    MH_FOR_PROFILE, // stacks and buckets
    MH_FOR_GC,      // mark bits
    MH_FOR_OTHER,   // the arena map, small records
    MH_NPURPOSES,
};

enum mh_status {
    MH_OK,
    MH_NO_MEMORY, // memory, address space, mappings or commit ran out
    MH_REFUSED,   // the system does not offer this
};

// How many bytes of a range are in which state.
struct mh_split {
    size_t reserved, prepared, ready;
};

// Bytes per state of one purpose, or of all; and what calls cost.
struct mh_account {
    uint64_t reserved, prepared, ready; // bytes now
    uint64_t reserved_peak;             // bytes of the three together, ever
    uint64_t calls;                     // system calls made
    uint64_t failures;                  // of them, refused by the system
};

struct mh_os_facts {
    size_t page_size;      // bytes
    size_t reserve_align;  // bytes
    size_t huge_page_size; // bytes, or 0
    unsigned address_bits; // of a user address
    size_t space_bytes;    // a limit of the process when it started; 0: none
    size_t program_end;    // of program and break when it started; 0: unknown
    bool partial_free;
    bool unused_zeroes;
    bool commit_charged;
    bool can_move;
    bool can_discard;
};

// mh_sys_facts are what is known of this machine, checked once: page sizes are
// powers of two within limits. Never NULL; constant.
const struct mh_os_facts *mh_sys_facts(void);

// mh_sys_set_lazy lets the system keep unused pages until it is short of them,
// where it offers that: cheaper to get back, but resident memory then says
// little, and unused_zeroes is false. Only before the first mh_sys_facts.
void mh_sys_set_lazy(bool lazy);

// mh_sys_alloc: None -> Ready. Zeroed; the system picks the place. size is
// rounded up to pages. NULL when out of memory.
void *mh_sys_alloc(size_t size, enum mh_purpose purpose);

// mh_sys_alloc_sparse: the same for a table of which next to nothing will be
// touched, so that limits do not count it. It is never freed.
void *mh_sys_alloc_sparse(size_t size, enum mh_purpose purpose);

// mh_sys_reserve: None -> Reserved. hint may be NULL and may be ignored: look
// at what came back. NULL when there is no room.
void *mh_sys_reserve(void *hint, size_t size, enum mh_purpose purpose);

// mh_sys_reserve_aligned: the same, at a multiple of align (a power of two).
void *mh_sys_reserve_aligned(size_t size, size_t align,
                             enum mh_purpose purpose);

// mh_sys_map: Reserved -> Prepared. On failure all of it counts as Reserved.
MH_NODISCARD enum mh_status mh_sys_map(void *base, size_t size,
                                       enum mh_purpose purpose);

// mh_sys_used: Prepared -> Ready. `prepared` is how many of the bytes are
// Prepared; the others are Ready already and keep their contents. On failure
// the states are as before.
MH_NODISCARD enum mh_status
mh_sys_used(void *base, size_t size, size_t prepared, enum mh_purpose purpose);

// mh_sys_used_anyway: the same past the hard limit, for pages that become Ready
// only so that they can be given back as one, at once.
MH_NODISCARD enum mh_status mh_sys_used_anyway(void *base, size_t size,
                                               size_t prepared,
                                               enum mh_purpose purpose);

// mh_sys_used_sparse: the same for part of a table of which next to nothing
// will be touched, all of it Prepared, that is never given back. Limits do not
// count it.
MH_NODISCARD enum mh_status mh_sys_used_sparse(void *base, size_t size,
                                               enum mh_purpose purpose);

// mh_sys_unused: Ready -> Prepared; the contents are forfeit. On failure the
// range stays Ready, its contents undefined.
MH_NODISCARD enum mh_status mh_sys_unused(void *base, size_t size,
                                          enum mh_purpose purpose);

// mh_sys_unused_ranges does that to n ranges, in one call of the system where
// it takes many, until one is refused; how many were given back, from the
// first on.
size_t mh_sys_unused_ranges(const struct mh_range *ranges, size_t n,
                            enum mh_purpose purpose);

// mh_sys_fault: Prepared or Ready -> Reserved; `was` says how many of each. On
// failure the states are as before, the contents undefined.
MH_NODISCARD enum mh_status mh_sys_fault(void *base, size_t size,
                                         struct mh_split was,
                                         enum mh_purpose purpose);

// mh_sys_free: any state -> None; `was` says what the range held, exactly. On
// failure nothing changed.
MH_NODISCARD enum mh_status mh_sys_free(void *base, size_t size,
                                        struct mh_split was,
                                        enum mh_purpose purpose);

// mh_sys_move moves pages of the heap without copying; both ranges are Ready
// before and after, and `from` reads as zero afterwards. MH_REFUSED where the
// system cannot; then nothing moved.
MH_NODISCARD enum mh_status mh_sys_move(void *from, void *to, size_t size);

// mh_sys_discard gives the pages of a Ready range back, which stays Ready and
// reads as zero afterwards; the books and the limits go on counting it.
// MH_REFUSED where the system cannot, or does not; then nothing changed.
MH_NODISCARD enum mh_status mh_sys_discard(void *base, size_t size,
                                           enum mh_purpose purpose);

// mh_sys_map_shared maps an inherited memory file; NULL when it is not one. The
// file is its maker's, so its bytes are not on the books.
void *mh_sys_map_shared(int fd, size_t size);

// mh_sys_resident is how many bytes of a range that is mapped are in memory
// now; 0 where the system does not say, and where part of it is not mapped.
size_t mh_sys_resident(const void *base, size_t size);

// Hints, which change no state and may do nothing. mh_sys_name tells the
// system's tools what a range is for; the other two ask for huge pages behind a
// range or for none. On Linux each may cost a mapping unless the range is one.
void mh_sys_name(void *base, size_t size, const char *name);
void mh_sys_hugepage(void *base, size_t size);
void mh_sys_nohugepage(void *base, size_t size);

// mh_sys_account reads the books of one purpose, or of all together for
// MH_NPURPOSES. Each figure is exact; figures of different moments may mix
// while other threads run.
struct mh_account mh_sys_account(enum mh_purpose purpose);

// mh_sys_books are the live counters behind mh_sys_account, for readers
// outside the process: MH_NPURPOSES records of struct mh_account.
const struct mh_account *mh_sys_books(void);

// The environment, as an option reader needs it. NULL when unset, or when the
// process is privileged and must not trust it.
const char *mh_sys_option(const char *name);

uint64_t mh_sys_process_id(void);

// mh_sys_random fills size bytes (at most 256) that a stranger cannot predict.
void mh_sys_random(void *buffer, size_t size);

// mh_sys_publish makes the root record findable from outside.
void mh_sys_publish(const void *root);

// mh_sys_say writes one message to standard error without allocating.
void mh_sys_say(const char *text, size_t size);

// mh_fatal writes `mheap: fatal: ` and text and a newline, and aborts.
MH_COLD MH_NORETURN void mh_fatal(const char *text);

// mh_sys_abort ends the process with SIGABRT. The program's handler for it runs
// first, unless locks are held that an allocation in it would wait for.
MH_COLD MH_NORETURN void mh_sys_abort(bool locks_held);

#endif // MHEAP_CORE_SYS_SYS_H
