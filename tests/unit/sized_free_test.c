// sized_free_test.c - frees that tell a size: wrong ones are caught, right ones
// never are.

#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "mheap/mheap.h"
#include "tests/support/check_books.h"
#include "tests/support/objects.h"
#include "tests/support/test_main.h"
#include "tests/support/threads.h"

enum { ROUNDS = 60000, NOBJECTS = 300 };

static struct mheap_bad_free last;
static unsigned reports;

static void note(const struct mheap_bad_free *what, void *context) {
    (void)context;
    last = *what;
    reports++;
    errno = 1; // a handler may
}

static void listen(void) {
    reports = 0;
    mheap_set_bad_free_handler(note, NULL);
}

// The free that mh_random says tells p's size; 16 is what malloc aligns to.
static void tell(uint64_t *random, void *p, size_t align, size_t size) {
    if (align <= 16 && mh_random_below(random, 2) == 0) {
        mheap_free_sized(p, size);
    } else {
        mheap_free_aligned_sized(p, align, size);
    }
}

struct object {
    void *p;
    size_t align, size;
};

static struct object make(uint64_t *random) {
    struct object o = {.align = (size_t)1 << mh_random_below(random, 14),
                       .size = mh_random_size(random, 17)};
    o.p = o.align <= 16 ? mheap_malloc(o.size)
                        : mheap_aligned_alloc(o.align, o.size);
    ck_assert_ptr_nonnull(o.p);
    return o;
}

static void require_wrong(struct object o, size_t given) {
    reports = 0;
    errno = 77;
    mheap_free_aligned_sized(o.p, o.align, given);
    ck_assert_msg(reports == 1, "size %zu, align %zu, given %zu: not seen",
                  o.size, o.align, given);
    ck_assert_int_eq(errno, 77);
    ck_assert_int_eq(last.kind, MHEAP_BAD_SIZE);
    ck_assert_ptr_eq(last.address, o.p);
    ck_assert_uint_eq(last.given_size, given);
    ck_assert_str_eq(last.function, "free_sized");
    reports = 0;
}

// What an object asked for like o, but with another size, would have of room.
static size_t room_for(size_t align, size_t size) {
    void *p = mheap_aligned_alloc(align, size);
    size_t room = mheap_usable_size(p);
    mheap_free(p);
    return room;
}

START_TEST(every_wrong_size_is_caught_and_every_right_one_taken) {
    uint64_t random = 1;
    unsigned wrong = 0;
    listen();
    for (int i = 0; i < ROUNDS; i++) {
        struct object o = make(&random);
        size_t given = mh_random_below(&random, 2) == 0
                           ? mh_random_size(&random, 17)
                           : o.size + mh_random_below(&random, 65) - 32;
        if (given <= PTRDIFF_MAX &&
            room_for(o.align, given) != mheap_usable_size(o.p)) {
            require_wrong(o, given);
            wrong++;
        }
        tell(&random, o.p, o.align, o.size);
        ck_assert_msg(reports == 0, "size %zu, align %zu: false alarm", o.size,
                      o.align);
    }
    ck_assert_uint_gt(wrong, ROUNDS / 4);
    ck_assert_uint_lt(wrong, ROUNDS);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(sizes_that_nothing_can_have_are_wrong) {
    listen();
    struct object o = {.p = mheap_malloc(100), .align = 1, .size = 100};
    mheap_free_sized(o.p, SIZE_MAX);
    ck_assert_int_eq(last.kind, MHEAP_BAD_SIZE);
    require_wrong(o, SIZE_MAX - 1);
    require_wrong(o, (size_t)PTRDIFF_MAX + 1);
    o.align = SIZE_MAX / 2 + 1;
    require_wrong(o, 100);
    o.align = SIZE_MAX;
    require_wrong(o, 100);
    mheap_free_sized(o.p, 100);
    ck_assert_uint_eq(reports, 0);
}
END_TEST

// As memalign rounds them.
START_TEST(alignments_that_are_no_powers_of_two_are_rounded_up) {
    listen();
    for (size_t align = 0; align <= 300; align++) {
        size_t real = 1;
        while (real < align) {
            real *= 2;
        }
        void *p = mheap_aligned_alloc(real, 40);
        mheap_free_aligned_sized(p, align, 40);
        ck_assert_msg(reports == 0, "align %zu", align);
    }
}
END_TEST

START_TEST(null_and_bad_frees_of_other_kinds_are_what_they_were) {
    listen();
    char *p = mheap_malloc(64);
    mheap_free_sized(NULL, 64);
    mheap_free_aligned_sized(NULL, 64, 64);
    ck_assert_uint_eq(reports, 0);
    mheap_free_sized(p + 16, 64);
    ck_assert_int_eq(last.kind, MHEAP_BAD_INTERIOR);
    mheap_free_sized(p + 1, 64);
    ck_assert_int_eq(last.kind, MHEAP_BAD_MISALIGNED);
    mheap_free_sized(p, 64);
    ck_assert_uint_eq(reports, 2);
    mheap_free_sized(p, 64);
    ck_assert_int_eq(last.kind, MHEAP_BAD_DOUBLE);
    mheap_free_sized(p, 5000); // whatever the size
    ck_assert_int_eq(last.kind, MHEAP_BAD_DOUBLE);
    ck_assert_str_eq(last.function, "free_sized");
    ck_assert_uint_eq(reports, 4);
}
END_TEST

// More of one class than a cache holds.
START_TEST(bins_that_are_full_take_no_wrong_size_either) {
    static void *objects[NOBJECTS];
    listen();
    for (size_t i = 0; i < NOBJECTS; i++) {
        objects[i] = mheap_malloc(200);
    }
    for (size_t i = 0; i < NOBJECTS; i++) {
        struct object o = {.p = objects[i], .align = 1, .size = 200};
        require_wrong(o, 209);
        require_wrong(o, 192);
        mheap_free_sized(objects[i], 193 + i % 16);
        ck_assert_uint_eq(reports, 0);
    }
    mh_check_books(mheap_default());
}
END_TEST

// ---- realloc ----------------------------------------------------------------

START_TEST(what_realloc_left_where_it_was_may_have_either_size) {
    uint64_t random = 2;
    listen();
    for (int i = 0; i < ROUNDS; i++) {
        size_t size = mh_random_size(&random, 17);
        void *p =
            mheap_realloc(mheap_malloc(size), 1 + mh_random_size(&random, 17));
        size = 1 + mh_random_size(&random, 17);
        p = mheap_realloc(p, size);
        mheap_free_sized(p, size);
        ck_assert_msg(reports == 0, "size %zu", size);
    }
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(after_such_a_realloc_less_than_half_is_still_wrong) {
    listen();
    void *p = mheap_malloc(1000);
    ck_assert_ptr_eq(mheap_realloc(p, 600), p);
    require_wrong((struct object){.p = p, .align = 1}, 400);
    require_wrong((struct object){.p = p, .align = 1}, 1025);
    mheap_free_sized(p, 600);
    ck_assert_uint_eq(reports, 0);
}
END_TEST

// ---- other threads ----------------------------------------------------------

struct batch {
    struct object objects[NOBJECTS];
    uint64_t random;
};

static void make_batch(void *arg) {
    struct batch *batch = arg;
    for (size_t i = 0; i < NOBJECTS; i++) {
        batch->objects[i] = make(&batch->random);
    }
}

// The first of them are of the cache that threads share, where other classes
// serve; the others another thread's.
START_TEST(objects_of_other_threads_are_checked_too) {
    listen();
    for (uint64_t seed = 1; seed <= 20; seed++) {
        static struct batch batch;
        struct mh_actor actor = {.running = false};
        batch.random = seed;
        mh_actor_do(&actor, make_batch, &batch);
        for (size_t i = 0; i < NOBJECTS; i++) {
            struct object o = batch.objects[i];
            require_wrong(o, 2 * mheap_usable_size(o.p) + 1);
            tell(&batch.random, o.p, o.align, o.size);
            ck_assert_msg(reports == 0, "%zu: size %zu, align %zu", i, o.size,
                          o.align);
        }
        mh_actor_end(&actor);
    }
    mh_check_books(mheap_default());
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sized free");
    TCase *tcase = tcase_create("sizes");
    tcase_add_test(tcase, every_wrong_size_is_caught_and_every_right_one_taken);
    tcase_add_test(tcase, sizes_that_nothing_can_have_are_wrong);
    tcase_add_test(tcase, alignments_that_are_no_powers_of_two_are_rounded_up);
    tcase_add_test(tcase, null_and_bad_frees_of_other_kinds_are_what_they_were);
    tcase_add_test(tcase, bins_that_are_full_take_no_wrong_size_either);
    suite_add_tcase(suite, tcase);
    TCase *moved = tcase_create("realloc");
    tcase_add_test(moved, what_realloc_left_where_it_was_may_have_either_size);
    tcase_add_test(moved, after_such_a_realloc_less_than_half_is_still_wrong);
    suite_add_tcase(suite, moved);
    TCase *threads = tcase_create("threads");
    tcase_add_test(threads, objects_of_other_threads_are_checked_too);
    suite_add_tcase(suite, threads);
    return mh_test_main(suite);
}
