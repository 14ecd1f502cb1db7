// os_aix_test.c - what AIX's backend promises beyond the others, over the model
// of AIX, and that the model says no where AIX does.

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/atomic.h"
#include "core/meta/layout.h"
#include "mheap/mheap.h"
#include "platform/os.h"
#include "platform/os_info.h"
#include "platform/os_thread.h"
#include "tests/aix/model_aix.h"
#include "tests/support/expect.h"
#include "tests/support/test_main.h"

enum { NONE = 0, ACCESS = 3, PRIVATE = 0x12, FIXED = 0x112, PAGE = 4096 };

static void must(struct mh_os_err err) {
    ck_assert_int_eq(err.code, 0);
}

static unsigned char *reserve(size_t npages) {
    void *base = NULL;

    must(mh_os_reserve(NULL, npages * PAGE, &base));
    return base;
}

// The model ---------------------------------------------------------------

START_TEST(mapping_over_a_mapping_is_refused) {
    unsigned char *base = reserve(4);
    must(mh_os_map(base, 4 * PAGE));
    memset(base, 0x11, 4 * PAGE);
    errno = 0;
    void *at = mh_model_mmap(base + PAGE, 2 * PAGE, NONE, FIXED, -1, 0);
    ck_assert_ptr_eq(at, MAP_FAILED);
    ck_assert_int_eq(errno, ENOMEM);
    ck_assert(mh_is_filled(base, 4 * PAGE, 0x11));
    mh_model_set_sus(true);
    at = mh_model_mmap(base + PAGE, 2 * PAGE, ACCESS, FIXED, -1, 0);
    ck_assert_ptr_eq(at, base + PAGE);
    ck_assert(mh_is_filled(base + PAGE, 2 * PAGE, 0));
    ck_assert(mh_is_filled(base, PAGE, 0x11));
}
END_TEST

START_TEST(mapping_where_there_is_room_is_not) {
    unsigned char *base = reserve(4);
    must(mh_os_free(base + PAGE, PAGE));
    void *at = mh_model_mmap(base + PAGE, PAGE, ACCESS, FIXED, -1, 0);
    ck_assert_ptr_eq(at, base + PAGE);
    ck_assert(mh_is_filled(at, PAGE, 0));
}
END_TEST

START_TEST(flags_of_another_system_are_refused) {
    errno = 0;
    ck_assert_ptr_eq(
        mh_model_mmap(NULL, PAGE, NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
        MAP_FAILED);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_eq(mh_model_mmap(NULL, PAGE, NONE, 0x10, -1, 0), MAP_FAILED);
    ck_assert_ptr_eq(
        mh_model_mmap(NULL, PAGE, NONE, PRIVATE | MAP_NORESERVE, -1, 0),
        MAP_FAILED);
}
END_TEST

START_TEST(protecting_what_is_nobodys_says_nothing) {
    unsigned char *base = reserve(2);
    must(mh_os_free(base, 2 * PAGE));
    ck_assert_int_eq(mh_model_mprotect(base, PAGE, ACCESS), 0);
    ck_assert(mh_traps(base));
    mh_model_set_sus(true);
    ck_assert_int_eq(mh_model_mprotect(base, PAGE, ACCESS), -1);
    ck_assert_int_eq(errno, ENOMEM);
}
END_TEST

// Memory that no mmap of the model's made is the program's own: static data.
static _Alignas(PAGE) unsigned char nobodys[PAGE];

START_TEST(unmapping_leaves_what_no_mmap_made) {
    unsigned char *base = reserve(3);
    nobodys[0] = 0x11;
    ck_assert_int_eq(mh_model_munmap(nobodys, PAGE), 0);
    ck_assert_uint_eq(nobodys[0], 0x11);
    must(mh_os_map(base, 3 * PAGE));
    ck_assert_int_eq(mh_model_munmap(base, PAGE + 1), 0);
    ck_assert(mh_traps(base + PAGE));
    base[2 * PAGE] = 0x11;
    errno = 0;
    ck_assert_int_eq(mh_model_munmap(base + 1, PAGE), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(mh_model_munmap(base + 2 * PAGE, 0), 0);
    ck_assert_uint_eq(base[2 * PAGE], 0x11);
    mh_model_set_sus(true);
    ck_assert_int_eq(mh_model_munmap(base + 2 * PAGE, 0), -1);
}
END_TEST

// The backend -------------------------------------------------------------

START_TEST(the_backend_never_maps_at_a_fixed_place) {
    unsigned char *base = reserve(8);
    must(mh_os_map(base, 8 * PAGE));
    must(mh_os_used(base, 8 * PAGE));
    must(mh_os_unused(base + PAGE, PAGE));
    must(mh_os_fault(base, 4 * PAGE));
    must(mh_os_map(base, 2 * PAGE));
    must(mh_os_free(base + 4 * PAGE, PAGE));
    must(mh_os_free(base, 4 * PAGE));
    ck_assert_uint_eq(mh_model_counts().fixed, 0);
    ck_assert_uint_eq(mh_model_counts().refused, 0);
    ck_assert_uint_eq(mh_model_counts().protected_nothing, 0);
}
END_TEST

START_TEST(nothing_that_may_come_back_old_is_said_to_be_zero) {
    struct mh_os_info os;
    mh_os_query(&os);
    unsigned char *base = reserve(2);
    must(mh_os_map(base, 2 * PAGE));
    memset(base, 0x5a, 2 * PAGE);
    must(mh_os_unused(base, PAGE));
    must(mh_os_used(base, PAGE));
    must(mh_os_fault(base + PAGE, PAGE));
    ck_assert(mh_traps(base + PAGE));
    must(mh_os_map(base + PAGE, PAGE));
    ck_assert(mh_is_filled(base, 2 * PAGE, 0x5a));
    ck_assert(!os.unused_zeroes);
    ck_assert(!os.can_discard);
    ck_assert(!os.can_move);
}
END_TEST

static uint32_t word, leave;

static void *wait_and_wake(void *arg) {
    (void)arg;
    while (MH_LOAD_RELAXED(&leave) == 0) {
        mh_os_wait_for(&word, 0, 1000);
        mh_os_wake(&word, true);
    }
    return NULL;
}

static void nothing(void) {
}

// Threads that are inside a call when a process forks are not in the child.
START_TEST(a_child_waits_and_wakes_whatever_others_were_doing) {
    enum { NTHREADS = 3, NFORKS = 30 };
    pthread_t threads[NTHREADS];

    must(mh_os_on_fork(nothing, nothing, nothing));
    for (int i = 0; i < NTHREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, wait_and_wake, NULL),
                         0);
    }
    for (int i = 0; i < NFORKS; i++) {
        int status = -1;
        pid_t child = fork();
        if (child == 0) {
            (void)alarm(40);
            mh_os_wait_for(&word, 0, 1000);
            mh_os_wake(&word, true);
            _exit(0);
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(status, 0);
    }
    MH_STORE_RELAXED(&leave, 1);
    for (int i = 0; i < NTHREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}
END_TEST

START_TEST(the_heap_begins_at_the_first_hint_of_aix) {
    const struct mh_layout *row = mh_layout_find("aix", "ppc64", 64);
    uint64_t at = (uintptr_t)mheap_malloc(100) + MH_MODEL_DISTANCE;
    ck_assert(mh_layout_addressable(row, at, at + 100));
    ck_assert_uint_ge(at, mh_layout_hint(row, 0));
    ck_assert_uint_lt(at, mh_layout_hint(row, 0) + (UINT64_C(1) << 26));
    ck_assert_uint_eq(mh_model_counts().refused, 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("os_aix");
    TCase *model = tcase_create("model");
    tcase_add_test(model, mapping_over_a_mapping_is_refused);
    tcase_add_test(model, mapping_where_there_is_room_is_not);
    tcase_add_test(model, flags_of_another_system_are_refused);
    tcase_add_test(model, protecting_what_is_nobodys_says_nothing);
    tcase_add_test(model, unmapping_leaves_what_no_mmap_made);
    suite_add_tcase(suite, model);

    TCase *backend = tcase_create("backend");
    tcase_add_test(backend, the_backend_never_maps_at_a_fixed_place);
    tcase_add_test(backend, nothing_that_may_come_back_old_is_said_to_be_zero);
    tcase_add_test(backend, a_child_waits_and_wakes_whatever_others_were_doing);
    tcase_add_test(backend, the_heap_begins_at_the_first_hint_of_aix);
    suite_add_tcase(suite, backend);
    return mh_test_main(suite);
}
