// record_log.c - one lock, a table of objects, and a buffered file.
//
// The file is opened for each bufferful and closed again: a program may close
// every descriptor it finds, and whatever it opens next must not get our bytes.

#include "record_log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "trace_format.h"

enum { BUFFER_BYTES = 1 << 20, THREADS_MAX = UINT16_MAX };

// On a page of its own, which the kernel wipes in a child of fork: no handler
// could run early enough, or leave a lock that another thread held.
struct state {
    atomic_bool on;
};

static struct state *state;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_uint nthreads;
static __attribute__((tls_model("initial-exec"))) _Thread_local unsigned thread;

// All below: under lock.
static pid_t owner;
static char file_path[PATH_MAX];
static unsigned char buffer[BUFFER_BYTES];
static size_t buffered;
static uint64_t nrecords;
static uint64_t records_sum;

bool record_is_on(void) {
    // Relaxed: whoever sees an old value records one call more or less.
    return state != NULL &&
           atomic_load_explicit(&state->on, memory_order_relaxed);
}

// complain writes one line. No stdio, which allocates.
static void complain(const char *what, int code) {
    const char *parts[] = {"mheap_record: ", what, ": ", strerror(code), "\n"};
    struct iovec line[5];
    for (int i = 0; i < 5; i++) {
        line[i] = (struct iovec){.iov_base = (void *)(uintptr_t)parts[i],
                                 .iov_len = strlen(parts[i])};
    }
    if (writev(STDERR_FILENO, line, 5) < 0) {
        return; // nowhere to say it
    }
}

static void give_up(const char *what, int code) {
    atomic_store_explicit(&state->on, false, memory_order_relaxed);
    complain(what, code);
}

// The file.

static bool write_all(int file, const unsigned char *bytes, size_t count) {
    while (count > 0) {
        ssize_t done = write(file, bytes, count);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return false;
        }
        bytes += done;
        count -= (size_t)done;
    }
    return true;
}

static bool add_to_file(int flags, const unsigned char *bytes, size_t count) {
    int file = open(file_path, O_WRONLY | O_CLOEXEC | flags, 0666);
    if (file < 0) {
        return false;
    }
    bool written = write_all(file, bytes, count);
    int code = errno;
    bool closed = close(file) == 0;
    if (!written) {
        errno = code;
    }
    return written && closed;
}

// flush leaves errno alone: it may happen within a free.
static void flush(void) {
    int code = errno;
    records_sum = trace_sum(records_sum, buffer, buffered);
    if (!add_to_file(O_APPEND, buffer, buffered)) {
        give_up(file_path, errno);
    }
    buffered = 0;
    errno = code;
}

static void append(enum trace_kind kind, unsigned align_log2, uint32_t number,
                   size_t size) {
    if (thread == 0) {
        unsigned next = atomic_fetch_add(&nthreads, 1) + 1;
        thread = next < THREADS_MAX ? next : THREADS_MAX;
    }
    unsigned char *record = buffer + buffered;
    record[0] = (unsigned char)kind;
    record[1] = (unsigned char)align_log2;
    trace_put(record + 2, 2, thread - 1);
    trace_put(record + 4, 4, number);
    trace_put(record + 8, 8, size);
    buffered += TRACE_RECORD_BYTES;
    nrecords += 1;
    if (buffered == sizeof buffer) {
        flush();
    }
}

// The calls.

static void bury(uint32_t number) {
    append(TRACE_FREE, 0, number, 0);
    record_table_bury(number);
}

// An object at this address was freed by a call that is not recorded: that
// something else is there now shows that it is dead.
static void bury_stale(const void *object) {
    uint32_t stale = record_table_remove(object);
    if (stale != RECORD_UNKNOWN) {
        bury(stale);
    }
}

// begin takes the lock unless nothing is to be recorded any more.
static bool begin(void) {
    if (!record_is_on()) {
        return false;
    }
    pthread_mutex_lock(&lock);
    if (record_is_on()) {
        return true;
    }
    pthread_mutex_unlock(&lock);
    return false;
}

void record_made(enum trace_kind kind, unsigned align_log2, size_t size,
                 const void *object) {
    if (!begin()) {
        return;
    }
    bury_stale(object);
    uint32_t number = record_table_take();
    if (number == RECORD_UNKNOWN) {
        give_up("too many objects", ENOMEM);
    } else {
        record_table_enter(number, object);
        append(kind, align_log2, number, size);
    }
    pthread_mutex_unlock(&lock);
}

void record_freed(const void *object) {
    if (!begin()) {
        return;
    }
    uint32_t number = record_table_remove(object);
    if (number != RECORD_UNKNOWN) {
        bury(number);
    }
    pthread_mutex_unlock(&lock);
}

uint32_t record_leaves(const void *object) {
    if (!begin()) {
        return RECORD_UNKNOWN;
    }
    uint32_t number = record_table_remove(object);
    pthread_mutex_unlock(&lock);
    return number;
}

void record_arrives(uint32_t number, size_t size, const void *object) {
    if (!begin()) {
        return;
    }
    bury_stale(object);
    record_table_enter(number, object);
    if (size != 0) {
        append(TRACE_REALLOC, 0, number, size);
    }
    pthread_mutex_unlock(&lock);
}

// Beginning and end.

static bool prepare(const char *path) {
    size_t length = strlen(path);
    size_t folder = 0;
    if (path[0] != '/') { // the program may change its directory
        if (getcwd(file_path, sizeof file_path) == NULL) {
            return false;
        }
        folder = strlen(file_path);
        file_path[folder++] = '/';
    }
    if (folder + length >= sizeof file_path) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(file_path + folder, path, length + 1);
    static const unsigned char unfinished[TRACE_HEADER_BYTES];
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *base = mmap(NULL, page, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED || madvise(base, page, MADV_WIPEONFORK) != 0) {
        return false;
    }
    state = base;
    return record_table_start() &&
           add_to_file(O_CREAT | O_TRUNC, unfinished, sizeof unfinished);
}

void record_start(const char *path) {
    if (!prepare(path)) {
        complain(path, errno);
        return;
    }
    owner = getpid();
    atomic_store_explicit(&state->on, true, memory_order_relaxed);
}

static void complete_file(void) {
    unsigned char header[TRACE_HEADER_BYTES] = TRACE_MAGIC;
    trace_put(header + TRACE_AT_VERSION, 4, TRACE_VERSION);
    trace_put(header + TRACE_AT_RECORD_BYTES, 4, TRACE_RECORD_BYTES);
    trace_put(header + TRACE_AT_RECORDS, 8, nrecords);
    trace_put(header + TRACE_AT_OBJECTS, 4, record_table_numbers());
    trace_put(header + TRACE_AT_THREADS, 4, atomic_load(&nthreads));
    trace_put(header + TRACE_AT_RECORDS_SUM, 8, records_sum);
    trace_put(header + TRACE_AT_HEADER_SUM, 8,
              trace_sum(0, header, TRACE_AT_HEADER_SUM));
    if (!add_to_file(0, header, sizeof header)) {
        complain(file_path, errno);
    }
}

void record_finish(void) {
    // A child of vfork ends in this memory, and is not the one recorded.
    if (!begin()) {
        return;
    }
    if (getpid() == owner) {
        flush();
        if (record_is_on()) {
            atomic_store_explicit(&state->on, false, memory_order_relaxed);
            complete_file();
        }
    }
    pthread_mutex_unlock(&lock);
}
