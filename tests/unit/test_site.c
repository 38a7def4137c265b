/* Names of hook points: every site by every name, lists, and what is said about names that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "made_model.h"
#include "model/model.h"
#include "model/run.h"

static vs_model *gemma, *bert;

static int open_both(void **state) {
    (void)state;
    return vs_model_open(NULL, FIXTURES "gemma3", &gemma) || vs_model_open(NULL, FIXTURES "bert", &bert);
}

static int close_both(void **state) {
    (void)state;
    vs_model_close(gemma);
    vs_model_close(bert);
    return 0;
}

static bool same(vs_site a, vs_site b) {
    return a.kind == b.kind && a.layer == b.layer && a.head == b.head && a.stack == b.stack && a.cross == b.cross;
}

static vs_site parse(const vs_model *m, const char *text) {
    vs_err err = {0};
    vs_site s = {.kind = VS_SITE_COUNT};
    if (vs_site_parse(&err, m, text, strlen(text), &s) != VS_OK) fail_msg("%s", err.msg);
    return s;
}

static void is(const vs_model *m, const char *text, vs_site_kind kind, int layer, int head) {
    vs_site s = parse(m, text);
    if (s.kind != kind || s.layer != layer || s.head != head)
        fail_msg("%s: kind %d layer %d head %d, want %d %d %d", text, s.kind, s.layer, s.head, kind, layer, head);
}

static void is_not(const vs_model *m, const char *text, const char *words) {
    vs_err err = {0};
    vs_site s;
    vs_status status = vs_site_parse(&err, m, text, strlen(text), &s);
    if (status != VS_E_UNKNOWN) fail_msg("%s: status %d", text, status);
    if (!strstr(err.msg, words)) fail_msg("no \"%s\" in: %s", words, err.msg);
}

static void every_site_has_two_names(void **state) {
    (void)state;
    const vs_model *models[] = {gemma, bert};
    const size_t want[] = {165, 52};
    for (int i = 0; i < 2; i++) {
        vs_err err = {0};
        vs_site *list;
        size_t n;
        char name[96];
        assert_int_equal(vs_site_list(&err, models[i], &list, &n), VS_OK);
        assert_int_equal(n, want[i]);
        for (size_t k = 0; k < n; k++) {
            const char *shape = vs_site_shape(list[k].kind);
            bool heads = strchr(shape, 'H') || strchr(shape, 'K');
            for (int brief = 0; brief < 2; brief++) {
                vs_site_name(models[i], list[k], brief != 0, name, sizeof name);
                assert_true(same(parse(models[i], name), list[k]));
                if (!heads) continue;
                vs_site one = list[k];
                one.head = 0;
                assert_true(same(parse(models[i], vs_site_name(models[i], one, brief != 0, name, sizeof name)), one));
            }
            assert_true(strlen(vs_site_words(list[k].kind)) > 0);
        }
        vs_free(list);
    }
}

static void shapes_by_name(void **state) {
    (void)state;
    static const char *const want[][2] = {{"hidden_states", "Td"},  {"attentions", "HTT"},   {"cross_attentions", "HTT"},     {"attn.z", "THh"},
                                          {"attn.pattern", "HTT"},  {"mlp_out", "Td"},       {"decoder.attn.scores", "HTT"}, {"logits", "TV"},
                                          {"encoder.attn.k", "TKh"}, {"embed", "Td"},        {"mlp.post", "Tf"},             {"nothing", "Td"},
                                          {"", "Td"},               {"decoder_hidden_states", "Td"}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) assert_string_equal(vs_site_shape_named(want[i][0]), want[i][1]);
}

static void other_names(void **state) {
    (void)state;
    is(gemma, "blocks.3.hook_resid_pre", VS_SITE_RESID_PRE, 3, -1);
    is(gemma, "blocks.3.attn.hook_pattern", VS_SITE_PATTERN, 3, -1);
    is(gemma, "3.mlp_out", VS_SITE_MLP_OUT, 3, -1);
    is(gemma, "3.attn.z.h2", VS_SITE_Z, 3, 2);
    is(gemma, "3.attn.pattern.h3", VS_SITE_PATTERN, 3, 3);
    is(gemma, "3.attn.k.h0", VS_SITE_K, 3, 0);
    is(gemma, "6", VS_SITE_RESID_PRE, 6, -1);
    is(gemma, "7", VS_SITE_RESID_PRE, 7, -1);
    is(gemma, "3.attn", VS_SITE_PATTERN, 3, -1);
    is(gemma, "3.attn.h1", VS_SITE_PATTERN, 3, 1);
    is(gemma, "attentions.2", VS_SITE_PATTERN, 2, -1);
    is(gemma, "hidden_states.0", VS_SITE_RESID_PRE, 0, -1);
    is(gemma, "hidden_states.6", VS_SITE_RESID_PRE, 6, -1);
    is(gemma, "hidden_states.7", VS_SITE_FINAL_NORM, -1, -1); /* the last is after the final norm */
    is(bert, "hidden_states.3", VS_SITE_RESID_PRE, 3, -1);    /* where there is one */
    is(gemma, "blocks.7.hook_resid_pre", VS_SITE_RESID_PRE, 7, -1);
    is(gemma, "logits", VS_SITE_LOGITS, -1, -1);
    is(bert, "nsp", VS_SITE_NSP, -1, -1);
    is(bert, "pooled", VS_SITE_POOLED, -1, -1);
    is(bert, "1.norm_mid", VS_SITE_NORM_MID, 1, -1);
    is(bert, "type_embed", VS_SITE_TYPE_EMBED, -1, -1);
}

static void names_that_are_none(void **state) {
    (void)state;
    is_not(gemma, "3.mpl_out", "3.mlp_out");
    is_not(gemma, "blocks.3.atn.hook_z", "blocks.3.attn.hook_z");
    is_not(gemma, "hidden_state.2", "hidden_states.2");
    is_not(gemma, "pos_embed", "position embedding");
    is_not(gemma, "3.norm_mid", "post-norm");
    is_not(gemma, "nsp", "next-sentence");
    is_not(bert, "2.mlp.up", "gated");
    is_not(bert, "2.attn.out", "branch norm");
    is_not(bert, "2.attn.rot_q", "rotation");
    is_not(bert, "final_norm", "final norm");
    is_not(gemma, "8", "layers 0 to 7");
    is_not(gemma, "7.mlp_out", "layers 0 to 6");
    is_not(gemma, "hidden_states.8", "0 to 7");
    is_not(gemma, "3.attn.z.h4", "heads 0 to 3");
    is_not(gemma, "3.attn.k.h1", "heads 0 to 0");
    is_not(gemma, "3.mlp_out.h1", "no heads");
    is_not(gemma, "hidden_states.7.h1", "no heads");
    static const char *const junk[] = {"",      "-1",     "3.",     ".3",       "3.attn.z.h",  "3.attn.z.h-1", "3.mlp_out[-1]", "encoder.3.mlp_out",
                                       "99999999999999999999", "3.mlp_out ", "3.xattn.z", "%d.mlp_out", "3.attn.z.h99999", "embed.h0", "blocks.3"};
    for (size_t i = 0; i < sizeof junk / sizeof *junk; i++) is_not(gemma, junk[i], "");
    char nul[] = "3.mlp\0out", *lng = calloc(100001, 1);
    vs_site s;
    assert_int_equal(vs_site_parse(NULL, gemma, nul, sizeof nul - 1, &s), VS_E_UNKNOWN);
    memset(lng, '3', 100000);
    assert_int_equal(vs_site_parse(NULL, gemma, lng, 100000, &s), VS_E_UNKNOWN);
    free(lng);
}

static void expands(const vs_model *m, const char *text, const char *want) {
    vs_err err = {0};
    vs_named_site *list;
    size_t n;
    vs_buf got = {0};
    if (vs_site_expand(&err, m, text, strlen(text), &list, &n) != VS_OK) fail_msg("%s", err.msg);
    for (size_t i = 0; i < n; i++) {
        vs_buf_printf(&got, "%s%s", i ? " " : "", list[i].name);
        assert_true(same(parse(m, list[i].name), list[i].site));
    }
    assert_string_equal(got.s, want);
    vs_buf_free(&got);
    vs_free(list);
}

static void lists(void **state) {
    (void)state;
    expands(bert, "logits", "logits");
    expands(bert, "attentions,logits", "attentions.0 attentions.1 attentions.2 logits");
    expands(bert, "hidden_states", "hidden_states.0 hidden_states.1 hidden_states.2 hidden_states.3");
    expands(bert, "mlp_out", "0.mlp_out 1.mlp_out 2.mlp_out");
    expands(bert, "attn.z.h3", "0.attn.z.h3 1.attn.z.h3 2.attn.z.h3");
    expands(bert, "attn", "0.attn 1.attn 2.attn");
    expands(bert, "blocks.attn.hook_z", "blocks.0.attn.hook_z blocks.1.attn.hook_z blocks.2.attn.hook_z");
    expands(bert, "hook_mlp_out", "blocks.0.hook_mlp_out blocks.1.hook_mlp_out blocks.2.hook_mlp_out");
    expands(bert, "1.attn.z , attn.z,1.attn.z", "1.attn.z 0.attn.z 2.attn.z");
    expands(bert, "2,blocks.0.attn.hook_z", "2 blocks.0.attn.hook_z");
    vs_named_site *all;
    size_t n;
    assert_int_equal(vs_site_expand(NULL, gemma, "all", 3, &all, &n), VS_OK);
    assert_int_equal(n, 165);
    assert_string_equal(all[0].name, "hook_embed");
    assert_string_equal(all[n - 1].name, "logits");
    vs_free(all);
    vs_err err = {0};
    assert_int_equal(vs_site_expand(&err, bert, "logits,,nsp", 11, &all, &n), VS_E_SYNTAX);
    assert_int_equal(vs_site_expand(&err, bert, "", 0, &all, &n), VS_E_SYNTAX);
    assert_int_equal(vs_site_expand(&err, bert, "mlp.up", 6, &all, &n), VS_E_UNKNOWN);
    assert_int_equal(vs_site_expand(&err, bert, "attn.z.h9", 9, &all, &n), VS_E_UNKNOWN);
    assert_non_null(strstr(err.msg, "heads 0 to 3"));
    assert_null(all);
}

static void memory_runs_out(void **state) {
    (void)state;
    vs_status s = VS_E_NOMEM;
    vs_named_site *all;
    vs_site *list;
    size_t n, at = 0;
    while (s != VS_OK) {
        vs_alloc_fail_at(++at);
        s = vs_site_expand(NULL, gemma, "all", 3, &all, &n);
        vs_alloc_fail_at(0);
        assert_true(s == VS_OK || s == VS_E_NOMEM);
    }
    vs_free(all);
    for (s = VS_E_NOMEM, at = 0; s != VS_OK;) {
        vs_alloc_fail_at(++at);
        s = vs_site_list(NULL, gemma, &list, &n);
        vs_alloc_fail_at(0);
        assert_true(s == VS_OK || s == VS_E_NOMEM);
    }
    assert_true(at > 2);
    vs_free(list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_site_has_two_names), cmocka_unit_test(other_names), cmocka_unit_test(shapes_by_name), cmocka_unit_test(names_that_are_none),
        cmocka_unit_test(lists),                    cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, open_both, close_both);
}
