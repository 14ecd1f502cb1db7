// target_darwin.c - reading another process through its task port.
//
// The port is asked for by number, and the number may be another process's by
// then or later; the time at which the process was started says whether it is.

#include "platform/darwin/target_darwin.h"

#include <mach/mach_error.h>
#include <mach/mach_init.h>
#include <mach/mach_port.h>
#include <mach/mach_traps.h>
#include <mach/task.h>
#include <mach/task_info.h>
#include <mach/vm_page_size.h>
#include <mach/vm_statistics.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PAGES_AT_ONCE = 512, ZOMBIE = 5 }; // SZOMB of sys/proc.h

static uint64_t start_of(const struct proc_bsdinfo *info) {
    return info->pbi_start_tvsec * 1000000u + info->pbi_start_tvusec;
}

bool mh_darwin_describe(int pid, struct proc_bsdinfo *info) {
    return proc_pidinfo(pid, PROC_PIDTBSDINFO, 0, info, (int)sizeof(*info)) ==
               (int)sizeof(*info) &&
           info->pbi_status != ZOMBIE;
}

bool mh_target_alive(struct mh_target *target) {
    struct proc_bsdinfo info;

    return mh_darwin_describe(target->pid, &info) &&
           start_of(&info) == target->started;
}

// The memory of a process that has ended is not there, and its port is no
// task's any more.
enum mh_target_status mh_darwin_target_status(struct mh_target *target,
                                              kern_return_t code) {
    if (code == KERN_SUCCESS) {
        return MH_TARGET_OK;
    }
    if (!mh_target_alive(target)) {
        return MH_TARGET_GONE;
    }
    switch (code) {
    case KERN_INVALID_ADDRESS:
    case KERN_PROTECTION_FAILURE:
    case KERN_NO_SPACE:
    case KERN_MEMORY_FAILURE:
    case KERN_MEMORY_ERROR:
    case KERN_INVALID_ARGUMENT: // an address that wraps
        return MH_TARGET_UNREADABLE;
    case KERN_RESOURCE_SHORTAGE:
        return MH_TARGET_NO_MEMORY;
    default:
        return MH_TARGET_FAILED;
    }
}

// task_for_pid says KERN_FAILURE for everything.
enum mh_target_status mh_target_open(uint64_t pid,
                                     struct mh_target **target_out) {
    struct proc_bsdinfo info;

    *target_out = NULL;
    if (pid == 0 || pid > INT32_MAX || !mh_darwin_describe((int)pid, &info)) {
        return MH_TARGET_GONE;
    }
    struct mh_target *target = calloc(1, sizeof(*target));
    if (target == NULL) {
        return MH_TARGET_NO_MEMORY;
    }
    target->pid = (int)pid;
    target->started = start_of(&info);
    target->page_size = vm_page_size;
    if (task_for_pid(mach_task_self(), target->pid, &target->task) !=
        KERN_SUCCESS) {
        bool alive = mh_target_alive(target);
        free(target);
        return alive ? MH_TARGET_DENIED : MH_TARGET_GONE;
    }
    if (!mh_target_alive(target)) {
        mh_target_close(target);
        return MH_TARGET_GONE;
    }
    *target_out = target;
    return MH_TARGET_OK;
}

void mh_target_close(struct mh_target *target) {
    if (target != NULL) {
        (void)mach_port_deallocate(mach_task_self(), target->task);
        free(target);
    }
}

// The kernel copies between two processes that both go on. Pages of files that
// nobody has touched are brought in, so the file need not be read.
enum mh_target_status mh_target_read(struct mh_target *target, uint64_t address,
                                     void *buffer, size_t size) {
    mach_vm_size_t n = 0;

    if (size > UINT64_MAX - address) {
        return MH_TARGET_UNREADABLE;
    }
    kern_return_t code = mach_vm_read_overwrite(target->task, address, size,
                                                (uintptr_t)buffer, &n);
    if (code == KERN_SUCCESS && n != size) {
        return MH_TARGET_UNREADABLE;
    }
    return mh_darwin_target_status(target, code);
}

size_t mh_target_page_size(const struct mh_target *target) {
    return target->page_size;
}

uint64_t mh_target_now_ns(void) {
    struct timespec now = {0, 0};

    (void)clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int mh_target_file(struct mh_target *target, const struct mh_target_map *map) {
    (void)target;
    (void)map;
    return -1;
}

// ---- pages ------------------------------------------------------------------

// A page that was given up may be there, but does not count as the process's,
// and what it holds means nothing.
static enum mh_target_page page_of(int word) {
    if ((word & VM_PAGE_QUERY_PAGE_PAGED_OUT) != 0) {
        return MH_TARGET_PAGE_SWAPPED;
    }
    if ((word & VM_PAGE_QUERY_PAGE_PRESENT) == 0 ||
        (word & VM_PAGE_QUERY_PAGE_REUSABLE) != 0) {
        return MH_TARGET_PAGE_ABSENT;
    }
    return (word & VM_PAGE_QUERY_PAGE_EXTERNAL) != 0 ? MH_TARGET_PAGE_SHARED
                                                     : MH_TARGET_PAGE_RESIDENT;
}

enum mh_target_status mh_target_pages(struct mh_target *target,
                                      uint64_t address, size_t npages,
                                      enum mh_target_page *pages_out) {
    int words[PAGES_AT_ONCE];

    for (size_t done = 0; done < npages;) {
        mach_vm_size_t n =
            npages - done < PAGES_AT_ONCE ? npages - done : PAGES_AT_ONCE;
        kern_return_t code = mach_vm_page_range_query(
            target->task, address + done * target->page_size,
            n * target->page_size, (uintptr_t)words, &n);
        if (code != KERN_SUCCESS || n == 0) {
            return code != KERN_SUCCESS ? mh_darwin_target_status(target, code)
                                        : MH_TARGET_FAILED;
        }
        for (mach_vm_size_t i = 0; i < n; i++) {
            pages_out[done + i] = page_of(words[i]);
        }
        done += n;
    }
    return MH_TARGET_OK;
}

// What was given up is counted as resident until it is taken.
enum mh_target_status mh_target_resident(struct mh_target *target,
                                         uint64_t *bytes_out) {
    task_vm_info_data_t info;
    mach_msg_type_number_t count = TASK_VM_INFO_COUNT;

    memset(&info, 0, sizeof(info));
    kern_return_t code =
        task_info(target->task, TASK_VM_INFO, (task_info_t)&info, &count);
    *bytes_out = info.resident_size >= info.reusable
                     ? info.resident_size - info.reusable
                     : 0;
    return mh_darwin_target_status(target, code);
}
