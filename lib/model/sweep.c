/* sweep.c - one text under many sets of edits: what a set leaves alone is taken from the pass without edits.
 *
 * A variant runs from the part of a block on where its first edit is (attention, its heads' output, what follows it), and in a causal model
 * from its first edited position on.  Where only the last row's logits are asked for, the last block makes no other.  Parts add
 * up: the rows of all variants that run at a layer are stacked in the same products, and each variant sees, before its own
 * keys and values, those of the pass without edits.  Of two stacks, the first runs for those variants alone that are edited
 * there, and the last for them from its first cross-attention on; the others ask the memory of the pass without edits.
 * As a sum's order does not depend on what stands beside it (tensor/kernels.h), the result has the bits of one pass a
 * variant. */
#include <limits.h>
#include <string.h>

#include "exec.h"

enum { ROWS_AT_ONCE = 4096 }; /* of all variants of a batch: what a pass holds stays small */
enum { NOWHERE = INT_MAX };   /* the point of a variant that leaves a stack alone */

/* Where each variant of a list begins to run in a stack: some of the last, or those of them that make a memory. */
typedef struct starts {
    int *point;      /* [n] */
    size_t *first;   /* [n] */
    size_t *variant; /* [n] */
} starts;

typedef struct sweep {
    vs_model *m;
    const vs_request *rq;
    size_t n, T, V;
    int last;       /* the stack that predicts */
    bool all;       /* logits of every row */
    starts found;   /* by variant, from 0: in the last stack */
    int *memory;    /* [n] by variant: from where it runs in the first of two stacks, or NOWHERE */
    starts of[2];   /* by stack, in order: all of the last stack, and of the first those of a batch */
    vs_edit *edits; /* [n_edits] of a batch */
    vs_pass *base;
} sweep;

vs_site_kind vs__sweep_keys(const vs_model *m, int stack) {
    if (m->stack[stack].rope_dims) return VS_SITE_ROT_K;
    return m->arch->stack[stack].qk_norm ? VS_SITE_K_NORM : VS_SITE_K;
}

vs_site_kind vs__sweep_mid(const vs_model *m, int stack) {
    if (m->arch->stack[stack].sub[1].from_block && m->stack[stack].parallel) return VS_SITE_COUNT;
    return m->arch->stack[stack].sub[0].post ? VS_SITE_NORM_MID : VS_SITE_RESID_MID;
}

/* The last point from which a site is still made anew. */
static int point_of(const vs_model *m, vs_site s) {
    if (s.layer >= 0) {
        bool late = s.cross || s.kind >= VS_SITE_RESID_MID_X; /* sites.def has the order of a pass */
        if (late && vs__sweep_mid(m, s.stack) != VS_SITE_COUNT) return vs__at_second(s.layer);
        return late || s.kind >= VS_SITE_Z ? vs__at_heads(s.layer) : vs__at_block(s.layer);
    }
    bool embedding = s.kind == VS_SITE_EMBED || s.kind == VS_SITE_POS_EMBED || s.kind == VS_SITE_TYPE_EMBED ||
                     s.kind == VS_SITE_EMBED_MAP;
    return embedding ? VS_BEFORE_BLOCKS : vs__at_block((int)m->stack[s.stack].L);
}

/* The same of a variant's own memory; NOWHERE: the edit leaves it alone.  What a block asks of it, edited, is as good as a memory
 * of its own. */
static int memory_point(const sweep *s, vs_site site) {
    if (!s->last) return NOWHERE;
    if (!site.stack) return point_of(s->m, site);
    return vs_site_reads(site) ? NOWHERE : vs__at_block((int)s->m->stack[0].L);
}

/* From where each variant runs. */
static void find_starts(sweep *s) {
    const vs_request *rq = s->rq;
    bool causal = vs__sees_only_before(&s->m->arch->stack[s->last], rq->mask);
    starts *f = &s->found;
    for (size_t i = 0; i < s->n; i++) f->point[i] = vs__at_block((int)s->m->stack[s->last].L), f->first[i] = s->T - 1, s->memory[i] = NOWHERE;
    for (size_t k = 0; k < rq->n_edits; k++) {
        const vs_edit *e = &rq->edits[k];
        size_t i = e->text - 1;
        int memory = memory_point(s, e->site), point = e->site.stack == s->last ? point_of(s->m, e->site) : vs__at_second(0);
        bool everywhere = e->at.all || !causal || memory != NOWHERE;
        int64_t from = everywhere ? 0 : e->at.from < 0 ? e->at.from + (int64_t)s->T : e->at.from;
        if (memory < s->memory[i]) s->memory[i] = memory;
        if (point < f->point[i]) f->point[i] = point;
        if (from < 0) from = 0;
        if ((size_t)from < f->first[i]) f->first[i] = (size_t)from;
    }
    for (size_t i = 0; i < s->n && !causal; i++) f->first[i] = 0;
}

/* Put the variants in the order of the points from which the last stack runs; equal ones stay in theirs. */
static void sort(sweep *s) {
    int end = vs__at_block((int)s->m->stack[s->last].L);
    starts *of = &s->of[s->last];
    size_t at = 0;
    for (int point = VS_BEFORE_BLOCKS; point <= end; point++)
        for (size_t i = 0; i < s->n; i++)
            if (s->found.point[i] == point) {
                of->variant[at] = i + 1;
                of->point[at] = point;
                of->first[at++] = s->found.first[i];
            }
}

/* What variants of a stack begin with: each block's input, what its heads mixed, the stream where its second part begins, and,
 * of the last stack, the keys and values that its attention reads. */
static size_t kept_of(const sweep *s, int stack, vs_site *keep) {
    const vs_model *m = s->m;
    bool attend = stack == s->last, cross = m->info.stack[stack].cross, mid = vs__sweep_mid(m, stack) != VS_SITE_COUNT;
    const vs_site_kind kinds[] = {VS_SITE_RESID_PRE, vs__sweep_mid(m, stack), VS_SITE_Z, vs__sweep_keys(m, stack), VS_SITE_V, VS_SITE_K, VS_SITE_V};
    size_t n = 0;
    for (size_t l = 0; l <= m->stack[stack].L; l++)
        for (size_t k = 0; k < (l == m->stack[stack].L ? 1 : !attend ? 3 : cross ? 7 : 5); k++)
            if (k != 1 || mid)
                keep[n++] = (vs_site){.kind = kinds[k], .layer = (int16_t)l, .head = -1, .stack = (uint8_t)stack, .cross = k > 4};
    return n;
}

/* The pass without edits. */
static vs_status run_base(vs_err *err, sweep *s, bool logits) {
    size_t L = s->m->stack[0].L + s->m->stack[s->last].L, n = 0;
    vs_site *keep = vs_alloc(7 * L + 2, sizeof *keep);
    if (!keep) return vs_fail(err, VS_E_NOMEM, "a sweep over %zu layers", L);
    for (int stack = 0; stack <= s->last; stack++) n += kept_of(s, stack, keep + n);
    vs_request rq = {.in = s->rq->in, .decoder = s->rq->decoder, .keep = keep, .n_keep = n, .mask = s->rq->mask,
                     .logits = s->all ? VS_LOGITS_ALL : logits ? VS_LOGITS_LAST : VS_LOGITS_NONE};
    vs_status st = vs_run(err, s->m, &rq, &s->base);
    vs_free(keep);
    return st;
}

/* Rows that a place of the order takes. */
static size_t rows_at(const sweep *s, size_t at) {
    const starts *of = &s->of[s->last];
    return s->T - of->first[at] + (s->memory[of->variant[at] - 1] == NOWHERE ? 0 : s->rq->in.rows);
}

/* How many variants from place `at` on run together. */
static size_t batch_from(const sweep *s, size_t at) {
    size_t rows = 0, n = 0;
    while (at + n < s->n && (n == 0 || rows + rows_at(s, at + n) <= ROWS_AT_ONCE)) rows += rows_at(s, at + n++);
    return n;
}

/* The edits of the variants at places [at, at + n). */
static size_t edits_of(const sweep *s, size_t at, size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < s->rq->n_edits; k++)
            if (s->rq->edits[k].text == s->of[s->last].variant[at + i]) s->edits[count++] = s->rq->edits[k];
    return count;
}

/* Those of them that run in the first of two stacks, in the order of the points from which they do. */
static vs_joins memories_of(sweep *s, size_t at, size_t n) {
    int end = vs__at_block((int)s->m->stack[0].L);
    starts *of = &s->of[0];
    size_t count = 0;
    for (int point = VS_BEFORE_BLOCKS; point <= end; point++)
        for (size_t i = at; i < at + n; i++) {
            size_t variant = s->of[1].variant[i];
            if (s->memory[variant - 1] != point) continue;
            of->variant[count] = variant;
            of->point[count] = point;
            of->first[count++] = 0; /* what a memory is asked is a whole text */
        }
    return (vs_joins){.n = count, .T = s->rq->in.rows, .point = of->point, .first = of->first, .variant = of->variant};
}

static vs_status run_batch(vs_err *err, sweep *s, size_t at, size_t n, float *out) {
    const starts *of = &s->of[s->last];
    vs_variants v = {.base = s->base};
    if (s->last) v.of[0] = memories_of(s, at, n);
    v.of[s->last] = (vs_joins){.n = n, .T = s->T, .point = of->point + at, .first = of->first + at, .variant = of->variant + at};
    vs_request rq = *s->rq;
    vs_pass *p;
    rq.variants = &v;
    rq.edits = s->edits;
    rq.n_edits = edits_of(s, at, n);
    VS_TRY(vs_run(err, s->m, &rq, &p));
    const float *logits = vs_pass_logits(p, NULL), *clean = vs_pass_logits(s->base, NULL);
    for (size_t i = 0; i < n; i++) {
        size_t before = s->all ? of->first[at + i] : 0, rows = s->all ? s->T - before : 1;
        float *to = out + (of->variant[at + i] - 1) * (s->all ? s->T : 1) * s->V;
        if (before) memcpy(to, clean, before * s->V * sizeof *to);
        memcpy(to + before * s->V, logits, rows * s->V * sizeof *to);
        logits += rows * s->V;
    }
    vs_pass_free(p);
    return VS_OK;
}

static vs_status check(vs_err *err, const vs_model *m, const vs_request *rq, size_t variants) {
    if (rq->in.starts && rq->in.n_seqs != 1) return vs_fail(err, VS_E_USAGE, "a sweep is over one text, not %zu", rq->in.n_seqs);
    if (rq->n_keep || rq->kv || rq->stop_layer || rq->logits == VS_LOGITS_NONE)
        return vs_fail(err, VS_E_USAGE, "a sweep gives logits: it keeps no sites, uses no cache and runs every layer");
    if (m->info.n_stacks > 1 && !rq->decoder.rows)
        return vs_fail(err, VS_E_USAGE, "%s predicts in its decoder: give it tokens to read", m->info.name);
    if (!variants) return vs_fail(err, VS_E_USAGE, "a sweep of no variants");
    for (size_t i = 0; i < rq->n_edits; i++)
        if (!rq->edits[i].text || rq->edits[i].text > variants)
            return vs_fail(err, VS_E_USAGE, "edit %zu belongs to variant %zu; there are 1 to %zu", i, rq->edits[i].text, variants);
    return VS_OK;
}

static bool make(starts *x, size_t n) {
    x->point = vs_alloc(n, sizeof *x->point);
    x->first = vs_alloc(n, sizeof *x->first);
    x->variant = vs_alloc(n, sizeof *x->variant);
    return x->point && x->first && x->variant;
}
static void clear(starts *x) {
    vs_free(x->point);
    vs_free(x->first);
    vs_free(x->variant);
}

vs_status vs_sweep(vs_err *err, vs_model *m, const vs_request *rq, size_t variants, float *out, float *clean) {
    VS_TRY(check(err, m, rq, variants));
    bool two = m->info.n_stacks > 1;
    sweep w = {.m = m, .rq = rq, .n = variants, .T = two ? rq->decoder.rows : rq->in.rows, .V = m->info.V, .last = two,
               .all = rq->logits == VS_LOGITS_ALL};
    vs_status s = VS_OK;
    w.memory = vs_alloc(variants, sizeof *w.memory);
    w.edits = vs_alloc(rq->n_edits, sizeof *w.edits);
    if (!make(&w.found, variants) || !make(&w.of[w.last], variants) || (two && !make(&w.of[0], variants)) || !w.memory || !w.edits) {
        s = vs_fail(err, VS_E_NOMEM, "%zu variants", variants);
        goto done;
    }
    VS_TRY_TO(done, run_base(err, &w, clean != NULL));
    if (clean) memcpy(clean, vs_pass_logits(w.base, NULL), (w.all ? w.T : 1) * w.V * sizeof *clean);
    find_starts(&w);
    sort(&w);
    for (size_t at = 0, n; at < variants; at += n) {
        n = batch_from(&w, at);
        VS_TRY_TO(done, run_batch(err, &w, at, n, out));
    }
done:
    vs_pass_free(w.base);
    clear(&w.found);
    clear(&w.of[0]);
    clear(&w.of[1]);
    vs_free(w.memory);
    vs_free(w.edits);
    return s;
}
