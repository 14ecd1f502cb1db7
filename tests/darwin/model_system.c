// model_system.c - errno, files, clocks, limits, and what needs no model.

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "tests/darwin/model.h"

enum { D_EINVAL = 22 };

// xnu:bsd/sys/errno.h: alike up to 34, but for two.
int darwin_errno(int code) {
    static const struct {
        int linux_code, darwin_code;
    } table[] = {{EAGAIN, 35},    {EDEADLK, 11},   {EINPROGRESS, 36},
                 {ENOTSUP, 45},   {ETIMEDOUT, 60}, {ENAMETOOLONG, 63},
                 {ENOTEMPTY, 66}, {ENOLCK, 77},    {ENOSYS, 78},
                 {EOVERFLOW, 84}, {ECANCELED, 89}};

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].linux_code == code) {
            return table[i].darwin_code;
        }
    }
    return code <= 34 ? code : D_EINVAL;
}

long done(long result) {
    if (result == -1) {
        thread_self()->error = darwin_errno(errno);
    }
    return result;
}

int fail(int code) {
    thread_self()->error = code;
    return -1;
}

static int *d_error(void) {
    return &thread_self()->error;
}

static long d_read(int fd, void *buffer, size_t size) {
    return done(read(fd, buffer, size));
}
static long d_write(int fd, const void *buffer, size_t size) {
    return done(write(fd, buffer, size));
}
static int d_close(int fd) {
    return (int)done(close(fd));
}
static int d_dup(int fd) {
    return (int)done(dup(fd));
}
static int d_dup2(int from, int to) {
    return (int)done(dup2(from, to));
}
static int d_pipe(int *ends) {
    return (int)done(pipe(ends));
}
static int d_fork(void) {
    return (int)done(fork());
}
static int d_usleep(unsigned us) {
    return (int)done(usleep(us));
}
static int d_getentropy(void *buffer, size_t size) {
    return (int)done(getentropy(buffer, size));
}

static int d_nanosleep(const struct timespec *nap, struct timespec *left) {
    return (int)done(nanosleep(nap, left));
}

// xnu:bsd/sys/stat.h, of which three fields are asked for.
struct d_stat {
    int32_t device;
    uint16_t mode, links;
    uint64_t inode;
    unsigned char between[80];
    int64_t size;
    unsigned char rest[40];
};

static int d_fstat(int fd, struct d_stat *out) {
    struct stat host;
    int result = (int)done(fstat(fd, &host));

    if (result == 0) {
        memset(out, 0, sizeof(*out));
        out->mode = (uint16_t)host.st_mode;
        out->inode = host.st_ino;
        out->size = host.st_size;
    }
    return result;
}

// <time.h>: the numbers of the clocks that only go forward.
static int d_clock_gettime(int clock, struct timespec *out) {
    switch (clock) {
    case 0:
        return (int)done(clock_gettime(CLOCK_REALTIME, out));
    case 4:
        return (int)done(clock_gettime(CLOCK_MONOTONIC_RAW, out));
    case 6:
        return (int)done(clock_gettime(CLOCK_MONOTONIC, out));
    default:
        return fail(D_EINVAL);
    }
}

// struct itimerval with the narrower microseconds of xnu:bsd/sys/_types.
struct d_time {
    long seconds;
    int32_t us, filler;
};

static int d_setitimer(int which, const struct d_time *now,
                       struct d_time *old) {
    struct itimerval host = {{now[0].seconds, now[0].us},
                             {now[1].seconds, now[1].us}};

    if (which != 0 || old != NULL) {
        return fail(D_EINVAL);
    }
    return (int)done(setitimer(ITIMER_REAL, &host, NULL));
}

// xnu:bsd/sys/resource.h: addresses are the fifth; no limit is the largest
// number with a sign.
enum { D_RLIMIT_AS = 5 };
#define D_INFINITY ((UINT64_C(1) << 63) - 1)

static int d_getrlimit(int resource, uint64_t *limits) {
    struct rlimit host;

    if (resource != D_RLIMIT_AS) {
        return fail(D_EINVAL);
    }
    (void)getrlimit(RLIMIT_AS, &host);
    limits[0] = host.rlim_cur == RLIM_INFINITY ? D_INFINITY : host.rlim_cur;
    limits[1] = host.rlim_max == RLIM_INFINITY ? D_INFINITY : host.rlim_max;
    return 0;
}

static int d_setrlimit(int resource, const uint64_t *limits) {
    struct rlimit host = {limits[0] == D_INFINITY ? RLIM_INFINITY : limits[0],
                          limits[1] == D_INFINITY ? RLIM_INFINITY : limits[1]};

    return resource == D_RLIMIT_AS ? (int)done(setrlimit(RLIMIT_AS, &host))
                                   : fail(D_EINVAL);
}

// <unistd.h>: the size of a page.
static long d_sysconf(int name) {
    return name == 29 ? (long)machine.page : fail(D_EINVAL);
}

static int d_issetugid(void) {
    return geteuid() != getuid() || getegid() != getgid();
}

static char ***d_nsgetenviron(void) {
    return &environ;
}

// What compilers put into a program that asks for the system's version.
static bool d_version_check(uint32_t n, const void *versions) {
    (void)n;
    (void)versions;
    return true;
}

static int d_cxa_atexit(void (*function)(void *), void *arg, void *image) {
    extern int __cxa_atexit(void (*)(void *), void *, void *);
    (void)image;
    return __cxa_atexit(function, arg, NULL);
}

// brk.2: a relic; where it points is of use to nobody.
static void *d_sbrk(int more) {
    static char relic[4096];

    return more == 0 ? relic : (void *)(intptr_t)fail(12);
}

#define AS_IT_IS(name) \
    { #name, (void *)(name) }

const struct symbol system_symbols[] = {
    {"__error", (void *)d_error},
    {"read", (void *)d_read},
    {"write", (void *)d_write},
    {"close", (void *)d_close},
    {"dup", (void *)d_dup},
    {"dup2", (void *)d_dup2},
    {"pipe", (void *)d_pipe},
    {"fork", (void *)d_fork},
    {"usleep", (void *)d_usleep},
    {"nanosleep", (void *)d_nanosleep},
    {"getentropy", (void *)d_getentropy},
    {"fstat$INODE64", (void *)d_fstat},
    {"clock_gettime", (void *)d_clock_gettime},
    {"setitimer", (void *)d_setitimer},
    {"getrlimit", (void *)d_getrlimit},
    {"setrlimit", (void *)d_setrlimit},
    {"sysconf", (void *)d_sysconf},
    {"sbrk", (void *)d_sbrk},
    {"issetugid", (void *)d_issetugid},
    {"_NSGetEnviron", (void *)d_nsgetenviron},
    {"_availability_version_check", (void *)d_version_check},
    {"__cxa_atexit", (void *)d_cxa_atexit},
    {"__bzero", (void *)bzero},
    AS_IT_IS(_Exit),
    AS_IT_IS(_exit),
    AS_IT_IS(abort),
    AS_IT_IS(alarm),
    AS_IT_IS(atexit),
    AS_IT_IS(exit),
    AS_IT_IS(getenv),
    AS_IT_IS(geteuid),
    AS_IT_IS(getpid),
    AS_IT_IS(memchr),
    AS_IT_IS(memcmp),
    AS_IT_IS(memcpy),
    AS_IT_IS(memmove),
    AS_IT_IS(memset),
    AS_IT_IS(sched_yield),
    AS_IT_IS(setenv),
    AS_IT_IS(strcmp),
    AS_IT_IS(strlen),
    AS_IT_IS(strncmp),
    AS_IT_IS(strstr),
    AS_IT_IS(unsetenv),
    {NULL, NULL},
};
