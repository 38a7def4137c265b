/* load_vocab.c - a tokenizer from what a GGUF file says of its vocabulary.
 *
 * "gpt2" is byte-level BPE.  "llama" is SentencePiece's BPE.  Files come in two kinds, told apart by add_space_prefix:
 * with it, text gets a leading blank and pieces are joined by score (Llama); without, blanks become marks where they
 * are and pieces are joined in the order in which the file lists them (Gemma: its scores do not follow that order).
 * That is how transformers reads them, with which ids are equal. */
#include <stdlib.h>
#include <string.h>

#include "tokenizer_impl.h"

#define MARK "\xE2\x96\x81" /* U+2581, a blank's spelling */

enum { TYPE_CONTROL = 3, TYPE_USER = 4 };

static vs_status no_memory(vs_err *err) { return vs_fail(err, VS_E_NOMEM, "no memory for the tokenizer"); }

static void *steps(vs_tokenizer *t, size_t n, size_t size) { return vs_arena_alloc(&t->arena, n, size); }

/* Runs of blanks stand in these files as blanks; in text they are marks by then. */
static bool all_blank(const char *s, size_t n) {
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        if (s[i] != ' ' && !(s[i] >= 9 && s[i] <= 13) && !(s[i] >= 28 && s[i] <= 31)) return false;
        any = any || s[i] == ' ';
    }
    return any;
}

/* Pieces of these files are spelled in GPT-2's alphabet of bytes; one that is not is text, and respelled. */
static bool in_alphabet(const char *s, size_t n) {
    for (size_t i = 0; i < n;)
        if (vs__char_to_byte(vs_utf8_next(s, n, &i, NULL)) < 0) return false;
    return true;
}

static vs_status respell_pieces(vs_err *err, vs_tokenizer *t) {
    for (size_t i = 0; i < t->vocab.count; i++) {
        vs__piece *p = &t->vocab.piece[i];
        if (in_alphabet(p->s, p->len)) continue;
        char *s = vs_arena_alloc(&t->arena, p->len, 2), *end = s;
        if (!s) return no_memory(err);
        for (size_t k = 0; k < p->len; k++) end += vs_utf8_encode(vs__byte_to_char((unsigned char)p->s[k]), end);
        *p = (vs__piece){.s = s, .len = (uint32_t)(end - s)};
    }
    return VS_OK;
}

static vs_status put_pieces(vs_err *err, vs_tokenizer *t, const vs_vocab_source *src, bool spm) {
    bool respell = spm && !src->add_space_prefix;
    VS_TRY(vs__vocab_init(err, &t->vocab, src->count));
    for (size_t i = 0; i < src->count; i++) {
        const char *s = src->piece[i];
        uint32_t n = src->piece_len[i];
        if (respell && n && (s[0] == ' ' || (s[0] >= 9 && s[0] <= 31)) && all_blank(s, n)) {
            char *marks = vs_arena_alloc(&t->arena, n, 3);
            if (!marks) return no_memory(err);
            for (uint32_t k = 0; k < n; k++) memcpy(marks + 3 * k, MARK, 3);
            s = marks;
            n *= 3;
        }
        t->vocab.piece[i] = (vs__piece){.s = s, .len = n};
    }
    if (!spm) VS_TRY(respell_pieces(err, t));
    vs__vocab_index(&t->vocab);
    return VS_OK;
}

static const char *const role_name[] = {"bos", "eos", "unknown", "padding", "separator", "cls", "mask"};

static vs_status put_roles(vs_err *err, vs_tokenizer *t, const vs_vocab_source *src) {
    const int32_t id[] = {src->bos, src->eos, src->unk, src->pad, src->sep, src->cls, src->mask};
    for (int k = 0; k <= VS_TOK_MASK; k++) {
        if (id[k] >= 0 && (size_t)id[k] >= src->count)
            return vs_fail(err, VS_E_FORMAT, "tokenizer.ggml.%s_token_id is %d, but there are %zu tokens", role_name[k],
                           id[k], src->count);
        t->role[k] = id[k];
    }
    return VS_OK;
}

/* Control and user-defined tokens, and those with a role, are found in text as they are written. */
static vs_status put_added(vs_err *err, vs_tokenizer *t, const vs_vocab_source *src) {
    size_t most = VS_TOK_MASK + 1;
    for (size_t i = 0; src->type && i < src->count; i++)
        most += src->type[i] == TYPE_CONTROL || src->type[i] == TYPE_USER;
    if (!(t->added = vs_zalloc(most, sizeof *t->added))) return no_memory(err);
    size_t n = 0;
    for (size_t i = 0; src->type && i < src->count; i++) {
        bool control = src->type[i] == TYPE_CONTROL, respelled = t->vocab.piece[i].s != src->piece[i];
        if ((!control && src->type[i] != TYPE_USER) || respelled || !src->piece_len[i]) continue;
        t->added[n++] = (vs__added){.s = src->piece[i], .len = src->piece_len[i], .id = (int32_t)i, .special = control};
    }
    for (int k = 0; k <= VS_TOK_MASK; k++) { /* of two rows for one token the later counts, special once is special */
        int32_t id = t->role[k];
        if (id >= 0 && src->piece_len[id] && t->vocab.piece[id].s == src->piece[id])
            t->added[n++] = (vs__added){.s = src->piece[id], .len = src->piece_len[id], .id = id, .special = true};
    }
    t->added_count = n;
    return VS_OK;
}

/* [bos] A [eos], and for pairs the same again for B, as transformers makes it. */
static vs_status put_template(vs_err *err, vs_tokenizer *t, const vs_vocab_source *src) {
    vs__slot *slot = steps(t, 6, sizeof *slot);
    if (!slot) return no_memory(err);
    size_t n = 0;
    for (uint8_t which = 0; which < 2; which++) {
        if (src->add_bos && src->bos >= 0) slot[n++] = (vs__slot){src->bos, which};
        slot[n++] = (vs__slot){which ? VS__SLOT_B : VS__SLOT_A, which};
        if (src->add_eos && src->eos >= 0) slot[n++] = (vs__slot){src->eos, which};
        if (!which) t->single_count = n;
    }
    t->single = t->pair = slot;
    t->pair_count = n;
    return VS_OK;
}

/* ---- SentencePiece BPE ---- */

typedef struct scored {
    float score;
    uint32_t id;
} scored;

static int best_first(const void *a, const void *b) {
    const scored *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* The rank of each piece by score, equal scores alike. */
static vs_status put_ranks(vs_err *err, vs_tokenizer *t, const vs_vocab_source *src) {
    scored *s = vs_alloc(src->count, sizeof *s);
    t->bpe.rank = vs_alloc(src->count, sizeof *t->bpe.rank);
    if (!s || !t->bpe.rank) {
        vs_free(s);
        return no_memory(err);
    }
    for (size_t i = 0; i < src->count; i++)
        s[i] = (scored){src->score[i] == src->score[i] ? src->score[i] : -3e38f, (uint32_t)i}; /* NaN last */
    qsort(s, src->count, sizeof *s, best_first);
    for (size_t i = 0, rank = 0; i < src->count; i++) {
        if (i && s[i].score != s[i - 1].score) rank = i;
        t->bpe.rank[s[i].id] = (uint32_t)rank;
    }
    vs_free(s);
    return VS_OK;
}

static vs_status put_merges(vs_err *err, vs_tokenizer *t, const vs_vocab_source *src) {
    if (src->merge_count > INT32_MAX / 4) return vs_fail(err, VS_E_RANGE, "%zu merges are too many", src->merge_count);
    VS_TRY(vs__bpe_merges(err, &t->bpe, src->merge_count));
    vs_buf joined = {0};
    vs_status st = VS_OK;
    for (size_t i = 0; st == VS_OK && i < src->merge_count; i++) {
        const char *s = src->merge[i],
                   *blank = src->merge_len[i] > 1 ? memchr(s + 1, ' ', src->merge_len[i] - 1) : NULL;
        size_t left = blank ? (size_t)(blank - s) : 0, right = blank ? src->merge_len[i] - left - 1 : 0;
        vs_buf_clear(&joined);
        vs_buf_put(&joined, s, left);
        vs_buf_put(&joined, s + left + 1, right);
        if (joined.failed) {
            st = no_memory(err);
            break;
        }
        int32_t l = vs__vocab_find(&t->vocab, s, left), r = blank ? vs__vocab_find(&t->vocab, blank + 1, right) : -1;
        int32_t id = vs__vocab_find(&t->vocab, joined.s, joined.len);
        if (l < 0 || r < 0 || id < 0)
            st = vs_fail(err, VS_E_FORMAT,
                         "tokenizer.ggml.merges: merge %zu '%.*s' names a piece that is not in the vocabulary", i,
                         src->merge_len[i] > 80 ? 80 : (int)src->merge_len[i], s);
        else
            vs__bpe_merge_put(&t->bpe, (vs__merge){(uint32_t)l, (uint32_t)r, (uint32_t)i, (uint32_t)id});
    }
    vs_buf_free(&joined);
    return st;
}

static vs_status sentencepiece(vs_err *err, vs_tokenizer *t, const vs_vocab_source *src) {
    bool prefix = src->add_space_prefix;
    if (!(t->decode = steps(t, 4, sizeof *t->decode))) return no_memory(err);
    if (prefix) {
        if (!(t->pretok = steps(t, 1, sizeof *t->pretok))) return no_memory(err);
        t->pretok[t->pretok_count++] =
            (vs__pretok_step){.kind = VS__PRETOK_METASPACE, .prepend = VS__PREPEND_FIRST, .a = MARK, .an = 3};
    } else {
        if (!(t->norm = steps(t, 1, sizeof *t->norm))) return no_memory(err);
        t->norm[t->norm_count++] =
            (vs__norm_step){.kind = VS__NORM_REPLACE, .pattern = {.literal = " ", .n = 1}, .a = MARK, .an = 3};
    }
    t->decode[t->decode_count++] =
        (vs__decode_step){.kind = VS__DECODE_REPLACE, .pattern = {.literal = MARK, .n = 3}, .a = " ", .an = 1};
    t->decode[t->decode_count++] = (vs__decode_step){.kind = VS__DECODE_BYTE_FALLBACK};
    t->decode[t->decode_count++] = (vs__decode_step){.kind = VS__DECODE_FUSE};
    if (prefix)
        t->decode[t->decode_count++] = (vs__decode_step){.kind = VS__DECODE_STRIP, .a = " ", .an = 1, .start = 1};
    t->spelling = VS__SPELL_METASPACE;
    t->model = VS__MODEL_BPE;
    t->bpe.fuse_unk = t->bpe.byte_fallback = true;
    t->unk = prefix ? -1 : src->unk;
    if (src->merge) return put_merges(err, t, src);
    if (prefix && !src->score)
        return vs_fail(err, VS_E_FORMAT, "the file has neither tokenizer.ggml.scores nor tokenizer.ggml.merges");
    return prefix ? put_ranks(err, t, src) : VS_OK;
}

/* ---- byte-level BPE ---- */

static vs_status byte_level(vs_err *err, vs_tokenizer *t, const vs_vocab_source *src) {
    const char *re = vs__words_pattern(src->pre);
    t->pretok = steps(t, 2, sizeof *t->pretok);
    t->decode = steps(t, 1, sizeof *t->decode);
    if (!t->pretok || !t->decode) return no_memory(err);
    t->pretok[0] = (vs__pretok_step){.kind = VS__PRETOK_SPLIT, .behavior = VS__ISOLATED};
    t->pretok[1] = (vs__pretok_step){.kind = VS__PRETOK_BYTES};
    t->pretok_count = 2;
    t->decode[t->decode_count++] = (vs__decode_step){.kind = VS__DECODE_BYTES};
    VS_TRY(vs__pattern_regex(err, &t->pretok[0].pattern, re, strlen(re)));
    t->spelling = VS__SPELL_BYTES;
    t->model = VS__MODEL_BPE;
    if (!src->merge) return vs_fail(err, VS_E_FORMAT, "the file has no tokenizer.ggml.merges");
    return put_merges(err, t, src);
}

static vs_status build(vs_err *err, vs_tokenizer *t, const vs_vocab_source *src) {
    bool spm = !strcmp(src->model, "llama");
    if (!spm && strcmp(src->model, "gpt2"))
        return vs_fail(err, VS_E_UNSUPPORTED, "tokenizer.ggml.model '%.40s' is not known (known: llama, gpt2)",
                       src->model);
    if (!src->count) return vs_fail(err, VS_E_FORMAT, "tokenizer.ggml.tokens is empty");
    VS_TRY(put_pieces(err, t, src, spm));
    VS_TRY(put_roles(err, t, src));
    VS_TRY(put_added(err, t, src));
    VS_TRY(put_template(err, t, src));
    VS_TRY(spm ? sentencepiece(err, t, src) : byte_level(err, t, src));
    vs__bpe_prepare(t);
    return vs__tokenizer_finish(err, t);
}

vs_status vs_tokenizer_from_vocab(vs_err *err, const vs_vocab_source *src, vs_tokenizer **out) {
    *out = NULL;
    vs_tokenizer *t = vs__tokenizer_new();
    if (!t) return no_memory(err);
    vs_status s = build(err, t, src);
    if (s != VS_OK) {
        vs_tokenizer_free(t);
        return s;
    }
    *out = t;
    return VS_OK;
}
