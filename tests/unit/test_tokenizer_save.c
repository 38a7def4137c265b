/* Tokenizers written down again, as GGUF's keys and as tokenizer.json, and read back: the ids of the reference. */
#include "../tokenizer_cases.h"
#include "base/alloc.h"
#include "text/save.h"

static vs_tokenizer *from_json(const char *s, size_t n) {
    vs_err err = {0};
    vs_tokenizer *t;
    if (vs_tokenizer_from_json(&err, s, n, &t) != VS_OK) fail_msg("%s", err.msg);
    return t;
}

/* What vs_vocab_json() makes of a vocabulary, read again. */
static vs_tokenizer *through_json(const vs_vocab_source *v) {
    vs_err err = {0};
    vs_buf b = {0};
    if (vs_vocab_json(&err, v, &b) != VS_OK) fail_msg("%s", err.msg);
    vs_tokenizer *t = from_json(b.s, b.len);
    vs_buf_free(&b);
    return t;
}

static const char **texts_of(const json_t *list, vs_arena *a, const uint32_t **len, size_t *n) {
    *n = json_array_size(list);
    const char **s = vs_arena_alloc(a, *n, sizeof *s);
    uint32_t *k = vs_arena_alloc(a, *n, sizeof *k);
    assert_true(s && k);
    for (size_t i = 0; i < *n; i++) {
        s[i] = json_string_value(json_array_get(list, i));
        k[i] = (uint32_t)json_string_length(json_array_get(list, i));
    }
    *len = k;
    return s;
}

static int named(const json_t *j, const char *group, const char *name, int fallback) {
    const json_t *v = json_object_get(json_object_get(j, group), name);
    return v ? (int)json_integer_value(v) : fallback;
}

/* The vocabulary of a GGUF file, as make_tokenizer_cases.py keeps it; older cases have no flags. */
static vs_vocab_source source_of(const json_t *j, vs_arena *a) {
    const char *pre = json_string_value(json_object_get(j, "pre_tokenizer_type"));
    const json_t *map = json_object_get(j, "charsmap");
    int open = json_object_get(j, "flags") ? -1 : 0;
    vs_vocab_source v = {.add_bos = named(j, "flags", "add_bos", open), .add_eos = named(j, "flags", "add_eos", open)};
    v.add_sep = named(j, "flags", "add_sep", open);
    v.add_space_prefix = named(j, "flags", "add_space_prefix", open ? -1 : 1);
    v.remove_extra_whitespaces = named(j, "flags", "remove_extra_whitespaces", -1);
    v.lowercase = named(j, "flags", "lowercase", -1);
    v.strip_accents = named(j, "flags", "strip_accents", -1);
    v.bos = named(j, "roles", "bos", -1), v.eos = named(j, "roles", "eos", -1), v.unk = named(j, "roles", "unk", -1);
    v.pad = named(j, "roles", "pad", -1), v.sep = named(j, "roles", "sep", -1), v.cls = named(j, "roles", "cls", -1);
    v.mask = named(j, "roles", "mask", -1);
    v.model = json_string_value(json_object_get(j, "tokenizer_type"));
    v.pre = pre ? pre : "";
    v.piece = texts_of(json_object_get(j, "tokens"), a, &v.piece_len, &v.count);
    v.merge = texts_of(json_object_get(j, "merges"), a, &v.merge_len, &v.merge_count);
    if (!v.merge_count) v.merge = NULL;
    float *score = vs_arena_alloc(a, v.count, sizeof *score);
    int32_t *type = vs_arena_alloc(a, v.count, sizeof *type);
    char *bytes = vs_arena_alloc(a, json_array_size(map), 1);
    assert_true(score && type && bytes);
    for (size_t i = 0; i < v.count; i++) {
        score[i] = (float)json_number_value(json_array_get(json_object_get(j, "scores"), i));
        type[i] = (int32_t)json_integer_value(json_array_get(json_object_get(j, "token_type"), i));
    }
    for (size_t i = 0; i < json_array_size(map); i++) bytes[i] = (char)json_integer_value(json_array_get(map, i));
    v.score = json_is_array(json_object_get(j, "scores")) ? score : NULL;
    v.type = type;
    v.charsmap = bytes;
    v.charsmap_len = json_array_size(map);
    return v;
}

/* A GGUF vocabulary as tokenizer.json: what the reference made of the GGUF file. */
static void gguf_as_json(void **state) {
    char path[128];
    vs_arena a = {0};
    snprintf(path, sizeof path, "tests/data/tokenizers/%s.json", (const char *)*state);
    json_t *root = open_cases(path);
    vs_vocab_source v = source_of(json_object_get(root, "gguf"), &a);
    vs_tokenizer *t = through_json(&v);
    check_all(t, root);
    vs_tokenizer_free(t);
    vs_arena_free(&a);
    json_decref(root);
}

/* A tokenizer.json as GGUF's keys, and those as tokenizer.json again. */
static void json_as_gguf(void **state) {
    char path[128];
    vs_arena a = {0};
    vs_err err = {0};
    snprintf(path, sizeof path, "tests/data/tokenizers/%s.json", (const char *)*state);
    json_t *root = open_cases(path);
    char *text = json_dumps(json_object_get(root, "tokenizer"), 0);
    vs_tokenizer *t = from_json(text, strlen(text)), *again, *third;
    vs_vocab_source v;
    bool agree;
    if (vs_tokenizer_vocab(&err, t, 0, &a, &v) != VS_OK) fail_msg("%s", err.msg);
    assert_string_equal(v.model, "gpt2");
    assert_string_equal(v.pre, strcmp(*state, "gpt2") ? "qwen2" : "gpt-2");
    if (vs_tokenizer_from_vocab(&err, &v, &again) != VS_OK) fail_msg("%s", err.msg);
    assert_int_equal(vs_tokenizers_agree(&err, t, again, &agree), VS_OK);
    assert_true(agree == !strcmp(*state, "gpt2")); /* the other normalises, and GGUF has no words for that */
    third = through_json(&v);
    assert_int_equal(vs_tokenizers_agree(&err, again, third, &agree), VS_OK);
    assert_true(agree);
    vs_tokenizer_free(t), vs_tokenizer_free(again), vs_tokenizer_free(third);
    free(text);
    vs_arena_free(&a);
    json_decref(root);
}

static vs_tokenizer *from_file(const char *path) {
    vs_map m;
    assert_int_equal(vs_map_open(NULL, path, &m), VS_OK);
    vs_tokenizer *t = from_json((const char *)m.bytes, m.size);
    vs_map_close(&m);
    return t;
}

/* Pieces with bytes: scores follow the merges, bytes are bytes, what begins a text is said. */
static void pieces_as_gguf(void **state) {
    (void)state;
    vs_tokenizer *t = from_file("tests/data/fixtures/gemma3/tokenizer.json");
    vs_arena a = {0};
    vs_vocab_source v;
    assert_int_equal(vs_tokenizer_vocab(NULL, t, 0, &a, &v), VS_OK);
    assert_string_equal(v.model, "llama");
    assert_true(v.count == 1000 && v.merge_count == 680 && v.add_bos && !v.add_eos && v.add_space_prefix);
    assert_true(v.bos == 1 && v.eos == 2 && v.unk == 0);
    assert_true(v.type[0] == 2 && v.type[1] == 3 && v.type[3] == 6 && v.type[258] == 6 && v.type[400] == 1);
    assert_true(v.merge_len[0] == strlen("e \xE2\x96\x81") && !memcmp(v.merge[0], "e \xE2\x96\x81", v.merge_len[0]));
    int32_t first = vs_piece_find(t, "e\xE2\x96\x81", 4), second = vs_piece_find(t, "th", 2), single = vs_piece_find(t, "e", 1);
    assert_true(v.score[first] == 0 && v.score[second] == -1 && v.score[single] == -681);
    vs_tokenizer *again;
    assert_int_equal(vs_tokenizer_from_vocab(NULL, &v, &again), VS_OK);
    const char *text = "The white swan in the blue water";
    vs_tokens x, y;
    assert_int_equal(vs_tokenize(NULL, t, text, strlen(text), NULL, 0, true, &x), VS_OK);
    assert_int_equal(vs_tokenize(NULL, again, text, strlen(text), NULL, 0, true, &y), VS_OK);
    assert_int_equal(x.n, y.n);
    assert_memory_equal(x.id, y.id, x.n * sizeof *x.id);
    vs_tokens_free(&x), vs_tokens_free(&y);
    bool agree; /* this one finds <0x41> in a text, which GGUF's readers do not */
    assert_int_equal(vs_tokenizers_agree(NULL, t, again, &agree), VS_OK);
    assert_false(agree);
    vs_tokenizer_free(t), vs_tokenizer_free(again);
    vs_arena_free(&a);
}

static void wordpiece_as_gguf(void **state) {
    (void)state;
    vs_tokenizer *t = from_file("tests/data/fixtures/bert/tokenizer.json");
    vs_arena a = {0};
    vs_vocab_source v;
    assert_int_equal(vs_tokenizer_vocab(NULL, t, 0, &a, &v), VS_OK);
    assert_string_equal(v.model, "bert");
    int32_t the = vs_piece_find(t, "the", 3), it = vs_piece_find(t, "##it", 4);
    assert_true(v.piece_len[the] == 6 && !memcmp(v.piece[the], "\xE2\x96\x81the", 6));
    assert_true(v.piece_len[it] == 2 && !memcmp(v.piece[it], "it", 2));
    assert_true(v.piece_len[2] == 5 && !memcmp(v.piece[2], "[CLS]", 5));
    assert_true(v.cls == 2 && v.sep == 3 && v.mask == 4 && v.unk == 1 && v.pad == 0 && v.bos == 2);
    vs_tokenizer_free(t);
    vs_arena_free(&a);
}

static void quoting(void **state) {
    (void)state;
    vs_buf b = {0};
    vs_json_quote(&b, "a\"\\\n\0\x7F\xFFé", 9);
    assert_string_equal(b.s, "\"a\\\"\\\\\\u000a\\u0000\\u007f\\ufffdé\"");
    vs_buf_free(&b);
    vs_json_quote(&b, NULL, 0);
    assert_string_equal(b.s, "\"\"");
    vs_buf_free(&b);
}

static void out_of_memory(void **state) {
    (void)state;
    vs_tokenizer *t = from_file("tests/data/fixtures/gemma3/tokenizer.json");
    vs_status s = VS_E_NOMEM;
    for (size_t n = 1; s == VS_E_NOMEM; n++) {
        vs_arena a = {0};
        vs_vocab_source v;
        vs_buf b = {0};
        vs_alloc_fail_at(n);
        s = vs_tokenizer_vocab(NULL, t, 0, &a, &v);
        if (s == VS_OK) v.merge = NULL; /* the merges are to be derived */
        if (s == VS_OK) s = vs_vocab_json(NULL, &v, &b);
        vs_alloc_fail_at(0);
        vs_buf_free(&b);
        vs_arena_free(&a);
        assert_true(n < 5000);
    }
    assert_int_equal(s, VS_OK);
    vs_tokenizer_free(t);
}

int main(void) {
    static char llama[] = "gguf_llama", qwen2[] = "gguf_qwen2", gpt2[] = "gpt2", like[] = "qwen2_like",
                bert[] = "layouts/gguf_bert_uncased", falcon[] = "layouts/gguf_falcon", llama3[] = "layouts/gguf_llama3",
                starcoder[] = "layouts/gguf_starcoder", t5[] = "layouts/gguf_t5_new";
    const struct CMUnitTest all[] = {
        cmocka_unit_test_prestate(gguf_as_json, llama), cmocka_unit_test_prestate(gguf_as_json, qwen2),
        cmocka_unit_test_prestate(gguf_as_json, bert),  cmocka_unit_test_prestate(gguf_as_json, falcon),
        cmocka_unit_test_prestate(gguf_as_json, llama3), cmocka_unit_test_prestate(gguf_as_json, starcoder),
        cmocka_unit_test_prestate(gguf_as_json, t5),
        cmocka_unit_test_prestate(json_as_gguf, gpt2),  cmocka_unit_test_prestate(json_as_gguf, like),
        cmocka_unit_test(pieces_as_gguf),               cmocka_unit_test(wordpiece_as_gguf),
        cmocka_unit_test(quoting),                      cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
