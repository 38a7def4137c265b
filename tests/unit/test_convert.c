/* Models written in the other file format and in other types: the same weights by role, bit for bit where the type allows,
 * and what cannot be written is refused with nothing left behind. */
#include "convert_cases.h"

static void gemma_there_and_back(void **state) {
    (void)state;
    vs_converted made = converts(FIXTURES "gemma3", in("a.gguf"), NULL);
    assert_string_equal(made.format, "gguf");
    assert_string_equal(made.arch, "gemma3");
    assert_int_equal(made.tensors, 93);
    assert_string_equal(made.note[0], "");
    assert_int_equal(access(in("a.gguf.part"), F_OK), -1);
    vs_model *a = opens(FIXTURES "gemma3"), *b = opens(in("a.gguf"));
    assert_true(same_weights(a, b, SAME_BITS) > 7 * 13);
    assert_int_equal(vs_file_meta(b->file, "gemma3.attention.sliding_window_pattern").u, 6);
    assert_int_equal(vs_file_meta(b->file, "general.file_type").u, 0);
    made = converts(in("a.gguf"), in("back"), NULL);
    assert_string_equal(made.format, "safetensors");
    vs_model *c = opens(in("back"));
    same_weights(a, c, NORMS_NEAR);
    const vs_tokenizer *x, *y;
    assert_int_equal(vs_model_tokenizer(NULL, a, &x), VS_OK);
    assert_int_equal(vs_model_tokenizer(NULL, c, &y), VS_OK);
    assert_int_equal(vs_vocab_size(x), vs_vocab_size(y));
    vs_model_close(a), vs_model_close(b), vs_model_close(c);
}

static void bert_there_and_back(void **state) {
    (void)state;
    vs_converted made = converts(FIXTURES "bert", in("a.gguf"), NULL);
    assert_non_null(strstr(made.note[0], "masked-word head is left out"));
    assert_non_null(strstr(made.note[1], "pooler is left out"));
    assert_non_null(strstr(made.note[2], "next-sentence classifier is left out"));
    vs_model *a = opens(FIXTURES "bert"), *b = opens(in("a.gguf"));
    assert_true(same_weights(a, b, SAME_BITS) > 3 * 16);
    vs_meta causal = vs_file_meta(b->file, "bert.attention.causal");
    assert_true(causal.type == VS_META_BOOL && !causal.u);
    converts(in("a.gguf"), in("back"), NULL);
    vs_model *c = opens(in("back"));
    same_weights(b, c, SAME_BITS);
    vs_model_close(a), vs_model_close(b), vs_model_close(c);
}

/* Every family that both formats hold: fused, transposed and interleaved tensors are taken apart and put together again. */
static void every_family(void **state) {
    (void)state;
    static const struct {
        const char *fixture, *patch; /* members of config.json that GGUF can say */
        const char *as;              /* what its GGUF file opens as */
        how back;                    /* how exact the way back is: Gemma's norms are stored less 1 there */
    } families[] = {
        {"gpt2", NULL, "gpt2", SAME_BITS},      {"neox", NULL, "gpt_neox", SAME_BITS},
        {"llama", NULL, "llama", SAME_BITS},    {"llama3", NULL, "llama", SAME_BITS},
        {"qwen2", NULL, "qwen2", SAME_BITS},    {"qwen3", NULL, "qwen3", SAME_BITS},
        {"phi", NULL, "phi", SAME_BITS},        {"phi3", NULL, "phi3", SAME_BITS},
        {"t5", NULL, "t5", SAME_BITS},          {"t5v11", NULL, "t5", SAME_BITS},
        {"roberta", NULL, "bert", SAME_BITS},   {"distilbert", NULL, "bert", SAME_BITS},
        {"bert", NULL, "bert", SAME_BITS},      {"mistral", "{\"sliding_window\": null}", "llama", SAME_BITS},
        {"mistral", NULL, "llama", SAME_BITS},  {"variants/electra_one_width", NULL, "bert", SAME_BITS},
        {"gemma3", NULL, "gemma3", NORMS_NEAR}, {"gemma2", "{\"query_pre_attn_scalar\": 8}", "gemma2", NORMS_NEAR},
        {"t5", "{\"architectures\": [\"T5EncoderModel\"]}", "t5encoder", SAME_BITS},
        {"variants/neox_no_bias", NULL, "gpt_neox", SAME_BITS},
    };
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        put_hub(dir, families[i].fixture, families[i].patch, NULL, 0);
        vs_converted made = converts(dir, in("a.gguf"), NULL);
        assert_string_equal(made.arch, families[i].as);
        converts(in("a.gguf"), in("back"), NULL);
        vs_model *a = opens(dir), *b = opens(in("a.gguf")), *c = opens(in("back"));
        assert_string_equal(b->arch->name, families[i].as);
        size_t seen = same_weights(a, b, SAME_BITS);
        assert_true(seen >= a->stack[0].L * 8 && seen == same_weights(a, c, families[i].back));
        for (int s = 0; s < a->arch->n_stacks; s++)
            for (size_t l = 0; l < a->stack[s].L; l++)
                if (a->stack[s].rope_dims)
                    assert_memory_equal(a->stack[s].layer[l].rotation->turn, c->stack[s].layer[l].rotation->turn, a->stack[s].rope_dims / 2 * sizeof(float));
        converts(dir, in("b.gguf"), "q8_0");
        vs_model *q = opens(in("b.gguf"));
        same_weights(a, q, AS_TYPE);
        vs_model_close(a), vs_model_close(b), vs_model_close(c), vs_model_close(q);
        unlink(in("back/tokenizer_config.json"));
        drop_dir(in("back"));
    }
}

/* The padding token, whose embedding does not learn from being read; Qwen's has none, T5's table holds none back. */
static void padding_goes_along(void **state) {
    (void)state;
    static const struct {
        const char *fixture;
        int64_t token;
    } models[] = {{"bert", 0}, {"xlm-roberta", 1}, {"gemma3", 0}, {"distilbert", 0}, {"qwen2", -1}, {"t5", -1}};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        char path[96];
        snprintf(path, sizeof path, FIXTURES "%s", models[i].fixture);
        converts(path, in("a.gguf"), NULL);
        vs_model *a = opens(path), *b = opens(in("a.gguf"));
        assert_int_equal(vs__padding(a), models[i].token);
        assert_int_equal(vs__padding(b), models[i].token);
        vs_model_close(a), vs_model_close(b);
    }
}

/* What rotary angles are divided by, a list in GGUF, becomes the numbers it was made of; a list of another kind is refused. */
static void rotation_as_numbers(void **state) {
    (void)state;
    static const struct {
        double factor, low, high, context;
    } kinds[] = {{8, 1, 4, 32}, {32, 1, 4, 16}, {4, 1, 2, 24}, {8, 1, 8, 64}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char patch[300];
        snprintf(patch, sizeof patch,
                 "{\"rope_parameters\": {\"rope_type\": \"llama3\", \"rope_theta\": 1000.0, \"factor\": %.1f, \"low_freq_factor\": %.1f,"
                 "\"high_freq_factor\": %.1f, \"original_max_position_embeddings\": %.0f}}",
                 kinds[i].factor, kinds[i].low, kinds[i].high, kinds[i].context);
        put_hub(dir, "llama3", patch, NULL, 0);
        converts(dir, in("a.gguf"), NULL);
        converts(in("a.gguf"), in("back"), NULL);
        vs_model *a = opens(dir), *b = opens(in("a.gguf")), *c = opens(in("back"));
        size_t n = a->stack[0].rope_dims / 2;
        assert_non_null(b->stack[0].w[VS_ROLE_ROPE_TURNS].vec);
        for (size_t k = 0; k < n; k++) {
            float want = a->stack[0].layer[0].rotation->turn[k];
            assert_true(fabsf(want - b->stack[0].layer[0].rotation->turn[k]) <= 1.2e-7f * want);
            assert_true(fabsf(want - c->stack[0].layer[0].rotation->turn[k]) <= 1e-6f * want);
        }
        vs_model_close(a), vs_model_close(b), vs_model_close(c);
        unlink(in("back/tokenizer_config.json"));
        drop_dir(in("back"));
    }
    vs_model *b = opens(in("a.gguf"));
    size_t at = (size_t)((const unsigned char *)b->stack[0].w[VS_ROLE_ROPE_TURNS].t.data - (const unsigned char *)vs_file_tensor(b->file, 0, NULL)->data);
    size_t first = vs_file_size(b->file);
    for (size_t i = 0; i < vs_file_tensor_count(b->file); i++) first -= (vs_tensor_count(vs_file_tensor(b->file, i, NULL)) * 4 + 31) / 32 * 32;
    vs_model_close(b);
    FILE *f = fopen(in("a.gguf"), "r+b");
    const float odd = 1.9f;
    assert_true(f && fseek(f, (long)(first + at), SEEK_SET) == 0 && fwrite(&odd, sizeof odd, 1, f) == 1 && fclose(f) == 0);
    refuses(in("a.gguf"), in("back"), NULL, VS_E_UNSUPPORTED, "what its rotary angles are divided by|by 1.9");
}

/* YaRN as far as llama.cpp knows it for these families: factor, length before, gain.  What it does not read is refused. */
static void rotation_by_yarn(void **state) {
    (void)state;
#define YARN(more) "{\"rope_parameters\": {\"rope_type\": \"yarn\", \"rope_theta\": 50.0, " more "}, \"sliding_window\": null}"
#define BEFORE_16 "\"factor\": 4.0, \"original_max_position_embeddings\": 16"
    static const struct {
        const char *fixture, *patch;
        double gain, beside; /* beside: what the GGUF file says beside 1 + ln(factor) / 10; 0: nothing */
    } kinds[] = {
        {"llama", YARN(BEFORE_16), 1.1386294361, 0},
        {"qwen2", YARN("\"factor\": 8.0, \"attention_factor\": 1.5"), 1.5, 1.5 / 1.2079441542},
        {"qwen3", YARN(BEFORE_16 ", \"mscale\": 1.5, \"mscale_all_dim\": 0.5"), 1.2079441542 / 1.0693147181, 1.2079441542 / 1.0693147181 / 1.1386294361},
        {"mistral", YARN("\"factor\": null, \"original_max_position_embeddings\": 48"), 1.0693147181, 0},
        {"llama", YARN("\"factor\": 1.0, \"attention_factor\": 1.25"), 1.25, 1.25},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char key[64];
        put_hub(dir, kinds[i].fixture, kinds[i].patch, NULL, 0);
        converts(dir, in("a.gguf"), NULL);
        converts(in("a.gguf"), in("back"), NULL);
        vs_model *m[] = {opens(dir), opens(in("a.gguf")), opens(in("back"))};
        const vs_stack_state *s = &m[0]->stack[0];
        snprintf(key, sizeof key, "%s.rope.scaling.type", m[1]->arch->gguf_name);
        vs_meta type = vs_file_meta(m[1]->file, key);
        assert_true(type.type == VS_META_STR && type.n == 4 && !memcmp(type.s, "yarn", 4));
        snprintf(key, sizeof key, "%s.rope.scaling.attn_factor", m[1]->arch->gguf_name);
        vs_meta beside = vs_file_meta(m[1]->file, key);
        assert_int_equal(beside.type, kinds[i].beside > 0 ? VS_META_FLOAT : VS_META_NONE);
        if (kinds[i].beside > 0) assert_true(fabs(beside.f / kinds[i].beside - 1) < 1e-6);
        for (int k = 0; k < 3; k++) {
            assert_true(fabs((double)m[k]->stack[0].full.gain / kinds[i].gain - 1) < 1e-6);
            assert_memory_equal(s->layer[0].rotation->turn, m[k]->stack[0].layer[0].rotation->turn, s->rope_dims / 2 * sizeof(float));
        }
        for (int k = 0; k < 3; k++) vs_model_close(m[k]);
        unlink(in("back/tokenizer_config.json"));
        drop_dir(in("back"));
    }
    put_hub(dir, "llama", YARN(BEFORE_16 ", \"truncate\": false"), NULL, 0);
    refuses(dir, in("a.gguf"), NULL, VS_E_UNSUPPORTED, "GGUF cannot say all|rotary angles");
    put_hub(dir, "llama", YARN(BEFORE_16 ", \"beta_slow\": 0.2"), NULL, 0);
    refuses(dir, in("a.gguf"), NULL, VS_E_UNSUPPORTED, "GGUF cannot say all|rotary angles");
#undef YARN
#undef BEFORE_16
}

static void does_not_open(const char *path, vs_status want, const char *words) {
    vs_err err = {0};
    vs_model *m;
    vs_status s = vs_model_open(&err, path, &m);
    if (s == VS_OK) vs_model_close(m);
    if (s != want || !strstr(err.msg, words)) fail_msg("status %d, want %d and \"%s\": %s", s, want, words, err.msg);
}

/* What else files say of YaRN, and llama.cpp reads in other ways or not at all: refused by name. */
static void yarn_by_other_keys(void **state) {
    (void)state;
    static const char *const fixtures[] = {"llama", "qwen2", "qwen3"};
    static const char *const keys[] = {"beta_fast", "beta_slow", "ext_factor", "attn_factor", "log_multiplier"};
    for (size_t i = 0; i < sizeof fixtures / sizeof *fixtures; i++)
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
            char path[96], key[96];
            snprintf(path, sizeof path, FIXTURES "%s", fixtures[i]);
            converts(path, in("a.gguf"), NULL);
            gguf_insert(in("a.gguf"), (gguf_key){"test.more", GGUF_F32, "1"});
            vs_model_close(opens(in("a.gguf"))); /* another key is no reason */
            snprintf(key, sizeof key, "%s.rope.scaling.yarn_%s", fixtures[i], keys[k]);
            gguf_insert(in("a.gguf"), (gguf_key){key, GGUF_F32, "1"});
            does_not_open(in("a.gguf"), VS_E_UNSUPPORTED, key);
        }
}

/* LongRoPE: lists in config.json, tensors in GGUF files, for the families for which llama.cpp has them. */
static void rotation_by_lists(void **state) {
    (void)state;
#define LISTS(three, more) "\"short_factor\": [1.0, 1.5, 1.25" three "], \"long_factor\": [1.5, 2.0, 8.0" three "]" more
#define SIX LISTS(", 3.0, 4.0, 5.0", ", \"original_max_position_embeddings\": 32")
    static const struct {
        const char *fixture, *patch;
        double gain;
    } kinds[] = {
        {"phi3", "{\"rope_scaling\": {\"type\": \"su\", " LISTS("", "") "}, \"original_max_position_embeddings\": 24}", 1.1984192},
        {"phi3", "{\"rope_scaling\": {\"type\": \"longrope\", " LISTS("", ", \"attention_factor\": 1.5") "}, \"original_max_position_embeddings\": 24}", 1.5},
        {"llama", "{\"rope_parameters\": {\"rope_type\": \"longrope\", \"rope_theta\": 50.0, \"factor\": 4.0, " SIX "}}", 1.1832160},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        put_hub(dir, kinds[i].fixture, kinds[i].patch, NULL, 0);
        converts(dir, in("a.gguf"), NULL);
        converts(in("a.gguf"), in("back"), NULL);
        vs_model *m[] = {opens(dir), opens(in("a.gguf")), opens(in("back"))};
        const vs_rotation *a = &m[0]->stack[0].full;
        assert_non_null(a->longer);
        assert_int_equal(a->limit, i < 2 ? 24 : 32);
        for (int k = 0; k < 3; k++) {
            const vs_rotation *r = &m[k]->stack[0].full;
            assert_true(fabs((double)r->gain / kinds[i].gain - 1) < 1e-6);
            assert_int_equal(r->limit, a->limit);
            assert_memory_equal(a->turn, r->turn, a->dims / 2 * sizeof(float));
            assert_memory_equal(a->longer, r->longer, a->dims / 2 * sizeof(float));
        }
        for (int k = 0; k < 3; k++) vs_model_close(m[k]);
        unlink(in("back/tokenizer_config.json"));
        drop_dir(in("back"));
        char key[64], factor[64], other[64];
        snprintf(key, sizeof key, "%s.rope.scaling.type", kinds[i].fixture);
        snprintf(factor, sizeof factor, "%s.rope.scaling.factor", kinds[i].fixture);
        snprintf(other, sizeof other, "%s.rope.scaling.t***", kinds[i].fixture);
        overwrite(in("a.gguf"), key, other);
        vs_model *unsaid = opens(in("a.gguf")); /* as most files of Phi-3 are */
        assert_non_null(unsaid->stack[0].full.longer);
        vs_model_close(unsaid);
        overwrite(in("a.gguf"), "rope_factors_long.weight", "rope_factors_lang.weight");
        does_not_open(in("a.gguf"), VS_E_FORMAT, "has no place");
        converts(dir, in("a.gguf"), NULL);
        overwrite(in("a.gguf"), "rope_factors_short.weight", "rope_factors_shirt.weight");
        does_not_open(in("a.gguf"), VS_E_FORMAT, "in short texts");
        converts(dir, in("a.gguf"), NULL);
        gguf_insert(in("a.gguf"), (gguf_key){factor, GGUF_F32, "4"});
        does_not_open(in("a.gguf"), VS_E_UNSUPPORTED, "beside a list");
    }
    put_hub(dir, "mistral", "{\"rope_scaling\": {\"type\": \"longrope\", " LISTS("", "") "}, \"sliding_window\": null}", NULL, 0);
    converts(dir, in("b.gguf"), NULL); /* as a llama */
    unlink(in("b.gguf"));
    put_hub(dir, "qwen2", "{\"rope_scaling\": {\"type\": \"longrope\", " SIX "}}", NULL, 0);
    refuses(dir, in("b.gguf"), NULL, VS_E_UNSUPPORTED, "GGUF cannot say|rot");
    put_hub(dir, "llama", "{\"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 2.0}}", NULL, 0);
    refuses(dir, in("b.gguf"), NULL, VS_E_UNSUPPORTED, "GGUF cannot say|length from which on texts turn otherwise");
    put_hub(dir, "llama", "{\"rope_scaling\": {\"type\": \"proportional\", \"partial_rotary_factor\": 0.5}}", NULL, 0);
    refuses(dir, in("b.gguf"), NULL, VS_E_UNSUPPORTED, "GGUF cannot say|rotary angles");
    put_hub(dir, "gemma3", "{\"rope_parameters\": {\"sliding_attention\": {\"rope_type\": \"linear\", \"factor\": 2.0}}}", NULL, 0);
    refuses(dir, in("b.gguf"), NULL, VS_E_UNSUPPORTED, "GGUF cannot say|rotary angles");
#undef LISTS
#undef SIX
}

/* LLaMA's GGUF files hold the halves of each head interleaved: heads of every number, biases alike; heads that have no halves
 * are refused. */
static void halves_of_heads(void **state) {
    (void)state;
    static const struct {
        size_t heads, kv, width;
    } kinds[] = {{6, 3, 8}, {2, 1, 24}, {24, 12, 2}, {12, 6, 4}}; /* of 48 and 24 rows */
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char patch[160];
        snprintf(patch, sizeof patch, "{\"num_attention_heads\": %zu, \"num_key_value_heads\": %zu, \"head_dim\": %zu}", kinds[i].heads,
                 kinds[i].kv, kinds[i].width);
        put_hub(dir, "llama", patch, NULL, 0);
        converts(dir, in("a.gguf"), NULL);
        vs_model *a = opens(dir), *b = opens(in("a.gguf"));
        const vs_tensor *q = &b->stack[0].layer[0].w[VS_ROLE_WQ].t;
        assert_true(q->ndim == 4 && q->shape[0] == kinds[i].heads && q->shape[1] == 2 && q->shape[2] == kinds[i].width / 2);
        same_weights(a, b, SAME_BITS);
        vs_model_close(a), vs_model_close(b);
    }
    vs_model *a = opens(FIXTURES "variants/llama_biases");
    converts(FIXTURES "variants/llama_biases", in("a.gguf"), NULL);
    vs_model *b = opens(in("a.gguf"));
    assert_non_null(b->stack[0].layer[1].w[VS_ROLE_BK].vec);
    same_weights(a, b, SAME_BITS);
    vs_model_close(a), vs_model_close(b);
    converts(FIXTURES "llama", in("a.gguf"), NULL); /* 4 heads of 12, 2 of keys */
    gguf_set(in("a.gguf"), "llama.attention.head_count", 16);
    gguf_set(in("a.gguf"), "llama.attention.head_count_kv", 8);
    gguf_set(in("a.gguf"), "llama.attention.key_length", 3);
    gguf_set(in("a.gguf"), "llama.rope.dimension_count", 2);
    does_not_open(in("a.gguf"), VS_E_SHAPE, "tensor blk.0.attn_q.weight (query map): heads of 3 have no halves");
}

static void other_types(void **state) {
    (void)state;
    static const char *const types[] = {"f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "mxfp4"};
    vs_model *a = opens(FIXTURES "gemma3");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        converts(FIXTURES "gemma3", in("a.gguf"), types[i]); /* one that is there is replaced */
        vs_model *b = opens(in("a.gguf"));
        same_weights(a, b, AS_TYPE);
        const vs_layer *y = &b->stack[0].layer[0];
        assert_string_equal(vs_dtype_of(y->w[VS_ROLE_W_DOWN].t.dtype)->name, types[i]);
        bool blocks = i > 1; /* rows of 48 are not whole blocks */
        assert_string_equal(vs_dtype_of(y->w[VS_ROLE_W_UP].t.dtype)->name, blocks ? "f16" : types[i]);
        assert_int_equal(y->w[VS_ROLE_ATTN_NORM].t.dtype, VS_F32);
        vs_model_close(b);
    }
    vs_model_close(a);
    a = opens(in("a.gguf"));
    converts(in("a.gguf"), in("b.gguf"), "q8_0"); /* within the format: the same keys, other types */
    vs_model *b = opens(in("b.gguf"));
    same_weights(a, b, AS_TYPE);
    assert_int_equal(vs_file_meta(b->file, "general.file_type").u, 7);
    for (size_t i = 0; vs_file_meta_key(a->file, i); i++)
        assert_int_equal(vs_file_meta(b->file, vs_file_meta_key(a->file, i)).type, vs_file_meta(a->file, vs_file_meta_key(a->file, i)).type);
    converts(in("b.gguf"), in("back"), NULL); /* blocks come out as f32 */
    vs_model *c = opens(in("back"));
    same_weights(b, c, NORMS_NEAR);
    assert_int_equal(c->stack[0].layer[0].w[VS_ROLE_W_DOWN].t.dtype, VS_F32);
    assert_int_equal(c->stack[0].layer[0].w[VS_ROLE_W_UP].t.dtype, VS_F16);
    vs_model_close(a), vs_model_close(b), vs_model_close(c);
}

static void hub_to_hub(void **state) {
    (void)state;
    converts(FIXTURES "bert", in("back"), "bf16");
    vs_model *a = opens(FIXTURES "bert"), *b = opens(in("back"));
    assert_true(b->has[VS_PART_HEAD] && b->has[VS_PART_NSP]); /* everything is kept */
    assert_int_equal(b->stack[0].layer[0].w[VS_ROLE_WQ].t.dtype, VS_BF16);
    assert_non_null(strstr(b->hub->config, "\"dtype\": \"bfloat16\""));
    assert_non_null(strstr(b->hub->config, "\"transformers_version\"")); /* config.json as it was */
    assert_non_null(b->hub->tokenizer);
    vs_model_close(a), vs_model_close(b);
}

static void a_conversation_keeps_its_template(void **state) {
    (void)state;
    static const char template[] = "{% for m in messages %}{{ m['content'] }}\n{% endfor %}";
    for (int own = 0; own < 2; own++) {
        put_hub(dir, "gemma3", NULL, NULL, 0);
        const char *config = "{\"chat_template\": \"{% for m in messages %}{{ m['content'] }}\\n{% endfor %}\"}";
        put_file(dir, own ? "chat_template.jinja" : "tokenizer_config.json", own ? template : config, strlen(own ? template : config));
        vs_map map;
        assert_int_equal(vs_map_open(NULL, FIXTURES "gemma3/tokenizer.json", &map), VS_OK);
        put_file(dir, "tokenizer.json", map.bytes, map.size);
        vs_map_close(&map);
        converts(dir, in("a.gguf"), NULL);
        vs_model *m = opens(in("a.gguf"));
        vs_meta text = vs_file_meta(m->file, "tokenizer.chat_template");
        assert_true(text.type == VS_META_STR && text.n == strlen(template) && !memcmp(text.s, template, text.n));
        vs_model_close(m);
        converts(in("a.gguf"), in("back"), NULL);
        json_t *j = json_load_file(in("back/tokenizer_config.json"), 0, NULL);
        assert_string_equal(json_string_value(json_object_get(j, "chat_template")), template);
        json_decref(j);
        unlink(in("back/tokenizer_config.json")), unlink(in("tokenizer_config.json")), unlink(in("chat_template.jinja"));
        drop_dir(in("back"));
    }
}

/* Weights of 16 bits have the same bits and type in the hub's layout again. */
static void sixteen_bits_there_and_back(void **state) {
    (void)state;
    static const char *const models[] = {"llama_bf16", "gpt2_f16", "bert_bf16", "neox_f16", "phi3_bf16", "t5_bf16"};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        char from[96];
        size_t seen = 0;
        snprintf(from, sizeof from, FIXTURES "variants/%s", models[i]);
        converts(from, in("a.gguf"), NULL);
        converts(in("a.gguf"), in("back"), NULL);
        vs_model *a = opens(from), *b = opens(in("back"));
        for (size_t k = 0; k < vs_file_tensor_count(b->hub->tensors); k++) {
            const char *name;
            const vs_tensor *got = vs_file_tensor(b->hub->tensors, k, &name), *want = vs_file_find(a->hub->tensors, name);
            if (!want) continue; /* T5's unembedding; NeoX's has another name */
            assert_int_equal(got->dtype, want->dtype);
            assert_int_equal(vs_tensor_count(got), vs_tensor_count(want));
            assert_memory_equal(got->data, want->data, vs_tensor_count(got) * 2);
            seen++;
        }
        assert_true(seen >= vs_file_tensor_count(b->hub->tensors) - 1 && seen > 10);
        vs_model_close(a), vs_model_close(b);
        drop_dir(in("back"));
    }
}

/* Weights of any width are weights; they are written as f32 where nothing else is asked for. */
static void wide_weights(void **state) {
    (void)state;
    const change wide = {AS_F64, "", NULL};
    put_hub(dir, "bert", NULL, &wide, 1);
    vs_model *a = opens(FIXTURES "bert"), *b = opens(dir);
    assert_int_equal(b->stack[0].layer[0].w[VS_ROLE_WQ].t.dtype, VS_F64);
    same_weights(a, b, SAME_BITS);
    converts(dir, in("a.gguf"), NULL);
    vs_model *c = opens(in("a.gguf"));
    assert_int_equal(c->stack[0].layer[0].w[VS_ROLE_WQ].t.dtype, VS_F32);
    same_weights(a, c, SAME_BITS);
    vs_model_close(a), vs_model_close(b), vs_model_close(c);
}

static void what_is_refused(void **state) {
    (void)state;
    put_hub(dir, "gemma3", NULL, NULL, 0);
    refuses(dir, in("."), NULL, VS_E_STATE, "the model that is to be converted");
    refuses(dir, FIXTURES "bert", NULL, VS_E_STATE, "is there already|new directory");
    refuses(dir, "", NULL, VS_E_STATE, "OUT is empty");
    refuses(dir, in("a.gguf"), "q9_9", VS_E_UNSUPPORTED, "q9_9|it takes f32, f16");
    refuses(dir, in("a.gguf"), "q4_k", VS_E_UNSUPPORTED, "q4_k|q8_0");
    refuses(dir, in("back"), "q8_0", VS_E_UNSUPPORTED, "the hub's layout does not take weights of type q8_0");
    refuses(in("absent"), in("a.gguf"), NULL, VS_E_UNKNOWN, "absent");
    refuses(dir, "/absent/a.gguf", NULL, VS_E_IO, "cannot create");
    converts(dir, in("a.gguf"), NULL);
    refuses(in("a.gguf"), in("a.gguf"), "f16", VS_E_STATE, "the model that is to be converted");
    assert_int_equal(access(in("a.gguf"), F_OK), 0);

    /* numbers and weights that GGUF has no place for */
    put_config(dir, "gemma3", "{\"hidden_activation\": \"silu\"}");
    refuses(dir, in("b.gguf"), NULL, VS_E_UNSUPPORTED, "cannot say all of this model|non-linearity is silu, a reader would take gelu_tanh");
    const change bias = {ADD, "model.layers.0.self_attn.q_proj.bias", "[64]"};
    put_hub(dir, "gemma3", NULL, &bias, 1);
    refuses(dir, in("b.gguf"), NULL, VS_E_UNSUPPORTED, "no place for BQ (its bias) of a gemma3");

    /* a number that f16 cannot hold: the norms are not asked to */
    put_hub(dir, "gemma3", NULL, NULL, 0);
    vs_model *m = opens(dir);
    size_t at = (size_t)((const char *)m->stack[0].layer[0].w[VS_ROLE_WQ].t.data - (const char *)vs_file_tensor(m->hub->tensors, 0, NULL)->data);
    size_t data = vs_file_size(m->hub->tensors), all = 0;
    for (size_t i = 0; i < vs_file_tensor_count(m->hub->tensors); i++) all += vs_tensor_count(vs_file_tensor(m->hub->tensors, i, NULL)) * 4;
    vs_model_close(m);
    FILE *f = fopen(in("model.safetensors"), "r+b");
    const float huge = 1e5f;
    assert_true(f && fseek(f, (long)(data - all + at), SEEK_SET) == 0 && fwrite(&huge, sizeof huge, 1, f) == 1 && fclose(f) == 0);
    refuses(dir, in("b.gguf"), "f16", VS_E_RANGE, "blk.0.attn_q.weight|beyond what f16 can hold");
    converts(dir, in("b.gguf"), "bf16");
}

/* Which layers have a window may be any list: a truth value each. */
static void layers_in_any_order(void **state) {
    (void)state;
    put_hub(dir, "gemma3",
            "{\"layer_types\": [\"full_attention\", \"sliding_attention\", \"sliding_attention\", \"full_attention\","
            "\"sliding_attention\", \"full_attention\", \"sliding_attention\"]}", NULL, 0);
    converts(dir, in("a.gguf"), NULL);
    vs_model *m = opens(in("a.gguf"));
    static const int windowed[7] = {0, 1, 1, 0, 1, 0, 1};
    for (int l = 0; l < 7; l++) assert_int_equal(m->stack[0].layer[l].window > 0, windowed[l]);
    vs_model_close(m);
    converts(in("a.gguf"), in("back"), NULL);
    m = opens(in("back"));
    for (int l = 0; l < 7; l++) assert_int_equal(m->stack[0].layer[l].window > 0, windowed[l]);
    vs_model_close(m);
}

static void disk_full(void **state) {
    (void)state;
    struct rlimit before;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    for (rlim_t most = 0; most <= 600000; most += most < 4096 ? 1000 : 149000) {
        struct rlimit small = {most, before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        refuses(FIXTURES "gemma3", in("a.gguf"), NULL, VS_E_IO, "cannot write|File too large");
        refuses(FIXTURES "gemma3", in("back"), NULL, VS_E_IO, "cannot write|File too large");
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(access(in("a.gguf"), F_OK), -1);
        assert_int_equal(access(in("back"), F_OK), -1);
    }
    signal(SIGXFSZ, SIG_DFL);
}

static void stop(void *self, const char *what, uint64_t done, uint64_t total) {
    (void)what, (void)total;
    if (done > 100000) vs_interrupt();
    *(int *)self += 1;
}

static void stopped_and_begun_again(void **state) {
    (void)state;
    int ticks = 0;
    vs_progress p = {stop, &ticks};
    vs_err err = {0};
    assert_int_equal(vs_convert(&err, FIXTURES "gemma3", in("a.gguf"), NULL, &p, NULL), VS_E_STOPPED);
    vs_interrupt_clear();
    assert_true(ticks >= 1);
    assert_int_equal(access(in("a.gguf"), F_OK), -1);
    assert_int_equal(access(in("a.gguf.part"), F_OK), -1);
    assert_int_equal(mkdir(in("a.gguf.part"), 0700), 0); /* what a conversion that was killed leaves */
    put_file(in("a.gguf.part"), "model.gguf.part", "half", 4);
    put_file(in("a.gguf.part"), "converting", "", 0);
    converts(FIXTURES "gemma3", in("a.gguf"), NULL);
    assert_int_equal(access(in("a.gguf.part"), F_OK), -1);
}

/* What stands where the new file is made, and is none of ours, stays: the model itself, one behind a link, one of another
 * process. */
static void nothing_else_is_touched(void **state) {
    (void)state;
    char sub[160], path[200];
    snprintf(sub, sizeof sub, "%s", in("a.gguf.part"));
    for (int way = 0; way < 3; way++) {
        if (way == 1) assert_int_equal(symlink(dir, sub), 0);
        else assert_int_equal(mkdir(sub, 0700), 0);
        const char *model = way == 1 ? dir : sub;
        if (way < 2) put_hub(model, "gemma3", NULL, NULL, 0);
        if (way == 2) put_file(sub, "converting", "", 0);
        int fd = open(in("a.gguf.part/converting"), O_RDWR);
        pid_t other = way == 2 ? fork() : 1;
        if (other == 0) { /* a process that holds the lock */
            struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
            fcntl(fd, F_SETLK, &all);
            pause();
            _exit(0);
        }
        vs_err err = {0};
        vs_status s = VS_OK;
        for (int tries = 0; tries < 1000; tries++) {
            struct flock is = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
            if (way != 2 || (fcntl(fd, F_GETLK, &is) == 0 && is.l_type != F_UNLCK)) break;
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        }
        s = vs_convert(&err, way < 2 ? sub : FIXTURES "gemma3", in("a.gguf"), NULL, NULL, NULL);
        if (way == 2) kill(other, SIGKILL), waitpid(other, NULL, 0);
        if (s != (way == 2 ? VS_E_BUSY : VS_E_STATE) || !strstr(err.msg, way == 2 ? "another process is converting" : "no conversion left it")) fail_msg("%d: %s", way, err.msg);
        snprintf(path, sizeof path, "%s/%s", sub, way == 2 ? "converting" : "model.safetensors");
        assert_int_equal(access(path, R_OK), 0);
        if (fd >= 0) close(fd);
        if (way == 1) unlink(sub);
        unlink(in("a.gguf.part/converting"));
        drop_dir(sub);
    }
}

static void out_of_memory(void **state) {
    (void)state;
    for (int to_hub = 0; to_hub < 2; to_hub++) {
        vs_status s = VS_E_NOMEM;
        for (size_t n = 1; s == VS_E_NOMEM; n += n < 400 ? 1 : 37) {
            vs_err err = {0};
            vs_alloc_fail_at(n);
            s = vs_convert(&err, to_hub ? in("a.gguf") : FIXTURES "gemma3", to_hub ? in("back") : in("a.gguf"), NULL, NULL, NULL);
            vs_alloc_fail_at(0);
            if (s != VS_OK && s != VS_E_NOMEM) fail_msg("%zu: %s", n, err.msg);
            assert_int_equal(access(in("a.gguf.part"), F_OK), -1);
            assert_int_equal(access(in("back.part"), F_OK), -1);
        }
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest all[] = {
        TEST(gemma_there_and_back), TEST(bert_there_and_back), TEST(other_types),     TEST(hub_to_hub),
        TEST(wide_weights),         TEST(a_conversation_keeps_its_template),
        TEST(every_family),         TEST(rotation_as_numbers),
        TEST(rotation_by_yarn),     TEST(yarn_by_other_keys), TEST(rotation_by_lists),
        TEST(halves_of_heads), TEST(padding_goes_along), TEST(what_is_refused),      TEST(layers_in_any_order), TEST(disk_full),       TEST(stopped_and_begun_again),
        TEST(sixteen_bits_there_and_back), TEST(out_of_memory),        TEST(nothing_else_is_touched),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
