/* tok_unigram.c - of all ways to cut a word into pieces, the one with the greatest sum of log-probabilities (Viterbi).
 */
#include "tokenizer_impl.h"

typedef struct path {
    double score;   /* of the best way to here */
    uint32_t begin; /* where its last piece begins */
    int32_t id;     /* the last piece; -1: no way leads here yet */
} path;

static void reach(path *p, double score, size_t begin, int32_t id) {
    if (p->id >= 0 && score <= p->score) return;
    *p = (path){.score = score, .begin = (uint32_t)begin, .id = id};
}

static void search(const vs_tokenizer *t, const char *s, size_t n, path *best) {
    for (size_t i = 0; i <= n; i++) best[i] = (path){.id = -1};
    for (size_t i = 0, next; i < n; i = next) {
        next = i;
        vs_utf8_next(s, n, &next, NULL);
        if (i && best[i].id < 0) continue; /* nothing leads here */
        bool single = false;               /* a piece of just this character */
        uint32_t node = 0;
        int32_t id;
        for (size_t k = i; k < n && vs__trie_step(&t->unigram.trie, &node, (unsigned char)s[k], &id); k++) {
            if (id < 0) continue;
            reach(&best[k + 1], best[i].score + t->unigram.score[id], i, id);
            single = single || k + 1 == next;
        }
        if (!single && t->unk >= 0) reach(&best[next], best[i].score + t->unigram.unk_score, i, t->unk);
    }
}

/* A run of unknown characters counts as one: its own piece if it happens to spell one, bytes, or unknown. */
static vs_status emit_unknown(vs_err *err, vs__encoder *e, const char *s, size_t begin, size_t end) {
    const vs_tokenizer *t = e->t;
    int32_t id = vs__model_find(&t->vocab, s + begin, end - begin);
    bool bytes = id < 0 && t->unigram.byte_fallback;
    for (size_t i = begin; i < end; i++) bytes = bytes && t->unigram.byte[(unsigned char)s[i]] >= 0;
    if (!bytes) return vs__emit(err, e, id < 0 ? t->unk : id, begin, end);
    for (size_t i = begin; i < end; i++) VS_TRY(vs__emit(err, e, t->unigram.byte[(unsigned char)s[i]], begin, end));
    return VS_OK;
}

vs_status vs__unigram_encode(vs_err *err, vs__encoder *e, const char *s, size_t n) {
    const vs_tokenizer *t = e->t;
    if (n > INT32_MAX / 4) return vs_fail(err, VS_E_RANGE, "a word of %zu bytes is too long", n);
    VS_TRY(vs__scratch(err, &e->scratch, &e->scratch_size, n + 1, sizeof(path)));
    path *best = e->scratch;
    search(t, s, n, best);
    if (best[n].id < 0) return vs__unknown(err, t, &best[n].id);
    /* walk back, turning the links round */
    size_t end = n;
    uint32_t next = UINT32_MAX;
    while (end > 0) {
        size_t begin = best[end].begin;
        best[end].begin = next; /* from here on: where the piece after this one ends */
        next = (uint32_t)end;
        end = begin;
    }
    size_t begin = 0;
    for (size_t at = next; at != UINT32_MAX;) {
        size_t after = best[at].begin;
        if (best[at].id != t->unk) {
            VS_TRY(vs__emit(err, e, best[at].id, begin, at));
            begin = at;
        } else if (after == UINT32_MAX || best[after].id != t->unk) {
            VS_TRY(emit_unknown(err, e, s, begin, at));
            begin = at;
        }
        at = after;
    }
    return VS_OK;
}
