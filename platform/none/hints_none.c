// hints_none.c - the hints of os.h on a system that takes none.

#include "platform/os.h"

void mh_os_hugepage(void *base, size_t size) {
    (void)base;
    (void)size;
}

void mh_os_nohugepage(void *base, size_t size) {
    (void)base;
    (void)size;
}

void mh_os_name(void *base, size_t size, const char *name) {
    (void)base;
    (void)size;
    (void)name;
}
