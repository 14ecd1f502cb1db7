// live_shared.c - a shared library that keeps a heap of its own inside.

#include "mheap/mheap.h"

void *shared_malloc(size_t size);
void shared_free(void *p);

__attribute__((visibility("default"))) void *shared_malloc(size_t size) {
    return mheap_malloc(size);
}

__attribute__((visibility("default"))) void shared_free(void *p) {
    mheap_free(p);
}
