// resident_none.c - residency on a system that is not asked.

#include "platform/os.h"

size_t mh_os_resident(const void *base, size_t size) {
    (void)base;
    (void)size;
    return 0;
}
