// bad_free_run.c - many bad frees of every kind, each of which must be caught.
//
// usage: bad_free_run [--bad N] [--seed S]
//
// Objects of all sizes are made by threads that live on and by threads that
// end. Each step frees something that must not be freed: a freed object at once
// or much later, from the thread that freed it or another, parked or ended; a
// place inside a live object; a variable; anything. A handler counts. After
// each step there must be exactly one report more, of that address and of a
// kind that fits; in between, the contents of everything alive are compared.

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "mheap/mheap.h"
#include "run_support.h"

enum {
    NLIVE = 1500,
    NGONE = 256,           // freed objects remembered for a late second free
    NWORKERS = 3,          // threads that live on, parked between jobs
    MORTAL = NWORKERS + 1, // the actor that is a new thread each time
    NACTORS,
    CHECK_EVERY = 8192,
};

// What an actor is asked to do.
enum job_kind { MAKE, FREE, REALLOC, REALLOC_TO_NOTHING, FREE_LOCAL };

struct job {
    enum job_kind kind;
    void *p;
    size_t size, align;
    void *result;
    int error; // errno after a realloc
};

struct worker {
    pthread_t thread;
    sem_t asked, done;
    struct job *job;
};

static struct worker workers[NWORKERS];
static struct object live[NLIVE];
static void *gone[NGONE];
static uint64_t rng;

static struct {
    uint64_t reports;
    struct mheap_bad_free last;
} court;

static void on_bad_free(const struct mheap_bad_free *what, void *context) {
    (void)context;
    court.reports++;
    court.last = *what;
}

static void do_job(struct job *job) {
    _Alignas(16) char local[64] = {0};

    switch (job->kind) {
    case MAKE:
        job->result = job->align == 0
                          ? mheap_malloc(job->size)
                          : mheap_aligned_alloc(job->align, job->size);
        break;
    case FREE_LOCAL:
        job->p = local;
        mheap_free(job->p);
        break;
    case FREE:
        mheap_free(job->p);
        break;
    case REALLOC:
    case REALLOC_TO_NOTHING:
        errno = 0;
        job->result =
            mheap_realloc(job->p, job->kind == REALLOC ? job->size + 1 : 0);
        job->error = errno;
        break;
    }
}

static void *worker_main(void *arg) {
    struct worker *worker = arg;

    for (;;) {
        while (sem_wait(&worker->asked) != 0) {
        }
        if (worker->job == NULL) {
            return NULL;
        }
        do_job(worker->job);
        sem_post(&worker->done);
    }
}

static void *mortal_main(void *arg) {
    do_job(arg);
    return NULL;
}

// One actor at a time: the others are parked in sem_wait, holding what they
// hold.
static void run_as(unsigned actor, struct job *job) {
    if (actor == 0) {
        do_job(job);
    } else if (actor == MORTAL) {
        pthread_t thread;
        REQUIRE(pthread_create(&thread, NULL, mortal_main, job) == 0);
        REQUIRE(pthread_join(thread, NULL) == 0);
    } else {
        struct worker *worker = &workers[actor - 1];
        worker->job = job;
        sem_post(&worker->asked);
        while (sem_wait(&worker->done) != 0) {
        }
    }
}

// New threads cost most, so they are a tenth.
static unsigned any_actor(void) {
    return random_below(&rng, 10) == 0
               ? MORTAL
               : (unsigned)random_below(&rng, NWORKERS + 1);
}

// An address that was handed out again may be freed again.
static void forget_gone_in(const unsigned char *p) {
    uintptr_t base = (uintptr_t)p;
    size_t size = mheap_usable_size(p);

    for (size_t i = 0; i < NGONE; i++) {
        if ((uintptr_t)gone[i] - base < size) {
            gone[i] = NULL;
        }
    }
}

static struct object make(void) {
    struct job job = {.kind = MAKE, .size = random_size(&rng, 15)};
    if (random_below(&rng, 32) == 0) {
        job.size = random_size(&rng, 22);
    }
    if (random_below(&rng, 8) == 0) {
        job.align = (size_t)16 << random_below(&rng, 11);
    }
    run_as(any_actor(), &job);
    REQUIRE(job.result != NULL);

    struct object object = {job.result, job.size, random_next(&rng)};
    REQUIRE(mheap_usable_size(object.p) >= object.size);
    forget_gone_in(object.p);
    object_fill(&object);
    return object;
}

static void free_rightly(struct object *object) {
    REQUIRE(object_holds(object, object->size));
    struct job job = {.kind = FREE, .p = object->p};
    uint64_t before = court.reports;
    run_as(any_actor(), &job);
    REQUIRE(court.reports == before); // no false alarm
}

#define KIND(k) (1u << (k))

static void convict(const void *address, unsigned kinds) {
    const char *found = mheap_bad_free_name(court.last.kind);

    if (court.last.address != address || (KIND(court.last.kind) & kinds) == 0) {
        (void)fprintf(stderr, "free of %p: found %s of %p\n", address, found,
                      court.last.address);
        exit(EXIT_FAILURE);
    }
}

// Frees p, which must not be: caught, once, as one of the kinds.
static void free_wrongly(void *p, unsigned kinds) {
    static const enum job_kind ways[] = {FREE, FREE, FREE, REALLOC,
                                         REALLOC_TO_NOTHING};
    struct job job = {.kind = ways[random_below(&rng, 5)],
                      .p = p,
                      .size = random_size(&rng, 12)};
    uint64_t before = court.reports;

    run_as(any_actor(), &job);
    REQUIRE(court.reports == before + 1);
    convict(p, kinds);
    if (job.kind != FREE) {
        REQUIRE(job.result == NULL && job.error == EINVAL);
    }
}

static void commit_double(struct object *object) {
    void *p = object->p;

    free_rightly(object);
    REQUIRE(mheap_usable_size(p) == 0);
    // A free page, when it was the last object there.
    free_wrongly(p, KIND(MHEAP_BAD_DOUBLE) | KIND(MHEAP_BAD_FREE_PAGE));
    *object = make();
    if ((uintptr_t)p - (uintptr_t)object->p >= mheap_usable_size(object->p)) {
        gone[random_below(&rng, NGONE)] = p;
    }
}

// Long after, another class of object may have its place.
static void commit_late_double(struct object *object) {
    void *p = gone[random_below(&rng, NGONE)];

    if (p == NULL) {
        commit_double(object);
        return;
    }
    free_wrongly(p, KIND(MHEAP_BAD_DOUBLE) | KIND(MHEAP_BAD_FREE_PAGE) |
                        KIND(MHEAP_BAD_INTERIOR));
}

static void commit_inside(struct object *object) {
    if (object->size < 32) {
        commit_double(object);
        return;
    }
    size_t at = 1 + random_below(&rng, object->size - 1);
    if (random_below(&rng, 2) == 0) {
        at = at < 16 ? 16 : at / 16 * 16;
    }
    free_wrongly(object->p + at, at % 16 == 0 ? KIND(MHEAP_BAD_INTERIOR)
                                              : KIND(MHEAP_BAD_MISALIGNED));
}

static void commit_wild(void) {
    static _Alignas(64) char variable[1024];
    static char *mapping;
    enum { MAPPING = 1 << 20 };

    if (mapping == NULL) {
        mapping =
            mmap(NULL, MAPPING, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        REQUIRE(mapping != MAP_FAILED);
    }
    switch (random_below(&rng, 4)) {
    case 0:
        free_wrongly(variable + random_below(&rng, sizeof(variable)),
                     KIND(MHEAP_BAD_WILD));
        break;
    case 1: // as near to a stack as the system put it
        free_wrongly(mapping + random_below(&rng, MAPPING),
                     KIND(MHEAP_BAD_WILD) | KIND(MHEAP_BAD_STACK));
        break;
    case 2:
        free_wrongly((void *)(uintptr_t)(1 + random_below(&rng, 1 << 20)),
                     KIND(MHEAP_BAD_WILD));
        break;
    default: // the half of the address space that programs do not have
        free_wrongly((void *)(uintptr_t)(random_next(&rng) | UINT64_C(1) << 63),
                     KIND(MHEAP_BAD_WILD));
    }
}

static void commit_stack(void) {
    struct job job = {.kind = FREE_LOCAL};
    uint64_t before = court.reports;

    run_as(any_actor(), &job);
    REQUIRE(court.reports == before + 1);
    convict(job.p, KIND(MHEAP_BAD_STACK));
}

static void commit_one(void) {
    struct object *object = &live[random_below(&rng, NLIVE)];

    switch (random_below(&rng, 8)) {
    case 0:
    case 1:
    case 2:
        commit_double(object);
        break;
    case 3:
    case 4:
        commit_late_double(object);
        break;
    case 5:
        commit_inside(object);
        break;
    case 6:
        commit_wild();
        break;
    default:
        commit_stack();
    }
}

static void check_everything(void) {
    for (size_t i = 0; i < NLIVE; i++) {
        REQUIRE(object_holds(&live[i], live[i].size));
    }
    int broken = mheap_check(mheap_default());
    if (broken != 0) {
        (void)fprintf(stderr, "invariant %d is broken\n", broken);
        exit(EXIT_FAILURE);
    }
}

static void start_workers(void) {
    for (size_t i = 0; i < NWORKERS; i++) {
        struct worker *worker = &workers[i];
        sem_init(&worker->asked, 0, 0);
        sem_init(&worker->done, 0, 0);
        REQUIRE(pthread_create(&worker->thread, NULL, worker_main, worker) ==
                0);
    }
}

static void stop_workers(void) {
    for (size_t i = 0; i < NWORKERS; i++) {
        workers[i].job = NULL;
        sem_post(&workers[i].asked);
        REQUIRE(pthread_join(workers[i].thread, NULL) == 0);
    }
}

static uint64_t argument(int argc, char **argv, const char *name,
                         uint64_t otherwise) {
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return strtoull(argv[i + 1], NULL, 0);
        }
    }
    return otherwise;
}

int main(int argc, char **argv) {
    uint64_t nbad = argument(argc, argv, "--bad", 100000);
    uint64_t seed = argument(argc, argv, "--seed", 1);

    (void)printf("seed %llu\n", (unsigned long long)seed);
    (void)fflush(stdout);
    rng = seed;
    mheap_set_bad_free_handler(on_bad_free, NULL);
    start_workers();
    for (size_t i = 0; i < NLIVE; i++) {
        live[i] = make();
    }
    for (uint64_t i = 0; i < nbad; i++) {
        commit_one();
        if (i % CHECK_EVERY == 0) {
            check_everything();
        }
    }
    check_everything();
    for (size_t i = 0; i < NLIVE; i++) {
        free_rightly(&live[i]);
    }
    stop_workers();

    struct mheap_stats stats;
    mheap_stats(NULL, &stats);
    REQUIRE(court.reports == nbad);
    REQUIRE(stats.bad_frees_total == nbad);
    REQUIRE(stats.in_use_objects == 0);
    (void)printf("%llu bad frees, all caught\n", (unsigned long long)nbad);
    return EXIT_SUCCESS;
}
