/* What other readers of GGUF files want of a converted model, and what they may have in theirs. */
#include "convert_cases.h"

/* Scores that are scaled as GGUF cannot say: the queries are, and the products are the same. */
static void scales_go_into_queries(void **state) {
    (void)state;
    static const struct {
        const char *fixture, *patch;
    } models[] = {
        {"gemma2", NULL}, {"gemma3", "{\"query_pre_attn_scalar\": 24}"}, {"gpt2", "{\"scale_attn_weights\": false}"},
        {"gpt2", "{\"scale_attn_by_inverse_layer_idx\": true}"},
    };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        put_hub(dir, models[i].fixture, models[i].patch, NULL, 0);
        vs_converted made = converts(dir, in("a.gguf"), NULL);
        assert_non_null(strstr(made.note[0], "cannot say how its scores are scaled"));
        vs_model *a = opens(dir), *b = opens(in("a.gguf"));
        for (size_t l = 0; l < a->stack[0].L; l++) {
            const vs_layer *x = &a->stack[0].layer[l], *y = &b->stack[0].layer[l];
            vs_role role = x->w[VS_ROLE_Q_NORM].t.data ? VS_ROLE_Q_NORM : VS_ROLE_WQ;
            bool other = role == VS_ROLE_Q_NORM;
            size_t n, k;
            float *p = values(a, &x->w[role], &n), *q = values(b, &y->w[role], &k);
            assert_int_equal(n, k);
            for (size_t e = 0; e < n; e++) {
                float want = p[e] * x->score_scale, got = q[e] * y->score_scale;
                assert_true(fabsf(want - got) <= 3e-7f * fabsf(want));
                other |= p[e] != q[e];
            }
            assert_true(other || (l == 0 && i == 3)); /* the first layer is divided by 1 */
            const float *bias = x->w[VS_ROLE_BQ].vec, *written = y->w[VS_ROLE_BQ].vec;
            for (size_t e = 0; bias && e < n / a->info.stack[0].d; e++)
                assert_true(fabsf(bias[e] * x->score_scale - written[e] * y->score_scale) <= 3e-7f * fabsf(bias[e] * x->score_scale));
            free(p), free(q);
        }
        vs_model_close(a), vs_model_close(b);
    }
}

/* Windows go with a GGUF file, whichever layers have one, and come back. */
static void windows_go_along(void **state) {
    (void)state;
    static const struct {
        const char *fixture, *patch, *as, *windows;
    } models[] = {
        {"mistral", NULL, "mistral", "666"},
        {"qwen2", "{\"use_sliding_window\": true, \"sliding_window\": 5, \"layer_types\": null, \"max_window_layers\": 1}", "qwen2", "055"},
        {"phi3", "{\"sliding_window\": 7}", "phi3", "777"},
        {"gemma2", "{\"layer_types\": [\"full_attention\", \"sliding_attention\", \"sliding_attention\"]}", "gemma2", "066"},
        {"qwen2", "{\"use_sliding_window\": true, \"sliding_window\": 5, \"layer_types\": null, \"max_window_layers\": 9}", "qwen2", "000"},
    };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        put_hub(dir, models[i].fixture, models[i].patch, NULL, 0);
        vs_converted made = converts(dir, in("a.gguf"), NULL);
        bool noted = strstr(made.note[0], "llama.cpp has no windows in") != NULL;
        assert_int_equal(noted, i < 3); /* Gemma's it has */
        converts(in("a.gguf"), in("back"), NULL);
        vs_model *b = opens(in("a.gguf")), *c = opens(in("back"));
        assert_string_equal(c->arch->name, models[i].as);
        assert_int_equal(b->stack[0].L, strlen(models[i].windows));
        for (size_t l = 0; l < b->stack[0].L; l++) {
            assert_int_equal(b->stack[0].layer[l].window, models[i].windows[l] - '0');
            assert_int_equal(c->stack[0].layer[l].window, models[i].windows[l] - '0');
        }
        vs_model_close(b), vs_model_close(c);
        unlink(in("back/tokenizer_config.json"));
        drop_dir(in("back"));
    }
}

/* Other readers want a piece for each row of the embedding; ours has those that are there. */
static void rows_without_pieces(void **state) {
    (void)state;
    converts(FIXTURES "variants/bert_padded", in("a.gguf"), NULL);
    vs_model *m = opens(in("a.gguf"));
    vs_meta pieces = vs_file_meta(m->file, "tokenizer.ggml.tokens"), types = vs_file_meta(m->file, "tokenizer.ggml.token_type");
    assert_int_equal(pieces.n, 64);
    assert_int_equal(types.n, 64);
    vs_meta last = vs_meta_at(&pieces, 63);
    assert_true(last.n == 7 && !memcmp(last.s, "[PAD63]", 7));
    assert_int_equal(vs_meta_at(&types, 63).f, 5);
    assert_int_equal(vs_meta_at(&types, 37).f, 1);
    const vs_tokenizer *t;
    assert_int_equal(vs_model_tokenizer(NULL, m, &t), VS_OK);
    assert_int_equal(vs_vocab_size(t), 38);
    vs_model_close(m);
}

/* What llama.cpp's loaders insist on: biases of GPT-NeoX, an unembedding of Phi, the tokens of what is called phi3, the token
 * that the tokenizer puts first rather than another one of config.json. */
static void what_readers_insist_on(void **state) {
    (void)state;
    char name[64];
    converts(FIXTURES "variants/neox_no_bias", in("a.gguf"), NULL);
    vs_model *m = opens(in("a.gguf"));
    const vs_weight *bias = &m->stack[0].layer[0].w[VS_ROLE_BK];
    assert_non_null(bias->vec);
    for (size_t i = 0; i < vs_tensor_count(&bias->t); i++) assert_true(bias->vec[i] == 0);
    vs_model_close(m);

    put_hub(dir, "phi", "{\"tie_word_embeddings\": true}", NULL, 0);
    converts(dir, in("a.gguf"), NULL);
    m = opens(in("a.gguf"));
    assert_non_null(vs_file_find(m->file, "output.weight"));
    assert_non_null(vs_file_find(m->file, "output.bias"));
    vs_model_close(m);

    converts(FIXTURES "phi3", in("a.gguf"), NULL);
    m = opens(in("a.gguf"));
    vs_meta text = vs_file_meta(m->file, "general.name");
    snprintf(name, sizeof name, "%.*s", (int)text.n, text.s);
    assert_string_equal(name, "phi 3"); /* its tokenizer has no <|endoftext|> */
    vs_model_close(m);

    put_hub(dir, "gemma3", "{\"bos_token_id\": 5, \"eos_token_id\": [6, 7]}", NULL, 0);
    vs_map map;
    assert_int_equal(vs_map_open(NULL, FIXTURES "gemma3/tokenizer.json", &map), VS_OK);
    put_file(dir, "tokenizer.json", map.bytes, map.size);
    vs_map_close(&map);
    converts(dir, in("a.gguf"), NULL);
    m = opens(in("a.gguf"));
    const vs_tokenizer *t;
    vs_tokens tokens;
    assert_int_equal(vs_model_tokenizer(NULL, m, &t), VS_OK);
    assert_int_equal(vs_tokenize(NULL, t, "a", 1, NULL, 0, true, &tokens), VS_OK);
    assert_int_equal(vs_file_meta(m->file, "tokenizer.ggml.bos_token_id").u, tokens.id[0]);
    assert_int_not_equal(tokens.id[0], 5);
    assert_int_equal(vs_file_meta(m->file, "tokenizer.ggml.eos_token_id").u, 6);
    vs_tokens_free(&tokens);
    vs_model_close(m);
}

/* What is no part of a model that is open is left out, and that is said; other programs' GGUF files call such heads cls, and
 * have a table of T5's that is never read. */
static void heads_of_other_tasks(void **state) {
    (void)state;
    const change head = {ADD, "classifier.weight", "[2, 64]"};
    put_hub(dir, "bert", NULL, &head, 1);
    vs_converted made = converts(dir, in("a.gguf"), NULL);
    bool noted = false;
    for (int i = 0; i < VS_CONVERT_NOTES; i++) noted |= strstr(made.note[i], "head of classifier.weight is left out") != NULL;
    assert_true(noted);
    static const char *const more[] = {"cls.output.weight", "dec.blk.0.cross_attn_rel_b.weight"};
    for (int k = 0; k < 2; k++) {
        const size_t shape[2] = {32, 4};
        static const float zeros[128];
        vs_writer *w;
        converts(k ? FIXTURES "t5" : dir, in("a.gguf"), NULL);
        vs_model *m = opens(in("a.gguf"));
        assert_int_equal(vs_writer_open(NULL, in("b.gguf"), "gguf", &w), VS_OK);
        assert_int_equal(vs_writer_copy_meta(NULL, w, m->file), VS_OK);
        assert_int_equal(vs_writer_declare(NULL, w, more[k], VS_F32, 2, shape), VS_OK);
        for (size_t i = 0; i < vs_file_tensor_count(m->file); i++) {
            const char *name;
            const vs_tensor *t = vs_file_tensor(m->file, i, &name);
            assert_int_equal(vs_writer_declare(NULL, w, name, t->dtype, t->ndim, t->shape), VS_OK);
        }
        assert_int_equal(vs_writer_put(NULL, w, zeros, sizeof zeros), VS_OK);
        for (size_t i = 0; i < vs_file_tensor_count(m->file); i++) {
            const vs_tensor *t = vs_file_tensor(m->file, i, NULL);
            assert_int_equal(vs_writer_put(NULL, w, t->data, vs_tensor_count(t) * sizeof(float)), VS_OK);
        }
        assert_int_equal(vs_writer_commit(NULL, w), VS_OK);
        vs_model_close(m);
        vs_model_close(opens(in("b.gguf")));
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest all[] = {TEST(scales_go_into_queries), TEST(windows_go_along),
                                     TEST(rows_without_pieces), TEST(what_readers_insist_on), TEST(heads_of_other_tasks)};
    return cmocka_run_group_tests(all, NULL, NULL);
}
