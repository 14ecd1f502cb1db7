// span_rules.h - the invariants of a span, as questions about plain numbers.
//
// The library's debug build asks them about its own records, a reader outside
// about copies of another process's; so the two never disagree on what is
// broken. The numbers are those of span.h: S1 to S6 and S8. Nothing here reads
// anything but its arguments.
//
// In a running process the free count and the lists (S4's count, S5, S8) change
// without a sequence number, so a reader asks about those only of itself or of
// a process that stands still.

#ifndef MHEAP_CORE_BASE_SPAN_RULES_H
#define MHEAP_CORE_BASE_SPAN_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What is constant in a span, and what it is measured against.
struct mh_span_shape {
    uint64_t base;
    uint64_t npages;
    uint64_t slot_size; // 0: large
    uint64_t nslots;
    uint64_t large_size;  // of a large object, 0 of others
    uint64_t large_start; // bytes in front of it in its first page, or 0
    uint64_t size_class;  // 0: large
    uint64_t nclasses;
    uint64_t class_size; // of size_class
    uint64_t class_nslots;
    uint64_t max_slots;
    uint64_t granule; // bytes
    uint64_t page_bytes;
    uint64_t arena_base, arena_bytes; // where it begins
};

// Bits of one span. A granule's bit i is bit i % 64 of word i / 64, counted
// from the base of the span; a slot's likewise.
struct mh_span_bits {
    const uint64_t *live;   // by granule
    const uint64_t *remote; // by granule
    const uint64_t *free;   // by slot
    size_t ngranules;
    uint32_t slot_size; // bytes
    uint32_t granule;   // bytes
    uint32_t nslots;
};

// mh_span_rule_shape is the first of S1, S2 and S3 that is broken, or 0.
int mh_span_rule_shape(const struct mh_span_shape *shape);

// mh_span_rule_free is 4 when a bit at nslots or above is set in nwords words,
// or when they do not count nfree; else 0. nfree may be UINT64_MAX: do not
// count.
int mh_span_rule_free(const uint64_t *free, size_t nwords, uint64_t nslots,
                      uint64_t nfree);

// mh_span_rule_granules is 6 when a granule that starts no slot is live or
// remote, else 0.
int mh_span_rule_granules(const struct mh_span_bits *bits);

// mh_span_rule_slots is 5 when a free slot is live or remote, else 0.
int mh_span_rule_slots(const struct mh_span_bits *bits);

// mh_span_rule_list is 8 when a listed span has no free slot, or one on the
// central list has an owner; else 0.
int mh_span_rule_list(bool listed, bool central, bool owned, uint64_t nfree);

#endif // MHEAP_CORE_BASE_SPAN_RULES_H
