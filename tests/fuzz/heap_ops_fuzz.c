// heap_ops_fuzz.c - the whole heap against a table of what should be there.
//
// The oracle knows every object: where it is, how long, in which heap, and what
// its bytes must be. Operations come from the main thread and from two actors,
// threads that do one thing when asked and then wait, so that a run is decided
// by its seed. After an operation the invariants of all heaps and caches are
// walked and the statistics set against the oracle: after every one while the
// heap is small (16 pages in spans), else often enough that a walk costs 16
// pages per step.
//
//   heap_ops_fuzz [--steps N] [--seconds N] [--seed N] [--os NAME]
//   heap_ops_fuzz --os NAME --replay FILE       what a failure printed
//
// Without --os a quarter of the steps is run as each of the four systems that
// the simulator knows. Compiled with MH_LIBFUZZER it is a libFuzzer target:
// every eight bytes are one operation.
//
// Long because one oracle answers for all operations.

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/heap/heap.h"
#include "core/scav/scavenger.h"
#include "mheap/mheap.h"
#include "platform/sim/sim.h"
#include "tests/support/books.h"
#include "tests/support/objects.h"

#define OP_KINDS(X) \
    X(malloc)       \
    X(calloc)       \
    X(aligned)      \
    X(realloc)      \
    X(free)         \
    X(free_sized)   \
    X(far_malloc)   \
    X(far_free)     \
    X(far_flush)    \
    X(far_exit)     \
    X(flush)        \
    X(release)      \
    X(period)       \
    X(create)       \
    X(destroy)      \
    X(pages)        \
    X(large)        \
    X(many)         \
    X(bad_free)     \
    X(verify)       \
    X(weather)

#define KIND_ID(name) OP_##name,
enum op_kind { OP_KINDS(KIND_ID) OP_NKINDS };

// The fields mean what the function that performs the operation says; any
// values are fine.
struct op {
    unsigned kind;
    uint32_t a, b, c;
};

enum {
    NOBJECTS = 256,
    NHEAPS = 3, // the default heap and two that come and go
    NACTORS = 2,
    NFREED = 16,
    MAX_LOG = 1 << 14,
    PAGES_PER_STEP = 16,
};

struct object {
    char *p; // NULL: the entry is empty
    size_t size;
    uint64_t tag;
    unsigned heap;
    bool manual;
    size_t align; // as it was asked for
};

// A thread that does what it is asked.
struct actor {
    pthread_t thread;
    void (*act)(struct actor *self); // NULL: nothing to do
    bool running, leave;
    void *p;     // argument or result
    size_t size; // argument
    struct mheap *heap;
};

static struct object objects[NOBJECTS];
static struct mheap *heaps[NHEAPS];
static struct actor actors[NACTORS];
static void *freed[NFREED]; // freed not long ago
static uint64_t nsteps, bad_frees, next_tag;
static size_t unchecked_pages; // of steps since the last walk
static bool rough;             // calls to the system may fail
static uint64_t clock_ns = 1000 * MH_SCAV_PERIOD_NS;

static struct op log_ops[MAX_LOG];
static size_t nlogged;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static const char *const kind_names[] = {
#define KIND_NAME(name) #name,
    OP_KINDS(KIND_NAME)};

static void print_log(void) {
    fprintf(stderr, "heap_ops_fuzz: --os %s; the operations were:\n",
            mh_sim_traits_now()->name);
    for (size_t i = 0; i < nlogged; i++) {
        const struct op *op = &log_ops[i];
        fprintf(stderr, "%s %" PRIu32 " %" PRIu32 " %" PRIu32 "\n",
                kind_names[op->kind], op->a, op->b, op->c);
    }
}

static void on_signal(int number) {
    print_log();
    signal(number, SIG_DFL);
    raise(number);
}

#define REQUIRE(condition) \
    ((condition) ? (void)0 : disagree(#condition, __LINE__))

static void disagree(const char *condition, int line) {
    fprintf(stderr, "heap_ops_fuzz: step %" PRIu64 ": line %d: not true: %s\n",
            nsteps, line, condition);
    abort();
}

// Actors -------------------------------------------------------------------

static void *actor_main(void *arg) {
    struct actor *self = arg;
    pthread_mutex_lock(&lock);
    while (!self->leave) {
        if (self->act == NULL) {
            pthread_cond_wait(&changed, &lock);
            continue;
        }
        self->act(self);
        self->act = NULL;
        pthread_cond_broadcast(&changed);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void ask(struct actor *actor, void (*act)(struct actor *)) {
    if (!actor->running) {
        actor->leave = false;
        REQUIRE(pthread_create(&actor->thread, NULL, actor_main, actor) == 0);
        actor->running = true;
    }
    pthread_mutex_lock(&lock);
    actor->act = act;
    pthread_cond_broadcast(&changed);
    while (actor->act != NULL) {
        pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
}

static void send_home(struct actor *actor) {
    if (actor->running) {
        pthread_mutex_lock(&lock);
        actor->leave = true;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
        REQUIRE(pthread_join(actor->thread, NULL) == 0);
        actor->running = false;
    }
}

static void act_malloc(struct actor *self) {
    self->p = mheap_alloc_in(self->heap, self->size);
}

static void act_free(struct actor *self) {
    mheap_free(self->p);
}

static void act_flush(struct actor *self) {
    (void)self;
    mheap_thread_flush();
}

// The oracle ---------------------------------------------------------------

static struct object *empty_entry(uint32_t from) {
    for (size_t i = 0; i < NOBJECTS; i++) {
        struct object *o = &objects[(from + i) % NOBJECTS];
        if (o->p == NULL) {
            return o;
        }
    }
    return NULL;
}

static struct object *any_object(uint32_t from) {
    for (size_t i = 0; i < NOBJECTS; i++) {
        struct object *o = &objects[(from + i) % NOBJECTS];
        if (o->p != NULL) {
            return o;
        }
    }
    return NULL;
}

// Sizes as programs ask for them: mostly small, at the borders of classes now
// and then.
static size_t pick_size(uint32_t x) {
    switch (x % 16) {
    case 0:
        return (x >> 8) % 17;
    case 1:
        return mh_classes[1 + (x >> 8) % (MH_NCLASSES - 1)].size + x / 16 % 3 -
               1;
    case 2:
        return 4096 + (x >> 8) % 40000;
    default:
        return (x >> 8) % 600;
    }
}

static unsigned pick_heap(uint32_t x) {
    unsigned heap = x % 5 < NHEAPS ? x % 5 : 0;
    return heaps[heap] != NULL ? heap : 0;
}

// A new object: aligned, long enough, overlapping nothing, in its heap.
static void note_alloc(struct object *o, void *p, size_t size, unsigned heap) {
    char *begin = p;
    if (p == NULL) {
        REQUIRE(rough && errno == ENOMEM);
        return;
    }
    size_t room = mheap_usable_size(p);
    REQUIRE((uintptr_t)p % 16 == 0);
    REQUIRE(room >= size);
    REQUIRE(mheap_heap_of(p) == heaps[heap]);
    for (size_t i = 0; i < NOBJECTS; i++) {
        const struct object *other = &objects[i];
        if (other->p != NULL && other != o) {
            REQUIRE(begin + (room > 0 ? room : 1) <= other->p ||
                    other->p + other->size <= begin);
        }
    }
    *o = (struct object){begin, size, ++next_tag, heap, false, 1};
    mh_pattern_fill(p, size, o->tag);
}

static void require_contents(const struct object *o, size_t size) {
    REQUIRE(mh_pattern_holds(o->p, size, o->tag));
}

static void note_free(struct object *o) {
    freed[nsteps % NFREED] = o->p;
    o->p = NULL;
}

// Operations ---------------------------------------------------------------

// malloc: a: size, b: heap.
static void do_malloc(const struct op *op) {
    struct object *o = empty_entry(op->c);
    size_t size = pick_size(op->a);
    unsigned heap = pick_heap(op->b);
    if (o != NULL) {
        errno = 0;
        note_alloc(o, mheap_alloc_in(heaps[heap], size), size, heap);
    }
}

// calloc: a: size, b: heap, c: number of elements.
static void do_calloc(const struct op *op) {
    struct object *o = empty_entry(op->c);
    size_t n = 1 + op->c % 4, size = pick_size(op->a) * (op->c % 64 ? 1 : 8);
    unsigned heap = pick_heap(op->b);
    if (o == NULL) {
        return;
    }
    errno = 0;
    char *p = mheap_calloc_in(heaps[heap], n, size);
    for (size_t i = 0; p != NULL && i < n * size; i++) {
        REQUIRE(p[i] == 0);
    }
    note_alloc(o, p, n * size, heap);
}

// aligned: a: size, b: heap, c: alignment, up to 128 KiB, seldom 8 MiB.
static void do_aligned(const struct op *op) {
    struct object *o = empty_entry(op->c);
    size_t size = pick_size(op->a);
    size_t align = (size_t)1 << (op->c % 128 == 0 ? 23 : op->c % 18);
    unsigned heap = pick_heap(op->b);
    if (o != NULL) {
        errno = 0;
        void *p = mheap_aligned_alloc_in(heaps[heap], align, size);
        REQUIRE((uintptr_t)p % align == 0);
        note_alloc(o, p, size, heap);
        o->align = align;
    }
}

// realloc: a: which, b: size, c: how much larger.
static void do_realloc(const struct op *op) {
    struct object *o = any_object(op->a);
    size_t size = pick_size(op->b) * (op->c % 8 ? 1 : 1 + op->c / 8 % 32);
    if (o == NULL || o->manual || size == 0) {
        return;
    }
    size_t kept = size < o->size ? size : o->size;
    errno = 0;
    void *p = mheap_realloc(o->p, size);
    if (p == NULL) {
        REQUIRE(rough && errno == ENOMEM);
        require_contents(o, o->size);
        return;
    }
    // Patterns of large objects depend on their size: compare what both have.
    struct object was = *o;
    was.p = p;
    if (o->size <= 4096 && kept <= 4096) {
        require_contents(&was, kept / 8 * 8);
    } else if (kept == o->size || kept > 4096) {
        REQUIRE(
            mh_pattern_holds(p, 4096 < kept ? 4096 : kept / 8 * 8, o->tag) ||
            o->size > 4096);
    }
    o->p = NULL;
    note_alloc(o, p, size, was.heap);
}

static void drop(struct object *o) {
    require_contents(o, o->size);
    if (o->manual) {
        mheap_pages_free(o->p);
    } else {
        mheap_free(o->p);
    }
    note_free(o);
}

// free: a: which. free_sized the same.
static void do_free(const struct op *op) {
    struct object *o = any_object(op->a);
    if (o != NULL) {
        drop(o);
    }
}

static void do_free_sized(const struct op *op) {
    struct object *o = any_object(op->a);
    if (o == NULL || o->manual) {
        return;
    }
    require_contents(o, o->size);
    mheap_free_aligned_sized(o->p, o->align, o->size);
    note_free(o);
}

// far_malloc: a: size, b: heap, c: actor.
static void do_far_malloc(const struct op *op) {
    struct object *o = empty_entry(op->c);
    struct actor *actor = &actors[op->c % NACTORS];
    unsigned heap = pick_heap(op->b);
    if (o != NULL) {
        actor->size = pick_size(op->a);
        actor->heap = heaps[heap];
        ask(actor, act_malloc);
        errno = ENOMEM; // the actor's own
        note_alloc(o, actor->p, actor->size, heap);
    }
}

// far_free: a: the first, b: how many, c: actor.
static void do_far_free(const struct op *op) {
    struct actor *actor = &actors[op->c % NACTORS];
    for (uint32_t i = 0; i <= op->b % 4; i++) {
        struct object *o = any_object(op->a + i * 7);
        if (o != NULL && !o->manual) {
            require_contents(o, o->size);
            actor->p = o->p;
            ask(actor, act_free);
            note_free(o);
        }
    }
}

static void do_far_flush(const struct op *op) {
    ask(&actors[op->c % NACTORS], act_flush);
}

// far_exit: the actor's thread ends; the next request starts another.
static void do_far_exit(const struct op *op) {
    send_home(&actors[op->c % NACTORS]);
}

static void do_flush(const struct op *op) {
    (void)op;
    mheap_thread_flush();
}

static void do_release(const struct op *op) {
    (void)op;
    mheap_release();
}

// period: goes by, so that the next call that frees may give memory back.
static void do_period(const struct op *op) {
    (void)op;
    clock_ns += MH_SCAV_PERIOD_NS;
    mh_sim_set_clock(clock_ns);
}

static void do_create(const struct op *op) {
    unsigned heap = 1 + op->a % (NHEAPS - 1);
    if (heaps[heap] == NULL) {
        heaps[heap] = mheap_create("fuzz");
        REQUIRE(heaps[heap] != NULL || rough);
    }
}

// destroy: with everything in it.
static void do_destroy(const struct op *op) {
    unsigned heap = 1 + op->a % (NHEAPS - 1);
    if (heaps[heap] == NULL) {
        return;
    }
    for (size_t i = 0; i < NOBJECTS; i++) {
        if (objects[i].p != NULL && objects[i].heap == heap) {
            require_contents(&objects[i], objects[i].size);
            note_free(&objects[i]);
        }
    }
    mheap_destroy(heaps[heap]);
    heaps[heap] = NULL;
}

// pages: a: how many, b: heap.
static void do_pages(const struct op *op) {
    struct object *o = empty_entry(op->c);
    size_t npages = 1 + op->a % 20;
    unsigned heap = pick_heap(op->b);
    if (o == NULL) {
        return;
    }
    errno = 0;
    char *p = mheap_pages_alloc(heaps[heap], npages);
    if (p == NULL) {
        REQUIRE(rough && errno == ENOMEM);
        return;
    }
    REQUIRE((uintptr_t)p % MH_PAGE_SIZE == 0);
    REQUIRE(mheap_usable_size(p) == 0);
    *o = (struct object){p, npages << MH_PAGE_SHIFT, ++next_tag, heap, true, 1};
    for (size_t i = 0; i < NOBJECTS; i++) {
        const struct object *other = &objects[i];
        REQUIRE(other == o || other->p == NULL || p + o->size <= other->p ||
                other->p + other->size <= p);
    }
    mh_pattern_fill(p, o->size, o->tag);
}

// large: a: pages, b: heap.
static void do_large(const struct op *op) {
    struct object *o = empty_entry(op->c);
    size_t size = 32769 + (op->a % 64 ? op->a % 400000 : op->a % 9000000);
    unsigned heap = pick_heap(op->b);
    if (o != NULL) {
        errno = 0;
        note_alloc(o, mheap_alloc_in(heaps[heap], size), size, heap);
    }
}

// many: a: size, c: how many objects of one class, more than a bin holds. They
// are freed in order, backwards or in an order that b chooses.
static void do_many(const struct op *op) {
    enum { MOST = 400 };
    static char *some[MOST];
    size_t size = pick_size(op->a) % 2048, n = 100 + op->c % (MOST - 100);
    uint64_t rng = op->b;
    for (size_t i = 0; i < n; i++) {
        some[i] = mheap_malloc(size);
        if (some[i] == NULL) {
            REQUIRE(rough);
            n = i;
        } else {
            mh_pattern_fill(some[i], size, (uintptr_t)some[i]);
        }
    }
    for (size_t left = n; left > 0; left--) {
        size_t k = left - 1;
        if (op->b % 3 != 0) {
            k = op->b % 3 == 1 ? 0 : mh_random_below(&rng, left);
        }
        char *p = some[k];
        REQUIRE(mh_pattern_holds(p, size, (uintptr_t)p));
        mheap_free(p);
        some[k] = some[left - 1];
    }
}

static bool is_object(const void *p) {
    for (size_t i = 0; i < NOBJECTS; i++) {
        if (objects[i].p == p && !objects[i].manual) {
            return true;
        }
    }
    return false;
}

// What must not be freed; NULL when there is none of the kind just now.
static void *bad_pointer(const struct op *op) {
    struct object *o = any_object(op->b);
    char *p = NULL;
    switch (op->a % 6) {
    case 0:
        p = freed[op->b % NFREED];
        break;
    case 1: // inside an object
        p = o == NULL ? NULL : o->p + 16 * (1 + op->c % (1 + o->size / 16));
        break;
    case 2: // misaligned
        p = o == NULL ? NULL : o->p + 1 + op->c % 15;
        break;
    case 3: // pages that are no object
        p = o == NULL || !o->manual ? NULL : o->p;
        break;
    case 4: // anywhere
        p = (char *)((uintptr_t)op->b << 32 ^ (uintptr_t)op->c << 4);
        break;
    default: // on the stack
        p = (char *)&p;
    }
    return is_object(p) ? NULL : p;
}

// bad_free: a: kind, b and c: which. It is counted, and nothing else happens.
static void do_bad_free(const struct op *op) {
    void *p = bad_pointer(op);
    struct actor *actor = &actors[op->c % NACTORS];
    if (p == NULL) {
        return;
    }
    REQUIRE(mheap_usable_size(p) == 0);
    REQUIRE(mheap_heap_of(p) == NULL);
    switch (op->c / 16 % 3) {
    case 0:
        actor->p = p;
        ask(actor, act_free);
        break;
    case 1:
        errno = 0;
        REQUIRE(mheap_realloc(p, 100) == NULL);
        REQUIRE(errno == EINVAL);
        break;
    default:
        mheap_free(p);
    }
    bad_frees++;
}

// verify: all objects hold what was written.
static void do_verify(const struct op *op) {
    (void)op;
    for (size_t i = 0; i < NOBJECTS; i++) {
        if (objects[i].p != NULL) {
            require_contents(&objects[i], objects[i].size);
        }
    }
}

// weather: a: how many of a thousand calls to the system fail from now on.
static void do_weather(const struct op *op) {
    static const unsigned rates[] = {0, 0, 0, 30, 300, 1000};
    unsigned rate = rates[op->a % 6];
    mh_sim_fail_rate(rate);
    rough = rate != 0;
}

// Checking -----------------------------------------------------------------

static void check_heap(unsigned heap) {
    struct mheap_stats stats;
    uint64_t n = 0, bytes = 0, manual = 0;
    const char *wrong = mh_books_wrong(heaps[heap]);
    if (wrong != NULL) {
        fprintf(stderr, "heap_ops_fuzz: heap %u: %s\n", heap, wrong);
        abort();
    }
    for (size_t i = 0; i < NOBJECTS; i++) {
        const struct object *o = &objects[i];
        if (o->p != NULL && o->heap == heap) {
            n += !o->manual;
            bytes += o->manual ? 0 : mheap_usable_size(o->p);
            manual += o->manual ? o->size : 0;
        }
    }
    mheap_stats(heaps[heap], &stats);
    REQUIRE(stats.in_use_objects == n);
    REQUIRE(stats.in_use_bytes == bytes);
    REQUIRE(stats.manual_bytes == manual);
    REQUIRE(stats.bad_frees_total == bad_frees);
}

static void check_all(void) {
    for (unsigned i = 0; i < NHEAPS; i++) {
        if (heaps[i] != NULL) {
            check_heap(i);
        }
    }
}

static void count_pages(struct mh_span *span, void *arg) {
    size_t *npages = arg;
    *npages += span->size_class == 0 ? 1 : span->npages;
}

static void check_when_due(void) {
    size_t npages = 0;
    mh_heap_each_span(NULL, count_pages, &npages);
    unchecked_pages += PAGES_PER_STEP;
    if (unchecked_pages >= npages) {
        check_all();
        unchecked_pages = 0;
    }
}

// Runs ---------------------------------------------------------------------

typedef void perform_op(const struct op *op);

static void perform(const struct op *op) {
#define KIND_DO(name) do_##name,
    static perform_op *const performers[] = {OP_KINDS(KIND_DO)};
    if (nlogged < MAX_LOG) {
        log_ops[nlogged++] = *op;
    }
    performers[op->kind](op);
    nsteps++;
    check_when_due();
}

static void begin(void) {
    nlogged = 0;
    mh_sim_set_clock(clock_ns);
    mheap_option_set(MHEAP_OPTION_BAD_FREE, MHEAP_ON_BAD_FREE_COUNT);
    heaps[0] = mheap_default();
    REQUIRE(heaps[0] != NULL);
}

// Everything goes back; the heap is empty but for what a cache keeps.
static void finish(void) {
    struct op all = {0, 0, 0, 0};
    do_weather(&all);
    for (all.a = 0; all.a < NHEAPS - 1; all.a++) {
        do_destroy(&all);
    }
    for (size_t i = 0; i < NOBJECTS; i++) {
        if (objects[i].p != NULL) {
            drop(&objects[i]);
        }
    }
    for (size_t i = 0; i < NACTORS; i++) {
        send_home(&actors[i]);
    }
    mheap_release();
    check_all();
    struct mheap_stats stats;
    mheap_stats(NULL, &stats);
    REQUIRE(stats.spans == 0);
    REQUIRE(stats.free_page_bytes == 0);
}

#ifdef MH_LIBFUZZER

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    signal(SIGABRT, on_signal);
    begin();
    for (size_t i = 0; i + 8 <= size; i += 8) {
        uint16_t half[4];
        memcpy(half, data + i, sizeof(half));
        struct op op = {half[0] % OP_NKINDS, half[1] * 257u, half[2] * 3u,
                        half[3]};
        perform(&op);
    }
    finish();
    return 0;
}

#else

// Of all kinds some are rarer, and allocating and freeing take turns in being
// more frequent, so that the heap is full at times and empty at others.
static struct op random_op(uint64_t *rng, unsigned mood) {
    uint64_t x = mh_random(rng), y = mh_random(rng);
    struct op op = {(unsigned)(x % OP_NKINDS), (uint32_t)(x >> 32), (uint32_t)y,
                    (uint32_t)(y >> 32)};
    bool rare = op.kind == OP_release || op.kind == OP_weather ||
                op.kind == OP_destroy || op.kind == OP_many ||
                op.kind == OP_far_exit || op.kind == OP_verify;
    if ((rare && (x >> 16) % 8 != 0) || (x >> 20) % 2 == 0) {
        op.kind = (x >> 24) % 8 < mood ? OP_malloc : OP_free;
    }
    return op;
}

static uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void run_random(uint64_t seed, uint64_t steps, uint64_t ms) {
    uint64_t until = now_ms() + ms;
    uint64_t rng = seed;
    while (nsteps < steps && now_ms() < until) {
        uint64_t end = nsteps + 200 + mh_random_below(&rng, 3000);
        unsigned mood = 4;
        begin();
        for (; nsteps < end && nsteps < steps;) {
            if (nsteps % 128 == 0) {
                mood = 2 + (unsigned)mh_random_below(&rng, 5);
            }
            struct op op = random_op(&rng, mood);
            perform(&op);
        }
        finish();
    }
    printf("heap_ops_fuzz: %s: %" PRIu64 " steps agree\n",
           mh_sim_traits_now()->name, nsteps);
}

static int replay(const char *path) {
    FILE *file = fopen(path, "r");
    char name[32];
    struct op op;
    if (file == NULL) {
        fprintf(stderr, "heap_ops_fuzz: %s: cannot be read\n", path);
        return EXIT_FAILURE;
    }
    begin();
    while (fscanf(file, "%31s %" SCNu32 " %" SCNu32 " %" SCNu32, name, &op.a,
                  &op.b, &op.c) == 4) {
        op.kind = 0;
        while (op.kind < OP_NKINDS && strcmp(name, kind_names[op.kind]) != 0) {
            op.kind++;
        }
        REQUIRE(op.kind < OP_NKINDS);
        perform(&op);
        check_all();
    }
    finish();
    fclose(file);
    printf("heap_ops_fuzz: %" PRIu64 " steps agree\n", nsteps);
    return EXIT_SUCCESS;
}

struct settings {
    uint64_t steps, seconds, seed;
    int os; // or -1: all
    const char *replay;
};

static int os_named(const char *name) {
    for (int os = 0; os < MH_SIM_NOS; os++) {
        mh_sim_become((enum mh_sim_os)os);
        if (strcmp(mh_sim_traits_now()->name, name) == 0) {
            return os;
        }
    }
    fprintf(stderr, "heap_ops_fuzz: no system named %s\n", name);
    exit(2);
}

static struct settings parse(int argc, char **argv) {
    struct settings s = {1000000, 56, 1, -1, NULL};
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--steps") == 0) {
            s.steps = strtoull(value, NULL, 0);
            s.seconds = UINT32_MAX;
        } else if (strcmp(argv[i], "--seconds") == 0) {
            s.seconds = strtoull(value, NULL, 0);
            s.steps = UINT64_MAX;
        } else if (strcmp(argv[i], "--seed") == 0) {
            s.seed = strtoull(value, NULL, 0);
        } else if (strcmp(argv[i], "--os") == 0) {
            s.os = os_named(value);
        } else if (strcmp(argv[i], "--replay") == 0) {
            s.replay = value;
        } else {
            fprintf(stderr, "heap_ops_fuzz: unknown option %s\n", argv[i]);
            exit(2);
        }
    }
    return s;
}

static int run_one(const struct settings *s) {
    mh_sim_become((enum mh_sim_os)s->os);
    mh_sim_set_seed(s->seed);
    signal(SIGABRT, on_signal);
    signal(SIGSEGV, on_signal);
    if (s->replay != NULL) {
        return replay(s->replay);
    }
    run_random(s->seed, s->steps, s->seconds * 1000);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
    struct settings s = parse(argc, argv);
    if (s.os >= 0) {
        return run_one(&s);
    }
    s.steps = s.steps == UINT64_MAX ? s.steps : s.steps / MH_SIM_NOS;
    s.seconds /= MH_SIM_NOS;
    for (s.os = 0; s.os < MH_SIM_NOS; s.os++) {
        int status = -1;
        pid_t child = fork();
        if (child == 0) {
            return run_one(&s);
        }
        if (waitpid(child, &status, 0) != child || status != 0) {
            fprintf(stderr,
                    "heap_ops_fuzz: --os %d --seed %" PRIu64 " failed\n", s.os,
                    s.seed);
            return EXIT_FAILURE;
        }
    }
    return EXIT_SUCCESS;
}

#endif
