// model_signals.c - signals by Darwin's numbers, and jumping out of handlers.

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/darwin/model.h"

// xnu:bsd/sys/signal.h, from 1 on; 7 and 29 are signals that Linux lacks.
enum { D_NSIG = 32, D_SIGBUS = 10, D_EINVAL = 22 };
static const int host_signals[D_NSIG] = {
    0,       SIGHUP,  SIGINT,    SIGQUIT, SIGILL,   SIGTRAP, SIGABRT, 0,
    SIGFPE,  SIGKILL, SIGBUS,    SIGSEGV, SIGSYS,   SIGPIPE, SIGALRM, SIGTERM,
    SIGURG,  SIGSTOP, SIGTSTP,   SIGCONT, SIGCHLD,  SIGTTIN, SIGTTOU, SIGIO,
    SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGWINCH, 0,       SIGUSR1, SIGUSR2};

// struct sigaction of the same header.
struct d_sigaction {
    void (*handler)(int number, void *info, void *context);
    uint32_t mask;
    int flags;
};
enum { D_RESTART = 0x2, D_NODEFER = 0x10, D_SI_USER = 0x10001 };

// struct __siginfo of the same header.
struct d_siginfo {
    int number, error, code, process;
    unsigned user;
    int status;
    void *address, *value;
    long band;
    unsigned long padding[7];
};

static struct d_sigaction actions[D_NSIG];

static int darwin_signal(int host) {
    for (int i = 1; i < D_NSIG; i++) {
        if (host_signals[i] == host) {
            return i;
        }
    }
    return 0;
}

static sigset_t host_set(uint32_t mask) {
    sigset_t set;

    sigemptyset(&set);
    for (int i = 1; i < D_NSIG; i++) {
        if ((mask & 1u << (i - 1)) != 0 && host_signals[i] != 0) {
            sigaddset(&set, host_signals[i]);
        }
    }
    return set;
}

static uint32_t darwin_set(const sigset_t *set) {
    uint32_t mask = 0;

    for (int i = 1; i < D_NSIG; i++) {
        if (host_signals[i] != 0 && sigismember(set, host_signals[i]) == 1) {
            mask |= 1u << (i - 1);
        }
    }
    return mask;
}

// mprotect.2:83: memory without access gives one of two signals. Memory that is
// there gives the one that Linux has for other things.
static void on_signal(int host, siginfo_t *info, void *context) {
    int number = darwin_signal(host);
    struct d_siginfo shown = {.number = number};

    if (host == SIGSEGV && memory_holds(info->si_addr)) {
        number = D_SIGBUS;
    }
    shown.number = number;
    shown.address = info->si_addr;
    shown.code = info->si_code <= 0 ? D_SI_USER : info->si_code;
    actions[number].handler(number, &shown, context);
}

// Both of the signals for memory come here as one of the host's.
static int set_host_action(int number) {
    const struct d_sigaction *action = &actions[number];
    struct sigaction host;

    memset(&host, 0, sizeof(host));
    host.sa_mask = host_set(action->mask);
    host.sa_flags = (action->flags & D_RESTART) != 0 ? SA_RESTART : 0;
    host.sa_flags |= (action->flags & D_NODEFER) != 0 ? SA_NODEFER : 0;
    if ((uintptr_t)action->handler <= 1) { // default, and to be ignored
        host.sa_handler = (void (*)(int))(uintptr_t)action->handler;
    } else {
        host.sa_sigaction = on_signal;
        host.sa_flags |= SA_SIGINFO;
    }
    return sigaction(host_signals[number], &host, NULL);
}

static int d_sigaction(int number, const struct d_sigaction *action,
                       struct d_sigaction *old) {
    if (number <= 0 || number >= D_NSIG || host_signals[number] == 0) {
        return fail(D_EINVAL);
    }
    if (old != NULL) {
        *old = actions[number];
    }
    if (action == NULL) {
        return 0;
    }
    actions[number] = *action;
    return (int)done(set_host_action(number));
}

static void *d_signal(int number, void *handler) {
    struct d_sigaction action = {
        .handler = (void (*)(int, void *, void *))handler, .flags = D_RESTART};
    struct d_sigaction old;

    return d_sigaction(number, &action, &old) == 0 ? (void *)old.handler
                                                   : (void *)-1;
}

static int d_pthread_sigmask(int how, const uint32_t *mask, uint32_t *old) {
    static const int hows[] = {0, SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK};
    sigset_t set, before;

    if (how < 1 || how > 3) {
        return D_EINVAL;
    }
    if (mask != NULL) {
        set = host_set(*mask);
    }
    int code = pthread_sigmask(hows[how], mask != NULL ? &set : NULL, &before);
    if (old != NULL) {
        *old = darwin_set(&before);
    }
    return code;
}

static int d_sigprocmask(int how, const uint32_t *mask, uint32_t *old) {
    int code = d_pthread_sigmask(how, mask, old);

    return code == 0 ? 0 : fail(code);
}

static int d_raise(int number) {
    return number > 0 && number < D_NSIG
               ? (int)done(raise(host_signals[number]))
               : fail(D_EINVAL);
}

// The number of the signal that ended a child is in the low bits of both.
static int d_waitpid(int pid, int *status, int options) {
    int host = 0;
    int child = (int)done(waitpid(pid, &host, options));

    if (child > 0 && WIFSIGNALED(host)) {
        host = (host & ~0x7f) | darwin_signal(WTERMSIG(host));
    }
    if (status != NULL) {
        *status = host;
    }
    return child;
}

// sigsetjmp keeps eight registers and the signals that are blocked, in the
// program's buffer of 148 bytes and more.
struct jump {
    uint64_t registers[8];
    uint32_t mask;
    int has_mask;
};

void jump_note_mask(struct jump *jump, int with_mask);
void jump_note_mask(struct jump *jump, int with_mask) {
    jump->has_mask = with_mask;
    if (with_mask) {
        (void)d_pthread_sigmask(1, NULL, &jump->mask);
    }
}

void jump_take_mask(struct jump *jump);
void jump_take_mask(struct jump *jump) {
    if (jump->has_mask) {
        (void)d_pthread_sigmask(3, &jump->mask, NULL);
    }
}

int d_sigsetjmp(struct jump *jump, int with_mask);
void d_siglongjmp(struct jump *jump, int value);
__asm__("d_sigsetjmp:\n"
        "    movq %rbx, (%rdi)\n"
        "    movq %rbp, 8(%rdi)\n"
        "    movq %r12, 16(%rdi)\n"
        "    movq %r13, 24(%rdi)\n"
        "    movq %r14, 32(%rdi)\n"
        "    movq %r15, 40(%rdi)\n"
        "    leaq 8(%rsp), %rax\n"
        "    movq %rax, 48(%rdi)\n"
        "    movq (%rsp), %rax\n"
        "    movq %rax, 56(%rdi)\n"
        "    subq $8, %rsp\n"
        "    call jump_note_mask\n"
        "    addq $8, %rsp\n"
        "    xorl %eax, %eax\n"
        "    ret\n"
        "d_siglongjmp:\n"
        "    pushq %rdi\n"
        "    pushq %rsi\n"
        "    subq $8, %rsp\n"
        "    call jump_take_mask\n"
        "    addq $8, %rsp\n"
        "    popq %rax\n"
        "    popq %rdi\n"
        "    movq (%rdi), %rbx\n"
        "    movq 8(%rdi), %rbp\n"
        "    movq 16(%rdi), %r12\n"
        "    movq 24(%rdi), %r13\n"
        "    movq 32(%rdi), %r14\n"
        "    movq 40(%rdi), %r15\n"
        "    movq 48(%rdi), %rsp\n"
        "    testl %eax, %eax\n"
        "    jne 1f\n"
        "    incl %eax\n"
        "1:  jmpq *56(%rdi)\n");

const struct symbol signal_symbols[] = {
    {"sigaction", (void *)d_sigaction},
    {"signal", (void *)d_signal},
    {"pthread_sigmask", (void *)d_pthread_sigmask},
    {"sigprocmask", (void *)d_sigprocmask},
    {"raise", (void *)d_raise},
    {"waitpid", (void *)d_waitpid},
    {"sigsetjmp", (void *)d_sigsetjmp},
    {"siglongjmp", (void *)d_siglongjmp},
    {NULL, NULL},
};
