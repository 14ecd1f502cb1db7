// pacer.c - how much time giving memory back may take.

#include "core/scav/pacer.h"

void mh_pacer_start(struct mh_pacer *pacer, uint64_t now_ns) {
    pacer->now_ns = now_ns;
    pacer->left_ns = MH_PACER_BURST_NS;
}

void mh_pacer_fill(struct mh_pacer *pacer, uint64_t now_ns) {
    uint64_t passed = now_ns > pacer->now_ns ? now_ns - pacer->now_ns : 0;
    uint64_t room = MH_PACER_BURST_NS - pacer->left_ns;
    uint64_t more = passed / MH_PACER_SHARE;
    pacer->now_ns = now_ns;
    pacer->left_ns += more < room ? more : room;
}

void mh_pacer_spend(struct mh_pacer *pacer, uint64_t ns) {
    pacer->left_ns -= ns < pacer->left_ns ? ns : pacer->left_ns;
}
