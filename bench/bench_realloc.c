// bench_realloc.c - what does growing a buffer from 16 bytes to 1 MiB by half
// again at each step cost?
//
// One operation is one whole growth and the free at its end; a byte is written
// in each page the buffer gains. `grow` has one buffer; in `grow_two` two grow
// in turns, so that neither can always be extended where it lies;
// `grow_filled` writes every byte it gains, as a vector being filled does. The
// first word must survive every step.

#include <stdlib.h>
#include <string.h>

#include "bench_support.h"

static const size_t size_first = 16;
static const size_t size_last = (size_t)1 << 20;
static const uint64_t witness = UINT64_C(0x6d68656170626366);

enum { CASE_ONE, CASE_TWO, CASE_FILLED };

static void *grow_step(void *buffer, size_t from, size_t to, bool fill) {
    char *grown = realloc(buffer, to);
    if (grown == NULL) {
        bench_out_of_memory();
    }
    uint64_t first = witness;
    if (buffer == NULL) {
        memcpy(grown, &witness, sizeof witness);
    }
    memcpy(&first, grown, sizeof first);
    if (first != witness) {
        bench_broken("realloc lost the contents");
    }
    if (fill && from > 0) {
        memset(grown + from, 1, to - from);
    } else if (from > 0) {
        bench_touch_pages(grown + from, to - from);
    }
    return grown;
}

static void grow(size_t nbuffers, bool fill) {
    void *buffers[2] = {NULL, NULL};
    size_t from = 0;
    for (size_t to = size_first; from < size_last; to += to / 2) {
        to = to > size_last ? size_last : to;
        for (size_t i = 0; i < nbuffers; i++) {
            buffers[i] = grow_step(buffers[i], from, to, fill);
        }
        from = to;
    }
    for (size_t i = 0; i < nbuffers; i++) {
        free(buffers[i]);
    }
}

static void measure_growth(struct bench_run *run, size_t which) {
    size_t nbuffers = which == CASE_TWO ? 2 : 1;
    bool fill = which == CASE_FILLED;
    for (int i = 0; i < 16; i++) { // warm up
        grow(nbuffers, fill);
    }
    uint64_t done = 0;
    uint64_t start = bench_wall_ns();
    uint64_t cpu_start = bench_thread_cpu_ns();
    while (bench_more(&run->options, start, done)) {
        grow(nbuffers, fill);
        done += 1;
    }
    bench_put_ns(run, "ns", bench_thread_cpu_ns() - cpu_start, done);
}

static const struct bench_case cases[] = {
    {"grow", measure_growth, CASE_ONE},
    {"grow_two", measure_growth, CASE_TWO},
    {"grow_filled", measure_growth, CASE_FILLED},
};

static const struct bench_program program = {
    .name = "bench_realloc",
    .question = "what does growing a buffer to 1 MiB by 1.5 cost?",
    .cases = cases,
    .ncases = sizeof cases / sizeof cases[0],
    .defaults = {.seed = 1, .threads = 1, .seconds = 0.5},
};

int main(int argc, char **argv) {
    return bench_main(&program, argc, argv);
}
