// bench_probe.c - clocks, resident memory, who serves malloc, and its locks.
//
// Files under /proc are read into stack buffers with plain reads: stdio would
// allocate its own buffer from the allocator being measured.

#include "bench_probe.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bench_support.h"
#include "mheap/stats.h"

static uint64_t read_clock(clockid_t clock) {
    struct timespec now;
    if (clock_gettime(clock, &now) != 0) {
        bench_broken("a clock could not be read");
    }
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

uint64_t bench_wall_ns(void) {
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t bench_thread_cpu_ns(void) {
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t bench_process_cpu_ns(void) {
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

void bench_sleep(double seconds) {
    uint64_t until = bench_wall_ns() + (uint64_t)(seconds * 1e9);
    struct timespec when = {
        .tv_sec = (time_t)(until / UINT64_C(1000000000)),
        .tv_nsec = (long)(until % UINT64_C(1000000000)),
    };
    // An absolute deadline, so that a signal costs a turn and not the wait.
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) != 0) {
    }
}

// read_file fills buffer with the start of a file and returns the text, or
// NULL when there is none.
static const char *read_file(const char *path, char *buffer, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return NULL;
    }
    size_t filled = 0;
    while (filled < size - 1) {
        ssize_t got = read(fd, buffer + filled, size - 1 - filled);
        if (got <= 0) {
            break;
        }
        filled += (size_t)got;
    }
    close(fd);
    buffer[filled] = '\0';
    return filled == 0 ? NULL : buffer;
}

// statm may lag by some pages per CPU, because kernels count resident pages in
// batches; smaps_rollup walks the page tables and is exact.
uint64_t bench_rss_kib(void) {
    char buffer[1024];
    const char *exact =
        read_file("/proc/self/smaps_rollup", buffer, sizeof buffer);
    const char *line = exact == NULL ? NULL : strstr(exact, "Rss:");
    if (line != NULL) {
        return strtoull(line + strlen("Rss:"), NULL, 10);
    }
    const char *text = read_file("/proc/self/statm", buffer, sizeof buffer);
    const char *second = text == NULL ? NULL : strchr(text, ' ');
    if (second == NULL) {
        return 0;
    }
    long page_size = sysconf(_SC_PAGESIZE);
    return strtoull(second, NULL, 10) * (uint64_t)page_size / 1024;
}

uint64_t bench_peak_kib(void) {
    char buffer[4096];
    const char *text = read_file("/proc/self/status", buffer, sizeof buffer);
    const char *line = text == NULL ? NULL : strstr(text, "VmHWM:");
    return line == NULL ? 0 : strtoull(line + strlen("VmHWM:"), NULL, 10);
}

bool bench_peak_reset(void) {
    int file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    bool reset = write(file, "5", 1) == 1;
    close(file);
    return reset;
}

void *bench_pages(size_t size) {
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) {
        bench_out_of_memory();
    }
    memset(base, 0, size); // fault everything in before anything is timed
    return base;
}

void bench_pages_free(void *base, size_t size) {
    munmap(base, size);
}

static void print_escaped(FILE *out, const char *text, size_t length) {
    putc('"', out);
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') {
            putc('\\', out);
            putc(c, out);
        } else if (c < 0x20) {
            fprintf(out, "\\u%04x", c);
        } else {
            putc(c, out);
        }
    }
    putc('"', out);
}

// The loader is asked by name: the address of a function taken in this program
// may be that of its own entry in the procedure linkage table.
static void print_serves(FILE *out) {
    static const char *const symbols[] = {"malloc", "calloc", "realloc",
                                          "free"};
    fputs("\"serves\":{", out);
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        void *address = dlsym(RTLD_DEFAULT, symbols[i]);
        Dl_info info = {0};
        bool known = address != NULL && dladdr(address, &info) != 0 &&
                     info.dli_fname != NULL;
        const char *file = known ? info.dli_fname : "unknown";
        fprintf(out, "%s\"%s\":", i == 0 ? "" : ",", symbols[i]);
        print_escaped(out, file, strlen(file));
    }
    putc('}', out);
}

static bool is_shared_object(const char *path, size_t length) {
    for (size_t i = 0; i + 3 <= length; i++) {
        if (memcmp(path + i, ".so", 3) == 0) {
            return true;
        }
    }
    return false;
}

// One object has several mappings in a row, so comparing with the one before
// is enough to print each once.
static void print_libraries(FILE *out) {
    static char maps[1 << 18];
    const char *line = read_file("/proc/self/maps", maps, sizeof maps);
    const char *last = "";
    size_t last_length = 0;
    fputs("\"libraries\":[", out);
    while (line != NULL && *line != '\0') {
        size_t line_length = strcspn(line, "\n");
        const char *path = memchr(line, '/', line_length);
        size_t length = path == NULL ? 0 : line_length - (size_t)(path - line);
        bool repeated = length > 0 && length == last_length &&
                        memcmp(path, last, length) == 0;
        if (length > 0 && !repeated && is_shared_object(path, length)) {
            fputs(last_length == 0 ? "" : ",", out);
            print_escaped(out, path, length);
            last = path;
            last_length = length;
        }
        line += line_length;
        line += *line == '\n';
    }
    putc(']', out);
}

// What mheap says of itself. The loader binds it, as it does malloc: these
// programs link no allocator, and dlsym would allocate to say that it is not
// there.
__attribute__((weak)) extern void mheap_stats(const struct mheap *heap,
                                              struct mheap_stats *out);

// One of another version may have a shorter or a longer structure: a member
// that was not written says the first, and room behind it takes what is too
// long.
union answer {
    struct mheap_stats stats;
    unsigned char room[4096];
};

static bool ask(union answer *answer) {
    memset(answer, 0xff, sizeof *answer);
    if (mheap_stats == NULL) {
        return false;
    }
    mheap_stats(NULL, &answer->stats);
    return true;
}

bool bench_locks_read(struct bench_locks *locks) {
    union answer answer;
    const struct mheap_stats *stats = &answer.stats;
    if (!ask(&answer) || stats->locks_contended_total == UINT64_MAX) {
        return false;
    }
    locks->shared = stats->locks_heap_total + stats->locks_central_total +
                    stats->locks_side_total + stats->locks_registry_total +
                    stats->locks_arenas_total + stats->locks_records_total +
                    stats->locks_other_total;
    locks->contended = stats->locks_contended_total;
    return true;
}

static void print_lock_waits(FILE *out) {
    union answer answer;
    if (ask(&answer) && answer.stats.lock_waits_total != UINT64_MAX) {
        fprintf(out, ",\"lock_waits\":%llu",
                (unsigned long long)answer.stats.lock_waits_total);
    }
}

void bench_probe_print(FILE *out) {
    print_serves(out);
    putc(',', out);
    print_libraries(out);
    print_lock_waits(out);
}
