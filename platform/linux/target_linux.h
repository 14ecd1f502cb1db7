// target_linux.h - what the files that read another process tell one another.

#ifndef MHEAP_PLATFORM_LINUX_TARGET_LINUX_H
#define MHEAP_PLATFORM_LINUX_TARGET_LINUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "platform/target.h"

struct mh_target {
    pid_t pid;
    int dir;        // /proc/PID; goes on naming this process after its end
    int memory;     // /proc/PID/mem
    int pagemap;    // /proc/PID/pagemap, or -1
    int pidfd;      // -1 where the kernel has none
    uint64_t start; // clock ticks from boot to the start of the process
    uint64_t program_inode; // of the file it runs, 0: not told
    size_t page_size;
    bool no_vm_read; // process_vm_readv is not to be had
    bool no_scan;    // nor PAGEMAP_SCAN
};

// mh_linux_target_limit makes a target do without the newer system calls, as on
// an old kernel or behind a filter. For tests.
void mh_linux_target_limit(struct mh_target *target, bool no_vm_read,
                           bool no_scan);

// mh_linux_target_status sorts an errno.
enum mh_target_status mh_linux_target_status(int code);

// mh_linux_read_at reads a file of a directory whole, at most size - 1 bytes,
// and ends it with a NUL. -1 and errno on failure, else the length.
ssize_t mh_linux_read_at(int dir, const char *name, char *buffer, size_t size);

// mh_linux_status_number finds "Name:" in the text of a status file and reads
// the number behind it; false when there is none.
bool mh_linux_status_number(const char *text, const char *name, int base,
                            uint64_t *number_out);

#endif // MHEAP_PLATFORM_LINUX_TARGET_LINUX_H
