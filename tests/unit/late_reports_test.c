// late_reports_test.c - bad frees that are found with locks held: the handler
// is told of every one, once, when none is.

#include <check.h>
#include <errno.h>
#include <pthread.h>
#if MH_HAVE_FORK
#    include <sys/wait.h>
#endif
#include <unistd.h>

#include "core/heap/bad_free.h"
#include "core/heap/heap.h"
#include "core/heap/late_reports.h"
#include "core/heap/remote.h"
#include "core/scav/scavenger.h"
#include "mheap/mheap.h"
#include "tests/support/check_books.h"
#include "tests/support/emulated.h"
#include "tests/support/expect.h"
#include "tests/support/test_main.h"
#include "tests/support/threads.h"

enum { SIZE = 64, N = 400 };

static struct mh_actor other;
static void *objects[N]; // of the other thread
static unsigned heard;
static struct mheap_bad_free last;

// No lock is held and the thread is in no cache: what takes the locks of the
// lowest ranks, and what enters the cache, goes through. (A debug build stops
// where ranks are out of order, another one would wait for itself.)
static void on_bad_free(const struct mheap_bad_free *what, void *context) {
    (void)context;
    ck_assert_uint_eq(MH_LOAD_RELAXED(&mh_tls_get()->busy), 0);
    mh_lock(&mh_scavenger.lock);
    mh_lock(&mheap_default()->side_lock);
    mh_unlock(&mheap_default()->side_lock);
    mh_unlock(&mh_scavenger.lock);
    (void)mheap_release();
    last = *what;
    heard++;
    errno = EDOM;
}

static void get_all(void *arg) {
    (void)arg;
    for (size_t i = 0; i < N; i++) {
        objects[i] = mheap_malloc(SIZE);
    }
}

static void free_all(void *arg) {
    (void)arg;
    for (size_t i = 0; i < N; i++) {
        mheap_free(objects[i]);
    }
    mheap_thread_flush();
}

static void get_one(void *arg) {
    *(void **)arg = mheap_malloc(SIZE);
}

static void free_it(void *p) {
    mheap_free(p);
}

static void flush(void *arg) {
    (void)arg;
    errno = 0;
    mheap_thread_flush();
    ck_assert_int_eq(errno, 0);
}

static void begin(void) {
    mheap_option_set(MHEAP_OPTION_FIRST_OBJECTS, 0); // caches at once
    mheap_set_bad_free_handler(on_bad_free, NULL);
    mh_actor_do(&other, get_all, NULL);
    ck_assert_ptr_nonnull(mh_cache_of_thread(mheap_default()));
}

// A free of p that had looked at it when it was live still, and goes on now.
static void set_remote(void *p) {
    uintptr_t at = (uintptr_t)p;
    __atomic_fetch_or(&mh_arena_pair(mh_arena_of(at), at)->remote,
                      mh_pair_bit(at), __ATOMIC_SEQ_CST);
}

static void set_and_note(void *p) {
    struct mh_span *span = mh_arena_span_at((uintptr_t)p);
    set_remote(p);
    (void)mh_remote_touch(span, mh_remote_group((uintptr_t)p));
}

static void free_late(void *p) {
    uintptr_t at = (uintptr_t)p;
    set_and_note(p);
    ck_assert(mh_remote_tell(mh_arena_of(at), at, mh_arena_span_at(at)));
}

static uint64_t counted(void) {
    struct mheap_stats now;
    mheap_stats(NULL, &now);
    return now.bad_frees_total;
}

static void require_heard_of(const void *p) {
    mh_check_books(mheap_default());
    ck_assert_uint_eq(heard, 1);
    ck_assert_uint_eq(counted(), 1);
    ck_assert_int_eq(last.kind, MHEAP_BAD_DOUBLE);
    ck_assert_ptr_eq(last.address, p);
    ck_assert_ptr_eq(last.object, p);
    ck_assert_str_eq(last.function, "a free that raced this one");
}

START_TEST(a_flush_tells_when_it_has_left_the_cache) {
    mh_actor_do(&other, free_it, objects[5]);
    free_late(objects[5]);
    ck_assert_uint_eq(heard, 0);
    mh_actor_do(&other, flush, NULL);
    require_heard_of(objects[5]);
}
END_TEST

START_TEST(a_malloc_tells_when_it_has_refilled_its_bin) {
    void *p = NULL;
    struct mh_span *span = mh_arena_span_at((uintptr_t)objects[5]);
    struct mh_cache *cache = mh_cache_by_id((uint32_t)(span->owner_told >> 1));
    mh_actor_do(&other, free_it, objects[5]);
    mh_actor_do(&other, flush, NULL); // else it comes out of the bin again
    free_late(objects[5]);
    MH_STORE_RELAXED(&cache->overdue, 1); // the next refill drains
    ck_assert_uint_eq(heard, 0);
    mh_actor_do(&other, get_one, &p);
    require_heard_of(objects[5]);
}
END_TEST

// The span is drained under the central lock of its class.
START_TEST(a_free_tells_when_it_has_adopted_the_span) {
    mh_actor_do(&other, free_it, objects[5]);
    mh_actor_end(&other);
    set_remote(objects[5]);
    ck_assert_uint_eq(heard, 0);
    errno = 0;
    mheap_free(objects[6]);
    ck_assert_int_eq(errno, 0);
    require_heard_of(objects[5]);
}
END_TEST

START_TEST(a_free_without_a_cache_tells_as_well) {
    mh_actor_do(&other, free_it, objects[5]);
    mh_actor_end(&other);
    set_remote(objects[5]);
    struct mh_cache *mine = mh_tls_get();
    mh_tls_set(&mh_cache_dead);
    mheap_free(objects[6]);
    mh_tls_set(mine);
    require_heard_of(objects[5]);
}
END_TEST

// It sees to what lies idle, and to nothing else.
START_TEST(a_scavenger_that_is_awake_does_not_keep_it) {
    mh_actor_do(&other, free_it, objects[5]);
    mh_actor_end(&other);
    set_remote(objects[5]);
    mh_scavenger.state = MH_SCAV_AWAKE;
    mheap_free(objects[6]);
    require_heard_of(objects[5]);
}
END_TEST

// Not told of, so that it is found in the last look, under the central lock.
START_TEST(a_thread_tells_at_its_end) {
    mh_actor_do(&other, free_it, objects[5]);
    set_and_note(objects[5]);
    mh_actor_end(&other);
    require_heard_of(objects[5]);
}
END_TEST

// The side cache is flushed under the side lock and the scavenger's.
START_TEST(a_release_tells_what_the_side_cache_found) {
    struct mh_actor waiting = {0};
    void *first = NULL, *second = NULL;
    mheap_option_set(MHEAP_OPTION_FIRST_OBJECTS, 2);
    mh_actor_do(&waiting, get_one, &first);
    mh_actor_do(&waiting, get_one, &second);
    ck_assert_ptr_eq(mh_arena_span_at((uintptr_t)first),
                     mh_arena_span_at((uintptr_t)second));
    mheap_free(first);
    (void)mheap_release();
    free_late(first);
    ck_assert_uint_eq(heard, 0);
    (void)mheap_release();
    require_heard_of(first);
    mh_actor_end(&waiting);
}
END_TEST

START_TEST(a_new_span_tells_what_was_left_on_its_pages) {
    mh_actor_do(&other, free_all, NULL);
    set_remote(objects[5]);
    mh_actor_do(&other, get_all, NULL);
    ck_assert_uint_eq(heard, 1);
    ck_assert_ptr_eq(last.address, objects[5]);
    mh_actor_do(&other, free_all, NULL);
    ck_assert_uint_eq(heard, 1);
}
END_TEST

START_TEST(so_does_a_large_object) {
    mh_actor_do(&other, free_all, NULL);
    set_remote(objects[0]);
    void *large = mheap_malloc(100000);
    ck_assert_ptr_eq(large, objects[0]); // the lowest free pages
    ck_assert_uint_eq(heard, 1);
    mheap_free(large);
    ck_assert_uint_eq(heard, 1);
}
END_TEST

START_TEST(more_than_are_kept_are_counted) {
    enum { MANY = MH_LATE_REPORTS + 5 };
    mh_actor_do(&other, free_all, NULL);
    for (unsigned i = 0; i < MANY; i++) {
        set_remote(objects[i]);
    }
    mh_actor_do(&other, get_all, NULL);
    ck_assert_uint_eq(heard, MH_LATE_REPORTS);
    ck_assert_uint_eq(counted(), MANY);
    mh_actor_do(&other, free_all, NULL);
    set_remote(objects[0]);
    mh_actor_do(&other, get_all, NULL);
    ck_assert_uint_eq(heard, MH_LATE_REPORTS + 1); // there is room again
    ck_assert_uint_eq(counted(), MANY + 1);
}
END_TEST

// ---- what happens without a handler -----------------------------------------

// In a child that has no other threads.
static void free_mine_late(void) {
    get_all(NULL);
    mheap_free(objects[5]);
    free_late(objects[5]);
    mh_cache_flush_thread(); // as in the middle of a call
}

static void late_without_handler(void) {
    mheap_set_bad_free_handler(NULL, NULL);
    free_mine_late();
}

static void handler_goes_before_it_is_told(void) {
    free_mine_late();
    if (counted() == 1 && heard == 0) {
        mheap_set_bad_free_handler(NULL, NULL);
        mheap_thread_flush();
    }
}

START_TEST(without_a_handler_the_process_is_told_and_ends) {
    mh_expect_fatal(late_without_handler,
                    "mheap: fatal: bad free: double free: address 0x");
    mh_expect_fatal(late_without_handler, "\nmheap: in a free that raced this");
    mh_expect_fatal(handler_goes_before_it_is_told,
                    "\nmheap: in a free that raced this");
}
END_TEST

START_TEST(where_they_are_only_counted_nothing_waits) {
    mheap_set_bad_free_handler(NULL, NULL);
    mheap_option_set(MHEAP_OPTION_BAD_FREE, MHEAP_ON_BAD_FREE_COUNT);
    mh_actor_do(&other, free_it, objects[5]);
    free_late(objects[5]);
    mh_actor_do(&other, flush, NULL);
    ck_assert_uint_eq(counted(), 1);
    mheap_set_bad_free_handler(on_bad_free, NULL);
    mheap_thread_flush();
    ck_assert_uint_eq(heard, 0);
}
END_TEST

#if MH_HAVE_FORK
START_TEST(the_child_of_a_fork_leaves_it_to_the_parent) {
    mh_actor_do(&other, free_it, objects[5]);
    mh_actor_end(&other);
    free_late(objects[5]); // adopts: the report waits
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        mheap_thread_flush();
        struct mh_bad_free what;
        _exit(heard != 0 || mh_late_take(&what) ? 1 : 0);
    }
    int status = -1;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    mheap_thread_flush();
    require_heard_of(objects[5]);
}
END_TEST
#endif

// ---- the places -------------------------------------------------------------

enum { NTHREADS = 3 };

static size_t tries; // of each thread

// What a thread put and took: how many, and the sum of what they carried.
struct share {
    pthread_t thread;
    uint64_t put, put_sum, taken, taken_sum;
};

static void put_one(struct share *share, size_t i) {
    struct mh_bad_free what = {.slot_size = i, .given_size = ~i};
    if (mh_late_put(&what)) {
        share->put++;
        share->put_sum += i;
    }
}

static bool take_one(struct share *share) {
    struct mh_bad_free what = {0};
    if (!mh_late_take(&what)) {
        return false;
    }
    ck_assert_uint_eq(what.given_size, ~what.slot_size); // not torn
    share->taken++;
    share->taken_sum += what.slot_size;
    return true;
}

static void *put_and_take(void *arg) {
    for (size_t i = 1; i <= tries; i++) {
        put_one(arg, i);
        (void)take_one(arg);
    }
    return NULL;
}

START_TEST(what_threads_put_at_once_is_taken_once) {
    struct share shares[NTHREADS] = {{.put = 0}};
    struct share sum = {.put = 0};
    tries = (size_t)mh_test_rounds(300000, 20000);
    for (unsigned i = 0; i < NTHREADS; i++) {
        ck_assert_int_eq(
            pthread_create(&shares[i].thread, NULL, put_and_take, &shares[i]),
            0);
    }
    for (unsigned i = 0; i < NTHREADS; i++) {
        pthread_join(shares[i].thread, NULL);
        sum.put += shares[i].put;
        sum.put_sum += shares[i].put_sum;
        sum.taken += shares[i].taken;
        sum.taken_sum += shares[i].taken_sum;
    }
    while (take_one(&sum)) {
    }
    ck_assert_uint_eq(sum.put, (uint64_t)NTHREADS * tries);
    ck_assert_uint_eq(sum.taken, sum.put);
    ck_assert_uint_eq(sum.taken_sum, sum.put_sum);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("late_reports");
    TCase *told = tcase_create("told");
    tcase_add_checked_fixture(told, begin, NULL);
    tcase_add_test(told, a_flush_tells_when_it_has_left_the_cache);
    tcase_add_test(told, a_malloc_tells_when_it_has_refilled_its_bin);
    tcase_add_test(told, a_free_tells_when_it_has_adopted_the_span);
    tcase_add_test(told, a_free_without_a_cache_tells_as_well);
    tcase_add_test(told, a_scavenger_that_is_awake_does_not_keep_it);
    tcase_add_test(told, a_thread_tells_at_its_end);
    tcase_add_test(told, a_release_tells_what_the_side_cache_found);
    tcase_add_test(told, a_new_span_tells_what_was_left_on_its_pages);
    tcase_add_test(told, so_does_a_large_object);
    tcase_add_test(told, more_than_are_kept_are_counted);
    tcase_add_test(told, without_a_handler_the_process_is_told_and_ends);
    tcase_add_test(told, where_they_are_only_counted_nothing_waits);
#if MH_HAVE_FORK
    tcase_add_test(told, the_child_of_a_fork_leaves_it_to_the_parent);
#else
    mh_leave_out(the_child_of_a_fork_leaves_it_to_the_parent, "needs fork");
#endif
    suite_add_tcase(suite, told);
    TCase *places = tcase_create("places");
    tcase_add_test(places, what_threads_put_at_once_is_taken_once);
    suite_add_tcase(suite, places);
    return mh_test_main(suite);
}
