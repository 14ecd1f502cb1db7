// heap_ops_objects.c - operations that make and free objects and pages.

#include <errno.h>
#include <string.h>

#include "core/heap/heap.h"
#include "tests/fuzz/heap_ops.h"
#include "tests/fuzz/heap_ops_oracle.h"
#include "tests/support/objects.h"

// malloc: a: size, b: heap.
void ops_do_malloc(const struct op *op) {
    struct oracle_object *o = oracle_empty_entry(op->c);
    size_t size = oracle_pick_size(op->a);
    unsigned heap = oracle_pick_heap(op->b);
    if (o != NULL) {
        errno = 0;
        oracle_note_alloc(o, mheap_alloc_in(oracle.heaps[heap], size), size,
                          heap);
    }
}

// calloc: a: size, b: heap, c: number of elements.
void ops_do_calloc(const struct op *op) {
    struct oracle_object *o = oracle_empty_entry(op->c);
    size_t n = 1 + op->c % 4,
           size = oracle_pick_size(op->a) * (op->c % 64 ? 1 : 8);
    unsigned heap = oracle_pick_heap(op->b);
    if (o == NULL) {
        return;
    }
    errno = 0;
    char *p = mheap_calloc_in(oracle.heaps[heap], n, size);
    for (size_t i = 0; p != NULL && i < n * size; i++) {
        OPS_REQUIRE(p[i] == 0);
    }
    oracle_note_alloc(o, p, n * size, heap);
}

// aligned: a: size, b: heap, c: alignment, up to 128 KiB, seldom 8 MiB.
void ops_do_aligned(const struct op *op) {
    struct oracle_object *o = oracle_empty_entry(op->c);
    size_t size = oracle_pick_size(op->a);
    size_t align = (size_t)1 << (op->c % 128 == 0 ? 23 : op->c % 18);
    unsigned heap = oracle_pick_heap(op->b);
    if (o != NULL) {
        errno = 0;
        void *p = mheap_aligned_alloc_in(oracle.heaps[heap], align, size);
        OPS_REQUIRE((uintptr_t)p % align == 0);
        oracle_note_alloc(o, p, size, heap);
        o->align = align;
    }
}

// realloc: a: which, b: size, c: how much larger.
void ops_do_realloc(const struct op *op) {
    struct oracle_object *o = oracle_any_object(op->a);
    size_t size =
        oracle_pick_size(op->b) * (op->c % 8 ? 1 : 1 + op->c / 8 % 32);
    if (o == NULL || o->manual || size == 0) {
        return;
    }
    size_t kept = size < o->size ? size : o->size;
    errno = 0;
    void *p = mheap_realloc(o->p, size);
    if (p == NULL) {
        OPS_REQUIRE(oracle.rough && errno == ENOMEM);
        oracle_require_contents(o, o->size);
        return;
    }
    // Patterns of large objects depend on their size: compare what both have.
    struct oracle_object was = *o;
    was.p = p;
    if (o->size <= 4096 && kept <= 4096) {
        oracle_require_contents(&was, kept / 8 * 8);
    } else if (kept == o->size || kept > 4096) {
        OPS_REQUIRE(
            mh_pattern_holds(p, 4096 < kept ? 4096 : kept / 8 * 8, o->tag) ||
            o->size > 4096);
    }
    o->p = NULL;
    oracle_note_alloc(o, p, size, was.heap);
}

// free: a: which. free_sized the same.
void ops_do_free(const struct op *op) {
    struct oracle_object *o = oracle_any_object(op->a);
    if (o != NULL) {
        oracle_drop(o);
    }
}

void ops_do_free_sized(const struct op *op) {
    struct oracle_object *o = oracle_any_object(op->a);
    if (o == NULL || o->manual) {
        return;
    }
    oracle_require_contents(o, o->size);
    mheap_free_aligned_sized(o->p, o->align, o->size);
    oracle_note_free(o);
}

// pages: a: how many, b: heap.
void ops_do_pages(const struct op *op) {
    struct oracle_object *o = oracle_empty_entry(op->c);
    size_t npages = 1 + op->a % 20;
    unsigned heap = oracle_pick_heap(op->b);
    if (o == NULL) {
        return;
    }
    errno = 0;
    void *p = mheap_pages_alloc(oracle.heaps[heap], npages);
    oracle_note_pages(o, p, npages << MH_PAGE_SHIFT, heap);
}

// large: a: pages, b: heap.
void ops_do_large(const struct op *op) {
    struct oracle_object *o = oracle_empty_entry(op->c);
    size_t size = 32769 + (op->a % 64 ? op->a % 400000 : op->a % 9000000);
    unsigned heap = oracle_pick_heap(op->b);
    if (o != NULL) {
        errno = 0;
        oracle_note_alloc(o, mheap_alloc_in(oracle.heaps[heap], size), size,
                          heap);
    }
}

// many: a: size, c: how many objects of one class, more than a bin holds. They
// are freed in order, backwards or in an order that b chooses.
void ops_do_many(const struct op *op) {
    enum { MOST = 400 };
    static char *some[MOST];
    size_t size = oracle_pick_size(op->a) % 2048,
           n = 100 + op->c % (MOST - 100);
    uint64_t rng = op->b;
    for (size_t i = 0; i < n; i++) {
        some[i] = mheap_malloc(size);
        if (some[i] == NULL) {
            OPS_REQUIRE(oracle.rough);
            n = i;
        } else {
            mh_pattern_fill(some[i], size, (uintptr_t)some[i]);
        }
    }
    for (size_t left = n; left > 0; left--) {
        size_t k = left - 1;
        if (op->b % 3 != 0) {
            k = op->b % 3 == 1 ? 0 : mh_random_below(&rng, left);
        }
        char *p = some[k];
        OPS_REQUIRE(mh_pattern_holds(p, size, (uintptr_t)p));
        mheap_free(p);
        some[k] = some[left - 1];
    }
}
