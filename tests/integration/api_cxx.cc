// api_cxx.cc - the public headers as a C++17 program uses them.

#include <cstdint>
#include <memory>

#include "mheap/inspect.h"
#include "mheap/mheap.h"

extern "C" int api_from_cxx();

namespace {

struct give_back {
    void operator()(void *p) const {
        mheap_free(p);
    }
};

struct destroy {
    void operator()(mheap *heap) const {
        mheap_destroy(heap);
    }
};

} // namespace

extern "C" int api_from_cxx() {
    std::unique_ptr<mheap, destroy> heap(mheap_create("c++"));
    std::unique_ptr<void, give_back> p(mheap_alloc_in(heap.get(), 100));
    if (p == nullptr || mheap_heap_of(p.get()) != heap.get()) {
        return 1;
    }
    struct mheap_stats stats;
    mheap_stats(heap.get(), &stats);
    if (stats.in_use_objects != 1) {
        return 2;
    }
    p.reset();
    mheap_stats(heap.get(), &stats);
    return stats.in_use_objects == 0 ? 0 : 3;
}
