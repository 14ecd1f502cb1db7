// pthread.h - the pthread_... subroutines of IBM's "Technical Reference: Base
// Operating System".

#ifndef MHEAP_TESTS_AIX_INCLUDE_PTHREAD_H
#define MHEAP_TESTS_AIX_INCLUDE_PTHREAD_H

#include <signal.h>
#include <sys/types.h>
#include <time.h>

// rust-lang/libc, src/unix/aix/powerpc64.rs.
#define PTHREAD_MUTEX_INITIALIZER \
    {                             \
        { 0, 2 }                  \
    }
#define PTHREAD_COND_INITIALIZER \
    {                            \
        { 0, 0, 0, 0, 2 }        \
    }
// golang/go, src/runtime/defs_aix_ppc64.go.
#define PTHREAD_CREATE_DETACHED 1
// "pthread_setcancelstate ... Subroutines": the value for no.
#define PTHREAD_CANCEL_DISABLE 0

int pthread_atfork(void (*prepare)(void), void (*parent)(void),
                   void (*child)(void));
int pthread_attr_init(pthread_attr_t *attr);
int pthread_attr_destroy(pthread_attr_t *attr);
int pthread_attr_setdetachstate(pthread_attr_t *attr, int state);
int pthread_attr_setstacksize(pthread_attr_t *attr, size_t size);
int pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                   void *(*start)(void *), void *arg);
int pthread_key_create(pthread_key_t *key, void (*destructor)(void *));
int pthread_setspecific(pthread_key_t key, const void *value);
int pthread_setcancelstate(int state, int *before);
int pthread_mutex_lock(pthread_mutex_t *mutex);
int pthread_mutex_unlock(pthread_mutex_t *mutex);
int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                           const struct timespec *until);
int pthread_cond_broadcast(pthread_cond_t *cond);

#endif // MHEAP_TESTS_AIX_INCLUDE_PTHREAD_H
