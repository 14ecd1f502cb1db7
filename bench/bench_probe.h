// bench_probe.h - who really serves malloc in this process.

#ifndef MHEAP_BENCH_BENCH_PROBE_H
#define MHEAP_BENCH_BENCH_PROBE_H

#include <stdio.h>

// bench_probe_print writes JSON members, without a comma at either end:
// "serves", the file behind each of malloc, calloc, realloc and free as the
// loader resolved them, and "libraries", every shared object that is mapped.
// A preload that was ignored, or that brings no malloc, shows in both. Where
// mheap is loaded, "lock_waits" is how often a thread slept for its locks.
void bench_probe_print(FILE *out);

#endif // MHEAP_BENCH_BENCH_PROBE_H
