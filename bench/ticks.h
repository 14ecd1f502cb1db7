// ticks.h - the cheapest clock of the processor, for single calls.
//
// A system call for the time costs as much as several mallocs. The counters
// read here cost some 10 to 30 ns, fences included, and count at a steady rate
// on every processor of the last ten years. The fences keep the measured call
// between the two readings. Where there is no such counter, ticks are the
// nanoseconds of clock_gettime.

#ifndef MHEAP_BENCH_TICKS_H
#define MHEAP_BENCH_TICKS_H

#include <stdint.h>

#if defined(__x86_64__)
#    include <x86intrin.h>
#else
#    include "bench_support.h"
#endif

static inline uint64_t ticks_now(void) {
#if defined(__x86_64__)
    _mm_lfence();
    uint64_t ticks = __rdtsc();
    _mm_lfence();
    return ticks;
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__ volatile("isb\n\tmrs %0, cntvct_el0\n\tisb"
                     : "=r"(ticks)
                     :
                     : "memory");
    return ticks;
#else
    return bench_wall_ns();
#endif
}

#endif // MHEAP_BENCH_TICKS_H
