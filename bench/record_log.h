// record_log.h - what was called, in order, to a file.
//
// Calls may come from any thread. Each holds one lock, under which an object
// has its number looked up and its record written, so that the order of the
// records is one in which the calls could have been made. Nothing here calls
// the allocator.

#ifndef MHEAP_BENCH_RECORD_LOG_H
#define MHEAP_BENCH_RECORD_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record_table.h"
#include "trace.h"

// record_start creates the file and begins to record. On failure it says why
// in one line on standard error, and nothing is recorded.
void record_start(const char *path);

// record_is_on is false in a child of fork, from its first instruction on.
bool record_is_on(void);

// record_finish completes the file: what is called later is not in it. Does
// nothing in another process than the one that started.
void record_finish(void);

// record_made follows the call that made the object.
void record_made(enum trace_kind kind, unsigned align_log2, size_t size,
                 const void *object);

// record_freed precedes the call that frees the object: afterwards its address
// may already be another thread's.
void record_freed(const void *object);

// A realloc is recorded in two steps, since the old address may be another
// thread's before the call returns. record_leaves precedes the call and
// returns the number. record_arrives follows it, with the new address, or with
// the old one and the size 0 when the call failed and nothing happened.
uint32_t record_leaves(const void *object);
void record_arrives(uint32_t number, size_t size, const void *object);

#endif // MHEAP_BENCH_RECORD_LOG_H
