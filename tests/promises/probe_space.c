// probe_space.c - what an address space that ends serves, one size after the
// other.
//
// usage: probe_space [MIB]
//
// The limit of addresses (ulimit -v) is set MIB above what is there. Then all
// of it is asked for in objects of 48 bytes, freed, asked for in objects of
// 1 KiB, freed, and so on: what was freed must serve every other size.

#include <errno.h>
#include <sys/resource.h>

#include "tests/promises/probe.h"

// A list through the objects: nothing else is allocated.
struct link {
    struct link *next;
};

static size_t get_all(size_t size, struct link **list) {
    size_t got = 0;

    for (struct link *p; (p = malloc(size)) != NULL; got += size) {
        memset(p, 0x5a, size);
        p->next = *list;
        *list = p;
    }
    REQUIRE(errno == ENOMEM);
    return got;
}

static void drop_all(struct link *list) {
    while (list != NULL) {
        struct link *next = list->next;
        free(list);
        list = next;
    }
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        size_t size;
    } kinds[] = {{"48", 48},
                 {"1k", 1 << 10},
                 {"40k", 40 << 10},
                 {"3m", (size_t)3 << 20}};
    size_t room = probe_argument(argc, argv, 1, 160) * PROBE_MIB;
    size_t percent[4];

    free(malloc(100));
    (void)printf("%s", ""); // the output's own memory
    struct rlimit limit;
    limit.rlim_cur = limit.rlim_max =
        (size_t)status_of("VmSize:") * 1024 + room;
    REQUIRE(setrlimit(RLIMIT_AS, &limit) == 0);
    for (size_t i = 0; i < 4; i++) {
        struct link *list = NULL;
        percent[i] = get_all(kinds[i].size, &list) * 100 / room;
        drop_all(list);
    }
    for (size_t i = 0; i < 4; i++) {
        (void)printf("percent_%s=%zu ", kinds[i].name, percent[i]);
    }
    (void)printf("\n");
    return EXIT_SUCCESS;
}
