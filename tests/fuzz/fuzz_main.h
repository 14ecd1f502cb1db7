// fuzz_main.h - the main of a fuzzer that has no generator of its own; see
// fuzz_driver.h. Included once, by the file with the entry.

#ifndef MHEAP_TESTS_FUZZ_FUZZ_MAIN_H
#define MHEAP_TESTS_FUZZ_FUZZ_MAIN_H

#include "tests/fuzz/fuzz_driver.h"

#ifndef MH_LIBFUZZER

#    include <signal.h>
#    include <string.h>
#    include <time.h>

#    include "tests/support/objects.h"

static struct {
    const char *name;
    uint64_t seed, run;
    uint8_t data[512 * FUZZ_STEP];
    size_t size;
} fuzz_now;

// The run is at its end anyway, so that a signal's handler may do all this.
static void fuzz_keep_input(int number) {
    char path[256];
    (void)snprintf(path, sizeof(path), "%s-%" PRIu64 "-%" PRIu64 ".input",
                   fuzz_now.name, fuzz_now.seed, fuzz_now.run);
    FILE *file = fopen(path, "wb");
    if (file != NULL) {
        (void)fwrite(fuzz_now.data, 1, fuzz_now.size, file);
        (void)fclose(file);
        (void)fprintf(stderr, "%s: the input is in %s\n", fuzz_now.name, path);
    }
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void fuzz_make_input(uint64_t *rng, uint64_t steps) {
    size_t most = sizeof(fuzz_now.data) / FUZZ_STEP;
    most = steps < most ? (size_t)steps : most;
    fuzz_now.size = FUZZ_STEP * (1 + (size_t)mh_random_below(rng, most));
    for (size_t i = 0; i < fuzz_now.size; i += FUZZ_STEP) {
        uint64_t word = mh_random(rng);
        memcpy(fuzz_now.data + i, &word, FUZZ_STEP);
    }
}

static int fuzz_random(uint64_t seconds, uint64_t steps) {
    // 64 bits: where time_t has 32, a time without end would lie in the past.
    int64_t end = (int64_t)time(NULL) + (int64_t)seconds;
    uint64_t rng = fuzz_now.seed, done = 0;

    (void)signal(SIGABRT, fuzz_keep_input);
    (void)signal(SIGSEGV, fuzz_keep_input);
    for (; done < steps && time(NULL) < end; fuzz_now.run++) {
        fuzz_make_input(&rng, steps - done);
        (void)LLVMFuzzerTestOneInput(fuzz_now.data, fuzz_now.size);
        done += fuzz_now.size / FUZZ_STEP;
    }
    printf("%s: %" PRIu64 " steps in %" PRIu64 " runs agree\n", fuzz_now.name,
           done, fuzz_now.run);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
    uint64_t seconds = 2, steps = UINT64_MAX;
    const char *slash = strrchr(argv[0], '/');

    fuzz_now.name = slash == NULL ? argv[0] : slash + 1;
    fuzz_now.seed = 1;
    if (argc > 1 && strncmp(argv[1], "--", 2) != 0) {
        return fuzz_run_files(argv + 1, argc - 1);
    }
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--seconds") == 0) {
            seconds = strtoull(value, NULL, 0);
        } else if (strcmp(argv[i], "--steps") == 0) {
            steps = strtoull(value, NULL, 0);
            seconds = UINT32_MAX;
        } else if (strcmp(argv[i], "--seed") == 0) {
            fuzz_now.seed = strtoull(value, NULL, 0);
        } else {
            (void)fprintf(stderr, "%s: unknown option %s\n", fuzz_now.name,
                          argv[i]);
            return 2;
        }
    }
    return fuzz_random(seconds, steps);
}

#endif // MH_LIBFUZZER

#endif // MHEAP_TESTS_FUZZ_FUZZ_MAIN_H
