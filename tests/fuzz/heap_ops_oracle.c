// heap_ops_oracle.c - a table of what should be in the heap.

#include "tests/fuzz/heap_ops_oracle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/heap/heap.h"
#include "core/scav/scavenger.h"
#include "mheap/stats.h"
#include "tests/fuzz/heap_ops.h"
#include "tests/support/books.h"
#include "tests/support/objects.h"

enum { PAGES_PER_STEP = 16 };

struct oracle oracle = {.clock_ns = 1000 * MH_SCAV_PERIOD_NS};

static size_t unchecked_pages; // of steps since the last walk

struct oracle_object *oracle_empty_entry(uint32_t from) {
    for (size_t i = 0; i < ORACLE_OBJECTS; i++) {
        struct oracle_object *o = &oracle.objects[(from + i) % ORACLE_OBJECTS];
        if (o->p == NULL) {
            return o;
        }
    }
    return NULL;
}

struct oracle_object *oracle_any_object(uint32_t from) {
    for (size_t i = 0; i < ORACLE_OBJECTS; i++) {
        struct oracle_object *o = &oracle.objects[(from + i) % ORACLE_OBJECTS];
        if (o->p != NULL) {
            return o;
        }
    }
    return NULL;
}

size_t oracle_pick_size(uint32_t x) {
    switch (x % 16) {
    case 0:
        return (x >> 8) % 17;
    case 1:
        return mh_classes[1 + (x >> 8) % (MH_NCLASSES - 1)].size + x / 16 % 3 -
               1;
    case 2:
        return 4096 + (x >> 8) % 40000;
    default:
        return (x >> 8) % 600;
    }
}

unsigned oracle_pick_heap(uint32_t x) {
    unsigned heap = x % 5 < ORACLE_HEAPS ? x % 5 : 0;
    return oracle.heaps[heap] != NULL ? heap : 0;
}

static void require_alone(const struct oracle_object *o, const char *begin,
                          size_t size) {
    for (size_t i = 0; i < ORACLE_OBJECTS; i++) {
        const struct oracle_object *other = &oracle.objects[i];
        if (other->p != NULL && other != o) {
            OPS_REQUIRE(begin + size <= other->p ||
                        other->p + other->size <= begin);
        }
    }
}

void oracle_note_alloc(struct oracle_object *o, void *p, size_t size,
                       unsigned heap) {
    char *begin = p;
    if (p == NULL) {
        OPS_REQUIRE(oracle.rough && errno == ENOMEM);
        return;
    }
    size_t room = mheap_usable_size(p);
    OPS_REQUIRE((uintptr_t)p % 16 == 0);
    OPS_REQUIRE(room >= size);
    OPS_REQUIRE(mheap_heap_of(p) == oracle.heaps[heap]);
    require_alone(o, begin, room > 0 ? room : 1);
    *o = (struct oracle_object){begin, size, ++oracle.next_tag, heap, false, 1};
    mh_pattern_fill(p, size, o->tag);
}

void oracle_note_pages(struct oracle_object *o, void *p, size_t size,
                       unsigned heap) {
    if (p == NULL) {
        OPS_REQUIRE(oracle.rough && errno == ENOMEM);
        return;
    }
    OPS_REQUIRE((uintptr_t)p % MH_PAGE_SIZE == 0);
    OPS_REQUIRE(mheap_usable_size(p) == 0);
    require_alone(o, p, size);
    *o = (struct oracle_object){p, size, ++oracle.next_tag, heap, true, 1};
    mh_pattern_fill(p, size, o->tag);
}

void oracle_require_contents(const struct oracle_object *o, size_t size) {
    OPS_REQUIRE(mh_pattern_holds(o->p, size, o->tag));
}

void oracle_note_free(struct oracle_object *o) {
    oracle.freed[oracle.nsteps % ORACLE_FREED] = o->p;
    o->p = NULL;
}

void oracle_drop(struct oracle_object *o) {
    oracle_require_contents(o, o->size);
    if (o->manual) {
        mheap_pages_free(o->p);
    } else {
        mheap_free(o->p);
    }
    oracle_note_free(o);
}

static void check_heap(unsigned heap) {
    struct mheap_stats stats;
    uint64_t n = 0, bytes = 0, manual = 0;
    const char *wrong = mh_books_wrong(oracle.heaps[heap]);
    if (wrong != NULL) {
        fprintf(stderr, "heap_ops_fuzz: heap %u: %s\n", heap, wrong);
        abort();
    }
    for (size_t i = 0; i < ORACLE_OBJECTS; i++) {
        const struct oracle_object *o = &oracle.objects[i];
        if (o->p != NULL && o->heap == heap) {
            n += !o->manual;
            bytes += o->manual ? 0 : mheap_usable_size(o->p);
            manual += o->manual ? o->size : 0;
        }
    }
    mheap_stats(oracle.heaps[heap], &stats);
    OPS_REQUIRE(stats.in_use_objects == n);
    OPS_REQUIRE(stats.in_use_bytes == bytes);
    OPS_REQUIRE(stats.manual_bytes == manual);
    OPS_REQUIRE(stats.bad_frees_total == oracle.bad_frees);
}

void oracle_check(void) {
    for (unsigned i = 0; i < ORACLE_HEAPS; i++) {
        if (oracle.heaps[i] != NULL) {
            check_heap(i);
        }
    }
}

static void count_pages(struct mh_span *span, void *arg) {
    size_t *npages = arg;
    *npages += span->size_class == 0 ? 1 : span->npages;
}

void oracle_check_when_due(void) {
    size_t npages = 0;
    mh_heap_each_span(NULL, count_pages, &npages);
    unchecked_pages += PAGES_PER_STEP;
    if (unchecked_pages >= npages) {
        oracle_check();
        unchecked_pages = 0;
    }
}
