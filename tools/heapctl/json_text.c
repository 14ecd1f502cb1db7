// json_text.c - objects and arrays of JSON, as the text they are printed as.

#include "tools/heapctl/json_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 128 };

struct hc_json {
    char *text; // ended by a NUL; without its closing bracket
    size_t length, room;
    char close; // the bracket, '\0': none, or written already
    bool lost;  // memory ran out
};

static void put(struct hc_json *value, const char *text, size_t length) {
    if (value->lost) {
        return;
    }
    if (length >= value->room - value->length) {
        size_t room = value->room == 0 ? ROOM_FIRST : 2 * value->room;
        while (length >= room - value->length) {
            room *= 2;
        }
        char *larger = realloc(value->text, room);
        if (larger == NULL) {
            value->lost = true;
            return;
        }
        value->text = larger;
        value->room = room;
    }
    memcpy(value->text + value->length, text, length);
    value->length += length;
    value->text[value->length] = '\0';
}

static struct hc_json *begin(const char *text, char close) {
    struct hc_json *value = calloc(1, sizeof(*value));

    if (value != NULL) {
        value->close = close;
        put(value, text, strlen(text));
    }
    return value;
}

struct hc_json *hc_json_new_object(void) {
    return begin("{", '}');
}

struct hc_json *hc_json_new_array(void) {
    return begin("[", ']');
}

struct hc_json *hc_json_new_word(const char *word) {
    return begin(word, '\0');
}

// The two that must be escaped, control characters that have a letter, and the
// others by number (RFC 8259, section 7).
static void put_character(struct hc_json *value, char c) {
    static const char letters[] = "\bb\ff\nn\rr\tt\"\"\\\\";
    char escaped[8];

    for (size_t i = 0; i + 1 < sizeof(letters); i += 2) {
        if (letters[i] == c) {
            escaped[0] = '\\';
            escaped[1] = letters[i + 1];
            put(value, escaped, 2);
            return;
        }
    }
    if ((unsigned char)c < 0x20) {
        (void)snprintf(escaped, sizeof(escaped), "\\u%04x", (unsigned)c);
        put(value, escaped, 6);
    } else {
        put(value, &c, 1);
    }
}

static void put_quoted(struct hc_json *value, const char *text) {
    put(value, "\"", 1);
    for (; *text != '\0'; text++) {
        put_character(value, *text);
    }
    put(value, "\"", 1);
}

struct hc_json *hc_json_new_string(const char *text) {
    struct hc_json *value = begin("", '\0');

    if (value != NULL) {
        put_quoted(value, text);
    }
    return value;
}

// The bracket alone is one character.
static void put_comma(struct hc_json *value) {
    if (value->length > 1) {
        put(value, ",", 1);
    }
}

static void put_value(struct hc_json *into, struct hc_json *value) {
    const char *text = hc_json_string(value);

    put(into, text, strlen(text));
    hc_json_free(value);
}

void hc_json_add(struct hc_json *object, const char *key,
                 struct hc_json *value) {
    if (object == NULL) {
        hc_json_free(value);
        return;
    }
    put_comma(object);
    put_quoted(object, key);
    put(object, ":", 1);
    put_value(object, value);
}

void hc_json_append(struct hc_json *array, struct hc_json *value) {
    if (array == NULL) {
        hc_json_free(value);
        return;
    }
    put_comma(array);
    put_value(array, value);
}

const char *hc_json_string(struct hc_json *value) {
    if (value == NULL) {
        return "null";
    }
    if (value->close != '\0') {
        put(value, &value->close, 1);
        value->close = '\0';
    }
    return value->lost ? "null" : value->text;
}

void hc_json_free(struct hc_json *value) {
    if (value != NULL) {
        free(value->text);
        free(value);
    }
}
