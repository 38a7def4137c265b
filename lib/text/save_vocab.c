/* save_vocab.c - a tokenizer as a GGUF file describes it; see save.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "save.h"
#include "tokenizer_impl.h"

#define MARK "\xE2\x96\x81" /* U+2581, a blank's spelling */

enum { NORMAL = 1, UNKNOWN, CONTROL, USER, UNUSED, BYTE }; /* types of pieces in a GGUF file */
#define NEVER -10000.0f /* the score of a piece that no text has */

static vs_status no_memory(vs_err *err) { return vs_fail(err, VS_E_NOMEM, "no memory for the vocabulary"); }

static vs_status put_pieces(vs_err *err, const vs_tokenizer *t, size_t rows, vs_arena *arena, vs_vocab_source *out) {
    size_t n = t->vocab.count > rows ? t->vocab.count : rows;
    const char **piece = vs_arena_alloc(arena, n, sizeof *piece);
    uint32_t *len = vs_arena_alloc(arena, n, sizeof *len);
    int32_t *type = vs_arena_alloc(arena, n, sizeof *type);
    if (!piece || !len || !type) return no_memory(err);
    for (size_t i = 0; i < n; i++) {
        const vs__piece *p = i < t->vocab.count ? &t->vocab.piece[i] : NULL;
        type[i] = NORMAL;
        if (p && p->s) {
            piece[i] = p->s;
            len[i] = p->len;
            continue;
        }
        char name[32]; /* an id without a piece: every id has a name here */
        int k = snprintf(name, sizeof name, "[PAD%zu]", i);
        if (!(piece[i] = vs_arena_strndup(arena, name, (size_t)k))) return no_memory(err);
        len[i] = (uint32_t)k;
        type[i] = UNUSED;
    }
    for (size_t i = 0; i < t->added_count; i++) {
        const vs__added *a = &t->added[i];
        if (a->id >= 0 && (size_t)a->id < n) type[a->id] = a->special ? CONTROL : USER;
    }
    if (t->unk >= 0) type[t->unk] = UNKNOWN;
    *out = (vs_vocab_source){.count = n, .piece = piece, .piece_len = len, .type = type, .pre = ""};
    out->add_sep = out->add_space_prefix = out->remove_extra_whitespaces = out->lowercase = out->strip_accents = -1;
    return VS_OK;
}

/* Tokens of the template and of the roles that spellings give. */
static void put_roles(const vs_tokenizer *t, vs_vocab_source *out) {
    const vs__slot *first = t->single, *last = t->single + t->single_count - 1;
    bool cls = t->model == VS__MODEL_WORDPIECE;
    out->bos = t->role[VS_TOK_BOS], out->eos = t->role[VS_TOK_EOS], out->unk = t->role[VS_TOK_UNK];
    out->pad = t->role[VS_TOK_PAD], out->sep = t->role[VS_TOK_SEP], out->cls = t->role[VS_TOK_CLS];
    out->mask = t->role[VS_TOK_MASK];
    out->add_bos = t->single_count && first->id >= 0;
    out->add_eos = t->single_count && last->id >= 0;
    if (out->add_bos) *(cls ? &out->cls : &out->bos) = first->id;
    if (out->add_eos) *(cls ? &out->sep : &out->eos) = last->id;
    if (cls && out->add_bos) out->bos = first->id;
}

/* ---- byte-pair encoding ---- */

static int by_rank(const void *a, const void *b) {
    const vs__merge *x = a, *y = b;
    return (x->rank > y->rank) - (x->rank < y->rank);
}

/* The merges in their order. */
static vs_status list_merges(vs_err *err, const vs_tokenizer *t, vs_arena *arena, vs__merge **out, size_t *n) {
    *n = 0;
    *out = NULL;
    if (!t->bpe.merge) return VS_OK;
    size_t count = 0;
    for (size_t i = 0; i <= t->bpe.mask; i++) count += t->bpe.merge[i].rank != UINT32_MAX;
    if (!(*out = vs_arena_alloc(arena, count, sizeof **out))) return no_memory(err);
    for (size_t i = 0; i <= t->bpe.mask; i++)
        if (t->bpe.merge[i].rank != UINT32_MAX) (*out)[(*n)++] = t->bpe.merge[i];
    if (*n) qsort(*out, *n, sizeof **out, by_rank);
    return VS_OK;
}

static vs_status put_merges(vs_err *err, const vs_tokenizer *t, const vs__merge *m, size_t n, vs_arena *arena,
                            vs_vocab_source *out) {
    const char **text = vs_arena_alloc(arena, n, sizeof *text);
    uint32_t *len = vs_arena_alloc(arena, n, sizeof *len);
    if (!text || !len) return no_memory(err);
    for (size_t i = 0; i < n; i++) {
        const vs__piece *l = &t->vocab.piece[m[i].left], *r = &t->vocab.piece[m[i].right];
        char *s = vs_arena_alloc(arena, (size_t)l->len + r->len + 1, 1);
        if (!s) return no_memory(err);
        memcpy(s, l->s, l->len);
        s[l->len] = ' ';
        memcpy(s + l->len + 1, r->s, r->len);
        text[i] = s;
        len[i] = l->len + r->len + 1;
    }
    out->merge = text;
    out->merge_len = len;
    out->merge_count = n;
    return VS_OK;
}

static vs_status put_scores(vs_err *err, const vs_tokenizer *t, const vs__merge *m, size_t n, vs_arena *arena,
                            vs_vocab_source *out) {
    float *score = vs_arena_alloc(arena, out->count, sizeof *score);
    int32_t *type = (int32_t *)(uintptr_t)out->type;
    if (!score) return no_memory(err);
    for (size_t i = 0; i < out->count; i++) {
        score[i] = -(float)n - 1; /* a single character; pieces that no merge makes */
        if (t->bpe.byte_fallback && type[i] != UNUSED && vs__byte_of_piece(out->piece[i], out->piece_len[i]) >= 0)
            type[i] = BYTE;
        if (type[i] != NORMAL) score[i] = 0;
    }
    for (size_t i = n; i-- > 0;) score[m[i].id] = -(float)i;
    out->score = score;
    return VS_OK;
}

/* Whether the normaliser or the pre-tokeniser puts a mark in front of a text. */
static bool has_prefix(const vs_tokenizer *t) {
    for (size_t i = 0; i < t->norm_count; i++)
        if (t->norm[i].kind == VS__NORM_PREPEND) return true;
    for (size_t i = 0; i < t->pretok_count; i++)
        if (t->pretok[i].kind == VS__PRETOK_METASPACE && t->pretok[i].prepend != VS__PREPEND_NEVER) return true;
    return false;
}

/* The expressions by which text is cut into words, as pretok_patterns.def has them; false where there are other steps. */
static bool list_words(const vs_tokenizer *t, const char *re[VS__WORDS_MOST], size_t *n) {
    *n = 0;
    for (size_t i = 0; i < t->pretok_count; i++) {
        const vs__pretok_step *step = &t->pretok[i];
        bool isolated = step->behavior == VS__ISOLATED && !step->invert;
        const char *s = step->kind == VS__PRETOK_BYTES                ? VS__WORDS_BYTES
                        : step->kind == VS__PRETOK_DIGITS && isolated ? "\\p{N}"
                        : step->kind == VS__PRETOK_SPLIT && isolated  ? step->pattern.source
                                                                      : NULL;
        if (!s || *n == VS__WORDS_MOST) return false;
        re[(*n)++] = s;
    }
    return true;
}

static vs_status put_bpe(vs_err *err, const vs_tokenizer *t, vs_arena *arena, vs_vocab_source *out) {
    vs__merge *m;
    size_t n;
    bool bytes = false;
    for (size_t i = 0; i < t->pretok_count; i++) bytes = bytes || t->pretok[i].kind == VS__PRETOK_BYTES;
    if (!bytes && t->spelling != VS__SPELL_METASPACE)
        return vs_fail(err, VS_E_UNSUPPORTED, "byte-pair encoding of plain characters");
    for (int i = 0; !bytes && i < 256; i++)
        if (!t->bpe.byte_fallback || t->bpe.byte[i] < 0)
            return vs_fail(err, VS_E_UNSUPPORTED, "pieces without the bytes <0x00> to <0xFF>");
    VS_TRY(list_merges(err, t, arena, &m, &n));
    if (!m) return vs_fail(err, VS_E_UNSUPPORTED, "a vocabulary without merges");
    VS_TRY(put_merges(err, t, m, n, arena, out));
    if (!bytes) {
        out->model = "llama";
        out->pre = "default";
        out->add_space_prefix = has_prefix(t);
        return put_scores(err, t, m, n, arena, out);
    }
    out->model = "gpt2";
    const char *re[VS__WORDS_MOST], *name = NULL;
    if (list_words(t, re, &n)) name = vs__words_name(re, n, t->bpe.ignore_merges);
    out->pre = name ? name : "gpt-2"; /* vs_tokenizers_agree() sees where that is wrong */
    return VS_OK;
}

/* ---- WordPiece ---- */

static vs_status put_wordpiece(vs_err *err, const vs_tokenizer *t, vs_arena *arena, vs_vocab_source *out) {
    const char **piece = (const char **)(uintptr_t)out->piece;
    uint32_t *len = (uint32_t *)(uintptr_t)out->piece_len;
    size_t prefix = t->wordpiece.prefix_len;
    for (size_t i = 0; i < out->count; i++) {
        if (out->type[i] == CONTROL || out->type[i] == UNUSED || i == (size_t)t->unk) continue;
        if (prefix && len[i] > prefix && !memcmp(piece[i], t->wordpiece.prefix, prefix)) {
            piece[i] += prefix;
            len[i] -= (uint32_t)prefix;
            continue;
        }
        char *s = vs_arena_alloc(arena, len[i] + sizeof MARK, 1);
        if (!s) return no_memory(err);
        memcpy(s, MARK, sizeof MARK - 1);
        memcpy(s + sizeof MARK - 1, piece[i], len[i]);
        piece[i] = s;
        len[i] += sizeof MARK - 1;
    }
    if (t->unk >= 0) ((int32_t *)(uintptr_t)out->type)[t->unk] = CONTROL; /* so that it, too, keeps its spelling */
    out->model = "bert";
    out->add_bos = out->add_eos = -1; /* its readers know what stands around a text */
    out->lowercase = out->strip_accents = 0;
    for (size_t i = 0; i < t->norm_count; i++) {
        if (t->norm[i].kind == VS__NORM_LOWER) out->lowercase = 1;
        if (t->norm[i].kind == VS__NORM_DROP_MARKS) out->strip_accents = 1;
    }
    return VS_OK;
}

/* ---- unigram ---- */

static vs_status put_unigram(vs_err *err, const vs_tokenizer *t, vs_arena *arena, vs_vocab_source *out) {
    float *score = vs_arena_alloc(arena, out->count, sizeof *score);
    int32_t *type = (int32_t *)(uintptr_t)out->type;
    if (!score) return no_memory(err);
    for (size_t i = 0; i < out->count; i++) {
        score[i] = type[i] == UNUSED ? NEVER : (float)t->unigram.score[i];
        if (t->unigram.byte_fallback && vs__byte_of_piece(out->piece[i], out->piece_len[i]) >= 0) type[i] = BYTE;
    }
    for (size_t i = 0; i < t->norm_count; i++) {
        const vs__charsmap *map = &t->norm[i].charsmap;
        if (t->norm[i].kind != VS__NORM_CHARSMAP) continue;
        out->charsmap = map->units - sizeof(uint32_t); /* the file's table begins with the size of its units */
        out->charsmap_len = sizeof(uint32_t) + map->count * sizeof(uint32_t) + map->text_len;
    }
    out->remove_extra_whitespaces = 0;
    for (size_t i = 0; i < t->pretok_count; i++)
        if (t->pretok[i].kind == VS__PRETOK_SPACE) out->remove_extra_whitespaces = 1;
    for (size_t i = 0; i < t->norm_count; i++)
        if (t->norm[i].kind == VS__NORM_REPLACE && t->norm[i].pattern.re) out->remove_extra_whitespaces = 1;
    out->score = score;
    out->model = "t5";
    out->add_space_prefix = has_prefix(t);
    return VS_OK;
}

vs_status vs_tokenizer_vocab(vs_err *err, const vs_tokenizer *t, size_t rows, vs_arena *arena, vs_vocab_source *out) {
    VS_TRY(put_pieces(err, t, rows, arena, out));
    put_roles(t, out);
    switch (t->model) {
    case VS__MODEL_BPE: return put_bpe(err, t, arena, out);
    case VS__MODEL_WORDPIECE: return put_wordpiece(err, t, arena, out);
    case VS__MODEL_UNIGRAM: return put_unigram(err, t, arena, out);
    case VS__MODEL_WORDS: break;
    }
    return vs_fail(err, VS_E_UNSUPPORTED, "a vocabulary of whole words");
}

/* ---- names ---- */

static bool has_piece(const vs_vocab_source *v, const char *s) {
    size_t n = strlen(s);
    for (size_t i = 0; i < v->count; i++)
        if (v->piece_len[i] == n && !memcmp(v->piece[i], s, n)) return true;
    return false;
}

size_t vs_vocab_name_clash(const vs_vocab_source *v, const char *name) {
    static const char *const pieces[] = {"</s>", "<unk>", "<s>", "<|endoftext|>"};
    bool all = true;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) all = all && has_piece(v, pieces[i]);
    for (const char *s = name; *s && !all; s++)
        if (!strncasecmp(s, "phi3", 4) || !strncasecmp(s, "phi-3", 5)) return (size_t)(s - name) + 3;
    return strlen(name);
}

/* ---- the same? ---- */

static const char *const samples[] = {
    "The quick brown fox jumps over the lazy dog.",
    "  two blanks, then   three\tand a tab\nand a line\r\n\r\nand more ",
    "I'll say: DON'T! It's 3.14159, 100,000 or 2026-11-26 (isn't it?)",
    "déjà vu, naïve café, ÅNGSTRÖM, ﬁne, e\xCC\x81t\xCC\xA8",
    "北京是中国的首都。東京 日本語 한국어 ภาษาไทย العربية עברית हिन्दी",
    "🙂👍🏽 👩‍👩‍👧 \xE2\x80\x8B\xC2\xA0\xE2\x96\x81 <s> </s> [MASK] <|endoftext|> <unk> <0x41>",
    "def f(x_1, *args):\n    return {\"a\": x_1 ** 2}  # comment",
    "",
    " ",
    "a",
    "ＡＢＣ ½ ² Ⅳ \x01\x7F ΣΑΣ ǅ",
};

vs_status vs_tokenizers_agree(vs_err *err, const vs_tokenizer *a, const vs_tokenizer *b, bool *agree) {
    *agree = true;
    for (size_t i = 0; i < sizeof samples / sizeof *samples && *agree; i++) {
        vs_tokens x = {0}, y = {0};
        vs_status s = vs_tokenize(err, a, samples[i], strlen(samples[i]), NULL, 0, true, &x);
        if (s == VS_OK) s = vs_tokenize(err, b, samples[i], strlen(samples[i]), NULL, 0, true, &y);
        *agree = s == VS_OK && x.n == y.n && (!x.n || !memcmp(x.id, y.id, x.n * sizeof *x.id));
        vs_tokens_free(&x);
        vs_tokens_free(&y);
        VS_TRY(s);
    }
    return VS_OK;
}
