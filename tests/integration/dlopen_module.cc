// dlopen_module.cc - a C++ module for a C program: 0 when out of memory throws.

#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <vector>

extern "C" int module_run();

namespace {
volatile std::size_t too_much = SIZE_MAX / 2;
}

extern "C" int module_run() {
    std::vector<std::string> texts(100, std::string(500, 'x'));
    if (texts.back().size() != 500) {
        return 1;
    }
    if (::operator new(too_much, std::nothrow) != nullptr) {
        return 2;
    }
    try {
        ::operator delete(::operator new(too_much));
    } catch (const std::bad_alloc &) {
        return 0;
    }
    return 3;
}
