// histogram.c - merging, and reading quantiles.

#include "histogram.h"

#include <math.h>

void histogram_merge(struct histogram *into, const struct histogram *from) {
    into->count += from->count;
    into->max = from->max > into->max ? from->max : into->max;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        into->buckets[i] += from->buckets[i];
    }
}

static uint64_t bucket_last(unsigned bucket) {
    if (bucket < HISTOGRAM_STEPS) {
        return bucket;
    }
    unsigned shift = bucket / HISTOGRAM_STEPS - 1;
    uint64_t steps = HISTOGRAM_STEPS + bucket % HISTOGRAM_STEPS;
    // The last bucket of all ends at 2^64 - 1: the sum wraps to 0 first.
    return ((steps + 1) << shift) - 1;
}

uint64_t histogram_quantile(const struct histogram *histogram, double share) {
    double rank = ceil(share * (double)histogram->count);
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen != 0 && (double)seen >= rank) {
            uint64_t last = bucket_last(i);
            return last < histogram->max ? last : histogram->max;
        }
    }
    return histogram->max;
}
