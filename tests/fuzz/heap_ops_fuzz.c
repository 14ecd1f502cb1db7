// heap_ops_fuzz.c - the whole heap against a table of what should be there.
//
// Chooses operations, which heap_ops.h performs and checks; a run is decided by
// its seed.
//
//   heap_ops_fuzz [--steps N] [--seconds N] [--seed N] [--os NAME]
//   heap_ops_fuzz --os NAME --replay FILE       what a failure printed
//   heap_ops_fuzz FILE...                       inputs of an engine
//
// Without --os a quarter of the steps is run as each of the four systems that
// the simulator knows. Of an engine's input (fuzz_driver.h) every eight bytes
// are one operation; MHEAP_SIM names the system.

#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if MH_HAVE_FORK
#    include <sys/wait.h>
#endif
#include <time.h>
#include <unistd.h>

#include "platform/sim/sim.h"
#include "tests/fuzz/fuzz_driver.h"
#include "tests/fuzz/heap_ops.h"
#include "tests/support/objects.h"
#if !MH_HAVE_FORK
#    include "tests/support/self.h"
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ops_begin();
    for (size_t i = 0; i + 8 <= size; i += 8) {
        uint16_t half[4];
        memcpy(half, data + i, sizeof(half));
        struct op op = {half[0] % OPS_NKINDS, half[1] * 257u, half[2] * 3u,
                        half[3]};
        ops_perform(&op);
    }
    ops_finish();
    return 0;
}

#ifndef MH_LIBFUZZER

static void on_signal(int number) {
    ops_print_log();
    signal(number, SIG_DFL);
    raise(number);
}

// Of all kinds some are rarer, and allocating and freeing take turns in being
// more frequent, so that the heap is full at times and empty at others.
static struct op random_op(uint64_t *rng, unsigned mood) {
    uint64_t x = mh_random(rng), y = mh_random(rng);
    struct op op = {(unsigned)(x % OPS_NKINDS), (uint32_t)(x >> 32),
                    (uint32_t)y, (uint32_t)(y >> 32)};
    bool rare = op.kind == OPS_release || op.kind == OPS_weather ||
                op.kind == OPS_destroy || op.kind == OPS_many ||
                op.kind == OPS_far_exit || op.kind == OPS_verify;
    if ((rare && (x >> 16) % 8 != 0) || (x >> 20) % 2 == 0) {
        op.kind = (x >> 24) % 8 < mood ? OPS_malloc : OPS_free;
    }
    return op;
}

static uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void run_random(uint64_t seed, uint64_t steps, uint64_t ms) {
    uint64_t until = now_ms() + ms;
    uint64_t rng = seed;
    while (ops_done() < steps && now_ms() < until) {
        uint64_t end = ops_done() + 200 + mh_random_below(&rng, 3000);
        unsigned mood = 4;
        ops_begin();
        while (ops_done() < end && ops_done() < steps) {
            if (ops_done() % 128 == 0) {
                mood = 2 + (unsigned)mh_random_below(&rng, 5);
            }
            struct op op = random_op(&rng, mood);
            ops_perform(&op);
        }
        ops_finish();
    }
    printf("heap_ops_fuzz: %s: %" PRIu64 " steps agree, %" PRIu64
           " calls refused\n",
           mh_sim_traits_now()->name, ops_done(),
           mh_sim_failures(MH_SIM_NCALLS));
}

static int replay(const char *path) {
    FILE *file = fopen(path, "r");
    char name[32];
    struct op op;
    if (file == NULL) {
        fprintf(stderr, "heap_ops_fuzz: %s: cannot be read\n", path);
        return EXIT_FAILURE;
    }
    ops_begin();
    while (fscanf(file, "%31s %" SCNu32 " %" SCNu32 " %" SCNu32, name, &op.a,
                  &op.b, &op.c) == 4) {
        op.kind = 0;
        while (op.kind < OPS_NKINDS &&
               strcmp(name, ops_kind_names[op.kind]) != 0) {
            op.kind++;
        }
        OPS_REQUIRE(op.kind < OPS_NKINDS);
        ops_perform(&op);
        ops_check();
    }
    ops_finish();
    fclose(file);
    printf("heap_ops_fuzz: %" PRIu64 " steps agree\n", ops_done());
    return EXIT_SUCCESS;
}

struct settings {
    uint64_t steps, seconds, seed;
    int os; // or -1: all
    const char *replay;
};

static int os_named(const char *name) {
    for (int os = 0; os < MH_SIM_NOS; os++) {
        mh_sim_become((enum mh_sim_os)os);
        if (strcmp(mh_sim_traits_now()->name, name) == 0) {
            return os;
        }
    }
    fprintf(stderr, "heap_ops_fuzz: no system named %s\n", name);
    exit(2);
}

static struct settings parse(int argc, char **argv) {
    struct settings s = {1000000, 56, 1, -1, NULL};
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--steps") == 0) {
            s.steps = strtoull(value, NULL, 0);
            s.seconds = UINT32_MAX;
        } else if (strcmp(argv[i], "--seconds") == 0) {
            s.seconds = strtoull(value, NULL, 0);
            s.steps = UINT64_MAX;
        } else if (strcmp(argv[i], "--seed") == 0) {
            s.seed = strtoull(value, NULL, 0);
        } else if (strcmp(argv[i], "--os") == 0) {
            s.os = os_named(value);
        } else if (strcmp(argv[i], "--replay") == 0) {
            s.replay = value;
        } else {
            fprintf(stderr, "heap_ops_fuzz: unknown option %s\n", argv[i]);
            exit(2);
        }
    }
    return s;
}

static int run_one(const struct settings *s) {
    mh_sim_become((enum mh_sim_os)s->os);
    mh_sim_set_seed(s->seed);
    signal(SIGABRT, on_signal);
    signal(SIGSEGV, on_signal);
    if (s->replay != NULL) {
        return replay(s->replay);
    }
    run_random(s->seed, s->steps, s->seconds * 1000);
    return EXIT_SUCCESS;
}

// One system, in a process of its own.
#    if MH_HAVE_FORK
static bool run_alone(const struct settings *s) {
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        exit(run_one(s));
    }
    return waitpid(child, &status, 0) == child && status == 0;
}

static int passed_os(void) {
    return -1;
}
#    else
#        define SELF_OS "MHEAP_SELF_OS"

static bool run_alone(const struct settings *s) {
    unsigned long status = 1;
    mh_self_set(SELF_OS, s->os);
    return mh_self_run(NULL, 0, UINT16_MAX, &status) && status == 0;
}

static int passed_os(void) {
    return mh_self_number(SELF_OS);
}
#    endif

int main(int argc, char **argv) {
    if (argc > 1 && strncmp(argv[1], "--", 2) != 0) {
        return fuzz_run_files(argv + 1, argc - 1);
    }
    struct settings s = parse(argc, argv);
    if (passed_os() >= 0) {
        s.os = passed_os();
        s.steps = s.steps == UINT64_MAX ? s.steps : s.steps / MH_SIM_NOS;
        s.seconds /= MH_SIM_NOS;
    }
    if (s.os >= 0) {
        return run_one(&s);
    }
    s.steps = s.steps == UINT64_MAX ? s.steps : s.steps / MH_SIM_NOS;
    s.seconds /= MH_SIM_NOS;
    for (s.os = 0; s.os < MH_SIM_NOS; s.os++) {
        if (!run_alone(&s)) {
            fprintf(stderr,
                    "heap_ops_fuzz: --os %d --seed %" PRIu64 " failed\n", s.os,
                    s.seed);
            return EXIT_FAILURE;
        }
    }
    return EXIT_SUCCESS;
}

#endif
