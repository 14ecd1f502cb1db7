// resident_windows.c - how much of a range takes up memory.

#include <check.h>
#include <windows.h>

#define PSAPI_VERSION 2
#include <psapi.h>

#include "tests/support/expect.h"

size_t mh_resident_pages(const void *base, size_t npages) {
    SYSTEM_INFO system;
    size_t n = 0;

    GetSystemInfo(&system);
    for (size_t i = 0; i < npages; i++) {
        PSAPI_WORKING_SET_EX_INFORMATION info = {
            .VirtualAddress = (char *)base + i * system.dwPageSize};
        ck_assert(QueryWorkingSetEx(GetCurrentProcess(), &info, sizeof(info)) !=
                  0);
        n += info.VirtualAttributes.Valid;
    }
    return n;
}
