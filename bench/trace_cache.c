// trace_cache.c - the calls of a cache server, such as memcached with malloc
// or redis with a memory limit.
//
// The shape is what the author knows of such servers, the numbers are round
// ones, measured nowhere. Zipf's law with an exponent near 1 is the usual model
// of what keys are asked for (YCSB takes 0.99).
//
//   - Keys are drawn by Zipf's law with exponent 1. An item is its head with
//     the key (48 + 16 to 64 bytes) and its value (16 B to 8 KiB, both
//     log-uniform).
//   - A request has an object of 96 bytes that lives as long as it does. One
//     request in ten sets: it makes the new value, of another size, and frees
//     the old one. The others get; a key that is not there is fetched and put
//     in.
//   - Live items may take half of what all keys together would. Above that the
//     least recently used one is freed, again and again.
//   - 64 connections have a buffer of 16 KiB each. One request in 100 needs 32
//     or 64 KiB: the buffer grows by realloc and shrinks again. One in 500 ends
//     its connection, and another one begins.

#include "trace_build.h"

enum { CONNECTIONS = 64, BUFFER_BYTES = 16 << 10, REQUESTS_PER_KEY = 5 };
enum { HEAD_BYTES = 48, REQUEST_BYTES = 96, MEAN_ITEM_BYTES = 1393 };

static const uint32_t no_key = UINT32_MAX;

struct item {
    uint32_t head, value; // objects
    uint32_t head_bytes;  // 0: not in the cache
    uint32_t value_bytes;
    uint32_t newer, older;
};

struct cache {
    struct trace_builder builder;
    struct bench_rng rng;
    struct bench_sizes key_sizes;
    struct bench_sizes value_sizes;
    double *popularity; // sums: key i is drawn below popularity[i]
    struct item *items; // one per key
    uint32_t nkeys;
    uint32_t newest, oldest;
    uint64_t bytes;
    uint64_t limit;
    uint32_t buffers[CONNECTIONS];
};

static void fill_popularity(struct cache *cache) {
    double sum = 0;
    for (uint32_t i = 0; i < cache->nkeys; i++) {
        sum += 1.0 / ((double)i + 1.0);
        cache->popularity[i] = sum;
    }
}

static uint32_t draw_key(struct cache *cache) {
    double total = cache->popularity[cache->nkeys - 1];
    double wanted = total * bench_rng_unit(&cache->rng);
    uint32_t low = 0;
    uint32_t high = cache->nkeys - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (cache->popularity[middle] > wanted) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static void take_out(struct cache *cache, uint32_t key) {
    struct item *item = &cache->items[key];
    *(item->newer == no_key ? &cache->newest
                            : &cache->items[item->newer].older) = item->older;
    *(item->older == no_key ? &cache->oldest
                            : &cache->items[item->older].newer) = item->newer;
}

static void put_first(struct cache *cache, uint32_t key) {
    struct item *item = &cache->items[key];
    item->newer = no_key;
    item->older = cache->newest;
    *(cache->newest == no_key ? &cache->oldest
                              : &cache->items[cache->newest].newer) = key;
    cache->newest = key;
}

static void evict(struct cache *cache, uint32_t key) {
    struct item *item = &cache->items[key];
    take_out(cache, key);
    trace_build_free(&cache->builder, item->value);
    trace_build_free(&cache->builder, item->head);
    cache->bytes -= item->head_bytes + item->value_bytes;
    item->head_bytes = 0;
}

static void evict_above_limit(struct cache *cache) {
    while (cache->bytes > cache->limit && cache->oldest != cache->newest) {
        evict(cache, cache->oldest);
    }
}

static void make_value(struct cache *cache, struct item *item) {
    size_t bytes = bench_sizes_pick(&cache->value_sizes, &cache->rng);
    item->value = trace_build_make(&cache->builder, TRACE_MALLOC, bytes);
    item->value_bytes = (uint32_t)bytes;
    cache->bytes += bytes;
}

static void insert(struct cache *cache, uint32_t key) {
    struct item *item = &cache->items[key];
    size_t bytes =
        HEAD_BYTES + bench_sizes_pick(&cache->key_sizes, &cache->rng);
    item->head = trace_build_make(&cache->builder, TRACE_MALLOC, bytes);
    item->head_bytes = (uint32_t)bytes;
    cache->bytes += bytes;
    make_value(cache, item);
    put_first(cache, key);
}

static void replace_value(struct cache *cache, uint32_t key) {
    struct item *item = &cache->items[key];
    uint32_t old = item->value;
    cache->bytes -= item->value_bytes;
    make_value(cache, item);
    trace_build_free(&cache->builder, old);
}

static void use_connection(struct cache *cache) {
    struct trace_builder *builder = &cache->builder;
    uint32_t *buffer =
        &cache->buffers[bench_rng_below(&cache->rng, CONNECTIONS)];
    size_t chance = bench_rng_below(&cache->rng, 500);
    if (chance < 5) {
        size_t large = (size_t)BUFFER_BYTES << (1 + chance % 2);
        trace_build_realloc(builder, *buffer, large);
        trace_build_realloc(builder, *buffer, BUFFER_BYTES);
    } else if (chance == 5) {
        trace_build_free(builder, *buffer);
        *buffer = trace_build_make(builder, TRACE_MALLOC, BUFFER_BYTES);
    }
}

static void serve(struct cache *cache) {
    uint32_t request =
        trace_build_make(&cache->builder, TRACE_MALLOC, REQUEST_BYTES);
    use_connection(cache);
    uint32_t key = draw_key(cache);
    bool sets = bench_rng_below(&cache->rng, 10) == 0;
    if (cache->items[key].head_bytes == 0) {
        insert(cache, key);
    } else {
        take_out(cache, key);
        put_first(cache, key);
        if (sets) {
            replace_value(cache, key);
        }
    }
    evict_above_limit(cache);
    trace_build_free(&cache->builder, request);
}

struct trace trace_cache(uint64_t seed, size_t keys) {
    static struct cache cache; // some 32 KiB of sizes
    size_t popularity_bytes = keys * sizeof(double);
    size_t items_bytes = keys * sizeof(struct item);
    cache = (struct cache){.builder = trace_build_start(),
                           .rng = bench_rng_seed(seed),
                           .popularity = bench_pages(popularity_bytes),
                           .items = bench_pages(items_bytes),
                           .nkeys = (uint32_t)keys,
                           .newest = no_key,
                           .oldest = no_key,
                           .limit = (uint64_t)keys * MEAN_ITEM_BYTES / 2};
    bench_sizes_log_uniform(&cache.key_sizes, &cache.rng, 16, 64);
    bench_sizes_log_uniform(&cache.value_sizes, &cache.rng, 16,
                            (size_t)8 << 10);
    fill_popularity(&cache);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        cache.buffers[i] =
            trace_build_make(&cache.builder, TRACE_MALLOC, BUFFER_BYTES);
    }
    for (size_t i = 0; i < keys * REQUESTS_PER_KEY; i++) {
        serve(&cache);
    }
    while (cache.oldest != no_key) {
        evict(&cache, cache.oldest);
    }
    for (size_t i = 0; i < CONNECTIONS; i++) {
        trace_build_free(&cache.builder, cache.buffers[i]);
    }
    bench_pages_free(cache.popularity, popularity_bytes);
    bench_pages_free(cache.items, items_bytes);
    return trace_build_finish(&cache.builder);
}
