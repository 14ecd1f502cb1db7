// delete_sizes_test.cc - what sized delete does with its size: by default
// nothing, built with MHEAP_CHECK_DELETE a wrong one is a bad free. The argument
// says how the library was built; MHEAP_BAD_FREE is count.
//
// Run linked to libmheap_malloc.a and with libmheap_malloc.so loaded first.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "mheap/mheap.h"
#include "run_support.h"

#if OVERRIDE_PRELOADED
#    pragma weak mheap_good_size
#    pragma weak mheap_stats
#    pragma weak mheap_usable_size
#endif

namespace {

enum { ROUNDS = 20000 };

bool checked;

// The same pointer, of which the compiler knows nothing: that it is freed, or
// where it is from.
void *alias(void *p) {
    void *volatile hidden = p;
    return hidden;
}

std::uint64_t bad_frees() {
    struct mheap_stats stats;
    mheap_stats(nullptr, &stats);
    return stats.bad_frees_total;
}

// After a delete with a size that cannot be p's: is p what it must be?
void require_treated(void *p, std::uint64_t before, bool wrong) {
    if (wrong && checked) {
        REQUIRE(bad_frees() == before + 1);
        REQUIRE(mheap_usable_size(p) != 0);
        ::operator delete(p);
    } else {
        REQUIRE(bad_frees() == before);
    }
    REQUIRE(mheap_usable_size(p) == 0);
}

void random_sizes_are_treated_as_asked() {
    std::uint64_t random = 1;
    std::uint64_t wrongs = 0;
    for (int i = 0; i < ROUNDS; i++) {
        std::size_t size = random_size(&random, 17);
        std::size_t given = i % 2 == 0 ? size : random_size(&random, 17);
        std::uint64_t before = bad_frees();
        void *p = alias(::operator new(size));
        bool wrong = mheap_good_size(given) != mheap_usable_size(p);
        if (i % 3 == 0) {
            ::operator delete[](alias(p), given);
        } else {
            ::operator delete(alias(p), given);
        }
        require_treated(p, before, wrong);
        wrongs += wrong;
    }
    REQUIRE(wrongs > ROUNDS / 4);
}

void aligned_sizes_are_treated_as_asked() {
    for (std::size_t shift = 5; shift <= 13; shift++) {
        auto align = static_cast<std::align_val_t>(std::size_t{1} << shift);
        for (std::size_t size = 1; size < 40000; size = size * 3 + 1) {
            std::uint64_t before = bad_frees();
            void *p = ::operator new(size, align);
            ::operator delete(alias(p), size, align);
            require_treated(p, before, false);
            p = ::operator new[](size, align);
            ::operator delete[](alias(p), mheap_usable_size(p) + 1, align);
            require_treated(p, before, true);
        }
    }
}

struct base {
    int number;
};

struct derived : base {
    char more[200];
};

void delete_through_a_base_class_is_its_size() {
    std::uint64_t before = bad_frees();
    base *p = new derived;
    void *was = alias(p);
    delete p;
    require_treated(was, before, true);
}

void null_has_every_size() {
    std::uint64_t before = bad_frees();
    ::operator delete (nullptr, std::size_t{40});
    ::operator delete (nullptr, std::size_t{40}, std::align_val_t{64});
    REQUIRE(bad_frees() == before);
}

void deleting_twice_is_caught_either_way() {
    std::uint64_t before = bad_frees();
    void *p = ::operator new(48);
    ::operator delete (alias(p), std::size_t{48});
    ::operator delete (alias(p), std::size_t{48});
    ::operator delete (alias(p), std::size_t{4800});
    REQUIRE(bad_frees() == before + 2);
}

// Each form, again: what was deleted once is deleted by the others, too.
void no_form_deletes_what_is_deleted() {
    for (std::size_t size : {48, 2000, 100000}) {
        constexpr std::align_val_t align{16};
        std::uint64_t before = bad_frees();
        void *p = ::operator new(size);
        ::operator delete(alias(p));
        ::operator delete(alias(p));
        ::operator delete[](alias(p));
        ::operator delete(alias(p), std::nothrow);
        ::operator delete[](alias(p), std::nothrow);
        ::operator delete(alias(p), align);
        ::operator delete[](alias(p), align);
        REQUIRE(bad_frees() == before + 6);
    }
}

struct alignas(256) wide {
    char bytes[300];
};

// Threads have their first objects of other classes, and others' objects.
void containers_are_no_alarm() {
    std::uint64_t before = bad_frees();
    for (int round = 0; round < 20; round++) {
        std::vector<std::unique_ptr<std::string>> texts;
        std::vector<std::unique_ptr<wide>> wides;
        std::thread([&] {
            for (std::size_t i = 0; i < 200; i++) {
                texts.push_back(
                    std::make_unique<std::string>(std::string(i * 7, 'x')));
                wides.push_back(std::make_unique<wide>());
            }
        }).join();
        std::map<std::string, int> counts;
        for (auto &text : texts) {
            counts[*text]++;
        }
        REQUIRE(counts.size() == 200);
    }
    REQUIRE(bad_frees() == before);
}

} // namespace

int main(int argc, char **argv) {
    REQUIRE(argc == 2);
    checked = std::strcmp(argv[1], "checked") == 0;
    random_sizes_are_treated_as_asked();
    aligned_sizes_are_treated_as_asked();
    delete_through_a_base_class_is_its_size();
    null_has_every_size();
    deleting_twice_is_caught_either_way();
    no_form_deletes_what_is_deleted();
    containers_are_no_alarm();
    return EXIT_SUCCESS;
}
