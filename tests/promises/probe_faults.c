// probe_faults.c - the system refuses one family of calls for good.
//
// usage: probe_faults FAMILY [MIB [SEED]]
//
// A filter of the kernel answers ENOMEM to the family's calls, of all threads,
// from the moment the program has warmed up. Then it asks for up to MIB of
// mixed sizes, frees half, asks again for what it freed, resizes, and compares
// the contents of everything. brk is no part of any family: the C library takes
// the kernel's answer to it for an address.

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/promises/probe.h"

enum { MOST = 1 << 16, WARM = 2000, MAX_CALLS = 5 };

static const struct family {
    const char *name;
    int calls[MAX_CALLS];
    size_t ncalls;
} families[] = {
    {"none", {0}, 0},
    {"mmap", {SYS_mmap, SYS_mremap}, 2},
    {"mprotect", {SYS_mprotect}, 1},
    {"madvise", {SYS_madvise}, 1},
    {"munmap", {SYS_munmap}, 1},
    {"all", {SYS_mmap, SYS_mremap, SYS_mprotect, SYS_madvise, SYS_munmap}, 5},
};

static struct object objects[MOST];
static size_t nobjects;
static uint64_t rng = 1;
static size_t corrupt;

// The first instruction loads the number of the call; one per call compares it.
static void refuse(const struct family *family) {
    struct sock_filter code[MAX_CALLS + 3];
    unsigned short n = 0;
    unsigned char left = (unsigned char)family->ncalls;

    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                             offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < family->ncalls; i++, left--) {
        code[n++] = (struct sock_filter)BPF_JUMP(
            BPF_JMP | BPF_JEQ | BPF_K, (unsigned)family->calls[i], left, 0);
    }
    code[n++] =
        (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[n++] = (struct sock_filter)BPF_STMT(
        BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (ENOMEM & SECCOMP_RET_DATA));
    struct sock_fprog program = {n, code};
    REQUIRE(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    REQUIRE(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                    SECCOMP_FILTER_FLAG_TSYNC, &program) == 0);
}

static size_t mixed_size(void) {
    static const unsigned bits[] = {6, 8, 10, 12, 15, 18, 21};
    return 1 + random_size(&rng, bits[random_below(&rng, 7)]);
}

// Makes one object of the size; false when it is not to be had.
static bool make(struct object *object, size_t size) {
    object->p = malloc(size);
    if (object->p == NULL) {
        REQUIRE(errno == ENOMEM);
        return false;
    }
    object->size = size;
    object->tag = random_next(&rng);
    object_fill(object);
    return true;
}

static void drop(struct object *object) {
    corrupt += object_holds(object, object->size) ? 0 : 1;
    free(object->p);
    object->p = NULL;
}

// Bytes got: as many as are wanted, or until the system has refused often.
static size_t fill(size_t bytes) {
    size_t got = 0;

    for (size_t refused = 0; got < bytes && nobjects < MOST && refused < 200;) {
        if (make(&objects[nobjects], mixed_size())) {
            got += objects[nobjects++].size;
        } else {
            refused++;
        }
    }
    return got;
}

// Frees every second object and asks for the same sizes again: what percentage
// of the bytes is given again.
static unsigned reuse(void) {
    size_t freed = 0, again = 0;

    for (size_t i = 0; i < nobjects; i += 2) {
        freed += objects[i].size;
        drop(&objects[i]);
    }
    for (size_t i = 0; i < nobjects; i += 2) {
        again += make(&objects[i], objects[i].size) ? objects[i].size : 0;
    }
    return freed == 0 ? 100 : (unsigned)(again * 100 / freed);
}

static void resize(void) {
    for (size_t i = 0; i < nobjects; i += 3) {
        struct object *object = &objects[i];
        size_t size = mixed_size();
        unsigned char *p = object->p == NULL ? NULL : realloc(object->p, size);
        if (p != NULL) {
            object->p = p;
            size_t kept = size < object->size ? size : object->size;
            corrupt += object_holds(object, kept) ? 0 : 1;
            object->size = size;
            object_fill(object);
        }
    }
}

int main(int argc, char **argv) {
    const struct family *family = NULL;
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        if (argc > 1 && strcmp(argv[1], families[i].name) == 0) {
            family = &families[i];
        }
    }
    REQUIRE(family != NULL);
    size_t bytes = probe_argument(argc, argv, 2, 200) * PROBE_MIB;
    rng = probe_argument(argc, argv, 3, 1);

    for (size_t i = 0; i < WARM; i++) {
        free(malloc(mixed_size()));
    }
    refuse(family);
    size_t got = fill(bytes);
    unsigned reused = reuse();
    resize();
    for (size_t i = 0; i < nobjects; i++) {
        if (objects[i].p != NULL) {
            drop(&objects[i]);
        }
    }
    (void)printf("got_mib=%zu reused_percent=%u corrupt=%zu\n", got / PROBE_MIB,
                 reused, corrupt);
    return EXIT_SUCCESS;
}
