// hints.c - where the heap asks for address space next.

#include "core/meta/hints.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/bits.h"

static void *to_pointer(uint64_t address) {
    return (void *)(uintptr_t)address;
}

static uint64_t to_address(const void *pointer) {
    return (uintptr_t)pointer;
}

void mh_hints_init(struct mh_hints *h, const struct mh_layout *layout) {
    *h = (struct mh_hints){.layout = layout};
    h->nhints = mh_layout_nhints(layout);
    for (unsigned i = 0; i < h->nhints; i++) {
        h->hints[i].address = mh_layout_hint(layout, i);
    }
}

void mh_hints_drop(struct mh_hints *h, unsigned i) {
    MH_CHECK(i < h->nhints);
    h->nhints--;
    memmove(&h->hints[i], &h->hints[i + 1],
            (h->nhints - i) * sizeof(h->hints[0]));
}

// add_front puts one hint before all others.
static void add_front(struct mh_hints *h, uint64_t address, bool down) {
    if (h->nhints == MH_MAX_HINTS) {
        h->nhints--;
    }
    memmove(&h->hints[1], &h->hints[0], h->nhints * sizeof(h->hints[0]));
    h->hints[0] = (struct mh_hint){address, down};
    h->nhints++;
}

void mh_hints_add_around(struct mh_hints *h, uint64_t start, uint64_t end) {
    add_front(h, start, true);
    add_front(h, end, false);
}

// More bits than 47 are there for who asks for them only.
void mh_hints_scatter(struct mh_hints *h, uint64_t random) {
    if (h->nhints == 0) {
        return;
    }
    unsigned user_bits = h->layout->user_bits;
    unsigned bits = (user_bits < 47 ? user_bits : 47) - 2;
    uint64_t arena = mh_layout_arena_bytes(h->layout);
    uint64_t distance = random & mh_low_bits(bits) & ~(arena - 1);
    add_front(h, h->hints[0].address + distance, false);
}

void mh_hints_advance(struct mh_hints *h, unsigned i, uint64_t start,
                      size_t size) {
    MH_CHECK(i < h->nhints);
    struct mh_hint *hint = &h->hints[i];
    hint->address = hint->down ? start : start + size;
}

// place says where a piece would start at a hint; false when it would wrap or
// not be addressable, or lie where no program gets memory.
static bool place(const struct mh_hints *h, const struct mh_hint *hint,
                  uint64_t size, uint64_t align, uint64_t *start_out) {
    uint64_t start = hint->address;
    if (hint->down) {
        if (start < size) {
            return false;
        }
        start = (start - size) & ~(align - 1);
    } else {
        if (start > UINT64_MAX - (align - 1)) {
            return false;
        }
        start = (start + align - 1) & ~(align - 1);
    }
    if (start == 0 || start > UINT64_MAX - size) {
        return false;
    }
    unsigned user_bits = h->layout->user_bits;
    bool in_reach = user_bits >= 64 || ((start + size - 1) >> user_bits) == 0;
    *start_out = start;
    return in_reach && mh_layout_addressable(h->layout, start, start + size);
}

unsigned mh_hints_next(const struct mh_hints *h, unsigned from, size_t size,
                       size_t align, uint64_t *start_out) {
    unsigned i = from;
    while (i < h->nhints && !place(h, &h->hints[i], size, align, start_out)) {
        i++;
    }
    return i;
}

// The books tell when the system refuses; there is nothing more to do about it.
void mh_hints_give_back(void *base, size_t size, enum mh_purpose purpose) {
    struct mh_split was = {.reserved = size};
    enum mh_status status = mh_sys_free(base, size, was, purpose);
    (void)status;
}

// take_initial cuts a piece from the reservation made at start.
static void *take_initial(struct mh_hints *h, size_t size, size_t align) {
    uint64_t start = (h->initial_next + align - 1) & ~((uint64_t)align - 1);
    if (start > h->initial_end || h->initial_end - start < size) {
        return NULL;
    }
    if (start == 0) {
        return NULL;
    }
    h->initial_next = start + size;
    return to_pointer(start);
}

bool mh_hints_is_initial(const struct mh_hints *h, uint64_t base) {
    return base >= h->initial_next && base < h->initial_end;
}

// take_hinted goes through the hints. *refused_out is a hint at which the
// system gave nothing at all, or h->nhints: that says little about the place,
// so the search ends there and the hint is not dropped yet.
static void *take_hinted(struct mh_hints *h, size_t size, size_t align,
                         enum mh_purpose purpose, unsigned *refused_out) {
    uint64_t start = 0;
    unsigned i = mh_hints_next(h, 0, size, align, &start);
    while (i < h->nhints) {
        void *base = mh_sys_reserve(to_pointer(start), size, purpose);
        if (base == NULL) {
            break;
        }
        if (to_address(base) == start) {
            mh_hints_advance(h, i, start, size);
            *refused_out = h->nhints;
            return base;
        }
        mh_hints_give_back(base, size, purpose);
        mh_hints_drop(h, i);
        i = mh_hints_next(h, i, size, align, &start);
    }
    *refused_out = i;
    return NULL;
}

static void *take_anywhere(struct mh_hints *h, size_t size, size_t align,
                           enum mh_purpose purpose) {
    void *base = mh_sys_reserve_aligned(size, align, purpose);
    if (base == NULL) {
        return NULL;
    }
    uint64_t start = to_address(base);
    if (!mh_layout_addressable(h->layout, start, start + size)) {
        mh_hints_give_back(base, size, purpose);
        return NULL;
    }
    return base;
}

void *mh_hints_reserve(struct mh_hints *h, size_t size, size_t align,
                       enum mh_purpose purpose) {
    MH_CHECK(size != 0 && mh_is_pow2(align));
    void *base = take_initial(h, size, align);
    if (base != NULL) {
        return base;
    }
    unsigned refused = 0;
    base = take_hinted(h, size, align, purpose, &refused);
    if (base != NULL) {
        return base;
    }
    base = take_anywhere(h, size, align, purpose);
    if (base == NULL) {
        return NULL;
    }
    // There was room, so the refusal was about the place after all.
    if (refused < h->nhints) {
        mh_hints_drop(h, refused);
    }
    mh_hints_add_around(h, to_address(base), to_address(base) + size);
    return base;
}

// start_at tries one initial size: above the program, else wherever the system
// says, aligned to an arena.
static void *start_at(struct mh_hints *h, uint64_t hint, size_t size,
                      enum mh_purpose purpose) {
    size_t arena = (size_t)mh_layout_arena_bytes(h->layout);
    void *base = NULL;
    if (hint != 0) {
        base = mh_sys_reserve(to_pointer(hint), size, purpose);
    }
    if (base != NULL && (to_address(base) & (arena - 1)) != 0) {
        mh_hints_give_back(base, size, purpose);
        base = NULL;
    }
    if (base == NULL) {
        return take_anywhere(h, size, arena, purpose);
    }
    uint64_t start = to_address(base);
    if (!mh_layout_addressable(h->layout, start, start + size)) {
        mh_hints_give_back(base, size, purpose);
        return NULL;
    }
    return base;
}

void mh_hints_start(struct mh_hints *h, uint64_t program_end, bool ahead,
                    enum mh_purpose purpose) {
    if (h->layout->rule != MH_HINTS_ABOVE_PROGRAM) {
        return;
    }
    uint64_t hint = mh_layout_program_hint(h->layout, program_end);
    void *base = NULL;
    uint64_t size = 0;
    for (unsigned i = 0; ahead && base == NULL; i++) {
        size = mh_layout_initial_bytes(h->layout, i);
        if (size == 0) {
            break;
        }
        base = start_at(h, hint, (size_t)size, purpose);
    }
    if (base != NULL) {
        h->initial_next = to_address(base);
        h->initial_end = h->initial_next + size;
        hint = h->initial_end;
    }
    if (hint != 0) {
        add_front(h, hint, false);
    }
}
