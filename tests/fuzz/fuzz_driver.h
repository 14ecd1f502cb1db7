// fuzz_driver.h - what runs the entry of a fuzzer where no fuzzing engine does.
//
// A fuzzer is one function, LLVMFuzzerTestOneInput, which makes of any bytes a
// run that must come to its end; it aborts where something is not as it must
// be. With MH_LIBFUZZER the engine calls it: libFuzzer, or AFL++ through its
// driver. Without, this header brings a main:
//
//   NAME_fuzz [--seconds N] [--steps N] [--seed N]   inputs made at random
//   NAME_fuzz FILE...                                these inputs, once each
//
// A step is FUZZ_STEP bytes of input. An input that fails is written to
// NAME_fuzz-SEED-RUN.input in the working directory.

#ifndef MHEAP_TESTS_FUZZ_FUZZ_DRIVER_H
#define MHEAP_TESTS_FUZZ_FUZZ_DRIVER_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { FUZZ_STEP = 8, FUZZ_MOST = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_REQUIRE(condition) \
    ((condition) ? (void)0 : fuzz_disagree(#condition, __FILE__, __LINE__))

static inline void fuzz_disagree(const char *condition, const char *file,
                                 int line) {
    (void)fprintf(stderr, "%s:%d: not true: %s\n", file, line, condition);
    abort();
}

// fuzz_run_file: one input; false, and one line, when it cannot be read.
static inline bool fuzz_run_file(const char *path) {
    static uint8_t data[FUZZ_MOST];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        (void)fprintf(stderr, "%s: cannot be read\n", path);
        return false;
    }
    size_t size = fread(data, 1, sizeof(data), file);
    (void)fclose(file);
    (void)LLVMFuzzerTestOneInput(data, size);
    return true;
}

// fuzz_run_files: all of them; the exit status of the program.
static inline int fuzz_run_files(char *const *paths, int n) {
    for (int i = 0; i < n; i++) {
        if (!fuzz_run_file(paths[i])) {
            return EXIT_FAILURE;
        }
    }
    printf("%d inputs agree\n", n);
    return EXIT_SUCCESS;
}

#endif // MHEAP_TESTS_FUZZ_FUZZ_DRIVER_H
