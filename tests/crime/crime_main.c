// crime_main.c - commits a crime and judges the library.
//
// usage: CRIME --expect    prints what the library must say, and how often
//        CRIME [handler]   commits it, with a handler of its own or without
//
// Exits 0 when the process was allowed to go on and the library's count is
// right. By default it is not allowed to: then getting to the end is failure.

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crime.h"
#include "mheap/mheap.h"

// The same program runs linked to the library and with it preloaded; then the
// loader finds these.
#if CRIME_PRELOADED
#    pragma weak mheap_stats
#    pragma weak mheap_bad_free_name
#    pragma weak mheap_set_bad_free_handler
#endif

static unsigned seen;
static unsigned seen_wrong;

static void see(const struct mheap_bad_free *what, void *context) {
    unsigned *count = context;

    (*count)++;
    if (strcmp(mheap_bad_free_name(what->kind), crime.what) != 0) {
        seen_wrong++;
    }
}

void *crime_alias(void *p) {
    void *volatile hidden = p;
    return hidden;
}

void *crime_at(void *p, ptrdiff_t n) {
    return crime_alias((char *)p + n);
}

struct errand {
    void (*f)(void *arg);
    void *arg;
    sem_t done;
};

static void *run_errand(void *arg) {
    struct errand *errand = arg;
    errand->f(errand->arg);
    return NULL;
}

static void *run_errand_and_park(void *arg) {
    struct errand *errand = arg;
    errand->f(errand->arg);
    sem_post(&errand->done);

    sem_t never;
    sem_init(&never, 0, 0);
    for (;;) {
        (void)sem_wait(&never);
    }
    return NULL;
}

static void need(int error) {
    if (error != 0) {
        fprintf(stderr, "crime: no thread: %s\n", strerror(error));
        exit(EXIT_FAILURE);
    }
}

void crime_in_thread(void (*f)(void *arg), void *arg) {
    struct errand errand = {.f = f, .arg = arg};
    pthread_t thread;
    need(pthread_create(&thread, NULL, run_errand, &errand));
    need(pthread_join(thread, NULL));
}

void crime_then_park(void (*f)(void *arg), void *arg) {
    struct errand errand = {.f = f, .arg = arg};
    pthread_t thread;
    sem_init(&errand.done, 0, 0);
    need(pthread_create(&thread, NULL, run_errand_and_park, &errand));
    need(pthread_detach(thread));
    while (sem_wait(&errand.done) != 0) {
    }
}

static void end_as(int status) {
    if (WIFSIGNALED(status)) {
        signal(WTERMSIG(status), SIG_DFL);
        raise(WTERMSIG(status));
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
}

void crime_in_child(void) {
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        return;
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        _exit(EXIT_FAILURE);
    }
    end_as(status);
}

static int judge(unsigned wanted, unsigned got, unsigned wrong) {
    if (got == wanted && wrong == 0) {
        puts("judged");
        return EXIT_SUCCESS;
    }
    fprintf(stderr, "crime: %u bad frees, %u of another kind; %u expected\n",
            got, wrong, wanted);
    return EXIT_FAILURE;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--expect") == 0) {
        printf("%s\n%u\n", crime.what, crime.times);
        return EXIT_SUCCESS;
    }
    if (argc == 2 && strcmp(argv[1], "handler") == 0) {
        mheap_set_bad_free_handler(see, &seen);
        crime_commit();
        return judge(crime.times, seen, seen_wrong);
    }

    crime_commit();
    if (getenv("MHEAP_BAD_FREE") == NULL) {
        fprintf(stderr, "crime: nobody noticed\n");
        return EXIT_FAILURE;
    }
    struct mheap_stats stats;
    mheap_stats(NULL, &stats);
    return judge(crime.times, (unsigned)stats.bad_frees_total, 0);
}
