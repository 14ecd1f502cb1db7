// heap_fault_test.c - the heap when calls to the system fail, one by one, on
// the simulated system of MHEAP_SIM.
//
// Each scenario runs in a child with a fresh simulated system, once with its
// first call failing, once with its second, and so on until none is left; then
// with all calls from the n-th on failing, with every call of one kind failing,
// and with a share of all calls failing. What fails says NULL and ENOMEM, what
// works keeps errno. Afterwards, with a system that works again, the heap is
// whole, its books are right, and memory can be had and given back.

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/sys/sys.h"
#include "mheap/mheap.h"
#include "platform/sim/sim.h"
#include "tests/support/books.h"
#include "tests/support/objects.h"
#include "tests/support/test_main.h"

enum {
    NOBJECTS = 3000,
    NOTHING_FAILED = 42, // a child's exit status: all calls were made
    CHILD_SECONDS = 60,
    KEPT_ERRNO = 77,
};

static struct {
    void *p;
    size_t size;
} objects[NOBJECTS];
static size_t nobjects;
static struct mheap *heap; // a second one

#define REQUIRE(condition) ((condition) ? (void)0 : die(#condition, __LINE__))

static void die(const char *condition, int line) {
    fprintf(stderr, "heap_fault: line %d: not true: %s\n", line, condition);
    _exit(1);
}

// Every allocation goes through here.
static void *note(void *p, size_t size) {
    if (p == NULL) {
        REQUIRE(errno == ENOMEM);
        REQUIRE(mh_sim_failures(MH_SIM_NCALLS) > 0);
    } else {
        REQUIRE(errno == KEPT_ERRNO);
        REQUIRE(nobjects < NOBJECTS);
        mh_pattern_fill(p, size, (uintptr_t)p);
        objects[nobjects].p = p;
        objects[nobjects++].size = size;
    }
    errno = KEPT_ERRNO;
    return p;
}

static void drop_last(void) {
    void *p = objects[--nobjects].p;
    REQUIRE(mh_pattern_holds(p, objects[nobjects].size, (uintptr_t)p));
    mheap_free(p);
    REQUIRE(errno == KEPT_ERRNO);
}

static void drop_all(void) {
    while (nobjects > 0) {
        drop_last();
    }
}

static void get(size_t size) {
    note(mheap_malloc(size), size);
}

// Scenarios ----------------------------------------------------------------

static void small_objects(void) {
    for (size_t i = 0; i < 1000; i++) {
        get(i % 500);
    }
    drop_all();
}

// Several chunks of the page allocator, and more than one piece of records.
static void growth(void) {
    for (size_t i = 0; i < 600; i++) {
        get(30000);
    }
    drop_all();
}

static void large_objects(void) {
    get(100000);
    get(5 << 20);
    get((size_t)70 << 20); // reaches into another arena
    drop_all();
    get(40000);
    drop_all();
}

static void resize_last(size_t size) {
    if (nobjects == 0) {
        return;
    }
    void *old = objects[nobjects - 1].p;
    size_t had = objects[nobjects - 1].size;
    REQUIRE(mh_pattern_holds(old, had, (uintptr_t)old));
    void *p = mheap_realloc(old, size);
    if (p == NULL) {
        REQUIRE(errno == ENOMEM);
        REQUIRE(mh_pattern_holds(old, had, (uintptr_t)old));
        errno = KEPT_ERRNO;
        return;
    }
    // Whole words that both sizes write hold what the old place held.
    size_t kept = (size < had ? size : had) & ~(size_t)7;
    REQUIRE(had > 4096 || mh_pattern_holds(p, kept, (uintptr_t)old));
    nobjects--;
    note(p, size);
}

static void resizing(void) {
    get(100);
    static const size_t sizes[] = {200,     5000,     40000,     100000,
                                   6 << 20, 90000000, 120000000, 50000,
                                   1000,    50,       9 << 20,   11 << 20};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        resize_last(sizes[i]);
        get(33000); // in the way of growing in place, at times
    }
    drop_all();
}

static void require_zeroes(const char *p, size_t size) {
    for (size_t i = 0; p != NULL && i < size; i += i < 4096 ? 1 : 997) {
        REQUIRE(p[i] == 0);
    }
}

static void zeroed(void) {
    for (int round = 0; round < 2; round++) {
        for (size_t size = 10; size < 1000000; size *= 4) {
            char *p = mheap_calloc(1, size);
            require_zeroes(p, size);
            note(p, size);
        }
        drop_all(); // full of patterns, for the next round
        mheap_release();
        REQUIRE(errno == KEPT_ERRNO);
    }
}

static void aligned(void) {
    for (size_t align = 16; align <= (size_t)64 << 20; align *= 4) {
        void *p = note(mheap_aligned_alloc(align, 100), 100);
        REQUIRE((uintptr_t)p % align == 0);
    }
    drop_all();
}

static void several_heaps(void) {
    for (int round = 0; round < 3; round++) {
        struct mheap *own = mheap_create("fault");
        if (own == NULL) {
            REQUIRE(errno == ENOMEM);
            errno = KEPT_ERRNO;
            continue;
        }
        for (size_t i = 1; i < 200; i++) {
            note(mheap_alloc_in(own, i * 100), i * 100);
        }
        note(mheap_calloc_in(own, 5, 100000), 500000);
        nobjects = 0; // destroyed with everything in it
        mheap_destroy(own);
        REQUIRE(errno == KEPT_ERRNO);
    }
}

static void releasing(void) {
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 100; i++) {
            get(i * 700);
        }
        drop_all();
        mheap_release();
        REQUIRE(errno == KEPT_ERRNO);
    }
}

static void manual_pages(void) {
    void *pages[50];
    for (size_t i = 0; i < 50; i++) {
        pages[i] = mheap_pages_alloc(mheap_default(), 1 + i * 3);
        REQUIRE(pages[i] != NULL || errno == ENOMEM);
        if (pages[i] != NULL) {
            memset(pages[i], 0x33, (1 + i * 3) * 8192);
        }
        errno = KEPT_ERRNO;
    }
    for (size_t i = 0; i < 50; i++) {
        mheap_pages_free(pages[i]);
    }
}

static void *work_and_end(void *arg) {
    (void)arg;
    errno = KEPT_ERRNO;
    size_t before = nobjects;
    for (size_t i = 0; i < 300; i++) {
        get(i);
    }
    while (nobjects > before + 100) {
        drop_last();
    }
    if (heap != NULL) {
        note(mheap_alloc_in(heap, 100), 100);
    }
    return NULL;
}

// Threads that start, allocate in two heaps, leave objects behind and end.
static void threads(void) {
    heap = mheap_create("shared");
    errno = KEPT_ERRNO;
    for (int i = 0; i < 3; i++) {
        pthread_t thread;
        REQUIRE(pthread_create(&thread, NULL, work_and_end, NULL) == 0);
        REQUIRE(pthread_join(thread, NULL) == 0);
        for (int k = 0; k < 50 && nobjects > 0; k++) {
            drop_last(); // of a thread that is no more
        }
    }
    drop_all();
    mheap_destroy(heap);
}

static void default_heap(void) {
    for (int i = 0; i < 3; i++) {
        bool is_there = mheap_default() != NULL;
        REQUIRE(errno == (is_there ? KEPT_ERRNO : ENOMEM));
        errno = KEPT_ERRNO;
    }
}

static const struct scenario {
    const char *name;
    void (*run)(void);
} scenarios[] = {
    {"the default heap", default_heap},
    {"small objects", small_objects},
    {"growth", growth},
    {"large objects", large_objects},
    {"resizing", resizing},
    {"zeroed", zeroed},
    {"aligned", aligned},
    {"several heaps", several_heaps},
    {"releasing", releasing},
    {"manual pages", manual_pages},
    {"threads", threads},
};

enum { NSCENARIOS = sizeof(scenarios) / sizeof(scenarios[0]) };

// Running ------------------------------------------------------------------

// Everything the system gave is on the books, but for the memory of the shadow
// that debug builds keep.
static bool is_booked(void) {
    struct mh_account all = mh_sys_account(MH_NPURPOSES);
    uint64_t mapped = mh_sim_bytes(MH_RESERVED) + mh_sim_bytes(MH_PREPARED) +
                      mh_sim_bytes(MH_READY);
    return MH_DEBUG_LEVEL >= 2 ||
           all.reserved + all.prepared + all.ready == mapped;
}

// The system works again: the heap must, too.
static void require_working(void) {
    REQUIRE(is_booked());
    REQUIRE(mheap_default() != NULL);
    const char *wrong = mh_books_wrong(mheap_default());
    if (wrong != NULL) {
        die(wrong, __LINE__);
    }
    static const size_t sizes[] = {1, 100, 5000, 30000, 100000, 3 << 20};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        get(sizes[i]);
        char *p = mheap_calloc(1, sizes[i]);
        require_zeroes(p, sizes[i]);
        note(p, sizes[i]);
    }
    REQUIRE(nobjects == 12);
    drop_all();
    mheap_release();
    wrong = mh_books_wrong(mheap_default());
    if (wrong != NULL) {
        die(wrong, __LINE__);
    }
    struct mheap_stats stats;
    mheap_stats(NULL, &stats);
    REQUIRE(stats.in_use_objects == 0);
    REQUIRE(stats.spans == 0);
    REQUIRE(stats.free_page_bytes == 0);
    REQUIRE(stats.bad_frees_total == 0);
    REQUIRE(is_booked());
}

enum plan { NTH, FROM_NTH, KIND, RATE, LIMIT };

static void make_plan(enum plan plan, uint64_t n) {
    switch (plan) {
    case NTH:
        mh_sim_fail_nth(n);
        break;
    case FROM_NTH:
        mh_sim_fail_from(n);
        break;
    case KIND:
        mh_sim_fail_kind((unsigned)n, true);
        break;
    case RATE:
        mh_sim_set_seed(n);
        mh_sim_fail_rate(50 * (unsigned)n);
        break;
    case LIMIT:
        mh_sim_limit_commit((size_t)n << 20);
        break;
    }
}

static void be_a_child(enum mh_sim_os os, const struct scenario *scenario,
                       enum plan plan, uint64_t n) {
    alarm(CHILD_SECONDS);
    mh_sim_become(os);
    make_plan(plan, n);
    errno = KEPT_ERRNO;
    scenario->run();
    drop_all();
    uint64_t failures = mh_sim_failures(MH_SIM_NCALLS);
    mh_sim_fail_nothing();
    mh_sim_limit_commit(0);
    require_working();
    _exit(failures == 0 ? NOTHING_FAILED : 0);
}

// One run; false when nothing failed in it.
static bool run(const struct scenario *scenario, enum plan plan, uint64_t n) {
    enum mh_sim_os os = mh_sim_os_now();
    int status = -1;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        be_a_child(os, scenario, plan, n);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && (WEXITSTATUS(status) == 0 ||
                                        WEXITSTATUS(status) == NOTHING_FAILED),
                  "%s, system %u, plan %d, n = %llu: ended with 0x%x",
                  scenario->name, (unsigned)os, (int)plan,
                  (unsigned long long)n, status);
    return WEXITSTATUS(status) == 0;
}

// The number of a test is the scenario's.
static void run_until_nothing_fails(int number, enum plan plan) {
    uint64_t n = 1;
    while (run(&scenarios[number], plan, n)) {
        n += 1 + n / 12; // each of the first, then samples of the many
    }
    ck_assert_uint_gt(n, 4); // the scenario makes calls
}

START_TEST(one_call_fails) {
    run_until_nothing_fails(_i, NTH);
}
END_TEST

START_TEST(all_calls_from_one_on_fail) {
    run_until_nothing_fails(_i, FROM_NTH);
}
END_TEST

START_TEST(all_calls_of_a_kind_fail) {
    for (unsigned kind = 0; kind < MH_SIM_NCALLS; kind++) {
        run(&scenarios[_i], KIND, kind);
    }
}
END_TEST

START_TEST(many_calls_fail) {
    for (unsigned n = 1; n <= 16; n += 3) {
        run(&scenarios[_i], RATE, n);
    }
}
END_TEST

START_TEST(there_is_little_memory) {
    for (unsigned n = 1; n <= 256; n *= 4) {
        run(&scenarios[_i], LIMIT, n);
    }
}
END_TEST

// With the four numbers of a failure it runs that one, for a debugger.
int main(int argc, char **argv) {
    if (argc == 5) {
        be_a_child((enum mh_sim_os)atoi(argv[1]), &scenarios[atoi(argv[2])],
                   (enum plan)atoi(argv[3]), (uint64_t)atoi(argv[4]));
    }
    Suite *suite = suite_create("heap_fault");
    TCase *tcase = tcase_create("faults");
    tcase_add_loop_test(tcase, one_call_fails, 0, NSCENARIOS);
    tcase_add_loop_test(tcase, all_calls_from_one_on_fail, 0, NSCENARIOS);
    tcase_add_loop_test(tcase, all_calls_of_a_kind_fail, 0, NSCENARIOS);
    tcase_add_loop_test(tcase, many_calls_fail, 0, NSCENARIOS);
    tcase_add_loop_test(tcase, there_is_little_memory, 0, NSCENARIOS);
    suite_add_tcase(suite, tcase);
    return mh_test_main(suite);
}
