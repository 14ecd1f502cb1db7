// sums.c - summaries of bitmaps, and summaries of summaries.
//
// That a summary is right: nothing in the chunk is longer than `longest`, and
// something is as long.

#include "tests/proof/bitmap.h"

#include "core/page/palloc_sum.c"

typedef unsigned __int128 wide;

// Whether n neighbouring bits are set somewhere, n <= 128: each round makes a
// bit vouch for twice as many, or for what is missing.
static bool has_run(wide bits, unsigned n) {
    unsigned have = 1;
    for (unsigned round = 0; round < 7; round++) {
        unsigned more = n > have ? n - have : 0;
        more = more < have ? more : have;
        bits &= bits >> more;
        have += more;
    }
    return n == 0 || bits != 0;
}

// For one word: half as wide, the formula is half as large.
static bool word_has_run(uint64_t bits, unsigned n) {
    unsigned have = 1;
    for (unsigned round = 0; round < 6; round++) {
        unsigned more = n > have ? n - have : 0;
        more = more < have ? more : have;
        bits &= bits >> more;
        have += more;
    }
    return n == 0 || (n <= 64 && bits != 0);
}

// In the place of the product's: what bits.c says of it, and no more.
uint32_t mh_palloc_bits_longest(uint64_t word, uint32_t known) {
    uint32_t longest = any_uint32();
    GIVEN(longest >= known && (longest == known || longest <= 64));
    GIVEN(longest == known || word_has_run(word, longest));
    GIVEN(!word_has_run(word, longest + 1));
    return longest;
}

void inside_is_what_lies_between_set_bits(void) {
    uint64_t word = any_uint64();
    unsigned at = any_below(64);
    GIVEN(word != 0);
    bool clear = (word >> at & 1) == 0;
    bool below = (word & ones(at)) != 0;
    bool above = at < 63 && word >> (at + 1) != 0;
    HOLDS((inside(word) >> at & 1) == (clear && below && above));
}

static void sides_are_right(struct mh_palloc_sum sum, const uint64_t *words) {
    HOLDS(sum.start <= sum.longest && sum.end <= sum.longest);
    HOLDS(sum.longest <= MH_CHUNK_PAGES);
    HOLDS(all_clear(words, 0, sum.start));
    HOLDS(sum.start == MH_CHUNK_PAGES || is_set(words, sum.start));
    HOLDS(all_clear(words, MH_CHUNK_PAGES - sum.end, MH_CHUNK_PAGES));
    HOLDS(sum.end == MH_CHUNK_PAGES ||
          is_set(words, MH_CHUNK_PAGES - 1 - sum.end));
}

void start_and_end_are_the_free_pages_at_either_side(void) {
    uint64_t words[MH_CHUNK_WORDS];
    any_bitmap(words);
    sides_are_right(mh_palloc_sum_of(words), words);
}

#if MH_CHUNK_WORDS == 2
static void longest_is_right(struct mh_palloc_sum sum, const uint64_t *words) {
    wide free = ~((wide)words[1] << 64 | words[0]);
    HOLDS(has_run(free, sum.longest));
    HOLDS(sum.longest == MH_CHUNK_PAGES || !has_run(free, sum.longest + 1));
}

void the_longest_run_is_as_long_as_it_says(void) {
    uint64_t words[MH_CHUNK_WORDS];
    any_bitmap(words);
    longest_is_right(mh_palloc_sum_of(words), words);
}
#endif

// What a summary of a chunk can be: the merge is told no other.
static bool is_sum(struct mh_palloc_sum sum, uint32_t pages) {
    return sum.start <= sum.longest && sum.end <= sum.longest &&
           sum.longest <= pages &&
           (sum.start == pages) == (sum.longest == pages) &&
           (sum.end == pages) == (sum.longest == pages) &&
           (sum.longest == pages || sum.start + sum.end < pages);
}

// The code goes on from node to node with one run and one sum.
enum { NODES = 3 };

void merging_three_nodes_overflows_nothing(void) {
    struct mh_palloc_sum sums[NODES];
    unsigned shift = any_within(6, 31);
    uint32_t pages = UINT32_C(1) << shift;
    unsigned n = any_within(1, NODES);
    GIVEN((uint64_t)n << shift <= UINT32_MAX);
    for (unsigned i = 0; i < NODES; i++) {
        sums[i].start = any_uint32();
        sums[i].longest = any_uint32();
        sums[i].end = any_uint32();
        GIVEN(is_sum(sums[i], pages));
    }
    HOLDS(is_sum(mh_palloc_sum_merge(sums, n, pages), n << shift));
}

#if MH_CHUNK_WORDS == 2
// A word as a node, summarised without the code above.
static struct mh_palloc_sum sum_of_word(uint64_t word) {
    struct mh_palloc_sum sum = {64, 64, 64};
    if (word != 0) {
        sum.start = (uint32_t)__builtin_ctzll(word);
        sum.end = (uint32_t)__builtin_clzll(word);
        sum.longest = any_within(0, 63);
        GIVEN(word_has_run(~word, sum.longest));
        GIVEN(!word_has_run(~word, sum.longest + 1));
    }
    return sum;
}

void two_nodes_merged_say_what_their_pages_do(void) {
    uint64_t words[MH_CHUNK_WORDS];
    any_bitmap(words);
    struct mh_palloc_sum sums[] = {sum_of_word(words[0]),
                                   sum_of_word(words[1])};
    struct mh_palloc_sum sum = mh_palloc_sum_merge(sums, 2, 64);
    sides_are_right(sum, words);
    longest_is_right(sum, words);
}
#endif
