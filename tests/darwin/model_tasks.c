// model_tasks.c - other processes, as Mach and libproc show them: those that
// run over the model, and no others.

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/darwin/model.h"

// xnu:osfmk/mach/kern_return.h
enum { SUCCESS = 0, INVALID_ADDRESS = 1, INVALID_ARGUMENT = 4, FAILURE = 5 };
// A port is a number that means something to its holder only.
enum { PORT_OF = 0x1000 };

static bool proc_path(char *path, int pid, const char *name) {
    return snprintf(path, 64, "/proc/%d/%s", pid, name) < 64;
}

static bool is_ours(int pid) {
    char path[64], own[PATH_MAX] = "", other[PATH_MAX] = "";

    return pid > 0 && proc_path(path, pid, "exe") &&
           readlink(path, other, sizeof(other) - 1) > 0 &&
           readlink("/proc/self/exe", own, sizeof(own) - 1) > 0 &&
           strcmp(own, other) == 0;
}

static size_t read_small(int pid, const char *name, char *text, size_t size) {
    char path[64];
    ssize_t n = -1;

    if (proc_path(path, pid, name)) {
        int fd = open(path, O_RDONLY);
        n = fd >= 0 ? read(fd, text, size - 1) : -1;
        (void)close(fd);
    }
    text[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

// osfmk/mach/mach_traps.h: needs rights, and says no more than that it failed.
static int d_task_for_pid(uint32_t self, int pid, uint32_t *port) {
    (void)self;
    *port = (uint32_t)(pid + PORT_OF);
    return is_ours(pid) ? SUCCESS : FAILURE;
}

static int d_port_deallocate(uint32_t self, uint32_t port) {
    (void)self;
    return port >= PORT_OF ? SUCCESS : INVALID_ARGUMENT;
}

// mach_vm_read_overwrite: all of it is there and readable, or nothing is done.
static int d_read_overwrite(uint32_t task, uint64_t address, uint64_t size,
                            uint64_t to, uint64_t *size_out) {
    struct iovec local = {(void *)(uintptr_t)to, size};
    struct iovec remote = {(void *)(uintptr_t)address, size};
    ssize_t n =
        process_vm_readv((pid_t)(task - PORT_OF), &local, 1, &remote, 1, 0);

    *size_out = n > 0 ? (uint64_t)n : 0;
    return *size_out == size ? SUCCESS : INVALID_ADDRESS;
}

// One mapping of the host. The image of a program is one with a file.
struct mapping {
    uint64_t start, end, inode;
    char rights[8];
    char path[512];
};

// find_mapping finds the first that ends above address.
static bool find_mapping(int pid, uint64_t address, struct mapping *found) {
    char path[64], line[1024];
    bool there = false;

    FILE *maps = proc_path(path, pid, "maps") ? fopen(path, "r") : NULL;
    while (maps != NULL && !there && fgets(line, sizeof(line), maps) != NULL) {
        memset(found, 0, sizeof(*found));
        (void)sscanf(line,
                     "%" SCNx64 "-%" SCNx64 " %7s %*x %*s %" SCNu64
                     " /memfd:%511s",
                     &found->start, &found->end, found->rights, &found->inode,
                     found->path);
        // Beyond Darwin's addresses lies what the host's kernel has.
        there = found->end > address && found->end < UINT64_C(1) << 47;
    }
    if (maps != NULL) {
        (void)fclose(maps);
    }
    return there;
}

// struct vm_region_submap_info_64 of xnu:osfmk/mach/vm_region.h, where every
// field begins at a multiple of four.
struct __attribute__((packed, aligned(4))) region_info {
    int32_t protection, most;
    uint32_t inheritance;
    uint64_t offset;
    uint32_t tag, counts[5];
    uint16_t shadows;
    uint8_t external_pager, share_mode;
    int32_t is_submap, behavior;
    uint32_t object;
    uint16_t wired, filler;
    uint32_t reusable;
    uint64_t object_full;
};
_Static_assert(sizeof(struct region_info) == 19 * 4, "its count");
enum { SHARE_PRIVATE = 2 };

static int protection_of(const struct mapping *mapping) {
    return (mapping->rights[0] == 'r' ? 1 : 0) |
           (mapping->rights[1] == 'w' ? 2 : 0) |
           (mapping->rights[2] == 'x' ? 4 : 0);
}

static int d_region_recurse(uint32_t task, uint64_t *address, uint64_t *size,
                            uint32_t *depth, struct region_info *info,
                            uint32_t *count) {
    struct mapping mapping;

    if (*count < sizeof(*info) / 4) {
        return INVALID_ARGUMENT;
    }
    if (!find_mapping((int)(task - PORT_OF), *address, &mapping)) {
        return INVALID_ADDRESS;
    }
    *address = mapping.start;
    *size = mapping.end - mapping.start;
    *depth = 0;
    memset(info, 0, sizeof(*info));
    info->protection = protection_of(&mapping);
    info->share_mode = SHARE_PRIVATE;
    info->external_pager = mapping.path[0] != '\0';
    return SUCCESS;
}

// A page of another process: what the host's page tables say of it.
int task_page_words(uint32_t task, uint64_t address, uint64_t n, int *words);
int task_page_words(uint32_t task, uint64_t address, uint64_t n, int *words) {
    enum { PRESENT = 0x1, PAGED_OUT = 0x10, EXTERNAL = 0x80 };
    char path[64];

    (void)proc_path(path, (int)(task - PORT_OF), "pagemap");
    int fd = open(path, O_RDONLY);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t entry = 0, at = (address + i * machine.page) / 4096 * 8;
        if (fd < 0 || pread(fd, &entry, 8, (off_t)at) != 8) {
            (void)close(fd);
            return FAILURE;
        }
        words[i] = (entry >> 63 & 1) != 0 ? PRESENT : 0;
        words[i] |= (entry >> 62 & 1) != 0 ? PAGED_OUT : 0;
        words[i] |= (entry >> 61 & 1) != 0 ? EXTERNAL : 0;
    }
    (void)close(fd);
    return SUCCESS;
}

// task_info, TASK_VM_INFO of xnu:osfmk/mach/task_info.h: of its fields the
// resident size is told, which comes third.
static int d_task_info(uint32_t task, uint32_t flavor, uint64_t *out,
                       uint32_t *count) {
    enum { VM_INFO = 22 };
    char text[128];
    uint64_t npages = 0;

    if (flavor != VM_INFO || *count < 22) {
        return INVALID_ARGUMENT;
    }
    if (read_small((int)(task - PORT_OF), "statm", text, sizeof(text)) == 0) {
        return INVALID_ARGUMENT;
    }
    (void)sscanf(text, "%*u %" SCNu64, &npages);
    memset(out, 0, *count * 4);
    out[2] = npages * 4096;
    return SUCCESS;
}

// struct proc_bsdinfo of xnu:bsd/sys/proc_info.h.
struct bsd_info {
    uint32_t flags, status, ended, pid, parent, uid, gid, ids[4], reserved;
    char command[16], name[32];
    uint32_t numbers[5];
    int32_t nice;
    uint64_t start_seconds, start_us;
};

static int describe_process(int pid, struct bsd_info *out) {
    enum { RUNNING = 2 };
    char path[64], text[1024];
    struct mapping mapping = {0};
    struct stat status;
    uint64_t ticks = 0;

    (void)proc_path(path, pid, "");
    if (!is_ours(pid) || stat(path, &status) != 0 ||
        read_small(pid, "stat", text, sizeof(text)) == 0) {
        return 0;
    }
    (void)sscanf(strrchr(text, ')') + 1,
                 " %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s"
                 " %*s %*s %*s %*s %" SCNu64,
                 &ticks);
    while (mapping.path[0] == '\0' &&
           find_mapping(pid, mapping.end, &mapping)) {
    }
    memset(out, 0, sizeof(*out));
    out->status = RUNNING;
    out->pid = (uint32_t)pid;
    out->uid = status.st_uid;
    const char *slash = strrchr(mapping.path, '/');
    (void)snprintf(out->command, sizeof(out->command), "%.15s",
                   slash != NULL ? slash + 1 : mapping.path);
    out->start_seconds = ticks / 100;
    out->start_us = ticks % 100 * 10000;
    return (int)sizeof(*out);
}

// struct proc_regionwithpathinfo of the same header.
struct region_path {
    uint32_t numbers[4];
    uint64_t offset;
    uint32_t more[14];
    uint64_t address, size;
    uint32_t device;
    uint16_t mode, links;
    uint64_t inode;
    unsigned char between[136];
    char path[1024];
};
_Static_assert(sizeof(struct region_path) == 1272, "its size");

static int describe_region(int pid, uint64_t address, struct region_path *out) {
    struct mapping mapping;

    if (!is_ours(pid) || !find_mapping(pid, address, &mapping)) {
        return 0;
    }
    memset(out, 0, sizeof(*out));
    out->address = mapping.start;
    out->size = mapping.end - mapping.start;
    out->inode = mapping.inode;
    (void)snprintf(out->path, sizeof(out->path), "%s", mapping.path);
    return (int)sizeof(*out);
}

// proc_pidinfo tells how many bytes it wrote.
static int d_proc_pidinfo(int pid, int flavor, uint64_t arg, void *buffer,
                          int size) {
    enum { OF_PROCESS = 3, OF_REGION = 8 };

    if (flavor == OF_PROCESS && size == (int)sizeof(struct bsd_info)) {
        return describe_process(pid, buffer);
    }
    if (flavor == OF_REGION && size == (int)sizeof(struct region_path)) {
        return describe_region(pid, arg, buffer);
    }
    broken("a flavor of proc_pidinfo", "");
}

// Without room it says how many there might be.
static int d_proc_listallpids(int *pids, int size) {
    DIR *folder = opendir("/proc");
    const struct dirent *entry;
    int n = 0;

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        int pid = atoi(entry->d_name);
        if (!is_ours(pid) || (pids != NULL && (n + 1) * 4 > size)) {
            continue;
        }
        if (pids != NULL) {
            pids[n] = pid;
        }
        n++;
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    return n;
}

const struct symbol task_symbols[] = {
    {"task_for_pid", (void *)d_task_for_pid},
    {"mach_port_deallocate", (void *)d_port_deallocate},
    {"mach_vm_read_overwrite", (void *)d_read_overwrite},
    {"mach_vm_region_recurse", (void *)d_region_recurse},
    {"task_info", (void *)d_task_info},
    {"proc_pidinfo", (void *)d_proc_pidinfo},
    {"proc_listallpids", (void *)d_proc_listallpids},
    {NULL, NULL},
};
