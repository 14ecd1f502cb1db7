// probe_signals.c - malloc and free in a signal's handler.
//
// usage: probe_signals [SECONDS [PERIOD_US]]
//
// A timer of processor time interrupts two threads that allocate and free. The
// handler allocates, keeps some objects for later handlers to free, and fills
// all it gets; everybody looks whether what they hold is still theirs. C and
// POSIX promise nothing here: it is measured what happens.

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "tests/promises/probe.h"

enum { NKEPT = 64, NOWN = 256, WORKERS = 2 };

static _Thread_local struct object kept[NKEPT];
static _Thread_local uint64_t handler_rng;
static _Atomic uint64_t handled, lost;
static atomic_bool stop;

static void look_and_free(struct object *object) {
    if (object->p != NULL && !object_holds(object, object->size)) {
        atomic_fetch_add(&lost, 1);
    }
    free(object->p);
    object->p = NULL;
}

static void renew(struct object *object, uint64_t *rng) {
    look_and_free(object);
    object->size = 1 + random_size(rng, 9);
    object->tag = random_next(rng);
    object->p = malloc(object->size);
    if (object->p != NULL) {
        object_fill(object);
    }
}

static void on_signal(int signal) {
    (void)signal;
    atomic_fetch_add(&handled, 1);
    renew(&kept[random_below(&handler_rng, NKEPT)], &handler_rng);
}

static void *work(void *arg) {
    struct object own[NOWN] = {{0}};
    uint64_t rng = (uintptr_t)arg;

    while (!atomic_load(&stop)) {
        renew(&own[random_below(&rng, NOWN)], &rng);
    }
    for (size_t i = 0; i < NOWN; i++) {
        look_and_free(&own[i]);
    }
    return NULL;
}

int main(int argc, char **argv) {
    unsigned seconds = (unsigned)probe_argument(argc, argv, 1, 3);
    uint64_t period = probe_argument(argc, argv, 2, 100);
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct itimerval timer = {{0, (suseconds_t)period},
                              {0, (suseconds_t)period}};
    pthread_t threads[WORKERS];

    REQUIRE(sigaction(SIGPROF, &action, NULL) == 0);
    for (uintptr_t i = 0; i < WORKERS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, work, (void *)(i + 1)) == 0);
    }
    REQUIRE(setitimer(ITIMER_PROF, &timer, NULL) == 0);
    for (time_t end = time(NULL) + (time_t)seconds; time(NULL) < end;) {
        (void)sleep(1);
    }
    timer = (struct itimerval){{0, 0}, {0, 0}};
    REQUIRE(setitimer(ITIMER_PROF, &timer, NULL) == 0);
    atomic_store(&stop, true);
    for (size_t i = 0; i < WORKERS; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    }
    (void)printf("signals=%llu lost=%llu\n",
                 (unsigned long long)atomic_load(&handled),
                 (unsigned long long)atomic_load(&lost));
    return EXIT_SUCCESS;
}
