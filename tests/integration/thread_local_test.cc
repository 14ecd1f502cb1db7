// thread_local_test.cc - C++ objects of a thread, destroyed at its end or at
// the end of the process, that allocate while they are.

#include <atomic>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "run_support.h"

namespace {

std::atomic<unsigned> destroyed{0};

struct logbook {
    std::vector<std::string> lines;
    std::map<int, std::string> index;

    void add(int n) {
        lines.push_back(std::string(static_cast<std::size_t>(n % 300), 'a'));
        index[n] = lines.back();
    }

    ~logbook() {
        for (int i = 0; i < 50; i++) {
            add(1000 + i);
        }
        for (const auto &[n, text] : index) {
            REQUIRE(text.size() == static_cast<std::size_t>(n % 300));
        }
        destroyed++;
    }
};

thread_local logbook of_thread;
logbook of_process;

} // namespace

int main() {
    for (int round = 0; round < 50; round++) {
        std::vector<std::thread> threads;
        for (int t = 0; t < 8; t++) {
            threads.emplace_back([t] {
                for (int i = 0; i < 200; i++) {
                    of_thread.add(t * 1000 + i);
                }
            });
        }
        for (auto &thread : threads) {
            thread.join();
        }
    }
    REQUIRE(destroyed == 50 * 8);
    of_thread.add(1);
    of_process.add(2);
    return EXIT_SUCCESS;
}
