// target_linux.c - reading another process through /proc and process_vm_readv.
//
// A target is named by an open directory /proc/PID, which never names another
// process, even when the number is used again. The one call that takes the
// number is process_vm_readv; mh_target_alive says afterwards whether it could
// have met a stranger.

#include "platform/linux/target_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

// Below this a pread of /proc/PID/mem is cheaper, above it process_vm_readv
// copies more than twice as fast (64 KiB is where they meet).
enum { SMALL_READ = 64 * 1024 };

enum { STAT_SIZE = 1024, MAPS_FIRST = 64 * 1024 };

enum mh_target_status mh_linux_target_status(int code) {
    switch (code) {
    case ENOENT:
    case ESRCH:
        return MH_TARGET_GONE;
    case EPERM:
    case EACCES:
        return MH_TARGET_DENIED;
    case EFAULT:
    case EIO:
        return MH_TARGET_UNREADABLE;
    case ENOMEM:
        return MH_TARGET_NO_MEMORY;
    default:
        return MH_TARGET_FAILED;
    }
}

ssize_t mh_linux_read_at(int dir, const char *name, char *buffer, size_t size) {
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    size_t length = 0;

    if (fd < 0) {
        return -1;
    }
    while (length < size - 1) {
        ssize_t n = read(fd, buffer + length, size - 1 - length);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            int saved = errno;
            close(fd);
            errno = saved;
            return -1;
        }
        if (n == 0) {
            break;
        }
        length += (size_t)n;
    }
    close(fd);
    buffer[length] = '\0';
    return (ssize_t)length;
}

// The program's name stands in parentheses and may hold anything, also
// parentheses; what follows the last one is fields 3 and up.
static bool read_start(int dir, char *state_out, uint64_t *start_out) {
    char text[STAT_SIZE];

    if (mh_linux_read_at(dir, "stat", text, sizeof(text)) <= 0) {
        return false;
    }
    char *field = strrchr(text, ')');
    if (field == NULL || field[1] != ' ') {
        return false;
    }
    field += 2;
    *state_out = *field;
    for (int i = 3; i < 22; i++) {
        field = strchr(field, ' ');
        if (field == NULL) {
            return false;
        }
        field++;
    }
    *start_out = strtoull(field, NULL, 10);
    return true;
}

static uint64_t program_inode(int dir) {
    struct stat st;

    return fstatat(dir, "exe", &st, 0) == 0 ? (uint64_t)st.st_ino : 0;
}

static int open_pidfd(pid_t pid) {
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, pid, 0);
#else
    (void)pid;
    return -1;
#endif
}

static enum mh_target_status open_files(struct mh_target *target) {
    char name[32];
    char state;

    snprintf(name, sizeof(name), "/proc/%" PRIu64, (uint64_t)target->pid);
    target->dir = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (target->dir < 0) {
        return mh_linux_target_status(errno);
    }
    if (!read_start(target->dir, &state, &target->start) || state == 'Z' ||
        state == 'X') {
        return MH_TARGET_GONE;
    }
    target->memory = openat(target->dir, "mem", O_RDONLY | O_CLOEXEC);
    if (target->memory < 0) {
        return mh_linux_target_status(errno);
    }
    // Without the page map a target can be read, only not measured.
    target->pagemap = openat(target->dir, "pagemap", O_RDONLY | O_CLOEXEC);
    target->pidfd = open_pidfd(target->pid);
    target->program_inode = program_inode(target->dir);
    return MH_TARGET_OK;
}

enum mh_target_status mh_target_open(uint64_t pid,
                                     struct mh_target **target_out) {
    *target_out = NULL;
    if (pid == 0 || pid > INT32_MAX) {
        return MH_TARGET_GONE;
    }
    struct mh_target *target = calloc(1, sizeof(*target));
    if (target == NULL) {
        return MH_TARGET_NO_MEMORY;
    }
    target->pid = (pid_t)pid;
    target->dir = target->memory = target->pagemap = target->pidfd = -1;
    target->page_size = (size_t)sysconf(_SC_PAGESIZE);

    enum mh_target_status status = open_files(target);
    if (status != MH_TARGET_OK) {
        mh_target_close(target);
        return status;
    }
    *target_out = target;
    return MH_TARGET_OK;
}

static void close_file(int fd) {
    if (fd >= 0) {
        close(fd);
    }
}

void mh_target_close(struct mh_target *target) {
    if (target == NULL) {
        return;
    }
    close_file(target->dir);
    close_file(target->memory);
    close_file(target->pagemap);
    close_file(target->pidfd);
    free(target);
}

void mh_linux_target_limit(struct mh_target *target, bool no_vm_read,
                           bool no_scan) {
    target->no_vm_read = no_vm_read;
    target->no_scan = no_scan;
}

// A call returns less than asked where it meets an address it cannot read; the
// next one then says why.
static enum mh_target_status read_large(struct mh_target *target,
                                        uint64_t address, char *buffer,
                                        size_t size, size_t *done) {
    while (*done < size) {
        struct iovec to = {buffer + *done, size - *done};
        struct iovec from = {(void *)(uintptr_t)(address + *done),
                             size - *done};
        ssize_t n = process_vm_readv(target->pid, &to, 1, &from, 1, 0);
        if (n < 0 && (errno == ENOSYS || errno == EPERM)) {
            target->no_vm_read = true;
            return MH_TARGET_OK;
        }
        if (n <= 0) {
            return n == 0 ? MH_TARGET_UNREADABLE
                          : mh_linux_target_status(errno);
        }
        *done += (size_t)n;
    }
    return MH_TARGET_OK;
}

static enum mh_target_status read_small(struct mh_target *target,
                                        uint64_t address, char *buffer,
                                        size_t size, size_t *done) {
    while (*done < size) {
        ssize_t n = pread(target->memory, buffer + *done, size - *done,
                          (off_t)(address + *done));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return mh_linux_target_status(errno);
        }
        if (n == 0) {
            return MH_TARGET_GONE; // its memory went with it, or with an exec
        }
        *done += (size_t)n;
    }
    return MH_TARGET_OK;
}

enum mh_target_status mh_target_read(struct mh_target *target, uint64_t address,
                                     void *buffer, size_t size) {
    size_t done = 0;

    if (address > UINTPTR_MAX || size > UINTPTR_MAX - address ||
        address + size > (uint64_t)INT64_MAX) {
        return MH_TARGET_UNREADABLE;
    }
    if (size >= SMALL_READ && !target->no_vm_read) {
        enum mh_target_status status =
            read_large(target, address, buffer, size, &done);
        if (status != MH_TARGET_OK) {
            return status;
        }
    }
    return read_small(target, address, buffer, size, &done);
}

bool mh_target_alive(struct mh_target *target) {
    uint64_t start;
    char state;

    return read_start(target->dir, &state, &start) && state != 'Z' &&
           state != 'X' && start == target->start &&
           program_inode(target->dir) == target->program_inode;
}

size_t mh_target_page_size(const struct mh_target *target) {
    return target->page_size;
}

uint64_t mh_target_now_ns(void) {
    struct timespec now = {0, 0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

// ---- mappings ---------------------------------------------------------------

static enum mh_target_status read_maps(struct mh_target *target,
                                       char **text_out) {
    size_t room = MAPS_FIRST;
    char *text = NULL;

    for (;;) {
        char *larger = realloc(text, room);
        if (larger == NULL) {
            free(text);
            return MH_TARGET_NO_MEMORY;
        }
        text = larger;
        ssize_t n = mh_linux_read_at(target->dir, "maps", text, room);
        if (n < 0) {
            enum mh_target_status status = mh_linux_target_status(errno);
            free(text);
            return status;
        }
        if ((size_t)n < room - 1) {
            *text_out = text;
            return MH_TARGET_OK;
        }
        room *= 2;
    }
}

// "start-end rwxp offset major:minor inode   path"
static bool parse_map(const char *line, struct mh_target_map *map) {
    char flags[5];
    unsigned major, minor;
    int path = 0;

    memset(map, 0, sizeof(*map));
    if (sscanf(line,
               "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 "%n",
               &map->start, &map->end, flags, &map->offset, &major, &minor,
               &map->inode, &path) != 7) {
        return false;
    }
    path += (int)strspn(line + path, " ");
    map->device = makedev(major, minor);
    map->readable = flags[0] == 'r';
    map->writable = flags[1] == 'w';
    map->executable = flags[2] == 'x';
    map->shared = flags[3] == 's';
    snprintf(map->path, sizeof(map->path), "%.*s",
             (int)strcspn(line + path, "\n"), line + path);
    return map->start < map->end;
}

static size_t count_lines(const char *text) {
    size_t n = 0;

    for (; *text != '\0'; text++) {
        n += *text == '\n';
    }
    return n;
}

enum mh_target_status mh_target_maps(struct mh_target *target,
                                     struct mh_target_map **maps_out,
                                     size_t *nmaps_out) {
    char *text;
    enum mh_target_status status = read_maps(target, &text);

    *maps_out = NULL;
    *nmaps_out = 0;
    if (status != MH_TARGET_OK) {
        return status;
    }
    struct mh_target_map *maps =
        calloc(count_lines(text) + 1, sizeof(struct mh_target_map));
    if (maps == NULL) {
        free(text);
        return MH_TARGET_NO_MEMORY;
    }
    size_t n = 0;
    for (const char *line = text; line != NULL && *line != '\0';) {
        n += parse_map(line, &maps[n]);
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    free(text);
    *maps_out = maps;
    *nmaps_out = n;
    return MH_TARGET_OK;
}

// ---- files as the target sees them ------------------------------------------

// A path could have become a pipe or a device meanwhile; opening one must not
// wait, and reading it makes no sense.
static int open_regular(int dir, const char *name, uint64_t inode) {
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd < 0) {
        return -1;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
        (inode == 0 || (uint64_t)st.st_ino == inode)) {
        return fd;
    }
    close(fd);
    return -1;
}

// The links of map_files lead to deleted files too, but not everybody may
// follow them. The program itself has a link anybody may follow who may read
// the process. All others are looked up under the root of the target.
int mh_target_file(struct mh_target *target, const struct mh_target_map *map) {
    char name[sizeof(map->path) + 8];

    snprintf(name, sizeof(name), "map_files/%" PRIx64 "-%" PRIx64, map->start,
             map->end);
    int fd = open_regular(target->dir, name, 0);
    if (fd < 0) {
        fd = open_regular(target->dir, "exe", map->inode);
    }
    if (fd < 0 && map->path[0] == '/') {
        snprintf(name, sizeof(name), "root%s", map->path);
        fd = open_regular(target->dir, name, map->inode);
    }
    return fd;
}
