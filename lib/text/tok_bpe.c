/* tok_bpe.c - byte-pair encoding: the pair of lowest rank is joined, the leftmost of equals first, until none is left.
 *
 * Pairs and their ranks come either from a list of merges, or from the vocabulary alone: two neighbours may be joined
 * when their joined spelling is a piece, in the order of the joined pieces (their ids, or a rank by score), and of
 * several ways to one piece the one with the longest left part first.  That is the list of merges that the reference
 * derives from a SentencePiece vocabulary; looking pairs up by spelling saves making it (half a million rows).
 * A heap over the candidates: O(n log n) for n characters of a word.  A long text is cut into words where no merge can
 * join (bpe_cuts.c); the pieces of words that come again are remembered for as long as the text lasts. */
#include <string.h>

#include "tokenizer_impl.h"

enum { NONE = -1 };

typedef struct symbol {
    int32_t id, prev, next; /* NONE at the ends */
    uint32_t at;            /* where its text begins */
    uint32_t len;           /* bytes of the text; 0: merged away */
    uint32_t literal;       /* the text spells the piece (not so for <0x0A>, <unk>) */
} symbol;

typedef struct candidate {
    uint64_t rank;
    uint32_t id;  /* what the pair becomes */
    int32_t left; /* index of the left symbol */
} candidate;

typedef struct heap {
    candidate *c;
    size_t n;
} heap;

static bool before(const candidate *a, const candidate *b) {
    if (a->rank != b->rank) return a->rank < b->rank;
    if (a->id != b->id) return a->id < b->id;
    return a->left < b->left;
}

static void heap_push(heap *h, candidate c) {
    size_t i = h->n++;
    for (; i > 0 && before(&c, &h->c[(i - 1) / 4]); i = (i - 1) / 4) h->c[i] = h->c[(i - 1) / 4];
    h->c[i] = c;
}

static candidate heap_pop(heap *h) {
    candidate top = h->c[0], last = h->c[--h->n];
    size_t i = 0;
    for (;;) {
        size_t child = 4 * i + 1, best = child;
        if (child >= h->n) break;
        for (size_t k = child + 1; k < child + 4 && k < h->n; k++)
            if (before(&h->c[k], &h->c[best])) best = k;
        if (!before(&h->c[best], &last)) break;
        h->c[i] = h->c[best];
        i = best;
    }
    h->c[i] = last;
    return top;
}

/* ---- pairs ---- */

static uint64_t pair_hash(uint32_t left, uint32_t right) {
    uint64_t h = ((uint64_t)left << 32 | right) * 0x9fb21c651e98df25ULL;
    return h ^ h >> 29;
}

vs_status vs__bpe_merges(vs_err *err, vs__bpe *m, size_t count) {
    size_t slots = 16;
    while (slots < count * 2 && slots <= SIZE_MAX / 4) slots *= 2;
    m->merge = vs_alloc(slots, sizeof *m->merge);
    if (!m->merge) return vs_fail(err, VS_E_NOMEM, "no memory for %zu merges", count);
    for (size_t i = 0; i < slots; i++) m->merge[i].rank = UINT32_MAX; /* an empty slot */
    m->mask = slots - 1;
    return VS_OK;
}

static vs__merge *pair_find(const vs__bpe *m, uint32_t left, uint32_t right) {
    for (size_t i = pair_hash(left, right) & m->mask;; i = (i + 1) & m->mask) {
        vs__merge *e = &m->merge[i];
        if (e->rank == UINT32_MAX || (e->left == left && e->right == right)) return e;
    }
}

void vs__bpe_merge_put(vs__bpe *m, vs__merge merge) { *pair_find(m, merge.left, merge.right) = merge; }

static uint32_t characters(const char *s, size_t n) {
    uint32_t count = 0;
    for (size_t i = 0; i < n; i++) count += ((unsigned char)s[i] & 0xC0) != 0x80;
    return count < UINT16_MAX ? count : UINT16_MAX;
}

static bool is_literal(const symbol *left, const symbol *right) {
    return left->literal && right->literal && left->at + left->len == right->at;
}

/* The piece that left and right spell together, or NONE. */
static int32_t joined(const vs_tokenizer *t, const char *text, const symbol *left, const symbol *right) {
    const vs__piece *l = &t->vocab.piece[left->id], *r = &t->vocab.piece[right->id];
    size_t n = (size_t)l->len + r->len;
    if (n > t->vocab.max_len) return NONE;
    if (is_literal(left, right)) return vs__model_find(&t->vocab, text + left->at, n);
    char small[256];
    if (n > sizeof small) return NONE;
    memcpy(small, l->s, l->len);
    memcpy(small + l->len, r->s, r->len);
    return vs__model_find(&t->vocab, small, n);
}

static bool pair(const vs_tokenizer *t, const char *text, const symbol *left, const symbol *right, candidate *out) {
    const vs__bpe *m = &t->bpe;
    if (m->merge) {
        const vs__merge *e = pair_find(m, (uint32_t)left->id, (uint32_t)right->id);
        if (e->rank == UINT32_MAX) return false;
        out->rank = e->rank;
        out->id = e->id;
        return true;
    }
    int32_t id = joined(t, text, left, right);
    if (id == NONE) return false;
    const vs__piece *l = &t->vocab.piece[left->id], *r = &t->vocab.piece[right->id];
    uint64_t rank = m->rank ? m->rank[id] : (uint32_t)id;
    out->rank =
        rank << 32 | (uint64_t)(UINT16_MAX - characters(l->s, l->len)) << 16 | (UINT16_MAX - characters(r->s, r->len));
    out->id = (uint32_t)id;
    return true;
}

/* ---- a word ---- */

typedef struct word {
    symbol *s;
    size_t n;
} word;

static void add(word *w, int32_t id, size_t at, size_t len, bool literal) {
    w->s[w->n] = (symbol){.id = id,
                          .prev = (int32_t)w->n - 1,
                          .next = NONE,
                          .at = (uint32_t)at,
                          .len = (uint32_t)len,
                          .literal = literal};
    if (w->n) w->s[w->n - 1].next = (int32_t)w->n;
    w->n++;
}

/* The piece of the character s[i..next), spelled as its place in the word wants it: in small, n bytes, where that is
 * not how the text has it. */
static int32_t character(const vs_tokenizer *t, const char *s, size_t i, size_t next, bool last, char *small,
                         size_t *n) {
    const vs__bpe *m = &t->bpe;
    size_t before = i ? m->prefix_len : 0, after = last ? m->suffix_len : 0;
    *n = 0;
    if (!before && !after) {
        uint32_t c = (unsigned char)s[i];
        return c < 128 ? m->ascii[c] : vs__model_find(&t->vocab, s + i, next - i);
    }
    if (before) memcpy(small, m->prefix, before);
    memcpy(small + before, s + i, next - i);
    if (after) memcpy(small + before + (next - i), m->suffix, after);
    *n = before + (next - i) + after;
    return vs__model_find(&t->vocab, small, *n);
}

/* Characters of the vocabulary; others as their bytes where there are such pieces, else unknown. */
static vs_status split(vs_err *err, const vs_tokenizer *t, const char *s, size_t n, word *w) {
    const vs__bpe *m = &t->bpe;
    size_t unk_len = 0, unk_at = 0; /* an unknown token that is still growing */
    char small[2 * VS__BPE_AFFIX + 4];
    for (size_t i = 0, next, k_small; i < n; i = next) {
        next = i;
        vs_utf8_next(s, n, &next, NULL);
        int32_t id = character(t, s, i, next, next == n, small, &k_small);
        if (id != NONE) {
            if (unk_len) add(w, t->unk, unk_at, unk_len, false);
            unk_len = 0;
            add(w, id, i, next - i, !k_small);
            continue;
        }
        const char *c = k_small ? small : s + i;
        size_t count = k_small ? k_small : next - i;
        bool bytes = m->byte_fallback;
        for (size_t k = 0; k < count; k++) bytes = bytes && m->byte[(unsigned char)c[k]] != NONE;
        if (bytes) {
            for (size_t k = 0; k < count; k++) add(w, m->byte[(unsigned char)c[k]], i + k, 1, false);
        } else if (t->unk_missing) {
            return vs__unknown(err, t, &id);
        } else if (t->unk >= 0) {
            if (unk_len && !m->fuse_unk) {
                add(w, t->unk, unk_at, unk_len, false);
                unk_len = 0;
            }
            if (!unk_len) unk_at = i;
            unk_len += next - i;
        }
    }
    if (unk_len) add(w, t->unk, unk_at, unk_len, false);
    return VS_OK;
}

/* Whether the two still make the candidate's piece: either may have changed since it was put in the heap. */
static bool still(const vs_tokenizer *t, const char *text, const symbol *left, const symbol *right, uint32_t id) {
    candidate c;
    if (!t->bpe.merge && is_literal(left, right))
        return left->len + right->len == t->vocab.piece[id].len; /* the text has not changed */
    return pair(t, text, left, right, &c) && c.id == id;
}

static void merge(const vs_tokenizer *t, const char *text, word *w, heap *h) {
    candidate c;
    for (size_t i = 0; i + 1 < w->n; i++)
        if (pair(t, text, &w->s[i], &w->s[i + 1], &c)) {
            c.left = (int32_t)i;
            heap_push(h, c);
        }
    while (h->n) {
        candidate top = heap_pop(h);
        symbol *left = &w->s[top.left];
        if (!left->len || left->next == NONE) continue;
        symbol *right = &w->s[left->next];
        if (!still(t, text, left, right, top.id)) continue;
        left->literal = is_literal(left, right);
        left->id = (int32_t)top.id;
        left->len += right->len;
        left->next = right->next;
        right->len = 0;
        if (left->next != NONE) w->s[left->next].prev = top.left;
        if (left->prev != NONE && pair(t, text, &w->s[left->prev], left, &c)) {
            c.left = left->prev;
            heap_push(h, c);
        }
        if (left->next != NONE && pair(t, text, left, &w->s[left->next], &c)) {
            c.left = top.left;
            heap_push(h, c);
        }
    }
}

/* ---- words seen before ---- */

enum { SEEN_BYTES = 24, SEEN_PIECES = 7, SEEN_LEAST = 256, SEEN_MOST = 8192 };
typedef struct vs__seen {
    uint64_t word[SEEN_BYTES / 8];
    int32_t id[SEEN_PIECES];
    uint8_t len[SEEN_PIECES];
    uint8_t size, count; /* bytes of the word, 0: empty; pieces */
} seen;

/* Room for words according to the length of the texts so far. */
static void seen_grow(vs__encoder *e) {
    size_t slots = SEEN_LEAST;
    while (slots < SEEN_MOST && slots < e->total / 32) slots *= 2;
    if (e->seen && e->seen_mask + 1 >= slots) return;
    seen *more = vs_zalloc(slots, sizeof *more);
    if (!more) return; /* the words are cut again */
    vs_free(e->seen);
    e->seen = more;
    e->seen_mask = slots - 1;
}

/* The entry where s[n] belongs, or NULL: the word is long, there was little text, or memory is short.  *hit: it is this
 * word's; else it has been given to it, without pieces. */
static seen *seen_at(vs__encoder *e, const char *s, size_t n, bool *hit) {
    uint64_t w[SEEN_BYTES / 8] = {0}, h = n;
    if (n > SEEN_BYTES || !e->seen) return NULL;
    memcpy(w, s, n);
    for (size_t k = 0; k < SEEN_BYTES / 8; k++) {
        h = (h ^ w[k]) * 0x9fb21c651e98df25ULL;
        h ^= h >> 32;
    }
    seen *at = &e->seen[h & e->seen_mask];
    *hit = at->size == n && at->word[0] == w[0] && at->word[1] == w[1] && at->word[2] == w[2];
    if (!*hit) {
        memcpy(at->word, w, sizeof w);
        at->size = 0;
    }
    return at;
}

/* ---- a slice ---- */

/* One word of the slice; *pos: where its text is counted from. */
static vs_status encode_word(vs_err *err, vs__encoder *e, const char *s, size_t n, size_t *pos) {
    const vs_tokenizer *t = e->t;
    bool hit = false;
    seen *was = seen_at(e, s, n, &hit);
    for (size_t k = 0; hit && k < was->count; k++) {
        VS_TRY(vs__emit(err, e, was->id[k], *pos, *pos + was->len[k]));
        *pos += was->len[k];
    }
    if (hit) return VS_OK;
    /* at most a symbol a byte, affixes of unknown characters included; each of the fewer merges takes one candidate out
     * and puts at most two in */
    size_t most = t->bpe.byte_fallback ? n * (1 + t->bpe.prefix_len) + t->bpe.suffix_len : n, count = 0;
    VS_TRY(vs__scratch(err, &e->scratch, &e->scratch_size, most, sizeof(symbol)));
    VS_TRY(vs__scratch(err, &e->scratch2, &e->scratch2_size, 2 * most, sizeof(candidate)));
    word w = {.s = e->scratch};
    heap h = {.c = e->scratch2};
    VS_TRY(split(err, t, s, n, &w));
    merge(t, s, &w, &h);
    for (size_t i = 0; i < w.n; i++) {
        if (!w.s[i].len) continue;
        VS_TRY(vs__emit(err, e, w.s[i].id, *pos, *pos + w.s[i].len));
        *pos += w.s[i].len;
        if (was && count < SEEN_PIECES) {
            was->id[count] = w.s[i].id;
            was->len[count] = (uint8_t)w.s[i].len;
        }
        count++;
    }
    if (was && count <= SEEN_PIECES) {
        was->size = (uint8_t)n;
        was->count = (uint8_t)count;
    }
    return VS_OK;
}

vs_status vs__bpe_encode(vs_err *err, vs__encoder *e, const char *s, size_t n) {
    enum { MUCH = 512, CUT_FROM = 16 }; /* bytes of text so far that make it worth it to prepare for more; of a slice */
    const vs_tokenizer *t = e->t;
    if (t->bpe.ignore_merges) {
        int32_t id = vs__model_find(&t->vocab, s, n);
        if (id != NONE) return vs__emit(err, e, id, 0, n);
    }
    if (n > INT32_MAX / 4) return vs_fail(err, VS_E_RANGE, "a word of %zu bytes is too long", n);
    if (e->total >= MUCH) seen_grow(e);
    const vs__cuts *cuts = e->total < MUCH || n < CUT_FROM ? NULL : vs__cuts_of(t);
    size_t pos = 0;
    if (!cuts) return encode_word(err, e, s, n, &pos);
    for (size_t begin = 0, at = 0, next; begin < n; begin = at) {
        uint32_t before = vs_utf8_next(s, n, &at, NULL);
        for (; at < n; at = next) {
            next = at;
            uint32_t cp = vs_utf8_next(s, n, &next, NULL);
            if (vs__cuts_between(cuts, t, before, cp)) break;
            before = cp;
        }
        VS_TRY(encode_word(err, e, s + begin, at - begin, &pos));
    }
    return VS_OK;
}

void vs__byte_pieces(const vs__vocab *v, int32_t id[256]) {
    static const char hex[] = "0123456789ABCDEF";
    for (int b = 0; b < 256; b++) {
        const char s[6] = {'<', '0', 'x', hex[b >> 4], hex[b & 15], '>'};
        id[b] = vs__model_find(v, s, sizeof s);
    }
}

void vs__bpe_prepare(vs_tokenizer *t) {
    vs__byte_pieces(&t->vocab, t->bpe.byte);
    for (int c = 0; c < 128; c++) {
        char s = (char)c;
        t->bpe.ascii[c] = vs__model_find(&t->vocab, &s, 1);
    }
}
