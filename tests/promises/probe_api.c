// probe_api.c - every size with every alignment through every call.
//
// usage: probe_api [STEP]
//
// Sizes from 0 to 1 MiB, each STEP-th and both neighbours of every power of
// two; alignments from 1 to 1 GiB; and the cases that must be refused. What is
// got must be aligned, as large as asked for, writable to the last usable byte,
// zero where calloc promises it, and errno must be kept by free and set by
// refusals as C and POSIX say. Each difference is printed; their number counts.

#include <errno.h>
#include <malloc.h>
#include <stddef.h>

#include "tests/promises/probe.h"

enum { MAX_ALIGN_SHIFT = 30, KEPT = 4711 };

static size_t cases, differences;
static volatile size_t huge = SIZE_MAX; // unseen by the compiler

static void judge(bool fine, const char *what, size_t size, size_t align) {
    cases++;
    if (!fine) {
        differences++;
        (void)fprintf(stderr, "differs: %s, size %zu, alignment %zu\n", what,
                      size, align);
    }
}

// The first and last usable bytes can be written.
static bool usable(unsigned char *p, size_t size) {
    size_t room = malloc_usable_size(p);

    if (room < size) {
        return false;
    }
    if (room > 0) {
        p[0] = 1;
        p[room - 1] = 2;
    }
    return true;
}

static void give_back(void *p, const char *what, size_t size) {
    errno = KEPT;
    free(p);
    judge(errno == KEPT, what, size, 0);
}

static bool is_zero(const unsigned char *p, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (p[i] != 0) {
            return false;
        }
    }
    return true;
}

// For objects of `size` malloc promises max_align_t, if one fits.
static size_t natural(size_t size) {
    size_t align = _Alignof(max_align_t);
    while (align > 1 && align > size) {
        align /= 2;
    }
    return align;
}

static void plain_calls(size_t size) {
    unsigned char *p = malloc(size);
    judge(p != NULL && (uintptr_t)p % natural(size) == 0 && usable(p, size),
          "malloc", size, 0);
    if (p != NULL) {
        memset(p, 0xa5, size);
    }
    unsigned char *q = realloc(p, size + size / 2 + 1);
    judge(q != NULL && usable(q, size + size / 2 + 1) &&
              (size < 3 || q[size / 2] == 0xa5),
          "realloc", size, 0);
    give_back(q, "errno of free", size);

    p = calloc(1, size);
    judge(p != NULL && is_zero(p, size) && usable(p, size), "calloc", size, 0);
    give_back(p, "errno of free", size);
}

static void aligned_calls(size_t size, size_t align) {
    unsigned char *p = aligned_alloc(align, size);
    judge(p != NULL && (uintptr_t)p % align == 0 && usable(p, size),
          "aligned_alloc", size, align);
    give_back(p, "errno of free", size);

    if (align >= sizeof(void *)) {
        void *out = NULL;
        errno = KEPT;
        int status = posix_memalign(&out, align, size);
        judge(status == 0 && errno == KEPT && (uintptr_t)out % align == 0 &&
                  usable(out, size),
              "posix_memalign", size, align);
        free(out);
    }
    p = memalign(align, size);
    judge(p != NULL && (uintptr_t)p % align == 0 && usable(p, size), "memalign",
          size, align);
    free(p);
}

static void sizes(size_t step) {
    for (size_t size = 0; size <= PROBE_MIB; size += step) {
        plain_calls(size);
    }
    for (unsigned shift = 1; shift <= 26; shift++) {
        for (size_t off = 0; off < 3; off++) {
            plain_calls(((size_t)1 << shift) + off - 1);
        }
    }
}

static void alignments(size_t step) {
    for (unsigned shift = 0; shift <= MAX_ALIGN_SHIFT; shift++) {
        size_t align = (size_t)1 << shift;
        for (size_t size = 0; size <= PROBE_MIB; size += step * 64) {
            aligned_calls(size, align);
        }
        aligned_calls(align, align);
        aligned_calls(align + 1, align);
    }
}

#define REFUSED(call, error, size)                                 \
    do {                                                           \
        errno = 0;                                                 \
        judge((call) == NULL && errno == (error), #call, 0, size); \
    } while (0)

static void *memalign_status(size_t align, size_t size, int wanted) {
    void *out = (void *)&cases;
    errno = KEPT;
    int status = posix_memalign(&out, align, size);
    bool fine = status == wanted && errno == KEPT && out == (void *)&cases;
    errno = fine ? wanted : 0;
    return NULL;
}

static void refusals(void) {
    size_t half = huge / 2; // PTRDIFF_MAX
    void *volatile p =
        malloc(100); // the compiler takes a refusal for a success

    REQUIRE(p != NULL);
    memset(p, 7, 100);
    REFUSED(malloc(huge), ENOMEM, huge);
    REFUSED(malloc(half + 1), ENOMEM, half + 1);
    REFUSED(calloc(huge, 1), ENOMEM, huge);
    REFUSED(calloc(huge / 4, 5), ENOMEM, huge);
    REFUSED(calloc(2, half + 1), ENOMEM, huge);
    REFUSED(realloc(p, huge), ENOMEM, huge);
    REFUSED(realloc(p, half + 1), ENOMEM, half + 1);
    REFUSED(reallocarray(p, huge / 4, 5), ENOMEM, huge);
    REFUSED(aligned_alloc(64, huge - 63), ENOMEM, huge);
    REFUSED(aligned_alloc(3, 100), EINVAL, 3);
    REFUSED(aligned_alloc(0, 100), EINVAL, 0);
    REFUSED(memalign(64, huge - 10), ENOMEM, huge);
    REFUSED(memalign_status(3 * sizeof(void *), 100, EINVAL), EINVAL, 24);
    REFUSED(memalign_status(sizeof(void *) / 2, 100, EINVAL), EINVAL, 4);
    REFUSED(memalign_status(0, 100, EINVAL), EINVAL, 0);
    REFUSED(memalign_status(64, huge - 10, ENOMEM), ENOMEM, huge);
    REFUSED(valloc(huge), ENOMEM, huge);
    REFUSED(pvalloc(huge), ENOMEM, huge);
    judge(((unsigned char *)p)[99] == 7, "a refused realloc keeps", 100, 0);
    free(p);
}

static void zeroes(void) {
    void *p = malloc(0), *q = malloc(0), *c = calloc(0, 100);

    judge(p != NULL && q != NULL && p != q, "malloc(0) is unique", 0, 0);
    judge(c != NULL, "calloc(0, n)", 0, 0);
    errno = KEPT;
    void *r = realloc(p, 0); // freed, as the C library of Linux does
    judge(r == NULL && errno == KEPT, "realloc(p, 0) frees", 0, 0);
    r = realloc(NULL, 0);
    judge(r != NULL, "realloc(NULL, 0) is malloc(0)", 0, 0);
    free(r);
    free(q);
    free(c);
    give_back(NULL, "free(NULL) keeps errno", 0);
    judge(malloc_usable_size(NULL) == 0, "usable size of NULL", 0, 0);
}

int main(int argc, char **argv) {
    size_t step = probe_argument(argc, argv, 1, 997);

    sizes(step);
    alignments(step);
    refusals();
    zeroes();
    (void)printf("cases=%zu differences=%zu\n", cases, differences);
    return EXIT_SUCCESS;
}
