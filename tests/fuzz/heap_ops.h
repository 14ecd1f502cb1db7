// heap_ops.h - random operations on the whole heap, each checked.
//
// The one who runs them (heap_ops_fuzz.c) chooses operations; here they are
// performed, logged, and set against an oracle that knows every object. They
// come from the main thread and from two actors, threads that do one thing when
// asked and then wait, so that a run is decided by its operations.

#ifndef MHEAP_TESTS_FUZZ_HEAP_OPS_H
#define MHEAP_TESTS_FUZZ_HEAP_OPS_H

#include <stdint.h>

#define OPS_KINDS(X) \
    X(malloc)        \
    X(calloc)        \
    X(aligned)       \
    X(realloc)       \
    X(free)          \
    X(free_sized)    \
    X(far_malloc)    \
    X(far_free)      \
    X(far_flush)     \
    X(far_exit)      \
    X(flush)         \
    X(release)       \
    X(period)        \
    X(create)        \
    X(destroy)       \
    X(pages)         \
    X(large)         \
    X(many)          \
    X(bad_free)      \
    X(verify)        \
    X(weather)

#define OPS_KIND_ID(name) OPS_##name,
enum ops_kind { OPS_KINDS(OPS_KIND_ID) OPS_NKINDS };

// The name of each kind, in the log and in a replay.
extern const char *const ops_kind_names[OPS_NKINDS];

// The fields mean what the function that performs the operation says; any
// values are fine.
struct op {
    unsigned kind;
    uint32_t a, b, c;
};

// ops_begin starts a run on the system that is simulated now, with an empty log
// and the heap that the last run left. ops_finish frees everything and requires
// that the heap is empty but for what a cache keeps.
void ops_begin(void);
void ops_finish(void);

// ops_perform performs an operation and logs it. After it the invariants of all
// heaps and caches are walked and the statistics set against the oracle: after
// every one while the heap is small (16 pages in spans), else often enough that
// a walk costs 16 pages per step.
void ops_perform(const struct op *op);

// ops_end_actors ends the actors' threads; the next request starts another.
void ops_end_actors(void);

// ops_check walks and compares now.
void ops_check(void);

// ops_done is how many operations were performed, in all runs.
uint64_t ops_done(void);

// ops_print_log says on stderr how to repeat what the run did so far.
void ops_print_log(void);

// What is not true ends the program by SIGABRT.
#define OPS_REQUIRE(condition) \
    ((condition) ? (void)0 : ops_disagree(#condition, __FILE__, __LINE__))

_Noreturn void ops_disagree(const char *condition, const char *file, int line);

// One function per kind, by what it needs: heap_ops_objects.c and
// heap_ops_heaps.c.
typedef void ops_performer(const struct op *op);
#define OPS_DECLARE(name) ops_performer ops_do_##name;
OPS_KINDS(OPS_DECLARE)

#endif // MHEAP_TESTS_FUZZ_HEAP_OPS_H
