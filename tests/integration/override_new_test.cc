// override_new_test.cc - operator new and delete are mheap's, in all forms.
//
// Run linked to libmheap_malloc.a and with libmheap_malloc.so loaded first.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "mheap/mheap.h"
#include "run_support.h"

#if OVERRIDE_PRELOADED
#    pragma weak mheap_heap_of
#    pragma weak mheap_default
#    pragma weak mheap_stats
#endif

namespace {

constexpr std::align_val_t wide{1024};
volatile std::size_t too_much = SIZE_MAX / 2;

void check(void *p, std::size_t align) {
    REQUIRE(p != nullptr);
    REQUIRE(reinterpret_cast<std::uintptr_t>(p) % align == 0);
    REQUIRE(mheap_heap_of(p) == mheap_default());
}

void every_form_is_mheaps() {
    void *p = ::operator new(40);
    check(p, 16);
    ::operator delete(p);
    p = ::operator new[](40);
    check(p, 16);
    ::operator delete[](p);
    p = ::operator new(40, std::nothrow);
    check(p, 16);
    ::operator delete(p, std::nothrow);
    p = ::operator new[](40, std::nothrow);
    check(p, 16);
    ::operator delete[](p, std::nothrow);
    p = ::operator new(40);
    ::operator delete (p, std::size_t{40});
    p = ::operator new[](40);
    ::operator delete[](p, std::size_t{40});
}

void every_aligned_form_is_mheaps() {
    void *p = ::operator new(40, wide);
    check(p, 1024);
    ::operator delete(p, wide);
    p = ::operator new[](40, wide);
    check(p, 1024);
    ::operator delete[](p, wide);
    p = ::operator new(40, wide, std::nothrow);
    check(p, 1024);
    ::operator delete(p, wide, std::nothrow);
    p = ::operator new[](40, wide, std::nothrow);
    check(p, 1024);
    ::operator delete[](p, wide, std::nothrow);
    p = ::operator new(40, wide);
    ::operator delete (p, std::size_t{40}, wide);
    p = ::operator new[](40, wide);
    ::operator delete[](p, std::size_t{40}, wide);
}

// From the thread's cache, past it, and of pages of its own.
void every_size_can_be_written_and_deleted() {
    for (int round = 0; round < 300; round++) {
        for (std::size_t size : {1, 16, 1008, 1024, 1025, 32768, 32769}) {
            char *first = new char[size];
            char *second = new (std::nothrow) char[size];
            check(first, 16);
            check(second, 16);
            std::memset(first, 1, size);
            std::memset(second, 2, size);
            REQUIRE(first[0] == 1 && first[size - 1] == 1);
            REQUIRE(second[0] == 2 && second[size - 1] == 2);
            delete[] first;
            delete[] second;
        }
    }
}

template <typename F> bool throws_bad_alloc(F f) {
    try {
        static_cast<void>(f());
    } catch (const std::bad_alloc &) {
        return true;
    }
    return false;
}

void no_memory_throws() {
    REQUIRE(throws_bad_alloc([] { return ::operator new(too_much); }));
    REQUIRE(throws_bad_alloc([] { return ::operator new[](too_much); }));
    REQUIRE(throws_bad_alloc([] { return ::operator new(too_much, wide); }));
    REQUIRE(::operator new(too_much, std::nothrow) == nullptr);
    REQUIRE(::operator new[](too_much, std::nothrow) == nullptr);
    REQUIRE(::operator new(too_much, wide, std::nothrow) == nullptr);
}

int handled;

void give_up_at_three() {
    if (++handled == 3) {
        std::set_new_handler(nullptr);
    }
}

void throw_at_three() {
    if (++handled == 3) {
        throw std::bad_alloc();
    }
}

void the_handler_is_called_until_it_gives_up() {
    handled = 0;
    std::set_new_handler(give_up_at_three);
    REQUIRE(throws_bad_alloc([] { return ::operator new(too_much); }));
    REQUIRE(handled == 3);

    handled = 0;
    std::set_new_handler(throw_at_three);
    REQUIRE(throws_bad_alloc([] { return ::operator new(too_much, wide); }));
    REQUIRE(handled == 3);

    handled = 0;
    std::set_new_handler(throw_at_three);
    REQUIRE(::operator new(too_much, std::nothrow) == nullptr);
    REQUIRE(handled == 3);
    std::set_new_handler(nullptr);
}

struct alignas(256) wide_thing {
    char bytes[300];
};

void containers_work_across_threads() {
    std::map<std::string, std::vector<int>> all;
    std::vector<std::thread> threads;
    std::vector<std::vector<std::unique_ptr<wide_thing>>> made(4);

    for (std::size_t t = 0; t < 4; t++) {
        threads.emplace_back([&made, t] {
            for (int i = 0; i < 500; i++) {
                made[t].push_back(std::make_unique<wide_thing>());
            }
        });
    }
    for (auto &thread : threads) {
        thread.join();
    }
    for (auto &things : made) {
        for (auto &thing : things) {
            check(thing.get(), 256);
        }
    }
    for (int i = 0; i < 10000; i++) {
        all[std::string(static_cast<std::size_t>(i % 100), 'x')].push_back(i);
    }
    REQUIRE(all.size() == 100);
}

void an_exception_carries_its_text() {
    try {
        throw std::runtime_error(std::string(1000, 'e'));
    } catch (const std::exception &error) {
        REQUIRE(std::string(error.what()).size() == 1000);
    }
}

} // namespace

int main() {
    every_form_is_mheaps();
    every_aligned_form_is_mheaps();
    every_size_can_be_written_and_deleted();
    no_memory_throws();
    the_handler_is_called_until_it_gives_up();
    containers_work_across_threads();
    an_exception_carries_its_text();

    struct mheap_stats stats;
    mheap_stats(nullptr, &stats);
    REQUIRE(stats.bad_frees_total == 0);
    return EXIT_SUCCESS;
}
