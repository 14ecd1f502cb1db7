// hc_json_test.c - JSON as text, read back by somebody else's reader.

#include <check.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/heapctl/json_text.h"

// Nothing is lost, and no second reader is needed to see the order.
static void expect(struct hc_json *value, const char *text) {
    ck_assert_str_eq(hc_json_string(value), text);
    ck_assert_str_eq(hc_json_string(value), text); // however often it is asked
    hc_json_free(value);
}

START_TEST(members_stand_in_the_order_they_were_added) {
    struct hc_json *object = hc_json_new_object();
    hc_json_add(object, "b", hc_json_new_word("1"));
    hc_json_add(object, "a", hc_json_new_word("true"));
    hc_json_add(object, "c", hc_json_new_string("x"));
    expect(object, "{\"b\":1,\"a\":true,\"c\":\"x\"}");
}
END_TEST

START_TEST(empty_ones_have_brackets) {
    expect(hc_json_new_object(), "{}");
    expect(hc_json_new_array(), "[]");
    expect(hc_json_new_string(""), "\"\"");
}
END_TEST

START_TEST(values_lie_in_each_other) {
    struct hc_json *list = hc_json_new_array();
    struct hc_json *object = hc_json_new_object();
    hc_json_append(list, hc_json_new_object());
    hc_json_append(list, hc_json_new_array());
    hc_json_append(list, hc_json_new_word("7"));
    hc_json_add(object, "list", list);
    hc_json_add(object, "none", NULL);
    expect(object, "{\"list\":[{},[],7],\"none\":null}");
}
END_TEST

START_TEST(what_could_not_be_had_is_null_and_harms_nobody) {
    hc_json_add(NULL, "key", hc_json_new_word("1"));
    hc_json_append(NULL, hc_json_new_word("1"));
    hc_json_free(NULL);
    ck_assert_str_eq(hc_json_string(NULL), "null");
}
END_TEST

START_TEST(every_character_comes_back) {
    char text[256];
    size_t n = 0;
    for (int c = 1; c < 128; c++) {
        text[n++] = (char)c;
    }
    text[n] = '\0';
    struct hc_json *object = hc_json_new_object();
    hc_json_add(object, text, hc_json_new_string(text));
    struct json_object *back = json_tokener_parse(hc_json_string(object));
    struct json_object *value = NULL;
    ck_assert(json_object_object_get_ex(back, text, &value));
    ck_assert_str_eq(json_object_get_string(value), text);
    ck_assert_ptr_null(strpbrk(hc_json_string(object), "\n\r\t\b\f\x1b"));
    (void)json_object_put(back);
    hc_json_free(object);
}
END_TEST

START_TEST(a_long_list_is_whole) {
    enum { N = 20000 };
    char word[32];
    struct hc_json *list = hc_json_new_array();
    for (int i = 0; i < N; i++) {
        (void)snprintf(word, sizeof(word), "%d", i);
        hc_json_append(list, hc_json_new_word(word));
    }
    struct json_object *back = json_tokener_parse(hc_json_string(list));
    ck_assert_uint_eq(json_object_array_length(back), N);
    for (int i = 0; i < N; i++) {
        ck_assert_int_eq(
            json_object_get_int(json_object_array_get_idx(back, (size_t)i)), i);
    }
    (void)json_object_put(back);
    hc_json_free(list);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("hc_json");
    TCase *tcase = tcase_create("text");
    tcase_add_test(tcase, members_stand_in_the_order_they_were_added);
    tcase_add_test(tcase, empty_ones_have_brackets);
    tcase_add_test(tcase, values_lie_in_each_other);
    tcase_add_test(tcase, what_could_not_be_had_is_null_and_harms_nobody);
    tcase_add_test(tcase, every_character_comes_back);
    tcase_add_test(tcase, a_long_list_is_whole);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
