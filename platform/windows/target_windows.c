// target_windows.c - reading another process by ReadProcessMemory.
//
// A target is named by a handle, which never names another process, even when
// the number is used again.

#include "platform/target.h"

#include <stdio.h>
#include <stdlib.h>

#include "platform/windows/target_windows.h"

// kernel32's own names for what psapi.dll has, so that no library is needed.
#define PSAPI_VERSION 2
#include <psapi.h>

enum { MAPS_FIRST = 256, PAGES_AT_ONCE = 512 };

enum mh_target_status mh_windows_target_status(unsigned long code) {
    switch (code) {
    case ERROR_INVALID_PARAMETER: // no process has this number
    case ERROR_INVALID_HANDLE:
        return MH_TARGET_GONE;
    case ERROR_ACCESS_DENIED:
    case ERROR_PRIVILEGE_NOT_HELD:
        return MH_TARGET_DENIED;
    case ERROR_PARTIAL_COPY:
    case ERROR_NOACCESS:
    case ERROR_INVALID_ADDRESS:
        return MH_TARGET_UNREADABLE;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
        return MH_TARGET_NO_MEMORY;
    default:
        return MH_TARGET_FAILED;
    }
}

// Administrators hold this privilege, but it is off until it is asked for.
static void enable_debugging(void) {
    TOKEN_PRIVILEGES wish = {.PrivilegeCount = 1};
    HANDLE token;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES,
                          &token)) {
        return;
    }
    wish.Privileges[0].Attributes = SE_PRIVILEGE_ENABLED;
    if (LookupPrivilegeValueA(NULL, "SeDebugPrivilege",
                              &wish.Privileges[0].Luid)) {
        (void)AdjustTokenPrivileges(token, FALSE, &wish, 0, NULL, NULL);
    }
    (void)CloseHandle(token);
}

enum mh_target_status mh_target_open(uint64_t pid,
                                     struct mh_target **target_out) {
    const DWORD rights =
        PROCESS_VM_READ | PROCESS_QUERY_INFORMATION | SYNCHRONIZE;
    SYSTEM_INFO system;

    *target_out = NULL;
    if (pid == 0 || pid > UINT32_MAX) {
        return MH_TARGET_GONE;
    }
    struct mh_target *target = calloc(1, sizeof(*target));
    if (target == NULL) {
        return MH_TARGET_NO_MEMORY;
    }
    target->process = OpenProcess(rights, FALSE, (DWORD)pid);
    if (target->process == NULL && GetLastError() == ERROR_ACCESS_DENIED) {
        enable_debugging();
        target->process = OpenProcess(rights, FALSE, (DWORD)pid);
    }
    if (target->process == NULL) {
        enum mh_target_status status = mh_windows_target_status(GetLastError());
        free(target);
        return status;
    }
    GetSystemInfo(&system);
    target->page_size = system.dwPageSize;
    target->last = (uintptr_t)system.lpMaximumApplicationAddress;
    if (!mh_target_alive(target)) {
        mh_target_close(target);
        return MH_TARGET_GONE;
    }
    *target_out = target;
    return MH_TARGET_OK;
}

void mh_target_close(struct mh_target *target) {
    if (target != NULL) {
        (void)CloseHandle(target->process);
        free(target);
    }
}

enum mh_target_status mh_target_read(struct mh_target *target, uint64_t address,
                                     void *buffer, size_t size) {
    SIZE_T n = 0;

    if (address > UINTPTR_MAX || size > UINTPTR_MAX - (uintptr_t)address) {
        return MH_TARGET_UNREADABLE;
    }
    if (ReadProcessMemory(target->process, (const void *)(uintptr_t)address,
                          buffer, size, &n) &&
        n == size) {
        return MH_TARGET_OK;
    }
    DWORD code = GetLastError();
    // The memory of a process that has ended is not there.
    if (!mh_target_alive(target)) {
        return MH_TARGET_GONE;
    }
    return code == ERROR_SUCCESS ? MH_TARGET_UNREADABLE
                                 : mh_windows_target_status(code);
}

bool mh_target_alive(struct mh_target *target) {
    return WaitForSingleObject(target->process, 0) == WAIT_TIMEOUT;
}

size_t mh_target_page_size(const struct mh_target *target) {
    return target->page_size;
}

uint64_t mh_target_now_ns(void) {
    return mh_windows_clock();
}

// ---- mappings ---------------------------------------------------------------

// What lies behind a file's first byte, so that its parts are told to belong
// together. The address serves as its number.
static void name_file(const struct mh_target *target,
                      const MEMORY_BASIC_INFORMATION *run,
                      struct mh_target_map *map) {
    WCHAR path[sizeof(map->path)];
    HMODULE module = (HMODULE)run->AllocationBase;

    map->inode = (uintptr_t)run->AllocationBase;
    map->offset = map->start - map->inode;
    DWORD n = run->Type == MEM_IMAGE
                  ? GetModuleFileNameExW(target->process, module, path,
                                         (DWORD)sizeof(map->path) / 2)
                  : GetMappedFileNameW(target->process, run->AllocationBase,
                                       path, (DWORD)sizeof(map->path) / 2);
    if (n != 0 &&
        WideCharToMultiByte(CP_UTF8, 0, path, (int)n, map->path,
                            (int)sizeof(map->path) - 1, NULL, NULL) == 0) {
        map->path[0] = '\0';
    }
}

static void describe(const struct mh_target *target,
                     const MEMORY_BASIC_INFORMATION *run,
                     struct mh_target_map *map) {
    const DWORD write = PAGE_READWRITE | PAGE_WRITECOPY |
                        PAGE_EXECUTE_READWRITE | PAGE_EXECUTE_WRITECOPY;
    const DWORD execute = PAGE_EXECUTE | PAGE_EXECUTE_READ |
                          PAGE_EXECUTE_READWRITE | PAGE_EXECUTE_WRITECOPY;
    bool there = run->State == MEM_COMMIT;

    memset(map, 0, sizeof(*map));
    map->start = (uintptr_t)run->BaseAddress;
    map->end = map->start + run->RegionSize;
    map->readable = there && (run->Protect &
                              (PAGE_NOACCESS | PAGE_GUARD | PAGE_EXECUTE)) == 0;
    map->writable = there && (run->Protect & write) != 0;
    map->executable = there && (run->Protect & execute) != 0;
    map->shared = run->Type == MEM_MAPPED;
    if (run->Type != MEM_PRIVATE) {
        name_file(target, run, map);
    }
}

// The list is made run by run while the target goes on, as it is on Linux.
enum mh_target_status mh_target_maps(struct mh_target *target,
                                     struct mh_target_map **maps_out,
                                     size_t *nmaps_out) {
    struct mh_target_map *maps = NULL;
    MEMORY_BASIC_INFORMATION run;
    size_t n = 0, room = 0;
    uintptr_t at = 0;

    *maps_out = NULL;
    *nmaps_out = 0;
    while (at < target->last &&
           VirtualQueryEx(target->process, (const void *)at, &run,
                          sizeof(run)) == sizeof(run)) {
        if (n == room) {
            room = room == 0 ? MAPS_FIRST : 2 * room;
            struct mh_target_map *more = realloc(maps, room * sizeof(*maps));
            if (more == NULL) {
                free(maps);
                return MH_TARGET_NO_MEMORY;
            }
            maps = more;
        }
        if (run.State != MEM_FREE) {
            describe(target, &run, &maps[n++]);
        }
        uintptr_t next = (uintptr_t)run.BaseAddress + run.RegionSize;
        if (next <= at) {
            break;
        }
        at = next;
    }
    if (n == 0) {
        free(maps);
        return mh_target_alive(target) ? MH_TARGET_FAILED : MH_TARGET_GONE;
    }
    *maps_out = maps;
    *nmaps_out = n;
    return MH_TARGET_OK;
}

// Files are read through the target: their parts do not lie in memory as they
// do in the file.
int mh_target_file(struct mh_target *target, const struct mh_target_map *map) {
    (void)target;
    (void)map;
    return -1;
}

// ---- pages ------------------------------------------------------------------

// A page that is not in the working set may be anywhere: trimmed, paged out, or
// never touched; the system tells nobody which. So none is called absent, and
// what was never touched reads as zero.
static enum mh_target_page page_of(PSAPI_WORKING_SET_EX_BLOCK block) {
    if (!block.Valid) {
        return MH_TARGET_PAGE_SWAPPED;
    }
    return block.Shared ? MH_TARGET_PAGE_SHARED : MH_TARGET_PAGE_RESIDENT;
}

enum mh_target_status mh_target_pages(struct mh_target *target,
                                      uint64_t address, size_t npages,
                                      enum mh_target_page *pages_out) {
    PSAPI_WORKING_SET_EX_INFORMATION info[PAGES_AT_ONCE];

    for (size_t done = 0; done < npages;) {
        size_t n =
            npages - done < PAGES_AT_ONCE ? npages - done : PAGES_AT_ONCE;
        for (size_t i = 0; i < n; i++) {
            uint64_t at = address + (done + i) * target->page_size;
            info[i].VirtualAddress = (void *)(uintptr_t)at;
        }
        if (!QueryWorkingSetEx(target->process, info,
                               (DWORD)(n * sizeof(info[0])))) {
            return mh_target_alive(target) ? MH_TARGET_FAILED : MH_TARGET_GONE;
        }
        for (size_t i = 0; i < n; i++) {
            pages_out[done + i] = page_of(info[i].VirtualAttributes);
        }
        done += n;
    }
    return MH_TARGET_OK;
}

enum mh_target_status mh_target_resident(struct mh_target *target,
                                         uint64_t *bytes_out) {
    PROCESS_MEMORY_COUNTERS counters;

    if (!GetProcessMemoryInfo(target->process, &counters, sizeof(counters))) {
        return mh_target_alive(target) ? MH_TARGET_FAILED : MH_TARGET_GONE;
    }
    *bytes_out = counters.WorkingSetSize;
    return MH_TARGET_OK;
}
