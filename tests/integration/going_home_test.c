// going_home_test.c - memory that a program has done with goes back to the
// system while the program sleeps, and nothing else changes for it.

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "run_support.h"

enum {
    SMALL_BYTES = 1000,
    TOTAL_BYTES = 64 << 20,
    NSMALL = TOTAL_BYTES / SMALL_BYTES,
    NLARGE = 16,
    LEFT_KIB = 10 << 10, // what may stay of it
};

static void *small[NSMALL];

static long nthreads(void) {
    return status_of("Threads:");
}

static void sleep_ms(long ms) {
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&time, &time) != 0) {
    }
}

static unsigned nmappings(void) {
    char line[512];
    unsigned n = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    REQUIRE(maps != NULL);
    while (fgets(line, sizeof(line), maps) != NULL) {
        n++;
    }
    (void)fclose(maps);
    return n;
}

static void make_small(void) {
    for (size_t i = 0; i < NSMALL; i++) {
        small[i] = malloc(SMALL_BYTES);
        REQUIRE(small[i] != NULL);
        memset(small[i], 1, SMALL_BYTES);
    }
}

static void free_small(void) {
    for (size_t i = 0; i < NSMALL; i++) {
        free(small[i]);
    }
}

// Waits at most two seconds until so much is resident, without a call.
static bool goes_home(long kib) {
    for (int i = 0; i < 40; i++) {
        sleep_ms(50);
        if (resident_kib() <= kib) {
            return true;
        }
    }
    (void)fprintf(stderr, "%ld KiB resident, %ld wanted\n", resident_kib(),
                  kib);
    return false;
}

static void small_objects_go_home(long before) {
    make_small();
    REQUIRE(resident_kib() >= before + TOTAL_BYTES / 1024);
    free_small();
    REQUIRE(goes_home(before + LEFT_KIB));
}

static void one_large_object_goes_home(long before) {
    char *p = malloc(TOTAL_BYTES);
    REQUIRE(p != NULL);
    memset(p, 1, TOTAL_BYTES);
    free(p);
    REQUIRE(goes_home(before + LEFT_KIB));
}

static void what_is_in_use_stays(void) {
    char *kept[NLARGE], *p[NLARGE];
    for (size_t i = 0; i < NLARGE; i++) {
        kept[i] = malloc(1 << 20);
        p[i] = malloc(1 << 20);
        memset(kept[i], (int)i, 1 << 20);
        memset(p[i], 1, 1 << 20);
    }
    for (size_t i = 0; i < NLARGE; i++) {
        free(p[i]);
    }
    sleep_ms(1500);
    for (size_t i = 0; i < NLARGE; i++) {
        for (size_t at = 0; at < 1 << 20; at += 997) {
            REQUIRE(kept[i][at] == (char)i);
        }
        free(kept[i]);
    }
}

// The library's own thread takes no signals, and a child of fork has none of
// its own until it needs one.
static void signals_and_forks_do_not_meet_it(long before) {
    char path[300];
    DIR *tasks = opendir("/proc/self/task");
    REQUIRE(tasks != NULL);
    for (struct dirent *task = readdir(tasks); task != NULL;
         task = readdir(tasks)) {
        if (task->d_name[0] == '.' || atoi(task->d_name) == getpid()) {
            continue;
        }
        unsigned long long blocked = 0;
        char line[256];
        (void)snprintf(path, sizeof(path), "/proc/self/task/%s/status",
                       task->d_name);
        FILE *status = fopen(path, "r");
        REQUIRE(status != NULL);
        while (fgets(line, sizeof(line), status) != NULL) {
            (void)sscanf(line, "SigBlk: %llx", &blocked);
        }
        (void)fclose(status);
        REQUIRE((blocked & 0x7fffffff) > 0x7ff00000);
    }
    (void)closedir(tasks);

    pid_t child = fork();
    if (child == 0) {
        REQUIRE(nthreads() == 1);
        small_objects_go_home(before);
        REQUIRE(nthreads() == 2);
        _exit(EXIT_SUCCESS);
    }
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

// ---- a thread that made objects, and then never calls again ----------------

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool made, may_end;

static void *make_and_park(void *arg) {
    (void)arg;
    make_small();
    pthread_mutex_lock(&lock);
    made = true;
    pthread_cond_broadcast(&changed);
    while (!may_end) {
        pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
    for (size_t i = 0; i < 1000; i++) { // whatever was taken from it
        free(malloc(SMALL_BYTES));
    }
    return NULL;
}

static void what_a_parked_thread_made_goes_home(long before) {
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, make_and_park, NULL) == 0);
    pthread_mutex_lock(&lock);
    while (!made) {
        pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
    free_small();
    REQUIRE(goes_home(before + LEFT_KIB));
    pthread_mutex_lock(&lock);
    may_end = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    REQUIRE(pthread_join(thread, NULL) == 0);
}

int main(int argc, char **argv) {
    memset(small, 1, sizeof(small)); // its pages are not what is measured
    free(malloc(100));
    REQUIRE(nthreads() == 1); // not before it is needed
    long before = resident_kib();
    unsigned mappings = nmappings();
    if (argc > 1 && strcmp(argv[1], "off") == 0) {
        make_small();
        free_small();
        sleep_ms(1500);
        REQUIRE(nthreads() == 1);
        REQUIRE(resident_kib() >= before + TOTAL_BYTES / 1024 / 2);
        return EXIT_SUCCESS;
    }
    small_objects_go_home(before);
    REQUIRE(nthreads() == 2);
    one_large_object_goes_home(before);
    what_is_in_use_stays();
    signals_and_forks_do_not_meet_it(before);
    what_a_parked_thread_made_goes_home(before);
    // A heap of two arenas, its window, and the stacks of two threads.
    REQUIRE(nmappings() <= mappings + 16);
    return EXIT_SUCCESS;
}
