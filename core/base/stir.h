// stir.h - bytes that differ from one seed to the next.

#ifndef MHEAP_CORE_BASE_STIR_H
#define MHEAP_CORE_BASE_STIR_H

#include <stddef.h>
#include <stdint.h>

// mh_stir fills buffer from a seed by splitmix64's recurrence. Only as hard to
// predict as the seed: for when the system has no randomness to give.
static inline void mh_stir(uint64_t seed, unsigned char *buffer, size_t size) {
    for (size_t i = 0; i < size; i++) {
        seed += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t mixed = (seed ^ (seed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
        buffer[i] = (unsigned char)(mixed >> 56);
    }
}

#endif // MHEAP_CORE_BASE_STIR_H
