// target_windows.h - what the files that read another process tell one another.

#ifndef MHEAP_PLATFORM_WINDOWS_TARGET_WINDOWS_H
#define MHEAP_PLATFORM_WINDOWS_TARGET_WINDOWS_H

#include "platform/target.h"
#include "platform/windows/windows_util.h"

struct mh_target {
    HANDLE process;
    size_t page_size;
    uintptr_t last; // highest address a program can have
};

// mh_windows_target_status sorts what GetLastError says.
enum mh_target_status mh_windows_target_status(unsigned long code);

#endif // MHEAP_PLATFORM_WINDOWS_TARGET_WINDOWS_H
