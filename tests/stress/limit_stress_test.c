// limit_stress_test.c - many threads that together want more than they may.
//
// Every object carries its size and a pattern. At no moment does the library
// count more than the hard limit, whoever looks; what is refused is NULL and
// nothing else. Limits go up and down meanwhile. In the end everything is freed
// and all of the limit can be had by one.
//
// MHEAP_STRESS_MS is how long each test runs, in milliseconds.

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/sys/limit.h"
#include "mheap/mheap.h"
#include "tests/support/check_books.h"
#include "tests/support/objects.h"
#include "tests/support/sanitized.h"
#include "tests/support/test_main.h"

enum {
    NTHREADS = 6,
    NHELD = 256,
    NSHARED = 256,
    DEFAULT_MS = MH_SANITIZED ? 400 : 800,
};

#define MIB ((size_t)1 << 20)

static _Atomic(void *) shared[NSHARED];
static atomic_bool stop;
static atomic_ulong broken, refused, made, above;
static struct mheap *second;

static unsigned stress_ms(void) {
    const char *text = getenv("MHEAP_STRESS_MS");
    return text != NULL ? (unsigned)strtoul(text, NULL, 10) : DEFAULT_MS;
}

static void sleep_ms(unsigned ms) {
    struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000};
    (void)nanosleep(&time, NULL);
}

static void *make(uint64_t *rng) {
    unsigned log2 = mh_random_below(rng, 8) == 0 ? 19 : 14;
    size_t size = MH_SELF_MIN + mh_random_size(rng, log2);
    struct mheap *heap =
        mh_random_below(rng, 4) == 0 ? second : mheap_default();
    void *p = mheap_alloc_in(heap, size);
    if (p == NULL) {
        atomic_fetch_add(&refused, 1);
        return NULL;
    }
    atomic_fetch_add(&made, 1);
    mh_self_fill(p, size, mh_random(rng));
    return p;
}

static void drop(void *p) {
    if (p != NULL) {
        if (!mh_self_holds(p)) {
            atomic_fetch_add(&broken, 1);
        }
        mheap_free(p);
    }
}

static void *resize(void *p, uint64_t *rng) {
    size_t size = MH_SELF_MIN + mh_random_size(rng, 19);
    void *q = mheap_realloc(p, size);
    if (q == NULL) {
        drop(p); // as it was
        return NULL;
    }
    mh_self_fill(q, size, mh_random(rng));
    return q;
}

static void *work(void *arg) {
    uint64_t rng = (uint64_t)(uintptr_t)arg;
    static _Thread_local void *held[NHELD];
    while (!atomic_load(&stop)) {
        size_t i = mh_random_below(&rng, NHELD);
        switch (mh_random_below(&rng, 4)) {
        case 0:
            held[i] = atomic_exchange(&shared[mh_random_below(&rng, NSHARED)],
                                      held[i]);
            break;
        case 1:
            if (held[i] != NULL) {
                held[i] = resize(held[i], &rng);
            }
            break;
        default:
            drop(held[i]);
            held[i] = make(&rng);
        }
    }
    for (size_t i = 0; i < NHELD; i++) {
        drop(held[i]);
    }
    return NULL;
}

static void run_workers(uint64_t hard, void (*meanwhile)(void)) {
    pthread_t threads[NTHREADS];
    second = mheap_create("second");
    for (uintptr_t i = 0; i < NTHREADS; i++) {
        ck_assert_int_eq(
            pthread_create(&threads[i], NULL, work, (void *)(i + 1)), 0);
    }
    for (unsigned ms = 0; ms < stress_ms(); ms++) {
        if (hard != 0 && MH_LOAD_RELAXED(&mh_limits.counted) > hard) {
            atomic_fetch_add(&above, 1);
        }
        if (meanwhile != NULL && ms % 8 == 0) {
            meanwhile();
        }
        sleep_ms(1);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < NTHREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    for (size_t i = 0; i < NSHARED; i++) {
        drop(atomic_exchange(&shared[i], NULL));
    }
}

static void check_end(void) {
    ck_assert_uint_eq(atomic_load(&broken), 0);
    ck_assert_uint_eq(atomic_load(&above), 0);
    ck_assert_uint_gt(atomic_load(&made), 1000);
    mh_check_books(mheap_default());
    mh_check_books(second);
}

START_TEST(threads_share_what_the_hard_limit_leaves) {
    uint64_t hard = 24 * MIB;
    ck_assert_int_eq(mheap_option_set(MHEAP_OPTION_HARD_LIMIT, hard), 0);
    run_workers(hard, NULL);
    check_end();
    ck_assert_uint_gt(atomic_load(&refused), 0);
    void *p = mheap_malloc(12 * MIB);
    ck_assert_ptr_nonnull(p);
    mheap_free(p);
}
END_TEST

START_TEST(a_soft_limit_below_what_threads_hold_refuses_nothing) {
    ck_assert_int_eq(mheap_option_set(MHEAP_OPTION_SOFT_LIMIT, 8 * MIB), 0);
    run_workers(0, NULL);
    check_end();
    ck_assert_uint_eq(atomic_load(&refused), 0);
    mheap_free(mheap_malloc(MIB)); // the next growth finds what is free
    mheap_release();
}
END_TEST

static void change_limits(void) {
    static uint64_t rng = 7;
    uint64_t hard = (12 + mh_random_below(&rng, 40)) * MIB;
    (void)mheap_option_set(MHEAP_OPTION_HARD_LIMIT, hard);
    (void)mheap_option_set(MHEAP_OPTION_SOFT_LIMIT, hard / 4 * 3);
    if (mh_random_below(&rng, 4) == 0) {
        (void)mheap_release();
    }
}

START_TEST(limits_that_go_up_and_down_lose_nothing) {
    run_workers(0, change_limits);
    ck_assert_int_eq(mheap_option_set(MHEAP_OPTION_HARD_LIMIT, 0), 0);
    check_end();
    ck_assert_uint_gt(atomic_load(&refused), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("limit stress");
    TCase *tcase = tcase_create("limit");
    tcase_add_test(tcase, threads_share_what_the_hard_limit_leaves);
    tcase_add_test(tcase, a_soft_limit_below_what_threads_hold_refuses_nothing);
    tcase_add_test(tcase, limits_that_go_up_and_down_lose_nothing);
    suite_add_tcase(suite, tcase);
    return mh_test_main(suite);
}
