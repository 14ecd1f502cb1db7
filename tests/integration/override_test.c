// override_test.c - every allocation symbol of the C library is mheap's, and
// behaves as glibc's.
//
// Run linked to libmheap_malloc.a and with libmheap_malloc.so loaded first
// (OVERRIDE_PRELOADED). That an object is mheap's is asked of mheap itself.

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mheap/mheap.h"
#include "run_support.h"

#if OVERRIDE_PRELOADED
#    pragma weak mheap_usable_size
#    pragma weak mheap_heap_of
#    pragma weak mheap_default
#    pragma weak mheap_stats
#    pragma weak mheap_malloc
// Declared in no header; the loader finds them in the library.
#    pragma weak cfree
#    pragma weak free_sized
#    pragma weak free_aligned_sized
#    pragma weak libc_memalign
#endif

void cfree(void *p);
void free_sized(void *p, size_t size);
void free_aligned_sized(void *p, size_t align, size_t size);
void *libc_malloc(size_t size) __asm__("__libc_malloc");
void *libc_calloc(size_t n, size_t size) __asm__("__libc_calloc");
void *libc_realloc(void *p, size_t size) __asm__("__libc_realloc");
void *libc_memalign(size_t align, size_t size) __asm__("__libc_memalign");
void *libc_valloc(size_t size) __asm__("__libc_valloc");
void *libc_pvalloc(size_t size) __asm__("__libc_pvalloc");
void libc_free(void *p) __asm__("__libc_free");

static volatile size_t huge = SIZE_MAX; // unseen by the compiler
static volatile size_t odd = 24;        // no power of two
static size_t page;

// Ours, aligned, as large as asked for, writable to its usable end; then freed.
static void check_object(void *p, size_t align, size_t size) {
    REQUIRE(p != NULL);
    REQUIRE((uintptr_t)p % align == 0);
    REQUIRE(mheap_heap_of(p) == mheap_default());
    size_t usable = malloc_usable_size(p);
    REQUIRE(usable >= size);
    REQUIRE(usable == mheap_usable_size(p));
    memset(p, 0x5a, usable);
}

static void every_symbol_gives_memory_of_mheap(void) {
    void *p = malloc(100);
    check_object(p, 16, 100);
    p = realloc(p, 5000);
    check_object(p, 16, 5000);
    p = reallocarray(p, 100, 100);
    check_object(p, 16, 10000);
    free(p);

    p = calloc(50, 3);
    REQUIRE(memcmp(p, (char[150]){0}, 150) == 0);
    check_object(p, 16, 150);
    cfree(p);

    p = aligned_alloc(256, 1000);
    check_object(p, 256, 1000);
    free_aligned_sized(p, 256, 1000);

    REQUIRE(posix_memalign(&p, 8192, 10) == 0);
    check_object(p, 8192, 10);
    free(p);

    p = memalign(64, 20);
    check_object(p, 64, 20);
    free(p);

    p = valloc(20);
    check_object(p, page, 20);
    free(p);

    p = pvalloc(page + 1);
    check_object(p, page, 2 * page);
    free(p);

    p = malloc(48);
    free_sized(p, 48);
}

static void glibcs_second_names_are_mheaps_too(void) {
    void *p = libc_malloc(10);
    check_object(p, 16, 10);
    p = libc_realloc(p, 1000);
    check_object(p, 16, 1000);
    libc_free(p);
    p = libc_calloc(10, 10);
    check_object(p, 16, 100);
    free(p);
    p = libc_memalign(128, 10);
    check_object(p, 128, 10);
    free(p);
    p = libc_valloc(10);
    check_object(p, page, 10);
    free(p);
    p = libc_pvalloc(10);
    check_object(p, page, page);
    free(p);
}

// What the C library allocates for its callers must be freeable by them.
static void libcs_own_objects_are_mheaps(void) {
    char *copy = strdup("text");
    check_object(copy, 16, 5);
    free(copy);

    char *line = NULL;
    REQUIRE(asprintf(&line, "%0100d", 7) == 100);
    check_object(line, 16, 101);
    free(line);

    char *cwd = getcwd(NULL, 0);
    check_object(cwd, 16, 2);
    free(cwd);
}

static void zero_bytes_are_objects_of_their_own(void) {
    void *a = malloc(0);
    void *b = malloc(0);
    REQUIRE(a != NULL && b != NULL && a != b);
    free(a);
    free(b);
    a = calloc(0, 10);
    b = calloc(10, 0);
    REQUIRE(a != NULL && b != NULL && a != b);
    free(a);
    free(b);
    a = aligned_alloc(64, 0);
    REQUIRE(a != NULL);
    free(a);
}

static void null_is_no_object(void) {
    free(NULL);
    cfree(NULL);
    free_sized(NULL, 10);
    free_aligned_sized(NULL, 16, 10);
    REQUIRE(malloc_usable_size(NULL) == 0);
    void *p = realloc(NULL, 30);
    check_object(p, 16, 30);
    REQUIRE(realloc(p, 0) == NULL); // and p is freed
    REQUIRE(mheap_usable_size(p) == 0);
    p = realloc(NULL, 0);
    REQUIRE(p != NULL);
    free(p);
}

#define REFUSED(call, error)       \
    do {                           \
        errno = 0;                 \
        REQUIRE((call) == NULL);   \
        REQUIRE(errno == (error)); \
    } while (0)

static void too_much_is_enomem(void) {
    void *p = malloc(10);

    memset(p, 0x33, 10);
    REFUSED(malloc(huge), ENOMEM);
    REFUSED(malloc(huge / 2), ENOMEM);
    REFUSED(malloc(huge / 2 + 1), ENOMEM);
    REFUSED(malloc(huge - 4096), ENOMEM);
    REFUSED(calloc(huge / 2, 3), ENOMEM);
    REFUSED(calloc(3, huge / 2), ENOMEM);
    REFUSED(calloc(huge, huge), ENOMEM);
    REFUSED(realloc(p, huge / 2 + 1), ENOMEM);
    REFUSED(reallocarray(p, huge / 2, 3), ENOMEM);
    REFUSED(memalign(64, huge - 10), ENOMEM);
    REFUSED(valloc(huge - 10), ENOMEM);
    REFUSED(pvalloc(huge - 10), ENOMEM);
    REFUSED(aligned_alloc(4096, huge - 4095), ENOMEM);
    REQUIRE(memcmp(p, "\x33\x33\x33\x33\x33\x33\x33\x33\x33\x33", 10) == 0);
    free(p);
}

static void bad_alignments_are_einval(void) {
    void *out = &page;

    REFUSED(aligned_alloc(odd, 48), EINVAL);
    REFUSED(memalign(huge / 2 + 2, 1), EINVAL);
    errno = 77;
    REQUIRE(posix_memalign(&out, odd, 8) == EINVAL);
    REQUIRE(posix_memalign(&out, 4, 8) == EINVAL);
    REQUIRE(posix_memalign(&out, 0, 8) == EINVAL);
    REQUIRE(posix_memalign(&out, 64, huge - 63) == ENOMEM);
    REQUIRE(errno == 77 && out == &page);

    void *objects[8];
    for (size_t i = 0; i < 8; i++) {
        objects[i] = memalign(odd, 8); // rounded up to 32
        check_object(objects[i], 32, 8);
    }
    for (size_t i = 0; i < 8; i++) {
        free(objects[i]);
    }
}

static void free_keeps_errno(void) {
    void *small = malloc(10);
    void *large = malloc(10 << 20);

    errno = 77;
    free(small);
    free(large);
    free(NULL);
    REQUIRE(errno == 77);
}

static void realloc_keeps_contents_at_every_size(void) {
    static const size_t sizes[] = {1,    16,     17,      1000,   40000, 39000,
                                   1000, 300000, 5000000, 200000, 3,     60};
    unsigned char *p = malloc(1);
    p[0] = 1;
    size_t had = 1;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        p = realloc(p, sizes[i]);
        REQUIRE(p != NULL);
        size_t kept = had < sizes[i] ? had : sizes[i];
        for (size_t at = 0; at < kept; at++) {
            REQUIRE(p[at] == (unsigned char)(at * 7 + 1));
        }
        for (size_t at = kept; at < sizes[i]; at++) {
            p[at] = (unsigned char)(at * 7 + 1);
        }
        had = sizes[i];
    }
    free(p);
}

static void reports_follow_what_is_allocated(void) {
    struct mallinfo2 before = mallinfo2();
    void *large = malloc(8 << 20);
    void *small[100];
    for (size_t i = 0; i < 100; i++) {
        small[i] = malloc(1000);
    }
    struct mallinfo2 after = mallinfo2();
    REQUIRE(after.hblks == before.hblks + 1);
    REQUIRE(after.hblkhd >= before.hblkhd + (8 << 20));
    REQUIRE(after.uordblks >= before.uordblks + 100000);
    REQUIRE(after.uordblks + after.fordblks == after.arena);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    REQUIRE(mallinfo().hblks == (int)after.hblks);
#pragma GCC diagnostic pop
    for (size_t i = 0; i < 100; i++) {
        free(small[i]);
    }
    free(large);
    REQUIRE(mallinfo2().hblks == before.hblks);

    REQUIRE(malloc_trim(0) == 1); // the large object's pages
    REQUIRE(mallopt(M_MMAP_THRESHOLD, 1 << 20) == 1);
}

static void malloc_info_writes_what_it_is_asked_for(void) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    REQUIRE(out != NULL);
    REQUIRE(malloc_info(1, out) == EINVAL);
    REQUIRE(malloc_info(0, out) == 0);
    REQUIRE(fclose(out) == 0);
    REQUIRE(strncmp(text, "<malloc version=\"1\"", 19) == 0);
    REQUIRE(strstr(text, "<total type=\"mmap\"") != NULL);
    REQUIRE(strcmp(text + size - 10, "</malloc>\n") == 0);
    free(text);
}

#if OVERRIDE_PRELOADED

// One that were missing would be found in the C library.
static void every_name_is_found_in_the_library(void) {
    static const char *const names[] = {"malloc",
                                        "calloc",
                                        "realloc",
                                        "reallocarray",
                                        "free",
                                        "cfree",
                                        "free_sized",
                                        "free_aligned_sized",
                                        "memalign",
                                        "aligned_alloc",
                                        "posix_memalign",
                                        "valloc",
                                        "pvalloc",
                                        "malloc_usable_size",
                                        "malloc_trim",
                                        "malloc_stats",
                                        "malloc_info",
                                        "mallinfo",
                                        "mallinfo2",
                                        "mallopt",
                                        "__libc_malloc",
                                        "__libc_calloc",
                                        "__libc_realloc",
                                        "__libc_reallocarray",
                                        "__libc_free",
                                        "__libc_memalign",
                                        "__libc_valloc",
                                        "__libc_pvalloc",
                                        "__libc_mallinfo",
                                        "__libc_mallopt",
                                        "_Znwm",
                                        "_Znam",
                                        "_ZnwmRKSt9nothrow_t",
                                        "_ZnamRKSt9nothrow_t",
                                        "_ZnwmSt11align_val_t",
                                        "_ZnamSt11align_val_t",
                                        "_ZnwmSt11align_val_tRKSt9nothrow_t",
                                        "_ZnamSt11align_val_tRKSt9nothrow_t",
                                        "_ZdlPv",
                                        "_ZdaPv",
                                        "_ZdlPvRKSt9nothrow_t",
                                        "_ZdaPvRKSt9nothrow_t",
                                        "_ZdlPvm",
                                        "_ZdaPvm",
                                        "_ZdlPvSt11align_val_t",
                                        "_ZdaPvSt11align_val_t",
                                        "_ZdlPvSt11align_val_tRKSt9nothrow_t",
                                        "_ZdaPvSt11align_val_tRKSt9nothrow_t",
                                        "_ZdlPvmSt11align_val_t",
                                        "_ZdaPvmSt11align_val_t",
                                        "mheap_inspect_root"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        Dl_info found = {0};
        void *symbol = dlsym(RTLD_DEFAULT, names[i]);
        if (symbol == NULL || dladdr(symbol, &found) == 0 ||
            strstr(found.dli_fname, "libmheap_malloc.so") == NULL) {
            (void)fprintf(stderr, "%s: in %s\n", names[i], found.dli_fname);
            exit(EXIT_FAILURE);
        }
    }
}

#endif

int main(void) {
    page = (size_t)sysconf(_SC_PAGESIZE);
#if OVERRIDE_PRELOADED
    REQUIRE(mheap_malloc != NULL); // it is loaded at all
    every_name_is_found_in_the_library();
#endif
    every_symbol_gives_memory_of_mheap();
    glibcs_second_names_are_mheaps_too();
    libcs_own_objects_are_mheaps();
    zero_bytes_are_objects_of_their_own();
    null_is_no_object();
    too_much_is_enomem();
    bad_alignments_are_einval();
    free_keeps_errno();
    realloc_keeps_contents_at_every_size();
    reports_follow_what_is_allocated();
    malloc_info_writes_what_it_is_asked_for();
    malloc_stats();

    struct mheap_stats stats;
    mheap_stats(NULL, &stats);
    REQUIRE(stats.bad_frees_total == 0);
    return EXIT_SUCCESS;
}
