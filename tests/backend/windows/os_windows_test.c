// os_windows_test.c - what the backend for Windows promises besides.
//
// A range in two reservations takes two calls, of which the second may be
// refused when the first is done: to see that, VirtualFree is asked through a
// pointer of this program, in place of the linker's.
//
// free may stand between a call of the program's own and its question for the
// last error, so nothing the heap asks of the system may change that.

#include <string.h>
#include <windows.h>

#include "platform/os.h"
#include "platform/os_info.h"
#include "platform/os_trap.h"
#include "tests/support/expect.h"
#include "tests/support/test_main.h"

enum { LAST_ERROR = 12345 };

static struct mh_os_info os;
static char *region; // two granules of reservation

static void begin(void) {
    void *base = NULL;

    mh_os_query(&os);
    ck_assert(mh_os_ok(mh_os_reserve(NULL, 2 * os.reserve_align, &base)));
    region = base;
}

// Between the call and the question nothing else may ask the system.
#define CHECK(call, works)                         \
    do {                                           \
        SetLastError(LAST_ERROR);                  \
        struct mh_os_err err_ = (call);            \
        DWORD seen_ = GetLastError();              \
        ck_assert_uint_eq(seen_, LAST_ERROR);      \
        ck_assert_int_eq(mh_os_ok(err_), (works)); \
    } while (0)

// What a call of VirtualFree goes through.
typedef BOOL(WINAPI *free_function)(void *, SIZE_T, DWORD);
static BOOL WINAPI refuse_some(void *base, SIZE_T size, DWORD type);
extern free_function __imp_VirtualFree;
free_function __imp_VirtualFree = refuse_some;

static char *refused; // a range that begins here is not decommitted

static BOOL WINAPI refuse_some(void *base, SIZE_T size, DWORD type) {
    static free_function real;
    uintptr_t at = (uintptr_t)base;

    if (real == NULL) {
        real = (free_function)(void (*)(void))GetProcAddress(
            GetModuleHandleA("kernel32.dll"), "VirtualFree");
    }
    if (refused != NULL && type == MEM_DECOMMIT && at <= (uintptr_t)refused &&
        (uintptr_t)refused < at + size) {
        SetLastError(ERROR_INVALID_ADDRESS);
        return FALSE;
    }
    return real(base, size, type);
}

// two reservations in place of the one, side by side.
static void split(void) {
    void *base = NULL;

    CHECK(mh_os_free(region, 2 * os.reserve_align), true);
    for (size_t i = 0; i < 2; i++) {
        char *hint = region + i * os.reserve_align;
        CHECK(mh_os_reserve(hint, os.reserve_align, &base), true);
        ck_assert_ptr_eq(base, hint);
    }
}

START_TEST(a_refusal_half_way_leaves_all_of_the_range_ready) {
    size_t size = 2 * os.reserve_align;

    split();
    CHECK(mh_os_used(region, size), true);
    memset(region, 0x55, size);
    refused = region + os.reserve_align;
    CHECK(mh_os_unused(region, size), false);
    CHECK(mh_os_fault(region, size), false);
    refused = NULL;
    ck_assert(mh_is_filled(region + size / 2, size / 2, 0x55));
    memset(region, 0x66, size); // traps where a part was given up
    CHECK(mh_os_unused(region, size), true);
}
END_TEST

START_TEST(calls_that_work_keep_the_last_error) {
    size_t size = os.page_size;
    void *base = NULL;

    CHECK(mh_os_map(region, size), true);
    CHECK(mh_os_used(region, size), true);
    CHECK(mh_os_unused(region, size), true);
    CHECK(mh_os_fault(region, size), true);
    CHECK(mh_os_free(region, 2 * os.reserve_align), true);
    CHECK(mh_os_alloc(size, &base), true);
    // A hint that is taken is refused first, and then asked without.
    CHECK(mh_os_reserve(base, os.reserve_align, &base), true);
}
END_TEST

START_TEST(calls_that_fail_keep_the_last_error) {
    size_t half = os.reserve_align;
    void *base = NULL;

    CHECK(mh_os_free(region, half), false);
    CHECK(mh_os_free(region + half, half), false);
    CHECK(mh_os_free(region, 2 * half), true);
    CHECK(mh_os_used(region, half), false);
    CHECK(mh_os_unused(region, half), false);
    CHECK(mh_os_reserve(NULL, SIZE_MAX / 2 / half * half, &base), false);
    CHECK(mh_os_map_shared(-1, half, &base), false);
}
END_TEST

static uintptr_t told;

static void note(uintptr_t address) {
    told = address;
}

// The last to be asked lets the program go on.
static LONG CALLBACK go_on(EXCEPTION_POINTERS *what) {
    (void)what;
    return EXCEPTION_CONTINUE_EXECUTION;
}

START_TEST(an_access_that_traps_is_told_and_left_to_other_handlers) {
    const ULONG_PTR words[] = {0, (ULONG_PTR)region + 4096};
    ck_assert_ptr_nonnull(AddVectoredExceptionHandler(FALSE, go_on));
    CHECK(mh_os_on_trap(note), true);
    RaiseException(EXCEPTION_ACCESS_VIOLATION, 0, 2, words);
    ck_assert_uint_eq(told, words[1]);
    told = 0;
    RaiseException(EXCEPTION_INT_OVERFLOW, 0, 2, words); // no access
    ck_assert_uint_eq(told, 0);
}
END_TEST

START_TEST(a_thread_may_read_its_own_stack_and_no_more) {
    volatile char here[64];
    ULONG_PTR low = 0, high = 0;
    GetCurrentThreadStackLimits(&low, &high);
    ck_assert(mh_os_can_read((uintptr_t)here, sizeof(here)));
    ck_assert(mh_os_can_read(high - 16, 16));
    ck_assert(!mh_os_can_read(high - 8, 16));
    ck_assert(!mh_os_can_read(low, 8)); // reserved, and not used yet
    ck_assert(!mh_os_can_read((uintptr_t)region, 8));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("os_windows");
    TCase *tests = tcase_create("calls");
    tcase_add_checked_fixture(tests, begin, NULL);
    tcase_add_test(tests, a_refusal_half_way_leaves_all_of_the_range_ready);
    tcase_add_test(tests, calls_that_work_keep_the_last_error);
    tcase_add_test(tests, calls_that_fail_keep_the_last_error);
    tcase_add_test(tests,
                   an_access_that_traps_is_told_and_left_to_other_handlers);
    tcase_add_test(tests, a_thread_may_read_its_own_stack_and_no_more);
    suite_add_tcase(suite, tests);
    return mh_test_main(suite);
}
