// target_list_darwin.c - which processes there are, and why one is closed.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "platform/darwin/target_darwin.h"

static void fill(struct mh_target_process *out,
                 const struct proc_bsdinfo *info) {
    const char *name =
        info->pbi_name[0] != '\0' ? info->pbi_name : info->pbi_comm;
    size_t most = name == info->pbi_name ? sizeof(info->pbi_name)
                                         : sizeof(info->pbi_comm);

    memset(out, 0, sizeof(*out));
    out->pid = info->pbi_pid;
    out->uid = info->pbi_uid;
    (void)snprintf(out->name, sizeof(out->name), "%.*s", (int)most, name);
}

enum mh_target_status mh_target_process_of(uint64_t pid,
                                           struct mh_target_process *out) {
    struct proc_bsdinfo info;

    if (pid == 0 || pid > INT32_MAX || !mh_darwin_describe((int)pid, &info)) {
        return MH_TARGET_GONE;
    }
    fill(out, &info);
    return MH_TARGET_OK;
}

// The numbers of all processes, malloc'ed; NULL when memory ran out. There is
// room for some that are started between the two questions.
static int *list_pids(size_t *n_out) {
    enum { SOME = 64 };
    int n = proc_listallpids(NULL, 0);
    size_t room = n > 0 ? (size_t)n + SOME : SOME;
    int *pids = calloc(room, sizeof(*pids));

    if (pids != NULL) {
        n = proc_listallpids(pids, (int)(room * sizeof(*pids)));
        *n_out = n > 0 ? (size_t)n : 0;
    }
    return pids;
}

enum mh_target_status mh_target_processes(struct mh_target_process **list_out,
                                          size_t *n_out) {
    size_t npids = 0, n = 0;
    int *pids = list_pids(&npids);
    struct mh_target_process *list =
        pids != NULL ? calloc(npids + 1, sizeof(*list)) : NULL;

    *list_out = NULL;
    *n_out = 0;
    for (size_t i = 0; list != NULL && i < npids; i++) {
        if (pids[i] > 0 &&
            mh_target_process_of((uint64_t)pids[i], &list[n]) == MH_TARGET_OK) {
            n++;
        }
    }
    free(pids);
    if (list == NULL) {
        return MH_TARGET_NO_MEMORY;
    }
    *list_out = list;
    *n_out = n;
    return MH_TARGET_OK;
}

void mh_target_explain(uint64_t pid, char *text, size_t size) {
    struct mh_target_process process;
    struct mh_target *target = NULL;

    if (mh_target_process_of(pid, &process) == MH_TARGET_GONE) {
        (void)snprintf(text, size, "  there is no such process\n");
        return;
    }
    enum mh_target_status status = mh_target_open(pid, &target);
    mh_target_close(target);
    if (status == MH_TARGET_OK) {
        (void)snprintf(text, size, "  nothing stands in the way now\n");
        return;
    }
    uint64_t me = geteuid();
    (void)snprintf(
        text, size,
        "  user: it runs as %" PRIu64 ", we are %" PRIu64 "%s\n"
        "  system: its task port was refused\n"
        "fix: run heapctl as root; a program of the system's own, or one with "
        "the hardened runtime, has to be signed with "
        "com.apple.security.get-task-allow to be read even then\n",
        process.uid, me, process.uid == me ? "" : ", another user");
}
