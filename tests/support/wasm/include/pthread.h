// pthread.h - what tests use of POSIX threads, where the C library has none.
//
// A test that gets as far as to ask for a second thread, or for anything that
// only threads need, ends there and is left out by name (self.h): so a program
// of tests is built whole, and what needs one thread runs.

#ifndef MHEAP_TESTS_SUPPORT_WASM_INCLUDE_PTHREAD_H
#define MHEAP_TESTS_SUPPORT_WASM_INCLUDE_PTHREAD_H

#include <stddef.h>
#include <sys/types.h> // has the types all the same

#define PTHREAD_MUTEX_INITIALIZER \
    {                             \
        {                         \
            { 0 }                 \
        }                         \
    }
#define PTHREAD_COND_INITIALIZER PTHREAD_MUTEX_INITIALIZER
#define PTHREAD_STACK_MIN        65536

// mh_needs_threads ends the test.
int mh_needs_threads(const void *what);

#define pthread_create(thread, attr, main, arg) \
    ((void)(thread), (void)(arg), mh_needs_threads((const void *)(main)))
#define pthread_self()                  mh_needs_threads(NULL)
#define pthread_join(thread, result)    mh_needs_threads(&(thread))
#define pthread_key_create(key, end)    ((void)(end), mh_needs_threads(key))
#define pthread_setspecific(key, value) mh_needs_threads(value)
#define pthread_mutex_lock(mutex)       mh_needs_threads(mutex)
#define pthread_mutex_unlock(mutex)     mh_needs_threads(mutex)
#define pthread_cond_wait(cond, mutex)  mh_needs_threads(cond)
#define pthread_cond_signal(cond)       mh_needs_threads(cond)
#define pthread_cond_broadcast(cond)    mh_needs_threads(cond)

#endif // MHEAP_TESTS_SUPPORT_WASM_INCLUDE_PTHREAD_H
