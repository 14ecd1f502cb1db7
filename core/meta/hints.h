// hints.h - where the heap asks for address space next.
//
// A list of addresses, tried in order. A hint that worked moves along, upwards
// or downwards, so that the heap grows contiguously; one that did not is
// dropped. When none is left, room is taken anywhere and two new hints grow
// from its two ends. The caller holds a lock around every call.

#ifndef MHEAP_CORE_META_HINTS_H
#define MHEAP_CORE_META_HINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/meta/layout.h"
#include "core/sys/sys.h"

// One listed first, those of the form i << 40, and the two around a piece.
#define MH_MAX_HINTS (MH_LAYOUT_HINTS + 3)

struct mh_hint {
    uint64_t address; // the next piece starts here, or, going down, ends here
    bool down;
};

struct mh_hints {
    const struct mh_layout *layout;
    uint64_t initial_next, initial_end; // of the reservation made at start
    unsigned nhints;
    struct mh_hint hints[MH_MAX_HINTS]; // in the order they are tried
};

// mh_hints_init fills the list from the layout. Makes no system call.
void mh_hints_init(struct mh_hints *h, const struct mh_layout *layout);

// mh_hints_scatter puts one before all others: the border of an arena that
// `random` picks, above the first hint by up to a quarter of what programs have
// of the address space. A list without hints stays so.
void mh_hints_scatter(struct mh_hints *h, uint64_t random);

// mh_hints_start begins a row that starts above the program. With ahead it
// reserves the largest of the row's initial sizes that can be had, just above
// program_end (the end of the program and its break) where possible. It makes
// one hint, behind the reservation, or above the program when there is none.
// For other rows it does nothing. Failure is not reported: growth then begins
// with nothing.
void mh_hints_start(struct mh_hints *h, uint64_t program_end, bool ahead,
                    enum mh_purpose purpose);

// mh_hints_is_initial: a piece at base would be one of the initial reservation,
// not yet handed out. Such pieces are not given back singly: their owner puts
// the whole of *h back to what it was before, and the next one gets the piece.
bool mh_hints_is_initial(const struct mh_hints *h, uint64_t base);

// mh_hints_reserve gets size bytes of Reserved address space, aligned to align,
// that the layout can address. Both are multiples of the system's
// reserve_align, align a power of two. In order: the initial reservation, each
// hint, anywhere. NULL when there is no room; nothing is held then. Hints that
// the system did not honour are gone afterwards, the others stay, also when it
// was out of room. A misplaced reservation that the system does not take back
// stays booked as Reserved.
MH_NODISCARD void *mh_hints_reserve(struct mh_hints *h, size_t size,
                                    size_t align, enum mh_purpose purpose);

// The steps of mh_hints_reserve, for tests and for the curious.

// mh_hints_next finds the first hint, from number `from` on, at which size
// bytes aligned to align fit into the address space without wrapping, and where
// they would start. h->nhints when there is none. Hints that do not fit are
// skipped, not dropped: a smaller piece may.
unsigned mh_hints_next(const struct mh_hints *h, unsigned from, size_t size,
                       size_t align, uint64_t *start_out);

// mh_hints_advance moves a hint past the piece [start, start + size) got there.
void mh_hints_advance(struct mh_hints *h, unsigned i, uint64_t start,
                      size_t size);

// mh_hints_drop forgets a hint; those behind it keep their order.
void mh_hints_drop(struct mh_hints *h, unsigned i);

// mh_hints_add_around puts two hints in front of the others: up from end, then
// down from start. The last ones are dropped when the list is full.
void mh_hints_add_around(struct mh_hints *h, uint64_t start, uint64_t end);

// mh_hints_give_back frees a reservation that is of no use.
void mh_hints_give_back(void *base, size_t size, enum mh_purpose purpose);

#endif // MHEAP_CORE_META_HINTS_H
