// layout.c - how the address space of each platform is divided.
//
// Starting high and in the middle lets a heap grow without meeting anything,
// and makes its addresses easy to recognise: 0xc0... is never valid UTF-8, so
// text is not mistaken for pointers either.

#include "core/meta/layout.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/attr.h"
#include "core/base/bits.h"

#define MI(n) ((uint64_t)(n) << 20)
#define KI(n) ((uint64_t)(n) << 10)

// amd64 addresses are sign-extended: the lowest is this one.
#define LOW_AMD64 UINT64_C(0xffff800000000000)
// AIX hands out addresses from here up.
#define LOW_AIX UINT64_C(0x0a00000000000000)

#define HINT_AMD64 (UINT64_C(0x00c0) << 32)
// Lower than on amd64: systems with 39-bit addresses exist.
#define HINT_ARM64 (UINT64_C(0x0040) << 32)
// Apple keeps the first 4 GiB free and its shared cache behind them.
#define HINT_APPLE (UINT64_C(0x0013) << 28)
#define HINT_AIX   (UINT64_C(0x00a0) << 52)
// Below 1 << 38, where the user half of an sv39 system ends.
#define HINT_SV39 (UINT64_C(0x0010) << 32)

// 64 MiB arenas, one flat map. Memory that is never touched costs nothing on
// these systems, so a large granule is free.
#define FLAT_64(os, arch, user_bits, base, first, low, from)              \
    {                                                                     \
        os, arch, 64, 48, user_bits, 26, 0, MI(4), base, MH_HINTS_LISTED, \
            first, low, from                                              \
    }

// Windows charges committed memory even when untouched: smaller arenas, and a
// map of two levels whose parts are committed one by one.
#define WINDOWS_64(arch, base, low)                                          \
    {                                                                        \
        "windows", arch, 64, 48, 47, 22, 6, MI(1), base, MH_HINTS_LISTED, 0, \
            low, 0                                                           \
    }

#define ROW_32(os, arch, address_bits, entries, rule)                         \
    {                                                                         \
        os, arch, 32, address_bits, address_bits, 22, 0, entries, 0, rule, 0, \
            0, 0                                                              \
    }

// clang-format off
const struct mh_layout mh_layouts[] = {
    FLAT_64("linux", "amd64", 47, LOW_AMD64, 0, HINT_AMD64, 0),
    FLAT_64("darwin", "amd64", 47, LOW_AMD64, 0, HINT_AMD64, 0),
    FLAT_64("linux", "arm64", 48, 0, 0, HINT_ARM64, 0),
    FLAT_64("darwin", "arm64", 47, 0, 0, HINT_APPLE, 0),
    // Older devices stop at 33 bits, newer ones at 40.
    {"ios", "arm64", 64, 40, 40, 26, 0, KI(16), 0, MH_HINTS_LISTED, 0,
     HINT_APPLE, 0},
    WINDOWS_64("amd64", LOW_AMD64, HINT_AMD64),
    WINDOWS_64("arm64", 0, HINT_ARM64),
    FLAT_64("aix", "ppc64", 60, LOW_AIX, 0, HINT_AIX, 1),
    FLAT_64("linux", "riscv64", 47, 0, HINT_SV39, HINT_AMD64, 0),
    FLAT_64("linux", "ppc64", 46, 0, 0, HINT_AMD64, 0),
    FLAT_64("linux", "ppc64le", 46, 0, 0, HINT_AMD64, 0),
    FLAT_64("linux", "mips64", 40, 0, 0, HINT_AMD64, 0),
    FLAT_64("linux", "mips64le", 40, 0, 0, HINT_AMD64, 0),
    FLAT_64("linux", "s390x", 64, 0, 0, HINT_AMD64, 0),
    ROW_32("*", "mips", 31, 512, MH_HINTS_ABOVE_PROGRAM),
    ROW_32("*", "mipsle", 31, 512, MH_HINTS_ABOVE_PROGRAM),
    ROW_32("*", "wasm32", 32, 1024, MH_HINTS_LINEAR_MEMORY),
    ROW_32("*", "*", 32, 1024, MH_HINTS_ABOVE_PROGRAM),
    // Systems without a row of their own, the simulated one among them.
    FLAT_64("*", "amd64", 47, LOW_AMD64, 0, HINT_AMD64, 0),
    FLAT_64("*", "arm64", 48, 0, 0, HINT_ARM64, 0),
    FLAT_64("*", "*", 47, 0, 0, HINT_AMD64, 0),
};
// clang-format on

const size_t mh_nlayouts = sizeof(mh_layouts) / sizeof(mh_layouts[0]);

static bool matches(const char *pattern, const char *name) {
    return strcmp(pattern, "*") == 0 || strcmp(pattern, name) == 0;
}

const struct mh_layout *mh_layout_find(const char *os, const char *arch,
                                       unsigned pointer_bits) {
    for (size_t i = 0; i < mh_nlayouts; i++) {
        const struct mh_layout *row = &mh_layouts[i];
        if (row->pointer_bits == pointer_bits && matches(row->os, os) &&
            matches(row->arch, arch)) {
            return row;
        }
    }
    return NULL;
}

const struct mh_layout *mh_layout_own(void) {
    const struct mh_layout *row =
        mh_layout_find(MH_OS_NAME, MH_ARCH_NAME, (unsigned)sizeof(void *) * 8);
    MH_CHECK(row != NULL);
    return row;
}

uint64_t mh_layout_arena_bytes(const struct mh_layout *layout) {
    return UINT64_C(1) << layout->arena_shift;
}

uint64_t mh_layout_arenas(const struct mh_layout *layout) {
    return layout->l2_entries << layout->l1_bits;
}

uint64_t mh_layout_map_bytes(const struct mh_layout *layout) {
    return layout->l2_entries * (layout->pointer_bits / 8);
}

unsigned mh_layout_nhints(const struct mh_layout *layout) {
    if (layout->rule != MH_HINTS_LISTED) {
        return 0;
    }
    unsigned first = layout->hint_first != 0 ? 1 : 0;
    return first + MH_LAYOUT_HINTS - layout->hint_from;
}

uint64_t mh_layout_hint(const struct mh_layout *layout, unsigned i) {
    MH_CHECK(i < mh_layout_nhints(layout));
    if (layout->hint_first != 0) {
        if (i == 0) {
            return layout->hint_first;
        }
        i--;
    }
    return (uint64_t)(layout->hint_from + i) << 40 | layout->hint_low;
}

uint64_t mh_layout_arena_index(const struct mh_layout *layout,
                               uint64_t address) {
    return (address - layout->base) >> layout->arena_shift;
}

uint64_t mh_layout_arena_base(const struct mh_layout *layout, uint64_t index) {
    return layout->base + (index << layout->arena_shift);
}

// The ends are compared after the base is taken off, because that is where the
// address space is contiguous: on amd64 the two halves meet at 0.
bool mh_layout_addressable(const struct mh_layout *layout, uint64_t start,
                           uint64_t end) {
    if (start >= end) {
        return false;
    }
    uint64_t first = start - layout->base;
    uint64_t last = end - 1 - layout->base;
    return first <= last &&
           (last >> layout->arena_shift) < mh_layout_arenas(layout);
}

uint64_t mh_layout_program_hint(const struct mh_layout *layout,
                                uint64_t program_end) {
    uint64_t arena = mh_layout_arena_bytes(layout);
    uint64_t slack = KI(256) + arena - 1;
    if (program_end > UINT64_MAX - slack) {
        return 0;
    }
    uint64_t hint = (program_end + slack) & ~(arena - 1);
    bool inside = mh_layout_addressable(layout, hint, hint + arena);
    return inside ? hint : 0;
}

uint64_t mh_layout_initial_bytes(const struct mh_layout *layout, unsigned i) {
    static const uint64_t tries[] = {MI(512), MI(256), MI(128)};
    if (layout->rule != MH_HINTS_ABOVE_PROGRAM ||
        i >= sizeof(tries) / sizeof(tries[0])) {
        return 0;
    }
    return tries[i];
}
