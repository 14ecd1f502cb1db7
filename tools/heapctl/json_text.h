// json_text.h - objects and arrays of JSON, as the text they are printed as.
//
// Members are written in the order they are added, so a value is its text from
// the start. A value that memory ran out for is NULL, or prints as null; every
// function takes NULL.

#ifndef MHEAP_TOOLS_HEAPCTL_JSON_TEXT_H
#define MHEAP_TOOLS_HEAPCTL_JSON_TEXT_H

struct hc_json;

// An empty object, array, or a word that is JSON already: a number, true.
struct hc_json *hc_json_new_object(void);
struct hc_json *hc_json_new_array(void);
struct hc_json *hc_json_new_word(const char *word);

// hc_json_new_string quotes text, which is valid UTF-8.
struct hc_json *hc_json_new_string(const char *text);

// hc_json_add gives an object a member, and hc_json_append an array an element.
// The value is theirs afterwards.
void hc_json_add(struct hc_json *object, const char *key,
                 struct hc_json *value);
void hc_json_append(struct hc_json *array, struct hc_json *value);

// hc_json_string is all of a value on one line. It ends with the value, which
// nothing may be added to any more.
const char *hc_json_string(struct hc_json *value);

void hc_json_free(struct hc_json *value);

#endif // MHEAP_TOOLS_HEAPCTL_JSON_TEXT_H
