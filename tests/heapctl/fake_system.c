// fake_system.c - a system of made-up processes behind platform/target.h.

#include "tests/heapctl/fake_system.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_system fake_system;

struct fake_process *fake_system_add(uint64_t pid, const char *name,
                                     enum mh_target_status opens,
                                     struct mh_target *target) {
    struct fake_process *process = &fake_system.list[fake_system.n];

    if (fake_system.n == FAKE_PROCESSES) {
        abort();
    }
    *process = (struct fake_process){.opens = opens, .target = target};
    process->is.pid = pid;
    process->is.uid = 0;
    (void)snprintf(process->is.name, sizeof(process->is.name), "%s", name);
    fake_system.n++;
    return process;
}

void fake_system_clear(void) {
    memset(&fake_system, 0, sizeof(fake_system));
}

static const struct fake_process *find(uint64_t pid) {
    for (size_t i = 0; i < fake_system.n; i++) {
        if (fake_system.list[i].is.pid == pid) {
            return &fake_system.list[i];
        }
    }
    return NULL;
}

// ---- the seam ---------------------------------------------------------------

enum mh_target_status mh_target_open(uint64_t pid,
                                     struct mh_target **target_out) {
    const struct fake_process *process = find(pid);

    *target_out = NULL;
    if (process == NULL) {
        return MH_TARGET_GONE;
    }
    if (process->opens == MH_TARGET_OK) {
        *target_out = process->target;
        fake_system.opened++;
    }
    return process->opens;
}

void mh_target_close(struct mh_target *target) {
    fake_system.closed += target != NULL;
}

enum mh_target_status mh_target_process_of(uint64_t pid,
                                           struct mh_target_process *out) {
    const struct fake_process *process = find(pid);

    if (process == NULL) {
        return MH_TARGET_GONE;
    }
    *out = process->is;
    return MH_TARGET_OK;
}

enum mh_target_status mh_target_processes(struct mh_target_process **list_out,
                                          size_t *n_out) {
    *list_out = NULL;
    *n_out = 0;
    if (fake_system.lists != MH_TARGET_OK) {
        return fake_system.lists;
    }
    *list_out = calloc(fake_system.n + 1, sizeof(**list_out));
    if (*list_out == NULL) {
        return MH_TARGET_NO_MEMORY;
    }
    for (size_t i = 0; i < fake_system.n; i++) {
        (*list_out)[i] = fake_system.list[i].is;
    }
    *n_out = fake_system.n;
    return MH_TARGET_OK;
}

void mh_target_explain(uint64_t pid, char *text, size_t size) {
    (void)snprintf(text, size, "  layer of %" PRIu64 "\nfix: none\n", pid);
}
