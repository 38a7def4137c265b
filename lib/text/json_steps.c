/* json_steps.c - the normaliser, pre-tokeniser and decoder of tokenizer.json: each type of part becomes some steps. */
#include <string.h>

#include "json_read.h"

static vs_status room(vs_err *err, const char *where, size_t n) {
    return n < VS__JSON_STEPS ? VS_OK : vs_fail(err, VS_E_UNSUPPORTED, "%s: more than %d steps", where, VS__JSON_STEPS);
}

/* ---- normaliser ---- */

static vs_status norm_push(vs_err *err, vs_tokenizer *t, vs__norm_step step) {
    vs_status s = room(err, "normalizer", t->norm_count);
    if (s != VS_OK)
        vs__pattern_free(&step.pattern);
    else
        t->norm[t->norm_count++] = step;
    return s;
}

static vs_status bert_normalizer(vs_err *err, vs_tokenizer *t, const json_t *j) {
    bool clean, cjk, lower, strip;
    VS_TRY(vs__json_bool(err, j, "clean_text", "normalizer", true, &clean));
    VS_TRY(vs__json_bool(err, j, "handle_chinese_chars", "normalizer", true, &cjk));
    VS_TRY(vs__json_bool(err, j, "lowercase", "normalizer", true, &lower));
    VS_TRY(vs__json_bool(err, j, "strip_accents", "normalizer", lower, &strip));
    if (clean) VS_TRY(norm_push(err, t, (vs__norm_step){.kind = VS__NORM_CLEAN}));
    if (cjk) VS_TRY(norm_push(err, t, (vs__norm_step){.kind = VS__NORM_CJK}));
    if (strip) VS_TRY(norm_push(err, t, (vs__norm_step){.kind = VS__NORM_NFD}));
    if (strip) VS_TRY(norm_push(err, t, (vs__norm_step){.kind = VS__NORM_DROP_MARKS}));
    if (lower) VS_TRY(norm_push(err, t, (vs__norm_step){.kind = VS__NORM_LOWER}));
    return VS_OK;
}

/* Base64, in the arena. */
static vs_status get_blob(vs_err *err, vs_tokenizer *t, const json_t *j, const char *where, char **out, size_t *n) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *s = NULL;
    size_t len = 0;
    VS_TRY(vs__json_string(err, j, where, &s, &len));
    while (len && s[len - 1] == '=') len--;
    *out = vs_arena_alloc(&t->arena, len / 4 + 1, 3);
    if (!*out) return vs__json_no_memory(err);
    uint32_t bits = 0;
    *n = 0;
    for (size_t i = 0; i < len; i++) {
        const char *digit = s[i] ? strchr(alphabet, s[i]) : NULL;
        if (!digit) return vs_fail(err, VS_E_FORMAT, "%s: character %zu is not base64", where, i);
        bits = bits << 6 | (uint32_t)(digit - alphabet);
        if (i % 4) (*out)[(*n)++] = (char)(bits >> (6 - i % 4 * 2) & 0xFF);
    }
    return VS_OK;
}

static const struct {
    const char *type;
    vs__norm_kind kind;
    unsigned flags;
} plain_norm[] = {
    {"NFC", VS__NORM_NFC, 0},   {"NFD", VS__NORM_NFD, 0},         {"NFKC", VS__NORM_NFKC, 0},
    {"NFKD", VS__NORM_NFKD, 0}, {"Lowercase", VS__NORM_LOWER, 0}, {"StripAccents", VS__NORM_DROP_MARKS, 1},
    {"Nmt", VS__NORM_NMT, 0},   {"ByteLevel", VS__NORM_BYTES, 0},
};

vs_status vs__json_normalizer(vs_err *err, vs_tokenizer *t, const json_t *j, int depth) {
    static const char where[] = "normalizer";
    const char *type = NULL;
    if (!j || json_is_null(j)) return VS_OK;
    VS_TRY(vs__json_type(err, j, where, &type));
    if (!strcmp(type, "Sequence")) {
        const json_t *list;
        VS_TRY(vs__json_list(err, j, "normalizers", where, depth, &list));
        for (size_t i = 0; i < json_array_size(list); i++)
            VS_TRY(vs__json_normalizer(err, t, json_array_get(list, i), depth + 1));
        return VS_OK;
    }
    if (!strcmp(type, "BertNormalizer")) return bert_normalizer(err, t, j);
    vs__norm_step step = {.kind = VS__NORM_PREPEND};
    if (!strcmp(type, "Prepend")) {
        VS_TRY(vs__json_own(err, t, json_object_get(j, "prepend"), "normalizer.prepend", &step.a, &step.an));
        return norm_push(err, t, step);
    }
    if (!strcmp(type, "Replace")) {
        step.kind = VS__NORM_REPLACE;
        VS_TRY(vs__json_own(err, t, json_object_get(j, "content"), "normalizer.content", &step.a, &step.an));
        VS_TRY(vs__json_pattern(err, t, json_object_get(j, "pattern"), "normalizer.pattern", &step.pattern));
        return norm_push(err, t, step);
    }
    if (!strcmp(type, "Precompiled")) {
        char *blob = NULL;
        size_t n = 0;
        step.kind = VS__NORM_CHARSMAP;
        VS_TRY(get_blob(err, t, json_object_get(j, "precompiled_charsmap"), where, &blob, &n));
        VS_TRY(vs__charsmap_open(err, &step.charsmap, blob, n));
        return norm_push(err, t, step);
    }
    if (!strcmp(type, "Strip")) {
        bool left, right;
        VS_TRY(vs__json_bool(err, j, "strip_left", where, true, &left));
        VS_TRY(vs__json_bool(err, j, "strip_right", where, true, &right));
        step = (vs__norm_step){.kind = VS__NORM_STRIP, .flags = (left ? 1u : 0u) | (right ? 2u : 0u)};
        return norm_push(err, t, step);
    }
    for (size_t k = 0; k < sizeof plain_norm / sizeof *plain_norm; k++)
        if (!strcmp(type, plain_norm[k].type))
            return norm_push(err, t, (vs__norm_step){.kind = plain_norm[k].kind, .flags = plain_norm[k].flags});
    return vs__json_unknown(err, where, type);
}

/* ---- pre-tokeniser ---- */

static vs_status pretok_push(vs_err *err, vs_tokenizer *t, vs__pretok_step step) {
    vs_status s = room(err, "pre_tokenizer", t->pretok_count);
    if (s != VS_OK)
        vs__pattern_free(&step.pattern);
    else
        t->pretok[t->pretok_count++] = step;
    return s;
}

static vs_status get_behavior(vs_err *err, const json_t *j, vs__behavior *out) {
    static const char *const name[] = {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"};
    const char *s = NULL;
    size_t n = 0;
    VS_TRY(vs__json_string(err, json_object_get(j, "behavior"), "pre_tokenizer.behavior", &s, &n));
    for (size_t k = 0; k < sizeof name / sizeof *name; k++)
        if (!strcmp(s, name[k])) {
            *out = (vs__behavior)k;
            return VS_OK;
        }
    return vs__json_unknown(err, "pre_tokenizer.behavior", s);
}

static vs_status byte_level(vs_err *err, vs_tokenizer *t, const json_t *j) {
    bool prefix, regex;
    VS_TRY(vs__json_bool(err, j, "add_prefix_space", "pre_tokenizer", true, &prefix));
    VS_TRY(vs__json_bool(err, j, "use_regex", "pre_tokenizer", true, &regex));
    if (prefix)
        VS_TRY(pretok_push(
            err, t, (vs__pretok_step){.kind = VS__PRETOK_PREFIX, .prepend = VS__PREPEND_ALWAYS, .a = " ", .an = 1}));
    if (regex) {
        vs__pretok_step step = {.kind = VS__PRETOK_SPLIT, .behavior = VS__ISOLATED};
        const char *re[VS__WORDS_MOST];
        unsigned traits;
        vs__words_patterns("", re, &traits);
        VS_TRY(vs__pattern_regex(err, &step.pattern, re[0], strlen(re[0])));
        step.pattern.source = re[0];
        VS_TRY(pretok_push(err, t, step));
    }
    return pretok_push(err, t, (vs__pretok_step){.kind = VS__PRETOK_BYTES});
}

static vs_status get_prepend(vs_err *err, const json_t *j, const char *where, vs__prepend *out) {
    const json_t *scheme = json_object_get(j, "prepend_scheme");
    bool prefix;
    VS_TRY(vs__json_bool(err, j, "add_prefix_space", where, true, &prefix));
    *out = prefix ? VS__PREPEND_ALWAYS : VS__PREPEND_NEVER;
    if (!scheme) return VS_OK;
    const char *s = NULL;
    size_t n = 0;
    VS_TRY(vs__json_string(err, scheme, where, &s, &n));
    if (!strcmp(s, "always"))
        *out = VS__PREPEND_ALWAYS;
    else if (!strcmp(s, "first"))
        *out = VS__PREPEND_FIRST;
    else if (!strcmp(s, "never"))
        *out = VS__PREPEND_NEVER;
    else
        return vs_fail(err, VS_E_UNSUPPORTED, "%s.prepend_scheme '%.40s' is not known", where, s);
    return VS_OK;
}

static vs_status metaspace(vs_err *err, vs_tokenizer *t, const json_t *j) {
    vs__pretok_step step = {.kind = VS__PRETOK_METASPACE};
    bool cuts;
    VS_TRY(vs__json_own(err, t, json_object_get(j, "replacement"), "pre_tokenizer.replacement", &step.a, &step.an));
    if (!step.an) return vs_fail(err, VS_E_FORMAT, "pre_tokenizer.replacement is empty");
    VS_TRY(get_prepend(err, j, "pre_tokenizer", &step.prepend));
    VS_TRY(vs__json_bool(err, j, "split", "pre_tokenizer", true, &cuts));
    VS_TRY(pretok_push(err, t, step));
    if (!cuts) return VS_OK;
    return pretok_push(err, t,
                       (vs__pretok_step){.kind = VS__PRETOK_SPLIT,
                                         .behavior = VS__MERGED_WITH_NEXT,
                                         .pattern = {.literal = step.a, .n = step.an}});
}

static vs_status split_at(vs_err *err, vs_tokenizer *t, const json_t *j) {
    vs__pretok_step step = {.kind = VS__PRETOK_SPLIT};
    VS_TRY(get_behavior(err, j, &step.behavior));
    VS_TRY(vs__json_bool(err, j, "invert", "pre_tokenizer", false, &step.invert));
    VS_TRY(vs__json_pattern(err, t, json_object_get(j, "pattern"), "pre_tokenizer.pattern", &step.pattern));
    return pretok_push(err, t, step);
}

vs_status vs__json_pretokenizer(vs_err *err, vs_tokenizer *t, const json_t *j, int depth) {
    static const char where[] = "pre_tokenizer";
    const char *type = NULL;
    if (!j || json_is_null(j)) return VS_OK;
    VS_TRY(vs__json_type(err, j, where, &type));
    if (!strcmp(type, "Sequence")) {
        const json_t *list;
        VS_TRY(vs__json_list(err, j, "pretokenizers", where, depth, &list));
        for (size_t i = 0; i < json_array_size(list); i++)
            VS_TRY(vs__json_pretokenizer(err, t, json_array_get(list, i), depth + 1));
        return VS_OK;
    }
    if (!strcmp(type, "ByteLevel")) return byte_level(err, t, j);
    if (!strcmp(type, "Metaspace")) return metaspace(err, t, j);
    if (!strcmp(type, "Split")) return split_at(err, t, j);
    vs__pretok_step step = {.kind = VS__PRETOK_SPACE, .behavior = VS__REMOVED};
    if (!strcmp(type, "WhitespaceSplit")) return pretok_push(err, t, step);
    if (!strcmp(type, "UnicodeScripts")) {
        step.kind = VS__PRETOK_SCRIPTS;
        return pretok_push(err, t, step);
    }
    if (!strcmp(type, "Whitespace")) {
        static const char words[] = "[" VS__WORD "]+|[^" VS__WORD "\\s]+";
        step = (vs__pretok_step){.kind = VS__PRETOK_SPLIT, .behavior = VS__REMOVED, .invert = true};
        VS_TRY(vs__pattern_regex(err, &step.pattern, words, sizeof words - 1));
        return pretok_push(err, t, step);
    }
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
        VS_TRY(vs__json_bool(err, j, "individual_digits", where, false, &single));
        step = (vs__pretok_step){.kind = VS__PRETOK_DIGITS, .behavior = single ? VS__ISOLATED : VS__CONTIGUOUS};
        return pretok_push(err, t, step);
    }
    if (!strcmp(type, "CharDelimiterSplit")) {
        step = (vs__pretok_step){.kind = VS__PRETOK_SPLIT, .behavior = VS__REMOVED};
        VS_TRY(vs__json_own(err, t, json_object_get(j, "delimiter"), "pre_tokenizer.delimiter", &step.pattern.literal,
                            &step.pattern.n));
        return pretok_push(err, t, step);
    }
    if (!strcmp(type, "FixedLength")) {
        step = (vs__pretok_step){.kind = VS__PRETOK_LENGTH};
        VS_TRY(vs__json_size(err, j, "length", where, 5, INT32_MAX, &step.length));
        return step.length ? pretok_push(err, t, step) : vs_fail(err, VS_E_RANGE, "pre_tokenizer.length is 0");
    }
    return vs__json_unknown(err, where, type);
}

/* ---- decoder ---- */

static vs_status decode_push(vs_err *err, vs_tokenizer *t, vs__decode_step step) {
    vs_status s = room(err, "decoder", t->decode_count);
    if (s != VS_OK)
        vs__pattern_free(&step.pattern);
    else
        t->decode[t->decode_count++] = step;
    return s;
}

vs_status vs__json_decoder(vs_err *err, vs_tokenizer *t, const json_t *j, int depth) {
    static const char where[] = "decoder";
    const char *type = NULL;
    VS_TRY(vs__json_type(err, j, where, &type));
    if (!strcmp(type, "Sequence")) {
        const json_t *list;
        VS_TRY(vs__json_list(err, j, "decoders", where, depth, &list));
        for (size_t i = 0; i < json_array_size(list); i++)
            VS_TRY(vs__json_decoder(err, t, json_array_get(list, i), depth + 1));
        return VS_OK;
    }
    vs__decode_step step = {.kind = VS__DECODE_FUSE};
    if (!strcmp(type, "Fuse")) return decode_push(err, t, step);
    if (!strcmp(type, "ByteFallback"))
        step.kind = VS__DECODE_BYTE_FALLBACK;
    else if (!strcmp(type, "ByteLevel"))
        step.kind = VS__DECODE_BYTES;
    else if (!strcmp(type, "Replace")) {
        step.kind = VS__DECODE_REPLACE;
        VS_TRY(vs__json_own(err, t, json_object_get(j, "content"), "decoder.content", &step.a, &step.an));
        VS_TRY(vs__json_pattern(err, t, json_object_get(j, "pattern"), "decoder.pattern", &step.pattern));
    } else if (!strcmp(type, "Strip")) {
        step.kind = VS__DECODE_STRIP;
        VS_TRY(vs__json_own(err, t, json_object_get(j, "content"), "decoder.content", &step.a, &step.an));
        if (!step.an) return vs_fail(err, VS_E_FORMAT, "decoder.content is empty");
        VS_TRY(vs__json_size(err, j, "start", where, 0, INT32_MAX, &step.start));
        VS_TRY(vs__json_size(err, j, "stop", where, 0, INT32_MAX, &step.stop));
    } else if (!strcmp(type, "WordPiece")) {
        step.kind = VS__DECODE_WORDPIECE;
        VS_TRY(vs__json_own(err, t, json_object_get(j, "prefix"), "decoder.prefix", &step.a, &step.an));
        VS_TRY(vs__json_bool(err, j, "cleanup", where, true, &step.flag));
    } else if (!strcmp(type, "Metaspace")) {
        vs__prepend prepend;
        step.kind = VS__DECODE_METASPACE;
        VS_TRY(vs__json_own(err, t, json_object_get(j, "replacement"), "decoder.replacement", &step.a, &step.an));
        VS_TRY(get_prepend(err, j, where, &prepend));
        step.flag = prepend != VS__PREPEND_NEVER;
    } else if (!strcmp(type, "BPEDecoder")) {
        step.kind = VS__DECODE_SUFFIX;
        VS_TRY(vs__json_own(err, t, json_object_get(j, "suffix"), "decoder.suffix", &step.a, &step.an));
    } else if (!strcmp(type, "CTC")) {
        step.kind = VS__DECODE_CTC;
        VS_TRY(vs__json_own(err, t, json_object_get(j, "pad_token"), "decoder.pad_token", &step.a, &step.an));
        VS_TRY(vs__json_own(err, t, json_object_get(j, "word_delimiter_token"), "decoder.word_delimiter_token", &step.b,
                            &step.bn));
        VS_TRY(vs__json_bool(err, j, "cleanup", where, true, &step.flag));
    } else {
        return vs__json_unknown(err, where, type);
    }
    return decode_push(err, t, step);
}
