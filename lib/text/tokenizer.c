/* tokenizer.c - the pipeline from text to tokens; see tokenizer_impl.h. */
#include "tokenizer.h"

#include <string.h>

#include "tokenizer_impl.h"

/* ---- life ---- */

vs_tokenizer *vs__tokenizer_new(void) {
    vs_tokenizer *t = vs_zalloc(1, sizeof *t);
    if (!t) return NULL;
    t->unk = -1;
    for (int k = 0; k <= VS_TOK_MASK; k++) t->role[k] = -1;
    return t;
}

static void encoder_free(vs__encoder *e) {
    if (!e) return;
    vs__text_free(&e->x);
    vs__text_free(&e->y);
    vs_free(e->slice);
    vs_free(e->slice2);
    vs_free(e->match);
    vs_free(e->scratch);
    vs_free(e->scratch2);
    vs_free(e->seen);
    vs_tokens_free(&e->out);
    vs_tokens_free(&e->first);
    vs_free(e);
}

/* The encoder that the last text has left, or a new one. */
static vs_status encoder_take(vs_err *err, const vs_tokenizer *t, vs__encoder **out) {
    vs__encoder *e = *out = atomic_exchange(t->spare, NULL);
    if (!e) e = *out = vs_zalloc(1, sizeof *e);
    if (!e) return vs_fail(err, VS_E_NOMEM, "no memory to cut a text into pieces");
    e->t = t;
    e->out.n = e->first.n = 0;
    return VS_OK;
}

static void encoder_leave(vs__encoder *e) {
    enum { MOST = 1 << 18 }; /* bytes of a text whose memory is worth being kept */
    if (e->x.cap > MOST || e->y.cap > MOST || e->scratch_size > 32 * MOST)
        encoder_free(e);
    else
        encoder_free(atomic_exchange(e->t->spare, e));
}

void vs_tokenizer_free(vs_tokenizer *t) {
    if (!t) return;
    for (size_t i = 0; i < t->norm_count; i++) vs__pattern_free(&t->norm[i].pattern);
    for (size_t i = 0; i < t->pretok_count; i++) vs__pattern_free(&t->pretok[i].pattern);
    for (size_t i = 0; i < t->decode_count; i++) vs__pattern_free(&t->decode[i].pattern);
    vs__vocab_free(&t->vocab);
    vs__trie_free(&t->raw);
    vs__trie_free(&t->normalized);
    vs__trie_free(&t->wordpiece.trie);
    vs__trie_free(&t->unigram.trie);
    vs_free(t->added);
    vs_free(t->bpe.merge);
    vs_free(t->bpe.rank);
    if (t->bpe.cuts) vs__cuts_free(atomic_load(t->bpe.cuts));
    if (t->spare) encoder_free(atomic_load(t->spare));
    vs_free(t->unigram.score);
    vs_arena_free(&t->arena);
    vs_free(t);
}

/* How an added token that is looked for in normalised text looks there. */
static vs_status normalize_added(vs_err *err, vs_tokenizer *t, vs__added *a) {
    a->norm = a->s;
    a->norm_len = a->len;
    if (!a->normalized || !t->norm_count) return VS_OK;
    vs__text x = {0}, y = {0};
    vs_status s = VS_OK;
    vs__text_put_original(&x, a->s, 0, a->len);
    for (size_t k = 0; s == VS_OK && k < t->norm_count; k++) {
        y.n = 0;
        s = vs__normalize(err, &t->norm[k], &x, (vs__slice){0, x.n, 0}, &y);
        vs__text z = x;
        x = y;
        y = z;
    }
    char *copy = x.failed ? NULL : vs_arena_strndup(&t->arena, x.s ? x.s : "", x.n);
    if (s == VS_OK && !copy) s = vs_fail(err, VS_E_NOMEM, "no memory for an added token");
    a->norm = copy;
    a->norm_len = (uint32_t)x.n;
    vs__text_free(&x);
    vs__text_free(&y);
    return s;
}

vs_status vs__tokenizer_finish(vs_err *err, vs_tokenizer *t) {
    t->bpe.cuts = vs_arena_alloc(&t->arena, 1, sizeof *t->bpe.cuts);
    t->spare = vs_arena_alloc(&t->arena, 1, sizeof *t->spare);
    if (!t->bpe.cuts || !t->spare) return vs_fail(err, VS_E_NOMEM, "no memory for the tokenizer");
    for (size_t i = 0; i < t->added_count; i++) {
        vs__added *a = &t->added[i];
        if (a->len > VS__ADDED_MAX)
            return vs_fail(err, VS_E_RANGE, "added token %d is %u bytes long, more than %d", a->id, a->len,
                           VS__ADDED_MAX);
        VS_TRY(normalize_added(err, t, a));
        uint32_t flags = VS__PIECE_ADDED | (a->special ? VS__PIECE_SPECIAL : 0u);
        if (a->norm_len != a->len || memcmp(a->norm, a->s, a->len)) flags |= VS__PIECE_RESPELLED;
        t->vocab.piece[a->id].flags |= flags;
        if (a->norm_len)
            VS_TRY(vs__trie_add(err, a->normalized ? &t->normalized : &t->raw, a->norm, a->norm_len, (int32_t)i));
    }
    return VS_OK;
}

/* ---- tokens ---- */

void vs_tokens_free(vs_tokens *t) {
    vs_free(t->id);
    vs_free(t->begin);
    vs_free(t->end);
    vs_free(t->type);
    vs_free(t->text);
    vs_free(t->special);
    *t = (vs_tokens){0};
}

static bool grow(void **p, size_t old, size_t n, size_t size) {
    void *q = vs_grow(*p, old, n, size);
    if (q) *p = q;
    return q != NULL;
}

static bool tokens_reserve(vs_tokens *t, size_t cap) {
    void *id = t->id, *begin = t->begin, *end = t->end, *type = t->type, *text = t->text, *special = t->special;
    bool ok = grow(&id, t->n, cap, sizeof *t->id) && grow(&begin, t->n, cap, sizeof *t->begin) &&
              grow(&end, t->n, cap, sizeof *t->end) && grow(&type, t->n, cap, 1) && grow(&text, t->n, cap, 1) &&
              grow(&special, t->n, cap, 1);
    t->id = id;
    t->begin = begin;
    t->end = end;
    t->type = type;
    t->text = text;
    t->special = special;
    return ok;
}

static vs_status put(vs_err *err, vs_tokens *t, size_t *cap, int32_t id, uint32_t begin, uint32_t end) {
    if (t->n == *cap) {
        size_t more = *cap ? *cap * 2 : 64;
        if (!tokens_reserve(t, more)) return vs_fail(err, VS_E_NOMEM, "no memory for %zu tokens", more);
        *cap = more;
    }
    t->id[t->n] = id;
    t->begin[t->n] = begin;
    t->end[t->n] = end;
    t->type[t->n] = t->text[t->n] = t->special[t->n] = 0;
    t->n++;
    return VS_OK;
}

vs_status vs__emit(vs_err *err, vs__encoder *e, int32_t id, size_t begin, size_t end) {
    const vs__text *x = &e->x;
    size_t b = e->at.begin + begin, z = e->at.begin + end;
    if (z > e->at.end) z = e->at.end; /* lengths can run over: a suffix spelled as bytes, unknown characters dropped */
    if (b >= e->at.end && b > e->at.begin)
        return put(err, &e->out, &e->out_cap, id, x->to[e->at.end - 1], x->to[e->at.end - 1]);
    if (begin >= end || b >= z)
        return put(err, &e->out, &e->out_cap, id, e->at.origin + (uint32_t)begin, e->at.origin + (uint32_t)end);
    return put(err, &e->out, &e->out_cap, id, x->from[b], x->to[z - 1]);
}

vs_status vs__unknown(vs_err *err, const vs_tokenizer *t, int32_t *id) {
    *id = t->unk;
    if (t->unk >= 0) return VS_OK;
    return vs_fail(err, VS_E_UNSUPPORTED,
                   "the text has characters that the vocabulary lacks, and it has no unknown piece");
}

vs_status vs__scratch(vs_err *err, void **p, size_t *size, size_t n, size_t each) {
    size_t want;
    if (!vs_mul(n, each, &want)) return vs_fail(err, VS_E_RANGE, "a text of %zu bytes is too long", n);
    if (want <= *size && *p) return VS_OK;
    if (want < 4096) want = 4096;
    vs_free(*p);
    *p = vs_alloc(want, 1);
    *size = *p ? want : 0;
    return *p ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory to cut %zu bytes into pieces", n);
}

/* ---- added tokens in a text ---- */

enum { FOUND = 1 }; /* the type, until the template gives one, of a token that was found in the text as it is written */

static bool blank(uint32_t cp) {
    return cp == 0x120 || vs__is_space(cp);
} /* U+0120 spells a blank in GPT-2's alphabet */

static bool inside(const char *s, size_t at) { return ((unsigned char)s[at] & 0xC0) == 0x80; } /* a character */

/* Blanks at the ends of the spelling s[n] are left out of a span of text[size] (ByteLevel's trim_offsets), character by
 * character: the one that was put in front of a text stands for its first character. */
static void trim_span(const vs_tokenizer *t, const char *text, size_t size, const char *s, size_t n, bool first,
                      uint32_t *from, uint32_t *to) {
    size_t next = 0, lead = 0, trail = 0, begin = *from, end = *to;
    bool leading = true;
    while (next < n) {
        bool is_blank = blank(vs_utf8_next(s, n, &next, NULL));
        leading = leading && is_blank;
        lead += leading;
        trail = is_blank ? trail + 1 : 0;
    }
    if (lead == 1 && t->trim_keeps_first && (first || begin == 0)) lead = 0;
    for (; lead && begin < end; lead--)
        while (++begin < size && inside(text, begin)) {
        }
    size_t back = end;
    for (; trail && back; trail--)
        while (--back && inside(text, back)) {
        }
    if (!trail) end = back;
    *from = (uint32_t)begin;
    *to = (uint32_t)(end > begin ? end : begin);
}

/* A token found in the text, spelled s[n] there with the blanks that it took along. */
static vs_status put_found(vs_err *err, vs__encoder *e, int32_t id, uint32_t begin, uint32_t end, const char *s,
                           size_t n) {
    if (e->t->trim_offsets) trim_span(e->t, e->text, e->text_len, s, n, !e->out.n, &begin, &end);
    VS_TRY(put(err, &e->out, &e->out_cap, id, begin, end));
    e->out.type[e->out.n - 1] = FOUND;
    return VS_OK;
}

/* Whether the character before s+at (or at it) is of a word. */
static bool word_before(const char *s, size_t at) {
    if (!at) return false;
    size_t i = at - 1;
    while (i > 0 && ((unsigned char)s[i] & 0xC0) == 0x80) i--;
    return vs__is_word(vs_utf8_next(s, at, &i, NULL));
}

static bool word_at(const char *s, size_t n, size_t at) { return at < n && vs__is_word(vs_utf8_next(s, n, &at, NULL)); }

static size_t spaces_before(const char *s, size_t least, size_t at) {
    while (at > least) {
        size_t i = at - 1, next;
        while (i > least && ((unsigned char)s[i] & 0xC0) == 0x80) i--;
        next = i;
        if (!vs__is_space(vs_utf8_next(s, at, &next, NULL))) break;
        at = i;
    }
    return at;
}

static size_t spaces_after(const char *s, size_t n, size_t at) {
    for (size_t next = at; at < n; at = next)
        if (!vs__is_space(vs_utf8_next(s, n, &next, NULL))) break;
    return at;
}

/* The search for added tokens in a text. */
typedef struct search {
    const vs__trie *trie;
    const char *s;
    size_t n;
    size_t at;         /* goes on here */
    size_t done;       /* where the last one ended, with the blanks it took along */
    size_t begin, end; /* the one found, with its blanks */
    size_t blanks;     /* where the last blanks behind one ended */
} search;

/* The next added token: its index; -1: none is left.  As in the reference it may lie in the blanks that the last one
 * took along; then the text goes on behind it, and one that takes blanks from before itself is left empty. */
static int32_t next_added(const vs_tokenizer *t, search *f) {
    const char *s = f->s;
    const size_t n = f->n;
    f->done = f->end;
    for (size_t i = f->at; i < n; i++) {
        int32_t k = -1;
        if (!f->trie->first[(unsigned char)s[i]]) continue;
        size_t len = vs__trie_longest(f->trie, s + i, n - i, &k);
        if (!len) continue;
        const vs__added *a = &t->added[k];
        f->at = i + len; /* whatever becomes of this one */
        if (a->single_word && (word_before(s, i) || word_at(s, n, i + len))) {
            i = f->at - 1;
            continue;
        }
        f->begin = a->lstrip ? spaces_before(s, f->done, i) : i;
        f->end = i + len;
        if (a->rstrip) f->end = f->blanks = f->blanks > i && f->blanks >= f->end ? f->blanks : spaces_after(s, n, f->end);
        if (a->lstrip && f->begin < f->done) f->begin = f->done < f->end ? f->done : f->end;
        return k;
    }
    f->at = f->begin = f->end = n;
    return -1;
}

/* ---- one text ---- */

static vs_status encode_slice(vs_err *err, vs__encoder *e, vs__slice at) {
    e->at = at;
    const char *s = e->x.s + at.begin;
    size_t n = at.end - at.begin;
    switch (e->t->model) {
    case VS__MODEL_BPE: return vs__bpe_encode(err, e, s, n);
    case VS__MODEL_WORDPIECE: return vs__wordpiece_encode(err, e, s, n);
    case VS__MODEL_UNIGRAM: return vs__unigram_encode(err, e, s, n);
    case VS__MODEL_WORDS: return vs__words_encode(err, e, s, n);
    }
    return VS_OK;
}

/* One part of the normalised text between added tokens. */
static vs_status encode_part(vs_err *err, vs__encoder *e, vs__slice part) {
    const vs_tokenizer *t = e->t;
    e->slices2 = 0;
    VS_TRY(vs__slices_push(err, e, part));
    vs__slices_swap(e);
    for (size_t k = 0; k < t->pretok_count; k++) VS_TRY(vs__pretokenize(err, &t->pretok[k], e));
    for (size_t k = 0; k < e->slices; k++) VS_TRY(encode_slice(err, e, e->slice[k]));
    return VS_OK;
}

/* The original text [begin,end), which has no added token in it as written. */
static vs_status encode_segment(vs_err *err, vs__encoder *e, const char *text, size_t begin, size_t end) {
    const vs_tokenizer *t = e->t;
    e->x.n = 0;
    vs__text_put_original(&e->x, text, begin, end);
    for (size_t k = 0; k < t->norm_count; k++) {
        e->y.n = 0;
        VS_TRY(vs__normalize(err, &t->norm[k], &e->x, (vs__slice){0, e->x.n, (uint32_t)begin}, &e->y));
        vs__text z = e->x;
        e->x = e->y;
        e->y = z;
    }
    if (e->x.failed) return vs_fail(err, VS_E_NOMEM, "no memory to normalise %zu bytes", end - begin);
    if (!t->normalized.count) return encode_part(err, e, (vs__slice){0, e->x.n, e->x.n ? e->x.from[0] : 0});

    vs__text whole = e->x; /* a pre-tokeniser may respell e->x: keep the text while its parts are worked on */
    e->x = (vs__text){0};
    vs_status s = VS_OK;
    search f = {.trie = &t->normalized, .s = whole.s, .n = whole.n};
    for (int32_t k = 0; s == VS_OK && k >= 0;) {
        k = next_added(t, &f);
        if (f.begin > f.done) {
            e->x.n = 0;
            vs__text_put_slice(&e->x, &whole, f.done, f.begin);
            if (e->x.failed)
                s = vs_fail(err, VS_E_NOMEM, "no memory for %zu bytes of text", f.begin - f.done);
            else
                s = encode_part(err, e, (vs__slice){0, e->x.n, e->x.from[0]});
        }
        if (s == VS_OK && f.begin < f.end)
            s = put_found(err, e, t->added[k].id, whole.from[f.begin], whole.to[f.end - 1], whole.s + f.begin,
                          f.end - f.begin);
    }
    vs__text_free(&whole);
    return s;
}

static vs_status encode(vs_err *err, vs__encoder *e, const char *text, size_t n) {
    const vs_tokenizer *t = e->t;
    size_t bad = 0;
    if (n > INT32_MAX / 4) return vs_fail(err, VS_E_RANGE, "a text of %zu bytes is too long", n);
    e->text = text;
    e->text_len = n;
    e->total += n;
    if (!vs_utf8_valid(text, n, &bad))
        return vs_fail(err, VS_E_FORMAT, "the text is not UTF-8: byte %zu is 0x%02X", bad, (unsigned char)text[bad]);
    search f = {.trie = &t->raw, .s = text, .n = n};
    for (int32_t k = 0; k >= 0;) {
        k = next_added(t, &f);
        if (f.begin > f.done) VS_TRY(encode_segment(err, e, text, f.done, f.begin));
        if (f.begin < f.end)
            VS_TRY(put_found(err, e, t->added[k].id, (uint32_t)f.begin, (uint32_t)f.end, text + f.begin, f.end - f.begin));
    }
    return VS_OK;
}

/* ---- the template ---- */

static void trim(const vs_tokenizer *t, const char *text, size_t size, vs_tokens *x) {
    for (size_t i = 0; i < x->n; i++) {
        size_t n;
        const char *s = vs_piece(t, x->id[i], &n);
        if (t->model == VS__MODEL_UNIGRAM && x->id[i] == t->unk) { /* it goes by the text that is unknown */
            s = text + x->begin[i];
            n = x->end[i] - x->begin[i];
        }
        if (s && x->type[i] != FOUND) trim_span(t, text, size, s, n, i == 0, &x->begin[i], &x->end[i]);
    }
}

static vs_status fill(vs_err *err, const vs__slot *slot, size_t count, vs_tokens *const part[2], bool with_special,
                      vs_tokens *out) {
    size_t cap = 1;
    for (size_t k = 0; k < count; k++) cap += slot[k].id < 0 ? part[slot[k].id == VS__SLOT_B]->n : 1;
    if (!tokens_reserve(out, cap)) return vs_fail(err, VS_E_NOMEM, "no memory for %zu tokens", cap);
    for (size_t k = 0; k < count; k++) {
        if (slot[k].id >= 0) {
            if (!with_special) continue;
            VS_TRY(put(err, out, &cap, slot[k].id, 0, 0));
            out->special[out->n - 1] = 1;
            out->type[out->n - 1] = slot[k].type;
            continue;
        }
        uint8_t which = slot[k].id == VS__SLOT_B;
        const vs_tokens *x = part[which];
        for (size_t i = 0; i < x->n; i++) {
            VS_TRY(put(err, out, &cap, x->id[i], x->begin[i], x->end[i]));
            out->type[out->n - 1] = slot[k].type;
            out->text[out->n - 1] = which;
        }
    }
    return VS_OK;
}

static vs_status tokenize(vs_err *err, vs__encoder *e, const char *text, size_t n, const char *pair, size_t m,
                          bool with_special, vs_tokens *out) {
    const vs_tokenizer *t = e->t;
    VS_TRY(encode(err, e, text, n));
    if (pair) {
        vs_tokens x = e->out;
        size_t cap = e->out_cap;
        e->out = e->first;
        e->out_cap = e->first_cap;
        e->first = x;
        e->first_cap = cap;
        VS_TRY(encode(err, e, pair, m));
    }
    vs_tokens *part[2] = {pair ? &e->first : &e->out, &e->out};
    if (t->trim_offsets) trim(t, text, n, part[0]);
    if (t->trim_offsets && pair) trim(t, pair, m, part[1]);
    return pair ? fill(err, t->pair, t->pair_count, part, with_special, out)
                : fill(err, t->single, t->single_count, part, with_special, out);
}

vs_status vs_tokenize(vs_err *err, const vs_tokenizer *t, const char *text, size_t n, const char *pair, size_t m,
                      bool with_special, vs_tokens *out) {
    vs__encoder *e;
    *out = (vs_tokens){0};
    VS_TRY(encoder_take(err, t, &e));
    vs_status s = tokenize(err, e, text, n, pair, m, with_special, out);
    if (s == VS_OK) {
        encoder_leave(e);
    } else {
        encoder_free(e);
        vs_tokens_free(out);
    }
    return s;
}

/* ---- the vocabulary ---- */

const char *vs_piece(const vs_tokenizer *t, int32_t id, size_t *len) {
    bool known = id >= 0 && (size_t)id < t->vocab.count && t->vocab.piece[id].s;
    *len = known ? t->vocab.piece[id].len : 0;
    return known ? t->vocab.piece[id].s : NULL;
}

size_t vs_vocab_size(const vs_tokenizer *t) { return t->vocab.count; }
int32_t vs_piece_find(const vs_tokenizer *t, const char *piece, size_t n) {
    return vs__vocab_find(&t->vocab, piece, n);
}
bool vs_is_special(const vs_tokenizer *t, int32_t id) {
    return id >= 0 && (size_t)id < t->vocab.count && (t->vocab.piece[id].flags & VS__PIECE_SPECIAL);
}
int32_t vs_role_id(const vs_tokenizer *t, vs_role_token role) { return t->role[role]; }
