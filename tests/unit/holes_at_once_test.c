// holes_at_once_test.c - holes of many spans, given back together.

#include <check.h>

#include "core/heap/heap.h"
#include "core/heap/holes.h"
#include "core/sys/sys.h"
#include "mheap/mheap.h"
#include "platform/sim/sim.h"
#include "tests/support/check_books.h"
#include "tests/support/rounds.h"
#include "tests/support/test_main.h"

static size_t page_size(void) {
    return mh_sys_facts()->page_size;
}

// Every second page keeps its objects: as many holes as there can be.
enum { MANY = 800, LARGE = 2048 };
static char *large[MANY];

static void make_large(void) {
    for (size_t i = 0; i < MANY; i++) {
        large[i] = mheap_malloc(LARGE);
        ck_assert_ptr_nonnull(large[i]);
    }
    for (size_t i = 0; i < MANY; i++) {
        if ((uintptr_t)large[i] / page_size() % 2 == 1) {
            mheap_free(large[i]);
            large[i] = NULL;
        }
    }
    mheap_thread_flush();
}

// The next span that keeps an object, from the i-th on.
static struct mh_span *next_span(size_t *i, const struct mh_span *last) {
    for (; *i < MANY; (*i)++) {
        struct mh_span *span =
            large[*i] == NULL ? NULL : mh_arena_span_at((uintptr_t)large[*i]);
        if (span != NULL && span != last) {
            return span;
        }
    }
    return NULL;
}

// How many holes a span has; each, and nothing else, is given back.
static size_t count_holes(const struct mh_span *span) {
    size_t npages = ((size_t)span->npages << MH_PAGE_SHIFT) / page_size();
    size_t n = 0;
    for (size_t i = 0; i < npages; i++) {
        void *at = (void *)((uintptr_t)span->base + i * page_size());
        bool hole = (span->holes >> i & 1) != 0;
        n += hole;
        ck_assert_int_eq(mh_sim_state_of(at), hole ? MH_PREPARED : MH_READY);
    }
    return n;
}

static void make_holes(void) {
    struct mh_holes holes;
    size_t i = 0;
    holes.n = 0;
    for (struct mh_span *span = next_span(&i, NULL); span != NULL;
         span = next_span(&i, span)) {
        mh_holes_add(&holes, span);
    }
    mh_holes_make(&holes);
    mh_sim_fail_nothing();
}

// In all spans; *all says whether every page that could be a hole is one.
static size_t count_all_holes(bool *all) {
    size_t i = 0, n = 0;
    *all = true;
    for (struct mh_span *span = next_span(&i, NULL); span != NULL;
         span = next_span(&i, span)) {
        n += count_holes(span);
        *all = *all && span->holes == mh_span_find_holes(span);
    }
    return n;
}

static void begin(void) {
    start_the_clock();
    make_large();
}

static void end(void) {
    mh_check_books(mheap_default());
    for (size_t i = 0; i < MANY; i++) {
        mheap_free(large[i]);
    }
    mh_check_books(mheap_default());
}

// Whether this system's pages are small enough for every second to be one.
static bool can_be(void) {
    return page_size() <= LARGE * 2;
}

START_TEST(more_holes_than_fit_together_are_all_made) {
    bool all;
    make_holes();
    size_t n = count_all_holes(&all);
    ck_assert(all);
    ck_assert(!can_be() || n > MH_HOLES_AT_ONCE);
}
END_TEST

// Where a call takes many it is asked for once more, alone; elsewhere it stays.
START_TEST(one_refusal_does_not_keep_the_others) {
    bool all;
    make_holes();
    size_t most = count_all_holes(&all);
    end();
    begin();
    mh_sim_fail_nth(30);
    make_holes();
    ck_assert_uint_ge(count_all_holes(&all) + 1, most);
}
END_TEST

START_TEST(what_stays_refused_is_no_hole) {
    static const unsigned from[] = {1, 30, 70};
    bool all;
    mh_sim_fail_from(from[_i]);
    make_holes();
    size_t n = count_all_holes(&all);
    ck_assert(!can_be() || (!all && n >= from[_i] - 1));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("holes_at_once");
    TCase *many = tcase_create("many");

    tcase_add_checked_fixture(many, begin, end);
    tcase_add_test(many, more_holes_than_fit_together_are_all_made);
    tcase_add_test(many, one_refusal_does_not_keep_the_others);
    tcase_add_loop_test(many, what_stays_refused_is_no_hole, 0, 3);
    suite_add_tcase(suite, many);
    return mh_test_main(suite);
}
