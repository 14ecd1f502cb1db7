// record_table.c - chains of nodes, found by address.
//
// A node's index is its object's number, and the chain of the dead hands
// numbers out again, so that a trace needs no more numbers than there were
// objects alive at once.

#include "record_table.h"

#include <stddef.h>
#include <sys/mman.h>

enum { BUCKETS_LOG2 = 20 };

// Address space for so many living objects; memory is taken as they appear.
static const uint32_t nodes_max = UINT32_C(1) << 26;

struct node {
    uintptr_t address;
    uint32_t next; // RECORD_UNKNOWN ends a chain
};

static struct node *nodes;
static uint32_t *buckets; // of indices plus one: 0 is an empty bucket
static uint32_t nnodes;
static uint32_t first_dead = RECORD_UNKNOWN;

static void *map(size_t bytes) {
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return base == MAP_FAILED ? NULL : base;
}

bool record_table_start(void) {
    nodes = map(nodes_max * sizeof *nodes);
    buckets = map(sizeof *buckets << BUCKETS_LOG2);
    return nodes != NULL && buckets != NULL;
}

uint32_t record_table_take(void) {
    if (first_dead != RECORD_UNKNOWN) {
        uint32_t number = first_dead;
        first_dead = nodes[number].next;
        return number;
    }
    return nnodes == nodes_max ? RECORD_UNKNOWN : nnodes++;
}

void record_table_bury(uint32_t number) {
    nodes[number].next = first_dead;
    first_dead = number;
}

static uint32_t *bucket_of(uintptr_t address) {
    uint64_t hash = (uint64_t)(address >> 4) * UINT64_C(0x9e3779b97f4a7c15);
    return &buckets[hash >> (64 - BUCKETS_LOG2)];
}

void record_table_enter(uint32_t number, const void *object) {
    uintptr_t address = (uintptr_t)object;
    uint32_t *bucket = bucket_of(address);
    nodes[number] = (struct node){.address = address, .next = *bucket - 1};
    *bucket = number + 1;
}

uint32_t record_table_remove(const void *object) {
    uintptr_t address = (uintptr_t)object;
    uint32_t *bucket = bucket_of(address);
    uint32_t before = RECORD_UNKNOWN;
    uint32_t number = *bucket - 1;
    while (number != RECORD_UNKNOWN && nodes[number].address != address) {
        before = number;
        number = nodes[number].next;
    }
    if (number == RECORD_UNKNOWN) {
        return RECORD_UNKNOWN;
    }
    if (before == RECORD_UNKNOWN) {
        *bucket = nodes[number].next + 1;
    } else {
        nodes[before].next = nodes[number].next;
    }
    return number;
}

uint32_t record_table_numbers(void) {
    return nnodes;
}
