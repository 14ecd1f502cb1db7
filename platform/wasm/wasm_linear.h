// wasm_linear.h - the one memory of a WebAssembly module, and what is free.
//
// Linear memory grows at its end and never shrinks, and every address below the
// end can be read and written ("Memory Instances" and "memory.grow" of the
// WebAssembly core specification). So addresses that were given up are kept
// here, and given out again before memory is grown: they are all there is.
//
// The C library grows the same memory for its own malloc; what comes of a
// growth is ours alone, whoever grew before.
//
// Included by exactly one file of a backend, which thereby owns the list. There
// is no lock: a module without shared memory has one thread.

#ifndef MHEAP_PLATFORM_WASM_WASM_LINEAR_H
#define MHEAP_PLATFORM_WASM_WASM_LINEAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "platform/wasm/wasm_util.h"

// A run of addresses that nobody has. The record lies at its start: whoever
// gets the addresses gets them zeroed.
struct wasm_gap {
    struct wasm_gap *next; // at a higher address, not adjacent; NULL: the last
    size_t size;           // bytes, whole pages
};

static struct wasm_gap *wasm_gaps;

static uint64_t wasm_start(const void *at) {
    return (uintptr_t)at;
}

static uint64_t wasm_end(const struct wasm_gap *gap) {
    return wasm_start(gap) + gap->size;
}

// 64 bits: all of 4 GiB may be there.
static uint64_t wasm_memory_end(void) {
    return (uint64_t)__builtin_wasm_memory_size(0) * WASM_PAGE;
}

// wasm_has says whether addresses can be somebody's: below the end, and in no
// gap.
static bool wasm_has(const void *base, size_t size) {
    uint64_t start = wasm_start(base);
    const struct wasm_gap *gap = wasm_gaps;

    if (start == 0 || start + size > wasm_memory_end()) {
        return false;
    }
    while (gap != NULL && wasm_end(gap) <= start) {
        gap = gap->next;
    }
    return gap == NULL || wasm_start(gap) >= start + size;
}

// wasm_join makes one gap of two that have come to touch.
static void wasm_join(struct wasm_gap *gap) {
    struct wasm_gap *next = gap->next;

    if (next != NULL && wasm_end(gap) == wasm_start(next)) {
        gap->size += next->size;
        gap->next = next->next;
    }
}

// wasm_give takes back any part of what was given out. False, and nothing has
// changed, where some of it is nobody's.
static bool wasm_give(void *base, size_t size) {
    struct wasm_gap *before = NULL, *gap = base;

    if (!wasm_has(base, size)) {
        return false;
    }
    for (struct wasm_gap *at = wasm_gaps; at != NULL && at < gap;
         at = at->next) {
        before = at;
    }
    gap->size = size;
    gap->next = before != NULL ? before->next : wasm_gaps;
    wasm_join(gap);
    if (before == NULL) {
        wasm_gaps = gap;
    } else {
        before->next = gap;
        wasm_join(before);
    }
    return true;
}

// wasm_cut takes [base, base + size), which lies in the gap at *link, from it.
static void *wasm_cut(struct wasm_gap **link, char *base, size_t size) {
    struct wasm_gap *gap = *link;
    size_t head = (size_t)(base - (char *)gap);
    size_t tail = gap->size - head - size;
    struct wasm_gap *rest = gap->next;

    if (tail > 0) {
        rest = (struct wasm_gap *)(void *)(base + size);
        *rest = (struct wasm_gap){gap->next, tail};
    }
    if (head > 0) {
        gap->size = head;
        gap->next = rest;
    } else {
        *link = rest;
    }
    return memset(base, 0, size);
}

// wasm_grow adds pages at the end of memory; NULL when there are no more.
static void *wasm_grow(size_t size) {
    size_t before = __builtin_wasm_memory_grow(0, size / WASM_PAGE);

    return before == SIZE_MAX ? NULL : (void *)(before * WASM_PAGE);
}

// wasm_stretch makes the last gap, which ends where memory does, large enough.
static void *wasm_stretch(struct wasm_gap **link, size_t size) {
    struct wasm_gap *gap = *link;
    size_t lacking = size - gap->size;
    void *more = wasm_grow(lacking);

    if (more == NULL) {
        return NULL;
    }
    // Nobody grew in between: what is added lies behind the gap.
    gap->size += lacking;
    return wasm_cut(link, (char *)gap, size);
}

// wasm_take_at gives out a place that is named, if nobody has it.
static void *wasm_take_at(void *hint, size_t size) {
    uint64_t start = wasm_start(hint);
    struct wasm_gap **link = &wasm_gaps;

    if (start != 0 && start == wasm_memory_end()) {
        return wasm_grow(size);
    }
    while (*link != NULL && wasm_end(*link) <= start) {
        link = &(*link)->next;
    }
    if (*link == NULL || wasm_start(*link) > start ||
        wasm_end(*link) < start + size) {
        return NULL;
    }
    return wasm_cut(link, hint, size);
}

// wasm_take gives out zeroed memory: at the hint or, where that is taken or
// NULL, at the lowest address there is room at. NULL when memory cannot grow.
static void *wasm_take(void *hint, size_t size) {
    void *base = hint != NULL ? wasm_take_at(hint, size) : NULL;
    struct wasm_gap **link = &wasm_gaps;

    if (base != NULL) {
        return base;
    }
    for (; *link != NULL; link = &(*link)->next) {
        if ((*link)->size >= size) {
            return wasm_cut(link, (char *)*link, size);
        }
        if (wasm_end(*link) == wasm_memory_end()) {
            return wasm_stretch(link, size);
        }
    }
    return wasm_grow(size);
}

#endif // MHEAP_PLATFORM_WASM_WASM_LINEAR_H
