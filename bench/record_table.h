// record_table.h - which number the living object at an address has.
//
// The caller serialises. Nothing here calls the allocator.

#ifndef MHEAP_BENCH_RECORD_TABLE_H
#define MHEAP_BENCH_RECORD_TABLE_H

#include <stdbool.h>
#include <stdint.h>

// No such object: made before the recording began, or by a call that is not
// recorded.
#define RECORD_UNKNOWN UINT32_MAX

// record_table_start maps the table and reports whether it could.
bool record_table_start(void);

// record_table_take returns a number that no object has, or RECORD_UNKNOWN when
// there are too many; record_table_bury gives one back.
uint32_t record_table_take(void);
void record_table_bury(uint32_t number);

// record_table_enter says that the object now lies at an address where none
// lies; record_table_remove takes it from there and returns its number.
void record_table_enter(uint32_t number, const void *object);
uint32_t record_table_remove(const void *object);

// record_table_numbers is how many numbers were ever given out: all are below.
uint32_t record_table_numbers(void);

#endif // MHEAP_BENCH_RECORD_TABLE_H
