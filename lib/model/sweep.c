/* sweep.c - one text under many sets of edits: what a set leaves alone is taken from the pass without edits.
 *
 * A variant runs from the block of its first edit on, and in a causal model from its first edited position on.  Blocks add
 * up: the rows of all variants that run at a layer are stacked in the same products, and each variant sees, before its own
 * keys and values, those of the pass without edits.  As a sum's order does not depend on what stands beside it
 * (tensor/kernels.h), the result has the bits of one pass a variant. */
#include <string.h>

#include "exec.h"

enum { ROWS_AT_ONCE = 4096 }; /* of all variants of a batch: what a pass holds stays small */

typedef struct sweep {
    vs_model *m;
    const vs_request *rq;
    size_t n, T, V;
    bool all;        /* logits of every row */
    int *layer;      /* [n] by variant, then sorted */
    size_t *first;   /* [n] */
    size_t *variant; /* [n] which variant stands at a place of the order */
    vs_edit *edits;  /* [n_edits] of a batch */
    vs_pass *base;
} sweep;

vs_site_kind vs__sweep_keys(const vs_model *m) {
    if (m->stack[0].rope_dims) return VS_SITE_ROT_K;
    return m->arch->stack[0].qk_norm ? VS_SITE_K_NORM : VS_SITE_K;
}

static int layer_of(const vs_model *m, vs_site s) {
    if (s.layer >= 0) return s.layer;
    bool embedding = s.kind == VS_SITE_EMBED || s.kind == VS_SITE_POS_EMBED || s.kind == VS_SITE_TYPE_EMBED ||
                     s.kind == VS_SITE_EMBED_MAP;
    return embedding ? VS_BEFORE_BLOCKS : (int)m->stack[0].L;
}

/* From where each variant runs. */
static void find_starts(sweep *s) {
    const vs_request *rq = s->rq;
    bool causal = vs__sees_only_before(&s->m->arch->stack[0], rq->mask);
    for (size_t i = 0; i < s->n; i++) s->layer[i] = (int)s->m->stack[0].L, s->first[i] = s->T - 1;
    for (size_t k = 0; k < rq->n_edits; k++) {
        const vs_edit *e = &rq->edits[k];
        size_t i = e->text - 1;
        int layer = layer_of(s->m, e->site);
        int64_t from = e->at.all || !causal ? 0 : e->at.from < 0 ? e->at.from + (int64_t)s->T : e->at.from;
        if (layer < s->layer[i]) s->layer[i] = layer;
        if (from < 0) from = 0;
        if ((size_t)from < s->first[i]) s->first[i] = (size_t)from;
    }
    for (size_t i = 0; i < s->n && !causal; i++) s->first[i] = 0;
}

/* Put the variants in the order of their layers; equal ones stay in theirs. */
static vs_status sort(vs_err *err, sweep *s) {
    size_t L = s->m->stack[0].L + 2, at = 0;
    int *layer = vs_alloc(s->n, sizeof *layer);
    size_t *first = vs_alloc(s->n, sizeof *first);
    vs_status st = layer && first ? VS_OK : vs_fail(err, VS_E_NOMEM, "%zu variants", s->n);
    for (size_t l = 0; st == VS_OK && l < L; l++)
        for (size_t i = 0; i < s->n; i++)
            if (s->layer[i] == (int)l - 1) {
                s->variant[at] = i;
                layer[at] = s->layer[i];
                first[at++] = s->first[i];
            }
    if (st == VS_OK) {
        memcpy(s->layer, layer, s->n * sizeof *layer);
        memcpy(s->first, first, s->n * sizeof *first);
    }
    vs_free(layer);
    vs_free(first);
    return st;
}

/* The pass without edits; it keeps each block's input, keys and values. */
static vs_status run_base(vs_err *err, sweep *s, bool logits) {
    size_t L = s->m->stack[0].L, n = 0;
    vs_site *keep = vs_alloc(3 * L + 1, sizeof *keep);
    if (!keep) return vs_fail(err, VS_E_NOMEM, "a sweep over %zu layers", L);
    for (size_t l = 0; l <= L; l++) {
        const vs_site_kind kinds[] = {VS_SITE_RESID_PRE, vs__sweep_keys(s->m), VS_SITE_V};
        for (size_t k = 0; k < (l < L ? 3 : 1); k++)
            keep[n++] = (vs_site){.kind = kinds[k], .layer = (int16_t)l, .head = -1};
    }
    vs_request rq = {.in = s->rq->in, .keep = keep, .n_keep = n, .mask = s->rq->mask,
                     .logits = s->all ? VS_LOGITS_ALL : logits ? VS_LOGITS_LAST : VS_LOGITS_NONE};
    vs_status st = vs_run(err, s->m, &rq, &s->base);
    vs_free(keep);
    return st;
}

/* How many variants from place `at` on run together. */
static size_t batch_from(const sweep *s, size_t at) {
    size_t rows = 0, n = 0;
    while (at + n < s->n && (n == 0 || rows + s->T - s->first[at + n] <= ROWS_AT_ONCE)) rows += s->T - s->first[at + n++];
    return n;
}

/* The edits of the variants at places [at, at + n), as those of texts 1 to n. */
static size_t edits_of(const sweep *s, size_t at, size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < s->rq->n_edits; k++) {
            if (s->rq->edits[k].text != s->variant[at + i] + 1) continue;
            s->edits[count] = s->rq->edits[k];
            s->edits[count++].text = i + 1;
        }
    return count;
}

static vs_status run_batch(vs_err *err, sweep *s, size_t at, size_t n, float *out) {
    vs_variants v = {.base = s->base, .n = n, .T = s->T, .layer = s->layer + at, .first = s->first + at};
    vs_request rq = *s->rq;
    vs_pass *p;
    rq.variants = &v;
    rq.edits = s->edits;
    rq.n_edits = edits_of(s, at, n);
    VS_TRY(vs_run(err, s->m, &rq, &p));
    const float *logits = vs_pass_logits(p, NULL), *clean = vs_pass_logits(s->base, NULL);
    for (size_t i = 0; i < n; i++) {
        size_t before = s->all ? s->first[at + i] : 0, rows = s->all ? s->T - before : 1;
        float *to = out + s->variant[at + i] * (s->all ? s->T : 1) * s->V;
        if (before) memcpy(to, clean, before * s->V * sizeof *to);
        memcpy(to + before * s->V, logits, rows * s->V * sizeof *to);
        logits += rows * s->V;
    }
    vs_pass_free(p);
    return VS_OK;
}

static vs_status check(vs_err *err, const vs_model *m, const vs_request *rq, size_t variants) {
    if (m->arch->n_stacks > 1) return vs_fail(err, VS_E_UNSUPPORTED, "%s: a sweep over two stacks", m->info.name);
    if (rq->in.starts && rq->in.n_seqs != 1) return vs_fail(err, VS_E_USAGE, "a sweep is over one text, not %zu", rq->in.n_seqs);
    if (rq->n_keep || rq->kv || rq->stop_layer || rq->logits == VS_LOGITS_NONE)
        return vs_fail(err, VS_E_USAGE, "a sweep gives logits: it keeps no sites, uses no cache and runs every layer");
    if (!variants) return vs_fail(err, VS_E_USAGE, "a sweep of no variants");
    for (size_t i = 0; i < rq->n_edits; i++)
        if (!rq->edits[i].text || rq->edits[i].text > variants)
            return vs_fail(err, VS_E_USAGE, "edit %zu belongs to variant %zu; there are 1 to %zu", i, rq->edits[i].text, variants);
    return VS_OK;
}

vs_status vs_sweep(vs_err *err, vs_model *m, const vs_request *rq, size_t variants, float *out, float *clean) {
    VS_TRY(check(err, m, rq, variants));
    sweep w = {.m = m, .rq = rq, .n = variants, .T = rq->in.rows, .V = m->info.V, .all = rq->logits == VS_LOGITS_ALL};
    vs_status s = VS_OK;
    w.layer = vs_alloc(variants, sizeof *w.layer);
    w.first = vs_alloc(variants, sizeof *w.first);
    w.variant = vs_alloc(variants, sizeof *w.variant);
    w.edits = vs_alloc(rq->n_edits, sizeof *w.edits);
    if (!w.layer || !w.first || !w.variant || !w.edits) {
        s = vs_fail(err, VS_E_NOMEM, "%zu variants", variants);
        goto done;
    }
    VS_TRY_TO(done, run_base(err, &w, clean != NULL));
    if (clean) memcpy(clean, vs_pass_logits(w.base, NULL), (w.all ? w.T : 1) * w.V * sizeof *clean);
    find_starts(&w);
    VS_TRY_TO(done, sort(err, &w));
    for (size_t at = 0, n; at < variants; at += n) {
        n = batch_from(&w, at);
        VS_TRY_TO(done, run_batch(err, &w, at, n, out));
    }
done:
    vs_pass_free(w.base);
    vs_free(w.layer);
    vs_free(w.first);
    vs_free(w.variant);
    vs_free(w.edits);
    return s;
}
