/* bpe_cuts.c - where a text falls into words that merges cannot leave.
 *
 * A merge joins a piece that ends in some character u to one that begins with some v.  Where no merge has that u and v,
 * what becomes of the text before u|v does not depend on the text behind it.  So a text that no pre-tokeniser has cut
 * (SentencePiece's way) is cut here, and the heap and the symbols of a word stay in the nearest cache; most words have
 * been seen before, too.  The set is a bit for each pair of near characters, and a bit by hash for others: one that is
 * set by chance only leaves two words together.  It is made when the first long text comes. */
#include <string.h>

#include "tokenizer_impl.h"

enum { NEAR = 384, FAR_LEAST = 1 << 12, FAR_MOST = 1 << 20 }; /* GPT-2's alphabet is near */
struct vs__cuts {
    bool none; /* pieces are merged that stand for other text than they spell: nothing can be said */
    bool all;  /* any character is spelled by pieces, bytes at the last */
    uint64_t near[NEAR][NEAR / 64], *far;
    size_t mask;
};

static size_t far_bit(const vs__cuts *c, uint32_t u, uint32_t v) {
    uint64_t h = ((uint64_t)u << 32 | v) * 0x9fb21c651e98df25ULL;
    return (size_t)(h >> 40) & c->mask;
}

static void join(vs__cuts *c, uint32_t u, uint32_t v) {
    if (u < NEAR && v < NEAR)
        c->near[u][v / 64] |= 1ULL << v % 64;
    else
        c->far[far_bit(c, u, v) / 64] |= 1ULL << far_bit(c, u, v) % 64;
}

static bool known(const vs__vocab *v, uint32_t cp) {
    char s[4];
    return vs__model_find(v, s, vs_utf8_encode(cp, s)) >= 0;
}

bool vs__cuts_between(const vs__cuts *c, const vs_tokenizer *t, uint32_t u, uint32_t v) {
    if (u < NEAR && v < NEAR) return !(c->near[u][v / 64] >> v % 64 & 1);
    size_t bit = far_bit(c, u, v);
    if (c->far[bit / 64] >> bit % 64 & 1) return false;
    return c->all || (known(&t->vocab, u) && known(&t->vocab, v));
}

static uint32_t last_of(const vs__piece *p) {
    size_t i = p->len;
    while (i && ((unsigned char)p->s[--i] & 0xC0) == 0x80) {
    }
    return vs_utf8_next(p->s, p->len, &i, NULL);
}

/* A piece that may stand for text that it does not spell. */
static bool stands_for(const vs_tokenizer *t, uint32_t id) {
    const vs__piece *p = &t->vocab.piece[id];
    return (int32_t)id == t->unk || vs__byte_of_piece(p->s, p->len) >= 0;
}

static void from_merges(const vs_tokenizer *t, vs__cuts *c) {
    const vs__bpe *m = &t->bpe;
    for (size_t i = 0; i <= m->mask; i++) {
        const vs__merge *e = &m->merge[i];
        if (e->rank == UINT32_MAX) continue;
        const vs__piece *l = &t->vocab.piece[e->left], *r = &t->vocab.piece[e->right];
        size_t begin = 0;
        if (stands_for(t, e->left) || stands_for(t, e->right) || !l->len || !r->len) {
            c->none = true;
            return;
        }
        join(c, last_of(l), vs_utf8_next(r->s, r->len, &begin, NULL));
    }
}

/* Whether s[n] has a spelling in it that stands for other text, and more. */
static bool has_bytes(const vs_tokenizer *t, const char *s, size_t n) {
    const vs__piece *unk = t->unk >= 0 ? &t->vocab.piece[t->unk] : NULL;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '<' && n > 6 && n - i >= 6 && vs__byte_of_piece(s + i, 6) >= 0) return true;
        if (unk && unk->len && n > unk->len && n - i >= unk->len && !memcmp(s + i, unk->s, unk->len)) return true;
    }
    return false;
}

/* Where any two pieces that spell a third are joined. */
static void from_pieces(const vs_tokenizer *t, vs__cuts *c) {
    for (size_t k = 0; k < t->vocab.count; k++) {
        const vs__piece *p = &t->vocab.piece[k];
        if (!p->s || !p->len) continue;
        if (has_bytes(t, p->s, p->len)) c->none = true;
        size_t i = 0;
        for (uint32_t before = vs_utf8_next(p->s, p->len, &i, NULL); i < p->len;) {
            uint32_t cp = vs_utf8_next(p->s, p->len, &i, NULL);
            join(c, before, cp);
            before = cp;
        }
    }
}

static vs__cuts *make(const vs_tokenizer *t) {
    const vs__bpe *m = &t->bpe;
    vs__cuts *c = vs_zalloc(1, sizeof *c);
    size_t bits = FAR_LEAST;
    while (bits < FAR_MOST && bits < 8 * t->vocab.count) bits *= 2;
    if (c && !(c->far = vs_zalloc(bits / 64, sizeof *c->far))) {
        vs_free(c);
        c = NULL;
    }
    if (!c) return NULL;
    c->mask = bits - 1;
    c->all = m->byte_fallback;
    for (int b = 0; b < 256; b++) c->all = c->all && m->byte[b] >= 0;
    if (m->merge)
        from_merges(t, c);
    else
        from_pieces(t, c);
    for (uint32_t u = 0; !c->all && u < NEAR; u++)
        if (!known(&t->vocab, u))
            for (uint32_t v = 0; v < NEAR; v++) { /* unknown characters may be dropped, or counted as one */
                join(c, u, v);
                join(c, v, u);
            }
    return c;
}

const vs__cuts *vs__cuts_of(const vs_tokenizer *t) {
    if (t->bpe.prefix_len || t->bpe.suffix_len || !t->bpe.cuts) return NULL;
    vs__cuts *c = atomic_load(t->bpe.cuts), *none = NULL;
    if (!c && (c = make(t)) && !atomic_compare_exchange_strong(t->bpe.cuts, &none, c)) {
        vs__cuts_free(c);
        c = none; /* another thread's, just as good */
    }
    return c && !c->none ? c : NULL;
}

void vs__cuts_free(vs__cuts *c) {
    if (c) vs_free(c->far);
    vs_free(c);
}
