// first_objects_test.c - a thread's first objects come from the side cache of
// their heap, and nobody can tell but by the memory it saves.

#include <check.h>
#include <errno.h>
#include <string.h>
#if MH_HAVE_FORK
#    include <sys/wait.h>
#endif
#include <unistd.h>

#include "core/heap/heap.h"
#include "core/heap/options.h"
#include "mheap/mheap.h"
#include "tests/support/books.h"
#include "tests/support/check_books.h"
#include "tests/support/objects.h"
#include "tests/support/test_main.h"
#include "tests/support/threads.h"

enum { FIRST = 16, SIZE = 100, NACTORS = 40 };

// What an actor makes, of which size, and whether it has a cache after it.
struct wish {
    struct mheap *heap; // NULL: the default one
    size_t size;
    size_t align;
    size_t n;
    void *objects[FIRST + 1];
    bool has_cache;
};

static void make(void *arg) {
    struct wish *wish = arg;
    struct mheap *heap = wish->heap != NULL ? wish->heap : mheap_default();
    size_t align = wish->align != 0 ? wish->align : 1;
    for (size_t i = 0; i < wish->n; i++) {
        void *p = align == 1 ? mheap_alloc_in(heap, wish->size)
                             : mheap_aligned_alloc_in(heap, align, wish->size);
        wish->objects[i] = p;
    }
    wish->has_cache = mh_tls_get() != &mh_cache_none;
}

static void drop(void *arg) {
    struct wish *wish = arg;
    for (size_t i = 0; i < wish->n; i++) {
        mheap_free(wish->objects[i]);
    }
}

static uint32_t owner_of(const void *p) {
    struct mh_span *span = mh_arena_span_at((uintptr_t)p);
    return (uint32_t)(span->owner_told >> 1);
}

static uint32_t side_of(const struct mheap *heap) {
    ck_assert_ptr_nonnull(heap->side);
    return heap->side->id;
}

// The first thread has its cache.
static void begin(void) {
    mheap_option_set(MHEAP_OPTION_BAD_FREE, MHEAP_ON_BAD_FREE_COUNT);
    mheap_free(mheap_malloc(1));
}

START_TEST(the_first_thread_of_all_has_a_cache_at_once) {
    ck_assert_ptr_eq(mh_tls_get(), &mh_cache_none);
    void *p = mheap_malloc(SIZE);
    ck_assert_uint_eq(owner_of(p), mh_tls_get()->id);
    ck_assert_ptr_null(mheap_default()->side);
}
END_TEST

START_TEST(other_threads_have_one_after_their_first_objects) {
    struct mh_actor actor = {.running = false};
    struct wish first = {.size = SIZE, .n = FIRST};
    struct wish next = {.size = SIZE, .n = 1};
    mh_actor_do(&actor, make, &first);
    ck_assert(!first.has_cache);
    for (size_t i = 0; i < FIRST; i++) {
        ck_assert_uint_eq(owner_of(first.objects[i]), side_of(mheap_default()));
    }
    mh_actor_do(&actor, make, &next);
    ck_assert(next.has_cache);
    ck_assert_uint_ne(owner_of(next.objects[0]), side_of(mheap_default()));
    mh_check_books(mheap_default());
    mh_actor_end(&actor);
}
END_TEST

START_TEST(the_option_says_how_many_they_are) {
    struct mh_actor at_once = {.running = false}, later = {.running = false};
    struct wish one = {.size = SIZE, .n = 1}, other = one;
    mheap_option_set(MHEAP_OPTION_FIRST_OBJECTS, 0);
    mh_actor_do(&at_once, make, &one);
    ck_assert(one.has_cache);
    mheap_option_set(MHEAP_OPTION_FIRST_OBJECTS, 1);
    mh_actor_do(&later, make, &other);
    ck_assert(!other.has_cache);
    mh_actor_do(&later, make, &other);
    ck_assert(other.has_cache);
    mh_actor_end(&at_once);
    mh_actor_end(&later);
}
END_TEST

START_TEST(threads_with_few_objects_share_spans) {
    static struct mh_actor actors[NACTORS];
    static struct wish wishes[NACTORS];
    uint64_t caches = mh_stats_now().caches;
    for (size_t i = 0; i < NACTORS; i++) {
        wishes[i] = (struct wish){.size = SIZE, .n = 1};
        mh_actor_do(&actors[i], make, &wishes[i]);
    }
    ck_assert_uint_eq(mh_stats_now().caches, caches + 1);
    ck_assert_uint_eq(mh_stats_now().spans,
                      2); // that, and the first thread's
    ck_assert_uint_eq(mh_stats_now().in_use_objects, NACTORS);
    mh_check_books(mheap_default());
    for (size_t i = 0; i < NACTORS; i++) {
        mh_actor_end(&actors[i]);
    }
}
END_TEST

// Two threads that write to their objects must not share a line.
START_TEST(every_object_has_its_cache_lines_to_itself) {
    static const size_t sizes[] = {0, 1, 16, 100, 129, 500, 1500, 9000, 32768};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct mh_actor actor = {.running = false};
        struct wish wish = {.size = sizes[i], .n = 2};
        mh_actor_do(&actor, make, &wish);
        for (size_t at = 0; at < 2; at++) {
            ck_assert_uint_eq((uintptr_t)wish.objects[at] % MH_CACHE_LINE, 0);
            ck_assert_uint_eq(mheap_usable_size(wish.objects[at]) % 64, 0);
            ck_assert_uint_ge(mheap_usable_size(wish.objects[at]), sizes[i]);
        }
        mh_actor_do(&actor, drop, &wish);
        mh_actor_end(&actor);
    }
}
END_TEST

// Each span that is begun is another page or two.
START_TEST(objects_of_all_sizes_begin_few_spans) {
    struct mh_actor actor = {.running = false};
    for (size_t size = 0; size <= 1024; size += 64) {
        struct wish wish = {.size = size, .n = 1};
        mh_actor_do(&actor, make, &wish);
        mh_actor_end(&actor);
    }
    ck_assert_uint_le(mh_stats_now().spans, 1 + 5);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(alignment_is_kept) {
    for (size_t align = 8; align <= 8192; align *= 2) {
        struct mh_actor actor = {.running = false};
        struct wish wish = {.size = 24, .align = align, .n = 3};
        mh_actor_do(&actor, make, &wish);
        for (size_t at = 0; at < 3; at++) {
            ck_assert_uint_eq((uintptr_t)wish.objects[at] % align, 0);
            mheap_free_aligned_sized(wish.objects[at], align, 24);
        }
        mh_actor_end(&actor);
    }
    ck_assert_uint_eq(mh_stats_now().bad_frees_total, 0);
}
END_TEST

START_TEST(the_size_they_were_asked_for_is_known_good) {
    for (size_t size = 0; size <= 3000; size += 7) {
        struct mh_actor actor = {.running = false};
        struct wish wish = {.size = size, .n = 1};
        mh_actor_do(&actor, make, &wish);
        mheap_free_sized(wish.objects[0], size);
        mh_actor_end(&actor);
    }
    ck_assert_uint_eq(mh_stats_now().bad_frees_total, 0);
    ck_assert_uint_eq(mh_stats_now().in_use_objects, 0);
}
END_TEST

START_TEST(a_wrong_size_is_caught) {
    struct mh_actor actor = {.running = false};
    struct wish wish = {.size = 1000, .n = 1};
    mh_actor_do(&actor, make, &wish);
    mheap_free_sized(wish.objects[0], 16);
    ck_assert_uint_eq(mh_stats_now().bad_frees_total, 1);
    mh_actor_end(&actor);
}
END_TEST

static void free_twice(void *arg) {
    struct wish *wish = arg;
    mheap_free(wish->objects[0]);
    mheap_free(wish->objects[0]);
}

START_TEST(a_double_free_is_caught_whoever_makes_it) {
    struct mh_actor actor = {.running = false};
    struct wish wish = {.size = SIZE, .n = 2};
    mh_actor_do(&actor, make, &wish);
    mh_actor_do(&actor, free_twice, &wish);
    ck_assert_uint_eq(mh_stats_now().bad_frees_total, 1);
    mheap_free(wish.objects[0]);
    ck_assert_uint_eq(mh_stats_now().bad_frees_total, 2);
    mheap_free(wish.objects[1]);
    ck_assert_uint_eq(mh_stats_now().bad_frees_total, 2);
    mh_actor_end(&actor);
}
END_TEST

START_TEST(what_threads_freed_serves_the_next_ones) {
    uint64_t spans = 0;
    for (unsigned i = 0; i < 400; i++) {
        struct mh_actor actor = {.running = false};
        struct wish wish = {.size = 9000, .n = FIRST};
        mh_actor_do(&actor, make, &wish);
        mh_actor_do(&actor, drop, &wish);
        mh_actor_end(&actor);
        spans = i == 10 ? mh_stats_now().spans : spans;
    }
    ck_assert_uint_le(mh_stats_now().spans, spans + 2);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(giving_back_leaves_nothing_in_the_side_cache) {
    struct mh_actor actor = {.running = false};
    struct wish wish = {.size = SIZE, .n = FIRST};
    mh_actor_do(&actor, make, &wish);
    mh_actor_do(&actor, drop, &wish);
    mh_actor_end(&actor);
    mheap_release();
    ck_assert_uint_eq(mh_stats_now().spans, 0);
    ck_assert_uint_eq(mh_stats_now().cached_bytes, 0);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(they_come_from_the_heap_that_was_asked) {
    struct mheap *heap = mheap_create("own");
    struct mh_actor actor = {.running = false};
    struct wish wish = {.heap = heap, .size = SIZE, .n = 3};
    mh_actor_do(&actor, make, &wish);
    ck_assert(!wish.has_cache);
    ck_assert_ptr_eq(mheap_heap_of(wish.objects[2]), heap);
    ck_assert_uint_eq(owner_of(wish.objects[2]), side_of(heap));
    mh_actor_do(&actor, drop, &wish);
    mheap_destroy(heap);
    ck_assert_uint_eq(mh_stats_now().in_use_objects, 0);
    mh_check_books(mheap_default());
    mh_actor_end(&actor);
}
END_TEST

#if MH_HAVE_FORK
static void fork_and_drop(void *arg) {
    int status = -1;
    struct wish *wish = arg;
    pid_t child = fork();
    if (child == 0) {
        struct wish next = {.size = SIZE, .n = FIRST + 1};
        mheap_free(wish->objects[0]);
        make(&next);
        drop(&next);
        _exit(next.has_cache && mh_books_wrong(mheap_default()) == NULL &&
                      mh_stats_now().bad_frees_total == 0
                  ? 0
                  : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

START_TEST(a_child_goes_on_with_them) {
    struct mh_actor actor = {.running = false};
    struct wish wish = {.size = SIZE, .n = 3};
    mh_actor_do(&actor, make, &wish);
    mh_actor_do(&actor, fork_and_drop, &wish);
    mh_actor_do(&actor, drop, &wish);
    mh_check_books(mheap_default());
    mh_actor_end(&actor);
}
END_TEST
#endif

int main(void) {
    Suite *suite = suite_create("first_objects");
    TCase *first = tcase_create("first");
    tcase_add_test(first, the_first_thread_of_all_has_a_cache_at_once);
    suite_add_tcase(suite, first);
    TCase *others = tcase_create("others");
    tcase_add_checked_fixture(others, begin, NULL);
    tcase_add_test(others, other_threads_have_one_after_their_first_objects);
    tcase_add_test(others, the_option_says_how_many_they_are);
    tcase_add_test(others, threads_with_few_objects_share_spans);
    tcase_add_test(others, every_object_has_its_cache_lines_to_itself);
    tcase_add_test(others, objects_of_all_sizes_begin_few_spans);
    tcase_add_test(others, alignment_is_kept);
    tcase_add_test(others, the_size_they_were_asked_for_is_known_good);
    tcase_add_test(others, a_wrong_size_is_caught);
    tcase_add_test(others, a_double_free_is_caught_whoever_makes_it);
    tcase_add_test(others, what_threads_freed_serves_the_next_ones);
    tcase_add_test(others, giving_back_leaves_nothing_in_the_side_cache);
    tcase_add_test(others, they_come_from_the_heap_that_was_asked);
#if MH_HAVE_FORK
    tcase_add_test(others, a_child_goes_on_with_them);
#else
    mh_leave_out(a_child_goes_on_with_them, "needs fork");
#endif
    suite_add_tcase(suite, others);
    return mh_test_main(suite);
}
