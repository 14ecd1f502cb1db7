// heap_ops_oracle.h - a table of what should be in the heap.
//
// The oracle knows every object: where it is, how long, in which heap, and what
// its bytes must be.

#ifndef MHEAP_TESTS_FUZZ_HEAP_OPS_ORACLE_H
#define MHEAP_TESTS_FUZZ_HEAP_OPS_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mheap/mheap.h"

enum {
    ORACLE_OBJECTS = 256,
    ORACLE_HEAPS = 3, // the default heap and two that come and go
    ORACLE_FREED = 16,
};

struct oracle_object {
    char *p; // NULL: the entry is empty
    size_t size;
    uint64_t tag;
    unsigned heap;
    bool manual;
    size_t align; // as it was asked for
};

struct oracle {
    struct oracle_object objects[ORACLE_OBJECTS];
    struct mheap *heaps[ORACLE_HEAPS];
    void *freed[ORACLE_FREED]; // freed not long ago
    uint64_t nsteps, bad_frees, next_tag;
    bool rough; // calls to the system may fail
    uint64_t clock_ns;
};

extern struct oracle oracle;

// oracle_empty_entry and oracle_any_object look for an entry of the table from
// a place on; NULL when there is none.
struct oracle_object *oracle_empty_entry(uint32_t from);
struct oracle_object *oracle_any_object(uint32_t from);

// oracle_pick_size is a size as programs ask for them: mostly small, at the
// borders of classes now and then. oracle_pick_heap is the number of a heap
// that exists.
size_t oracle_pick_size(uint32_t x);
unsigned oracle_pick_heap(uint32_t x);

// oracle_note_alloc requires of a new object that it is aligned, long enough,
// in its heap and overlaps nothing, enters it, and fills it. NULL is right when
// calls to the system may fail. oracle_note_pages is for manual pages.
void oracle_note_alloc(struct oracle_object *o, void *p, size_t size,
                       unsigned heap);
void oracle_note_pages(struct oracle_object *o, void *p, size_t size,
                       unsigned heap);

// oracle_note_free empties the entry of an object that was freed, and
// oracle_drop frees it as well.
void oracle_note_free(struct oracle_object *o);
void oracle_drop(struct oracle_object *o);

void oracle_require_contents(const struct oracle_object *o, size_t size);

// oracle_check walks all heaps and compares; oracle_check_when_due does when
// enough steps have passed for what it costs.
void oracle_check(void);
void oracle_check_when_due(void);

#endif // MHEAP_TESTS_FUZZ_HEAP_OPS_ORACLE_H
