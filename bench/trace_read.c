// trace_read.c - recorded traces: read, and checked before anything is played.
//
// Nothing in the file is believed. The sums find damage; that every operation
// makes sense is checked one by one all the same, because a sum says nothing
// about who wrote the file.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace.h"
#include "trace_format.h"

enum { ALIGN_LOG2_MAX = 30 };

_Static_assert(sizeof(struct trace_op) == TRACE_RECORD_BYTES,
               "records are decoded in place");

struct reader {
    const char *path;
    int file;
    uint64_t file_bytes;
    uint64_t memory_bytes; // what the machine has
    uint64_t records_sum;
    struct trace trace;
    uint64_t *sizes; // of the living, plus one; 0: dead
    uint64_t live;   // bytes
};

static _Noreturn void refuse(const struct reader *reader, const char *what) {
    fprintf(stderr, "bench: %s: %s\n", reader->path, what);
    exit(2);
}

static void open_file(struct reader *reader) {
    struct stat stat;
    // Not blocking: a pipe is refused and not waited for.
    reader->file = open(reader->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (reader->file < 0 || fstat(reader->file, &stat) != 0) {
        refuse(reader, strerror(errno));
    }
    if (!S_ISREG(stat.st_mode)) {
        refuse(reader, "not a regular file");
    }
    reader->file_bytes = (uint64_t)stat.st_size;
    reader->memory_bytes =
        (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void read_bytes(struct reader *reader, void *into, size_t bytes) {
    unsigned char *to = into;
    while (bytes > 0) {
        ssize_t got = read(reader->file, to, bytes);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            refuse(reader, got < 0 ? strerror(errno) : "cut off");
        }
        to += got;
        bytes -= (size_t)got;
    }
}

static void read_header(struct reader *reader) {
    static const unsigned char unfinished[TRACE_HEADER_BYTES];
    unsigned char header[TRACE_HEADER_BYTES];
    if (reader->file_bytes < sizeof header) {
        refuse(reader, "too short for a trace");
    }
    read_bytes(reader, header, sizeof header);
    if (memcmp(header, unfinished, sizeof header) == 0) {
        refuse(reader, "the recorded program has not finished it");
    }
    if (memcmp(header, TRACE_MAGIC, TRACE_AT_VERSION) != 0) {
        refuse(reader, "not a trace");
    }
    if (trace_sum(0, header, TRACE_AT_HEADER_SUM) !=
        trace_get(header + TRACE_AT_HEADER_SUM, 8)) {
        refuse(reader, "damaged: the header does not match its sum");
    }
    if (trace_get(header + TRACE_AT_VERSION, 4) != TRACE_VERSION ||
        trace_get(header + TRACE_AT_RECORD_BYTES, 4) != TRACE_RECORD_BYTES) {
        refuse(reader, "a trace of another version");
    }
    uint64_t records = trace_get(header + TRACE_AT_RECORDS, 8);
    uint64_t rest = reader->file_bytes - TRACE_HEADER_BYTES;
    if (rest % TRACE_RECORD_BYTES != 0 ||
        rest / TRACE_RECORD_BYTES != records) {
        refuse(reader, "damaged: the length does not match the header");
    }
    reader->trace.nops = (size_t)records;
    reader->trace.nobjects = (uint32_t)trace_get(header + TRACE_AT_OBJECTS, 4);
    if (reader->trace.nobjects > records) {
        refuse(reader, "damaged: more objects than operations");
    }
    reader->records_sum = trace_get(header + TRACE_AT_RECORDS_SUM, 8);
}

static void read_records(struct reader *reader) {
    struct trace *trace = &reader->trace;
    size_t bytes = trace->nops * sizeof *trace->ops;
    if (bytes > reader->memory_bytes / 2) {
        refuse(reader, "larger than half of this machine's memory");
    }
    trace->pages_bytes = bytes;
    trace->ops = bench_pages(bytes);
    read_bytes(reader, trace->ops, bytes);
    const unsigned char *raw = (const unsigned char *)trace->ops;
    if (trace_sum(0, raw, bytes) != reader->records_sum) {
        refuse(reader, "damaged: the records do not match their sum");
    }
    for (size_t i = 0; i < trace->nops; i++) {
        unsigned char record[TRACE_RECORD_BYTES];
        memcpy(record, &trace->ops[i], sizeof record);
        trace->ops[i] = (struct trace_op){
            .kind = record[0],
            .align_log2 = record[1],
            .thread = (uint16_t)trace_get(record + 2, 2),
            .object = (uint32_t)trace_get(record + 4, 4),
            .size = trace_get(record + 8, 8),
        };
    }
}

static void check_op(struct reader *reader, const struct trace_op *op) {
    if (op->kind < TRACE_MALLOC || op->kind > TRACE_FREE) {
        refuse(reader, "damaged: an operation of no known kind");
    }
    if (op->object >= reader->trace.nobjects) { // T1
        refuse(reader, "damaged: an object above the number of objects");
    }
    if (op->align_log2 > (op->kind == TRACE_ALIGNED ? ALIGN_LOG2_MAX : 0)) {
        refuse(reader, "damaged: an alignment out of range");
    }
    uint64_t *size = &reader->sizes[op->object];
    bool uses = op->kind == TRACE_REALLOC || op->kind == TRACE_FREE;
    if (uses && *size == 0) { // T3
        refuse(reader, "damaged: a dead object is used");
    }
    if (!uses && *size != 0) { // T2
        refuse(reader, "damaged: a living object is made again");
    }
    if ((op->kind == TRACE_REALLOC && op->size == 0) || // T4
        (op->kind == TRACE_FREE && op->size != 0)) {
        refuse(reader, "damaged: an operation with a size it cannot have");
    }
    uint64_t before = *size == 0 ? 0 : *size - 1;
    reader->live -= before;
    if (op->size > reader->memory_bytes - reader->live) {
        refuse(reader, "more is alive at once than this machine has memory");
    }
    reader->live += op->size;
    *size = op->kind == TRACE_FREE ? 0 : op->size + 1;
}

static void check_records(struct reader *reader) {
    struct trace *trace = &reader->trace;
    size_t sizes_bytes = trace->nobjects * sizeof *reader->sizes;
    reader->sizes = bench_pages(sizes_bytes);
    for (size_t i = 0; i < trace->nops; i++) {
        check_op(reader, &trace->ops[i]);
        if (reader->live > trace->live_peak) {
            trace->live_peak = reader->live;
        }
    }
    bench_pages_free(reader->sizes, sizes_bytes);
}

struct trace trace_read(const char *path) {
    struct reader reader = {.path = path};
    open_file(&reader);
    read_header(&reader);
    if (reader.trace.nops == 0 || reader.trace.nobjects == 0) {
        refuse(&reader, "a trace without operations");
    }
    read_records(&reader);
    check_records(&reader);
    close(reader.file);
    return reader.trace;
}
