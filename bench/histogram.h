// histogram.h - counts of values in buckets that grow with the value.
//
// Log-linear: values below 32 have a bucket each, and every doubling above has
// 32 of the same width, so that a quantile is at most 1/32 too high over the
// whole range of 64 bits. Adding is a few instructions and allocates nothing.

#ifndef MHEAP_BENCH_HISTOGRAM_H
#define MHEAP_BENCH_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_STEPS_LOG2 = 5,
    HISTOGRAM_STEPS = 1 << HISTOGRAM_STEPS_LOG2,
    HISTOGRAM_BUCKETS = (64 - HISTOGRAM_STEPS_LOG2 + 1) * HISTOGRAM_STEPS,
};

// All zero is an empty one.
struct histogram {
    uint64_t count;
    uint64_t max; // exact
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

static inline unsigned histogram_bucket(uint64_t value) {
    if (value < HISTOGRAM_STEPS) {
        return (unsigned)value;
    }
    unsigned shift =
        63U - (unsigned)__builtin_clzll(value) - HISTOGRAM_STEPS_LOG2;
    // value >> shift has its top bit at STEPS, which counts one row of steps.
    return shift * HISTOGRAM_STEPS + (unsigned)(value >> shift);
}

static inline void histogram_add(struct histogram *histogram, uint64_t value) {
    histogram->count += 1;
    histogram->max = value > histogram->max ? value : histogram->max;
    histogram->buckets[histogram_bucket(value)] += 1;
}

// histogram_merge adds what `from` holds to `into`.
void histogram_merge(struct histogram *into, const struct histogram *from);

// histogram_quantile returns the largest value of the bucket in which the
// value of that rank lies, never more than the maximum: a share of `share` of
// the values (0 to 1) is not above it. 0 when there are no values.
uint64_t histogram_quantile(const struct histogram *histogram, double share);

#endif // MHEAP_BENCH_HISTOGRAM_H
