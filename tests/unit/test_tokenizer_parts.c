/* Pipelines put together at random from every part that tokenizer.json can name, over small models: the reference's ids
 * and texts (tests/oracle/make_tokenizer_cases.py --parts; compare_tokenizer_parts.py holds any number of others). */
#include "../tokenizer_cases.h"

static void piece_add(json_t *vocab, const char *piece) {
    if (json_is_array(vocab))
        json_array_append_new(vocab, json_pack("[s, f]", piece, -20.0));
    else if (!json_object_get(vocab, piece))
        json_object_set_new(vocab, piece, json_integer((json_int_t)json_object_size(vocab)));
}

/* The model of a pipeline: one that several share, with what is different here. */
static json_t *model_of(const json_t *models, const json_t *p) {
    json_t *m = json_deep_copy(json_object_get(models, json_string_value(json_object_get(p, "base"))));
    json_t *vocab = json_object_get(m, "vocab");
    assert_int_equal(json_object_update(m, json_object_get(p, "change")), 0);
    if (!json_is_true(json_object_get(p, "typed"))) json_object_del(m, "type");
    if (json_is_true(json_object_get(p, "unk"))) piece_add(vocab, "<unk>");
    for (int b = 0; json_is_true(json_object_get(p, "bytes")) && b < 256; b++) {
        char s[8];
        snprintf(s, sizeof s, "<0x%02X>", (unsigned)b);
        piece_add(vocab, s);
    }
    return m;
}

/* [content, id, flags] as tokenizer.json spells it. */
static json_t *added_of(const json_t *list) {
    json_t *out = json_array(), *a;
    size_t i;
    json_array_foreach(list, i, a) {
        const char *flags = json_string_value(json_array_get(a, 2));
        json_t *j = json_pack("{s:O, s:O}", "content", json_array_get(a, 0), "id", json_array_get(a, 1));
        static const char *const name[] = {"special", "normalized", "lstrip", "rstrip", "wsingle_word"};
        for (size_t k = 0; k < sizeof name / sizeof *name; k++)
            json_object_set_new(j, name[k] + (k == 4), json_boolean(strchr(flags, name[k][0]) != NULL));
        json_array_append_new(out, j);
    }
    return out;
}

static vs_tokenizer *open_pipeline(const json_t *models, const json_t *p, size_t k) {
    json_t *j = json_deep_copy(json_object_get(p, "pipeline"));
    json_object_set_new(j, "added_tokens", added_of(json_object_get(j, "added_tokens")));
    json_object_set_new(j, "model", model_of(models, p));
    char *text = json_dumps(j, JSON_COMPACT);
    vs_tokenizer *t;
    vs_err err = {0};
    if (vs_tokenizer_from_json(&err, text, strlen(text), &t) != VS_OK) fail_msg("pipeline %zu: %s", k, err.msg);
    free(text);
    json_decref(j);
    return t;
}

static void check_one(const vs_tokenizer *t, const json_t *c, size_t k) {
    const json_t *text = json_object_get(c, "text"), *ids = json_object_get(c, "ids");
    vs_tokens x;
    vs_err err = {0};
    vs_status s = vs_tokenize(&err, t, json_string_value(text), json_string_length(text), NULL, 0, true, &x);
    if (json_is_null(ids)) {
        if (s == VS_OK) fail_msg("pipeline %zu, '%s': want an error", k, json_string_value(text));
        return;
    }
    if (s != VS_OK) fail_msg("pipeline %zu, '%s': %s", k, json_string_value(text), err.msg);
    for (size_t i = 0; i < x.n && i < json_array_size(ids); i++)
        if (json_integer_value(json_array_get(ids, i)) != x.id[i])
            fail_msg("pipeline %zu, token %zu of '%s': %d, want %d", k, i, json_string_value(text), x.id[i],
                     (int)json_integer_value(json_array_get(ids, i)));
    if (x.n != json_array_size(ids))
        fail_msg("pipeline %zu, '%s': %zu tokens, want %zu", k, json_string_value(text), x.n, json_array_size(ids));
    same_text(t, json_object_get(c, "decoded"), x.id, x.n, true, json_string_value(text));
    same_text(t, json_object_get(c, "full"), x.id, x.n, false, json_string_value(text));
    vs_tokens_free(&x);
}

static void parts_equal_the_reference(void **state) {
    (void)state;
    json_t *root = open_cases("tests/data/tokenizers/parts.json"), *p, *c;
    size_t k, i, count = 0;
    json_array_foreach(json_object_get(root, "pipelines"), k, p) {
        vs_tokenizer *t = open_pipeline(json_object_get(root, "models"), p, k);
        json_array_foreach(json_object_get(p, "cases"), i, c) {
            check_one(t, c, k);
            count++;
        }
        vs_tokenizer_free(t);
    }
    assert_true(count >= 400);
    json_decref(root);
}

/* n bytes or a few more of words that a small model knows, and some that it does not. */
static void ramble(vs_buf *text, uint32_t *r, size_t n) {
    static const char *const words[] = {"the ",  "swan", "\xE2\x96\x81water", "\xE6\x9D\xB1", " blue", "e\xCC\x81 ",
                                        "don't", "x",    "12",                "\n",           ", ",    "aaaa"};
    vs_buf_clear(text);
    while (text->len < n) {
        *r = *r * 1664525 + 1013904223;
        vs_buf_puts(text, words[(*r >> 16) % 12]);
    }
}

static void same_tokens(const vs_tokenizer *t, const vs_tokenizer *u, const vs_buf *text, size_t k) {
    vs_tokens x, y;
    vs_err err = {0};
    vs_status s = vs_tokenize(&err, t, text->s, text->len, NULL, 0, false, &x);
    assert_int_equal(s, vs_tokenize(&err, u, text->s, text->len, NULL, 0, false, &y));
    if (s != VS_OK) return;
    if (x.n != y.n || memcmp(x.id, y.id, x.n * sizeof *x.id) || memcmp(x.end, y.end, x.n * sizeof *x.end))
        fail_msg("pipeline %zu, '%s': cut otherwise after a long text", k, text->s);
    vs_tokens_free(&x);
    vs_tokens_free(&y);
}

/* What a text becomes does not depend on what was cut before: the first texts of a tokenizer are cut plainly, later ones
 * where no merge can join, with words that were seen and memory that is used again. */
static void texts_before_change_nothing(void **state) {
    json_t *root = open_cases("tests/data/tokenizers/parts.json"), *p;
    size_t k;
    uint32_t r = 1;
    vs_buf text = {0};
    (void)state;
    json_array_foreach(json_object_get(root, "pipelines"), k, p) {
        vs_tokenizer *t = open_pipeline(json_object_get(root, "models"), p, k);
        vs_err err = {0};
        vs_tokens x;
        ramble(&text, &r, 4000);
        vs_status s = vs_tokenize(&err, t, text.s, text.len, NULL, 0, false, &x);
        if (s == VS_OK) vs_tokens_free(&x);
        for (int n = 0; s == VS_OK && n < 8; n++) {
            vs_tokenizer *u = open_pipeline(json_object_get(root, "models"), p, k);
            ramble(&text, &r, 400);
            same_tokens(t, u, &text, k);
            vs_tokenizer_free(u);
        }
        vs_tokenizer_free(t);
    }
    vs_buf_free(&text);
    json_decref(root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_equal_the_reference),
        cmocka_unit_test(texts_before_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
