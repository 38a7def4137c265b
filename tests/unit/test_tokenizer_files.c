/* Tokenizers of directories without tokenizer.json: from vocab.txt, or vocab.json and merges.txt, as from the tokenizer.json that
 * holds the same. */
#define _XOPEN_SOURCE 700 /* mkdtemp */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "made_model.h"
#include "text/tokenizer.h"

static char dir[64];
static const char *const names[] = {"vocab.txt", "vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "spiece.model"};

static int make(void **state) {
    (void)state;
    snprintf(dir, sizeof dir, "%s", new_dir());
    return 0;
}
static void clear(void) {
    char path[256];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) snprintf(path, sizeof path, "%s/%s", dir, names[i]), unlink(path);
}
static int drop(void **state) {
    (void)state;
    clear();
    drop_dir(dir);
    return 0;
}
static void put(const char *name, const char *text) { put_file(dir, name, text, strlen(text)); }

/* The parts of a fixture's tokenizer.json as files; the tokenizer of the whole. */
static vs_tokenizer *take_apart(const char *family, bool lines) {
    char path[256];
    vs_err e = {0};
    vs_buf b = {0};
    vs_tokenizer *whole;
    snprintf(path, sizeof path, FIXTURES "%s/tokenizer.json", family);
    json_t *root = json_load_file(path, JSON_ALLOW_NUL, NULL), *model = json_object_get(root, "model"), *one;
    char *text = json_dumps(root, 0), *vocab = json_dumps(json_object_get(model, "vocab"), 0);
    assert_int_equal(vs_tokenizer_from_json(&e, text, strlen(text), &whole), VS_OK);
    size_t i;
    clear();
    for (size_t id = 0; lines && id < vs_vocab_size(whole); id++) {
        size_t n;
        const char *s = vs_piece(whole, (int32_t)id, &n);
        vs_buf_put(&b, s, n), vs_buf_putc(&b, '\n');
    }
    if (!lines) vs_buf_puts(&b, "#version: 0.2\n");
    json_array_foreach(json_object_get(model, "merges"), i, one) {
        if (json_is_string(one)) vs_buf_printf(&b, "%s\n", json_string_value(one));
        else vs_buf_printf(&b, "%s %s\n", json_string_value(json_array_get(one, 0)), json_string_value(json_array_get(one, 1)));
    }
    put_file(dir, lines ? "vocab.txt" : "merges.txt", b.s, b.len);
    if (!lines) put("vocab.json", vocab);
    vs_buf_free(&b);
    free(text), free(vocab);
    json_decref(root);
    return whole;
}

static vs_tokenizer *from_files(void) {
    vs_tokenizer *t = NULL;
    vs_err e = {0};
    if (vs_tokenizer_from_files(&e, dir, &t) != VS_OK) fail_msg("%s", e.msg);
    return t;
}

static vs_tokens tokens_of(const vs_tokenizer *t, const char *text, const char *pair) {
    vs_tokens x;
    vs_err e = {0};
    if (vs_tokenize(&e, t, text, strlen(text), pair, pair ? strlen(pair) : 0, true, &x) != VS_OK) fail_msg("%s", e.msg);
    return x;
}

static void same(const vs_tokenizer *a, const vs_tokenizer *b, const char *text, const char *pair) {
    vs_tokens x = tokens_of(a, text, pair), y = tokens_of(b, text, pair);
    assert_int_equal(x.n, y.n);
    assert_memory_equal(x.id, y.id, x.n * sizeof *x.id);
    assert_memory_equal(x.begin, y.begin, x.n * sizeof *x.begin);
    assert_memory_equal(x.special, y.special, x.n);
    vs_buf p = {0}, q = {0};
    vs_err e = {0};
    assert_int_equal(vs_detokenize(&e, a, x.id, x.n, true, &p), VS_OK);
    assert_int_equal(vs_detokenize(&e, b, y.id, y.n, true, &q), VS_OK);
    assert_int_equal(p.len, q.len);
    if (p.len) assert_memory_equal(p.s, q.s, p.len);
    vs_buf_free(&p), vs_buf_free(&q);
    vs_tokens_free(&x), vs_tokens_free(&y);
}

static void as_the_whole(void **state) {
    static const struct {
        const char *family;
        bool lines;
    } of[] = {{"bert", true}, {"electra", true}, {"mpnet", true}, {"gpt2", false}, {"bart", false}};
    static const char *const texts[] = {"The White swan", "  two  spaces, it's 3.14", "\xC3\x89lan vital, na\xC3\xAFve", "\xE6\x9D\xB1\xE4\xBA\xAC swan", "a [MASK] or <mask> b", ""};
    (void)state;
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        vs_tokenizer *whole = take_apart(of[i].family, of[i].lines), *t = from_files();
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) same(whole, t, texts[k], NULL);
        if (strcmp(of[i].family, "mpnet") != 0) same(whole, t, texts[0], texts[1]); /* the fixture joins pairs with one </s> */
        vs_tokenizer_free(whole);
        vs_tokenizer_free(t);
    }
}

static void one_is(const char *text, const int32_t *want, size_t n) {
    vs_tokenizer *t = from_files();
    vs_tokens x = tokens_of(t, text, NULL);
    if (x.n != n || memcmp(x.id, want, n * sizeof *want) != 0) fail_msg("%s: %zu tokens, the first %d", text, x.n, x.n ? (int)x.id[0] : -1);
    vs_tokens_free(&x);
    vs_tokenizer_free(t);
}

static void settings(void **state) {
    (void)state;
    clear();
    put("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nsea\nSea\n##s\n");
    one_is("Sea", (int32_t[]){2, 5, 3}, 3);
    put("tokenizer_config.json", "{\"do_lower_case\":false,\"tokenizer_class\":\"BertTokenizerFast\"}");
    one_is("Sea", (int32_t[]){2, 6, 3}, 3);
    put("added_tokens.json", "{\"the swan\":8}");
    one_is("Sea the swan", (int32_t[]){2, 6, 8, 3}, 4);
    put("special_tokens_map.json", "{\"cls_token\":\"Sea\",\"sep_token\":{\"content\":\"##s\"}}");
    one_is("sea", (int32_t[]){6, 5, 7}, 3);
}

static void refused(const char *words, vs_status status) {
    vs_tokenizer *t = NULL;
    vs_err e = {0};
    vs_status s = vs_tokenizer_from_files(&e, dir, &t);
    if (s != status || t || !strstr(e.msg, words)) fail_msg("status %d, \"%s\" does not say \"%s\"", s, e.msg, words);
}

static void what_is_refused(void **state) {
    (void)state;
    clear();
    refused("no tokenizer.json", VS_E_UNSUPPORTED);
    put("spiece.model", "x");
    refused("only spiece.model", VS_E_UNSUPPORTED);
    put("vocab.txt", "a\n\xFF\n");
    refused("vocab.txt, line 2", VS_E_FORMAT);
    put("vocab.txt", "");
    refused(dir, VS_E_FORMAT);
    put("tokenizer_config.json", "{\"tokenizer_class\":\"BertJapaneseTokenizer\"}");
    refused("only spiece.model", VS_E_UNSUPPORTED);
    put("tokenizer_config.json", "[]");
    refused("tokenizer_config.json: not a JSON object", VS_E_FORMAT);
    clear();
    put("vocab.json", "{\"a\":0}");
    refused("only vocab.json", VS_E_UNSUPPORTED);
    put("merges.txt", "a b\n");
    refused("merges", VS_E_FORMAT);
    put("vocab.json", "{\"a\":\"b\"}");
    refused(dir, VS_E_FORMAT);
    put("vocab.json", "{\"a\":-1}");
    refused(dir, VS_E_RANGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_the_whole), cmocka_unit_test(settings), cmocka_unit_test(what_is_refused)};
    return cmocka_run_group_tests(tests, make, drop);
}
