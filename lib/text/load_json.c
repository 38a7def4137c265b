/* load_json.c - a tokenizer from tokenizer.json, the hub's description of the pipeline.
 *
 * Parts that are not known are named in the error; nothing is guessed. */
#include <jansson.h>
#include <string.h>

#include "tokenizer_impl.h"

enum { MAX_NESTING = 16, MAX_STEPS = 64 };


/* ---- reading typed values, with errors that name the place ---- */

static vs_status no_memory(vs_err *err) { return vs_fail(err, VS_E_NOMEM, "no memory for the tokenizer"); }

static const char *kind_of(const json_t *j) {
    static const char *const name[] = {"an object", "an array", "a string", "an integer", "a number", "true", "false", "null"};
    return j ? name[json_typeof(j)] : "missing";
}

static vs_status get_string(vs_err *err, const json_t *j, const char *where, const char **s, size_t *n) {
    if (!json_is_string(j)) return vs_fail(err, VS_E_FORMAT, "%s: want a string, it is %s", where, kind_of(j));
    *s = json_string_value(j);
    *n = json_string_length(j);
    return VS_OK;
}

/* The same, copied into the tokenizer's arena. */
static vs_status own_string(vs_err *err, vs_tokenizer *t, const json_t *j, const char *where, const char **s, size_t *n) {
    VS_TRY(get_string(err, j, where, s, n));
    *s = vs_arena_strndup(&t->arena, *s, *n);
    return *s ? VS_OK : no_memory(err);
}

static vs_status get_bool(vs_err *err, const json_t *obj, const char *key, const char *where, bool absent, bool *out) {
    const json_t *j = json_object_get(obj, key);
    if (!j || json_is_null(j)) {
        *out = absent;
        return VS_OK;
    }
    if (!json_is_boolean(j)) return vs_fail(err, VS_E_FORMAT, "%s.%s: want true or false, it is %s", where, key, kind_of(j));
    *out = json_is_true(j);
    return VS_OK;
}

static vs_status get_size(vs_err *err, const json_t *obj, const char *key, const char *where, size_t absent, size_t most, size_t *out) {
    const json_t *j = json_object_get(obj, key);
    if (!j || json_is_null(j)) {
        *out = absent;
        return VS_OK;
    }
    if (!json_is_integer(j) || json_integer_value(j) < 0) return vs_fail(err, VS_E_FORMAT, "%s.%s: want a whole number, it is %s", where, key, kind_of(j));
    if ((unsigned long long)json_integer_value(j) > most)
        return vs_fail(err, VS_E_RANGE, "%s.%s: %lld is more than %zu", where, key, (long long)json_integer_value(j), most);
    *out = (size_t)json_integer_value(j);
    return VS_OK;
}

static vs_status get_type(vs_err *err, const json_t *j, const char *where, const char **type) {
    size_t n = 0;
    if (!json_is_object(j)) return vs_fail(err, VS_E_FORMAT, "%s: want an object, it is %s", where, kind_of(j));
    return get_string(err, json_object_get(j, "type"), where, type, &n);
}

/* "pattern": {"String": …} or {"Regex": …} */
static vs_status get_pattern(vs_err *err, vs_tokenizer *t, const json_t *j, const char *where, vs__pattern *p) {
    const json_t *literal = json_object_get(j, "String"), *regex = json_object_get(j, "Regex");
    if (regex) {
        const char *s = NULL;
        size_t n = 0;
        VS_TRY(get_string(err, regex, where, &s, &n));
        return vs__pattern_regex(err, p, s, n) == VS_OK ? VS_OK : vs_fail_in(err, "%s", where);
    }
    VS_TRY(own_string(err, t, literal, where, &p->literal, &p->n));
    return p->n ? VS_OK : vs_fail(err, VS_E_FORMAT, "%s: the pattern is empty", where);
}

static vs_status unknown_part(vs_err *err, const char *where, const char *type) {
    return vs_fail(err, VS_E_UNSUPPORTED, "%s of type '%.40s' is not known", where, type);
}

static vs_status list_of(vs_err *err, const json_t *j, const char *key, const char *where, int depth, const json_t **list) {
    *list = json_object_get(j, key);
    if (!json_is_array(*list)) return vs_fail(err, VS_E_FORMAT, "%s.%s: want an array, it is %s", where, key, kind_of(*list));
    if (depth >= MAX_NESTING) return vs_fail(err, VS_E_FORMAT, "%s: sequences are nested deeper than %d", where, MAX_NESTING);
    return VS_OK;
}

static vs_status room(vs_err *err, const char *where, size_t n) {
    return n < MAX_STEPS ? VS_OK : vs_fail(err, VS_E_UNSUPPORTED, "%s: more than %d steps", where, MAX_STEPS);
}

/* ---- normaliser ---- */

static vs_status norm_push(vs_err *err, vs_tokenizer *t, vs__norm_step step) {
    vs_status s = room(err, "normalizer", t->norm_count);
    if (s != VS_OK) vs__pattern_free(&step.pattern);
    else t->norm[t->norm_count++] = step;
    return s;
}

static vs_status bert_normalizer(vs_err *err, vs_tokenizer *t, const json_t *j) {
    bool clean, cjk, lower, strip;
    VS_TRY(get_bool(err, j, "clean_text", "normalizer", true, &clean));
    VS_TRY(get_bool(err, j, "handle_chinese_chars", "normalizer", true, &cjk));
    VS_TRY(get_bool(err, j, "lowercase", "normalizer", true, &lower));
    VS_TRY(get_bool(err, j, "strip_accents", "normalizer", lower, &strip));
    if (clean) VS_TRY(norm_push(err, t, (vs__norm_step){.kind = VS__NORM_CLEAN}));
    if (cjk) VS_TRY(norm_push(err, t, (vs__norm_step){.kind = VS__NORM_CJK}));
    if (strip) VS_TRY(norm_push(err, t, (vs__norm_step){.kind = VS__NORM_NFD}));
    if (strip) VS_TRY(norm_push(err, t, (vs__norm_step){.kind = VS__NORM_DROP_MARKS}));
    if (lower) VS_TRY(norm_push(err, t, (vs__norm_step){.kind = VS__NORM_LOWER}));
    return VS_OK;
}

static const struct {
    const char *type;
    vs__norm_kind kind;
    unsigned flags;
} plain_norm[] = {
    {"NFC", VS__NORM_NFC, 0},   {"NFD", VS__NORM_NFD, 0},         {"NFKC", VS__NORM_NFKC, 0},
    {"NFKD", VS__NORM_NFKD, 0}, {"Lowercase", VS__NORM_LOWER, 0}, {"StripAccents", VS__NORM_DROP_MARKS, 1},
};

static vs_status read_normalizer(vs_err *err, vs_tokenizer *t, const json_t *j, int depth) {
    static const char where[] = "normalizer";
    const char *type = NULL;
    if (!j || json_is_null(j)) return VS_OK;
    VS_TRY(get_type(err, j, where, &type));
    if (!strcmp(type, "Sequence")) {
        const json_t *list;
        VS_TRY(list_of(err, j, "normalizers", where, depth, &list));
        for (size_t i = 0; i < json_array_size(list); i++) VS_TRY(read_normalizer(err, t, json_array_get(list, i), depth + 1));
        return VS_OK;
    }
    if (!strcmp(type, "BertNormalizer")) return bert_normalizer(err, t, j);
    vs__norm_step step = {.kind = VS__NORM_PREPEND};
    if (!strcmp(type, "Prepend")) {
        VS_TRY(own_string(err, t, json_object_get(j, "prepend"), "normalizer.prepend", &step.a, &step.an));
        return norm_push(err, t, step);
    }
    if (!strcmp(type, "Replace")) {
        step.kind = VS__NORM_REPLACE;
        VS_TRY(own_string(err, t, json_object_get(j, "content"), "normalizer.content", &step.a, &step.an));
        VS_TRY(get_pattern(err, t, json_object_get(j, "pattern"), "normalizer.pattern", &step.pattern));
        return norm_push(err, t, step);
    }
    if (!strcmp(type, "Strip")) {
        bool left, right;
        VS_TRY(get_bool(err, j, "strip_left", where, true, &left));
        VS_TRY(get_bool(err, j, "strip_right", where, true, &right));
        step = (vs__norm_step){.kind = VS__NORM_STRIP, .flags = (left ? 1u : 0u) | (right ? 2u : 0u)};
        return norm_push(err, t, step);
    }
    for (size_t k = 0; k < sizeof plain_norm / sizeof *plain_norm; k++)
        if (!strcmp(type, plain_norm[k].type))
            return norm_push(err, t, (vs__norm_step){.kind = plain_norm[k].kind, .flags = plain_norm[k].flags});
    return unknown_part(err, where, type);
}

/* ---- pre-tokeniser ---- */

static vs_status pretok_push(vs_err *err, vs_tokenizer *t, vs__pretok_step step) {
    vs_status s = room(err, "pre_tokenizer", t->pretok_count);
    if (s != VS_OK) vs__pattern_free(&step.pattern);
    else t->pretok[t->pretok_count++] = step;
    return s;
}

static vs_status get_behavior(vs_err *err, const json_t *j, vs__behavior *out) {
    static const char *const name[] = {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"};
    const char *s = NULL;
    size_t n = 0;
    VS_TRY(get_string(err, json_object_get(j, "behavior"), "pre_tokenizer.behavior", &s, &n));
    for (size_t k = 0; k < sizeof name / sizeof *name; k++)
        if (!strcmp(s, name[k])) {
            *out = (vs__behavior)k;
            return VS_OK;
        }
    return unknown_part(err, "pre_tokenizer.behavior", s);
}

static vs_status byte_level(vs_err *err, vs_tokenizer *t, const json_t *j) {
    bool prefix, regex;
    VS_TRY(get_bool(err, j, "add_prefix_space", "pre_tokenizer", true, &prefix));
    VS_TRY(get_bool(err, j, "use_regex", "pre_tokenizer", true, &regex));
    if (prefix) VS_TRY(pretok_push(err, t, (vs__pretok_step){.kind = VS__PRETOK_PREFIX, .prepend = VS__PREPEND_ALWAYS, .a = " ", .an = 1}));
    if (regex) {
        vs__pretok_step step = {.kind = VS__PRETOK_SPLIT, .behavior = VS__ISOLATED};
        const char *re = vs__words_pattern("");
        VS_TRY(vs__pattern_regex(err, &step.pattern, re, strlen(re)));
        VS_TRY(pretok_push(err, t, step));
    }
    return pretok_push(err, t, (vs__pretok_step){.kind = VS__PRETOK_BYTES});
}

static vs_status get_prepend(vs_err *err, const json_t *j, const char *where, vs__prepend *out) {
    const json_t *scheme = json_object_get(j, "prepend_scheme");
    bool prefix;
    VS_TRY(get_bool(err, j, "add_prefix_space", where, true, &prefix));
    *out = prefix ? VS__PREPEND_ALWAYS : VS__PREPEND_NEVER;
    if (!scheme) return VS_OK;
    const char *s = NULL;
    size_t n = 0;
    VS_TRY(get_string(err, scheme, where, &s, &n));
    if (!strcmp(s, "always")) *out = VS__PREPEND_ALWAYS;
    else if (!strcmp(s, "first")) *out = VS__PREPEND_FIRST;
    else if (!strcmp(s, "never")) *out = VS__PREPEND_NEVER;
    else return vs_fail(err, VS_E_UNSUPPORTED, "%s.prepend_scheme '%.40s' is not known", where, s);
    return VS_OK;
}

static vs_status metaspace(vs_err *err, vs_tokenizer *t, const json_t *j) {
    vs__pretok_step step = {.kind = VS__PRETOK_METASPACE};
    bool cuts;
    VS_TRY(own_string(err, t, json_object_get(j, "replacement"), "pre_tokenizer.replacement", &step.a, &step.an));
    if (!step.an) return vs_fail(err, VS_E_FORMAT, "pre_tokenizer.replacement is empty");
    VS_TRY(get_prepend(err, j, "pre_tokenizer", &step.prepend));
    VS_TRY(get_bool(err, j, "split", "pre_tokenizer", true, &cuts));
    VS_TRY(pretok_push(err, t, step));
    if (!cuts) return VS_OK;
    return pretok_push(err, t, (vs__pretok_step){.kind = VS__PRETOK_SPLIT, .behavior = VS__MERGED_WITH_NEXT, .pattern = {.literal = step.a, .n = step.an}});
}

static vs_status split_at(vs_err *err, vs_tokenizer *t, const json_t *j) {
    vs__pretok_step step = {.kind = VS__PRETOK_SPLIT};
    VS_TRY(get_behavior(err, j, &step.behavior));
    VS_TRY(get_bool(err, j, "invert", "pre_tokenizer", false, &step.invert));
    VS_TRY(get_pattern(err, t, json_object_get(j, "pattern"), "pre_tokenizer.pattern", &step.pattern));
    return pretok_push(err, t, step);
}

static vs_status read_pretokenizer(vs_err *err, vs_tokenizer *t, const json_t *j, int depth) {
    static const char where[] = "pre_tokenizer";
    const char *type = NULL;
    if (!j || json_is_null(j)) return VS_OK;
    VS_TRY(get_type(err, j, where, &type));
    if (!strcmp(type, "Sequence")) {
        const json_t *list;
        VS_TRY(list_of(err, j, "pretokenizers", where, depth, &list));
        for (size_t i = 0; i < json_array_size(list); i++) VS_TRY(read_pretokenizer(err, t, json_array_get(list, i), depth + 1));
        return VS_OK;
    }
    if (!strcmp(type, "ByteLevel")) return byte_level(err, t, j);
    if (!strcmp(type, "Metaspace")) return metaspace(err, t, j);
    if (!strcmp(type, "Split")) return split_at(err, t, j);
    vs__pretok_step step = {.kind = VS__PRETOK_SPACE, .behavior = VS__REMOVED};
    if (!strcmp(type, "WhitespaceSplit")) return pretok_push(err, t, step);
    if (!strcmp(type, "BertPreTokenizer")) {
        VS_TRY(pretok_push(err, t, step));
        step = (vs__pretok_step){.kind = VS__PRETOK_PUNCTUATION, .behavior = VS__ISOLATED};
        return pretok_push(err, t, step);
    }
    if (!strcmp(type, "Punctuation")) {
        step = (vs__pretok_step){.kind = VS__PRETOK_PUNCTUATION, .behavior = VS__ISOLATED};
        if (json_object_get(j, "behavior")) VS_TRY(get_behavior(err, j, &step.behavior));
        return pretok_push(err, t, step);
    }
    if (!strcmp(type, "Digits")) {
        bool single;
        VS_TRY(get_bool(err, j, "individual_digits", where, false, &single));
        step = (vs__pretok_step){.kind = VS__PRETOK_DIGITS, .behavior = single ? VS__ISOLATED : VS__CONTIGUOUS};
        return pretok_push(err, t, step);
    }
    return unknown_part(err, where, type);
}

/* ---- decoder ---- */

static vs_status decode_push(vs_err *err, vs_tokenizer *t, vs__decode_step step) {
    vs_status s = room(err, "decoder", t->decode_count);
    if (s != VS_OK) vs__pattern_free(&step.pattern);
    else t->decode[t->decode_count++] = step;
    return s;
}

static vs_status read_decoder(vs_err *err, vs_tokenizer *t, const json_t *j, int depth) {
    static const char where[] = "decoder";
    const char *type = NULL;
    VS_TRY(get_type(err, j, where, &type));
    if (!strcmp(type, "Sequence")) {
        const json_t *list;
        VS_TRY(list_of(err, j, "decoders", where, depth, &list));
        for (size_t i = 0; i < json_array_size(list); i++) VS_TRY(read_decoder(err, t, json_array_get(list, i), depth + 1));
        return VS_OK;
    }
    vs__decode_step step = {.kind = VS__DECODE_FUSE};
    if (!strcmp(type, "Fuse")) return decode_push(err, t, step);
    if (!strcmp(type, "ByteFallback")) step.kind = VS__DECODE_BYTE_FALLBACK;
    else if (!strcmp(type, "ByteLevel")) step.kind = VS__DECODE_BYTES;
    else if (!strcmp(type, "Replace")) {
        step.kind = VS__DECODE_REPLACE;
        VS_TRY(own_string(err, t, json_object_get(j, "content"), "decoder.content", &step.a, &step.an));
        VS_TRY(get_pattern(err, t, json_object_get(j, "pattern"), "decoder.pattern", &step.pattern));
    } else if (!strcmp(type, "Strip")) {
        step.kind = VS__DECODE_STRIP;
        VS_TRY(own_string(err, t, json_object_get(j, "content"), "decoder.content", &step.a, &step.an));
        if (!step.an) return vs_fail(err, VS_E_FORMAT, "decoder.content is empty");
        VS_TRY(get_size(err, j, "start", where, 0, INT32_MAX, &step.start));
        VS_TRY(get_size(err, j, "stop", where, 0, INT32_MAX, &step.stop));
    } else if (!strcmp(type, "WordPiece")) {
        step.kind = VS__DECODE_WORDPIECE;
        VS_TRY(own_string(err, t, json_object_get(j, "prefix"), "decoder.prefix", &step.a, &step.an));
        VS_TRY(get_bool(err, j, "cleanup", where, true, &step.flag));
    } else if (!strcmp(type, "Metaspace")) {
        vs__prepend prepend;
        step.kind = VS__DECODE_METASPACE;
        VS_TRY(own_string(err, t, json_object_get(j, "replacement"), "decoder.replacement", &step.a, &step.an));
        VS_TRY(get_prepend(err, j, where, &prepend));
        step.flag = prepend != VS__PREPEND_NEVER;
    } else if (!strcmp(type, "BPEDecoder")) {
        step.kind = VS__DECODE_SUFFIX;
        VS_TRY(own_string(err, t, json_object_get(j, "suffix"), "decoder.suffix", &step.a, &step.an));
    } else {
        return unknown_part(err, where, type);
    }
    return decode_push(err, t, step);
}

/* ---- vocabulary and added tokens ---- */

static vs_status check_id(vs_err *err, const json_t *j, size_t most, const char *where, const char *piece, uint32_t *id) {
    if (!json_is_integer(j)) return vs_fail(err, VS_E_FORMAT, "%s: the id of '%.60s' is %s, not a whole number", where, piece, kind_of(j));
    long long v = json_integer_value(j);
    if (v < 0 || (unsigned long long)v >= most)
        return vs_fail(err, VS_E_RANGE, "%s: the id of '%.60s' is %lld, beyond any vocabulary of this size (%zu)", where, piece, v, most);
    *id = (uint32_t)v;
    return VS_OK;
}

/* One past the greatest id.  Ids may have gaps, but a file of few pieces must not ask for memory for billions. */
static vs_status count_ids(vs_err *err, const json_t *vocab, const json_t *added, size_t *count) {
    size_t pieces = (json_is_array(vocab) ? json_array_size(vocab) : json_object_size(vocab)) + json_array_size(added);
    size_t most = pieces * 2 + 65536;
    uint32_t id = 0;
    *count = json_is_array(vocab) ? json_array_size(vocab) : 0;
    for (void *it = json_is_array(vocab) ? NULL : json_object_iter((json_t *)(uintptr_t)vocab); it; it = json_object_iter_next((json_t *)(uintptr_t)vocab, it)) {
        VS_TRY(check_id(err, json_object_iter_value(it), most, "model.vocab", json_object_iter_key(it), &id));
        if (id >= *count) *count = id + 1;
    }
    for (size_t i = 0; i < json_array_size(added); i++) {
        const json_t *a = json_array_get(added, i), *content = json_object_get(a, "content");
        VS_TRY(check_id(err, json_object_get(a, "id"), most, "added_tokens", json_is_string(content) ? json_string_value(content) : "?", &id));
        if (id >= *count) *count = id + 1;
    }
    return *count ? VS_OK : vs_fail(err, VS_E_FORMAT, "model.vocab is empty");
}

static vs_status put_piece(vs_err *err, vs_tokenizer *t, uint32_t id, const char *s, size_t n) {
    vs__vocab *v = &t->vocab;
    if (v->piece[id].s) return vs_fail(err, VS_E_FORMAT, "model.vocab: '%.60s' and '%.60s' have the same id %u", v->piece[id].s, s, id);
    const char *copy = vs_arena_strndup(&t->arena, s, n);
    if (!copy) return no_memory(err);
    vs__vocab_put(v, id, copy, (uint32_t)n);
    return VS_OK;
}

static vs_status read_added(vs_err *err, vs_tokenizer *t, const json_t *list) {
    size_t count = json_array_size(list);
    if (!(t->added = vs_zalloc(count, sizeof *t->added))) return no_memory(err);
    for (size_t i = 0; i < count; i++) {
        const json_t *j = json_array_get(list, i);
        static const char where[] = "added_tokens";
        vs__added a = {.id = -1};
        size_t n = 0;
        if (!json_is_object(j)) return vs_fail(err, VS_E_FORMAT, "added_tokens[%zu]: want an object, it is %s", i, kind_of(j));
        VS_TRY(own_string(err, t, json_object_get(j, "content"), "added_tokens.content", &a.s, &n));
        if (!n) continue;
        a.len = (uint32_t)n;
        a.id = (int32_t)json_integer_value(json_object_get(j, "id"));
        VS_TRY(get_bool(err, j, "special", where, false, &a.special));
        VS_TRY(get_bool(err, j, "normalized", where, !a.special, &a.normalized));
        VS_TRY(get_bool(err, j, "single_word", where, false, &a.single_word));
        VS_TRY(get_bool(err, j, "lstrip", where, false, &a.lstrip));
        VS_TRY(get_bool(err, j, "rstrip", where, false, &a.rstrip));
        int32_t known = vs__vocab_find(&t->vocab, a.s, n);
        if (known < 0) VS_TRY(put_piece(err, t, (uint32_t)a.id, a.s, n));
        else if (known != a.id)
            return vs_fail(err, VS_E_FORMAT, "added_tokens: '%.60s' has id %d, in the vocabulary %d", a.s, a.id, known);
        t->added[t->added_count++] = a;
    }
    return VS_OK;
}

/* ---- models ---- */

static vs_status read_unk(vs_err *err, vs_tokenizer *t, const json_t *j, bool needed) {
    const json_t *unk = json_object_get(j, "unk_token");
    if ((!unk || json_is_null(unk)) && !needed) return VS_OK;
    const char *s = NULL;
    size_t n = 0;
    VS_TRY(get_string(err, unk, "model.unk_token", &s, &n));
    t->unk = vs__vocab_find(&t->vocab, s, n);
    return t->unk >= 0 ? VS_OK : vs_fail(err, VS_E_FORMAT, "model.unk_token '%.60s' is not in the vocabulary", s);
}

static vs_status read_vocab(vs_err *err, vs_tokenizer *t, const json_t *vocab) {
    const char *key;
    json_t *value, *object = (json_t *)(uintptr_t)vocab; /* jansson iterates over objects it may change */
    json_object_foreach(object, key, value) VS_TRY(put_piece(err, t, (uint32_t)json_integer_value(value), key, strlen(key)));
    return VS_OK;
}

/* A merge is "left right" or ["left", "right"]. */
static vs_status read_merge(vs_err *err, const json_t *j, size_t i, const char *side[2], size_t n[2]) {
    if (json_is_string(j)) {
        const char *s = json_string_value(j), *blank = strchr(s, ' ');
        if (!blank || strchr(blank + 1, ' ')) return vs_fail(err, VS_E_FORMAT, "model.merges[%zu]: want two pieces with a blank between them, it is '%.60s'", i, s);
        side[0] = s;
        n[0] = (size_t)(blank - s);
        side[1] = blank + 1;
        n[1] = json_string_length(j) - n[0] - 1;
        return VS_OK;
    }
    if (!json_is_array(j) || json_array_size(j) != 2) return vs_fail(err, VS_E_FORMAT, "model.merges[%zu]: want two pieces, it is %s", i, kind_of(j));
    for (size_t k = 0; k < 2; k++) VS_TRY(get_string(err, json_array_get(j, k), "model.merges", &side[k], &n[k]));
    return VS_OK;
}

static vs_status read_merges(vs_err *err, vs_tokenizer *t, const json_t *list) {
    if (!json_is_array(list)) return vs_fail(err, VS_E_FORMAT, "model.merges: want an array, it is %s", kind_of(list));
    VS_TRY(vs__bpe_merges(err, &t->bpe, json_array_size(list)));
    vs_buf joined = {0};
    vs_status s = VS_OK;
    for (size_t i = 0; s == VS_OK && i < json_array_size(list); i++) {
        const char *side[2] = {NULL, NULL};
        size_t n[2] = {0, 0};
        if ((s = read_merge(err, json_array_get(list, i), i, side, n)) != VS_OK) break;
        vs_buf_clear(&joined);
        vs_buf_put(&joined, side[0], n[0]);
        vs_buf_put(&joined, side[1], n[1]);
        if (joined.failed) {
            s = no_memory(err);
            break;
        }
        int32_t left = vs__vocab_find(&t->vocab, side[0], n[0]), right = vs__vocab_find(&t->vocab, side[1], n[1]);
        int32_t id = vs__vocab_find(&t->vocab, joined.s, joined.len);
        if (left < 0 || right < 0 || id < 0)
            s = vs_fail(err, VS_E_FORMAT, "model.merges[%zu]: '%.60s' is not in the vocabulary", i, left < 0 ? side[0] : right < 0 ? side[1] : joined.s);
        else vs__bpe_merge_put(&t->bpe, (vs__merge){(uint32_t)left, (uint32_t)right, (uint32_t)i, (uint32_t)id});
    }
    vs_buf_free(&joined);
    return s;
}

static vs_status absent(vs_err *err, const json_t *j, const char *key) {
    const json_t *v = json_object_get(j, key);
    bool none = !v || json_is_null(v) || (json_is_string(v) && !json_string_length(v)) || (json_is_number(v) && !(json_number_value(v) > 0));
    return none ? VS_OK : vs_fail(err, VS_E_UNSUPPORTED, "model.%s is not supported", key);
}

static vs_status read_bpe(vs_err *err, vs_tokenizer *t, const json_t *j) {
    vs__bpe *m = &t->bpe;
    t->model = VS__MODEL_BPE;
    VS_TRY(absent(err, j, "dropout"));
    VS_TRY(absent(err, j, "continuing_subword_prefix"));
    VS_TRY(absent(err, j, "end_of_word_suffix"));
    VS_TRY(get_bool(err, j, "byte_fallback", "model", false, &m->byte_fallback));
    VS_TRY(get_bool(err, j, "fuse_unk", "model", false, &m->fuse_unk));
    VS_TRY(get_bool(err, j, "ignore_merges", "model", false, &m->ignore_merges));
    VS_TRY(read_vocab(err, t, json_object_get(j, "vocab")));
    VS_TRY(read_unk(err, t, j, false));
    vs__bpe_prepare(t);
    return read_merges(err, t, json_object_get(j, "merges"));
}

static vs_status read_wordpiece(vs_err *err, vs_tokenizer *t, const json_t *j) {
    vs__wordpiece *m = &t->wordpiece;
    t->model = VS__MODEL_WORDPIECE;
    VS_TRY(own_string(err, t, json_object_get(j, "continuing_subword_prefix"), "model.continuing_subword_prefix", &m->prefix, &m->prefix_len));
    VS_TRY(get_size(err, j, "max_input_chars_per_word", "model", 100, INT32_MAX, &m->max_chars));
    VS_TRY(read_vocab(err, t, json_object_get(j, "vocab")));
    for (size_t i = 0; i < t->vocab.count; i++) {
        const vs__piece *p = &t->vocab.piece[i];
        if (p->s && p->len) VS_TRY(vs__trie_add(err, &m->trie, p->s, p->len, (int32_t)i));
    }
    return read_unk(err, t, j, true);
}

static vs_status read_unigram(vs_err *err, vs_tokenizer *t, const json_t *j) {
    vs__unigram *m = &t->unigram;
    const json_t *list = json_object_get(j, "vocab"), *unk = json_object_get(j, "unk_id");
    size_t n, len = 0;
    double least = 0;
    t->model = VS__MODEL_UNIGRAM;
    VS_TRY(get_bool(err, j, "byte_fallback", "model", false, &m->byte_fallback));
    if (!json_is_array(list)) return vs_fail(err, VS_E_FORMAT, "model.vocab: want an array, it is %s", kind_of(list));
    n = json_array_size(list);
    if (!(m->score = vs_zalloc(t->vocab.count, sizeof *m->score))) return no_memory(err);
    for (size_t i = 0; i < n; i++) {
        const json_t *row = json_array_get(list, i), *score = json_array_get(row, 1);
        const char *s = NULL;
        if (!json_is_number(score)) return vs_fail(err, VS_E_FORMAT, "model.vocab[%zu]: want [piece, score]", i);
        VS_TRY(get_string(err, json_array_get(row, 0), "model.vocab", &s, &len));
        VS_TRY(put_piece(err, t, (uint32_t)i, s, len));
        m->score[i] = json_number_value(score);
        if (!i || m->score[i] < least) least = m->score[i];
        if (len) VS_TRY(vs__trie_add(err, &m->trie, s, len, (int32_t)i));
    }
    enum { UNK_PENALTY = 10 }; /* SentencePiece's kUnkPenalty */
    m->unk_score = least - UNK_PENALTY;
    vs__byte_pieces(&t->vocab, m->byte);
    if (!unk || json_is_null(unk)) return VS_OK;
    size_t id = 0;
    VS_TRY(get_size(err, j, "unk_id", "model", 0, n ? n - 1 : 0, &id));
    t->unk = (int32_t)id;
    return VS_OK;
}

static vs_status read_model(vs_err *err, vs_tokenizer *t, const json_t *j, const json_t *added) {
    static const struct {
        const char *type;
        vs_status (*read)(vs_err *, vs_tokenizer *, const json_t *);
    } known[] = {{"BPE", read_bpe}, {"WordPiece", read_wordpiece}, {"Unigram", read_unigram}};
    const char *type = NULL;
    size_t count = 0;
    VS_TRY(get_type(err, j, "model", &type));
    const json_t *vocab = json_object_get(j, "vocab");
    if (!json_is_object(vocab) && strcmp(type, "Unigram")) return vs_fail(err, VS_E_FORMAT, "model.vocab: want an object, it is %s", kind_of(vocab));
    VS_TRY(count_ids(err, vocab, added, &count));
    VS_TRY(vs__vocab_init(err, &t->vocab, count));
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (!strcmp(type, known[k].type)) return known[k].read(err, t, j);
    return unknown_part(err, "model", type);
}

/* ---- post-processor ---- */

typedef struct slots {
    vs__slot *s;
    size_t n, cap;
} slots;

static vs_status slot_push(vs_err *err, slots *a, int32_t id, size_t type) {
    if (a->n == a->cap) {
        size_t cap = a->cap ? a->cap * 2 : 16;
        vs__slot *p = vs_grow(a->s, a->n, cap, sizeof *p);
        if (!p) return no_memory(err);
        a->s = p;
        a->cap = cap;
    }
    a->s[a->n++] = (vs__slot){.id = id, .type = (uint8_t)type};
    return VS_OK;
}

static bool is_piece(const vs_tokenizer *t, const json_t *id) {
    long long v = json_is_integer(id) ? json_integer_value(id) : -1;
    return v >= 0 && (unsigned long long)v < t->vocab.count && t->vocab.piece[v].s;
}

/* The ids of one named special token of the template. */
static vs_status push_special(vs_err *err, vs_tokenizer *t, const json_t *specials, const char *name, size_t type, slots *out) {
    const json_t *entry = json_object_get(specials, name), *ids = json_object_get(entry, "ids");
    if (!json_is_array(ids)) return vs_fail(err, VS_E_FORMAT, "post_processor: the template names '%.60s', which special_tokens does not have", name);
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const json_t *id = json_array_get(ids, i);
        if (!is_piece(t, id)) return vs_fail(err, VS_E_RANGE, "post_processor: an id of '%.60s' is not in the vocabulary of %zu", name, t->vocab.count);
        VS_TRY(slot_push(err, out, (int32_t)json_integer_value(id), type));
    }
    return VS_OK;
}

static vs_status read_template(vs_err *err, vs_tokenizer *t, const json_t *j, const char *key, slots *out) {
    const json_t *list = json_object_get(j, key), *specials = json_object_get(j, "special_tokens");
    if (!json_is_array(list)) return vs_fail(err, VS_E_FORMAT, "post_processor.%s: want an array, it is %s", key, kind_of(list));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i), *special = json_object_get(item, "SpecialToken"), *text = json_object_get(item, "Sequence");
        const json_t *body = special ? special : text;
        const char *id = NULL;
        size_t n = 0, type = 0;
        if (!body) return vs_fail(err, VS_E_FORMAT, "post_processor.%s[%zu]: want SpecialToken or Sequence", key, i);
        VS_TRY(get_string(err, json_object_get(body, "id"), "post_processor: id", &id, &n));
        VS_TRY(get_size(err, body, "type_id", "post_processor", 0, UINT8_MAX, &type));
        if (special) VS_TRY(push_special(err, t, specials, id, type, out));
        else if (!strcmp(id, "A") || (!strcmp(id, "B") && !strcmp(key, "pair"))) VS_TRY(slot_push(err, out, id[0] == 'A' ? VS__SLOT_A : VS__SLOT_B, type));
        else return vs_fail(err, VS_E_FORMAT, "post_processor.%s[%zu]: no text is called '%.20s'", key, i, id);
    }
    return VS_OK;
}

/* "sep": ["[SEP]", 102] of BertProcessing and RobertaProcessing */
static vs_status named_id(vs_err *err, vs_tokenizer *t, const json_t *j, const char *key, int32_t *id) {
    const json_t *v = json_array_get(json_object_get(j, key), 1);
    if (!is_piece(t, v)) return vs_fail(err, VS_E_FORMAT, "post_processor.%s: want [token, id] with an id of the vocabulary", key);
    *id = (int32_t)json_integer_value(v);
    return VS_OK;
}

/* cls A sep, and for pairs cls A sep [sep] B sep. */
static vs_status classic_template(vs_err *err, vs_tokenizer *t, const json_t *j, bool roberta, slots *single, slots *pair) {
    int32_t cls = -1, sep = -1;
    VS_TRY(named_id(err, t, j, "cls", &cls));
    VS_TRY(named_id(err, t, j, "sep", &sep));
    slots *both[2] = {single, pair};
    for (int k = 0; k < 2; k++) {
        VS_TRY(slot_push(err, both[k], cls, 0));
        VS_TRY(slot_push(err, both[k], VS__SLOT_A, 0));
        VS_TRY(slot_push(err, both[k], sep, 0));
    }
    if (roberta) VS_TRY(slot_push(err, pair, sep, 0));
    VS_TRY(slot_push(err, pair, VS__SLOT_B, roberta ? 0 : 1));
    return slot_push(err, pair, sep, roberta ? 0 : 1);
}

static vs_status read_post(vs_err *err, vs_tokenizer *t, const json_t *j, int depth, slots *single, slots *pair) {
    static const char where[] = "post_processor";
    const char *type = NULL;
    if (!j || json_is_null(j)) return VS_OK;
    VS_TRY(get_type(err, j, where, &type));
    if (!strcmp(type, "Sequence")) {
        const json_t *list;
        VS_TRY(list_of(err, j, "processors", where, depth, &list));
        for (size_t i = 0; i < json_array_size(list); i++) VS_TRY(read_post(err, t, json_array_get(list, i), depth + 1, single, pair));
        return VS_OK;
    }
    bool bytes = !strcmp(type, "ByteLevel"), roberta = !strcmp(type, "RobertaProcessing");
    if (bytes || roberta) {
        VS_TRY(get_bool(err, j, "trim_offsets", where, true, &t->trim_offsets));
        VS_TRY(get_bool(err, j, "add_prefix_space", where, true, &t->trim_keeps_first));
        if (bytes) return VS_OK;
    }
    if (single->n) return vs_fail(err, VS_E_UNSUPPORTED, "post_processor: more than one template");
    if (roberta || !strcmp(type, "BertProcessing")) return classic_template(err, t, j, roberta, single, pair);
    if (strcmp(type, "TemplateProcessing")) return unknown_part(err, where, type);
    VS_TRY(read_template(err, t, j, "single", single));
    return read_template(err, t, j, "pair", pair);
}

/* ---- the whole ---- */

static vs_status to_arena(vs_err *err, vs_tokenizer *t, const slots *from, vs__slot **out) {
    *out = vs_arena_alloc(&t->arena, from->n, sizeof **out);
    if (!*out) return no_memory(err);
    memcpy(*out, from->s, from->n * sizeof **out);
    return VS_OK;
}

static vs_status read_templates(vs_err *err, vs_tokenizer *t, const json_t *j) {
    slots single = {0}, pair = {0};
    vs_status s = read_post(err, t, j, 0, &single, &pair);
    if (s == VS_OK && !single.n) s = slot_push(err, &single, VS__SLOT_A, 0);
    if (s == VS_OK && !pair.n && (s = slot_push(err, &pair, VS__SLOT_A, 0)) == VS_OK) s = slot_push(err, &pair, VS__SLOT_B, 1);
    if (s == VS_OK) s = to_arena(err, t, &single, &t->single);
    if (s == VS_OK) s = to_arena(err, t, &pair, &t->pair);
    t->single_count = single.n;
    t->pair_count = pair.n;
    vs_free(single.s);
    vs_free(pair.s);
    return s;
}

/* tokenizer.json does not say which token has which role; these spellings do. */
static void find_roles(vs_tokenizer *t) {
    static const struct {
        vs_role_token role;
        const char *piece;
    } known[] = {
        {VS_TOK_BOS, "<s>"},    {VS_TOK_BOS, "<bos>"},  {VS_TOK_BOS, "<|begin_of_text|>"}, {VS_TOK_BOS, "<|endoftext|>"},
        {VS_TOK_EOS, "</s>"},   {VS_TOK_EOS, "<eos>"},  {VS_TOK_EOS, "<|end_of_text|>"},   {VS_TOK_EOS, "<|endoftext|>"},
        {VS_TOK_UNK, "<unk>"},  {VS_TOK_UNK, "[UNK]"},  {VS_TOK_PAD, "<pad>"},             {VS_TOK_PAD, "[PAD]"},
        {VS_TOK_SEP, "[SEP]"},  {VS_TOK_CLS, "[CLS]"},  {VS_TOK_MASK, "<mask>"},           {VS_TOK_MASK, "[MASK]"},
    };
    t->role[VS_TOK_UNK] = t->unk;
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        int32_t id = vs__vocab_find(&t->vocab, known[k].piece, strlen(known[k].piece));
        if (id >= 0 && vs_is_special(t, id) && t->role[known[k].role] < 0) t->role[known[k].role] = id;
    }
}

static vs_status read_all(vs_err *err, vs_tokenizer *t, const json_t *root) {
    const json_t *added = json_object_get(root, "added_tokens"), *decoder = json_object_get(root, "decoder");
    if (!json_is_object(root)) return vs_fail(err, VS_E_FORMAT, "want an object, it is %s", kind_of(root));
    if (added && !json_is_array(added) && !json_is_null(added)) return vs_fail(err, VS_E_FORMAT, "added_tokens: want an array, it is %s", kind_of(added));
    t->norm = vs_arena_alloc(&t->arena, MAX_STEPS, sizeof *t->norm);
    t->pretok = vs_arena_alloc(&t->arena, MAX_STEPS, sizeof *t->pretok);
    t->decode = vs_arena_alloc(&t->arena, MAX_STEPS, sizeof *t->decode);
    if (!t->norm || !t->pretok || !t->decode) return no_memory(err);
    VS_TRY(read_model(err, t, json_object_get(root, "model"), added));
    VS_TRY(read_added(err, t, added));
    VS_TRY(read_normalizer(err, t, json_object_get(root, "normalizer"), 0));
    VS_TRY(read_pretokenizer(err, t, json_object_get(root, "pre_tokenizer"), 0));
    t->join_with_blanks = !decoder || json_is_null(decoder);
    if (!t->join_with_blanks) VS_TRY(read_decoder(err, t, decoder, 0));
    VS_TRY(read_templates(err, t, json_object_get(root, "post_processor")));
    VS_TRY(vs__tokenizer_finish(err, t));
    for (size_t k = 0; k < t->decode_count; k++) {
        if (t->decode[k].kind == VS__DECODE_BYTES) t->spelling = VS__SPELL_BYTES;
        if (t->decode[k].kind == VS__DECODE_METASPACE || t->decode[k].kind == VS__DECODE_BYTE_FALLBACK) t->spelling = VS__SPELL_METASPACE;
    }
    find_roles(t);
    return VS_OK;
}

vs_status vs_tokenizer_from_json(vs_err *err, const char *json, size_t n, vs_tokenizer **out) {
    *out = NULL;
    json_error_t why;
    json_t *root = json_loadb(json, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    if (!root) return vs_fail(err, VS_E_FORMAT, "line %d, column %d: %.160s", why.line, why.column, why.text);
    vs_tokenizer *t = vs__tokenizer_new();
    vs_status s = t ? read_all(err, t, root) : no_memory(err);
    json_decref(root);
    if (s == VS_OK) *out = t;
    else vs_tokenizer_free(t);
    return s;
}
