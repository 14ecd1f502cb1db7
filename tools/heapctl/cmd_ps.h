// cmd_ps.h - one process of `heapctl ps`.

#ifndef MHEAP_TOOLS_HEAPCTL_CMD_PS_H
#define MHEAP_TOOLS_HEAPCTL_CMD_PS_H

#include "tools/heapctl/heapctl.h"

struct hc_process {
    struct mh_target_process process;
    char user[64];
    char version[32]; // of its mheap
    bool decoded;     // the three below are known
    uint64_t heaps;
    uint64_t in_use; // bytes
    uint64_t objects;
    uint64_t resident; // bytes, of all the process
};

// hc_ps_show prints n processes.
int hc_ps_show(struct hc_context *ctx, const struct hc_process *list, size_t n);

#endif // MHEAP_TOOLS_HEAPCTL_CMD_PS_H
