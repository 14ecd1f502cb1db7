// model_threads.c - POSIX threads as Darwin has them, on those of the host.

#include <asm/prctl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/darwin/model.h"

// xnu:bsd/sys/errno.h; the numbers are Linux's up to 34.
enum { D_ESRCH = 3, D_EINVAL = 22, D_EAGAIN = 35 };

// libpthread:include/pthread/pthread.h
enum { D_JOINABLE = 1, D_DETACHED = 2, D_STACK_MIN = 16384 };
enum { D_CANCEL_ENABLE = 1 };

// What a pthread_attr_t holds here; the program has 64 bytes for one.
struct attributes {
    size_t stack;
    int detached;
};

static struct thread first;
static uint64_t last_id = 1;

static void take_register(struct thread *thread) {
    (void)syscall(SYS_arch_prctl, ARCH_SET_GS, thread);
    thread->values[0] = thread;
    thread->id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
    thread->host = pthread_self();
}

void thread_first(void) {
    take_register(&first);
}

struct thread *thread_self(void) {
    struct thread *self;

    __asm__ volatile("movq %%gs:0, %0" : "=r"(self));
    return self;
}

static void *thread_main(void *arg) {
    struct thread *thread = arg;

    take_register(thread);
    thread->result = thread->start(thread->arg);
    thread_end(thread);
    return NULL;
}

static int d_attr_init(struct attributes *attr) {
    attr->stack = 512 * 1024;
    attr->detached = D_JOINABLE;
    return 0;
}

static int d_attr_destroy(struct attributes *attr) {
    memset(attr, 0xdb, sizeof(*attr));
    return 0;
}

static int d_attr_setdetachstate(struct attributes *attr, int state) {
    attr->detached = state;
    return state == D_JOINABLE || state == D_DETACHED ? 0 : D_EINVAL;
}

// pthread_attr_set_getstacksize.3:61-68.
static int d_attr_setstacksize(struct attributes *attr, size_t size) {
    if (size < D_STACK_MIN || size % machine.page != 0) {
        return D_EINVAL;
    }
    attr->stack = size;
    return 0;
}

// The thread's own memory is never given back: a joined one may be asked for.
static int d_create(struct thread **out, const struct attributes *attr,
                    void *(*start)(void *), void *arg) {
    struct thread *thread = calloc(1, sizeof(*thread));
    pthread_attr_t host;
    pthread_t id;

    if (thread == NULL) {
        return D_EAGAIN;
    }
    macho_thread_locals(thread);
    thread->start = start;
    thread->arg = arg;
    (void)pthread_attr_init(&host);
    if (attr != NULL && attr->detached == D_DETACHED) {
        (void)pthread_attr_setdetachstate(&host, PTHREAD_CREATE_DETACHED);
    }
    int code = pthread_create(&id, &host, thread_main, thread);
    (void)pthread_attr_destroy(&host);
    thread->host = id;
    *out = thread;
    return code != 0 ? D_EAGAIN : 0;
}

static int d_join(struct thread *thread, void **result) {
    int code = pthread_join(thread->host, NULL);

    if (result != NULL) {
        *result = thread->result;
    }
    return code != 0 ? D_ESRCH : 0;
}

// pthread_threadid_np.3:39-55.
static int d_threadid(const struct thread *thread, uint64_t *out) {
    if (out == NULL) {
        return D_EINVAL;
    }
    *out = thread != NULL ? thread->id : thread_self()->id;
    return 0;
}

static int d_setcancelstate(int state, int *old) {
    int host = 0;
    int code = pthread_setcancelstate(state == D_CANCEL_ENABLE
                                          ? PTHREAD_CANCEL_ENABLE
                                          : PTHREAD_CANCEL_DISABLE,
                                      &host);

    if (old != NULL) {
        *old = host == PTHREAD_CANCEL_ENABLE ? D_CANCEL_ENABLE : 0;
    }
    return code;
}

const struct symbol thread_symbols[] = {
    {"pthread_attr_init", (void *)d_attr_init},
    {"pthread_attr_destroy", (void *)d_attr_destroy},
    {"pthread_attr_setdetachstate", (void *)d_attr_setdetachstate},
    {"pthread_attr_setstacksize", (void *)d_attr_setstacksize},
    {"pthread_create", (void *)d_create},
    {"pthread_join", (void *)d_join},
    {"pthread_self", (void *)thread_self},
    {"pthread_threadid_np", (void *)d_threadid},
    {"pthread_setcancelstate", (void *)d_setcancelstate},
    {"pthread_atfork", (void *)pthread_atfork},
    {NULL, NULL},
};
