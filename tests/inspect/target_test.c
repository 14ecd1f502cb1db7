// target_test.c - reading a child of known contents, on the real system.

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/linux/target_linux.h"
#include "platform/target.h"

enum { AREA_PAGES = 64 };

static size_t page;
static unsigned char *area; // of the child, at the same address here
static pid_t child;
static struct mh_target *target;

// In the area: page 0 written, page 1 read only (the zero page), page 2 written
// and given back, all others never touched. The child then sleeps.
static void be_child(int ready) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "mh target )( x");
    for (size_t i = 0; i < page; i++) {
        area[i] = (unsigned char)(i * 7);
    }
    (void)*(volatile unsigned char *)(area + page);
    area[2 * page] = 1;
    madvise(area + 2 * page, page, MADV_DONTNEED);
    if (write(ready, "x", 1) != 1) {
        _exit(1);
    }
    for (;;) {
        pause();
    }
}

static void set_up(void) {
    int ends[2];
    char byte;

    page = (size_t)sysconf(_SC_PAGESIZE);
    area = mmap(NULL, AREA_PAGES * page, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ck_assert_ptr_ne(area, MAP_FAILED);
    madvise(area, AREA_PAGES * page, MADV_NOHUGEPAGE);
    ck_assert_int_eq(pipe(ends), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        be_child(ends[1]);
    }
    ck_assert_int_eq(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    close(ends[1]);
    ck_assert_int_eq(mh_target_open((uint64_t)child, &target), MH_TARGET_OK);
}

static void end_child(void) {
    if (child > 0) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        child = 0;
    }
}

static void tear_down(void) {
    end_child();
    mh_target_close(target);
    target = NULL;
    munmap(area, AREA_PAGES * page);
}

static uint64_t at(size_t offset) {
    return (uint64_t)(uintptr_t)area + offset;
}

// Every test runs with and without the newer system calls.
static void limit(int form) {
    mh_linux_target_limit(target, form != 0, form != 0);
}

START_TEST(small_and_large_reads_give_the_contents) {
    static unsigned char buffer[AREA_PAGES * 4096];
    size_t size = AREA_PAGES * page;

    limit(_i);
    ck_assert_int_eq(mh_target_read(target, at(3), buffer, 5), MH_TARGET_OK);
    ck_assert_int_eq(buffer[0], 21);
    if (size > sizeof(buffer)) {
        size = sizeof(buffer);
    }
    ck_assert_int_eq(mh_target_read(target, at(0), buffer, size), MH_TARGET_OK);
    for (size_t i = 0; i < page; i++) {
        ck_assert_int_eq(buffer[i], (unsigned char)(i * 7));
    }
    ck_assert_int_eq(buffer[page + 9], 0);
}
END_TEST

START_TEST(addresses_that_hold_nothing_are_unreadable) {
    static unsigned char buffer[128 * 1024];

    limit(_i);
    ck_assert_int_eq(mh_target_read(target, 0, buffer, 8),
                     MH_TARGET_UNREADABLE);
    ck_assert_int_eq(mh_target_read(target, 0, buffer, sizeof(buffer)),
                     MH_TARGET_UNREADABLE);
    ck_assert_int_eq(mh_target_read(target, UINT64_MAX - 3, buffer, 8),
                     MH_TARGET_UNREADABLE);
    ck_assert_int_eq(
        mh_target_read(target, UINT64_C(1) << 62, buffer, sizeof(buffer)),
        MH_TARGET_UNREADABLE);
}
END_TEST

// What the child's own map says is resident of the area, in pages.
static size_t resident_pages(void) {
    char path[64], line[256], start[32];
    unsigned long kib = 0;
    bool ours = false, found = false;
    snprintf(path, sizeof(path), "/proc/%d/smaps", (int)child);
    snprintf(start, sizeof(start), "%lx-", (unsigned long)(uintptr_t)area);
    FILE *smaps = fopen(path, "r");
    ck_assert_ptr_nonnull(smaps);
    while (!found && fgets(line, sizeof(line), smaps) != NULL) {
        ours = ours || strncmp(line, start, strlen(start)) == 0;
        found = ours && sscanf(line, "Rss: %lu kB", &kib) == 1;
    }
    (void)fclose(smaps);
    ck_assert(found);
    return kib * 1024 / page;
}

// Most kernels map one page of zeroes for all that was only read. Some give a
// page of its own for that, too, and then count it as resident.
START_TEST(pages_tell_own_zero_given_back_and_untouched_apart) {
    enum mh_target_page pages[AREA_PAGES];
    size_t resident = resident_pages();

    limit(_i);
    ck_assert_int_eq(mh_target_pages(target, at(0), AREA_PAGES, pages),
                     MH_TARGET_OK);
    ck_assert_int_eq(pages[0], MH_TARGET_PAGE_RESIDENT);
    ck_assert(resident == 1 || resident == 2);
    ck_assert_int_eq(pages[1], resident == 1 ? MH_TARGET_PAGE_SHARED
                                             : MH_TARGET_PAGE_RESIDENT);
    ck_assert_int_eq(pages[2], MH_TARGET_PAGE_ABSENT);
    for (size_t i = 3; i < AREA_PAGES; i++) {
        ck_assert_int_eq(pages[i], MH_TARGET_PAGE_ABSENT);
    }
}
END_TEST

START_TEST(pages_of_a_file_are_shared) {
    struct mh_target_map *maps;
    enum mh_target_page state;
    size_t nmaps, seen = 0;

    limit(_i);
    ck_assert_int_eq(mh_target_maps(target, &maps, &nmaps), MH_TARGET_OK);
    for (size_t i = 0; i < nmaps; i++) {
        if (maps[i].executable && maps[i].inode != 0) {
            ck_assert_int_eq(mh_target_pages(target, maps[i].start, 1, &state),
                             MH_TARGET_OK);
            ck_assert_int_ne(state, MH_TARGET_PAGE_RESIDENT);
            seen++;
        }
    }
    free(maps);
    ck_assert_uint_gt(seen, 0);
}
END_TEST

START_TEST(pages_beyond_user_addresses_are_absent_or_refused) {
    enum mh_target_page pages[4] = {MH_TARGET_PAGE_RESIDENT};

    limit(_i);
    enum mh_target_status status =
        mh_target_pages(target, UINT64_MAX - 2 * page, 4, pages);
    ck_assert_int_ne(status, MH_TARGET_OK);
    ck_assert_int_eq(pages[0], MH_TARGET_PAGE_ABSENT);
}
END_TEST

START_TEST(maps_are_in_order_and_name_the_program) {
    struct mh_target_map *maps;
    size_t nmaps, named = 0;
    char program[512] = "";

    ck_assert_int_gt(readlink("/proc/self/exe", program, sizeof(program) - 1),
                     0);
    ck_assert_int_eq(mh_target_maps(target, &maps, &nmaps), MH_TARGET_OK);
    for (size_t i = 0; i < nmaps; i++) {
        ck_assert_uint_lt(maps[i].start, maps[i].end);
        ck_assert(i == 0 || maps[i - 1].end <= maps[i].start);
        named += strcmp(maps[i].path, program) == 0;
    }
    ck_assert_uint_gt(named, 0);
    for (size_t i = 0; i < nmaps; i++) {
        // What lies in no file is named in brackets, or not at all.
        ck_assert_msg(maps[i].inode != 0 || maps[i].path[0] == '\0' ||
                          strchr("[/", maps[i].path[0]) != NULL,
                      "%s", maps[i].path);
    }
    free(maps);
}
END_TEST

START_TEST(a_mapped_file_opens_as_the_target_sees_it) {
    struct mh_target_map *maps;
    size_t nmaps;
    char magic[4] = "";

    ck_assert_int_eq(mh_target_maps(target, &maps, &nmaps), MH_TARGET_OK);
    size_t i = 0;
    while (i < nmaps && !(maps[i].executable && maps[i].inode != 0)) {
        i++;
    }
    ck_assert_uint_lt(i, nmaps);
    int fd = mh_target_file(target, &maps[i]);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(read(fd, magic, 4), 4);
    ck_assert_mem_eq(magic, "\177ELF", 4);
    close(fd);
    free(maps);
}
END_TEST

START_TEST(a_process_that_ended_is_gone_and_not_alive) {
    unsigned char byte;
    uint64_t resident;

    ck_assert(mh_target_alive(target));
    kill(child, SIGKILL);
    // A zombie is no living process either.
    for (int i = 0; i < 1000 && mh_target_alive(target); i++) {
        usleep(1000);
    }
    ck_assert(!mh_target_alive(target));
    ck_assert_int_eq(mh_target_resident(target, &resident), MH_TARGET_GONE);
    end_child();
    ck_assert(!mh_target_alive(target));
    ck_assert_int_eq(mh_target_read(target, at(0), &byte, 1), MH_TARGET_GONE);
}
END_TEST

START_TEST(numbers_that_are_no_process_are_gone) {
    struct mh_target *none;

    ck_assert_int_eq(mh_target_open(0, &none), MH_TARGET_GONE);
    ck_assert_ptr_null(none);
    ck_assert_int_eq(mh_target_open(UINT64_MAX, &none), MH_TARGET_GONE);
    ck_assert_int_eq(mh_target_open(0x7ffffff0, &none), MH_TARGET_GONE);
}
END_TEST

START_TEST(processes_are_listed_with_their_names) {
    struct mh_target_process *list;
    struct mh_target_process self;
    size_t n;
    bool found = false;

    ck_assert_int_eq(mh_target_processes(&list, &n), MH_TARGET_OK);
    for (size_t i = 0; i < n; i++) {
        if (list[i].pid == (uint64_t)child) {
            ck_assert_str_eq(list[i].name, "mh target )( x");
            ck_assert_uint_eq(list[i].uid, getuid());
            found = true;
        }
    }
    ck_assert(found);
    free(list);
    ck_assert_int_eq(mh_target_process_of((uint64_t)child, &self),
                     MH_TARGET_OK);
    ck_assert_str_eq(self.name, "mh target )( x");
}
END_TEST

START_TEST(resident_is_what_the_system_says) {
    uint64_t bytes = 0;

    ck_assert_int_eq(mh_target_resident(target, &bytes), MH_TARGET_OK);
    ck_assert_uint_gt(bytes, page);
    ck_assert_uint_lt(bytes, UINT64_C(1) << 32);
}
END_TEST

START_TEST(an_explanation_names_every_layer_and_a_fix) {
    static const char *const layers[] = {
        "uid ",         "CAP_SYS_PTRACE", "dumpable", "user namespace",
        "ptrace_scope", "seccomp",        "fix: "};
    char text[4096];

    mh_target_explain((uint64_t)child, text, sizeof(text));
    for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++) {
        ck_assert_msg(strstr(text, layers[i]) != NULL, "no %s in:\n%s",
                      layers[i], text);
    }
    ck_assert_int_eq(text[strlen(text) - 1], '\n');
    mh_target_explain(0x7ffffff0, text, sizeof(text));
    ck_assert_ptr_nonnull(strstr(text, "no process"));
    char tiny[8];
    mh_target_explain((uint64_t)child, tiny, sizeof(tiny));
    ck_assert_uint_lt(strlen(tiny), sizeof(tiny));
}
END_TEST

static Suite *target_suite(void) {
    Suite *suite = suite_create("inspect.target");
    TCase *reading = tcase_create("reading");
    TCase *process = tcase_create("process");

    tcase_add_checked_fixture(reading, set_up, tear_down);
    tcase_add_loop_test(reading, small_and_large_reads_give_the_contents, 0, 2);
    tcase_add_loop_test(reading, addresses_that_hold_nothing_are_unreadable, 0,
                        2);
    tcase_add_loop_test(
        reading, pages_tell_own_zero_given_back_and_untouched_apart, 0, 2);
    tcase_add_loop_test(reading, pages_of_a_file_are_shared, 0, 2);
    tcase_add_loop_test(
        reading, pages_beyond_user_addresses_are_absent_or_refused, 0, 2);
    suite_add_tcase(suite, reading);
    tcase_add_checked_fixture(process, set_up, tear_down);
    tcase_add_test(process, maps_are_in_order_and_name_the_program);
    tcase_add_test(process, a_mapped_file_opens_as_the_target_sees_it);
    tcase_add_test(process, a_process_that_ended_is_gone_and_not_alive);
    tcase_add_test(process, numbers_that_are_no_process_are_gone);
    tcase_add_test(process, processes_are_listed_with_their_names);
    tcase_add_test(process, resident_is_what_the_system_says);
    tcase_add_test(process, an_explanation_names_every_layer_and_a_fix);
    suite_add_tcase(suite, process);
    return suite;
}

int main(void) {
    SRunner *runner = srunner_create(target_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
