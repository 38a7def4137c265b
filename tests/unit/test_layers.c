/* Layers as spaces of words: each row is what the expression "frame"@layer[word] says, bit for bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "session.h"
#include "tensor/kernels.h"

static const char *const words[] = {"the", "king", "queen", "unbelievable", "swan", "bank", "Paris", "of"};
enum { WORDS = sizeof words / sizeof *words };
static vs_err err;

static vs_session *open_model(const char *model) {
    vs_session *s;
    assert_int_equal(vs_session_new(&err, NULL, &s), VS_OK);
    if (vs_session_open_model(&err, s, model, NULL) != VS_OK) fail_msg("%s", err.msg);
    return s;
}

static void free_all(vs_space **in, size_t n) {
    for (size_t i = 0; i < n; i++) vs_space_free(in[i]);
}

/* Rows of spaces against the expression, for each layer and word. */
static void as_expressions(vs_session *s, const vs_layers *at, const char *frame, vs_space *const *in) {
    for (size_t l = at->from; l <= at->to; l++) {
        const vs_space *sp = in[l - at->from];
        char name[64];
        snprintf(name, sizeof name, "%s@%zu", at->name, l);
        assert_string_equal(vs_space_name(sp), name);
        assert_int_equal(vs_space_rows(sp), WORDS);
        for (size_t i = 0; i < WORDS; i++) {
            char text[128], expr[256];
            vs_value v;
            float row[512];
            size_t at_row;
            snprintf(text, sizeof text, "%s", frame ? frame : "%s");
            char *slot = strstr(text, "%s"), rest[128];
            snprintf(rest, sizeof rest, "%s", slot + 2);
            snprintf(slot, sizeof text - (size_t)(slot - text), "%s%s", words[i], rest);
            snprintf(expr, sizeof expr, "\"%s\"@%zu[%s]", text, l, words[i]);
            if (vs_session_eval(&err, s, expr, strlen(expr), &v) != VS_OK) fail_msg("%s: %s", expr, err.msg);
            assert_true(vs_space_find(sp, words[i], strlen(words[i]), &at_row));
            assert_true(vs_space_dim(sp) == v.dim && v.dim <= 512);
            assert_int_equal(vs_space_row(&err, sp, at_row, row), VS_OK);
            if (memcmp(row, v.vec, v.dim * sizeof *row) != 0) fail_msg("%s differs", expr);
            vs_value_free(&v);
        }
    }
}

/* A causal model, an encoder, two stacks; alone and in a frame; under an edit. */
static void rows_of_layers(void **state) {
    (void)state;
    static const char *const models[] = {"tests/data/fixtures/gemma3", "tests/data/fixtures/bert", "tests/data/fixtures/t5"};
    static const char *const frames[] = {NULL, "I saw %s today"};
    for (size_t m = 0; m < sizeof models / sizeof *models; m++)
        for (int k = 0; k < 4; k++) {
            vs_session *s = open_model(models[m]);
            bool names, edited = k >= 2;
            vs_layers at;
            vs_space *in[32];
            vs_layer_words list = {words, WORDS, frames[k % 2], false};
            if (edited && vs_session_push_edits(&err, s, "scale 0.mlp_out * 3", 19) != VS_OK) {
                assert_int_equal(m, 2); /* of two stacks the decoder is meant */
                vs_session_free(s);
                continue;
            }
            assert_int_equal(vs_session_layers(&err, s, "@", &names, &at), VS_OK);
            assert_true(names && at.from == 0 && at.to < 32);
            if (m == 2 && edited) vs_session_pop_edits(s);
            if (vs_session_layer_spaces(&err, s, &at, &list, NULL, in) != VS_OK) fail_msg("%s: %s", models[m], err.msg);
            as_expressions(s, &at, list.frame, in);
            assert_true(!edited || m == 2 || vs_session_edited_passes(s) >= WORDS);
            free_all(in, at.to + 1);
            vs_session_free(s);
        }
}

static void centred(void **state) {
    (void)state;
    vs_session *s = open_model("tests/data/fixtures/bert");
    vs_layers at;
    bool names;
    vs_space *in;
    float row[512], sum[512] = {0};
    vs_layer_words list = {words, WORDS, NULL, true};
    assert_int_equal(vs_session_layers(&err, s, "@1", &names, &at), VS_OK);
    assert_true(at.from == 1 && at.to == 1);
    assert_int_equal(vs_session_layer_spaces(&err, s, &at, &list, NULL, &in), VS_OK);
    size_t d = vs_space_dim(in);
    for (size_t i = 0; i < WORDS; i++) {
        assert_int_equal(vs_space_row(&err, in, i, row), VS_OK);
        vs_axpy(1, row, sum, d);
    }
    for (size_t j = 0; j < d; j++) assert_true(sum[j] > -1e-4F && sum[j] < 1e-4F);
    vs_space_free(in);
    vs_session_free(s);
}

static void refused(void **state) {
    (void)state;
    vs_session *s;
    vs_layers at;
    bool names;
    vs_space *in[32];
    assert_int_equal(vs_session_new(&err, NULL, &s), VS_OK);
    assert_int_equal(vs_session_layers(&err, s, "@1", &names, &at), VS_E_STATE);
    assert_int_equal(vs_session_layers(&err, s, "glove", &names, &at), VS_OK);
    assert_false(names);
    vs_session_free(s);
    s = open_model("tests/data/fixtures/gemma3");
    static const struct {
        const char *what;
        vs_status want;
    } cases[] = {{"@99", VS_E_RANGE}, {"@-1", VS_E_RANGE}, {"@x", VS_E_RANGE}, {"nothing@1", VS_E_UNKNOWN}, {"gem@1", VS_OK}, {"@1", VS_OK}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(vs_session_layers(&err, s, cases[i].what, &names, &at), cases[i].want);
    vs_layer_words list = {words, WORDS, "no place", false};
    assert_int_equal(vs_session_layer_spaces(&err, s, &at, &list, NULL, in), VS_E_USAGE);
    list.frame = "%s and %s";
    assert_int_equal(vs_session_layer_spaces(&err, s, &at, &list, NULL, in), VS_E_USAGE);
    list = (vs_layer_words){words, 0, NULL, false};
    assert_int_equal(vs_session_layer_spaces(&err, s, &at, &list, NULL, in), VS_E_USAGE);
    list = (vs_layer_words){(const char *const[]){""}, 1, NULL, false};
    assert_int_equal(vs_session_layer_spaces(&err, s, &at, &list, NULL, in), VS_E_FORMAT);
    list = (vs_layer_words){words, WORDS, NULL, true};
    for (size_t n = 1;; n++) {
        vs_alloc_fail_at(n);
        vs_status st = vs_session_layer_spaces(&err, s, &at, &list, NULL, in);
        vs_alloc_fail_at(0);
        if (st == VS_OK) break;
        assert_int_equal(st, VS_E_NOMEM);
        assert_null(in[0]);
    }
    vs_space_free(in[0]);
    vs_session_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_of_layers), cmocka_unit_test(centred), cmocka_unit_test(refused)};
    return cmocka_run_group_tests_name("layers", tests, NULL, NULL);
}
