/* beam.c - beam search, by transformers' rules (its GenerationMixin._beam_search, for one text).
 *
 * Scores are f32, added and divided in its order, and what may not be chosen is pushed down by 1e9 as it does: which
 * line wins must not hang on another rounding. */
#include <math.h>
#include <string.h>

#include "../base/alloc.h"
#include "../base/parallel.h"
#include "../tensor/kernels.h"
#include "sample.h"

#define FAR (-1.0e9f)

/* A line: the sum of its log-probabilities while it runs, its score once it has ended. */
typedef struct line {
    float score;
    size_t n, from; /* from: the running line it continues */
    bool ended;     /* of a running candidate: now; of a kept line: it is one that has ended */
    int32_t *ids;   /* [most] */
} line;

typedef struct search {
    const vs_beam_rules *how;
    size_t n, runs;            /* tokens of the running lines; how many of them */
    line *run, *kept, *next;   /* [beams] running, ended; [2 * beams] candidates, best first */
    line *merged, *moved;      /* [3 * beams], [beams] */
    float *logits;             /* [beams, V] */
    size_t *from, *idx;        /* [beams], [2 * beams] */
    int32_t *ids, *flat, *seen; /* of all lines; [beams, most] of the running ones; [n_prompt + most] */
} search;

static vs_status open_search(vs_err *err, const vs_beam_rules *how, search *x) {
    size_t B = how->beams, lines = 4 * B, n;
    *x = (search){.how = how, .runs = 1};
    if (!B || !how->most) return vs_fail(err, VS_E_USAGE, "beam search wants at least one beam and one token");
    if (B > how->V / 2)
        return vs_fail(err, VS_E_USAGE, "beam search: %zu beams of %zu tokens; at most %zu", B, how->V, how->V / 2);
    if (!vs_mul(lines, how->most, &n) || !vs_mul(B, how->V, &n)) return vs_fail(err, VS_E_NOMEM, "no memory for %zu beams", B);
    x->run = vs_zalloc(B, sizeof *x->run);
    x->kept = vs_zalloc(B, sizeof *x->kept);
    x->next = vs_zalloc(2 * B, sizeof *x->next);
    x->merged = vs_zalloc(3 * B, sizeof *x->merged);
    x->moved = vs_zalloc(B, sizeof *x->moved);
    x->logits = vs_alloc(B * how->V, sizeof *x->logits);
    x->from = vs_zalloc(B, sizeof *x->from);
    x->idx = vs_alloc(2 * B, sizeof *x->idx);
    x->ids = vs_zalloc(lines * how->most, sizeof *x->ids);
    x->flat = vs_alloc(B * how->most, sizeof *x->flat);
    x->seen = vs_alloc(how->n_prompt + how->most, sizeof *x->seen);
    if (!x->run || !x->kept || !x->next || !x->merged || !x->moved || !x->logits || !x->from || !x->idx || !x->ids ||
        !x->flat || !x->seen)
        return vs_fail(err, VS_E_NOMEM, "no memory for %zu beams", B);
    for (size_t i = 0; i < B; i++) {
        x->run[i].ids = x->ids + i * how->most;
        x->kept[i] = (line){.score = FAR, .ids = x->ids + (B + i) * how->most};
    }
    for (size_t i = 0; i < 2 * B; i++) x->next[i].ids = x->ids + (2 * B + i) * how->most;
    return VS_OK;
}

static void close_search(search *x) {
    vs_free(x->run);
    vs_free(x->kept);
    vs_free(x->next);
    vs_free(x->merged);
    vs_free(x->moved);
    vs_free(x->logits);
    vs_free(x->from);
    vs_free(x->idx);
    vs_free(x->ids);
    vs_free(x->flat);
    vs_free(x->seen);
}

static void copy_line(line *to, const line *l) {
    int32_t *ids = to->ids;
    memcpy(ids, l->ids, l->n * sizeof *ids);
    *to = *l;
    to->ids = ids;
}

/* Log-probabilities of the running lines' next tokens, in place of their logits. */
static vs_status log_probs(vs_err *err, search *x) {
    const vs_beam_rules *how = x->how;
    if (how->n_prompt) memcpy(x->seen, how->prompt, how->n_prompt * sizeof *x->seen);
    for (size_t b = 0; b < x->runs; b++) {
        float *row = x->logits + b * how->V, all = vs_log_sum_exp(row, how->V);
        if (!isfinite(all)) return vs_fail(err, VS_E_NUMERIC, "beam search: no finite logit after %zu tokens", x->n);
        for (size_t v = 0; v < how->V; v++) row[v] -= all;
        memcpy(x->seen + how->n_prompt, x->run[b].ids, x->n * sizeof *x->seen);
        VS_TRY(vs_penalise(err, row, how->V, x->seen, how->n_prompt + x->n, how->repetition));
        for (size_t v = 0; v < how->V; v++) row[v] += x->run[b].score;
    }
    return VS_OK;
}

/* The best 2 * beams continuations of all lines, best first: twice as many, so that beams are left where some end. */
static void continuations(search *x) {
    size_t V = x->how->V, want = 2 * x->how->beams, n = vs_top_k(x->logits, x->runs * V, want, x->idx);
    bool last = x->n + 1 == x->how->most;
    for (size_t i = 0; i < n; i++) {
        size_t b = x->idx[i] / V;
        line *l = &x->next[i];
        copy_line(l, &x->run[b]);
        l->from = b;
        l->score = x->logits[x->idx[i]];
        l->ids[l->n++] = (int32_t)(x->idx[i] % V);
        l->ended = last || (x->how->eos >= 0 && l->ids[l->n - 1] == x->how->eos);
    }
}

/* The k of n lines with the highest by(line), best first, ties to the earlier: into out, sharing their ids. */
static void best_lines(const line *l, size_t n, size_t k, float (*by)(const line *), const line **out) {
    for (size_t i = 0; i < n; i++) {
        size_t at = i < k ? i : k;
        while (at > 0 && by(&l[i]) > by(out[at - 1])) at--;
        if (at == k) continue;
        for (size_t j = i < k ? i : k - 1; j > at; j--) out[j] = out[j - 1];
        out[at] = &l[i];
    }
}

static float while_running(const line *l) { return l->score + (l->ended ? FAR : 0); }
static float once_ended(const line *l) { return l->score; }

/* Of the best `beams` continuations, those that have ended join the ended lines; the best of all stay. */
static void keep_ended(search *x, const line **best) {
    const vs_beam_rules *how = x->how;
    size_t B = how->beams, full = 0;
    for (size_t i = 0; i < B; i++) full += x->kept[i].ended;
    float by = (float)pow((double)(x->n + 1), (double)how->length_penalty);
    memcpy(x->merged, x->kept, B * sizeof *x->merged);
    for (size_t i = 0; i < 2 * B; i++) {
        line *l = &x->merged[B + i];
        *l = x->next[i];
        l->ended &= i < B;
        l->score /= by;
        if (full == B && how->end == VS_BEAM_AT_ONCE) l->score += FAR;
        if (!l->ended) l->score += FAR;
    }
    best_lines(x->merged, 3 * B, B, once_ended, best);
}

/* Put the chosen lines in their places, by way of a copy: they may change places. */
static void settle(search *x, line *to, const line **best) {
    size_t B = x->how->beams, most = x->how->most;
    for (size_t i = 0; i < B; i++) {
        x->moved[i].ids = x->flat + i * most;
        copy_line(&x->moved[i], best[i]);
    }
    for (size_t i = 0; i < B; i++) copy_line(&to[i], &x->moved[i]);
}

/* Whether a line that runs on may still come out above one that is kept. */
static bool may_improve(const search *x) {
    const vs_beam_rules *how = x->how;
    size_t length = how->end == VS_BEAM_NEVER && how->length_penalty > 0 ? how->most : x->n;
    float by = (float)pow((double)length, (double)how->length_penalty), best = x->run[0].score / by,
          worst = x->kept[how->beams - 1].score;
    for (size_t i = 0; i < how->beams; i++)
        if (best > (x->kept[i].ended ? worst : FAR)) return true;
    return false;
}

/* One more token for every running line; *more: the search goes on. */
static vs_status step(vs_err *err, search *x, vs_beam_logits_fn *fn, void *self, const line **best, bool *more) {
    const vs_beam_rules *how = x->how;
    size_t B = how->beams, ended = 0, full = 0;
    for (size_t i = 0; i < x->runs; i++) {
        memcpy(x->flat + i * x->n, x->run[i].ids, x->n * sizeof *x->flat);
        x->from[i] = x->run[i].from;
    }
    VS_TRY(fn(err, self, x->runs, x->flat, x->n, x->from, x->logits));
    VS_TRY(log_probs(err, x));
    continuations(x);
    best_lines(x->next, 2 * B, B, while_running, best);
    settle(x, x->run, best);
    for (size_t i = 0; i < B; i++) {
        x->run[i].score = while_running(&x->run[i]);
        x->run[i].ended = false;
    }
    keep_ended(x, best);
    for (size_t i = 0; i < 2 * B; i++) ended += x->next[i].ended;
    settle(x, x->kept, best);
    x->runs = B;
    x->n++;
    for (size_t i = 0; i < B; i++) full += x->kept[i].ended;
    *more = may_improve(x) && !(full == B && how->end == VS_BEAM_AT_ONCE) && ended < 2 * B;
    return VS_OK;
}

static vs_status hand_over(vs_err *err, const search *x, vs_beams *out) {
    size_t B = x->how->beams, most = x->how->most;
    out->line = vs_alloc(B, sizeof *out->line);
    out->ids = vs_alloc(B * most, sizeof *out->ids);
    if (!out->line || !out->ids) return vs_fail(err, VS_E_NOMEM, "no memory for %zu beams", B);
    for (size_t i = 0; i < B; i++) {
        const line *l = &x->kept[i];
        int32_t *ids = out->ids + i * most;
        if (!l->ended) continue;
        memcpy(ids, l->ids, l->n * sizeof *ids);
        out->line[out->n++] = (vs_beam_line){.ids = ids, .n = l->n, .score = l->score};
    }
    return VS_OK;
}

vs_status vs_beam_search(vs_err *err, const vs_beam_rules *how, vs_beam_logits_fn *fn, void *self, vs_beams *out) {
    search x;
    *out = (vs_beams){0};
    vs_status st = open_search(err, how, &x);
    const line **best = vs_alloc(how->beams + 1, sizeof *best);
    if (st == VS_OK && !best) st = vs_fail(err, VS_E_NOMEM, "no memory for %zu beams", how->beams);
    for (bool more = true; st == VS_OK && more;) {
        st = step(err, &x, fn, self, best, &more);
        if (st == VS_OK && more && vs_interrupted()) st = vs_fail(err, VS_E_STOPPED, "stopped after %zu tokens", x.n);
    }
    if (st == VS_OK) st = hand_over(err, &x, out);
    if (st != VS_OK) vs_beams_free(out);
    vs_free(best);
    close_search(&x);
    return st;
}

void vs_beams_free(vs_beams *b) {
    vs_free(b->line);
    vs_free(b->ids);
    *b = (vs_beams){0};
}
