// range.h - a piece of memory.

#ifndef MHEAP_CORE_BASE_RANGE_H
#define MHEAP_CORE_BASE_RANGE_H

#include <stddef.h>

struct mh_range {
    void *base;
    size_t size; // in bytes
};

#endif // MHEAP_CORE_BASE_RANGE_H
