// target_explain_linux.c - which processes there are, and why one is closed.
//
// Linux asks several independent layers whether one process may read another,
// and the error is EPERM or EACCES whichever refused. What each layer will have
// said can be found out one by one.

#include "platform/linux/target_linux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CAP_PTRACE = 19, STATUS_SIZE = 4096 };

bool mh_linux_status_number(const char *text, const char *name, int base,
                            uint64_t *number_out) {
    size_t length = strlen(name);

    for (const char *line = text; line != NULL;) {
        if (strncmp(line, name, length) == 0) {
            char *end;
            uint64_t number = strtoull(line + length, &end, base);
            if (end == line + length) {
                return false;
            }
            *number_out = number;
            return true;
        }
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return false;
}

enum mh_target_status mh_target_process_of(uint64_t pid,
                                           struct mh_target_process *out) {
    char name[32];
    char text[STATUS_SIZE];

    memset(out, 0, sizeof(*out));
    snprintf(name, sizeof(name), "/proc/%" PRIu64, pid);
    int dir = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        return mh_linux_target_status(errno);
    }
    ssize_t length =
        mh_linux_read_at(dir, "comm", out->name, sizeof(out->name));
    ssize_t status = mh_linux_read_at(dir, "status", text, sizeof(text));
    int code = errno;
    close(dir);
    if (length < 0 || status < 0) {
        return mh_linux_target_status(code);
    }
    out->name[strcspn(out->name, "\n")] = '\0';
    out->pid = pid;
    (void)mh_linux_status_number(text, "Uid:", 10, &out->uid);
    return MH_TARGET_OK;
}

enum mh_target_status mh_target_processes(struct mh_target_process **list_out,
                                          size_t *n_out) {
    DIR *proc = opendir("/proc");
    struct mh_target_process *list = NULL;
    size_t n = 0, room = 0;
    const struct dirent *entry;

    *list_out = NULL;
    *n_out = 0;
    if (proc == NULL) {
        return mh_linux_target_status(errno);
    }
    while ((entry = readdir(proc)) != NULL) {
        char *end;
        uint64_t pid = strtoull(entry->d_name, &end, 10);
        if (pid == 0 || *end != '\0') {
            continue;
        }
        if (n == room) {
            room = room == 0 ? 256 : 2 * room;
            struct mh_target_process *larger =
                realloc(list, room * sizeof(*list));
            if (larger == NULL) {
                free(list);
                closedir(proc);
                return MH_TARGET_NO_MEMORY;
            }
            list = larger;
        }
        // A process may end between the listing and the question.
        n += mh_target_process_of(pid, &list[n]) == MH_TARGET_OK;
    }
    closedir(proc);
    *list_out = list;
    *n_out = n;
    return MH_TARGET_OK;
}

// ---- why not ----------------------------------------------------------------

struct text {
    char *at;
    size_t left; // the final NUL included
};

static void say(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(struct text *text, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    int n = vsnprintf(text->at, text->left, format, arguments);
    va_end(arguments);
    if (n > 0) {
        size_t used = (size_t)n < text->left ? (size_t)n : text->left - 1;
        text->at += used;
        text->left -= used;
    }
}

// What is known about both sides.
struct facts {
    uint64_t pid, uid, own_uid;
    uint64_t caps, own_caps;
    uint64_t tracer, seccomp;
    uint64_t yama; // UINT64_MAX: this kernel has none
    bool capable;  // CAP_SYS_PTRACE here
    bool dumpable;
    int same_namespace; // of users; -1: not told
    bool kernel_thread;
    char label[128]; // of AppArmor or SELinux, "" if none
};

static int same_namespace(int dir) {
    char own[64], other[64];
    ssize_t a = readlink("/proc/self/ns/user", own, sizeof(own));
    ssize_t b = readlinkat(dir, "ns/user", other, sizeof(other));

    if (a <= 0 || b <= 0) {
        return -1;
    }
    return a == b && memcmp(own, other, (size_t)a) == 0;
}

// The kernel gives the files of a process that must not be dumped to root.
static bool is_dumpable(int dir, uint64_t uid) {
    struct stat st;

    return uid == 0 || fstatat(dir, "mem", &st, 0) != 0 ||
           (uint64_t)st.st_uid == uid;
}

static void gather_own(struct facts *facts) {
    char text[STATUS_SIZE];

    facts->own_uid = (uint64_t)geteuid();
    facts->yama = UINT64_MAX;
    if (mh_linux_read_at(AT_FDCWD, "/proc/self/status", text, sizeof(text)) >
        0) {
        (void)mh_linux_status_number(text, "CapEff:", 16, &facts->own_caps);
        (void)mh_linux_status_number(text, "Seccomp:", 10, &facts->seccomp);
    }
    facts->capable = (facts->own_caps >> CAP_PTRACE & 1) != 0;
    if (mh_linux_read_at(AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope", text,
                         sizeof(text)) > 0) {
        facts->yama = strtoull(text, NULL, 10);
    }
}

static bool gather(uint64_t pid, struct facts *facts) {
    char name[32];
    char text[STATUS_SIZE];
    uint64_t unused;

    memset(facts, 0, sizeof(*facts));
    facts->pid = pid;
    gather_own(facts);
    snprintf(name, sizeof(name), "/proc/%" PRIu64, pid);
    int dir = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        return false;
    }
    bool found = mh_linux_read_at(dir, "status", text, sizeof(text)) > 0;
    if (found) {
        (void)mh_linux_status_number(text, "Uid:", 10, &facts->uid);
        (void)mh_linux_status_number(text, "CapPrm:", 16, &facts->caps);
        (void)mh_linux_status_number(text, "TracerPid:", 10, &facts->tracer);
        facts->kernel_thread =
            !mh_linux_status_number(text, "VmSize:", 10, &unused);
    }
    facts->dumpable = is_dumpable(dir, facts->uid);
    facts->same_namespace = same_namespace(dir);
    if (mh_linux_read_at(dir, "attr/current", facts->label,
                         sizeof(facts->label)) < 0) {
        facts->label[0] = '\0';
    }
    facts->label[strcspn(facts->label, "\n")] = '\0';
    close(dir);
    return found;
}

static void explain_missing(uint64_t pid, struct text *text) {
    char mounts[16384];

    say(text, "  no process %" PRIu64 " is visible here\n", pid);
    if (mh_linux_read_at(AT_FDCWD, "/proc/self/mountinfo", mounts,
                         sizeof(mounts)) > 0 &&
        strstr(mounts, "hidepid=") != NULL) {
        say(text, "  /proc is mounted with hidepid: processes of others are "
                  "hidden\n");
        say(text, "fix: run heapctl as root, or in the group that the gid= "
                  "option of /proc names\n");
    }
}

static const char *yama_meaning(uint64_t scope) {
    switch (scope) {
    case 0:
        return "anybody with the same uid may read";
    case 1:
        return "only ancestors may read, and whom the target names";
    case 2:
        return "only CAP_SYS_PTRACE may read";
    case 3:
        return "nobody may read, until the next boot";
    default:
        return "unknown to this version";
    }
}

static void explain_rights(const struct facts *facts, struct text *text) {
    bool owner = facts->uid == facts->own_uid;

    say(text, "  uid                 %" PRIu64 " reads uid %" PRIu64 ": %s\n",
        facts->own_uid, facts->uid,
        owner ? "the owner, ok" : "not the owner, needs CAP_SYS_PTRACE");
    say(text, "  CAP_SYS_PTRACE      %s (CapEff %016" PRIx64 ")\n",
        facts->capable ? "yes" : "missing", facts->own_caps);
    say(text, "  target capabilities %s\n",
        (facts->caps & ~facts->own_caps) == 0
            ? "none that are missing here, ok"
            : "it has some that are missing here");
    say(text, "  target dumpable     %s\n",
        facts->dumpable ? "yes, ok"
                        : "no (setuid, file capabilities or prctl)");
    if (facts->same_namespace >= 0) {
        say(text, "  user namespace      %s\n",
            facts->same_namespace != 0 ? "the same, ok" : "another one");
    } else {
        say(text, "  user namespace      not told\n");
    }
}

static void explain_policy(const struct facts *facts, struct text *text) {
    if (facts->yama == UINT64_MAX) {
        say(text, "  yama ptrace_scope   this kernel has none, ok\n");
    } else {
        say(text, "  yama ptrace_scope   %" PRIu64 ": %s\n", facts->yama,
            yama_meaning(facts->yama));
    }
    say(text, "  seccomp here        %s\n",
        facts->seccomp == 0 ? "off, ok"
                            : "on: a filter may forbid process_vm_readv");
    if (facts->label[0] != '\0' && strcmp(facts->label, "unconfined") != 0) {
        say(text, "  security label      %s: its policy may forbid ptrace\n",
            facts->label);
    }
    if (facts->tracer != 0) {
        say(text, "  traced by           %" PRIu64 ", which does not matter\n",
            facts->tracer);
    }
}

static void explain_fix(const struct facts *facts, struct text *text) {
    bool others = facts->uid != facts->own_uid || !facts->dumpable ||
                  (facts->caps & ~facts->own_caps) != 0;

    if (facts->yama == 3 || (facts->capable && facts->same_namespace != 0)) {
        say(text, "fix: the layer that refuses is the kernel's policy "
                  "(ptrace_scope 3, seccomp or a security module); change it "
                  "there\n");
        return;
    }
    say(text, "fix: run heapctl as root: sudo heapctl ... %" PRIu64 "\n",
        facts->pid);
    if (!others && facts->yama == 1) {
        say(text, " or: sysctl kernel.yama.ptrace_scope=0\n");
        say(text, " or: start the program with heapctl run\n");
    }
    say(text, " or: in a container, add the capability SYS_PTRACE\n");
}

void mh_target_explain(uint64_t pid, char *text, size_t size) {
    struct text out = {text, size};
    struct facts facts;

    if (size == 0) {
        return;
    }
    *text = '\0';
    if (!gather(pid, &facts)) {
        explain_missing(pid, &out);
        return;
    }
    if (facts.kernel_thread) {
        say(&out,
            "  process %" PRIu64 " has no memory of its own: a thread of "
            "the kernel, or one that has ended\n",
            pid);
        return;
    }
    explain_rights(&facts, &out);
    explain_policy(&facts, &out);
    explain_fix(&facts, &out);
}
