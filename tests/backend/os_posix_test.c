// os_posix_test.c - what backends promise of memory where the test must ask a
// POSIX system to see it: limits, locked pages, descriptors, lists of mappings.
//
// What every backend promises is in os_contract_test.c.

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/os.h"
#include "platform/os_info.h"
#include "tests/support/emulated.h"
#include "tests/support/expect.h"
#include "tests/support/test_main.h"

static struct mh_os_info os;
static size_t page; // bytes
static unsigned char *region;
static size_t region_size; // four reservation granules, so four pages or more

static void must(struct mh_os_err err) {
    ck_assert_int_eq(err.code, 0);
}

static void *reserve(size_t size) {
    void *base = NULL;

    must(mh_os_reserve(NULL, size, &base));
    ck_assert_ptr_nonnull(base);
    return base;
}

static void reserve_region(void) {
    mh_os_query(&os);
    page = os.page_size;
    region_size = 4 * os.reserve_align;
    region = reserve(region_size);
}

#if !MH_TEST_SIM
static void make_ready(size_t size) {
    must(mh_os_map(region, size));
    must(mh_os_used(region, size));
}
#endif

// Places ------------------------------------------------------------------

START_TEST(a_large_reservation_costs_no_memory) {
    size_t size = (size_t)1 << (sizeof(size_t) == 8 ? 34 : 28);
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    void *base = reserve(size);
    getrusage(RUSAGE_SELF, &after);
    // The simulator's own page table is a byte per page, and a sanitizer keeps
    // one too.
    ck_assert_int_lt(after.ru_maxrss - before.ru_maxrss,
                     (long)(size / 256 / 1024));
    must(mh_os_free(base, size));
}
END_TEST

#if !MH_TEST_SIM
// In place of the C library's: as a kernel that unmaps the destination before
// it finds that the source cannot be moved.
static bool gives_up_the_destination;

void *mremap(void *from, size_t old_size, size_t new_size, int flags, ...) {
    va_list rest;

    va_start(rest, flags);
    void *to = va_arg(rest, void *);
    va_end(rest);
    if (gives_up_the_destination) {
        ck_assert_int_eq(munmap(to, new_size), 0);
        errno = EFAULT;
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mremap, from, old_size, new_size, flags, to);
}

START_TEST(a_destination_that_a_refused_move_unmapped_is_ready_again) {
    make_ready(4 * page);
    memset(region, 0x33, 4 * page);
    errno = 1234;
    gives_up_the_destination = true;
    struct mh_os_err err = mh_os_move(region, region + 2 * page, 2 * page);
    gives_up_the_destination = false;
    ck_assert_int_eq(err.code, EFAULT);
    ck_assert_int_eq(errno, 1234);
    ck_assert(mh_is_filled(region, 2 * page, 0x33));
    memset(region, 0x55, 4 * page);
}
END_TEST

// A kernel may refuse before that, too.
START_TEST(a_refused_move_leaves_both_ranges_ready) {
    make_ready(4 * page);
    memset(region, 0x33, 4 * page);
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_AS, &limit), 0);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = 1;
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
    struct mh_os_err err = mh_os_move(region, region + 2 * page, 2 * page);
    limit.rlim_cur = before;
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
    ck_assert(!mh_os_ok(err));
    ck_assert(mh_is_filled(region, 2 * page, 0x33));
    memset(region, 0x55, 4 * page);
}
END_TEST
#endif

// Shared memory files -----------------------------------------------------

START_TEST(an_inherited_memory_file_is_written_through) {
    char text[8] = "";
    void *base = NULL;
    int fd = memfd_create("mheap test", 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, (off_t)(2 * page)), 0);
    must(mh_os_map_shared(fd, 2 * page, &base));
    memcpy(base, "summary", 8);
    ck_assert_int_eq(pread(fd, text, 8, 0), 8);
    ck_assert_str_eq(text, "summary");
    close(fd);
}
END_TEST

START_TEST(what_is_no_such_file_is_refused) {
    void *base = NULL;
    int ends[2];
    int small = memfd_create("small", 0);
    ck_assert_int_eq(ftruncate(small, (off_t)page), 0);
    ck_assert_int_eq(pipe(ends), 0);
    errno = 1234;
    ck_assert(!mh_os_ok(mh_os_map_shared(small, 2 * page, &base)));
    ck_assert(!mh_os_ok(mh_os_map_shared(ends[0], page, &base)));
    ck_assert(!mh_os_ok(mh_os_map_shared(-1, page, &base)));
    ck_assert(!mh_os_ok(mh_os_map_shared(1000, page, &base)));
    ck_assert_ptr_null(base);
    ck_assert_int_eq(errno, 1234);
}
END_TEST

// An inherited number may by now be any file of the program's.
START_TEST(a_file_on_disk_is_no_memory_file) {
    char path[] = "os_contract_XXXXXX";
    void *base = NULL;
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    unlink(path);
    ck_assert_int_eq(ftruncate(fd, (off_t)page), 0);
    // Where the directory itself lies in memory, its files are such files.
    bool in_memory = fcntl(fd, F_GET_SEALS) >= 0;
    ck_assert_int_eq(mh_os_ok(mh_os_map_shared(fd, page, &base)), in_memory);
    close(fd);
}
END_TEST

// Running out -------------------------------------------------------------

// limit_address_space lets so many bytes more be mapped than are now.
static void limit_address_space(size_t more) {
    struct rlimit limit;
    unsigned long npages = 0;
    char text[64];
    int fd = open("/proc/self/statm", O_RDONLY);

    ck_assert_int_gt(read(fd, text, sizeof(text)), 0);
    close(fd);
    npages = strtoul(text, NULL, 10);
    limit.rlim_cur = npages * (rlim_t)sysconf(_SC_PAGESIZE) + more;
    limit.rlim_max = RLIM_INFINITY;
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
}

START_TEST(running_out_of_addresses_is_a_value_and_passes) {
    enum { N = 64 };
    size_t size = (size_t)16 << 20;
    void *base[N];
    int n = 0;

    limit_address_space(12 * size + size / 4 * 3);
    errno = 1234;
    struct mh_os_err err;
    while (n < N && mh_os_ok(err = mh_os_reserve(NULL, size, &base[n]))) {
        n++;
    }
    ck_assert_int_ge(n, 8);
    ck_assert_int_lt(n, N);
    ck_assert(mh_os_err_is_oom(err));
    ck_assert_int_eq(errno, 1234);
    void *large = NULL;
    ck_assert(mh_os_err_is_oom(mh_os_alloc(4 * size, &large)));
    ck_assert_ptr_null(large);
    must(mh_os_free(base[--n], size));
    must(mh_os_reserve(NULL, size, &base[n]));
}
END_TEST

#if !MH_TEST_SIM
START_TEST(lazy_pages_are_promised_nothing_and_stay_usable) {
    mh_os_set_lazy(true);
    mh_os_query(&os);
    ck_assert(!os.unused_zeroes);
    make_ready(4 * page);
    memset(region, 1, 4 * page);
    must(mh_os_unused(region, 4 * page));
    must(mh_os_used(region, 4 * page));
    memset(region, 2, 4 * page);
    ck_assert(mh_is_filled(region, 4 * page, 2));
    mh_os_set_lazy(false);
    mh_os_query(&os);
    ck_assert(os.unused_zeroes);
}
END_TEST

START_TEST(locked_memory_stays_ready_when_it_cannot_be_given_up) {
    make_ready(2 * page);
    memset(region, 7, 2 * page);
    // Not mlock(), which sanitizers turn into nothing.
    ck_assert_int_eq(syscall(SYS_mlock, region, page), 0);
    struct mh_os_err err = mh_os_unused(region, page);
    ck_assert(!mh_os_ok(err));
    ck_assert(!mh_os_err_is_oom(err));
    ck_assert(mh_is_filled(region, page, 7));
}
END_TEST

static size_t count_mappings(void) {
    static char text[1 << 20];
    size_t length = 0, n = 0;
    int fd = open("/proc/self/maps", O_RDONLY);
    ssize_t got;

    while ((got = read(fd, text + length, sizeof(text) - length)) > 0) {
        length += (size_t)got;
    }
    close(fd);
    for (size_t i = 0; i < length; i++) {
        n += text[i] == '\n';
    }
    return n;
}

START_TEST(mapping_front_to_back_makes_no_new_mapping) {
    region = reserve(256 * page);
    must(mh_os_map(region, page));
    must(mh_os_used(region, page));
    size_t before = count_mappings();
    for (size_t i = 1; i < 128; i++) {
        must(mh_os_map(region + i * page, page));
        must(mh_os_used(region + i * page, page));
        memset(region + i * page, 1, page);
    }
    for (size_t i = 0; i < 128; i += 2) {
        must(mh_os_unused(region + i * page, page));
    }
    // Two for whatever else maps meanwhile; a page each would be a hundred.
    ck_assert_uint_le(count_mappings(), before + 2);
}
END_TEST
#endif

int main(void) {
    Suite *suite = suite_create("os_posix");
    TCase *places = tcase_create("places");
    tcase_add_checked_fixture(places, reserve_region, NULL);
    MH_ADD_NATIVE_TEST(places, a_large_reservation_costs_no_memory);
#if !MH_TEST_SIM
    tcase_add_test(places,
                   a_destination_that_a_refused_move_unmapped_is_ready_again);
    MH_ADD_NATIVE_TEST(places, a_refused_move_leaves_both_ranges_ready);
#endif
    tcase_add_test(places, an_inherited_memory_file_is_written_through);
    tcase_add_test(places, what_is_no_such_file_is_refused);
    tcase_add_test(places, a_file_on_disk_is_no_memory_file);
    suite_add_tcase(suite, places);

    TCase *tests = tcase_create("running out");
    tcase_add_checked_fixture(tests, reserve_region, NULL);
    MH_ADD_NATIVE_TEST(tests, running_out_of_addresses_is_a_value_and_passes);
#if !MH_TEST_SIM
    tcase_add_test(tests, lazy_pages_are_promised_nothing_and_stay_usable);
    tcase_add_test(tests, locked_memory_stays_ready_when_it_cannot_be_given_up);
    tcase_add_test(tests, mapping_front_to_back_makes_no_new_mapping);
#endif
    suite_add_tcase(suite, tests);
    return mh_test_main(suite);
}
