// huge_test.c - where a heap asks for huge pages, and when it ceases to.
//
// Over the simulated OS, for which what is Ready is in memory. One that has no
// huge pages to give is asked for none.

#include <check.h>
#include <string.h>

#include "core/heap/arena.h"
#include "core/heap/heap.h"
#include "core/heap/huge.h"
#include "core/sys/sys.h"
#include "mheap/mheap.h"
#include "platform/sim/sim.h"
#include "tests/support/check_books.h"
#include "tests/support/rounds.h"
#include "tests/support/test_main.h"

#define MIB       ((size_t)1 << 20)
#define HUGE_SIZE ((size_t)2 << 20)

enum { N = 48, FIRST_ASKS = 12 };

static unsigned char *objects[N]; // of a MiB, in address order
static bool has_huge;

static void set_huge_pages(uint64_t value) {
    ck_assert_int_eq(mheap_option_set(MHEAP_OPTION_HUGE_PAGES, value), 0);
}

static void begin(void) {
    set_huge_pages(1);
    start_the_clock();
    make_a_call();
    make_a_call();
    has_huge = mh_sys_facts()->huge_page_size != 0;
}

static uint32_t chunks_of(const void *p) {
    return mh_arena_of_known((uintptr_t)p)->huge;
}

static uint32_t first_of(uint32_t chunks) {
    return chunks & MH_HUGE_NUMBER;
}

static uint32_t end_of(uint32_t chunks) {
    return chunks >> MH_HUGE_END_SHIFT & MH_HUGE_NUMBER;
}

static bool asks(const void *p) {
    uint32_t chunks = chunks_of(p);
    uint32_t chunk =
        (uint32_t)(((uintptr_t)p & (MH_ARENA_SIZE - 1)) >> MH_CHUNK_SHIFT);
    return chunks < MH_HUGE_OVER && first_of(chunks) <= chunk &&
           chunk < end_of(chunks);
}

// The first object in another arena than the heap's first, which is full then.
// It begins where the arena does.
static unsigned char *begin_second_arena(void) {
    unsigned char *first = mheap_malloc(MIB), *p = first;
    while (mh_arena_of((uintptr_t)p) == mh_arena_of((uintptr_t)first)) {
        p = mheap_aligned_alloc(MIB, MIB);
        ck_assert_ptr_nonnull(p);
    }
    ck_assert_uint_eq((uintptr_t)p % MH_ARENA_SIZE, 0);
    return p;
}

// Objects side by side, all of them written, in an arena that is theirs.
static void fill(void) {
    objects[0] = begin_second_arena();
    for (size_t i = 1; i < N; i++) {
        objects[i] = mheap_malloc(MIB);
        ck_assert_ptr_nonnull(objects[i]);
    }
    for (size_t i = 0; i < N; i++) {
        memset(objects[i], 0x5c, MIB);
    }
    ck_assert_ptr_eq(objects[N - 1], objects[0] + (N - 1) * MIB);
    ck_assert(asks(objects[FIRST_ASKS]) == has_huge);
}

static void rounds(unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        let_a_period_pass();
    }
}

static uint64_t free_page_bytes(void) {
    struct mheap_stats stats;
    mheap_stats(NULL, &stats);
    return stats.free_page_bytes;
}

START_TEST(a_small_heap_does_not_ask) {
    for (size_t i = 0; i < 3; i++) {
        memset(mheap_malloc(MIB), 1, MIB);
    }
    ck_assert_uint_eq(chunks_of(mheap_malloc(MIB)), 0);
}
END_TEST

START_TEST(a_heap_of_32_mebibytes_begins_to_ask) {
    unsigned char *p = mheap_malloc(MIB);
    uintptr_t start = mh_align_down((uintptr_t)p, MH_ARENA_SIZE);
    while ((uintptr_t)p + 2 * MIB <= start + 32 * MIB) {
        p = mheap_malloc(MIB);
        ck_assert_ptr_nonnull(p);
    }
    ck_assert_uint_eq(chunks_of(p), 0);
    for (int i = 0; i < 8; i++) {
        p = mheap_malloc(MIB);
    }
    ck_assert(asks(p) == has_huge);
    ck_assert_uint_eq(first_of(chunks_of(p)), has_huge ? 8 : 0);
}
END_TEST

START_TEST(a_dense_heap_asks_for_all_of_an_arena) {
    fill();
    for (size_t i = 0; i < N; i++) {
        ck_assert(asks(objects[i]) == has_huge);
    }
    ck_assert_uint_eq(first_of(chunks_of(objects[0])), 0);
    mh_check_books(mheap_default());
}
END_TEST

// An object in another arena, behind its first chunks, with all before full.
static unsigned char *reach_next_arena(void) {
    unsigned char *p = objects[N - 1];
    while (mh_arena_of((uintptr_t)p) == mh_arena_of((uintptr_t)objects[0]) ||
           (uintptr_t)p % MH_ARENA_SIZE < 2 * MH_CHUNK_SIZE) {
        p = mheap_malloc(MIB);
        ck_assert_ptr_nonnull(p);
    }
    return p;
}

// The next arena's first chunk, of which nothing is in memory any more: MiB
// objects fill what is there before, and larger ones would reach beyond.
static uintptr_t begin_next_arena_with_a_hole(void) {
    uintptr_t arena = mh_align_down((uintptr_t)objects[0], MH_ARENA_SIZE);
    unsigned char *p = objects[N - 1];
    while ((uintptr_t)p + MIB < arena + MH_ARENA_SIZE) {
        p = mheap_malloc(MIB);
        ck_assert_ptr_nonnull(p);
    }
    void *hole = mheap_malloc(3 * MIB);
    ck_assert_uint_eq((uintptr_t)hole, arena + MH_ARENA_SIZE);
    mheap_free(hole);
    mheap_release();
    return arena + MH_ARENA_SIZE;
}

START_TEST(an_arena_is_judged_by_its_own_first_chunk) {
    fill();
    uintptr_t arena = begin_next_arena_with_a_hole();
    ck_assert(asks(objects[FIRST_ASKS]) == has_huge);
    ck_assert_ptr_eq(mheap_malloc(5 * MIB), (void *)arena);
    ck_assert_uint_eq(chunks_of((void *)arena), 0);
}
END_TEST

// Once it is dense what comes asks, and what came before does not.
START_TEST(an_arena_may_become_dense) {
    fill();
    uintptr_t arena = begin_next_arena_with_a_hole();
    unsigned char *p = mheap_malloc(9 * MIB); // from there on
    ck_assert_uint_eq((uintptr_t)p, arena);
    ck_assert_uint_eq(chunks_of(p), 0);
    p = mheap_malloc(9 * MIB);
    ck_assert(!asks((void *)(arena + MH_CHUNK_SIZE)));
    ck_assert(asks(p + 8 * MIB) == has_huge);
}
END_TEST

START_TEST(what_begins_an_arena_is_judged_by_the_one_before) {
    fill();
    const struct mh_room *room = &mh_heap_default()->room;
    while (room->next != room->end) {
        ck_assert_ptr_nonnull(mheap_malloc(MIB));
    }
    uintptr_t base = room->end;
    unsigned char *p = mheap_malloc(16 * MIB);
    ck_assert_ptr_nonnull(p);
    ck_assert_uint_lt(base - (uintptr_t)p, 4 * MIB); // goes on from there
    ck_assert(!asks((void *)base));
    ck_assert(asks((void *)(base + MH_CHUNK_SIZE)) == has_huge);
    ck_assert_ptr_nonnull(mheap_malloc(4 * MIB)); // dense, as was seen
    ck_assert(asks((void *)base) == has_huge);
}
END_TEST

static void *grow_by_objects_of_two_mebibytes(void) {
    void *p = NULL;
    for (int i = 0; i < 8; i++) {
        p = mheap_malloc(2 * MIB);
        ck_assert_ptr_nonnull(p);
    }
    return p;
}

// Half of what it has is in memory, and in holes too small for more.
START_TEST(a_heap_that_is_not_dense_does_not_ask) {
    bool released = _i == 1;
    void *p[40];
    set_huge_pages(0);
    for (int i = 0; i < 40; i++) {
        p[i] = mheap_malloc(MIB);
    }
    for (int i = 0; i < 40; i += 2) {
        mheap_free(p[i]);
    }
    if (released) {
        mheap_release();
    }
    set_huge_pages(1);
    ck_assert(asks(grow_by_objects_of_two_mebibytes()) ==
              (has_huge && !released));
}
END_TEST

START_TEST(an_arena_asks_for_one_stretch_of_chunks) {
    fill();
    uint32_t before = chunks_of(objects[0]);
    uintptr_t arena = mh_align_down((uintptr_t)objects[0], MH_ARENA_SIZE);
    uintptr_t end = arena + end_of(before) * MH_CHUNK_SIZE;
    mh_huge_note_mapped_locked(mheap_default(), end + MH_CHUNK_SIZE,
                               MH_CHUNK_SIZE);
    ck_assert_uint_eq(chunks_of(objects[0]), before);
    mh_huge_note_mapped_locked(mheap_default(), end, MH_CHUNK_SIZE);
    ck_assert_int_eq(chunks_of(objects[0]) != before, has_huge);
}
END_TEST

// Where addresses are short, heaps share arenas.
START_TEST(who_has_not_the_beginning_of_an_arena_does_not_ask) {
    fill();
    struct mheap *other = mheap_create("other");
    for (int i = 0; i < 40; i++) {
        ck_assert_ptr_nonnull(mheap_alloc_in(other, MIB));
    }
    uint32_t before = chunks_of(objects[0]);
    uintptr_t chunk = mh_align_down((uintptr_t)objects[0], MH_ARENA_SIZE) +
                      end_of(before) * MH_CHUNK_SIZE;
    mh_huge_note_mapped_locked(other, chunk, MH_CHUNK_SIZE);
    ck_assert_uint_eq(chunks_of(objects[0]), before);
    mh_huge_note_mapped_locked(mheap_default(), chunk, MH_CHUNK_SIZE);
    ck_assert_int_eq(chunks_of(objects[0]) != before, has_huge);
}
END_TEST

static void check_that_nobody_asks_for(const unsigned char *p, size_t size) {
    ck_assert_ptr_nonnull(p);
    for (size_t at = 0; at < size; at += MIB) {
        ck_assert(!asks(p + at));
    }
}

START_TEST(for_an_object_as_large_as_the_heap_nobody_asks) {
    for (int i = 0; i < 40; i++) {
        ck_assert_ptr_nonnull(mheap_malloc(MIB));
    }
    check_that_nobody_asks_for(mheap_malloc(44 * MIB), 44 * MIB);
}
END_TEST

START_TEST(for_an_object_larger_than_an_arena_nobody_asks) {
    fill();
    check_that_nobody_asks_for(mheap_malloc(70 * MIB), 70 * MIB);
}
END_TEST

// Where it is moved to is moved out of soon.
START_TEST(for_an_object_that_grows_nobody_asks) {
    fill();
    unsigned char *p = mheap_malloc(2 * MIB);
    uint32_t before = chunks_of(objects[0]);
    for (size_t mib = 3; mib < 40; mib++) {
        p = mheap_realloc(p, mib * MIB);
        ck_assert_ptr_nonnull(p);
        memset(p, 1, mib * MIB);
    }
    ck_assert_uint_eq(chunks_of(objects[0]), before);
    unsigned char *last = p + 39 * MIB - 1;
    ck_assert(mh_arena_of((uintptr_t)last) !=
              mh_arena_of((uintptr_t)objects[0]));
    ck_assert_uint_eq(chunks_of(last), 0);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(without_a_scavenger_nobody_asks) {
    ck_assert_int_eq(
        mheap_option_set(MHEAP_OPTION_SCAVENGER, MHEAP_SCAVENGER_OFF), 0);
    has_huge = false;
    fill();
    ck_assert_uint_eq(chunks_of(objects[0]), 0);
}
END_TEST

START_TEST(the_option_says_no) {
    set_huge_pages(0);
    has_huge = false;
    fill();
    ck_assert_uint_eq(chunks_of(objects[0]), 0);
}
END_TEST

START_TEST(with_a_limit_nobody_asks) {
    enum mheap_option limit =
        _i == 0 ? MHEAP_OPTION_SOFT_LIMIT : MHEAP_OPTION_HARD_LIMIT;
    ck_assert_int_eq(mheap_option_set(limit, UINT64_C(1) << 40), 0);
    has_huge = false;
    fill();
    ck_assert_uint_eq(end_of(chunks_of(objects[0])), 0);
    ck_assert_uint_eq(chunks_of(reach_next_arena()), 0); // a new one
}
END_TEST

static const struct {
    enum mheap_option option;
    uint64_t ends, before;
} enders[] = {
    {MHEAP_OPTION_SOFT_LIMIT, UINT64_C(1) << 40, 0},
    {MHEAP_OPTION_HARD_LIMIT, UINT64_C(1) << 40, 0},
    {MHEAP_OPTION_SCAVENGER, MHEAP_SCAVENGER_OFF, MHEAP_SCAVENGER_CALLS},
    {MHEAP_OPTION_HUGE_PAGES, 0, 1},
};

START_TEST(what_forbids_it_later_ends_it) {
    fill();
    enum mheap_option option = enders[_i].option;
    ck_assert_int_eq(mheap_option_set(option, enders[_i].ends), 0);
    ck_assert(!asks(objects[FIRST_ASKS]));
    ck_assert_int_eq(mheap_option_set(option, enders[_i].before), 0);
    ck_assert(!asks(objects[FIRST_ASKS])); // for ever
}
END_TEST

START_TEST(giving_back_part_of_a_huge_page_ends_it) {
    fill();
    mheap_free(objects[FIRST_ASKS]);
    ck_assert(asks(objects[FIRST_ASKS]) == has_huge);
    mheap_release();
    ck_assert(!asks(objects[FIRST_ASKS]));
    ck_assert_uint_eq(free_page_bytes(), 0);
    mh_check_books(mheap_default());
}
END_TEST

// A round comes with a call that takes the lowest free MiB for itself.
START_TEST(a_small_idle_part_of_a_dense_arena_is_kept) {
    fill();
    mheap_free(objects[FIRST_ASKS]);
    mheap_free(objects[FIRST_ASKS + 4]);
    rounds(4);
    ck_assert(asks(objects[FIRST_ASKS]) == has_huge);
    ck_assert_uint_eq(free_page_bytes() >= 2 * MIB, has_huge);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(whole_huge_pages_go_home_and_the_arena_goes_on_asking) {
    fill();
    size_t last = FIRST_ASKS + 6;
    last += (uintptr_t)objects[last] % HUGE_SIZE == 0; // within a huge page
    for (size_t i = FIRST_ASKS; i < last; i++) {
        mheap_free(objects[i]);
    }
    mheap_free(objects[N - 3]); // less than one, which is looked at first
    uintptr_t end = (uintptr_t)objects[last];
    uintptr_t huge = mh_align_down(end, HUGE_SIZE) - HUGE_SIZE;
    ck_assert_uint_eq(mh_sim_state_of((void *)huge), MH_READY);
    rounds(4);
    ck_assert(asks(objects[FIRST_ASKS]) == has_huge);
    ck_assert_uint_eq(mh_sim_state_of((void *)huge), MH_PREPARED);
    if (has_huge) { // what is left of the one above
        ck_assert_uint_eq(mh_sim_state_of((void *)(end - 1)), MH_READY);
        ck_assert_uint_eq(mh_sim_state_of(objects[N - 3]), MH_READY);
    }
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(an_arena_that_is_sparse_is_given_back_piece_by_piece) {
    fill();
    for (size_t i = FIRST_ASKS; i < N; i += 3) {
        mheap_free(objects[i]);
    }
    rounds(6);
    ck_assert(!asks(objects[FIRST_ASKS]));
    ck_assert_uint_le(free_page_bytes(), MIB);
    mh_check_books(mheap_default());
}
END_TEST

// What came with huge pages and was never taken is given back, once.
START_TEST(an_arena_that_ceased_to_ask_is_settled) {
    fill();
    ck_assert_ptr_nonnull(mheap_malloc(MIB / 8)); // begins a huge page
    uint64_t before = mh_sys_account(MH_NPURPOSES).calls;
    ck_assert_int_eq(mheap_option_set(MHEAP_OPTION_HARD_LIMIT, 1ull << 40), 0);
    uint64_t after = mh_sys_account(MH_NPURPOSES).calls;
    ck_assert_int_eq(after > before, has_huge);
    mh_huge_settle(mh_heap_default());
    ck_assert_uint_eq(mh_sys_account(MH_NPURPOSES).calls, after);
    mh_check_books(mheap_default());
}
END_TEST

// Each brings a huge page, and the books know of 40 KiB. What lies idle is too
// little: a MiB, that of the call that comes with a round.
START_TEST(an_arena_of_which_little_is_taken_ceases_to_ask) {
    fill();
    for (size_t i = FIRST_ASKS; i < N - 20; i++) {
        mheap_free(objects[i]);
    }
    rounds(8);
    ck_assert(asks(objects[FIRST_ASKS]) == has_huge);
    unsigned char *last = NULL;
    for (int i = 0; i < 6; i++) {
        last = mheap_aligned_alloc(HUGE_SIZE, 40 << 10);
        ck_assert_ptr_nonnull(last);
    }
    ck_assert_ptr_eq(mh_arena_of((uintptr_t)last),
                     mh_arena_of((uintptr_t)objects[0]));
    ck_assert(asks(last) == has_huge);
    rounds(1);
    ck_assert(!asks(last));
    mh_check_books(mheap_default());
}
END_TEST

// How many calls it takes, of which each gets to one arena.
static int calls_to_settle(void) {
    bool more = true;
    int calls = 0;
    for (; more && calls < 20; calls++) {
        struct mh_pacer pacer = {.now_ns = 0, .left_ns = 1};
        (void)mh_huge_settle_some(mh_heap_default(), &pacer, &more);
    }
    ck_assert(!more);
    return calls;
}

// The first is dense, and asks on; the one behind it is not.
START_TEST(a_round_without_much_time_gets_to_all_arenas_in_turn) {
    void *sparse[16];
    fill();
    unsigned char *last = reach_next_arena();
    for (int i = 0; i < 16; i++) {
        sparse[i] = mheap_malloc(MIB);
    }
    for (int i = 0; i < 16; i += 2) {
        mheap_free(sparse[i]);
    }
    ck_assert(asks(last) == has_huge);
    ck_assert_int_eq(calls_to_settle() > 1, has_huge); // one arena each
    ck_assert(!asks(last));
    ck_assert(asks(objects[FIRST_ASKS]) == has_huge);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(what_comes_behind_the_back_of_a_round_is_looked_at) {
    fill();
    (void)reach_next_arena();
    (void)calls_to_settle();
    int calls = calls_to_settle();
    bool more = true;
    struct mh_pacer pacer = {.now_ns = 0, .left_ns = 1};
    (void)mh_huge_settle_some(mh_heap_default(), &pacer, &more);
    ck_assert_int_eq(more, has_huge);
    mh_huge_note_used((uintptr_t)objects[0]);
    int again = calls_to_settle();
    ck_assert_int_eq(again, has_huge ? 2 * calls - 1 : calls);
}
END_TEST

START_TEST(a_round_without_time_does_not_ask_for_another) {
    fill();
    bool more = true;
    struct mh_pacer pacer = {.now_ns = 0, .left_ns = 0};
    (void)mh_huge_settle_some(mh_heap_default(), &pacer, &more);
    ck_assert(!more);
}
END_TEST

START_TEST(an_arena_that_went_home_as_a_whole_ceases_to_ask) {
    void *low = mheap_malloc(4 * MIB);
    fill();
    mheap_free(low); // for the calls that come with rounds
    for (size_t i = 0; i < N; i++) {
        mheap_free(objects[i]);
    }
    rounds(12);
    ck_assert(!asks(objects[FIRST_ASKS]));
    mh_check_books(mheap_default());
}
END_TEST

static bool is_settled(const void *p) {
    return (chunks_of(p) & MH_HUGE_SETTLED) != 0;
}

START_TEST(what_is_released_by_hand_is_settled_arena_by_arena) {
    fill();
    unsigned char *p = reach_next_arena();
    mheap_free(objects[FIRST_ASKS]);
    mheap_release();
    ck_assert_int_eq(is_settled(objects[0]), has_huge);
    ck_assert(!is_settled(p));
    mheap_free(p);
    mheap_release();
    ck_assert_int_eq(is_settled(p), has_huge);
}
END_TEST

START_TEST(settling_survives_a_system_that_refuses) {
    fill();
    ck_assert_ptr_nonnull(mheap_malloc(MIB / 8)); // begins a huge page
    mheap_free(objects[FIRST_ASKS]);
    if (_i == 0) {
        mh_sim_fail_kind(MH_OP_unused, true);
    } else {
        mh_sim_fail_kind(MH_OP_used, true);
    }
    mheap_release();
    mh_sim_fail_nothing();
    mh_check_books(mheap_default());
    objects[FIRST_ASKS] = mheap_malloc(MIB);
    ck_assert_ptr_nonnull(objects[FIRST_ASKS]);
    memset(objects[FIRST_ASKS], 1, MIB);
    mh_check_books(mheap_default());
}
END_TEST

int main(void) {
    Suite *suite = suite_create("huge");
    TCase *ask = tcase_create("ask");
    tcase_add_checked_fixture(ask, begin, NULL);
    tcase_add_test(ask, a_small_heap_does_not_ask);
    tcase_add_test(ask, a_heap_of_32_mebibytes_begins_to_ask);
    tcase_add_test(ask, a_dense_heap_asks_for_all_of_an_arena);
    tcase_add_test(ask, an_arena_is_judged_by_its_own_first_chunk);
    tcase_add_test(ask, an_arena_may_become_dense);
    tcase_add_test(ask, what_begins_an_arena_is_judged_by_the_one_before);
    tcase_add_loop_test(ask, a_heap_that_is_not_dense_does_not_ask, 0, 2);
    tcase_add_test(ask, an_arena_asks_for_one_stretch_of_chunks);
    tcase_add_test(ask, who_has_not_the_beginning_of_an_arena_does_not_ask);
    tcase_add_test(ask, for_an_object_as_large_as_the_heap_nobody_asks);
    tcase_add_test(ask, for_an_object_larger_than_an_arena_nobody_asks);
    tcase_add_test(ask, for_an_object_that_grows_nobody_asks);
    tcase_add_test(ask, without_a_scavenger_nobody_asks);
    tcase_add_test(ask, the_option_says_no);
    tcase_add_loop_test(ask, with_a_limit_nobody_asks, 0, 2);
    suite_add_tcase(suite, ask);
    TCase *cease = tcase_create("cease");
    tcase_add_checked_fixture(cease, begin, NULL);
    tcase_add_loop_test(cease, what_forbids_it_later_ends_it, 0, 4);
    tcase_add_test(cease, giving_back_part_of_a_huge_page_ends_it);
    tcase_add_test(cease, a_small_idle_part_of_a_dense_arena_is_kept);
    tcase_add_test(cease,
                   whole_huge_pages_go_home_and_the_arena_goes_on_asking);
    tcase_add_test(cease, an_arena_that_is_sparse_is_given_back_piece_by_piece);
    tcase_add_test(cease, an_arena_that_ceased_to_ask_is_settled);
    tcase_add_test(cease, an_arena_of_which_little_is_taken_ceases_to_ask);
    tcase_add_test(cease, a_round_without_much_time_gets_to_all_arenas_in_turn);
    tcase_add_test(cease, what_comes_behind_the_back_of_a_round_is_looked_at);
    tcase_add_test(cease, a_round_without_time_does_not_ask_for_another);
    tcase_add_test(cease, an_arena_that_went_home_as_a_whole_ceases_to_ask);
    tcase_add_test(cease, what_is_released_by_hand_is_settled_arena_by_arena);
    tcase_add_loop_test(cease, settling_survives_a_system_that_refuses, 0, 2);
    suite_add_tcase(suite, cease);
    return mh_test_main(suite);
}
