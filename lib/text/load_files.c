/* load_files.c - a tokenizer from the files that directories had before tokenizer.json: put together as the JSON that
 * transformers makes of them, and read as such. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/json.h"
#include "../base/map.h"
#include "tokenizer.h"

enum { LIMIT = 64 << 20, SPECIALS = 5 };

typedef struct files {
    const char *dir;
    json_t *config, *map; /* tokenizer_config.json and special_tokens_map.json; NULL where there are none */
    json_t *vocab, *added;
} files;

static bool path_of(const files *f, const char *name, char path[4096]) {
    struct stat st;
    int n = snprintf(path, 4096, "%s/%s", f->dir, name);
    return n > 0 && n < 4096 && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* A JSON object of the directory; NULL where there is no such file. */
static vs_status read_object(vs_err *err, const files *f, const char *name, json_t **out) {
    VS_TRY(vs_json_read_in(err, f->dir, name, LIMIT, out));
    return !*out || json_is_object(*out) ? VS_OK : vs_fail(err, VS_E_FORMAT, "%s/%s: not a JSON object", f->dir, name);
}

/* The lines of a file, as texts of an array; of a vocabulary as its keys, each the number of its line, the last one counts. */
static vs_status read_lines(vs_err *err, const files *f, const char *name, json_t *array, json_t *object) {
    char path[4096];
    vs_map m;
    if (!path_of(f, name, path)) return vs_fail(err, VS_E_UNKNOWN, "%s/%s: no such file", f->dir, name);
    VS_TRY(vs_map_open(err, path, &m));
    vs_status s = m.size <= LIMIT ? VS_OK : vs_fail(err, VS_E_FORMAT, "%s: %zu bytes, at most %d are read", path, m.size, LIMIT);
    const char *p = (const char *)m.bytes, *end = p + m.size;
    for (json_int_t line = 0; s == VS_OK && p < end; line++) {
        const char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl ? nl : end;
        json_t *text = json_stringn(p, (size_t)(stop - p)); /* NULL: no UTF-8 */
        bool good = text != NULL, skip = array && (stop == p || (line == 0 && !strncmp(p, "#version", (size_t)(stop - p) < 8 ? (size_t)(stop - p) : 8)));
        if (good && array && !skip) good = json_array_append(array, text) == 0;
        if (good && object) good = json_object_setn_new(object, p, (size_t)(stop - p), json_integer(line)) == 0;
        json_decref(text);
        if (!good) s = vs_fail(err, VS_E_FORMAT, "%s, line %lld: not UTF-8", path, (long long)line + 1);
        p = nl ? nl + 1 : end;
    }
    vs_map_close(&m);
    return s;
}

/* A special token as the directory names it: a text, or an object with its content. */
static const json_t *named(const files *f, const char *key) {
    const json_t *j = json_object_get(f->config, key);
    return j && !json_is_null(j) ? j : json_object_get(f->map, key);
}
static const char *piece_of(const files *f, const char *key, const char *usual) {
    const json_t *j = named(f, key);
    const char *s = json_string_value(json_is_object(j) ? json_object_get(j, "content") : j);
    return s ? s : usual;
}
static json_int_t id_of(const files *f, const char *piece) {
    const json_t *j = json_object_get(f->vocab, piece);
    return json_is_integer(j) ? json_integer_value(j) : -1;
}
static bool flag(const files *f, const char *key, bool usual) {
    const json_t *j = json_object_get(f->config, key);
    return json_is_boolean(j) ? json_is_true(j) : usual;
}

static vs_status add(vs_err *err, files *f, const char *piece, json_int_t id, bool special, bool lstrip) {
    const json_t *one;
    size_t i;
    json_array_foreach(f->added, i, one) {
        if (json_integer_value(json_object_get(one, "id")) == id) return VS_OK;
    }
    json_t *j = json_pack("{s:I,s:s,s:b,s:b,s:b,s:b,s:b}", "id", id, "content", piece, "single_word", 0, "lstrip", lstrip, "rstrip", 0,
                          "normalized", !special, "special", special);
    return json_array_append_new(f->added, j) == 0 ? VS_OK : vs_fail(err, VS_E_NOMEM, "%s: its special tokens", f->dir);
}

/* The special tokens, and those of added_tokens.json. */
static vs_status add_tokens(vs_err *err, files *f, const char *const keys[SPECIALS], const char *const usual[SPECIALS]) {
    for (int k = 0; k < SPECIALS; k++) {
        const char *piece = keys[k] ? piece_of(f, keys[k], usual[k]) : NULL;
        if (!piece || id_of(f, piece) < 0) continue;
        VS_TRY(add(err, f, piece, id_of(f, piece), true, json_is_true(json_object_get(named(f, keys[k]), "lstrip"))));
    }
    json_t *more, *v;
    const char *piece;
    VS_TRY(read_object(err, f, "added_tokens.json", &more));
    vs_status s = VS_OK;
    json_object_foreach(more, piece, v) {
        if (s == VS_OK && json_is_integer(v)) s = add(err, f, piece, json_integer_value(v), false, false);
    }
    json_decref(more);
    return s;
}

/* What stands around a text: its first and last token; NULL where the vocabulary lacks one. */
static json_t *ends(const files *f, const char *type, const char *cls, const char *sep) {
    if (!cls || !sep || id_of(f, cls) < 0 || id_of(f, sep) < 0) return json_null();
    return json_pack("{s:s,s:[s,I],s:[s,I],s:b,s:b}", "type", type, "sep", sep, id_of(f, sep), "cls", cls, id_of(f, cls), "trim_offsets", 1,
                     "add_prefix_space", flag(f, "add_prefix_space", false));
}

/* vocab.txt: WordPiece, as BERT has it; MPNet's begins and ends a text as RoBERTa does. */
static vs_status word_pieces(vs_err *err, files *f, json_t **out) {
    static const char *const keys[SPECIALS] = {"pad_token", "unk_token", "cls_token", "sep_token", "mask_token"};
    static const char *const bert[SPECIALS] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"},
                             *const mpnet[SPECIALS] = {"<pad>", "[UNK]", "<s>", "</s>", "<mask>"};
    VS_TRY(read_lines(err, f, "vocab.txt", NULL, f->vocab));
    bool other = id_of(f, bert[2]) < 0 && id_of(f, mpnet[2]) >= 0;
    const char *const *usual = other ? mpnet : bert;
    VS_TRY(add_tokens(err, f, keys, usual));
    const json_t *accents = json_object_get(f->config, "strip_accents");
    *out = json_pack("{s:O,s:{s:s,s:b,s:b,s:o,s:b},s:{s:s},s:o,s:{s:s,s:s,s:b},s:{s:s,s:s,s:s,s:i,s:O}}", "added_tokens", f->added,
                     "normalizer", "type", "BertNormalizer", "clean_text", 1, "handle_chinese_chars", flag(f, "tokenize_chinese_chars", true),
                     "strip_accents", json_is_boolean(accents) ? json_boolean(json_is_true(accents)) : json_null(), "lowercase",
                     flag(f, "do_lower_case", true), "pre_tokenizer", "type", "BertPreTokenizer", "post_processor",
                     ends(f, other ? "RobertaProcessing" : "BertProcessing", piece_of(f, keys[2], usual[2]), piece_of(f, keys[3], usual[3])), "decoder",
                     "type", "WordPiece", "prefix", "##", "cleanup", 1, "model", "type", "WordPiece", "unk_token", piece_of(f, keys[1], usual[1]),
                     "continuing_subword_prefix", "##", "max_input_chars_per_word", 100, "vocab", f->vocab);
    return VS_OK;
}

/* vocab.json and merges.txt: BPE over bytes, as GPT-2 has it; with <s> and </s> as RoBERTa and BART do. */
static vs_status byte_pairs(vs_err *err, files *f, json_t *merges, json_t **out) {
    static const char *const gpt2_keys[SPECIALS] = {"bos_token", "eos_token", "unk_token", "pad_token", NULL},
                             *const gpt2[SPECIALS] = {"<|endoftext|>", "<|endoftext|>", "<|endoftext|>", NULL, NULL},
                             *const keys[SPECIALS] = {"cls_token", "pad_token", "sep_token", "unk_token", "mask_token"},
                             *const roberta[SPECIALS] = {"<s>", "<pad>", "</s>", "<unk>", "<mask>"};
    json_decref(f->vocab);
    VS_TRY(read_object(err, f, "vocab.json", &f->vocab));
    VS_TRY(read_lines(err, f, "merges.txt", merges, NULL));
    bool has_ends = id_of(f, roberta[0]) >= 0 && id_of(f, roberta[2]) >= 0;
    VS_TRY(has_ends ? add_tokens(err, f, keys, roberta) : add_tokens(err, f, gpt2_keys, gpt2));
    const char *cls = has_ends ? piece_of(f, "cls_token", "<s>") : NULL, *sep = has_ends ? piece_of(f, "sep_token", "</s>") : NULL;
    *out = json_pack("{s:O,s:{s:s,s:b,s:b,s:b},s:o,s:{s:s,s:b,s:b,s:b},s:{s:s,s:O,s:O}}", "added_tokens", f->added, "pre_tokenizer", "type",
                     "ByteLevel", "add_prefix_space", flag(f, "add_prefix_space", false), "trim_offsets", 1, "use_regex", 1, "post_processor",
                     ends(f, "RobertaProcessing", cls, sep), "decoder", "type", "ByteLevel", "add_prefix_space", 1, "trim_offsets", 1, "use_regex",
                     1, "model", "type", "BPE", "vocab", f->vocab, "merges", merges);
    return VS_OK;
}

/* Whether the class that the directory names, if any, is one of those that are made as above. */
static bool knows_class(const files *f, const char *const *classes) {
    const char *name = json_string_value(json_object_get(f->config, "tokenizer_class"));
    size_t n = name ? strlen(name) : 0;
    if (n > 4 && !strcmp(name + n - 4, "Fast")) n -= 4;
    for (; name && *classes; classes++)
        if (strlen(*classes) == n && !strncmp(name, *classes, n)) return true;
    return !name;
}

static vs_status no_tokenizer(vs_err *err, const files *f) {
    static const char *const others[] = {"spiece.model", "tokenizer.model", "sentencepiece.bpe.model", "source.spm", "vocab.txt", "vocab.json"};
    char path[4096];
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (path_of(f, others[i], path))
            return vs_fail(err, VS_E_UNSUPPORTED, "%s: there is no tokenizer.json in the directory, only %s: transformers' AutoTokenizer writes one (save_pretrained)",
                           f->dir, others[i]);
    return vs_fail(err, VS_E_UNSUPPORTED, "%s: there is no tokenizer.json in the directory", f->dir);
}

static vs_status put_together(vs_err *err, files *f, json_t *merges, json_t **out) {
    static const char *const wordpiece[] = {"BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer", "MPNetTokenizer", NULL};
    static const char *const bpe[] = {"GPT2Tokenizer", "RobertaTokenizer", "BartTokenizer", NULL};
    char path[4096];
    if (!f->vocab || !f->added || !merges) return vs_fail(err, VS_E_NOMEM, "%s: its tokenizer", f->dir);
    VS_TRY(read_object(err, f, "tokenizer_config.json", &f->config));
    VS_TRY(read_object(err, f, "special_tokens_map.json", &f->map));
    if (path_of(f, "vocab.txt", path) && knows_class(f, wordpiece)) VS_TRY(word_pieces(err, f, out));
    else if (path_of(f, "vocab.json", path) && path_of(f, "merges.txt", path) && knows_class(f, bpe)) VS_TRY(byte_pairs(err, f, merges, out));
    else return no_tokenizer(err, f);
    return *out ? VS_OK : vs_fail(err, VS_E_FORMAT, "%s: its tokenizer's files do not fit together", f->dir);
}

vs_status vs_tokenizer_from_files(vs_err *err, const char *dir, vs_tokenizer **out) {
    files f = {.dir = dir, .vocab = json_object(), .added = json_array()};
    json_t *merges = json_array(), *whole = NULL;
    *out = NULL;
    vs_status s = put_together(err, &f, merges, &whole);
    char *text = s == VS_OK ? json_dumps(whole, JSON_COMPACT) : NULL;
    if (s == VS_OK && !text) s = vs_fail(err, VS_E_NOMEM, "%s: its tokenizer", dir);
    if (s == VS_OK && (s = vs_tokenizer_from_json(err, text, strlen(text), out)) != VS_OK) s = vs_fail_in(err, "%s", dir);
    free(text);
    json_decref(whole);
    json_decref(merges);
    json_decref(f.vocab);
    json_decref(f.added);
    json_decref(f.config);
    json_decref(f.map);
    return s;
}
