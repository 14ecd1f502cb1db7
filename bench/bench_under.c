// bench_under.c - what does some other program cost under an allocator: CPU
// time, wall time and peak memory?
//
// usage: bench_under REPORT LIBRARY PROGRAM [ARGS...]
//
// Runs PROGRAM with LIBRARY preloaded ("-" for none) and writes one JSON line
// to the file REPORT; the program keeps its standard streams. It exists
// because the kernel's peak of a child includes what the child was before its
// exec: started from a large runner, a small program would be charged for the
// runner. This process is small, and the library is set in the child alone.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench_support.h"

static double seconds_of(struct timeval time) {
    return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

static _Noreturn void become_program(const char *library, char **program) {
    if (strcmp(library, "-") != 0 && setenv("LD_PRELOAD", library, 1) != 0) {
        _exit(127);
    }
    execv(program[0], program);
    fprintf(stderr, "bench_under: %s: %s\n", program[0], strerror(errno));
    _exit(127);
}

static bool write_report(const char *path, int status, double wall,
                         const struct rusage *usage) {
    FILE *out = fopen(path, "w");
    if (out == NULL) {
        fprintf(stderr, "bench_under: %s: %s\n", path, strerror(errno));
        return false;
    }
    fprintf(out,
            "{\"schema\":\"mheap-bench/1\",\"exit\":%d,\"signal\":%d,"
            "\"wall_s\":%.6f,\"cpu_s\":%.6f,\"peak_kib\":%ld}\n",
            WIFEXITED(status) ? WEXITSTATUS(status) : -1,
            WIFSIGNALED(status) ? WTERMSIG(status) : 0, wall,
            seconds_of(usage->ru_utime) + seconds_of(usage->ru_stime),
            usage->ru_maxrss);
    return fclose(out) == 0;
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fputs("usage: bench_under REPORT LIBRARY PROGRAM [ARGS...]\n", stderr);
        return 2;
    }
    uint64_t start = bench_wall_ns();
    pid_t child = fork();
    if (child < 0) {
        perror("bench_under: fork");
        return 1;
    }
    if (child == 0) {
        become_program(argv[2], argv + 3);
    }
    int status = 0;
    struct rusage usage;
    while (wait4(child, &status, 0, &usage) < 0) {
        if (errno != EINTR) {
            perror("bench_under: wait4");
            return 1;
        }
    }
    double wall = (double)(bench_wall_ns() - start) * 1e-9;
    return write_report(argv[1], status, wall, &usage) ? 0 : 1;
}
