// bits.c - the searches in the bitmap of a chunk, for every bitmap there is.

#include "tests/proof/bitmap.h"

#include "core/page/palloc_bits.c"

// Any range of a chunk.
struct range {
    unsigned first, n;
};

static struct range any_range(void) {
    struct range range = {any_below(MH_CHUNK_PAGES), 0};
    range.n = any_within(1, MH_CHUNK_PAGES - range.first);
    return range;
}

static bool lies_in(struct range range, unsigned at) {
    return at >= range.first && at < range.first + range.n;
}

void set_and_clear_change_the_range_and_nothing_else(void) {
    uint64_t words[MH_CHUNK_WORDS], cleared[MH_CHUNK_WORDS];
    struct range range = any_range();
    unsigned at = any_below(MH_CHUNK_PAGES);
    any_bitmap(words);
    bool before = is_set(words, at);
    for (unsigned w = 0; w < MH_CHUNK_WORDS; w++) {
        cleared[w] = words[w];
    }
    mh_palloc_bits_set(words, range.first, range.n);
    mh_palloc_bits_clear(cleared, range.first, range.n);
    HOLDS(is_set(words, at) == (lies_in(range, at) || before));
    HOLDS(is_set(cleared, at) == (!lies_in(range, at) && before));
}

void copy_takes_the_range_and_nothing_else(void) {
    uint64_t to[MH_CHUNK_WORDS], from[MH_CHUNK_WORDS];
    struct range range = any_range();
    unsigned at = any_below(MH_CHUNK_PAGES);
    any_bitmap(to);
    any_bitmap(from);
    bool before = is_set(to, at);
    mh_palloc_bits_copy(to, from, range.first, range.n);
    HOLDS(is_set(to, at) == (lies_in(range, at) ? is_set(from, at) : before));
}

void none_says_whether_the_range_is_clear(void) {
    uint64_t words[MH_CHUNK_WORDS];
    struct range range = any_range();
    any_bitmap(words);
    HOLDS(mh_palloc_bits_none(words, range.first, range.n) ==
          all_clear(words, range.first, range.first + range.n));
}

void run_starts_marks_every_start_and_no_other_bit(void) {
    uint64_t word = any_uint64();
    unsigned n = any_within(1, 64);
    unsigned at = any_below(64);
    bool begins = at + n <= 64 && (~(word >> at) & ones(n)) == 0;
    HOLDS((mh_palloc_bits_run_starts(word, n) >> at & 1) == begins);
}

// By what is proved above.
static bool product_has_run(uint64_t word, unsigned n) {
    return n == 0 || (n <= 64 && mh_palloc_bits_run_starts(word, n) != 0);
}

// It counts up from the length it knows. Here it has up to three steps to go;
// that any further one does the same is the proof below.
void longest_counts_on_from_what_is_known(void) {
    uint64_t word = any_uint64();
    uint32_t known = any_within(0, MH_CHUNK_PAGES);
    GIVEN(!product_has_run(word, known + 4));
    uint32_t longest = mh_palloc_bits_longest(word, known);
    HOLDS(longest >= known);
    HOLDS(longest == known || product_has_run(word, longest));
    HOLDS(!product_has_run(word, longest + 1));
}

void one_step_leaves_the_starts_of_longer_runs(void) {
    uint64_t word = any_uint64();
    unsigned n = any_within(1, 63);
    uint64_t starts = mh_palloc_bits_run_starts(word, n);
    HOLDS((starts & starts >> 1) == mh_palloc_bits_run_starts(word, n + 1));
}

void one_step_ends_with_runs_of_a_whole_word(void) {
    uint64_t starts = mh_palloc_bits_run_starts(any_uint64(), 64);
    HOLDS((starts & starts >> 1) == 0);
}

// Flip is 0 for the next set bit, all ones for the next clear one.
void next_differing_is_the_first_of_its_kind(void) {
    uint64_t words[MH_CHUNK_WORDS];
    unsigned from = any_below(MH_CHUNK_PAGES);
    bool clear = any_below(2) != 0;
    any_bitmap(words);
    unsigned at = next_differing(words, from, clear ? UINT64_MAX : 0);
    HOLDS(at >= from && at <= MH_CHUNK_PAGES);
    HOLDS(at == MH_CHUNK_PAGES || is_set(words, at) != clear);
    HOLDS(clear ? all_set(words, from, at) : all_clear(words, from, at));
}

// mh_palloc_bits_find is the same for runs of up to a word, at any place.
void find_finds_the_lowest_run_of_up_to_a_word(void) {
    uint64_t words[MH_CHUNK_WORDS];
    unsigned from = any_below(MH_CHUNK_PAGES);
    unsigned n = any_within(1, 64);
    any_bitmap(words);
    HOLDS(mh_palloc_bits_find(words, from, n) ==
          mh_palloc_bits_find_aligned(words, from, n, 1));
}

void find_aligned_finds_the_lowest_run_at_a_multiple(void) {
    uint64_t words[MH_CHUNK_WORDS];
    unsigned from = any_below(MH_CHUNK_PAGES);
    unsigned n = any_within(1, 64);
    unsigned align = 1u << any_below(7);
    any_bitmap(words);
    unsigned at = mh_palloc_bits_find_aligned(words, from, n, align);
    HOLDS(at == MH_CHUNK_PAGES ||
          (at >= from && at % align == 0 && at + n <= MH_CHUNK_PAGES &&
           all_clear(words, at, at + n)));
    unsigned lower = any_within(from, MH_CHUNK_PAGES - 1);
    HOLDS(lower >= at || lower % align != 0 || lower + n > MH_CHUNK_PAGES ||
          !all_clear(words, lower, lower + n));
}

// Runs of over a word: the code goes from run to run, and all that it takes
// from one to the next is the place. So few short ones stand for many.
enum { FEW = 4 };

void find_finds_the_lowest_run_of_over_a_word(void) {
    uint64_t words[MH_CHUNK_WORDS];
    unsigned from = any_below(MH_CHUNK_PAGES);
    unsigned n = any_within(65, MH_CHUNK_PAGES);
    unsigned runs = 0;
    any_bitmap(words);
    for (unsigned w = 0; w < MH_CHUNK_WORDS; w++) {
        uint64_t starts = ~words[w] & (words[w] << 1 | 1);
        runs += (unsigned)__builtin_popcountll(starts);
    }
    GIVEN(runs <= FEW);
    unsigned at = mh_palloc_bits_find(words, from, n);
    HOLDS(at == MH_CHUNK_PAGES || (at >= from && at + n <= MH_CHUNK_PAGES &&
                                   all_clear(words, at, at + n)));
    unsigned lower = any_within(from, MH_CHUNK_PAGES - 1);
    HOLDS(lower >= at || lower + n > MH_CHUNK_PAGES ||
          !all_clear(words, lower, lower + n));
}

void last_run_is_the_highest_one_and_whole(void) {
    uint64_t words[MH_CHUNK_WORDS];
    unsigned limit = any_within(0, MH_CHUNK_PAGES);
    unsigned first = 0;
    any_bitmap(words);
    unsigned end = mh_palloc_bits_last_run(words, limit, &first);
    HOLDS(end <= limit);
    HOLDS(all_clear(words, end, limit));
    HOLDS(end == 0 || (first < end && all_set(words, first, end) &&
                       (first == 0 || !is_set(words, first - 1))));
}
