// run_child.c - starts a program, waits for it, passes signals through.
//
// No handler runs in here: the signals we care for are blocked and fetched one
// by one. The child gets back the mask and dispositions we were started with.

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tools/heapctl/run.h"

// Numbers of descriptors a program may want for itself end below this.
enum { HIGH_DESCRIPTOR = 100, FIRST_DESCRIPTOR = 3 };

// What somebody may send to us and mean for the program.
static const int passed_signals[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,
                                     SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH};

static sigset_t waited_signals(void) {
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    for (size_t i = 0; i < sizeof(passed_signals) / sizeof(int); i++) {
        (void)sigaddset(&set, passed_signals[i]);
    }
    return set;
}

double hc_now_s(void) {
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// Moves fd out of the way of the standard streams, which we may lack, and of
// numbers that scripts use. Stays open across exec unless cloexec.
static int move_high(int fd, bool cloexec) {
    int command = cloexec ? F_DUPFD_CLOEXEC : F_DUPFD;
    int high = fcntl(fd, command, HIGH_DESCRIPTOR);

    if (high < 0) {
        high = fcntl(fd, command, FIRST_DESCRIPTOR);
    }
    int code = errno;
    (void)close(fd);
    errno = code;
    return high;
}

// The memory file of the summary, one page that cannot become more or less: the
// library maps it whole. -1 and errno on failure.
static int make_summary(struct mheap_summary **shared_out) {
    static const struct mheap_summary blank = {
        .magic = MHEAP_SUMMARY_MAGIC,
        .bytes = sizeof(struct mheap_summary),
    };
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    int fd = memfd_create("mheap-summary", MFD_ALLOW_SEALING);

    fd = fd < 0 ? fd : move_high(fd, false);
    if (fd < 0 || ftruncate(fd, (off_t)size) != 0) {
        return -1;
    }
    void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared == MAP_FAILED ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) !=
            0) {
        return -1;
    }
    memcpy(shared, &blank, sizeof(blank));
    *shared_out = shared;
    return fd;
}

// What the child needs between fork and exec, made before.
struct launch {
    char *const *argv;
    int failure_pipe; // closed by a successful exec
    sigset_t mask;    // ours before we blocked anything
    struct sigaction on_child;
};

static void become_program(const struct launch *launch) {
    (void)sigaction(SIGCHLD, &launch->on_child, NULL);
    (void)sigprocmask(SIG_SETMASK, &launch->mask, NULL);
    (void)execvp(launch->argv[0], launch->argv);
    int code = errno;
    ssize_t written = write(launch->failure_pipe, &code, sizeof(code));
    _exit(written == sizeof(code) ? 127 : 126);
}

static bool set_environment(int summary_fd, const char *preload) {
    char number[16];
    char *value = hc_preload_value(getenv("LD_PRELOAD"), preload);

    (void)snprintf(number, sizeof(number), "%d", summary_fd);
    bool done = value != NULL && setenv("LD_PRELOAD", value, 1) == 0 &&
                setenv("MHEAP_SUMMARY_FD", number, 1) == 0;
    free(value);
    return done;
}

static bool failed(struct hc_start_error *error_out, const char *what) {
    *error_out = (struct hc_start_error){.what = what, .code = errno};
    return false;
}

// Forks and waits until the program runs or cannot.
static bool launch_program(struct hc_child *child, struct launch *launch,
                           struct hc_start_error *error_out) {
    int ends[2], code = 0;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return failed(error_out, "pipe");
    }
    ends[0] = move_high(ends[0], true);
    ends[1] = move_high(ends[1], true);
    launch->failure_pipe = ends[1];

    pid_t pid = fork();
    if (pid == 0) {
        become_program(launch);
    }
    int fork_code = errno;
    (void)close(ends[1]);
    ssize_t got = pid > 0 ? read(ends[0], &code, sizeof(code)) : 0;
    (void)close(ends[0]);
    if (pid < 0) {
        errno = fork_code;
        return failed(error_out, "fork");
    }
    child->pid = (uint64_t)pid;
    if (got == sizeof(code)) {
        (void)waitpid(pid, NULL, 0);
        *error_out = (struct hc_start_error){
            .what = launch->argv[0], .code = code, .is_program = true};
        return false;
    }
    return true;
}

bool hc_child_start(struct hc_child *child, char *const *argv,
                    const char *preload, struct hc_start_error *error_out) {
    struct launch launch = {.argv = argv};
    struct sigaction plain;
    sigset_t waited = waited_signals();

    memset(&plain, 0, sizeof(plain));
    plain.sa_handler = SIG_DFL;
    int summary_fd = make_summary(&child->shared);
    if (summary_fd < 0) {
        return failed(error_out, "memory file");
    }
    if (!set_environment(summary_fd, preload)) {
        return failed(error_out, "environment");
    }
    // An ignored SIGCHLD would reap the child before we learn how it ended.
    (void)sigaction(SIGCHLD, &plain, &launch.on_child);
    (void)sigprocmask(SIG_BLOCK, &waited, &launch.mask);
    bool started = launch_program(child, &launch, error_out);
    (void)close(summary_fd);
    // From here on a closed pipe must not end us before the child.
    (void)signal(SIGPIPE, SIG_IGN);
    return started;
}

static bool has_ended(struct hc_child *child) {
    int status;
    pid_t pid;

    do {
        pid = waitpid((pid_t)child->pid, &status, WNOHANG);
    } while (pid < 0 && errno == EINTR);
    if (pid == 0) {
        return false;
    }
    child->end.signalled = pid > 0 && WIFSIGNALED(status);
    child->end.code = pid < 0                ? 1
                      : child->end.signalled ? WTERMSIG(status)
                                             : WEXITSTATUS(status);
    return true;
}

static struct timespec time_left(double until_s) {
    double left = until_s - hc_now_s();

    left = left > 0 ? left : 0;
    time_t whole = (time_t)left;
    return (struct timespec){
        .tv_sec = whole,
        .tv_nsec = (long)((left - (double)whole) * 1e9),
    };
}

bool hc_child_wait(struct hc_child *child, double seconds) {
    double until_s = hc_now_s() + seconds;
    sigset_t waited = waited_signals();

    while (!has_ended(child)) {
        struct timespec left = time_left(until_s);
        siginfo_t info;
        int got = sigtimedwait(&waited, &info, &left);
        if (got < 0 && errno == EAGAIN) {
            return has_ended(child);
        }
        // What the terminal sends, it sends to the program as well.
        if (got > 0 && got != SIGCHLD && info.si_code <= 0) {
            (void)kill((pid_t)child->pid, got);
        }
    }
    return true;
}

struct mheap_summary hc_child_record(const struct hc_child *child) {
    struct mheap_summary record;

    memcpy(&record, child->shared, sizeof(record));
    return record;
}

int hc_child_pass_on(struct hc_child *child) {
    static const struct rlimit no_core = {0, 0};
    struct sigaction plain;
    sigset_t set;

    if (!child->end.signalled) {
        return child->end.code;
    }
    // The program's own core is the one that is wanted.
    (void)setrlimit(RLIMIT_CORE, &no_core);
    memset(&plain, 0, sizeof(plain));
    plain.sa_handler = SIG_DFL;
    (void)sigaction(child->end.code, &plain, NULL);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, child->end.code);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
    (void)raise(child->end.code);
    return 128 + child->end.code; // a signal that could not end us
}
