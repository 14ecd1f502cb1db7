// guards_run.c - one mistake with a sampled object, by name, for
// guards_test.py.
//
// Prints where its functions are that allocate and free, as ranges of code, so
// that a report's stacks can be looked at. Exits with 0 when nothing stopped
// it.

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 100, SLOT = 112, PAGE = 8192, ROUNDS = 10000, BATCH = 1000 };

// volatile: compilers know these two, and would warn, or leave out what is the
// test.
static void *(*volatile take)(size_t size) = malloc;
static void (*volatile give)(void *p) = free;

__attribute__((noinline)) static char *make_object(void) {
    char *p = take(SIZE);
    __asm__ volatile("" : : "r"(p) : "memory"); // no jump in place of a call
    return p;
}

__attribute__((noinline)) static void drop_object(char *p) {
    give(p);
    __asm__ volatile("" : : : "memory");
}

// Sampled objects have the bytes that were asked for, others their slot's.
// Where in a page they begin tells at which end they lie.
static char *find_in_batch(uintptr_t in_page) {
    char *batch[BATCH];
    char *found = NULL;
    for (int i = 0; i < BATCH; i++) {
        batch[i] = make_object();
    }
    for (int i = 0; i < BATCH; i++) {
        if (found == NULL && malloc_usable_size(batch[i]) == SIZE &&
            (uintptr_t)batch[i] % PAGE == in_page) {
            found = batch[i];
        } else {
            drop_object(batch[i]);
        }
    }
    return found;
}

static char *find(uintptr_t in_page) {
    for (int i = 0; i < ROUNDS; i++) {
        char *p = find_in_batch(in_page);
        if (p != NULL) {
            return p;
        }
    }
    (void)fprintf(stderr, "none was sampled\n");
    exit(3);
}

static char *find_left(void) {
    return find(0);
}

static char *find_right(void) {
    return find(PAGE - SLOT);
}

static volatile char sink;

static void read_behind(void) {
    sink = find_right()[SLOT];
}

static void write_behind(void) {
    find_right()[SLOT + 3] = 'x';
}

static void write_before(void) {
    find_left()[-1] = 'x';
}

static void read_freed(void) {
    char *p = find_left();
    drop_object(p);
    sink = p[5];
}

static void write_freed(void) {
    char *p = find_right();
    drop_object(p);
    p[5] = 'x';
}

static void free_twice(void) {
    char *p = find_right();
    drop_object(p);
    drop_object(p);
}

static void free_inside(void) {
    drop_object(find_right() + 16);
}

static void write_a_little_behind(void) {
    char *p = find_right();
    p[SIZE] = 'x';
    drop_object(p);
}

static void *drop_in_thread(void *p) {
    (void)printf("other %ld\n", syscall(SYS_gettid));
    drop_object(p);
    return NULL;
}

static void read_freed_by_another(void) {
    pthread_t thread;
    char *p = find_left();
    (void)pthread_create(&thread, NULL, drop_in_thread, p);
    (void)pthread_join(thread, NULL);
    sink = p[5];
}

static void read_freed_in_child(void) {
    char *p = find_left();
    int status = 0;
    if (fork() == 0) {
        drop_object(p);
        sink = p[5];
        _exit(0);
    }
    (void)wait(&status);
    drop_object(p);
    if (WIFSIGNALED(status)) {
        (void)raise(WTERMSIG(status));
    }
}

static void leave(int number) {
    (void)number;
    _exit(42);
}

// The program's handler was there before the pool was.
static void handle_and_read_freed(void) {
    (void)signal(SIGSEGV, leave);
    read_freed();
}

// The program's handler takes the place of the library's.
static void read_freed_and_handle(void) {
    char *p = find_left();
    drop_object(p);
    (void)signal(SIGSEGV, leave);
    sink = p[5];
}

static void trap_elsewhere(void) {
    volatile uintptr_t nowhere = 64;
    (void)find_left();
    sink = *(volatile char *)nowhere;
}

// Until there is something to read.
static void stay(void) {
    (void)printf("object %p\n", (void *)find_right());
    (void)fflush(stdout);
    (void)getchar();
}

static const struct {
    const char *name;
    void (*commit)(void);
} mistakes[] = {
    {"read_behind", read_behind},
    {"write_behind", write_behind},
    {"write_before", write_before},
    {"read_freed", read_freed},
    {"write_freed", write_freed},
    {"free_twice", free_twice},
    {"free_inside", free_inside},
    {"write_a_little_behind", write_a_little_behind},
    {"read_freed_by_another", read_freed_by_another},
    {"read_freed_in_child", read_freed_in_child},
    {"handle_and_read_freed", handle_and_read_freed},
    {"read_freed_and_handle", read_freed_and_handle},
    {"trap_elsewhere", trap_elsewhere},
    {"stay", stay},
};

int main(int argc, char **argv) {
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)printf("make %p\ndrop %p\nthread %ld\n",
                 (void *)(uintptr_t)make_object, (void *)(uintptr_t)drop_object,
                 syscall(SYS_gettid));
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
        if (argc == 2 && strcmp(argv[1], mistakes[i].name) == 0) {
            mistakes[i].commit();
            return 0;
        }
    }
    (void)fprintf(stderr, "usage: guards_run MISTAKE\n");
    return 2;
}
