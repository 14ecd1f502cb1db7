// heap_ops.c - runs of operations: the log, the start and the end.

#include "tests/fuzz/heap_ops.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/sim/sim.h"
#include "tests/fuzz/heap_ops_oracle.h"

enum { MAX_LOG = 1 << 14 };

static struct op log_ops[MAX_LOG];
static size_t nlogged;

#define KIND_NAME(name) #name,
const char *const ops_kind_names[OPS_NKINDS] = {OPS_KINDS(KIND_NAME)};

void ops_print_log(void) {
    fprintf(stderr, "heap_ops_fuzz: --os %s; the operations were:\n",
            mh_sim_traits_now()->name);
    for (size_t i = 0; i < nlogged; i++) {
        const struct op *op = &log_ops[i];
        fprintf(stderr, "%s %" PRIu32 " %" PRIu32 " %" PRIu32 "\n",
                ops_kind_names[op->kind], op->a, op->b, op->c);
    }
}

_Noreturn void ops_disagree(const char *condition, const char *file, int line) {
    const char *slash = strrchr(file, '/');
    fprintf(stderr, "heap_ops_fuzz: step %" PRIu64 ": %s:%d: not true: %s\n",
            oracle.nsteps, slash == NULL ? file : slash + 1, line, condition);
    abort();
}

void ops_perform(const struct op *op) {
#define KIND_DO(name) ops_do_##name,
    static ops_performer *const performers[] = {OPS_KINDS(KIND_DO)};
    if (nlogged < MAX_LOG) {
        log_ops[nlogged++] = *op;
    }
    performers[op->kind](op);
    oracle.nsteps++;
    oracle_check_when_due();
}

void ops_check(void) {
    oracle_check();
}

uint64_t ops_done(void) {
    return oracle.nsteps;
}

void ops_begin(void) {
    nlogged = 0;
    mh_sim_set_clock(oracle.clock_ns);
    mheap_option_set(MHEAP_OPTION_BAD_FREE, MHEAP_ON_BAD_FREE_COUNT);
    oracle.heaps[0] = mheap_default();
    OPS_REQUIRE(oracle.heaps[0] != NULL);
}

void ops_finish(void) {
    struct op all = {0, 0, 0, 0};
    ops_do_weather(&all);
    for (all.a = 0; all.a < ORACLE_HEAPS - 1; all.a++) {
        ops_do_destroy(&all);
    }
    for (size_t i = 0; i < ORACLE_OBJECTS; i++) {
        if (oracle.objects[i].p != NULL) {
            oracle_drop(&oracle.objects[i]);
        }
    }
    ops_end_actors();
    mheap_release();
    oracle_check();
    struct mheap_stats stats;
    mheap_stats(NULL, &stats);
    OPS_REQUIRE(stats.spans == 0);
    OPS_REQUIRE(stats.free_page_bytes == 0);
}
