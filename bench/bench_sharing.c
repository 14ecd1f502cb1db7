// bench_sharing.c - do small objects of different threads lie on one cache
// line, and what does a write then cost?
//
// Two processors that write to one line take it from each other each time,
// though neither reads what the other wrote. In `active` each thread, on its
// own, makes 4 objects of 16 bytes (a line's worth), adds to each in turn, 250
// times, frees them, and begins again: an allocator that hands neighbouring
// slots to two threads shares lines actively. In `passive` the main thread
// makes one object for each thread, side by side; the thread frees the one it
// got and then works as above: an allocator that gives a thread back the slot
// it has freed passes the sharing on.
//
// One operation is one addition; malloc and free are in its price but are a
// hundredth of the work. A round is 2000 such turns of every thread at once.
// `shared_pct` does not depend on clocks or on how many processors there are:
// at the start of each round all threads hold their first 4 objects, and it is
// how many of those, in percent, have an object of another thread on their
// line. The time shows it only where threads run side by side, and not on two
// hardware threads of one core.

#include <stdlib.h>

#include "bench_support.h"

enum { SIZE = 16, LINE = 64, HELD = LINE / SIZE };
enum { TURNS = 2000, PASSES = 250 };
enum { CASE_ACTIVE, CASE_PASSIVE };

struct worker {
    pthread_barrier_t *step;
    const bool *over;
    void *given;         // by the main thread, before a round
    void *objects[HELD]; // read by the main thread between two steps
    uint64_t cpu_ns;
    uint64_t ops;
};

static void *make_object(void) {
    void *object = malloc(SIZE);
    if (object == NULL) {
        bench_out_of_memory();
    }
    bench_write(object, 0);
    return object;
}

static void make_objects(struct worker *worker) {
    for (size_t i = 0; i < HELD; i++) {
        worker->objects[i] = make_object();
    }
}

// use_objects holds them in locals: the worker itself may share a line.
static void use_objects(const struct worker *worker) {
    volatile uint64_t *words[HELD];
    for (size_t i = 0; i < HELD; i++) {
        words[i] = worker->objects[i];
    }
    for (size_t pass = 0; pass < PASSES; pass++) {
        for (size_t i = 0; i < HELD; i++) {
            *words[i] += pass;
        }
    }
}

static void free_objects(struct worker *worker) {
    for (size_t i = 0; i < HELD; i++) {
        free(worker->objects[i]);
    }
}

static void run_round(struct worker *worker) {
    free(worker->given);
    make_objects(worker);
    pthread_barrier_wait(worker->step); // all hold theirs: the main counts
    pthread_barrier_wait(worker->step); // counted
    uint64_t begin = bench_thread_cpu_ns();
    for (size_t turn = 1; turn < TURNS; turn++) {
        use_objects(worker);
        free_objects(worker);
        make_objects(worker);
    }
    use_objects(worker);
    worker->cpu_ns += bench_thread_cpu_ns() - begin;
    worker->ops += (uint64_t)TURNS * PASSES * HELD;
    free_objects(worker);
}

static void *work(void *arg) {
    struct worker *worker = arg;
    for (;;) {
        pthread_barrier_wait(worker->step); // the main thread has prepared
        if (*worker->over) {
            return NULL;
        }
        run_round(worker);
        pthread_barrier_wait(worker->step); // everybody has freed
    }
}

static bool is_shared(const struct worker *workers, unsigned count,
                      unsigned own, const void *object) {
    uintptr_t line = (uintptr_t)object / LINE;
    for (unsigned other = 0; other < count; other++) {
        for (size_t i = 0; other != own && i < HELD; i++) {
            if ((uintptr_t)workers[other].objects[i] / LINE == line) {
                return true;
            }
        }
    }
    return false;
}

static uint64_t count_shared(const struct worker *workers, unsigned count) {
    uint64_t shared = 0;
    for (unsigned own = 0; own < count; own++) {
        for (size_t i = 0; i < HELD; i++) {
            shared += is_shared(workers, count, own, workers[own].objects[i]);
        }
    }
    return shared;
}

// run_rounds plays the main thread's part and returns the share of objects
// that lay on somebody else's line, in percent.
static double run_rounds(const struct bench_run *run, struct worker *workers,
                         bool *over, bool passive) {
    unsigned count = run->options.threads;
    uint64_t shared = 0;
    uint64_t held = 0;
    uint64_t start = bench_wall_ns();
    do {
        for (unsigned i = 0; i < count; i++) {
            workers[i].given = passive ? make_object() : NULL;
        }
        pthread_barrier_wait(workers[0].step);
        pthread_barrier_wait(workers[0].step);
        shared += count_shared(workers, count);
        held += (uint64_t)count * HELD;
        pthread_barrier_wait(workers[0].step);
        pthread_barrier_wait(workers[0].step);
    } while (bench_more(&run->options, start, workers[0].ops));
    *over = true;
    pthread_barrier_wait(workers[0].step);
    return 100.0 * (double)shared / (double)held;
}

static void measure_sharing(struct bench_run *run, size_t which) {
    unsigned count = run->options.threads;
    size_t workers_size = count * sizeof(struct worker);
    size_t threads_size = count * sizeof(pthread_t);
    struct worker *workers = bench_pages(workers_size);
    pthread_t *threads = bench_pages(threads_size);
    bool over = false;
    pthread_barrier_t step;
    pthread_barrier_init(&step, NULL, count + 1);
    for (unsigned i = 0; i < count; i++) {
        workers[i] = (struct worker){.step = &step, .over = &over};
    }
    bench_threads_start(threads, count, work, workers, sizeof *workers);
    double shared_pct = run_rounds(run, workers, &over, which == CASE_PASSIVE);
    bench_threads_join(threads, count);

    uint64_t cpu_ns = 0;
    uint64_t ops = 0;
    for (unsigned i = 0; i < count; i++) {
        cpu_ns += workers[i].cpu_ns;
        ops += workers[i].ops;
    }
    bench_put_ns(run, "ns", cpu_ns, ops);
    bench_put(run, "shared_pct", shared_pct);
    pthread_barrier_destroy(&step);
    bench_pages_free(threads, threads_size);
    bench_pages_free(workers, workers_size);
}

static const struct bench_case cases[] = {
    {"active", measure_sharing, CASE_ACTIVE},
    {"passive", measure_sharing, CASE_PASSIVE},
};

static const struct bench_program program = {
    .name = "bench_sharing",
    .question = "do objects of different threads share cache lines?",
    .cases = cases,
    .ncases = sizeof cases / sizeof cases[0],
    .defaults = {.seed = 1, .threads = 2, .seconds = 0.5},
};

int main(int argc, char **argv) {
    return bench_main(&program, argc, argv);
}
