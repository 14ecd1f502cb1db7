// pairs.h - the live and remote bits of released pages take no memory.
//
// A system page of pairs stands for 256 KiB of heap (of 4 KiB pages). Once all
// of that is free and released no bit in it is set, and the page can go: it
// reads as zero when it is touched again, which is what a new span expects. A
// bad free there finds no live bit, as before.
//
// One system call for many neighbours: it interrupts the other processors,
// which costs more than the pages do. So who gives runs back notes them, and
// lets their pairs go together.

#ifndef MHEAP_CORE_HEAP_PAIRS_H
#define MHEAP_CORE_HEAP_PAIRS_H

#include <stddef.h>
#include <stdint.h>

struct mheap;

// Neighbouring runs noted and not looked at yet: [from, to), empty when both
// are 0.
struct mh_pairs_home {
    uintptr_t from, to;
};

// mh_pairs_note_locked notes that a run was released. Runs come one after the
// other, downwards; one that lies elsewhere lets those before it go first.
void mh_pairs_note_locked(struct mheap *heap, struct mh_pairs_home *home,
                          uintptr_t base, size_t bytes);

// mh_pairs_go_locked gives back what pages of pairs stand for nothing but
// released pages, of those noted. What was taken again meanwhile is left alone.
// The caller of both holds the heap's lock.
void mh_pairs_go_locked(struct mheap *heap, struct mh_pairs_home *home);

#endif // MHEAP_CORE_HEAP_PAIRS_H
