/* Tokenizers against the reference: ids, spans, types and decoded text of odd strings
 * (tests/oracle/make_tokenizer_cases.py), GGUF vocabularies, long texts, files that are not what they should be, and
 * memory that runs short. */
#include <glob.h>

#include "../tokenizer_cases.h"
#include "base/alloc.h"

/* ---- against the reference ---- */

static vs_tokenizer *from_text(const char *json, size_t n) {
    vs_err err = {0};
    vs_tokenizer *t = NULL;
    if (vs_tokenizer_from_json(&err, json, n, &t) != VS_OK) fail_msg("%s", err.msg);
    return t;
}

static vs_tokenizer *from_path(const char *path) {
    vs_err err = {0};
    vs_map m;
    if (vs_map_open(&err, path, &m) != VS_OK) fail_msg("%s", err.msg);
    vs_tokenizer *t = from_text((const char *)m.bytes, m.size);
    vs_map_close(&m);
    return t;
}

/* A row of names, kept by the JSON. */
static size_t names(const json_t *list, const char ***s, uint32_t **len) {
    size_t n = json_array_size(list);
    *s = calloc(n + 1, sizeof **s);
    *len = calloc(n + 1, sizeof **len);
    for (size_t i = 0; i < n; i++) {
        (*s)[i] = json_string_value(json_array_get(list, i));
        (*len)[i] = (uint32_t)json_string_length(json_array_get(list, i));
    }
    return n;
}

static char *kept_map; /* of the tokenizer that was made last */

/* A number by name; `absent` where there is none. */
static int named(const json_t *j, const char *group, const char *name, int absent) {
    const json_t *v = json_object_get(json_object_get(j, group), name);
    return v ? (int)json_integer_value(v) : absent;
}

static vs_tokenizer *from_gguf_keys(const json_t *j) {
    const char **piece, **merge, *pre = json_string_value(json_object_get(j, "pre_tokenizer_type"));
    uint32_t *len, *merge_len;
    size_t n = names(json_object_get(j, "tokens"), &piece, &len),
           merges = names(json_object_get(j, "merges"), &merge, &merge_len);
    float *score = calloc(n, sizeof *score);
    int32_t *type = calloc(n, sizeof *type);
    for (size_t i = 0; i < n; i++) {
        score[i] = (float)json_number_value(json_array_get(json_object_get(j, "scores"), i));
        type[i] = (int32_t)json_integer_value(json_array_get(json_object_get(j, "token_type"), i));
    }
    size_t map_len = json_array_size(json_object_get(j, "charsmap"));
    char *map = calloc(map_len + 1, 1); /* the tokenizer borrows it */
    for (size_t i = 0; i < map_len; i++)
        map[i] = (char)json_integer_value(json_array_get(json_object_get(j, "charsmap"), i));
    bool prefix = !json_object_get(j, "flags");
    const vs_vocab_source src = {.model = json_string_value(json_object_get(j, "tokenizer_type")),
                                 .count = n,
                                 .piece = piece,
                                 .piece_len = len,
                                 .score = json_is_array(json_object_get(j, "scores")) ? score : NULL,
                                 .type = type,
                                 .merge = merges ? merge : NULL,
                                 .merge_len = merge_len,
                                 .merge_count = merges,
                                 .bos = named(j, "roles", "bos", -1),
                                 .eos = named(j, "roles", "eos", -1),
                                 .unk = named(j, "roles", "unk", -1),
                                 .pad = named(j, "roles", "pad", -1),
                                 .sep = named(j, "roles", "sep", -1),
                                 .cls = named(j, "roles", "cls", -1),
                                 .mask = named(j, "roles", "mask", -1),
                                 .add_bos = named(j, "flags", "add_bos", prefix ? 0 : -1),
                                 .add_eos = named(j, "flags", "add_eos", prefix ? 0 : -1),
                                 .add_sep = named(j, "flags", "add_sep", prefix ? 0 : -1),
                                 .add_space_prefix = named(j, "flags", "add_space_prefix", prefix ? 1 : -1),
                                 .remove_extra_whitespaces = named(j, "flags", "remove_extra_whitespaces", -1),
                                 .lowercase = named(j, "flags", "lowercase", -1),
                                 .strip_accents = named(j, "flags", "strip_accents", -1),
                                 .charsmap = map,
                                 .charsmap_len = map_len,
                                 .pre = pre ? pre : ""};
    vs_err err = {0};
    vs_tokenizer *t = NULL;
    if (vs_tokenizer_from_vocab(&err, &src, &t) != VS_OK) fail_msg("%s", err.msg);
    kept_map = map;
    free(piece);
    free(len);
    free(merge);
    free(merge_len);
    free(score);
    free(type);
    return t;
}

static void equals_the_reference(void **state) {
    const char *name = *state;
    char path[128];
    snprintf(path, sizeof path, "tests/data/tokenizers/%s.json", name);
    json_t *root = open_cases(path);
    vs_tokenizer *t;
    if (json_object_get(root, "path")) {
        t = from_path(json_string_value(json_object_get(root, "path")));
    } else if (json_object_get(root, "gguf")) {
        t = from_gguf_keys(json_object_get(root, "gguf"));
    } else {
        char *text = json_dumps(json_object_get(root, "tokenizer"), 0);
        t = from_text(text, strlen(text));
        free(text);
    }
    check_all(t, root);
    vs_tokenizer_free(t);
    json_decref(root);
    free(kept_map);
    kept_map = NULL;
}

/* The layouts of real checkpoints: every file of tests/data/tokenizers/layouts. */
static void layouts_equal_the_reference(void **state) {
    (void)state;
    glob_t found;
    assert_int_equal(glob("tests/data/tokenizers/layouts/*.json", 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= 38);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        json_t *root = open_cases(found.gl_pathv[i]);
        const json_t *keys = json_object_get(root, "gguf");
        char *text = keys ? NULL : json_dumps(json_object_get(root, "tokenizer"), 0);
        print_message("  %s\n", strrchr(found.gl_pathv[i], '/') + 1);
        vs_tokenizer *t = keys ? from_gguf_keys(keys) : from_text(text, strlen(text));
        check_all(t, root);
        vs_tokenizer_free(t);
        free(text);
        free(kept_map);
        kept_map = NULL;
        json_decref(root);
    }
    globfree(&found);
}

/* Patterns mean what they mean to the reference's engine, whose dialect is not PCRE2's. */
static void patterns_equal_the_reference(void **state) {
    (void)state;
    json_t *root = open_cases("tests/data/tokenizers/layouts_patterns.json"), *c, *span;
    size_t i, k;
    json_array_foreach(root, i, c) {
        json_t *words = json_pack("{s{ssss s{si}} s{ssss s{sO}}}", "model", "type", "WordLevel", "unk_token", "u",
                                  "vocab", "u", 0, "pre_tokenizer", "type", "Split", "behavior", "Isolated", "pattern",
                                  "Regex", json_object_get(c, "re"));
        const json_t *text = json_object_get(c, "text"), *spans = json_object_get(c, "spans");
        const char *re = json_string_value(json_object_get(c, "re"));
        char *json = json_dumps(words, 0);
        vs_tokenizer *t = from_text(json, strlen(json));
        vs_tokens x;
        vs_err err = {0};
        if (vs_tokenize(&err, t, json_string_value(text), json_string_length(text), NULL, 0, true, &x) != VS_OK)
            fail_msg("%s: %s", re, err.msg);
        if (x.n != json_array_size(spans))
            fail_msg("%s cuts '%s' into %zu, want %zu", re, json_string_value(text), x.n, json_array_size(spans));
        json_array_foreach(spans, k, span) {
            same_number(span, 0, (long)x.begin[k], re, json_string_value(text));
            same_number(span, 1, (long)x.end[k], re, json_string_value(text));
        }
        vs_tokens_free(&x);
        vs_tokenizer_free(t);
        free(json);
        json_decref(words);
    }
    assert_true(i >= 150);
    json_decref(root);
}

/* What PCRE2 could only misread is refused, and named. */
static void patterns_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"a(?i)b|c",
                                      "(?i:stra\xC3\x9F"
                                      "e)",
                                      "(?i:aff)",
                                      "(?i:[\xC3\x9F])",
                                      "a(?#[)b",
                                      "(?<x>a)\\\\k<x>",
                                      "[[:graph:]]",
                                      "\\\\Qa\\\\E",
                                      "(*FAIL)",
                                      "\\\\xE9",
                                      "[a",
                                      "(a"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char json[512];
        vs_err err = {0};
        vs_tokenizer *t = NULL;
        snprintf(
            json, sizeof json,
            "{\"model\":{\"type\":\"WordLevel\",\"unk_token\":\"u\",\"vocab\":{\"u\":0}},\"pre_tokenizer\":{\"type\":"
            "\"Split\",\"behavior\":\"Isolated\",\"pattern\":{\"Regex\":\"%s\"}}}",
            bad[i]);
        vs_status s = vs_tokenizer_from_json(&err, json, strlen(json), &t);
        if ((s != VS_E_UNSUPPORTED && s != VS_E_FORMAT) || !strstr(err.msg, "pattern '"))
            fail_msg("%s: %d, %s", bad[i], s, err.msg);
    }
}

/* ---- GGUF vocabularies ---- */

typedef struct row {
    const char *piece;
    float score;
    int32_t type;
} row;

/* A small SentencePiece vocabulary of the kind that Gemma's files have. */
static const row gemma[] = {
    {"<pad>", -1000, 3},
    {"<eos>", -1000, 3},
    {"<bos>", -1000, 3},
    {"<unk>", -1000, 3},
    {"\n", -1000, 4},
    {"\n\n", -1000, 4},
    {"  ", -1000, 4},
    {"<b>", -1000, 4},
    {"<0x0A>", 0, 6},
    {"<0xC3>", 0, 6},
    {"<0xA9>", 0, 6},
    {"<0x21>", 0, 6},
    {"ab", -5, 1},
    {"bc", -9, 1},
    {"abc", -1, 1},
    {"\xE2\x96\x81", -3, 1},
    {"a", -4, 1},
    {"b", -4, 1},
    {"c", -4, 1},
    {"\xE2\x96\x81"
     "a",
     -2, 1},
};
enum { ROWS = sizeof gemma / sizeof *gemma };

static vs_tokenizer *from_rows(const row *rows, size_t n, bool prefix, const char *const *merge, size_t merges,
                               vs_status want, vs_err *err) {
    const char *piece[64];
    uint32_t len[64], merge_len[8];
    float score[64];
    int32_t type[64];
    assert_true(n <= 64 && merges <= 8);
    for (size_t i = 0; i < n; i++) {
        piece[i] = rows[i].piece;
        len[i] = (uint32_t)strlen(rows[i].piece);
        score[i] = rows[i].score;
        type[i] = rows[i].type;
    }
    for (size_t i = 0; i < merges; i++) merge_len[i] = (uint32_t)strlen(merge[i]);
    const vs_vocab_source src = {.model = "llama",
                                 .count = n,
                                 .piece = piece,
                                 .piece_len = len,
                                 .score = score,
                                 .type = type,
                                 .merge = merge,
                                 .merge_len = merge_len,
                                 .merge_count = merges,
                                 .bos = 2,
                                 .eos = 1,
                                 .unk = 3,
                                 .pad = 0,
                                 .sep = -1,
                                 .cls = -1,
                                 .mask = -1,
                                 .add_bos = true,
                                 .add_space_prefix = prefix,
                                 .pre = ""};
    vs_tokenizer *t = NULL;
    assert_int_equal(vs_tokenizer_from_vocab(err, &src, &t), want);
    return t;
}

static void expect_ids(const vs_tokenizer *t, const char *text, size_t n, const int32_t *ids) {
    vs_tokens x;
    vs_err err = {0};
    assert_int_equal(vs_tokenize(&err, t, text, strlen(text), NULL, 0, true, &x), VS_OK);
    if (x.n != n) fail_msg("'%s': %zu tokens, want %zu", text, x.n, n);
    for (size_t i = 0; i < n; i++)
        if (x.id[i] != ids[i]) fail_msg("'%s': token %zu is %d, want %d", text, i, x.id[i], ids[i]);
    vs_tokens_free(&x);
}
#define IDS(...)                                                                                                       \
    (sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t)), (const int32_t[]) { __VA_ARGS__ }

static void gguf_joins_in_file_order(void **state) {
    (void)state;
    vs_err err = {0};
    vs_tokenizer *t = from_rows(gemma, ROWS, false, NULL, 0, VS_OK, &err);
    expect_ids(t, "abc", IDS(2, 14)); /* ab comes before bc in the file, whatever the scores */
    expect_ids(t, "bcab", IDS(2, 13, 12));
    expect_ids(t, "a bc", IDS(2, 16, 15, 13));
    expect_ids(t, "  a", IDS(2, 6, 16)); /* a run of blanks is looked up by its marks, though the file has blanks */
    expect_ids(t, " a", IDS(2, 19));
    expect_ids(t, "\xC3\xA9!", IDS(2, 9, 10, 11)); /* bytes */
    expect_ids(t, "\xC3\xB6", IDS(2, 3));          /* one of its bytes has no piece */
    expect_ids(t, "\n\n\na<b><eos>", IDS(2, 5, 4, 16, 7, 1));
    expect_ids(t, "<0x0A>", IDS(2, 3)); /* no special token: text */
    size_t n;
    assert_string_equal(vs_piece(t, 6, &n), "\xE2\x96\x81\xE2\x96\x81");
    assert_int_equal(n, 6);
    assert_true(vs_is_special(t, 1) && !vs_is_special(t, 7));
    assert_int_equal(vs_role_id(t, VS_TOK_BOS), 2);
    assert_int_equal(vs_role_id(t, VS_TOK_MASK), -1);
    vs_buf out = {0};
    vs_piece_text(t, 9, &out);
    vs_piece_text(t, 10, &out);
    vs_piece_text(t, 19, &out);
    assert_string_equal(out.s, "\xC3\xA9 a");
    vs_buf_free(&out);
    vs_tokenizer_free(t);
}

static void gguf_joins_by_score(void **state) {
    (void)state;
    vs_err err = {0};
    row rows[ROWS];
    memcpy(rows, gemma, sizeof rows);
    rows[12].score = -9; /* ab */
    rows[13].score = -5; /* bc: now the better one */
    vs_tokenizer *t = from_rows(rows, ROWS, true, NULL, 0, VS_OK, &err);
    expect_ids(t, "cab", IDS(2, 15, 18, 12));
    expect_ids(t, "babc", IDS(2, 15, 17, 14)); /* a + bc, of one score with nothing else */
    expect_ids(t, "abb", IDS(2, 19, 17, 17));
    vs_tokenizer_free(t);
    static const char *const merges[] = {"b c", "a b"};
    t = from_rows(gemma, ROWS, false, merges, 2, VS_OK, &err);
    expect_ids(t, "abc", IDS(2, 16, 13)); /* given merges count alone */
    vs_tokenizer_free(t);
    static const char *const bad[] = {"b zz"};
    from_rows(gemma, ROWS, false, bad, 1, VS_E_FORMAT, &err);
    assert_non_null(strstr(err.msg, "b zz"));
}

static void gguf_is_checked(void **state) {
    (void)state;
    vs_err err = {0};
    vs_tokenizer *t;
    from_rows(gemma, 2, false, NULL, 0, VS_E_FORMAT, &err); /* bos is token 2 of 2 */
    assert_non_null(strstr(err.msg, "bos_token_id"));
    from_rows(gemma, 0, false, NULL, 0, VS_E_FORMAT, &err);
    const vs_vocab_source src = {
        .model = "klingon", .bos = -1, .eos = -1, .unk = -1, .pad = -1, .sep = -1, .cls = -1, .mask = -1, .pre = ""};
    assert_int_equal(vs_tokenizer_from_vocab(&err, &src, &t), VS_E_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "klingon"));
    static const char *const one[] = {"a"};
    static const uint32_t len[] = {1};
    vs_vocab_source bytes = {.model = "gpt2",
                             .count = 1,
                             .piece = one,
                             .piece_len = len,
                             .bos = -1,
                             .eos = -1,
                             .unk = -1,
                             .pad = -1,
                             .sep = -1,
                             .cls = -1,
                             .mask = -1,
                             .pre = "klingon-bpe"};
    assert_int_equal(vs_tokenizer_from_vocab(&err, &bytes, &t), VS_E_UNSUPPORTED); /* never as if it were GPT-2's */
    assert_non_null(strstr(err.msg, "klingon-bpe"));
}

/* ---- texts ---- */

static void invalid_utf8_is_named(void **state) {
    (void)state;
    vs_tokenizer *t = from_path("tests/data/fixtures/gemma3/tokenizer.json");
    static const struct {
        const char *text;
        size_t at;
    } bad[] = {{"ab\xFFz", 2}, {"\xC3", 0}, {"caf\xC3\xA9 \xED\xA0\x80", 6}, {"\xC0\x80", 0}, {"x\xF5\x80\x80\x80", 1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        vs_tokens x;
        vs_err err = {0};
        char want[32];
        assert_int_equal(vs_tokenize(&err, t, bad[i].text, strlen(bad[i].text), NULL, 0, true, &x), VS_E_FORMAT);
        snprintf(want, sizeof want, "byte %zu ", bad[i].at);
        if (!strstr(err.msg, want)) fail_msg("'%s' does not name %s", err.msg, want);
        assert_null(x.id);
    }
    const int32_t beyond = 1 << 20, below = -1;
    vs_buf out = {0};
    vs_err err = {0};
    assert_int_equal(vs_detokenize(&err, t, &beyond, 1, true, &out), VS_OK);
    assert_int_equal(out.len, 0);
    assert_int_equal(vs_detokenize(&err, t, &below, 1, true, &out), VS_E_RANGE);
    vs_tokenizer_free(t);
}

/* A megabyte without a blank is cut like a short text of the same kind, and comes back as it was. */
static void long_texts(void **state) {
    (void)state;
    static const char *const path[] = {"tests/data/fixtures/gemma3/tokenizer.json",
                                       "tests/data/fixtures/bert/tokenizer.json"};
    enum { N = 1000000 };
    char *s = malloc(N);
    static const char *const unit[] = {"a", "\n", "<", " ", "\xCC\x81\xCC\xA3", "<s>"};
    for (size_t p = 0; p < 2; p++) {
        vs_tokenizer *t = from_path(path[p]);
        for (size_t u = 0; u < sizeof unit / sizeof *unit; u++) {
            size_t k = strlen(unit[u]), n = N / k * k;
            for (size_t i = 0; i < n; i++) s[i] = unit[u][i % k];
            vs_tokens x;
            vs_err err = {0};
            assert_int_equal(vs_tokenize(&err, t, s, n, NULL, 0, false, &x), VS_OK);
            for (size_t i = 0; i < x.n; i++) assert_true(x.begin[i] <= x.end[i] && x.end[i] <= n);
            if (!p) {
                vs_buf out = {0};
                assert_int_equal(vs_detokenize(&err, t, x.id, x.n, false, &out), VS_OK);
                assert_int_equal(out.len, n);
                assert_memory_equal(out.s, s, n);
                vs_buf_free(&out);
            }
            vs_tokens_free(&x);
        }
        vs_tokenizer_free(t);
    }
    free(s);
}

static void without_special_tokens(void **state) {
    (void)state;
    vs_tokenizer *t = from_path("tests/data/fixtures/bert/tokenizer.json");
    vs_tokens with, without;
    assert_int_equal(vs_tokenize(NULL, t, "the swan", 8, "water", 5, true, &with), VS_OK);
    assert_int_equal(vs_tokenize(NULL, t, "the swan", 8, "water", 5, false, &without), VS_OK);
    size_t k = 0;
    for (size_t i = 0; i < with.n; i++) {
        if (with.special[i]) continue;
        assert_int_equal(with.id[i], without.id[k]);
        assert_int_equal(with.text[i], without.text[k]);
        assert_int_equal(with.type[i], without.type[k++]);
    }
    assert_int_equal(k, without.n);
    assert_int_equal(with.n, without.n + 3);
    vs_tokens_free(&with);
    vs_tokens_free(&without);
    vs_tokenizer_free(t);
}

/* ---- files that are not what they should be ---- */

#define WP(vocab, rest)                                                                                                \
    "{\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"u\",\"continuing_subword_prefix\":\"##\",\"vocab\":" vocab     \
    "}" rest "}"
#define BPE(vocab, merges, rest) "{\"model\":{\"type\":\"BPE\",\"vocab\":" vocab ",\"merges\":" merges "}" rest "}"

static void hostile_files(void **state) {
    (void)state;
    static const struct {
        const char *json;
        vs_status want;
        const char *says;
    } bad[] = {
        {"", VS_E_FORMAT, "line"},
        {"{\"model\":", VS_E_FORMAT, "line"},
        {"[1,2]", VS_E_FORMAT, "want an object"},
        {"{}", VS_E_FORMAT, "model"},
        {"{\"model\":7}", VS_E_FORMAT, "model"},
        {"{\"model\":{\"type\":\"Nonsense\",\"vocab\":{\"a\":0}}}", VS_E_UNSUPPORTED, "Nonsense"},
        {"{\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":0}}}", VS_E_FORMAT, "unk_token"},
        {WP("{}", ""), VS_E_FORMAT, "empty"},
        {WP("{\"u\":0,\"a\":0}", ""), VS_E_FORMAT, "the same id"},
        {WP("{\"u\":0,\"u\":1}", ""), VS_E_FORMAT, "duplicate"},
        {WP("{\"u\":4000000000}", ""), VS_E_RANGE, "4000000000"},
        {WP("{\"u\":-1}", ""), VS_E_RANGE, "-1"},
        {WP("{\"u\":99999999999999999999}", ""), VS_E_FORMAT, "integer"},
        {WP("{\"u\":\"0\"}", ""), VS_E_FORMAT, "whole number"},
        {WP("[\"u\"]", ""), VS_E_FORMAT, "want an object"},
        {WP("{\"u\":0}", ",\"added_tokens\":{}"), VS_E_FORMAT, "added_tokens"},
        {WP("{\"u\":0}", ",\"added_tokens\":[3]"), VS_E_FORMAT, "added_tokens"},
        {WP("{\"u\":0}", ",\"added_tokens\":[{\"id\":4000000000,\"content\":\"x\"}]"), VS_E_RANGE, "4000000000"},
        {WP("{\"u\":1}", ",\"added_tokens\":[{\"id\":0,\"content\":\"x\"}]"), VS_E_FORMAT, "the same id"},
        {WP("{\"u\":0}", ",\"added_tokens\":[{\"id\":1,\"content\":\"x\",\"special\":\"yes\"}]"), VS_E_FORMAT,
         "special"},
        {WP("{\"u\":0}", ",\"normalizer\":{\"type\":\"Nonsense\"}"), VS_E_UNSUPPORTED, "Nonsense"},
        {WP("{\"u\":0}", ",\"normalizer\":{\"type\":\"Sequence\"}"), VS_E_FORMAT, "normalizers"},
        {WP("{\"u\":0}", ",\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"(\"},\"content\":\"\"}"),
         VS_E_FORMAT, "pattern"},
        {WP("{\"u\":0}", ",\"normalizer\":{\"type\":\"Replace\",\"pattern\":{},\"content\":\"\"}"), VS_E_FORMAT,
         "pattern"},
        {WP("{\"u\":0}", ",\"pre_tokenizer\":{\"type\":\"Nonsense\"}"), VS_E_UNSUPPORTED, "pre_tokenizer"},
        {WP("{\"u\":0}",
            ",\"pre_tokenizer\":{\"type\":\"Split\",\"behavior\":\"Sideways\",\"pattern\":{\"String\":\"x\"}}"),
         VS_E_UNSUPPORTED, "Sideways"},
        {WP("{\"u\":0}", ",\"pre_tokenizer\":[]"), VS_E_FORMAT, "pre_tokenizer"},
        {WP("{\"u\":0}", ",\"decoder\":{\"type\":\"Nonsense\"}"), VS_E_UNSUPPORTED, "decoder"},
        {WP("{\"u\":0}", ",\"post_processor\":{\"type\":\"Nonsense\"}"), VS_E_UNSUPPORTED, "post_processor"},
        {WP("{\"u\":0}", ",\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":"
                         "\"[X]\",\"type_id\":0}}],\"pair\":[],\"special_tokens\":{}}"),
         VS_E_FORMAT, "[X]"},
        {WP("{\"u\":0}", ",\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":"
                         "\"X\"}}],\"pair\":[],\"special_tokens\":{\"X\":{\"ids\":[7]}}}"),
         VS_E_RANGE, "vocabulary"},
        {WP("{\"u\":0}", ",\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"B\"}"
                         "}],\"pair\":[],\"special_tokens\":{}}"),
         VS_E_FORMAT, "'B'"},
        {WP("{\"u\":5}", ",\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"x\",0],\"cls\":[\"x\",5]}"),
         VS_E_FORMAT, "sep"},
        {WP("{\"u\":0}", ",\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"x\",9],\"cls\":[\"x\",0]}"),
         VS_E_FORMAT, "sep"},
        {BPE("{\"a\":0}", "{}", ""), VS_E_FORMAT, "merges"},
        {BPE("{\"a\":0}", "[\"a\"]", ""), VS_E_FORMAT, "merges[0]"},
        {BPE("{\"a\":0}", "[\"a b\"]", ""), VS_E_FORMAT, "'b'"},
        {BPE("{\"a\":0}", "[[\"a\",\"a\"]]", ""), VS_E_FORMAT, "'aa'"},
        {BPE("{\"a\":0}", "[[\"a\"]]", ""), VS_E_FORMAT, "merges[0]"},
        {BPE("{\"a\":0}", "[[\"a\",1]]", ""), VS_E_FORMAT, "want a string"},
        {"{\"model\":{\"type\":\"BPE\",\"dropout\":0.1,\"vocab\":{\"a\":0},\"merges\":[]}}", VS_E_UNSUPPORTED,
         "dropout"},
        {"{\"model\":{\"type\":\"Unigram\",\"vocab\":[]}}", VS_E_FORMAT, "empty"},
        {"{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\"]]}}", VS_E_FORMAT, "vocab[0]"},
        {"{\"model\":{\"type\":\"Unigram\",\"vocab\":[[1,2]]}}", VS_E_FORMAT, "want a string"},
        {"{\"model\":{\"type\":\"Unigram\",\"unk_id\":3,\"vocab\":[[\"a\",-1.5]]}}", VS_E_RANGE, "unk_id"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        vs_err err = {0};
        vs_tokenizer *t = NULL;
        vs_status got = vs_tokenizer_from_json(&err, bad[i].json, strlen(bad[i].json), &t);
        if (got != bad[i].want || !strstr(err.msg, bad[i].says) || strchr(err.msg, '\n'))
            fail_msg("%s\n  status %d, want %d; says '%s', want '%s'", bad[i].json, got, bad[i].want, err.msg,
                     bad[i].says);
        assert_null(t);
    }
}

static void deep_nesting_is_bounded(void **state) {
    (void)state;
    static const char open[] = "{\"type\":\"Sequence\",\"normalizers\":[", close[] = "]}";
    static const size_t depths[] = {15, 17, 500, 100000};
    for (size_t k = 0; k < 4; k++) {
        vs_buf json = {0};
        vs_err err = {0};
        vs_tokenizer *t = NULL;
        vs_buf_puts(&json, "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]},\"normalizer\":");
        for (size_t i = 0; i < depths[k]; i++) vs_buf_puts(&json, open);
        for (size_t i = 0; i < depths[k]; i++) vs_buf_puts(&json, close);
        vs_buf_puts(&json, "}");
        assert_int_equal(vs_tokenizer_from_json(&err, json.s, json.len, &t), k ? VS_E_FORMAT : VS_OK);
        vs_tokenizer_free(t);
        vs_buf_free(&json);
    }
}

static void a_text_the_vocabulary_cannot_spell(void **state) {
    (void)state;
    static const char json[] = "{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",-1]]}}";
    vs_tokenizer *t = from_text(json, sizeof json - 1);
    vs_tokens x;
    vs_err err = {0};
    assert_int_equal(vs_tokenize(&err, t, "ab", 2, NULL, 0, true, &x), VS_E_UNSUPPORTED);
    assert_int_equal(vs_tokenize(&err, t, "ba", 2, NULL, 0, true, &x), VS_E_UNSUPPORTED);
    assert_int_equal(vs_tokenize(&err, t, "aa", 2, NULL, 0, true, &x), VS_OK);
    assert_int_equal(x.n, 2);
    vs_tokens_free(&x);
    vs_tokenizer_free(t);
}

/* ---- memory ---- */

/* Make a tokenizer, encode a pair of texts and decode them, with allocation n failing and all after it. */
typedef vs_status make_fn(vs_err *err, const void *from, vs_tokenizer **t);

static vs_status short_of_memory(make_fn *make, const void *from, size_t n) {
    static const char text[] = "The swan's na\xC3\xAFve caf\xC3\xA9 \xE6\x9D\xB1\xE4\xBA\xAC <s> [SEP] "
                               "a\xCC\x81\xCC\xA3 \xEF\xBC\xA1 \xF0\x9F\xA6\xA2";
    vs_tokenizer *t = NULL;
    vs_tokens x = {0};
    vs_buf out = {0};
    vs_err err = {0};
    vs_alloc_fail_at(n);
    vs_status s = make(&err, from, &t);
    if (s == VS_OK) s = vs_tokenize(&err, t, text, sizeof text - 1, text, 8, true, &x);
    if (s == VS_OK) s = vs_detokenize(&err, t, x.id, x.n, false, &out);
    vs_alloc_fail_at(0);
    vs_tokens_free(&x);
    vs_buf_free(&out);
    vs_tokenizer_free(t);
    return s;
}

static vs_status make_json(vs_err *err, const void *from, vs_tokenizer **t) {
    return vs_tokenizer_from_json(err, from, strlen(from), t);
}

static vs_status make_gguf(vs_err *err, const void *from, vs_tokenizer **t) {
    return vs_tokenizer_from_vocab(err, from, t);
}

/* Every allocation fails once: a clean error each time, and nothing left behind (the sanitizers watch). */
static void fail_each(make_fn *make, const void *from) {
    vs_status s;
    size_t n = 0;
    while ((s = short_of_memory(make, from, ++n)) != VS_OK) assert_int_equal(s, VS_E_NOMEM);
    assert_true(n > 20);
}

static void out_of_memory(void **state) {
    (void)state;
    static const char *const name[] = {"bert_cased", "roberta_like",       "t5_like",     "plain_bpe",
                                       "suffix",     "layouts/openai_gpt", "layouts/ctc", "layouts/bloom"};
    for (size_t k = 0; k < sizeof name / sizeof *name; k++) {
        char path[128];
        snprintf(path, sizeof path, "tests/data/tokenizers/%s.json", name[k]);
        json_t *root = open_cases(path);
        char *text = json_dumps(json_object_get(root, "tokenizer"), 0);
        fail_each(make_json, text);
        free(text);
        json_decref(root);
    }
}

static void out_of_memory_with_gguf(void **state) {
    (void)state;
    static const char *const merges[] = {"a b", "ab c", "b c"};
    const char *piece[ROWS];
    uint32_t len[ROWS], merge_len[3] = {3, 4, 3};
    float score[ROWS];
    int32_t type[ROWS];
    for (size_t i = 0; i < ROWS; i++) {
        piece[i] = gemma[i].piece;
        len[i] = (uint32_t)strlen(piece[i]);
        score[i] = gemma[i].score;
        type[i] = gemma[i].type;
    }
    vs_vocab_source src = {.model = "llama",
                           .count = ROWS,
                           .piece = piece,
                           .piece_len = len,
                           .score = score,
                           .type = type,
                           .merge_len = merge_len,
                           .bos = 2,
                           .eos = 1,
                           .unk = 3,
                           .pad = 0,
                           .sep = -1,
                           .cls = -1,
                           .mask = -1,
                           .add_bos = true,
                           .pre = ""};
    fail_each(make_gguf, &src);
    src.add_space_prefix = true;
    fail_each(make_gguf, &src);
    src.merge = merges;
    src.merge_count = 3;
    fail_each(make_gguf, &src);
    src.model = "gpt2";
    fail_each(make_gguf, &src);
}

int main(void) {
#define REFERENCE(name)                                                                                                \
    { "equals_the_reference: " name, equals_the_reference, NULL, NULL, (void *)(uintptr_t)name }
    const struct CMUnitTest tests[] = {
        REFERENCE("gemma3"),
        REFERENCE("bert"),
        REFERENCE("gpt2"),
        REFERENCE("t5"),
        REFERENCE("roberta_like"),
        REFERENCE("qwen2_like"),
        REFERENCE("plain_bpe"),
        REFERENCE("splits"),
        REFERENCE("unigram_bytes"),
        REFERENCE("bert_cased"),
        REFERENCE("suffix"),
        REFERENCE("t5_like"),
        REFERENCE("whitespace"),
        REFERENCE("gguf_llama"),
        REFERENCE("gguf_qwen2"),
        cmocka_unit_test(layouts_equal_the_reference),
        cmocka_unit_test(patterns_equal_the_reference),
        cmocka_unit_test(patterns_are_refused),
        cmocka_unit_test(gguf_joins_in_file_order),
        cmocka_unit_test(gguf_joins_by_score),
        cmocka_unit_test(gguf_is_checked),
        cmocka_unit_test(invalid_utf8_is_named),
        cmocka_unit_test(long_texts),
        cmocka_unit_test(without_special_tokens),
        cmocka_unit_test(hostile_files),
        cmocka_unit_test(deep_nesting_is_bounded),
        cmocka_unit_test(a_text_the_vocabulary_cannot_spell),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(out_of_memory_with_gguf),
    };
    return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
