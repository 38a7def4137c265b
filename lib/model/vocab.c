/* vocab.c - a model's tokenizer, loaded on first need: tokenizer.json of a hub directory, or a GGUF file's keys. */
#include "../base/map.h"
#include "../io/hub.h"
#include "convert_impl.h"
#include "model_impl.h"

#include <stdio.h>
#include <string.h>

/* An array of GGUF strings as pointers into the mapped file; both in the model's arena.  Absent: *n = 0. */
static vs_status read_strings(vs_err *err, vs_model *m, const char *key, const char *const **s, const uint32_t **len,
                              size_t *n) {
    vs_meta list = vs_file_meta(m->file, key);
    *n = 0;
    if (list.type == VS_META_NONE) return VS_OK;
    if (list.type != VS_META_ARRAY || list.elem != VS_META_STR)
        return vs_fail(err, VS_E_FORMAT, "%s: %s is not a list of texts", m->info.path, key);
    const char **p = vs_arena_alloc(&m->arena, list.n, sizeof *p);
    uint32_t *k = vs_arena_alloc(&m->arena, list.n, sizeof *k);
    if (!p || !k) return vs_fail(err, VS_E_NOMEM, "%s: %s", m->info.path, key);
    for (size_t i = 0; i < list.n; i++) {
        vs_meta e = vs_meta_at(&list, i);
        if (e.n > UINT32_MAX)
            return vs_fail(err, VS_E_FORMAT, "%s: %s[%zu] is %zu bytes long", m->info.path, key, i, e.n);
        p[i] = e.s;
        k[i] = (uint32_t)e.n;
    }
    *s = p;
    *len = k;
    *n = list.n;
    return VS_OK;
}

/* Room for a list of numbers that has an entry for each piece; *out NULL where the file has none. */
static vs_status make_room(vs_err *err, vs_model *m, const char *key, size_t count, vs_meta *list, void **out) {
    *list = vs_file_meta(m->file, key);
    *out = NULL;
    if (list->type == VS_META_NONE) return VS_OK;
    if (list->type != VS_META_ARRAY || list->n != count)
        return vs_fail(err, VS_E_FORMAT, "%s: %s is not a list of %zu numbers", m->info.path, key, count);
    *out = vs_arena_alloc(&m->arena, count, 4);
    return *out ? VS_OK : vs_fail(err, VS_E_NOMEM, "%s: %s", m->info.path, key);
}

static vs_status read_scores(vs_err *err, vs_model *m, size_t count, const float **out) {
    static const char key[] = "tokenizer.ggml.scores";
    vs_meta list;
    void *score;
    VS_TRY(make_room(err, m, key, count, &list, &score));
    if (score && !vs_meta_floats(&list, score))
        return vs_fail(err, VS_E_FORMAT, "%s: %s are no numbers", m->info.path, key);
    *out = score;
    return VS_OK;
}

static vs_status read_types(vs_err *err, vs_model *m, size_t count, const int32_t **out) {
    static const char key[] = "tokenizer.ggml.token_type";
    vs_meta list;
    void *type;
    VS_TRY(make_room(err, m, key, count, &list, &type));
    if (type && !vs_meta_ints(&list, type))
        return vs_fail(err, VS_E_FORMAT, "%s: %s are no numbers", m->info.path, key);
    *out = type;
    return VS_OK;
}

static vs_status read_id(vs_err *err, const vs_model *m, const char *key, size_t count, int32_t *out) {
    vs_meta v = vs_file_meta(m->file, key);
    *out = -1;
    if (v.type == VS_META_NONE) return VS_OK;
    bool number = v.type == VS_META_UINT || v.type == VS_META_INT;
    if (!number || v.f < 0 || v.f >= (double)count)
        return vs_fail(err, VS_E_FORMAT, "%s: %s is no id of the %zu pieces", m->info.path, key, count);
    *out = (int32_t)v.f;
    return VS_OK;
}

static int read_flag(const vs_model *m, const char *key) { /* -1: the file does not say */
    vs_meta v = vs_file_meta(m->file, key);
    return v.type == VS_META_BOOL ? v.u != 0 : -1;
}

/* SentencePiece's table of characters: a list of bytes. */
static vs_status read_charsmap(vs_err *err, vs_model *m, vs_vocab_source *v) {
    static const char key[] = "tokenizer.ggml.precompiled_charsmap";
    vs_meta list = vs_file_meta(m->file, key);
    if (list.type == VS_META_NONE) return VS_OK;
    int32_t *number = list.type == VS_META_ARRAY ? vs_alloc(list.n, sizeof *number) : NULL;
    char *bytes = number ? vs_arena_alloc(&m->arena, list.n, 1) : NULL;
    vs_status s = VS_OK;
    if (list.type != VS_META_ARRAY)
        s = vs_fail(err, VS_E_FORMAT, "%s: %s is not a list of bytes", m->info.path, key);
    else if (!number || !bytes)
        s = vs_fail(err, VS_E_NOMEM, "%s: %s", m->info.path, key);
    else if (!vs_meta_ints(&list, number))
        s = vs_fail(err, VS_E_FORMAT, "%s: %s is not a list of bytes", m->info.path, key);
    for (size_t i = 0; s == VS_OK && i < list.n; i++) bytes[i] = (char)(number[i] & 0xFF);
    v->charsmap = bytes;
    v->charsmap_len = s == VS_OK ? list.n : 0;
    vs_free(number);
    return s;
}

static vs_status read_text(vs_err *err, vs_model *m, const char *key, const char **out) {
    vs_meta v = vs_file_meta(m->file, key);
    *out = vs_arena_strndup(&m->arena, v.type == VS_META_STR ? v.s : "", v.type == VS_META_STR ? v.n : 0);
    return *out ? VS_OK : vs_fail(err, VS_E_NOMEM, "%s: %s", m->info.path, key);
}

/* Rows of the embedding that no piece of the tokenizer has are listed as pieces, [PAD32003]: those at the end go. */
static size_t without_padding(const vs_vocab_source *v) {
    enum { UNUSED = 5 };
    const int32_t ids[] = {v->bos, v->eos, v->unk, v->pad, v->sep, v->cls, v->mask};
    size_t n = v->count, least = 0;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        if (ids[i] >= 0 && (size_t)ids[i] >= least) least = (size_t)ids[i] + 1;
    for (; v->type && n > least && v->type[n - 1] == UNUSED; n--) {
        char name[32];
        int k = snprintf(name, sizeof name, "[PAD%zu]", n - 1);
        if ((size_t)k != v->piece_len[n - 1] || memcmp(name, v->piece[n - 1], (size_t)k) != 0) break;
    }
    return n;
}

vs_status vs__vocab_source(vs_err *err, vs_model *m, vs_vocab_source *out) {
    vs_vocab_source v = {0};
    VS_TRY(read_text(err, m, "tokenizer.ggml.model", &v.model));
    if (!*v.model || !strcmp(v.model, "none")) return vs_fail(err, VS_E_UNSUPPORTED, "%s: the file has no tokenizer", m->info.path);
    VS_TRY(read_text(err, m, "tokenizer.ggml.pre", &v.pre));
    VS_TRY(read_strings(err, m, "tokenizer.ggml.tokens", &v.piece, &v.piece_len, &v.count));
    if (v.count > INT32_MAX) return vs_fail(err, VS_E_FORMAT, "%s: %zu pieces", m->info.path, v.count);
    VS_TRY(read_strings(err, m, "tokenizer.ggml.merges", &v.merge, &v.merge_len, &v.merge_count));
    VS_TRY(read_scores(err, m, v.count, &v.score));
    VS_TRY(read_types(err, m, v.count, &v.type));
    const struct {
        const char *key;
        int32_t *id;
    } ids[] = {
        {"tokenizer.ggml.bos_token_id", &v.bos},       {"tokenizer.ggml.eos_token_id", &v.eos},
        {"tokenizer.ggml.unknown_token_id", &v.unk},   {"tokenizer.ggml.padding_token_id", &v.pad},
        {"tokenizer.ggml.seperator_token_id", &v.sep}, {"tokenizer.ggml.cls_token_id", &v.cls},
        {"tokenizer.ggml.mask_token_id", &v.mask},
    };
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) VS_TRY(read_id(err, m, ids[i].key, v.count, ids[i].id));
    VS_TRY(read_charsmap(err, m, &v));
    v.add_bos = read_flag(m, "tokenizer.ggml.add_bos_token");
    v.add_eos = read_flag(m, "tokenizer.ggml.add_eos_token");
    v.add_sep = read_flag(m, "tokenizer.ggml.add_sep_token");
    v.add_space_prefix = read_flag(m, "tokenizer.ggml.add_space_prefix");
    v.remove_extra_whitespaces = read_flag(m, "tokenizer.ggml.remove_extra_whitespaces");
    v.lowercase = read_flag(m, "tokenizer.ggml.normalizer.lowercase");
    v.strip_accents = read_flag(m, "tokenizer.ggml.normalizer.strip_accents");
    v.count = without_padding(&v);
    *out = v;
    return VS_OK;
}

/* A file that holds a whole tokenizer.json holds it because the other keys do not say everything. */
static vs_status read_gguf(vs_err *err, vs_model *m) {
    vs_meta json = vs_file_meta(m->file, VS__JSON_KEY);
    vs_status s;
    if (json.type == VS_META_STR)
        s = vs_tokenizer_from_json(err, json.s, json.n, &m->tokenizer);
    else {
        vs_vocab_source v;
        VS_TRY(vs__vocab_source(err, m, &v));
        s = vs_tokenizer_from_vocab(err, &v, &m->tokenizer);
    }
    return s == VS_OK ? VS_OK : vs_fail_in(err, "%s", m->info.path);
}

static vs_status read_json(vs_err *err, vs_model *m) {
    if (!m->hub->tokenizer) return vs_tokenizer_from_files(err, m->info.path, &m->tokenizer);
    vs_map map;
    VS_TRY(vs_map_open(err, m->hub->tokenizer, &map));
    vs_status s = vs_tokenizer_from_json(err, (const char *)map.bytes, map.size, &m->tokenizer);
    if (s != VS_OK) s = vs_fail_in(err, "%s", m->hub->tokenizer);
    vs_map_close(&map);
    return s;
}

vs_status vs_model_tokenizer(vs_err *err, vs_model *m, const vs_tokenizer **out) {
    if (!m->tokenizer) VS_TRY(m->hub ? read_json(err, m) : read_gguf(err, m));
    *out = m->tokenizer;
    return VS_OK;
}
