/* tokenizer_cases.h - a tokenizer held against what the reference makes of odd texts: the files that
 * tests/oracle/make_tokenizer_cases.py writes. */
#ifndef VS_TESTS_TOKENIZER_CASES_H
#define VS_TESTS_TOKENIZER_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/map.h"
#include "text/tokenizer.h"

static inline void same_number(const json_t *want, size_t i, long got, const char *what, const char *text) {
    long w = (long)json_integer_value(json_array_get(want, i));
    if (w != got) fail_msg("%s of token %zu of '%s': %ld, want %ld", what, i, text, got, w);
}

static inline void same_text(const vs_tokenizer *t, const json_t *want, const int32_t *ids, size_t n, bool skip,
                             const char *what) {
    vs_buf out = {0};
    vs_err err = {0};
    if (vs_detokenize(&err, t, ids, n, skip, &out) != VS_OK) fail_msg("%s", err.msg);
    if (out.len != json_string_length(want) || (out.len && memcmp(out.s, json_string_value(want), out.len)))
        fail_msg("%s: '%s', want '%s'", what, out.len ? out.s : "", json_string_value(want));
    vs_buf_free(&out);
}

static inline void check_case(const vs_tokenizer *t, const json_t *c) {
    const json_t *text = json_object_get(c, "text"), *pair = json_object_get(c, "pair"),
                 *ids = json_object_get(c, "ids");
    const char *s = json_string_value(text);
    vs_tokens x;
    vs_err err = {0};
    if (vs_tokenize(&err, t, s, json_string_length(text), json_string_value(pair), json_string_length(pair), true,
                    &x) != VS_OK)
        fail_msg("'%s': %s", s, err.msg);
    if (x.n != json_array_size(ids)) fail_msg("'%s': %zu tokens, want %zu", s, x.n, json_array_size(ids));
    for (size_t i = 0; i < x.n; i++) {
        same_number(ids, i, x.id[i], "id", s);
        same_number(json_object_get(c, "begin"), i, (long)x.begin[i], "begin", s);
        same_number(json_object_get(c, "end"), i, (long)x.end[i], "end", s);
        same_number(json_object_get(c, "type"), i, x.type[i], "type", s);
        same_number(json_object_get(c, "special"), i, x.special[i], "special", s);
    }
    same_text(t, json_object_get(c, "decoded"), x.id, x.n, true, s);
    same_text(t, json_object_get(c, "full"), x.id, x.n, false, s);
    vs_tokens_free(&x);
}

static inline void check_noise(const vs_tokenizer *t, const json_t *c) {
    const json_t *list = json_object_get(c, "ids");
    int32_t ids[64];
    size_t n = json_array_size(list);
    assert_true(n <= 64);
    for (size_t i = 0; i < n; i++) ids[i] = (int32_t)json_integer_value(json_array_get(list, i));
    same_text(t, json_object_get(c, "decoded"), ids, n, true, "noise");
}

/* Every case and every row of noise of a file that is open. */
static inline void check_all(const vs_tokenizer *t, const json_t *root) {
    json_t *c;
    size_t i;
    json_array_foreach(json_object_get(root, "cases"), i, c) check_case(t, c);
    assert_true(i >= 100);
    json_array_foreach(json_object_get(root, "noise"), i, c) check_noise(t, c);
    assert_true(i >= 25);
}

static inline json_t *open_cases(const char *path) {
    json_error_t why;
    json_t *root = json_load_file(path, JSON_ALLOW_NUL, &why);
    if (!root) fail_msg("%s: %s", path, why.text);
    return root;
}

#endif
