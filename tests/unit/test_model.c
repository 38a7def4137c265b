/* Opening models: what is read, what is derived, what is refused and how. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>

#include "base/alloc.h"
#include "made_model.h"
#include "model/model_impl.h"

static vs_model *open_or_say(const char *path) {
    vs_err err = {0};
    vs_model *m = NULL;
    if (vs_model_open(&err, path, &m) != VS_OK) fail_msg("%s", err.msg);
    return m;
}

/* The message is one line with all of these words, separated by |. */
static void must_say(const vs_err *err, const char *words) {
    assert_null(strchr(err->msg, '\n'));
    char all[512], *rest = NULL;
    snprintf(all, sizeof all, "%s", words);
    for (char *p = strtok_r(all, "|", &rest); p; p = strtok_r(NULL, "|", &rest))
        if (!strstr(err->msg, p)) fail_msg("no \"%s\" in: %s", p, err->msg);
}

/* Opening must fail with the status and with all of these words. */
static void must_refuse(const char *path, vs_status status, const char *words) {
    vs_err err = {0};
    vs_model *m = (vs_model *)&err;
    vs_status s = vs_model_open(&err, path, &m);
    if (s == VS_OK) {
        vs_model_close(m);
        fail_msg("it opened; wanted: %s", words);
    }
    if (s != status) fail_msg("status %d, want %d: %s", s, status, err.msg);
    assert_null(m);
    must_say(&err, words);
}

/* Whether the second pair of a layer's heads turns as theta says, that much slower. */
static bool turns_by(const vs_model *m, const vs_layer *y, double theta, float slower) {
    return y->rotation->turn[1] == (float)(1 / pow(theta, 2.0 / (double)m->stack[0].rope_dims)) / slower;
}

static void gemma_is_read(void **state) {
    (void)state;
    vs_model *m = open_or_say(FIXTURES "gemma3");
    const vs_model_info *i = vs_model_info_of(m);
    const vs_stack_info *s = &i->stack[0];
    assert_string_equal(i->name, "gemma3");
    assert_string_equal(i->arch, "gemma3");
    assert_string_equal(i->format, "safetensors");
    assert_int_equal(i->V, 1000);
    assert_int_equal(i->context, 128);
    assert_int_equal(i->n_stacks, 1);
    assert_true(i->tied && i->has_logits && !i->masked && !i->has_nsp);
    assert_float_equal(i->embed_scale, 6.9282032, 1e-6);
    assert_true(i->logit_cap == 0);
    assert_int_equal(i->params, 200144);
    assert_string_equal(s->name, "decoder");
    assert_true(s->L == 7 && s->d == 48 && s->H == 4 && s->KV == 1 && s->dh == 16 && s->f == 96);
    assert_true(s->causal && s->gated && !s->post_norm && s->rms && s->rope);
    assert_string_equal(s->act, "gelu_tanh");
    assert_string_equal(s->positions, "rope");
    assert_true(m->stack[0].layer[0].score_scale == 0.25f);
    for (int l = 0; l < 7; l++) {
        const vs_layer *y = &m->stack[0].layer[l];
        assert_int_equal(y->window, l == 5 ? 0 : 8);
        assert_true(turns_by(m, y, l == 5 ? 1e6 : 1e4, 1));
    }
    size_t sum = 0;
    for (int r = 0; r < VS_ROLE_COUNT; r++) sum += vs_model_params_of(m, (vs_role)r);
    assert_int_equal(sum, i->params);
    vs_model_close(m);
}

static void bert_is_read(void **state) {
    (void)state;
    vs_model *m = open_or_say(FIXTURES "bert");
    const vs_model_info *i = vs_model_info_of(m);
    const vs_stack_info *s = &i->stack[0];
    assert_true(i->V == 700 && i->context == 128 && i->params == 121038);
    assert_true(i->tied && i->has_logits && i->masked && i->has_nsp && i->embed_scale == 1);
    assert_true(s->L == 3 && s->d == 48 && s->H == 4 && s->KV == 4 && s->dh == 12 && s->f == 160);
    assert_true(!s->causal && !s->gated && s->post_norm && !s->rms && !s->rope);
    assert_string_equal(s->act, "gelu");
    assert_string_equal(s->positions, "learned");
    assert_true(m->stack[0].eps == 1e-12f);
    assert_ptr_equal(vs_model_weight(m, VS_ROLE_UNEMBED, 0, 0)->data, vs_model_weight(m, VS_ROLE_EMBED, 0, 0)->data);
    assert_null(vs_model_weight(m, VS_ROLE_FINAL_NORM, 0, 0));
    assert_null(vs_model_weight(m, VS_ROLE_WQ, 0, 3));
    assert_null(vs_model_weight(m, VS_ROLE_WQ, 1, 0));
    vs_model_close(m);
}

static void names(void **state) {
    (void)state;
    char top[32] = "/tmp/vs-test-XXXXXX", dir[256], cwd[512];
    static const char *const parts[] = {"", "/models--owner--the-model", "/models--owner--the-model/snapshots", "/models--owner--the-model/snapshots/0123abcd"};
    assert_non_null(mkdtemp(top));
    for (int i = 1; i < 4; i++) {
        snprintf(dir, sizeof dir, "%s%s", top, parts[i]);
        assert_int_equal(mkdir(dir, 0700), 0);
    }
    put_hub(dir, "bert", NULL, NULL, 0);
    assert_non_null(getcwd(cwd, sizeof cwd));
    vs_model *m[3] = {open_or_say(dir), open_or_say(FIXTURES "bert//")};
    assert_int_equal(chdir(FIXTURES "bert"), 0);
    vs_status s = vs_model_open(NULL, ".", &m[2]);
    assert_int_equal(chdir(cwd), 0);
    assert_int_equal(s, VS_OK);
    assert_string_equal(m[0]->info.name, "the-model");
    assert_string_equal(m[1]->info.name, "bert");
    assert_string_equal(m[2]->info.name, "bert");
    for (int i = 0; i < 3; i++) vs_model_close(m[i]);
    drop_dir(dir);
    for (int i = 2; i >= 0; i--) {
        snprintf(dir, sizeof dir, "%s%s", top, parts[i]);
        rmdir(dir);
    }
}

static void rows_and_columns(void **state) {
    (void)state;
    vs_err err = {0};
    vs_model *m = open_or_say(FIXTURES "gemma3");
    vs_file *f;
    float row[96], column[48], gain[48];
    assert_int_equal(vs_file_open(&err, FIXTURES "gemma3/model.safetensors", &f), VS_OK);
    const float *down = vs_file_find(f, "model.layers.3.mlp.down_proj.weight")->data;
    const float *norm = vs_file_find(f, "model.layers.2.input_layernorm.weight")->data;
    assert_int_equal(vs_model_row(&err, m, VS_ROLE_W_DOWN, 3, 5, row), VS_OK);
    assert_memory_equal(row, down + 5 * 96, sizeof row);
    assert_int_equal(vs_model_column(&err, m, VS_ROLE_W_DOWN, 3, 7, column), VS_OK);
    for (int k = 0; k < 48; k++) assert_true(column[k] == down[k * 96 + 7]);
    assert_int_equal(vs_model_row(&err, m, VS_ROLE_ATTN_NORM, 2, 0, gain), VS_OK);
    for (int k = 0; k < 48; k++) assert_true(gain[k] == 1 + norm[k]);
    assert_int_equal(vs_model_row(&err, m, VS_ROLE_W_DOWN, 7, 0, row), VS_E_RANGE);
    assert_int_equal(vs_model_row(&err, m, VS_ROLE_W_DOWN, -1, 0, row), VS_E_RANGE);
    assert_int_equal(vs_model_row(&err, m, VS_ROLE_W_DOWN, 0, 48, row), VS_E_RANGE);
    assert_int_equal(vs_model_column(&err, m, VS_ROLE_W_DOWN, 0, 96, row), VS_E_RANGE);
    assert_int_equal(vs_model_row(&err, m, VS_ROLE_POS, 0, 0, row), VS_E_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "learned positions"));
    vs_file_close(f);
    vs_model_close(m);
}

/* The head by itself, from the last hidden state that PyTorch gives to the logits that it gives. */
static void check_unembed(const char *fixture, int last, bool normed) {
    vs_err err = {0};
    char path[128], name[32];
    snprintf(path, sizeof path, FIXTURES "%s", fixture);
    vs_model *m = open_or_say(path);
    vs_file *f;
    snprintf(path, sizeof path, FIXTURES "%s/expected.safetensors", fixture);
    assert_int_equal(vs_file_open(&err, path, &f), VS_OK);
    snprintf(name, sizeof name, "0.hidden.%d", last);
    const vs_tensor *h = vs_file_find(f, name), *want = vs_file_find(f, "0.logits");
    size_t T = h->shape[0], d = h->shape[1], V = want->shape[1];
    float *x = calloc(T * d, sizeof *x), *got = calloc(T * V, sizeof *got);
    memcpy(x, h->data, T * d * sizeof *x);
    if (normed) { /* undo the final norm: a vector of root mean square 1 passes through it as x * gain */
        const float *g = m->stack[0].w[VS_ROLE_FINAL_NORM].vec;
        for (size_t i = 0; i < T * d; i++) x[i] /= g[i % d];
    }
    assert_int_equal(vs_model_unembed(&err, m, x, T, got), VS_OK);
    const float *w = want->data;
    float worst = 0, most = 0;
    for (size_t i = 0; i < T * V; i++) worst = fmaxf(worst, fabsf(got[i] - w[i])), most = fmaxf(most, fabsf(w[i]));
    if (!(worst <= 1e-4f * fmaxf(most, 1))) fail_msg("%s: logits are off by %g of %g", fixture, (double)worst, (double)most);
    float *alone = calloc(V, sizeof *alone);
    assert_int_equal(vs_model_unembed(&err, m, x + 2 * d, 1, alone), VS_OK);
    assert_memory_equal(alone, got + 2 * V, V * sizeof *alone); /* a row's bits do not depend on its neighbours */
    free(x);
    free(got);
    free(alone);
    vs_file_close(f);
    vs_model_close(m);
}

static void heads_give_the_reference_logits(void **state) {
    (void)state;
    check_unembed("bert", 3, false);
    check_unembed("gemma3", 7, true);
}

/* The head by itself and the last steps of a pass: the same bits, capped or not, continuing or filling masks. */
static void check_as_a_pass(const char *path) {
    vs_err err = {0};
    vs_model *m = open_or_say(path);
    const vs_stack_info *s = &m->info.stack[0];
    const int32_t ids[] = {1, 319, 462, 22, 312, 20};
    enum { T = sizeof ids / sizeof *ids };
    const vs_site keep[] = {{.kind = VS_SITE_RESID_PRE, .layer = (int16_t)s->L, .head = -1}, {.kind = VS_SITE_FINAL_NORM, .layer = -1, .head = -1}};
    bool normed = m->stack[0].spec->final_norm;
    const vs_request rq = {.in = {.ids = ids, .rows = T}, .keep = keep, .n_keep = normed ? 2 : 1, .logits = VS_LOGITS_ALL};
    vs_pass *p;
    vs_tensor x, y;
    size_t rows;
    if (vs_run(&err, m, &rq, &p) != VS_OK) fail_msg("%s", err.msg);
    assert_int_equal(vs_pass_site(&err, p, keep[0], 0, &x), VS_OK);
    const float *want = vs_pass_logits(p, &rows);
    assert_int_equal(rows, T);
    float *got = calloc(T * m->info.V, sizeof *got), *stream = calloc(T * s->d, sizeof *stream);
    memcpy(stream, x.data, T * s->d * sizeof *stream);
    assert_int_equal(vs_model_unembed(&err, m, stream, T, got), VS_OK);
    assert_memory_equal(got, want, T * m->info.V * sizeof *got);
    assert_int_equal(vs_model_final_norm(&err, m, stream, T, stream), VS_OK); /* in place */
    if (normed) assert_int_equal(vs_pass_site(&err, p, keep[1], 0, &y), VS_OK);
    assert_memory_equal(stream, normed ? y.data : x.data, T * s->d * sizeof *stream);
    free(got);
    free(stream);
    vs_pass_free(p);
    vs_model_close(m);
}

static void heads_are_those_of_a_pass(void **state) {
    (void)state;
    char *dir = new_dir();
    check_as_a_pass(FIXTURES "gemma3");
    check_as_a_pass(FIXTURES "bert");
    put_hub(dir, "gemma3", "{\"final_logit_softcapping\": 3.0}", NULL, 0);
    check_as_a_pass(dir);
    drop_dir(dir);
}

static void logits_are_capped(void **state) {
    (void)state;
    vs_err err = {0};
    char *dir = new_dir();
    put_hub(dir, "gemma3", "{\"final_logit_softcapping\": 3.0}", NULL, 0);
    vs_model *m = open_or_say(dir), *plain = open_or_say(FIXTURES "gemma3");
    float x[48], a[1000], b[1000];
    assert_true(vs_model_info_of(m)->logit_cap == 3);
    for (int i = 0; i < 48; i++) x[i] = sinf((float)i);
    assert_int_equal(vs_model_unembed(&err, plain, x, 1, a), VS_OK);
    assert_int_equal(vs_model_unembed(&err, m, x, 1, b), VS_OK);
    for (int i = 0; i < 1000; i++) assert_float_equal(b[i], 3 * tanhf(a[i] / 3), 2e-6);
    vs_model_close(m);
    vs_model_close(plain);
    drop_dir(dir);
}

/* Configurations that open: what the last column says is checked by hand below each. */
static void configurations_that_open(void **state) {
    (void)state;
    char *dir = new_dir();
    vs_model *m;
    put_safetensors(dir, "gemma3", NULL, 0);
    put_config(dir, "gemma3", "{\"-layer_types\":0,\"-_sliding_window_pattern\":0,\"sliding_window_pattern\":3,\"-tie_word_embeddings\":0}");
    m = open_or_say(dir);
    for (int l = 0; l < 7; l++) assert_int_equal(m->stack[0].layer[l].window, l == 2 || l == 5 ? 0 : 8);
    assert_true(m->info.tied);
    vs_model_close(m);
    /* how earlier files say it */
    put_config(dir, "gemma3",
               "{\"-rope_parameters\":0,\"rope_theta\":500000,\"rope_local_base_freq\":20000,\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":8.0},"
               "\"-hidden_activation\":0,\"hidden_act\":\"silu\"}");
    m = open_or_say(dir);
    assert_true(turns_by(m, &m->stack[0].layer[0], 20000, 1));
    assert_true(turns_by(m, &m->stack[0].layer[5], 500000, 8));
    assert_string_equal(m->info.stack[0].act, "silu");
    vs_model_close(m);
    put_config(dir, "gemma3", "{\"query_pre_attn_scalar\":168,\"-rms_norm_eps\":0,\"final_logit_softcapping\":null}");
    m = open_or_say(dir);
    assert_float_equal(m->stack[0].layer[0].score_scale, 0.0771516749810, 1e-9);
    assert_true(m->stack[0].eps == 1e-6f);
    vs_model_close(m);
    /* saved without its head: it has states and no words */
    put_config(dir, "gemma3", "{\"tie_word_embeddings\":false}");
    m = open_or_say(dir);
    assert_true(!m->info.tied && !m->info.has_logits);
    assert_null(vs_model_weight(m, VS_ROLE_UNEMBED, 0, -1));
    vs_model_close(m);
    drop_dir(dir);
}

/* A picture model's files: the text model is one of its parts. */
static void nested_text_model(void **state) {
    (void)state;
    char *dir = new_dir();
    const change moved[] = {{RENAME, "model.", "language_model.model."}, {ADD, "vision_tower.patch.weight", "[2, 3]"}};
    put_hub(dir, "gemma3", NULL, moved, 2);
    json_t *inner = json_load_file(FIXTURES "gemma3/config.json", 0, NULL);
    json_t *outer = json_pack("{s:s, s:o}", "model_type", "gemma3", "text_config", inner);
    char *text = json_dumps(outer, 0);
    put_file(dir, "config.json", text, strlen(text));
    vs_model *m = open_or_say(dir);
    assert_int_equal(m->info.params, 200144);
    assert_int_equal(m->info.stack[0].L, 7);
    vs_model_close(m);
    free(text);
    json_decref(outer);
    drop_dir(dir);
}

static const struct refused_config {
    const char *fixture, *patch;
    vs_status status;
    const char *words;
} refused_configs[] = {
    {"gemma3", "{\"model_type\":\"mamba\"}", VS_E_UNSUPPORTED, "config.json|mamba|gemma3|bert"},
    {"gemma3", "{\"-model_type\":0}", VS_E_FORMAT, "model_type"},
    {"gemma3", "{\"num_attention_heads\":0}", VS_E_FORMAT, "num_attention_heads|0|whole number"},
    {"gemma3", "{\"num_attention_heads\":-4}", VS_E_FORMAT, "-4"},
    {"gemma3", "{\"num_attention_heads\":2.5}", VS_E_FORMAT, "2.5"},
    {"gemma3", "{\"num_attention_heads\":\"4\"}", VS_E_FORMAT, "not a number"},
    {"gemma3", "{\"num_attention_heads\":[4]}", VS_E_FORMAT, "not a number"},
    {"gemma3", "{\"num_attention_heads\":true}", VS_E_FORMAT, "not a number"},
    {"gemma3", "{\"num_key_value_heads\":3}", VS_E_FORMAT, "4 heads|3 key/value heads"},
    {"gemma3", "{\"head_dim\":17}", VS_E_FORMAT, "17|odd"},
    {"gemma3", "{\"head_dim\":32}", VS_E_SHAPE, "q_proj|[128, 48]|[64, 48]"},
    {"gemma3", "{\"hidden_size\":1e300}", VS_E_FORMAT, "hidden_size"},
    {"gemma3", "{\"hidden_size\":9223372036854775807}", VS_E_FORMAT, "hidden_size"},
    {"gemma3", "{\"hidden_size\":2147483647,\"intermediate_size\":2147483647}", VS_E_SHAPE, "want ["},
    {"gemma3", "{\"num_hidden_layers\":2147483647}", VS_E_FORMAT, "2147483647 layers|93 tensors"},
    {"gemma3", "{\"num_hidden_layers\":8}", VS_E_FORMAT, "layer types|7 entries|8 layers"},
    {"gemma3", "{\"num_hidden_layers\":8,\"-layer_types\":0}", VS_E_FORMAT, "no tensor model.layers.7.input_layernorm.weight|[48]"},
    {"gemma3", "{\"num_hidden_layers\":6,\"-layer_types\":0}", VS_E_FORMAT, "model.layers.6|no place"},
    {"gemma3", "{\"layer_types\":[1,2,3,4,5,6,7]}", VS_E_UNSUPPORTED, "layer 0"},
    {"gemma3", "{\"rms_norm_eps\":-1}", VS_E_FORMAT, "rms_norm_eps|-1"},
    {"gemma3", "{\"rms_norm_eps\":1}", VS_E_FORMAT, "rms_norm_eps"},
    {"gemma3", "{\"rms_norm_eps\":\"nan\"}", VS_E_FORMAT, "rms_norm_eps"},
    {"gemma3", "{\"sliding_window\":0}", VS_E_FORMAT, "sliding_window"},
    {"gemma3", "{\"query_pre_attn_scalar\":0}", VS_E_FORMAT, "query_pre_attn_scalar"},
    {"gemma3", "{\"vocab_size\":999}", VS_E_SHAPE, "embed_tokens|[999, 48]|[1000, 48]"},
    {"gemma3", "{\"hidden_activation\":\"mish\"}", VS_E_UNSUPPORTED, "hidden_activation|mish"},
    {"gemma3", "{\"hidden_activation\":7}", VS_E_FORMAT, "hidden_activation|not the name"},
    {"gemma3", "{\"layer_types\":3}", VS_E_FORMAT, "window|no list of 7"},
    {"gpt_neo", "{\"-attention_types\":0}", VS_E_FORMAT, "no attention_types"},
    {"gpt_neo", "{\"attention_types\":[[[\"global\",\"local\"],1]]}", VS_E_FORMAT, "2 entries|3 layers"},
    {"gpt_neo", "{\"attention_types\":[[[\"global\"],1e300]]}", VS_E_FORMAT, "4 entries|3 layers"},
    {"gpt_neo", "{\"attention_types\":[[[\"global\",\"near\"],2]]}", VS_E_UNSUPPORTED, "layer 1"},
    {"gpt_neo", "{\"attention_types\":[[[],3]]}", VS_E_UNSUPPORTED, "layer 0"},
    {"gemma3", "{\"rope_parameters\":3}", VS_E_UNSUPPORTED, "rope_parameters"},
    {"gemma3", "{\"final_logit_softcapping\":-50.0}", VS_E_FORMAT, "final_logit_softcapping|-50"},
    {"gemma3", "{\"use_bidirectional_attention\":true}", VS_E_UNSUPPORTED, "use_bidirectional_attention|true"},
    {"gemma3", "{\"rope_scaling\":{\"rope_type\":\"axial\",\"factor\":4}}", VS_E_UNSUPPORTED, "rope_scaling.rope_type|axial|linear"},
    {"gemma3", "{\"rope_scaling\":3}", VS_E_UNSUPPORTED, "rope_scaling.rope_type is no text"},
    {"gemma3", "{\"rope_parameters\":{\"sliding_attention\":{\"rope_type\":\"linear\"}}}", VS_E_FORMAT, "linear|without a factor"},
    {"gemma3", "{\"tie_word_embeddings\":\"no\"}", VS_E_FORMAT, "tie_word_embeddings|true or false"},
    {"llama", "{\"rope_parameters\":{\"rope_type\":\"axial\",\"factor\":4}}", VS_E_UNSUPPORTED,
     "rope_parameters.rope_type is \"axial\"; for llama vecscope has \"default\" or \"linear\" or \"dynamic\" or \"yarn\" or \"longrope\" or \"llama3\""},
    {"qwen2", "{\"rope_parameters\":{\"type\":\"su\",\"factor\":4}}", VS_E_UNSUPPORTED, "rope_parameters.type is \"su\""},
    {"phi3", "{\"rope_parameters\":{\"rope_type\":\"llama3\"}}", VS_E_UNSUPPORTED,
     "rope_parameters.rope_type is \"llama3\"; for phi3 vecscope has \"default\" or \"longrope\""},
    {"phi3", "{\"rope_parameters\":{\"rope_type\":\"-\"}}", VS_E_UNSUPPORTED, "rope_parameters.rope_type is \"-\""},
    {"phi3", "{\"rope_parameters\":{\"rope_type\":\"longrope\"}}", VS_E_FORMAT, "rope_parameters.short_factor|no list of 3 numbers"},
    {"phi3", "{\"rope_scaling\":{\"type\":\"su\",\"short_factor\":[1,1,1],\"long_factor\":[1,2,3,4]}}", VS_E_FORMAT, "rope_scaling.long_factor|no list of 3 numbers"},
    {"llama", "{\"rope_parameters\":{\"rope_type\":\"longrope\",\"short_factor\":[1,1,1,1,1,\"x\"]}}", VS_E_FORMAT, "rope_parameters.short_factor|entry 5"},
    {"llama", "{\"rope_parameters\":{\"rope_type\":\"longrope\",\"short_factor\":[0,1,1,1,1,1]}}", VS_E_FORMAT, "rope_parameters.short_factor|entry 0"},
    {"llama", "{\"rope_parameters\":{\"rope_type\":\"dynamic\"}}", VS_E_FORMAT, "dynamic|without a factor"},
    {"llama", "{\"rope_parameters\":{\"rope_type\":\"llama3\",\"factor\":8}}", VS_E_FORMAT, "llama3|low_freq_factor"},
    {"llama", "{\"rope_parameters\":{\"rope_type\":\"yarn\",\"truncate\":3}}", VS_E_FORMAT, "rope_parameters.truncate|true or false"},
    {"llama", "{\"rope_parameters\":{\"rope_type\":\"yarn\",\"beta_fast\":-1}}", VS_E_FORMAT, "rope_parameters.beta_fast|-1"},
    {"llama", "{\"rope_parameters\":{\"rope_type\":\"yarn\",\"attention_factor\":0}}", VS_E_FORMAT, "rope_parameters.attention_factor|positive"},
    {"llama", "{\"rope_parameters\":{\"rope_type\":\"yarn\",\"original_max_position_embeddings\":0}}", VS_E_FORMAT, "original_max|0"},
    {"bert", "{\"num_attention_heads\":5}", VS_E_FORMAT, "48|5 heads"},
    {"bert", "{\"-hidden_size\":0}", VS_E_FORMAT, "no hidden_size|width"},
    {"bert", "{\"position_embedding_type\":\"relative_key\"}", VS_E_UNSUPPORTED, "position_embedding_type|relative_key|absolute"},
    {"bert", "{\"is_decoder\":true}", VS_E_UNSUPPORTED, "is_decoder"},
    {"bert", "{\"max_position_embeddings\":64}", VS_E_SHAPE, "position_embeddings|[64, 48]|[128, 48]"},
    {"bert", "{\"type_vocab_size\":3}", VS_E_SHAPE, "token_type_embeddings"},
};

static void configurations_that_do_not(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refused_configs / sizeof *refused_configs; i++) {
        const struct refused_config *c = &refused_configs[i];
        char *dir = new_dir();
        print_message("%s\n", c->patch);
        put_hub(dir, c->fixture, c->patch, NULL, 0);
        must_refuse(dir, c->status, c->words);
        drop_dir(dir);
    }
}

static void text_that_is_no_configuration(void **state) {
    (void)state;
    static const char *const texts[] = {"", "[]", "{", "{\"model_type\":\"gemma3_text\",}", "null", "{\"model_type\":\"bert\",\"model_type\":\"bert\"}"};
    char *dir = new_dir();
    put_safetensors(dir, "gemma3", NULL, 0);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        put_file(dir, "config.json", texts[i], strlen(texts[i]));
        must_refuse(dir, VS_E_FORMAT, "config.json");
    }
    vs_buf deep = {0};
    for (int i = 0; i < 100000; i++) vs_buf_puts(&deep, "{\"text_config\":");
    put_file(dir, "config.json", deep.s, deep.len);
    must_refuse(dir, VS_E_FORMAT, "config.json");
    vs_buf_free(&deep);
    drop_dir(dir);
    must_refuse("/nonexistent/model", VS_E_UNKNOWN, "/nonexistent/model");
    must_refuse(FIXTURES "bert/model.safetensors", VS_E_FORMAT, "GGUF|directory|safetensors");
}

static const struct refused_tensors {
    const char *fixture;
    change change;
    vs_status status;
    const char *words;
} refused_tensors[] = {
    {"t5", {DROP, "encoder.block.", NULL}, VS_E_UNSUPPORTED, "the decoder of a t5 model alone"},
    {"gemma3", {DROP, "model.layers.3.mlp.up_proj.weight", NULL}, VS_E_FORMAT, "no tensor model.layers.3.mlp.up_proj.weight|[96, 48]|MLP input map"},
    {"gemma3", {DROP, "model.embed_tokens", NULL}, VS_E_FORMAT, "embed_tokens.weight|[1000, 48]"},
    {"gemma3", {RESHAPE, "model.layers.3.mlp.up_proj.weight", NULL}, VS_E_SHAPE, "model.layers.3.mlp.up_proj.weight|[96, 48]|[4608]"},
    {"gemma3", {ADD, "model.layers.3.mlp.extra.weight", "[2, 3]"}, VS_E_FORMAT, "model.layers.3.mlp.extra.weight|[2, 3]|no place"},
    {"gemma3", {TWICE, "model.norm.weight", NULL}, VS_E_FORMAT, "model.norm.weight"},
    {"gemma3", {AS_I32, "model.layers.0.self_attn.q_proj.weight", NULL}, VS_E_UNSUPPORTED, "model.layers.0.self_attn.q_proj.weight|i32"},
    {"gemma3", {POISON, "model.layers.1.self_attn.q_norm.weight", NULL}, VS_E_NUMERIC, "model.layers.1.self_attn.q_norm.weight|element 8|not a number"},
    {"gemma3", {ADD, "embed_tokens.weight", "[1000, 48]"}, VS_E_FORMAT, "embed_tokens.weight|no place"},
    {"electra", {DROP, "electra.embeddings_project.weight", NULL}, VS_E_FORMAT, "embeddings of 16 and blocks of 24|map from the embeddings"},
    {"bert", {DROP, "cls.predictions.transform.dense.bias", NULL}, VS_E_FORMAT, "masked-word head|not whole|cls.predictions.transform.dense.bias"},
    {"bert", {DROP, "bert.pooler.dense.bias", NULL}, VS_E_FORMAT, "pooler|not whole|pooler.dense.bias"},
    {"bert", {DROP, "bert.pooler", NULL}, VS_E_FORMAT, "next-sentence classifier|no pooler"},
    {"bert", {DROP, "cls.seq_relationship.bias", NULL}, VS_E_FORMAT, "next-sentence classifier|not whole"},
    {"bert", {DROP, "bert.encoder.layer.2.output.LayerNorm.bias", NULL}, VS_E_FORMAT, "bert.encoder.layer.2.output.LayerNorm.bias"},
    {"bert", {RESHAPE, "bert.embeddings.token_type", NULL}, VS_E_SHAPE, "token_type_embeddings|[2, 48]|[96]"},
};

static void tensors_that_do_not_fit(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refused_tensors / sizeof *refused_tensors; i++) {
        const struct refused_tensors *c = &refused_tensors[i];
        char *dir = new_dir();
        print_message("%s: %s\n", c->change.tensor, c->words);
        put_hub(dir, c->fixture, NULL, &c->change, 1);
        must_refuse(dir, c->status, c->words);
        drop_dir(dir);
    }
}

/* A matrix is not read when a model opens: a pass that meets a number that is none says where it lies. */
static const struct refused_weights {
    const char *fixture, *tensor;
    bool nsp;
    const char *words;
} refused_weights[] = {
    {"gemma3", "model.layers.6.mlp.down_proj", false, "layer 6, W_DOWN|element 0 of row 24|not a number"},
    {"gemma3", "model.layers.2.self_attn.q_proj", false, "layer 2, WQ|not a number"},
    {"gemma3", "model.embed_tokens", false, "EMBED|element 0 of row 500|not a number"},
    {"bert", "cls.predictions.transform.dense.weight", false, "HEAD_W|row 24|not a number"},
    {"bert", "cls.seq_relationship.weight", true, "NSP_W|row 1|not a number"},
};

static void weights_that_are_no_numbers(void **state) {
    (void)state;
    const int32_t ids[] = {2, 5, 6};
    for (size_t i = 0; i < sizeof refused_weights / sizeof *refused_weights; i++) {
        const struct refused_weights *c = &refused_weights[i];
        const change poisoned = {POISON, c->tensor, NULL};
        const vs_site nsp = {.kind = VS_SITE_NSP, .layer = -1, .head = -1};
        vs_request rq = {.in = {.ids = ids, .rows = 3}, .logits = c->nsp ? VS_LOGITS_NONE : VS_LOGITS_LAST, .keep = &nsp,
                         .n_keep = c->nsp};
        char *dir = new_dir();
        put_hub(dir, c->fixture, NULL, &poisoned, 1);
        vs_model *m = open_or_say(dir);
        vs_err err = {0};
        vs_pass *p = NULL;
        assert_int_equal(vs_run(&err, m, &rq, &p), VS_E_NUMERIC);
        assert_null(p);
        must_say(&err, c->words);
        vs_model_close(m);
        drop_dir(dir);
    }
}

static void heads_may_be_missing(void **state) {
    (void)state;
    vs_err err = {0};
    float x[48] = {0}, y[700];
    char *dir = new_dir();
    const change bare[] = {{DROP, "cls.", NULL}, {DROP, "bert.pooler", NULL}, {RENAME, "bert.", ""}, {ADD, "embeddings.position_ids", "[1, 128]"}};
    put_hub(dir, "bert", NULL, bare, 4);
    vs_model *m = open_or_say(dir);
    assert_true(!m->info.has_logits && !m->info.masked && !m->info.has_nsp && !m->info.tied);
    assert_null(vs_model_weight(m, VS_ROLE_UNEMBED, 0, 0));
    assert_int_equal(vs_model_unembed(&err, m, x, 1, y), VS_E_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "no head"));
    vs_model_close(m);
    const change no_nsp[] = {{DROP, "cls.seq", NULL}};
    put_hub(dir, "bert", NULL, no_nsp, 1);
    m = open_or_say(dir);
    assert_true(m->info.has_logits && m->info.masked && !m->info.has_nsp && m->has[VS_PART_POOLER]);
    vs_model_close(m);
    drop_dir(dir);
}

static void other_spellings(void **state) {
    (void)state;
    char *dir = new_dir();
    const change old[] = {{RENAME, "bert.embeddings.LayerNorm.weight", "bert.embeddings.LayerNorm.gamma"},
                          {RENAME, "bert.embeddings.LayerNorm.bias", "bert.embeddings.LayerNorm.beta"},
                          {ADD, "cls.predictions.decoder.weight", "[700, 48]"},
                          {ADD, "cls.predictions.decoder.bias", "[700]"}};
    put_hub(dir, "bert", NULL, old, 4);
    vs_model *m = open_or_say(dir), *plain = open_or_say(FIXTURES "bert");
    assert_memory_equal(m->stack[0].w[VS_ROLE_EMBED_NORM].vec, plain->stack[0].w[VS_ROLE_EMBED_NORM].vec, 48 * sizeof(float));
    assert_true(m->info.tied); /* a stored copy is not read where the file says that the two are one */
    assert_ptr_equal(vs_model_weight(m, VS_ROLE_UNEMBED, 0, 0)->data, vs_model_weight(m, VS_ROLE_EMBED, 0, 0)->data);
    assert_int_equal(m->info.params, plain->info.params);
    vs_model_close(m);
    const change head[] = {{ADD, "lm_head.weight", "[1000, 48]"}, {ADD, "model.layers.0.self_attn.rotary_emb.inv_freq", "[8]"}};
    put_hub(dir, "gemma3", "{\"tie_word_embeddings\":false}", head, 2);
    vs_model_close(plain);
    m = open_or_say(dir);
    assert_false(m->info.tied);
    assert_int_equal(m->info.params, 200144 + 48000);
    assert_int_equal(vs_model_params_of(m, VS_ROLE_UNEMBED), 48000);
    vs_model_close(m);
    drop_dir(dir);
}

static void half_precision_weights(void **state) {
    (void)state;
    vs_err err = {0};
    char *dir = new_dir();
    const change halved[] = {{AS_BF16, "", NULL}};
    put_hub(dir, "gemma3", NULL, halved, 1);
    vs_model *m = open_or_say(dir), *plain = open_or_say(FIXTURES "gemma3");
    float a[48], b[48];
    assert_int_equal(vs_model_weight(m, VS_ROLE_WQ, 0, 1)->dtype, VS_BF16); /* as it lies */
    assert_int_equal(vs_model_row(&err, m, VS_ROLE_WQ, 1, 9, a), VS_OK);
    assert_int_equal(vs_model_row(&err, plain, VS_ROLE_WQ, 1, 9, b), VS_OK);
    for (int i = 0; i < 48; i++) {
        uint32_t bits;
        memcpy(&bits, &b[i], 4);
        bits &= 0xFFFF0000u;
        assert_memory_equal(&a[i], &bits, 4);
    }
    vs_model_close(m);
    vs_model_close(plain);
    drop_dir(dir);
}

static const gguf_key good_keys[] = {GEMMA_KEYS};
enum { GOOD = sizeof good_keys / sizeof *good_keys };

/* The good keys, but those that `other` replaces (type -1: removes), and what else it has. */
static char *made_gguf(const gguf_key *other, size_t n_other, bool head) {
    gguf_key keys[32];
    size_t n = 0;
    for (size_t i = 0; i < GOOD; i++) {
        bool replaced = false;
        for (size_t k = 0; k < n_other; k++) replaced = replaced || !strcmp(other[k].key, good_keys[i].key);
        if (!replaced) keys[n++] = good_keys[i];
    }
    for (size_t k = 0; k < n_other; k++)
        if (other[k].type >= 0) keys[n++] = other[k];
    static char path[128];
    char *dir = new_dir();
    put_gguf(dir, keys, n, head);
    snprintf(path, sizeof path, "%s/model.gguf", dir);
    return path;
}

static void drop_gguf(char *path) {
    *strrchr(path, '/') = '\0';
    drop_dir(path);
}

static void gguf_says_the_same(void **state) {
    (void)state;
    vs_err err = {0};
    char *path = made_gguf(NULL, 0, false);
    vs_model *m = open_or_say(path), *hub = open_or_say(FIXTURES "gemma3");
    assert_string_equal(m->info.name, "model");
    assert_string_equal(m->info.format, "gguf");
    assert_int_equal(m->info.params, hub->info.params);
    assert_int_equal(m->info.V, 1000);
    assert_true(m->info.tied && m->stack[0].layer[0].score_scale == 0.25f && m->stack[0].eps == 1e-6f);
    for (int l = 0; l < 7; l++) {
        const vs_layer *a = &m->stack[0].layer[l], *b = &hub->stack[0].layer[l];
        assert_int_equal(a->window, b->window);
        assert_true(a->rotation->turn[1] == b->rotation->turn[1]);
        assert_memory_equal(a->w[VS_ROLE_K_NORM].vec, b->w[VS_ROLE_K_NORM].vec, 16 * sizeof(float));
    }
    /* a column of blocks is the columns of its rows */
    assert_int_equal(vs_model_weight(m, VS_ROLE_W_DOWN, 0, 4)->dtype, VS_Q8_0);
    float column[48], row[96];
    for (size_t c = 0; c < 96; c += 19) {
        assert_int_equal(vs_model_column(&err, m, VS_ROLE_W_DOWN, 4, c, column), VS_OK);
        for (size_t r = 0; r < 48; r++) {
            assert_int_equal(vs_model_row(&err, m, VS_ROLE_W_DOWN, 4, r, row), VS_OK);
            assert_true(column[r] == row[c]);
        }
    }
    vs_model_close(m);
    vs_model_close(hub);
    drop_gguf(path);
}

static void gguf_variants(void **state) {
    (void)state;
    const gguf_key newer[] = {{"gemma3.attention.sliding_window_pattern", GGUF_LIST(GGUF_BOOL), "true,false,true,false,true,false,true"},
                              {"gemma3.rope.scaling.type", GGUF_STR, "linear"},
                              {"gemma3.rope.scaling.factor", GGUF_F32, "8"},
                              {"gemma3.rope.freq_base_swa", GGUF_F32, "12000"}};
    char *path = made_gguf(newer, 4, true);
    vs_model *m = open_or_say(path);
    for (int l = 0; l < 7; l++) {
        const vs_layer *y = &m->stack[0].layer[l];
        assert_int_equal(y->window, l % 2 ? 0 : 8);
        assert_true(turns_by(m, y, l % 2 ? 1e6 : 12000, l % 2 ? 8 : 1));
    }
    assert_false(m->info.tied); /* it has an output.weight */
    vs_model_close(m);
    drop_gguf(path);
}

static void gguf_that_does_not_open(void **state) {
    (void)state;
    static const struct {
        gguf_key key;
        vs_status status;
        const char *words;
    } bad[] = {
        {{"general.architecture", GGUF_STR, "mamba"}, VS_E_UNSUPPORTED, "mamba|gemma3"},
        {{"general.architecture", -1, NULL}, VS_E_FORMAT, "general.architecture"},
        {{"gemma3.block_count", -1, NULL}, VS_E_FORMAT, "gemma3.block_count|layers"},
        {{"gemma3.block_count", GGUF_U32, "4000000000"}, VS_E_FORMAT, "gemma3.block_count"},
        {{"gemma3.block_count", GGUF_U32, "80"}, VS_E_FORMAT, "no tensor blk.7."},
        {{"gemma3.block_count", GGUF_U32, "800"}, VS_E_FORMAT, "800 layers|93 tensors"},
        {{"gemma3.attention.head_count", GGUF_LIST(GGUF_BOOL), "true,true"}, VS_E_FORMAT, "head_count"},
        {{"gemma3.attention.head_count", GGUF_U32, "0"}, VS_E_FORMAT, "head_count"},
        {{"gemma3.attention.layer_norm_rms_epsilon", GGUF_F32, "nan"}, VS_E_FORMAT, "epsilon"},
        {{"gemma3.attention.sliding_window_pattern", GGUF_LIST(GGUF_BOOL), "true,false"}, VS_E_FORMAT, "2 entries|7 layers"},
        {{"gemma3.rope.scaling.type", GGUF_STR, "yarn"}, VS_E_UNSUPPORTED, "gemma3.rope.scaling.type|yarn"},
        {{"gemma3.attention.key_length", GGUF_U32, "8"}, VS_E_SHAPE, "blk.0.attn_q.weight|[32, 48]|[64, 48]"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *path = made_gguf(&bad[i].key, 1, false);
        print_message("%s\n", bad[i].words);
        must_refuse(path, bad[i].status, bad[i].words);
        drop_gguf(path);
    }
}

static const gguf_key vocabulary[] = {
    {"tokenizer.ggml.model", GGUF_STR, "llama"},
    {"tokenizer.ggml.tokens", GGUF_LIST(GGUF_STR), "<pad>,<eos>,<bos>,<unk>,<0x61>,▁,a,b,ab,▁ab"},
    {"tokenizer.ggml.scores", GGUF_LIST(GGUF_F32), "0,0,0,0,0,-1,-2,-3,-4,-5"},
    {"tokenizer.ggml.token_type", GGUF_LIST(GGUF_I32), "3,3,3,2,6,1,1,1,1,1"},
    {"tokenizer.ggml.bos_token_id", GGUF_U32, "2"},
    {"tokenizer.ggml.eos_token_id", GGUF_U32, "1"},
    {"tokenizer.ggml.add_bos_token", GGUF_BOOL, "true"},
    {"tokenizer.ggml.add_space_prefix", GGUF_BOOL, "false"},
};
enum { WORDS = sizeof vocabulary / sizeof *vocabulary };

/* A file whose vocabulary has key i replaced (or, of type -1, removed); i = WORDS: as it should be. */
static vs_model *with_vocabulary(size_t i, gguf_key other, char **path) {
    gguf_key keys[WORDS];
    for (size_t k = 0; k < WORDS; k++) keys[k] = k == i ? other : vocabulary[k];
    *path = made_gguf(keys, WORDS, false);
    return open_or_say(*path);
}

static void gguf_vocabularies(void **state) {
    (void)state;
    static const struct {
        size_t at;
        gguf_key key;
        vs_status status;
        const char *words;
    } bad[] = {
        {0, {"tokenizer.ggml.model", -1, NULL}, VS_E_UNSUPPORTED, "no tokenizer"},
        {0, {"tokenizer.ggml.model", GGUF_STR, "rwkv"}, VS_E_UNSUPPORTED, "rwkv"},
        {1, {"tokenizer.ggml.tokens", GGUF_LIST(GGUF_U32), "1,2,3"}, VS_E_FORMAT, "tokenizer.ggml.tokens"},
        {1, {"tokenizer.ggml.tokens", GGUF_STR, "a"}, VS_E_FORMAT, "tokenizer.ggml.tokens"},
        {2, {"tokenizer.ggml.scores", GGUF_LIST(GGUF_F32), "0,0"}, VS_E_FORMAT, "tokenizer.ggml.scores"},
        {2, {"tokenizer.ggml.scores", GGUF_LIST(GGUF_STR), "0,0,0,0,0,0,0,0,0,0"}, VS_E_FORMAT, "tokenizer.ggml.scores"},
        {3, {"tokenizer.ggml.token_type", GGUF_LIST(GGUF_I32), "1"}, VS_E_FORMAT, "tokenizer.ggml.token_type"},
        {4, {"tokenizer.ggml.bos_token_id", GGUF_U32, "10"}, VS_E_FORMAT, "tokenizer.ggml.bos_token_id"},
        {4, {"tokenizer.ggml.bos_token_id", GGUF_STR, "2"}, VS_E_FORMAT, "tokenizer.ggml.bos_token_id"},
    };
    vs_err err = {0};
    const vs_tokenizer *t;
    char *path;
    vs_model *m = with_vocabulary(WORDS, vocabulary[0], &path);
    if (vs_model_tokenizer(&err, m, &t) != VS_OK) fail_msg("%s", err.msg);
    assert_int_equal(vs_vocab_size(t), 10);
    assert_int_equal(vs_role_id(t, VS_TOK_BOS), 2);
    assert_int_equal(vs_role_id(t, VS_TOK_MASK), -1);
    assert_int_equal(vs_piece_find(t, "ab", 2), 8);
    vs_model_close(m);
    drop_gguf(path);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        print_message("%s: %s\n", bad[i].key.key, bad[i].words);
        m = with_vocabulary(bad[i].at, bad[i].key, &path);
        assert_int_equal(vs_model_tokenizer(&err, m, &t), bad[i].status);
        assert_non_null(strstr(err.msg, bad[i].words));
        vs_model_close(m);
        drop_gguf(path);
    }
}

/* Every allocation of an opening fails once: an error, nothing leaked (the sanitizers see), and then it opens. */
static void memory_runs_out(void **state) {
    (void)state;
    static const char *const paths[] = {FIXTURES "gemma3", FIXTURES "bert"};
    for (int i = 0; i < 2; i++) {
        vs_model *m = NULL;
        vs_status s = VS_E_NOMEM;
        size_t n = 0;
        while (s != VS_OK) {
            vs_err err = {0};
            vs_alloc_fail_at(++n);
            s = vs_model_open(&err, paths[i], &m);
            vs_alloc_fail_at(0);
            if (s != VS_OK && s != VS_E_NOMEM) fail_msg("allocation %zu: %s", n, err.msg);
        }
        assert_true(n > 4);
        vs_model_close(m);
    }
}

static void tokenizers_come_on_demand(void **state) {
    (void)state;
    vs_err err = {0};
    vs_model *m = open_or_say(FIXTURES "bert");
    const vs_tokenizer *t = NULL, *again = NULL;
    assert_null(m->tokenizer);
    if (vs_model_tokenizer(&err, m, &t) != VS_OK) fail_msg("%s", err.msg);
    assert_int_equal(vs_model_tokenizer(&err, m, &again), VS_OK);
    assert_ptr_equal(t, again);
    assert_int_equal(vs_vocab_size(t), 700);
    vs_model_close(m);
    char *dir = new_dir();
    put_hub(dir, "bert", NULL, NULL, 0);
    m = open_or_say(dir);
    assert_int_equal(vs_model_tokenizer(&err, m, &t), VS_E_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "tokenizer.json"));
    vs_model_close(m);
    put_file(dir, "tokenizer.json", "", 0);
    m = open_or_say(dir);
    assert_int_equal(vs_model_tokenizer(&err, m, &t), VS_E_FORMAT);
    must_say(&err, "tokenizer.json|'{' expected");
    vs_model_close(m);
    put_file(dir, "tokenizer.json", "{]", 2);
    m = open_or_say(dir);
    assert_int_equal(vs_model_tokenizer(&err, m, &t), VS_E_FORMAT);
    assert_non_null(strstr(err.msg, "tokenizer.json"));
    vs_model_close(m);
    drop_dir(dir);
    vs_model_close(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gemma_is_read),
        cmocka_unit_test(bert_is_read),
        cmocka_unit_test(names),
        cmocka_unit_test(rows_and_columns),
        cmocka_unit_test(heads_give_the_reference_logits),
        cmocka_unit_test(heads_are_those_of_a_pass),
        cmocka_unit_test(logits_are_capped),
        cmocka_unit_test(configurations_that_open),
        cmocka_unit_test(nested_text_model),
        cmocka_unit_test(configurations_that_do_not),
        cmocka_unit_test(text_that_is_no_configuration),
        cmocka_unit_test(tensors_that_do_not_fit),
        cmocka_unit_test(weights_that_are_no_numbers),
        cmocka_unit_test(heads_may_be_missing),
        cmocka_unit_test(other_spellings),
        cmocka_unit_test(half_precision_weights),
        cmocka_unit_test(gguf_says_the_same),
        cmocka_unit_test(gguf_variants),
        cmocka_unit_test(gguf_that_does_not_open),
        cmocka_unit_test(gguf_vocabularies),
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(tokenizers_come_on_demand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
