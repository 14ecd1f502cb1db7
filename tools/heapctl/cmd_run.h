// cmd_run.h - what `heapctl run` reports.

#ifndef MHEAP_TOOLS_HEAPCTL_CMD_RUN_H
#define MHEAP_TOOLS_HEAPCTL_CMD_RUN_H

#include "tools/heapctl/heapctl.h"
#include "tools/heapctl/run.h"

// A look into the running program.
struct hc_reading {
    bool seen;                    // there was an mheap
    double at_s;                  // since the start
    struct mheap_summary figures; // those a reader can tell
    uint64_t free_bytes;          // slots in spans that nobody uses
    uint64_t kept_bytes;          // free pages
    uint64_t space_bytes;         // all address space of mheap
    uint64_t resident_bytes;      // of all the process
};

enum hc_run_source {
    HC_SOURCE_FINAL,    // the library's record, made at exit
    HC_SOURCE_LIVE,     // heapctl's own last reading
    HC_SOURCE_UNUSED,   // the library's record, and it never had memory
    HC_SOURCE_PERIODIC, // a record the library made before the end
    HC_SOURCE_UNREAD,   // there was an mheap, nothing is known of it
    HC_SOURCE_NONE,     // no mheap was ever seen
};

struct hc_run_report {
    const char *program;
    uint64_t pid;
    uint64_t of_pid; // whose figures they are
    struct hc_end end;
    double seconds; // it ran
    enum hc_run_source source;
    struct mheap_summary figures;
    uint64_t space_bytes;      // all address space of mheap
    struct hc_reading reading; // with HC_SOURCE_LIVE
};

// hc_run_judge picks the best there is: the final record of the program itself,
// then the last reading of it, then what a record says of something it started.
struct hc_run_report hc_run_judge(const struct hc_reading *last,
                                  const struct mheap_summary *record,
                                  uint64_t pid);

// hc_run_print_report prints the report, as text or as JSON.
void hc_run_print_report(struct hc_context *ctx, FILE *out,
                         const struct hc_run_report *report);

// hc_run_print_line prints a line of -i.
void hc_run_print_line(struct hc_context *ctx, FILE *out, double seconds,
                       const struct hc_reading *reading);

#endif // MHEAP_TOOLS_HEAPCTL_CMD_RUN_H
