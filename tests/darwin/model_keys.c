// model_keys.c - values of threads by key.

#include <pthread.h>

#include "tests/darwin/model.h"

enum { D_EINVAL = 22, D_EAGAIN = 35 };

// xnu:bsd/sys/... limits.h: PTHREAD_DESTRUCTOR_ITERATIONS
enum { ITERATIONS = 4 };

static struct {
    bool made;
    void (*destructor)(void *);
} keys[NKEYS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

// Values lie behind the thread register, which no document promises.
static void **value_of(struct thread *thread, unsigned long key) {
    return machine.keys_apart ? &thread->apart[key] : &thread->values[key];
}

// pthread_key_create.3:58-61: a new key is NULL in every thread; a number is
// not used twice, so it is so by itself. 93-95: there may be none left.
static int d_key_create(unsigned long *out, void (*destructor)(void *)) {
    int result = D_EAGAIN;

    if (machine.no_keys) {
        return result;
    }
    (void)pthread_mutex_lock(&lock);
    for (unsigned long key = FIRST_KEY; key < NKEYS && result != 0; key++) {
        if (!keys[key].made) {
            keys[key].made = true;
            keys[key].destructor = destructor;
            *out = key;
            result = 0;
        }
    }
    (void)pthread_mutex_unlock(&lock);
    return result;
}

// pthread_setspecific.3:82-86.
static int d_setspecific(unsigned long key, void *value) {
    if (key >= NKEYS || !keys[key].made) {
        return D_EINVAL;
    }
    *value_of(thread_self(), key) = value;
    return 0;
}

static void *d_getspecific(unsigned long key) {
    return key < NKEYS && keys[key].made ? *value_of(thread_self(), key) : NULL;
}

// pthread_key_create.3:63-78: rounds of destructors, in no promised order. One
// round goes up, the next down.
void thread_end(struct thread *thread) {
    bool more = true;

    for (unsigned round = 0; round < ITERATIONS && more; round++) {
        more = false;
        for (unsigned i = FIRST_KEY; i < NKEYS; i++) {
            unsigned key = round % 2 == 0 ? i : NKEYS - 1 - (i - FIRST_KEY);
            void *value = *value_of(thread, key);
            if (value != NULL && keys[key].destructor != NULL) {
                *value_of(thread, key) = NULL;
                keys[key].destructor(value);
                more = true;
            }
        }
    }
}

const struct symbol key_symbols[] = {
    {"pthread_key_create", (void *)d_key_create},
    {"pthread_setspecific", (void *)d_setspecific},
    {"pthread_getspecific", (void *)d_getspecific},
    {NULL, NULL},
};
