/* edit.c - interventions: nodes that change some positions of a slot, or mask edges of attention. */
#include "../base/dict.h"
#include "grad_impl.h"

#include <math.h>
#include <string.h>

/* Where a vector is put: one text's part of a slot, head by head. */
typedef struct view {
    float *at;
    size_t row, head;    /* steps, in floats */
    size_t heads, width;
    size_t first, count; /* its rows are the positions [first, first + count) */
} view;

static view view_of(const vs_exec *x, int slot, float *base, size_t seq) {
    const vs_slot *s = &x->plan->slot[slot];
    const vs_rows *r = &x->plan->of[s->set];
    size_t T = vs__rows(r, seq), first = vs__first(x, r, seq), row = s->heads * s->width;
    if (s->kind == VS_ROWS_EDGES) {
        const size_t *edges = r->edges[s->cross];
        size_t S = (edges[seq + 1] - edges[seq]) / T;
        return (view){base + s->heads * edges[seq], S, T * S, s->heads, S, first, T};
    }
    if (s->kind == VS_ROWS_ALL) return (view){base + r->starts[seq] * row, row, s->width, s->heads, s->width, first, T};
    return (view){base + seq * row, row, s->width, s->heads, s->width, s->kind == VS_ROWS_LAST ? first + T - 1 : 0, 1};
}

/* Whether an edit is meant for a text of the set; in a sweep it is a variant's. */
static bool meant_for(const vs_edit *e, const vs_rows *r, size_t seq) {
    return !e->text || e->text == (r->variant ? r->variant[seq] : seq + 1);
}

/* Positions [*from, *to) of a text of S that `at` names; false when there are none. */
static bool resolve(vs_positions at, size_t S, size_t *from, size_t *to) {
    int64_t a = at.all ? 0 : at.from, b = at.all ? (int64_t)S - 1 : at.to;
    if (a < 0) a += (int64_t)S;
    if (b < 0) b += (int64_t)S;
    if (a < 0 && b >= 0 && !at.all) a = 0;
    if (b >= (int64_t)S) b = (int64_t)S - 1;
    *from = (size_t)(a < 0 ? 0 : a);
    *to = (size_t)(b + 1 < 0 ? 0 : b + 1);
    return a >= 0 && a <= b;
}

static vs_status hits_nothing(vs_err *err, const vs_exec *x, const vs_edit *e, const char *why) {
    char name[96];
    return vs_fail(err, VS_E_STATE, "the edit of %s hits nothing: %s",
                   vs_site_name(x->m, e->site, true, name, sizeof name), why);
}

/* One position: vec continues from head to head.  Returns the squared length of the difference. */
static double change_row(const vs_edit *e, const view *v, float *row, const float *vec, float norm2) {
    size_t h0 = e->site.head < 0 ? 0 : (size_t)e->site.head, h1 = e->site.head < 0 ? v->heads : h0 + 1;
    float along = 0;
    double sum = 0;
    if (e->kind == VS_EDIT_PROJECT) {
        for (size_t h = h0; h < h1; h++) along += vs_dot(row + h * v->head, vec + (h - h0) * v->width, v->width);
        along /= norm2;
    }
    for (size_t h = h0; h < h1; h++) {
        float *y = row + h * v->head;
        const float *u = vec ? vec + (h - h0) * v->width : NULL;
        for (size_t i = 0; i < v->width; i++) {
            float old = y[i];
            switch (e->kind) {
            case VS_EDIT_SET: y[i] = u ? u[i] : 0; break;
            case VS_EDIT_ADD: y[i] = old + e->factor * u[i]; break;
            case VS_EDIT_SCALE: y[i] = old * e->factor; break;
            case VS_EDIT_PROJECT: y[i] = old - along * u[i]; break;
            case VS_EDIT_CUT: break;
            }
            double diff = (double)y[i] - (double)old;
            sum += diff * diff;
        }
    }
    return sum;
}

/* The vector for the j-th position of `at`, checked against the view's width and the first text's positions. */
static vs_status vector_for(vs_err *err, const vs_exec *x, const vs_edit *e, const view *v, size_t S, size_t j, const float **vec) {
    size_t width = (e->site.head < 0 ? v->heads : 1) * v->width, from, to;
    char name[96];
    bool optional = e->kind == VS_EDIT_SET || e->kind == VS_EDIT_SCALE;
    *vec = e->vec;
    if (!e->vec && optional) return VS_OK;
    if (!e->vec || e->width != width)
        return vs_fail(err, VS_E_SHAPE, "%s: the vector of an edit has %zu numbers, want %zu",
                       vs_site_name(x->m, e->site, true, name, sizeof name), e->vec ? e->width : 0, width);
    if (!e->per_row) return VS_OK;
    if (!resolve(e->at, S, &from, &to) || j >= to - from)
        return vs_fail(err, VS_E_SHAPE, "%s: an edit with a vector for each position has none for position %zu of a longer text",
                       vs_site_name(x->m, e->site, true, name, sizeof name), j);
    *vec = e->vec + j * width;
    return VS_OK;
}

/* What an edit does to the values `out` of its node. */
static vs_status apply(vs_err *err, const vs_exec *x, const vs_node *n, const vs_edit *e, float *out, vs_edit_effect *effect) {
    const vs_rows *r = vs__set_of(x, n->out);
    double sum = 0;
    bool before = false; /* its positions lie in the cached rows: it was done when they were made */
    bool there = false;  /* a text has such positions */
    for (size_t seq = 0; seq < r->n_seqs; seq++) {
        if (!meant_for(e, r, seq)) continue;
        view v = view_of(x, n->out, out, seq);
        size_t from, to;
        if (!resolve(e->at, vs__positions(x, r, seq), &from, &to)) continue;
        there = true;
        before |= from < x->prior[r->stack];
        for (size_t pos = from < v.first ? v.first : from; pos < to && pos < v.first + v.count; pos++) {
            const float *vec;
            VS_TRY(vector_for(err, x, e, &v, vs__positions(x, r, e->text ? seq : 0), pos - from, &vec));
            float norm2 = 0;
            if (e->kind == VS_EDIT_PROJECT) {
                norm2 = vs_sum_squares(vec, e->width);
                if (!(norm2 > 0) || !isfinite(norm2))
                    return vs_fail(err, VS_E_NUMERIC, "project: the direction has no length");
            }
            sum += change_row(e, &v, v.at + (pos - v.first) * v.row, vec, norm2);
            effect->hits++;
        }
    }
    effect->change = sqrt(sum);
    if (effect->hits || before || (there && x->rq->variants)) return VS_OK; /* a sweep makes no more rows than its logits need */
    return hits_nothing(err, x, e, there ? "this pass computes it at other positions alone" : "no text has such a position");
}

vs_status vs__forward_edit(vs_err *err, const vs_exec *x, const vs_node *n) {
    float *in = vs__slot(x, n->in[0]), *out = vs__slot(x, n->out);
    if (in != out) memcpy(out, in, x->plan->slot[n->out].size * sizeof *out);
    return apply(err, x, n, &x->rq->edits[n->edit], out, &x->pass->effects[n->edit]);
}

/* The way back of an edit is an edit of the gradient: what was set is cut off, what was added makes no difference, a
 * factor and a projection (which is its own transpose) come again. */
vs_status vs__backward_edit(vs_err *err, const vs_back *b, const vs_node *n, const float *dy, float *const dx[3]) {
    vs_edit e = b->x.rq->edits[n->edit];
    vs_edit_effect effect = {0};
    memcpy(dx[0], dy, b->x.plan->slot[n->out].size * sizeof *dy);
    if (e.kind == VS_EDIT_ADD) return VS_OK;
    if (e.kind == VS_EDIT_SET) e.vec = NULL;
    return apply(err, &b->x, n, &e, dx[0], &effect);
}

/* A cut edge weighs nothing whatever its score was: the softmax has passed nothing back to it. */
vs_status vs__backward_cut(vs_err *err, const vs_back *b, const vs_node *n, const float *dy, float *const dx[3]) {
    (void)err;
    memcpy(dx[0], dy, b->x.plan->slot[n->out].size * sizeof *dy);
    return VS_OK;
}

/* Cut keys [k0, k1) out of a row of scores [S]; *sum grows by the squared difference that this makes to the pattern. */
static vs_status cut_row(vs_err *err, const vs_exec *x, const vs_node *n, size_t pos, float *row, size_t S, size_t k0,
                         size_t k1, double *sum) {
    size_t lo, hi;
    vs__visible(n, pos, S, &lo, &hi);
    float *was = vs__scratch(x, 0), *is = was + S;
    memcpy(was, row + lo, (hi - lo) * sizeof *was);
    for (size_t k = k0; k < k1; k++) row[k] = -INFINITY;
    memcpy(is, row + lo, (hi - lo) * sizeof *is);
    bool some = vs_softmax(was, hi - lo);
    if (!vs_softmax(is, hi - lo))
        return vs_fail(err, VS_E_NUMERIC, "cut in layer %d: every key of position %zu is masked", n->site.layer, pos);
    for (size_t k = 0; k < hi - lo && some; k++) *sum += ((double)is[k] - (double)was[k]) * ((double)is[k] - (double)was[k]);
    return VS_OK;
}

vs_status vs__forward_cut(vs_err *err, const vs_exec *x, const vs_node *n) {
    const vs_edit *e = &x->rq->edits[n->edit];
    vs_edit_effect *effect = &x->pass->effects[n->edit];
    float *in = vs__slot(x, n->in[0]), *out = vs__slot(x, n->out);
    if (in != out) memcpy(out, in, x->plan->slot[n->out].size * sizeof *out);
    const vs_rows *r = vs__set_of(x, n->out);
    double sum = 0;
    bool before = false;
    for (size_t seq = 0; seq < r->n_seqs; seq++) {
        if (!meant_for(e, r, seq)) continue;
        view v = view_of(x, n->out, out, seq);
        size_t S = v.width, from, to, k0, k1;
        size_t h0 = e->site.head < 0 ? 0 : (size_t)e->site.head, h1 = e->site.head < 0 ? v.heads : h0 + 1;
        if (!resolve(e->at, vs__positions(x, r, seq), &from, &to) || !resolve(e->keys, S, &k0, &k1)) continue;
        before |= from < x->prior[r->stack];
        for (size_t pos = from < v.first ? v.first : from; pos < to; pos++) {
            size_t lo, hi;
            vs__visible(n, pos, S, &lo, &hi);
            size_t a = k0 > lo ? k0 : lo, b = k1 < hi ? k1 : hi;
            for (size_t h = h0; a < b && h < h1; h++) {
                VS_TRY(cut_row(err, x, n, pos, v.at + h * v.head + (pos - v.first) * v.row, S, a, b, &sum));
                effect->hits += b - a;
            }
        }
    }
    effect->change = sqrt(sum);
    return effect->hits || before ? VS_OK : hits_nothing(err, x, e, "no such query sees such a key");
}

/* What distinguishes the edits of one request from those of another, vectors included. */
uint64_t vs__edits_hash(const vs_request *rq, bool encoder) {
    uint64_t h = 0;
    for (size_t i = 0; i < rq->n_edits; i++) {
        const vs_edit *e = &rq->edits[i];
        if (encoder && vs_site_reads(e->site)) continue;
        uint32_t factor;
        memcpy(&factor, &e->factor, sizeof factor);
        size_t rows = e->per_row && e->at.to >= e->at.from ? (size_t)(e->at.to - e->at.from) + 1 : 1;
        uint64_t v[16] = {h, (uint64_t)e->kind, (uint64_t)e->site.kind, (uint64_t)(int64_t)e->site.layer,
                          (uint64_t)(int64_t)e->site.head, e->site.stack, e->site.cross, e->at.all,
                          (uint64_t)(int64_t)e->at.from, (uint64_t)(int64_t)e->at.to, e->keys.all,
                          (uint64_t)(int64_t)e->keys.from, (uint64_t)(int64_t)e->keys.to, factor, e->per_row,
                          e->vec ? vs_hash(e->vec, e->width * rows * sizeof *e->vec) : 0};
        h = vs_hash(v, sizeof v);
    }
    return h;
}
