// heap_ops_heaps.c - operations on heaps, by other threads, and bad frees.

#include <errno.h>
#include <stddef.h>

#include "core/scav/scavenger.h"
#include "platform/sim/sim.h"
#include "tests/fuzz/heap_ops.h"
#include "tests/fuzz/heap_ops_oracle.h"
#include "tests/support/threads.h"

enum { NACTORS = 2 };

static struct mh_actor actors[NACTORS];

// What an actor allocates.
struct request {
    void *p; // result
    size_t size;
    struct mheap *heap;
};

static void act_malloc(void *arg) {
    struct request *request = arg;
    request->p = mheap_alloc_in(request->heap, request->size);
}

static void act_free(void *arg) {
    mheap_free(arg);
}

static void act_flush(void *arg) {
    (void)arg;
    mheap_thread_flush();
}

// Where there is one thread it does what others would, and there is no remote
// free.
static void ask(struct mh_actor *actor, void (*act)(void *arg), void *arg) {
#if MH_HAVE_THREADS
    mh_actor_do(actor, act, arg);
#else
    (void)actor;
    act(arg);
#endif
}

void ops_end_actors(void) {
    for (size_t i = 0; i < NACTORS; i++) {
        mh_actor_end(&actors[i]);
    }
}

// far_malloc: a: size, b: heap, c: actor.
void ops_do_far_malloc(const struct op *op) {
    struct oracle_object *o = oracle_empty_entry(op->c);
    unsigned heap = oracle_pick_heap(op->b);
    struct request request = {.size = oracle_pick_size(op->a),
                              .heap = oracle.heaps[heap]};
    if (o != NULL) {
        ask(&actors[op->c % NACTORS], act_malloc, &request);
        errno = ENOMEM; // the actor's own
        oracle_note_alloc(o, request.p, request.size, heap);
    }
}

// far_free: a: the first, b: how many, c: actor.
void ops_do_far_free(const struct op *op) {
    struct mh_actor *actor = &actors[op->c % NACTORS];
    for (uint32_t i = 0; i <= op->b % 4; i++) {
        struct oracle_object *o = oracle_any_object(op->a + i * 7);
        if (o != NULL && !o->manual) {
            oracle_require_contents(o, o->size);
            ask(actor, act_free, o->p);
            oracle_note_free(o);
        }
    }
}

void ops_do_far_flush(const struct op *op) {
    ask(&actors[op->c % NACTORS], act_flush, NULL);
}

// far_exit: the actor's thread ends; the next request starts another.
void ops_do_far_exit(const struct op *op) {
    mh_actor_end(&actors[op->c % NACTORS]);
}

void ops_do_flush(const struct op *op) {
    (void)op;
    mheap_thread_flush();
}

void ops_do_release(const struct op *op) {
    (void)op;
    mheap_release();
}

// period: goes by, so that the next call that frees may give memory back.
void ops_do_period(const struct op *op) {
    (void)op;
    oracle.clock_ns += MH_SCAV_PERIOD_NS;
    mh_sim_set_clock(oracle.clock_ns);
}

void ops_do_create(const struct op *op) {
    unsigned heap = 1 + op->a % (ORACLE_HEAPS - 1);
    if (oracle.heaps[heap] == NULL) {
        oracle.heaps[heap] = mheap_create("fuzz");
        OPS_REQUIRE(oracle.heaps[heap] != NULL || oracle.rough);
    }
}

// destroy: with everything in it.
void ops_do_destroy(const struct op *op) {
    unsigned heap = 1 + op->a % (ORACLE_HEAPS - 1);
    if (oracle.heaps[heap] == NULL) {
        return;
    }
    for (size_t i = 0; i < ORACLE_OBJECTS; i++) {
        if (oracle.objects[i].p != NULL && oracle.objects[i].heap == heap) {
            oracle_require_contents(&oracle.objects[i], oracle.objects[i].size);
            oracle_note_free(&oracle.objects[i]);
        }
    }
    mheap_destroy(oracle.heaps[heap]);
    oracle.heaps[heap] = NULL;
}

static bool is_object(const void *p) {
    for (size_t i = 0; i < ORACLE_OBJECTS; i++) {
        if (oracle.objects[i].p == p && !oracle.objects[i].manual) {
            return true;
        }
    }
    return false;
}

// What must not be freed; NULL when there is none of the kind just now.
static void *bad_pointer(const struct op *op) {
    struct oracle_object *o = oracle_any_object(op->b);
    char *p = NULL;
    switch (op->a % 6) {
    case 0:
        p = oracle.freed[op->b % ORACLE_FREED];
        break;
    case 1: // inside an object
        p = o == NULL ? NULL : o->p + 16 * (1 + op->c % (1 + o->size / 16));
        break;
    case 2: // misaligned
        p = o == NULL ? NULL : o->p + 1 + op->c % 15;
        break;
    case 3: // pages that are no object
        p = o == NULL || !o->manual ? NULL : o->p;
        break;
    case 4: // anywhere
        p = (char *)(uintptr_t)((uint64_t)op->b << 32 ^ (uint64_t)op->c << 4);
        break;
    default: // on the stack
        p = (char *)&p;
    }
    return is_object(p) ? NULL : p;
}

// bad_free: a: kind, b and c: which. It is counted, and nothing else happens.
void ops_do_bad_free(const struct op *op) {
    void *p = bad_pointer(op);
    struct mh_actor *actor = &actors[op->c % NACTORS];
    if (p == NULL) {
        return;
    }
    OPS_REQUIRE(mheap_usable_size(p) == 0);
    OPS_REQUIRE(mheap_heap_of(p) == NULL);
    switch (op->c / 16 % 3) {
    case 0:
        ask(actor, act_free, p);
        break;
    case 1:
        errno = 0;
        OPS_REQUIRE(mheap_realloc(p, 100) == NULL);
        OPS_REQUIRE(errno == EINVAL);
        break;
    default:
        mheap_free(p);
    }
    oracle.bad_frees++;
}

// verify: all objects hold what was written.
void ops_do_verify(const struct op *op) {
    (void)op;
    for (size_t i = 0; i < ORACLE_OBJECTS; i++) {
        if (oracle.objects[i].p != NULL) {
            oracle_require_contents(&oracle.objects[i], oracle.objects[i].size);
        }
    }
}

// weather: a: how many of a thousand calls to the system fail from now on.
void ops_do_weather(const struct op *op) {
    static const unsigned rates[] = {0, 0, 0, 30, 300, 1000};
    unsigned rate = rates[op->a % 6];
    mh_sim_fail_rate(rate);
    oracle.rough = rate != 0;
}
