/* save_json.c - a tokenizer.json from a GGUF file's vocabulary; see save.h.  Its parts are those that load_vocab.c makes. */
#include <stdlib.h>
#include <string.h>

#include "../base/dict.h"
#include "save.h"
#include "tokenizer_impl.h"

#define MARK "\xE2\x96\x81" /* U+2581, a blank's spelling */

enum { CONTROL = 3, USER = 4 };

void vs_json_quote(vs_buf *out, const char *s, size_t n) {
    vs_buf_putc(out, '"');
    for (size_t i = 0, from; i < n;) {
        from = i;
        bool bad = false;
        uint32_t cp = vs_utf8_next(s, n, &i, &bad);
        if (bad)
            vs_buf_puts(out, "\\ufffd");
        else if (cp == '"' || cp == '\\')
            vs_buf_printf(out, "\\%c", (char)cp);
        else if (cp < 0x20 || cp == 0x7F)
            vs_buf_printf(out, "\\u%04x", (unsigned)cp);
        else
            vs_buf_put(out, s + from, i - from);
    }
    vs_buf_putc(out, '"');
}

static vs_status no_memory(vs_err *err) { return vs_fail(err, VS_E_NOMEM, "no memory for the tokenizer"); }

#define REPLACE(a, b) "{\"type\":\"Replace\",\"pattern\":{\"String\":\"" a "\"},\"content\":\"" b "\"}"
#define BYTE_LEVEL "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":false}"
#define NO_AFFIXES "\"dropout\":null,\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null"

static bool has_norm(const vs_tokenizer *t, vs__norm_kind kind) {
    for (size_t i = 0; i < t->norm_count; i++)
        if (t->norm[i].kind == kind) return true;
    return false;
}

static const vs__pretok_step *metaspace_of(const vs_tokenizer *t) {
    for (size_t i = 0; i < t->pretok_count; i++)
        if (t->pretok[i].kind == VS__PRETOK_METASPACE) return &t->pretok[i];
    return NULL;
}

/* ---- parts ---- */

static void put_piece(vs_buf *out, const vs_tokenizer *t, int32_t id) {
    vs_json_quote(out, t->vocab.piece[id].s, t->vocab.piece[id].len);
}

static void put_added(vs_buf *out, const vs_tokenizer *t) {
    vs_buf_puts(out, "\"added_tokens\":[");
    bool any = false;
    for (size_t i = 0; i < t->added_count; i++) {
        const vs__added *a = &t->added[i];
        bool later = false; /* of two rows for one token the later counts */
        for (size_t k = i + 1; k < t->added_count; k++)
            if (t->added[k].id == a->id) later = true;
        if (later) continue;
        vs_buf_printf(out, "%s\n{\"id\":%d,\"content\":", any ? "," : "", (int)a->id);
        vs_json_quote(out, a->s, a->len);
        vs_buf_printf(out, ",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":%s}",
                      a->special ? "true" : "false");
        any = true;
    }
    vs_buf_puts(out, "],\n");
}

static void put_regex(vs_buf *out, const char *re) {
    vs_buf_puts(out, "{\"Regex\":");
    vs_json_quote(out, re, strlen(re));
    vs_buf_putc(out, '}');
}

/* How the family of a byte-level vocabulary cuts text into words. */
static void put_words(vs_buf *out, const char *pre) {
    const char *re[VS__WORDS_MOST];
    unsigned traits;
    size_t n = vs__words_patterns(pre, re, &traits);
    bool spelled = false;
    vs_buf_puts(out, "{\"type\":\"Sequence\",\"pretokenizers\":[");
    for (size_t i = 0; i < n; i++) {
        vs_buf_puts(out, i ? "," : "");
        spelled = spelled || !*re[i];
        if (!*re[i]) {
            vs_buf_puts(out, BYTE_LEVEL);
            continue;
        }
        vs_buf_puts(out, "{\"type\":\"Split\",\"pattern\":");
        put_regex(out, re[i]);
        vs_buf_puts(out, ",\"behavior\":\"Isolated\",\"invert\":false}");
    }
    vs_buf_puts(out, spelled ? "]}" : "," BYTE_LEVEL "]}");
}

static void put_base64(vs_buf *out, const char *bytes, size_t n) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = (const unsigned char *)bytes;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t b = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0);
        for (size_t k = 0; k < 4; k++) vs_buf_putc(out, i + k > n ? '=' : alphabet[b >> (18 - 6 * k) & 63]);
    }
}

/* SentencePiece's table of characters, and blanks that count once (load_vocab.c). */
static void put_unigram_normalizer(vs_buf *out, const vs_tokenizer *t, const vs_vocab_source *v) {
    vs_buf_puts(out, "{\"type\":\"Sequence\",\"normalizers\":[");
    if (v->charsmap_len) {
        vs_buf_puts(out, "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"");
        put_base64(out, v->charsmap, v->charsmap_len);
        vs_buf_puts(out, "\"}");
    }
    for (size_t i = 0, n = v->charsmap_len != 0; i < t->norm_count; i++) {
        if (t->norm[i].kind != VS__NORM_REPLACE) continue;
        vs_buf_puts(out, n++ ? ",{\"type\":\"Replace\",\"pattern\":" : "{\"type\":\"Replace\",\"pattern\":");
        put_regex(out, t->norm[i].pattern.source);
        vs_buf_puts(out, ",\"content\":");
        vs_json_quote(out, t->norm[i].a, t->norm[i].an);
        vs_buf_putc(out, '}');
    }
    vs_buf_puts(out, "]}");
}

static void put_metaspace(vs_buf *out, const vs__pretok_step *step, bool cuts) {
    static const char *const schemes[] = {"never", "first", "always"};
    vs_buf_printf(out, "{\"type\":\"Metaspace\",\"replacement\":\"" MARK "\",\"prepend_scheme\":\"%s\",\"split\":%s}",
                  schemes[step->prepend], cuts ? "true" : "false");
}

/* Normaliser, pre-tokeniser and decoder. */
static void put_pipeline(vs_buf *out, const vs_tokenizer *t, const vs_vocab_source *v) {
    const vs__pretok_step *metaspace = metaspace_of(t);
    switch (t->model) {
    case VS__MODEL_WORDPIECE:
        vs_buf_printf(out,
                      "\"normalizer\":{\"type\":\"BertNormalizer\",\"clean_text\":true,\"handle_chinese_chars\":true,"
                      "\"strip_accents\":%s,\"lowercase\":%s},\n\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},\n"
                      "\"decoder\":{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true},\n",
                      has_norm(t, VS__NORM_DROP_MARKS) ? "true" : "false", has_norm(t, VS__NORM_LOWER) ? "true" : "false");
        return;
    case VS__MODEL_UNIGRAM:
        vs_buf_puts(out, "\"normalizer\":");
        put_unigram_normalizer(out, t, v);
        vs_buf_puts(out, ",\n\"pre_tokenizer\":");
        put_metaspace(out, metaspace, true);
        vs_buf_puts(out, ",\n\"decoder\":");
        put_metaspace(out, metaspace, true);
        vs_buf_puts(out, ",\n");
        return;
    case VS__MODEL_BPE:
    case VS__MODEL_WORDS: break; /* no GGUF file has these */
    }
    if (t->spelling == VS__SPELL_BYTES) {
        vs_buf_puts(out, "\"normalizer\":null,\n\"pre_tokenizer\":");
        put_words(out, v->pre);
        vs_buf_puts(out, ",\n\"decoder\":" BYTE_LEVEL ",\n");
        return;
    }
    vs_buf_printf(out, "\"normalizer\":%s,\n\"pre_tokenizer\":", metaspace ? "null" : REPLACE(" ", MARK));
    if (metaspace)
        put_metaspace(out, metaspace, false);
    else
        vs_buf_puts(out, "null");
    vs_buf_puts(out, ",\n\"decoder\":{\"type\":\"Sequence\",\"decoders\":[" REPLACE(MARK, " ") ",{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"}");
    vs_buf_puts(out, metaspace ? ",{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}]},\n" : "]},\n");
}

static void put_slots(vs_buf *out, const vs_tokenizer *t, const vs__slot *slot, size_t n) {
    vs_buf_putc(out, '[');
    for (size_t i = 0; i < n; i++) {
        vs_buf_puts(out, i ? "," : "");
        if (slot[i].id >= 0) {
            vs_buf_puts(out, "{\"SpecialToken\":{\"id\":");
            put_piece(out, t, slot[i].id);
        } else
            vs_buf_printf(out, "{\"Sequence\":{\"id\":\"%c\"", slot[i].id == VS__SLOT_A ? 'A' : 'B');
        vs_buf_printf(out, ",\"type_id\":%u}}", slot[i].type);
    }
    vs_buf_putc(out, ']');
}

static void put_template(vs_buf *out, const vs_tokenizer *t) {
    vs_buf_puts(out, "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":");
    put_slots(out, t, t->single, t->single_count);
    vs_buf_puts(out, ",\"pair\":");
    put_slots(out, t, t->pair, t->pair_count);
    vs_buf_puts(out, ",\"special_tokens\":{");
    bool any = false;
    for (size_t i = 0; i < t->pair_count; i++) {
        int32_t id = t->pair[i].id;
        for (size_t k = 0; k < i && id >= 0; k++)
            if (t->pair[k].id == id) id = -1;
        if (id < 0) continue;
        vs_buf_puts(out, any ? "," : "");
        put_piece(out, t, id);
        vs_buf_puts(out, ":{\"id\":");
        put_piece(out, t, id);
        vs_buf_printf(out, ",\"ids\":[%d],\"tokens\":[", (int)id);
        put_piece(out, t, id);
        vs_buf_puts(out, "]}");
        any = true;
    }
    vs_buf_puts(out, "}},\n");
}

/* ---- merges ---- */

typedef struct pair {
    uint64_t order;
    uint32_t left, right, joined; /* ids */
} pair;

static uint64_t shortness(const vs__piece *p) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < p->len; i++) count += ((unsigned char)p->s[i] & 0xC0) != 0x80;
    return count < UINT16_MAX ? UINT16_MAX - count : 0;
}

/* The order in which tok_bpe.c joins pairs of a vocabulary without merges, which is that of transformers' list. */
static int in_order(const void *a, const void *b) {
    const pair *x = a, *y = b;
    if (x->order != y->order) return x->order < y->order ? -1 : 1;
    return (x->joined > y->joined) - (x->joined < y->joined);
}

static void put_merge(vs_buf *out, size_t i, const char *l, size_t nl, const char *r, size_t nr) {
    vs_buf_puts(out, i ? ",\n[" : "\n[");
    vs_json_quote(out, l, nl);
    vs_buf_putc(out, ',');
    vs_json_quote(out, r, nr);
    vs_buf_putc(out, ']');
}

static void put_listed(vs_buf *out, const vs_vocab_source *v) {
    for (size_t i = 0; i < v->merge_count; i++) {
        const char *s = v->merge[i], *blank = memchr(s + 1, ' ', v->merge_len[i] - 1);
        size_t left = (size_t)(blank - s);
        put_merge(out, i, s, left, blank + 1, v->merge_len[i] - left - 1);
    }
}

/* The two halves of a piece at every place where both are pieces. */
static vs_status add_pairs(vs_err *err, const vs_tokenizer *t, uint32_t id, pair **list, size_t *n, size_t *cap) {
    const vs__piece *p = &t->vocab.piece[id];
    for (size_t cut = 1; cut < p->len; cut++) {
        int32_t left = vs__vocab_find(&t->vocab, p->s, cut), right = vs__vocab_find(&t->vocab, p->s + cut, p->len - cut);
        if (left < 0 || right < 0) continue;
        if (*n == *cap) {
            size_t more = *cap ? *cap * 2 : 4096;
            pair *grown = vs_grow(*list, *n, more, sizeof *grown);
            if (!grown) return no_memory(err);
            *list = grown;
            *cap = more;
        }
        uint64_t rank = t->bpe.rank ? t->bpe.rank[id] : id;
        uint64_t ends = shortness(&t->vocab.piece[left]) << 16 | shortness(&t->vocab.piece[right]);
        (*list)[(*n)++] = (pair){rank << 32 | ends, (uint32_t)left, (uint32_t)right, id};
    }
    return VS_OK;
}

static vs_status put_derived(vs_err *err, const vs_tokenizer *t, vs_buf *out) {
    pair *list = NULL;
    size_t n = 0, cap = 0;
    vs_status s = VS_OK;
    for (size_t i = 0; s == VS_OK && i < t->vocab.count; i++)
        if (!(t->vocab.piece[i].flags & VS__PIECE_SPECIAL)) s = add_pairs(err, t, (uint32_t)i, &list, &n, &cap);
    if (s == VS_OK && n) qsort(list, n, sizeof *list, in_order);
    for (size_t i = 0; s == VS_OK && i < n; i++) {
        const vs__piece *l = &t->vocab.piece[list[i].left], *r = &t->vocab.piece[list[i].right];
        put_merge(out, i, l->s, l->len, r->s, r->len);
    }
    vs_free(list);
    return s;
}

/* ---- the whole ---- */

static void put_vocab(vs_buf *out, const vs_tokenizer *t) {
    vs_buf_puts(out, ",\"vocab\":{");
    bool any = false;
    for (size_t i = 0; i < t->vocab.count; i++) {
        const vs__piece *p = &t->vocab.piece[i];
        if (!p->s || vs__vocab_find(&t->vocab, p->s, p->len) != (int32_t)i) continue; /* of two spelled alike the later */
        vs_buf_puts(out, any ? ",\n" : "\n");
        vs_json_quote(out, p->s, p->len);
        vs_buf_printf(out, ":%zu", i);
        any = true;
    }
    vs_buf_puts(out, "}");
}

static void put_scored(vs_buf *out, const vs_tokenizer *t) {
    vs_buf_puts(out, ",\"vocab\":[");
    for (size_t i = 0; i < t->vocab.count; i++) {
        vs_buf_puts(out, i ? ",\n[" : "\n[");
        vs_json_quote(out, t->vocab.piece[i].s, t->vocab.piece[i].len);
        vs_buf_printf(out, ",%.17g]", t->unigram.score[i]);
    }
    vs_buf_puts(out, "]");
}

static vs_status put_model(vs_err *err, const vs_tokenizer *t, const vs_vocab_source *v, vs_buf *out) {
    bool bytes = t->spelling == VS__SPELL_BYTES;
    vs_buf_puts(out, "\"model\":{");
    if (t->model == VS__MODEL_UNIGRAM) {
        vs_buf_printf(out, "\"type\":\"Unigram\",\"byte_fallback\":%s,\"unk_id\":", t->unigram.byte_fallback ? "true" : "false");
        vs_buf_printf(out, t->unk < 0 ? "null" : "%d", (int)t->unk);
        put_scored(out, t);
        return VS_OK;
    }
    if (t->model == VS__MODEL_WORDPIECE)
        vs_buf_puts(out, "\"type\":\"WordPiece\",\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":100");
    else
        vs_buf_printf(out, "\"type\":\"BPE\"," NO_AFFIXES ",\"fuse_unk\":%s,\"byte_fallback\":%s,\"ignore_merges\":%s",
                      bytes ? "false" : "true", bytes ? "false" : "true", t->bpe.ignore_merges ? "true" : "false");
    vs_buf_puts(out, ",\"unk_token\":");
    if (t->unk >= 0)
        put_piece(out, t, t->unk);
    else
        vs_buf_puts(out, "null");
    put_vocab(out, t);
    if (t->model == VS__MODEL_WORDPIECE) return VS_OK;
    vs_buf_puts(out, ",\"merges\":[");
    if (v->merge)
        put_listed(out, v);
    else
        VS_TRY(put_derived(err, t, out));
    vs_buf_puts(out, "]");
    return VS_OK;
}

vs_status vs_vocab_json(vs_err *err, const vs_vocab_source *v, vs_buf *out) {
    vs_tokenizer *t;
    VS_TRY(vs_tokenizer_from_vocab(err, v, &t));
    vs_buf_puts(out, "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\n");
    put_added(out, t);
    put_pipeline(out, t, v);
    put_template(out, t);
    vs_status s = put_model(err, t, v, out);
    vs_buf_puts(out, "}}\n");
    vs_tokenizer_free(t);
    if (s == VS_OK && out->failed) s = no_memory(err);
    return s;
}
