// facts.c - what is known of the machine, and the environment.

#include "core/base/assert.h"
#include "core/base/atomic.h"
#include "core/base/bits.h"
#include "core/sys/sys.h"
#include "platform/os_info.h"
#include "platform/os_thread.h"

// A page outside these bounds is a backend's mistake, not a machine.
enum { PAGE_MIN = 4096, PAGE_MAX = 1 << 20 };

// How many threads may ask the system at the same time.
enum { SLOTS = 16 };

static const struct mh_os_facts *published;

static void check_facts(const struct mh_os_facts *facts) {
    MH_CHECK(mh_is_pow2(facts->page_size));
    MH_CHECK(facts->page_size >= PAGE_MIN && facts->page_size <= PAGE_MAX);
    MH_CHECK(mh_is_pow2(facts->reserve_align));
    MH_CHECK(facts->reserve_align >= facts->page_size);
    MH_CHECK(facts->huge_page_size == 0 || mh_is_pow2(facts->huge_page_size));
    MH_CHECK(facts->huge_page_size == 0 ||
             facts->huge_page_size >= facts->page_size);
    MH_CHECK(facts->address_bits > 0 &&
             facts->address_bits <= sizeof(void *) * 8);
}

static void find_facts(struct mh_os_facts *facts) {
    struct mh_os_info info;

    mh_os_query(&info);
    *facts = (struct mh_os_facts){
        .page_size = info.page_size,
        .reserve_align = info.reserve_align,
        .huge_page_size = info.huge_page_size,
        .address_bits = info.address_bits,
        .space_bytes = info.space_bytes,
        .program_end = info.program_end,
        .partial_free = info.partial_free,
        .unused_zeroes = info.unused_zeroes,
        .commit_charged = info.commit_charged,
        .can_move = info.can_move,
        .can_discard = info.can_discard,
    };
    check_facts(facts);
}

// No lock: a thread that a fork leaves behind would keep it for ever. Each
// thread that comes early asks the system into a slot of its own; the first to
// publish wins and its slot is what everybody uses.
static MH_COLD const struct mh_os_facts *first_facts(void) {
    static struct mh_os_facts slots[SLOTS];
    static uint32_t nslots;
    const struct mh_os_facts *none = NULL;
    uint32_t slot = MH_ADD_RELAXED(&nslots, 1);

    // Whoever finds no slot left waits for one of those who did.
    while (slot >= SLOTS) {
        const struct mh_os_facts *found = MH_LOAD_ACQUIRE(&published);
        if (found != NULL) {
            return found;
        }
        mh_os_yield();
    }
    find_facts(&slots[slot]);
    // release: pairs with the acquire in mh_sys_facts.
    if (MH_CAS_ACQ_REL(&published, &none, &slots[slot])) {
        return &slots[slot];
    }
    return none;
}

const struct mh_os_facts *mh_sys_facts(void) {
    // acquire: pairs with the release in first_facts.
    const struct mh_os_facts *facts = MH_LOAD_ACQUIRE(&published);

    return MH_LIKELY(facts != NULL) ? facts : first_facts();
}

const char *mh_sys_option(const char *name) {
    return mh_os_is_secure() ? NULL : mh_os_getenv(name);
}

uint64_t mh_sys_process_id(void) {
    return mh_os_process_id();
}

void mh_sys_publish(const void *root) {
    mh_os_publish(root);
}

void mh_sys_random(void *buffer, size_t size) {
    mh_os_entropy(buffer, size);
}
