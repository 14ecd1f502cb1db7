// sys.c - the moves between the four states: rules, books, failures.
//
// Every move has the same shape: begin checks the arguments (in every build)
// and the state of every page (from debug level 2 up), the backend makes the
// call, settle counts it and sorts its outcome, the books follow, and end
// records the new state.

#include "core/sys/sys.h"

#include <stdint.h>

#include "core/base/assert.h"
#include "core/base/atomic.h"
#include "core/base/bits.h"
#include "core/base/fmt.h"
#include "core/sys/account.h"
#include "core/sys/limit.h"
#include "core/sys/region.h"
#include "core/sys/shadow.h"
#include "platform/os.h"
#include "platform/os_info.h"

// Shadowed builds also overwrite pages on their way to Prepared, so that nobody
// comes to depend on what they held.
enum { SHADOWED = MH_DEBUG_LEVEL >= 2, FORFEIT_BYTE = 0x5a };

// How often an aligned reservation is tried where another thread may take the
// place between releasing the padded one and reserving its middle.
enum { ALIGNED_TRIES = 100 };

static MH_COLD MH_NORETURN void bad_range(const char *what, const void *base,
                                          size_t size) {
    char buf[160];
    struct mh_text text = mh_text_start(buf, sizeof(buf));

    mh_text_str(&text, what);
    mh_text_str(&text, ": not whole pages: base=");
    mh_text_hex(&text, (uintptr_t)base);
    mh_text_str(&text, " size=");
    mh_text_hex(&text, size);
    mh_fatal(buf);
}

static void check_range(const char *what, const void *base, size_t size,
                        size_t granule) {
    uintptr_t start = (uintptr_t)base;

    if (size == 0 || ((start | size) & (granule - 1)) != 0 ||
        start + (size - 1) < start) {
        bad_range(what, base, size);
    }
}

static void begin(enum mh_sys_op op, const void *base, size_t size) {
    const struct mh_rule *rule = &mh_rules[op];

    check_range(rule->name, base, size, mh_sys_facts()->page_size);
    if (SHADOWED) {
        mh_shadow_enter();
        mh_shadow_check(rule->name, rule->from, base, size);
    }
}

static void end(enum mh_sys_op op, void *base, size_t size,
                enum mh_status status) {
    if (SHADOWED) {
        if (status == MH_OK) {
            mh_shadow_set(base, size, mh_rules[op].to);
        }
        mh_shadow_leave();
    }
}

// settle counts a call and says what its outcome means to the core. A refusal
// for another reason than exhaustion is a value too: a program may have locked
// its memory, or run under a filter of system calls.
static enum mh_status settle(struct mh_os_err err, enum mh_purpose purpose) {
    mh_account_call(purpose, !mh_os_ok(err));
    if (mh_os_ok(err)) {
        return MH_OK;
    }
    return mh_os_err_is_oom(err) ? MH_NO_MEMORY : MH_REFUSED;
}

static void check_split(enum mh_sys_op op, const void *base, size_t size,
                        struct mh_split split) {
    MH_CHECK(split.reserved <= size && split.prepared <= size &&
             split.ready <= size);
    MH_CHECK(split.reserved + split.prepared + split.ready == size);
    if (SHADOWED) {
        mh_shadow_check_split(mh_rules[op].name, base, size, split);
    }
}

// claim is what alloc and reserve share: memory that comes from the system.
static void claim_begin(void) {
    if (SHADOWED) {
        mh_shadow_enter();
    }
}

static void claim_end(enum mh_sys_op op, void *base, size_t size,
                      enum mh_status status) {
    if (SHADOWED && status == MH_OK) {
        mh_shadow_check(mh_rules[op].name, mh_rules[op].from, base, size);
    }
    end(op, base, size, status);
}

void mh_sys_set_lazy(bool lazy) {
    mh_os_set_lazy(lazy);
}

// Memory that becomes Ready is claimed before the system is asked for it.
enum claim { CLAIM, CLAIM_ANYWAY, CLAIM_NOTHING };

static bool claim(enum claim how, size_t size) {
    if (how == CLAIM_ANYWAY) {
        mh_limit_claim_anyway(size);
    }
    return how != CLAIM || mh_limit_claim(size);
}

static void unclaim(enum claim how, size_t size) {
    if (how != CLAIM_NOTHING) {
        mh_limit_return(size);
    }
}

static void *alloc(size_t size, enum mh_purpose purpose, enum claim how) {
    size_t page_size = mh_sys_facts()->page_size;
    size_t rounded = mh_align_up(size, page_size);
    void *base = NULL;

    if (size == 0 || rounded < size || !claim(how, rounded)) {
        return NULL;
    }
    claim_begin();
    enum mh_status status = settle(mh_os_alloc(rounded, &base), purpose);
    if (status == MH_OK) {
        mh_account_move(purpose, MH_NONE, MH_READY, rounded);
    } else {
        unclaim(how, rounded);
    }
    claim_end(MH_OP_alloc, base, rounded, status);
    return base;
}

void *mh_sys_alloc(size_t size, enum mh_purpose purpose) {
    return alloc(size, purpose, CLAIM);
}

void *mh_sys_alloc_sparse(size_t size, enum mh_purpose purpose) {
    void *base = alloc(size, purpose, CLAIM_NOTHING);
    if (base != NULL) {
        MH_ADD_RELAXED(&mh_limits.sparse,
                       mh_align_up(size, mh_sys_facts()->page_size));
    }
    return base;
}

void *mh_sys_reserve(void *hint, size_t size, enum mh_purpose purpose) {
    void *base = NULL;

    check_range(mh_rules[MH_OP_reserve].name, hint, size,
                mh_sys_facts()->reserve_align);
    claim_begin();
    enum mh_status status = settle(mh_os_reserve(hint, size, &base), purpose);
    if (status == MH_OK) {
        MH_CHECK(((uintptr_t)base & (mh_sys_facts()->reserve_align - 1)) == 0);
        mh_account_move(purpose, MH_NONE, MH_RESERVED, size);
    }
    claim_end(MH_OP_reserve, base, size, status);
    return base;
}

enum mh_status mh_sys_map(void *base, size_t size, enum mh_purpose purpose) {
    begin(MH_OP_map, base, size);
    enum mh_status status = settle(mh_os_map(base, size), purpose);
    if (status == MH_OK) {
        mh_account_move(purpose, MH_RESERVED, MH_PREPARED, size);
    }
    end(MH_OP_map, base, size, status);
    return status;
}

static enum mh_status used(void *base, size_t size, size_t prepared,
                           enum mh_purpose purpose, enum claim how) {
    enum mh_status status = MH_OK;

    MH_CHECK(prepared <= size);
    begin(MH_OP_used, base, size);
    check_split(MH_OP_used, base, size,
                (struct mh_split){0, prepared, size - prepared});
    if (prepared > 0 && !claim(how, prepared)) {
        status = MH_NO_MEMORY;
    } else if (prepared > 0) {
        status = settle(mh_os_used(base, size), purpose);
        if (status != MH_OK) {
            unclaim(how, prepared);
        }
    }
    if (status == MH_OK) {
        mh_account_move(purpose, MH_PREPARED, MH_READY, prepared);
    }
    end(MH_OP_used, base, size, status);
    return status;
}

enum mh_status mh_sys_used(void *base, size_t size, size_t prepared,
                           enum mh_purpose purpose) {
    return used(base, size, prepared, purpose, CLAIM);
}

enum mh_status mh_sys_used_anyway(void *base, size_t size, size_t prepared,
                                  enum mh_purpose purpose) {
    return used(base, size, prepared, purpose, CLAIM_ANYWAY);
}

enum mh_status mh_sys_used_sparse(void *base, size_t size,
                                  enum mh_purpose purpose) {
    enum mh_status status = used(base, size, size, purpose, CLAIM_NOTHING);
    if (status == MH_OK) {
        MH_ADD_RELAXED(&mh_limits.sparse, size);
    }
    return status;
}

enum mh_status mh_sys_unused(void *base, size_t size, enum mh_purpose purpose) {
    begin(MH_OP_unused, base, size);
    if (SHADOWED) {
        mh_shadow_fill(base, size, FORFEIT_BYTE);
    }
    enum mh_status status = settle(mh_os_unused(base, size), purpose);
    if (status == MH_OK) {
        mh_account_move(purpose, MH_READY, MH_PREPARED, size);
        mh_limit_return(size);
    }
    end(MH_OP_unused, base, size, status);
    return status;
}

// The shadow follows one range at a time.
static size_t unused_at_once(const struct mh_range *ranges, size_t n,
                             enum mh_purpose purpose) {
    size_t bytes = 0;
    if (SHADOWED || n < 2) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        check_range("unused", ranges[i].base, ranges[i].size,
                    mh_sys_facts()->page_size);
    }
    size_t done = mh_os_unused_ranges(ranges, n);
    for (size_t i = 0; i < done; i++) {
        bytes += ranges[i].size;
    }
    if (done != 0) {
        mh_account_call(purpose, false);
        mh_account_move(purpose, MH_READY, MH_PREPARED, bytes);
        mh_limit_return(bytes);
    }
    return done;
}

size_t mh_sys_unused_ranges(const struct mh_range *ranges, size_t n,
                            enum mh_purpose purpose) {
    size_t done = unused_at_once(ranges, n, purpose);
    while (done < n && mh_sys_unused(ranges[done].base, ranges[done].size,
                                     purpose) == MH_OK) {
        done++;
    }
    return done;
}

enum mh_status mh_sys_fault(void *base, size_t size, struct mh_split was,
                            enum mh_purpose purpose) {
    MH_CHECK(was.reserved == 0);
    begin(MH_OP_fault, base, size);
    check_split(MH_OP_fault, base, size, was);
    enum mh_status status = settle(mh_os_fault(base, size), purpose);
    if (status == MH_OK) {
        mh_account_move(purpose, MH_PREPARED, MH_RESERVED, was.prepared);
        mh_account_move(purpose, MH_READY, MH_RESERVED, was.ready);
        mh_limit_return(was.ready);
    }
    end(MH_OP_fault, base, size, status);
    return status;
}

enum mh_status mh_sys_free(void *base, size_t size, struct mh_split was,
                           enum mh_purpose purpose) {
    begin(MH_OP_free, base, size);
    check_split(MH_OP_free, base, size, was);
    enum mh_status status = settle(mh_os_free(base, size), purpose);
    if (status == MH_OK) {
        mh_account_move(purpose, MH_RESERVED, MH_NONE, was.reserved);
        mh_account_move(purpose, MH_PREPARED, MH_NONE, was.prepared);
        mh_account_move(purpose, MH_READY, MH_NONE, was.ready);
        mh_limit_return(was.ready);
    }
    end(MH_OP_free, base, size, status);
    return status;
}

enum mh_status mh_sys_move(void *from, void *to, size_t size) {
    size_t page_size = mh_sys_facts()->page_size;
    uintptr_t a = (uintptr_t)from;
    uintptr_t b = (uintptr_t)to;

    check_range("move", from, size, page_size);
    check_range("move", to, size, page_size);
    MH_CHECK(a + size <= b || b + size <= a);
    if (!mh_sys_facts()->can_move) {
        return MH_REFUSED;
    }
    if (SHADOWED) {
        mh_shadow_enter();
        mh_shadow_check("move", MH_IN(MH_READY), from, size);
        mh_shadow_check("move", MH_IN(MH_READY), to, size);
        mh_shadow_leave();
    }
    return settle(mh_os_move(from, to, size), MH_FOR_HEAP);
}

enum mh_status mh_sys_discard(void *base, size_t size,
                              enum mh_purpose purpose) {
    check_range("discard", base, size, mh_sys_facts()->page_size);
    if (!mh_sys_facts()->can_discard) {
        return MH_REFUSED;
    }
    if (SHADOWED) {
        mh_shadow_enter();
        mh_shadow_check("discard", MH_IN(MH_READY), base, size);
        mh_shadow_leave();
    }
    return settle(mh_os_discard(base, size), purpose);
}

static bool give_back(char *base, size_t size, enum mh_purpose purpose) {
    struct mh_split was = {.reserved = size};

    return size == 0 || mh_sys_free(base, size, was, purpose) == MH_OK;
}

// reserve_and_trim keeps the aligned middle of a padded reservation. When the
// ends cannot be given back (a process may only have so many mappings) all of
// it is; what the system does not even take then stays on the books, reserved.
static void *reserve_and_trim(size_t size, size_t align, size_t padded,
                              enum mh_purpose purpose) {
    char *base = mh_sys_reserve(NULL, padded, purpose);

    if (base == NULL) {
        return NULL;
    }
    size_t head = mh_align_up((uintptr_t)base, align) - (uintptr_t)base;
    size_t tail = padded - head - size;
    if (!give_back(base, head, purpose)) {
        (void)give_back(base, padded, purpose);
        return NULL;
    }
    if (!give_back(base + head + size, tail, purpose)) {
        (void)give_back(base + head, size + tail, purpose);
        return NULL;
    }
    return base + head;
}

// reserve_and_retake finds room for a padded reservation, releases it and asks
// for its aligned middle, for systems that free whole reservations only.
static void *reserve_and_retake(size_t size, size_t align, size_t padded,
                                enum mh_purpose purpose) {
    for (int i = 0; i < ALIGNED_TRIES; i++) {
        char *room = mh_sys_reserve(NULL, padded, purpose);
        if (room == NULL || !give_back(room, padded, purpose)) {
            return NULL;
        }
        void *middle =
            room + (mh_align_up((uintptr_t)room, align) - (uintptr_t)room);
        char *base = mh_sys_reserve(middle, size, purpose);
        if (base == NULL || ((uintptr_t)base & (align - 1)) == 0) {
            return base;
        }
        if (!give_back(base, size, purpose)) {
            return NULL;
        }
    }
    return NULL;
}

void *mh_sys_reserve_aligned(size_t size, size_t align,
                             enum mh_purpose purpose) {
    const struct mh_os_facts *facts = mh_sys_facts();
    size_t padded;

    MH_CHECK(mh_is_pow2(align));
    if (align <= facts->reserve_align) {
        return mh_sys_reserve(NULL, size, purpose);
    }
    if (mh_add_overflows(size, align - facts->reserve_align, &padded)) {
        return NULL;
    }
    return facts->partial_free
               ? reserve_and_trim(size, align, padded, purpose)
               : reserve_and_retake(size, align, padded, purpose);
}

void *mh_sys_map_shared(int fd, size_t size) {
    void *base = NULL;

    check_range("map_shared", NULL, size, mh_sys_facts()->page_size);
    (void)settle(mh_os_map_shared(fd, size, &base), MH_FOR_OTHER);
    return base;
}

size_t mh_sys_resident(const void *base, size_t size) {
    return mh_os_resident(base, size);
}

void mh_sys_name(void *base, size_t size, const char *name) {
    mh_os_name(base, size, name);
}

void mh_sys_hugepage(void *base, size_t size) {
    mh_os_hugepage(base, size);
}

void mh_sys_nohugepage(void *base, size_t size) {
    mh_os_nohugepage(base, size);
}
