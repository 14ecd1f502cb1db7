// json_out.h - the machine form: one envelope for every verb.
//
//   {"schema":"heapctl/1","kind":...,"target":...,"consistency":...,
//    "data":...}
//
// Sizes are integers in bytes, addresses strings "0x...", shares between 0 and
// 1. What was not measured is absent, never 0. Fields are only ever added
// within a schema.

#ifndef MHEAP_TOOLS_HEAPCTL_JSON_OUT_H
#define MHEAP_TOOLS_HEAPCTL_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/heapctl/heapctl.h"
#include "tools/heapctl/json_text.h"

// Members of an object; text may be NULL, which leaves the member out.
void hc_json_text(struct hc_json *object, const char *key, const char *text);
void hc_json_number(struct hc_json *object, const char *key, uint64_t number);
void hc_json_signed(struct hc_json *object, const char *key, int64_t number);
void hc_json_address(struct hc_json *object, const char *key, uint64_t address);
void hc_json_bool(struct hc_json *object, const char *key, bool value);
// part of whole, with four decimals; absent of nothing.
void hc_json_share(struct hc_json *object, const char *key, uint64_t part,
                   uint64_t whole);

// hc_json_target and hc_json_consistency describe ctx->process and ctx->view.
struct hc_json *hc_json_target(const struct hc_context *ctx);
struct hc_json *hc_json_consistency(const struct hc_context *ctx);

// hc_json_begin prints the envelope up to its data. kind is the verb.
// hc_json_end prints what follows it.
void hc_json_begin(struct hc_context *ctx, const char *kind);
void hc_json_end(struct hc_context *ctx);

// hc_json_print prints an object on one line and frees it.
void hc_json_print(FILE *out, struct hc_json *object);

// hc_json_document is begin, the object on one line, and end.
void hc_json_document(struct hc_context *ctx, const char *kind,
                      struct hc_json *data);

#endif // MHEAP_TOOLS_HEAPCTL_JSON_OUT_H
