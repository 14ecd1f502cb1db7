// hostile_test.c - targets that lie: findings, never a crash or a hang.

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/view.h"
#include "mheap/inspect.h"
#include "tests/inspect/fake_heap.h"
#include "tests/inspect/hostile_patch.h"
#include "tests/inspect/view_oracle.h"

static struct fake_heap heap;
static struct mh_view *view;

static void set_up(void) {
    fake_heap_make(&heap, false, 8);
    view = NULL;
}

static void tear_down(void) {
    mh_view_close(view);
    fake_heap_free(&heap);
}

// Reads the heap; the view must be possible and have a finding of this code.
static void expect(const char *code) {
    struct mh_view_options options = {.root = FAKE_ROOT, .residency = true};
    bool found = false;

    ck_assert_int_eq(mh_view_open(&heap.target, &options, &view), MH_VIEW_OK);
    const char *fault = view_oracle_fault(view);
    ck_assert_msg(fault == NULL, "%s", fault);
    for (size_t i = 0; i < view->nfindings; i++) {
        found = found || strcmp(view->findings[i].code, code) == 0;
    }
    ck_assert_msg(found, "no %s, but %s", code,
                  view->nfindings == 0 ? "nothing" : view->findings[0].code);
}

static void put_arena(const char *field, size_t i, uint64_t value) {
    fake_heap_put(&heap, fake_heap_arena(&heap), field, i, value);
}

static void put_span(size_t record, const char *field, uint64_t value) {
    fake_heap_put(&heap, fake_heap_span(&heap, record), field, 0, value);
}

START_TEST(an_arena_record_out_of_nowhere_is_a_finding) {
    fake_heap_put(&heap, fake_heap_list(&heap, "arenas"), "arenas.count", 0, 3);
    expect("MH0101");
    ck_assert_uint_eq(view->narenas, 1);
    ck_assert_uint_eq(view->nspans, 4);
}
END_TEST

START_TEST(shared_memory_is_no_place_for_metadata) {
    heap.target.maps[_i].map.shared = true;
    expect("MH0101");
    ck_assert_uint_eq(view->narenas, 0);
}
END_TEST

START_TEST(more_arenas_than_there_can_be_are_counted_not_read) {
    fake_heap_put(&heap, fake_heap_list(&heap, "arenas"), "arenas.count", 0,
                  UINT64_MAX);
    expect("MH0401");
    ck_assert(view->partial);
}
END_TEST

START_TEST(an_arena_that_wraps_is_a_finding) {
    put_arena("arena.base", 0, UINT64_MAX - 0xfffff);
    expect("MH0102");
}
END_TEST

START_TEST(more_span_records_than_an_arena_has_are_a_finding) {
    put_arena("arena.spans_made", 0, UINT32_MAX);
    expect("MH0102");
}
END_TEST

static const struct {
    const char *field;
    uint64_t value;
    const char *code;
} words[] = {
    {"arena.record_bytes", 0, "MH0102"},
    {"arena.record_bytes", UINT64_MAX, "MH0102"},
    {"arena.page_words", 0, "MH0101"},
    {"arena.page_words", UINT64_MAX - 7, "MH0101"},
    {"arena.page_words", FAKE_WINDOW + 4, "MH0101"},
    {"arena.pairs", 8, "MH0101"},
    {"arena.pairs", FAKE_WINDOW + 0x8000, "MH0101"}, // reach out of it
};

START_TEST(an_arena_whose_words_cannot_be_there_is_a_finding) {
    put_arena(words[_i].field, 0, words[_i].value);
    expect(words[_i].code);
    ck_assert_uint_eq(view->narenas, 0);
}
END_TEST

START_TEST(two_arenas_that_share_their_words_are_a_finding) {
    // A second record, over other addresses, with the words of the first.
    uint64_t first = fake_heap_arena(&heap), second = first + 0x2000;
    memcpy(fake_target_at(&heap.target, second),
           fake_target_at(&heap.target, first), 0x1000);
    fake_heap_put(&heap, second, "arena.base", 0, FAKE_HEAP + FAKE_BYTES);
    fake_heap_put(&heap, fake_heap_list(&heap, "arenas"), "arenas.count", 0, 2);
    fake_heap_put_pointer(&heap, FAKE_META + 0x8000, 1, second);
    expect("MH0103");
    ck_assert_uint_eq(view->narenas, 1);
}
END_TEST

static const struct {
    const char *field;
    uint64_t value;
} windows[] = {
    {"window.bytes", UINT64_MAX},
    {"window.bytes", 0x1000},
    {"window.base", FAKE_WINDOW - 0x1000},
    {"window.base", UINT64_MAX - 0xfff},
};

START_TEST(a_window_that_cannot_be_is_a_finding) {
    fake_heap_put(&heap, fake_heap_list(&heap, "window"), windows[_i].field, 0,
                  windows[_i].value);
    expect("MH0309");
    ck_assert_uint_eq(view->nspans, 4);
}
END_TEST

START_TEST(a_window_that_is_ready_beyond_its_end_is_a_finding) {
    fake_heap_put(&heap, fake_heap_list(&heap, "window.pairs"),
                  "window_array.ready", 0, 0x8001);
    expect("MH0309");
}
END_TEST

static const struct {
    const char *field;
    uint64_t value;
    const char *code;
} spans[] = {
    {"span.base", 0, "MH0104"},
    {"span.base", UINT64_MAX, "MH0104"},
    {"span.base", FAKE_HEAP + 100, "MH0104"},
    {"span.npages", 0, "MH0104"},
    {"span.npages", UINT32_MAX, "MH0104"},
    {"span.nslots", 0, "MH0105"},
    {"span.nslots", 65535, "MH0105"},
    {"span.slot_size", UINT32_MAX, "MH0105"},
    {"span.slot_size", 48, "MH0106"},
    {"span.size_class", 2, "MH0106"},
    {"span.size_class", 200, "MH0106"},
    {"span.nslots", 100, "MH0106"},
    {"span.npages", 2, "MH0109"},
    {"span.heap", 77, "MH0113"},
};

START_TEST(a_span_record_that_lies_is_a_finding) {
    put_span(0, spans[_i].field, spans[_i].value);
    expect(spans[_i].code);
    bool kept = strcmp(spans[_i].code, "MH0113") == 0;
    ck_assert_uint_eq(view->nspans, kept ? 4 : 3);
    ck_assert_uint_eq(view->unstable, 0);
}
END_TEST

START_TEST(a_free_bit_behind_the_last_slot_is_a_finding) {
    fake_heap_put(&heap, fake_heap_span(&heap, 0), "span.free", 4, 1);
    expect("MH0107");
}
END_TEST

START_TEST(a_live_bit_inside_a_slot_is_a_finding) {
    uint64_t pair = fake_heap_pair(&heap, FAKE_HEAP);
    fake_heap_put(&heap, pair, "pair.live", 0,
                  fake_heap_get(&heap, pair, "pair.live", 0) | 2);
    expect("MH0108");
}
END_TEST

START_TEST(a_large_object_that_begins_too_late_is_a_finding) {
    put_span(2, "span.start", 512); // a page of 8 KiB
    expect("MH0105");
    put_span(2, "span.start", 511); // its end lies behind the last page
    expect("MH0105");
    put_span(2, "span.start", 0);
    put_span(0, "span.start", 1); // of a span of slots
    expect("MH0106");
}
END_TEST

START_TEST(pages_that_name_another_span_are_a_finding) {
    put_arena("arena.span_index", 2, 0);
    expect("MH0109");
    ck_assert_uint_eq(view->nspans, 3);
}
END_TEST

START_TEST(spans_that_share_pages_are_a_finding) {
    // The large object reaches over the manual span behind it.
    put_span(2, "span.npages", 6);
    expect("MH0111");
}
END_TEST

START_TEST(a_span_on_pages_of_no_heap_is_a_finding) {
    put_span(2, "span.npages", 1 << 20);
    put_span(4, "span.state", 0);
    expect("MH0112");
}
END_TEST

START_TEST(a_cache_that_is_another_is_a_finding) {
    fake_heap_put(&heap, fake_heap_cache(&heap, 1), "cache.id", 0, 9);
    expect("MH0201");
}
END_TEST

START_TEST(a_bin_that_ends_outside_itself_is_a_finding) {
    uint64_t cache = fake_heap_cache(&heap, 1);
    uint64_t bottom = fake_heap_get(&heap, cache, "cache.bottoms", 1);
    fake_heap_put(&heap, cache, "cache.bottoms", 1, bottom - 0x1000);
    expect("MH0202");
    ck_assert_uint_eq(view->caches[0].bins[1].fill, 0);
    fake_heap_put(&heap, cache, "cache.bottoms", 1, bottom + 0x1000);
    expect("MH0202");
}
END_TEST

static const char *const by_class[] = {"cache.bins", "cache.bottoms",
                                       "cache.counts"};

START_TEST(an_array_shorter_than_there_are_classes_is_refused) {
    enum { COUNT = MHEAP_INSPECT_NAME_SIZE + 8 }; // in a row
    struct mh_view_options options = {.root = FAKE_ROOT};
    uint64_t row = fake_heap_row(&heap, by_class[_i]);
    fake_heap_root_put(&heap, (size_t)(row - FAKE_ROOT) + COUNT, 4, 1);
    ck_assert_int_eq(mh_view_open(&heap.target, &options, &view),
                     MH_VIEW_CORRUPT);
}
END_TEST

START_TEST(pages_of_a_cache_that_cannot_be_are_a_finding) {
    uint64_t cache = fake_heap_cache(&heap, 1);
    uint64_t run = fake_heap_get(&heap, cache, "cache.runs", 0);
    fake_heap_put(&heap, cache, "cache.runs", 0, run + 64);
    expect("MH0203");
    ck_assert_uint_eq(view->caches[0].runs[0], 0);
    // Over pages of others, and beyond all addresses: nothing is made of that.
    fake_heap_put(&heap, cache, "cache.runs", 1, FAKE_HEAP + 64);
    fake_heap_put(&heap, cache, "cache.runs", 2, UINT64_MAX - 8191 + 9);
    expect("MH0203");
}
END_TEST

START_TEST(room_that_is_not_reserved_is_a_finding) {
    heap.target.maps[1].map.end -= 0x10000;
    expect("MH0302");
}
END_TEST

START_TEST(chunks_between_chunks_are_a_finding) {
    fake_heap_put(&heap, fake_heap_list(&heap, "chunks"), "palloc_chunk.base",
                  0, FAKE_HEAP + 0x2000);
    expect("MH0304");
}
END_TEST

START_TEST(a_block_of_endless_chunks_is_a_finding) {
    // The blocks stand behind nblocks and its three bytes of padding.
    uint64_t block = fake_heap_list(&heap, "blocks") + 8 + 3;
    fake_heap_put(&heap, block, "palloc_block.nchunks", 0, UINT64_MAX / 2);
    expect("MH0303");
    ck_assert_uint_eq(view->nspans, 0);
}
END_TEST

START_TEST(memory_is_bounded_and_running_out_of_it_is_a_finding) {
    struct mh_view_options options = {.root = FAKE_ROOT,
                                      .max_bytes = 256 << 10};
    size_t too_small = 0;

    for (size_t limit = 0; limit < options.max_bytes; limit += 997) {
        struct mh_view_options small = {.root = FAKE_ROOT,
                                        .max_bytes = limit + 1};
        struct mh_view *part;
        ck_assert_int_eq(mh_view_open(&heap.target, &small, &part), MH_VIEW_OK);
        const char *fault = view_oracle_fault(part);
        ck_assert_msg(fault == NULL, "%s", fault);
        if (part->nspans != 4) {
            ck_assert(part->partial);
            too_small++;
        }
        mh_view_close(part);
    }
    ck_assert_uint_gt(too_small, 10);
    ck_assert_int_eq(mh_view_open(&heap.target, &options, &view), MH_VIEW_OK);
    ck_assert_uint_eq(view->nspans, 4);
}
END_TEST

static uint64_t state = 88172645463325252u;

static uint8_t random_byte(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint8_t)(state >> 24);
}

// Zeros, ones and the largest numbers hurt more often than others.
static uint8_t nasty_byte(void) {
    static const uint8_t nasty[] = {0, 1, 0x7f, 0x80, 0xff};
    uint8_t byte = random_byte();

    return byte < 128 ? nasty[byte % sizeof(nasty)] : random_byte();
}

START_TEST(random_changes_give_findings_or_nothing_but_no_nonsense) {
    size_t with_findings = 0, refused = 0;

    state += (uint64_t)_i * 7919;
    for (int round = 0; round < 1500; round++) {
        uint8_t data[1 + 4 * 24];
        size_t n = 1 + 4 * (1 + (size_t)random_byte() % 24);
        for (size_t i = 0; i < n; i++) {
            data[i] = i % 4 == 0 ? nasty_byte() : random_byte();
        }
        data[0] = random_byte();
        size_t findings = hostile_patch(data, n);
        refused += findings == SIZE_MAX;
        with_findings += findings != SIZE_MAX && findings != 0;
    }
    // The changes do hit something.
    ck_assert_uint_gt(with_findings, 100);
    ck_assert_uint_gt(refused, 10);
}
END_TEST

static Suite *hostile_suite(void) {
    Suite *suite = suite_create("inspect.hostile");
    TCase *lies = tcase_create("lies");
    TCase *random = tcase_create("random");

    tcase_set_timeout(random, 60);

    tcase_add_checked_fixture(lies, set_up, tear_down);
    tcase_add_test(lies, an_arena_record_out_of_nowhere_is_a_finding);
    tcase_add_loop_test(lies, shared_memory_is_no_place_for_metadata, 2, 4);
    tcase_add_test(lies, more_arenas_than_there_can_be_are_counted_not_read);
    tcase_add_test(lies, an_arena_that_wraps_is_a_finding);
    tcase_add_loop_test(lies, an_arena_whose_words_cannot_be_there_is_a_finding,
                        0, sizeof(words) / sizeof(words[0]));
    tcase_add_test(lies, two_arenas_that_share_their_words_are_a_finding);
    tcase_add_loop_test(lies, a_window_that_cannot_be_is_a_finding, 0,
                        sizeof(windows) / sizeof(windows[0]));
    tcase_add_test(lies, a_window_that_is_ready_beyond_its_end_is_a_finding);
    tcase_add_test(lies, more_span_records_than_an_arena_has_are_a_finding);
    tcase_add_loop_test(lies, a_span_record_that_lies_is_a_finding, 0,
                        sizeof(spans) / sizeof(spans[0]));
    tcase_add_test(lies, a_free_bit_behind_the_last_slot_is_a_finding);
    tcase_add_test(lies, a_live_bit_inside_a_slot_is_a_finding);
    tcase_add_test(lies, a_large_object_that_begins_too_late_is_a_finding);
    tcase_add_test(lies, pages_that_name_another_span_are_a_finding);
    tcase_add_test(lies, spans_that_share_pages_are_a_finding);
    tcase_add_test(lies, a_span_on_pages_of_no_heap_is_a_finding);
    tcase_add_test(lies, a_cache_that_is_another_is_a_finding);
    tcase_add_test(lies, a_bin_that_ends_outside_itself_is_a_finding);
    tcase_add_loop_test(lies,
                        an_array_shorter_than_there_are_classes_is_refused, 0,
                        sizeof(by_class) / sizeof(by_class[0]));
    tcase_add_test(lies, pages_of_a_cache_that_cannot_be_are_a_finding);
    tcase_add_test(lies, room_that_is_not_reserved_is_a_finding);
    tcase_add_test(lies, chunks_between_chunks_are_a_finding);
    tcase_add_test(lies, a_block_of_endless_chunks_is_a_finding);
    tcase_add_test(lies, memory_is_bounded_and_running_out_of_it_is_a_finding);
    suite_add_tcase(suite, lies);
    tcase_add_loop_test(
        random, random_changes_give_findings_or_nothing_but_no_nonsense, 0, 4);
    suite_add_tcase(suite, random);
    return suite;
}

int main(void) {
    SRunner *runner = srunner_create(hostile_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
