/* grad.c - a pass, its objectives, and the walk back through its nodes. */
#include <math.h>
#include <string.h>

#include "grad_impl.h"

/* What the walk knows of a slot. */
typedef struct state {
    bool leads;    /* it depends on something whose gradient is asked for */
    bool matters;  /* the objective depends on it */
    bool asked;    /* its own gradient is asked for, or given by an objective: it has a place of its own */
    bool written;
    int buffer;    /* -1: none yet */
    float *grad;   /* [size]; NULL: not needed */
} state;

struct vs_grad {
    vs_model *m;
    vs_pass *pass;
    double value;
    state *slot;      /* [slots of the pass's plan] */
    vs_pass by;       /* the gradients that were asked for, as a pass; at: [slots] */
    float *mem;       /* gradients that are kept, then those that share memory, then each node's temporaries */
    size_t cap;
};

vs_status vs_grad_new(vs_err *err, vs_model *m, vs_grad **out) {
    *out = vs_zalloc(1, sizeof **out);
    if (!*out) return vs_fail(err, VS_E_NOMEM, "gradients");
    (*out)->m = m;
    return VS_OK;
}

void vs_grad_free(vs_grad *g) {
    if (!g) return;
    vs_pass_free(g->pass);
    vs_free(g->slot);
    vs_free(g->by.at);
    vs_free(g->mem);
    vs_free(g);
}

double vs_grad_value(const vs_grad *g) { return g->value; }
const vs_pass *vs_grad_pass(const vs_grad *g) { return g->pass; }

void vs_targets_next(const vs_input *in, int32_t *targets) {
    size_t n_seqs = in->starts ? in->n_seqs : 1;
    for (size_t i = 0; i + 1 < in->rows; i++) targets[i] = in->ids[i + 1];
    for (size_t i = 0; i < n_seqs; i++) targets[(in->starts ? in->starts[i + 1] : in->rows) - 1] = -1;
}

/* ---- the pass ---- */

/* Sites that the plan has to keep: the caller's, those of the objectives, those that are asked for. */
static vs_status run_pass(vs_err *err, vs_grad *g, const vs_grad_request *rq, vs_request *pass) {
    size_t n = rq->pass.n_keep + rq->n_of + rq->n_by, at = 0;
    vs_site *keep = vs_alloc(n, sizeof *keep);
    if (!keep) return vs_fail(err, VS_E_NOMEM, "%zu sites", n);
    *pass = rq->pass;
    for (size_t i = 0; i < rq->pass.n_keep; i++) keep[at++] = rq->pass.keep[i];
    for (size_t i = 0; i < rq->n_of; i++) {
        keep[at++] = rq->of[i].site;
        if (rq->of[i].site.kind == VS_SITE_LOGITS && pass->logits == VS_LOGITS_NONE) pass->logits = VS_LOGITS_ALL;
    }
    for (size_t i = 0; i < rq->n_by; i++) keep[at++] = rq->by[i];
    for (size_t i = 0; i < n; i++) keep[i].head = -1;
    pass->keep = keep;
    pass->n_keep = n;
    pass->reverse = true;
    vs_pass *old = g->pass;
    vs_free(g->by.at);
    g->by.at = NULL;
    g->pass = NULL;
    vs_status s = vs__run(err, g->m, pass, old, &g->pass);
    vs_free(keep);
    pass->keep = NULL;
    pass->n_keep = 0;
    return s;
}

/* ---- what is needed, and where it lies ---- */

static bool sums_weights(const vs_weight_grads *w, const vs_node *n) { return vs__weight_wanted(w, n->w) || vs__weight_wanted(w, n->b); }

static vs_status mark_needs(vs_err *err, vs_grad *g, const vs_grad_request *rq) {
    const vs_plan *p = g->pass->plan;
    vs_free(g->slot);
    g->slot = vs_zalloc(p->n_slots, sizeof *g->slot);
    g->by = (vs_pass){.plan = g->pass->plan, .m = g->m, .at = vs_zalloc(p->n_slots, sizeof *g->by.at)};
    if (!g->slot || !g->by.at) return vs_fail(err, VS_E_NOMEM, "gradients of %zu values", p->n_slots);
    for (size_t i = 0; i < rq->n_by; i++) {
        state *s = &g->slot[vs__plan_slot(p, rq->by[i])];
        s->leads = s->asked = true;
    }
    for (size_t i = 0; i < p->n_nodes; i++) {
        const vs_node *n = &p->node[i];
        bool leads = sums_weights(rq->weights, n);
        for (int k = 0; k < 3; k++) leads |= n->in[k] != VS_NONE && g->slot[n->in[k]].leads;
        g->slot[n->out].leads |= leads;
    }
    for (size_t i = 0; i < rq->n_of; i++) {
        state *s = &g->slot[vs__plan_slot(p, rq->of[i].site)];
        s->matters = s->asked = true;
    }
    for (size_t i = p->n_nodes; i-- > 0;)
        for (int k = 0; k < 3; k++)
            if (p->node[i].in[k] != VS_NONE) g->slot[p->node[i].in[k]].matters |= g->slot[p->node[i].out].matters;
    return VS_OK;
}

static bool between(const state *s) { return s->leads && s->matters; }
static bool needed(const state *s) { return s->asked || between(s); }

/* Places: gradients that stay have their own; the others share buffers, each from the last of its slot's readers back to
 * its producer.  Behind them what a node needs besides: its temporaries, and a second contribution to a gradient. */
typedef struct places {
    vs_buffer *buf;
    int n;
    size_t kept, temp, extra;
} places;

static void place(vs_grad *g, const vs_plan *p, places *at, size_t *offset) {
    for (size_t i = 0; i < p->n_slots; i++) {
        g->slot[i].buffer = -1;
        if (!g->slot[i].asked) continue;
        offset[i] = at->kept;
        at->kept += (p->slot[i].size + 15) / 16 * 16;
    }
    for (size_t i = p->n_nodes; i-- > 0;) {
        const vs_node *n = &p->node[i];
        state *out = &g->slot[n->out];
        if (!between(out)) continue;
        size_t extra = 0, temp = vs__back_temp(p, n);
        for (int k = 0; k < 3; k++) {
            if (n->in[k] == VS_NONE || !needed(&g->slot[n->in[k]])) continue;
            size_t size = (p->slot[n->in[k]].size + 15) / 16 * 16;
            extra += size;
            if (!g->slot[n->in[k]].asked && g->slot[n->in[k]].buffer < 0)
                g->slot[n->in[k]].buffer = vs__buffer_take(at->buf, &at->n, size);
        }
        if (extra > at->extra) at->extra = extra;
        if (temp > at->temp) at->temp = temp;
        if (out->buffer >= 0) at->buf[out->buffer].busy = false;
    }
}

static vs_status layout(vs_err *err, vs_grad *g, float **temp, float **extra) {
    const vs_plan *p = g->pass->plan;
    places at = {.buf = vs_alloc(p->n_slots + 1, sizeof *at.buf)};
    size_t *offset = vs_alloc(p->n_slots + 1, sizeof *offset), total;
    vs_status s = VS_OK;
    if (!at.buf || !offset) VS_TRY_TO(done, vs_fail(err, VS_E_NOMEM, "gradients of %zu values", p->n_slots));
    place(g, p, &at, offset);
    total = at.kept;
    for (int i = 0; i < at.n; i++) {
        at.buf[i].offset = total;
        total += at.buf[i].size;
    }
    size_t shared_end = total;
    total += at.extra + at.temp;
    if (total > g->cap) {
        vs_free(g->mem);
        g->cap = 0;
        g->mem = vs_alloc_wide(total, sizeof *g->mem);
        if (!g->mem) VS_TRY_TO(done, vs_fail(err, VS_E_NOMEM, "%zu MB for gradients", total * sizeof(float) >> 20));
        g->cap = total;
    }
    *extra = g->mem + shared_end;
    *temp = *extra + at.extra;
    for (size_t i = 0; i < p->n_slots; i++) {
        state *c = &g->slot[i];
        if (c->asked || c->buffer >= 0) c->grad = g->mem + (c->asked ? offset[i] : at.buf[c->buffer].offset);
        if (!c->asked) continue;
        g->by.at[i] = c->grad;
        memset(c->grad, 0, p->slot[i].size * sizeof *c->grad);
        c->written = true;
    }
done:
    vs_free(at.buf);
    vs_free(offset);
    return s;
}

/* ---- objectives ---- */

static const char *name_of(const vs_grad *g, vs_site s, char buf[96]) { return vs_site_name(g->m, s, true, buf, 96); }

/* A row of -log softmax(x)[target], times by: its value, and its gradient added to d.  x and d have n numbers. */
typedef struct loss {
    const vs_objective *of;
    const float *x;
    float *d;
    size_t n;
    float by;
    double *value; /* [rows] */
} loss;

static void loss_span(void *arg, size_t r, size_t end, int worker) {
    loss *l = arg;
    (void)worker;
    for (; r < end; r++) {
        int32_t target = l->of->targets[r];
        const float *x = l->x + r * l->n;
        float *d = l->d + r * l->n;
        l->value[r] = 0;
        if (target < 0) continue;
        l->value[r] = (double)vs_log_sum_exp(x, l->n) - (double)x[target];
        /* d is zero still: losses come first */
        memcpy(d, x, l->n * sizeof *d);
        if (!vs_softmax(d, l->n)) l->value[r] = (double)NAN;
        d[target] -= 1;
        vs_scale_by(d, l->by, l->n);
    }
}

static vs_status add_loss(vs_err *err, vs_grad *g, const vs_objective *of, const vs_slot *s, const float *x, float *d) {
    size_t n = s->heads * s->width, count = 0;
    char name[96];
    if (s->kind == VS_ROWS_EDGES) return vs_fail(err, VS_E_USAGE, "%s: a loss is taken over logits", name_of(g, of->site, name));
    for (size_t r = 0; r < s->rows; r++) {
        if (of->targets[r] >= 0 && (size_t)of->targets[r] >= n)
            return vs_fail(err, VS_E_RANGE, "target %d of row %zu: %s has %zu numbers", (int)of->targets[r], r, name_of(g, of->site, name), n);
        count += of->targets[r] >= 0;
    }
    if (!count) return vs_fail(err, VS_E_RANGE, "a loss at %s without a target", name_of(g, of->site, name));
    double *value = vs_alloc(s->rows, sizeof *value), sum = 0;
    if (!value) return vs_fail(err, VS_E_NOMEM, "a loss of %zu rows", s->rows);
    loss l = {of, x, d, n, of->factor / (float)count, value};
    vs_parallel_for(s->rows, 1 + 4096 / n, loss_span, &l);
    for (size_t r = 0; r < s->rows; r++) sum += value[r];
    vs_free(value);
    g->value += (double)of->factor * sum / (double)count;
    return VS_OK;
}

static vs_status add_term(vs_err *err, vs_grad *g, const vs_objective *of, const vs_slot *s, const float *x, float *d, const vs_term *t) {
    const vs_plan *p = g->pass->plan;
    char name[96];
    if (t->seq >= p->of[0].n_seqs) return vs_fail(err, VS_E_RANGE, "text %zu: the pass has %zu", t->seq, p->of[0].n_seqs);
    const vs_rows *rows = &p->of[s->set];
    const size_t *starts = rows->starts, *edges = rows->edges[s->cross];
    size_t T = vs__rows(rows, t->seq), S = s->kind == VS_ROWS_EDGES ? (edges[t->seq + 1] - edges[t->seq]) / T : 0;
    size_t width = s->heads * (S ? S : s->width), at;
    int64_t pos = t->pos < 0 ? t->pos + (int64_t)T : t->pos, first = s->kind == VS_ROWS_LAST ? (int64_t)T - 1 : 0;
    int64_t end = s->kind == VS_ROWS_FIRST ? 1 : (int64_t)T;
    if (pos < first || pos >= end)
        return vs_fail(err, VS_E_RANGE, "position %d: %s has positions %d to %d", (int)t->pos, name_of(g, of->site, name), (int)first, (int)end - 1);
    if (t->index >= width)
        return vs_fail(err, VS_E_RANGE, "number %zu of a position: %s has %zu", t->index, name_of(g, of->site, name), width);
    if (s->kind == VS_ROWS_EDGES)
        at = s->heads * edges[t->seq] + (t->index / S * T + (size_t)pos) * S + t->index % S;
    else
        at = (s->kind == VS_ROWS_ALL ? starts[t->seq] + (size_t)pos : t->seq) * width + t->index;
    g->value += (double)of->factor * (double)t->factor * (double)x[at];
    d[at] += of->factor * t->factor;
    return VS_OK;
}

static vs_status check_objective(vs_err *err, const vs_grad *g, const vs_grad_request *rq, size_t i) {
    const vs_objective *of = &rq->of[i];
    char name[96];
    if ((of->targets != NULL) + (of->terms != NULL) + (of->seed != NULL) != 1)
        return vs_fail(err, VS_E_USAGE, "an objective at %s is targets, terms or a seed: one of them", name_of(g, of->site, name));
    if (of->site.head >= 0) return vs_fail(err, VS_E_USAGE, "an objective at %s: name the site without its head", name_of(g, of->site, name));
    for (size_t k = 0; k < i && of->targets; k++)
        if (rq->of[k].targets && vs__plan_slot(g->pass->plan, rq->of[k].site) == vs__plan_slot(g->pass->plan, of->site))
            return vs_fail(err, VS_E_UNSUPPORTED, "two losses at %s", name_of(g, of->site, name));
    return VS_OK;
}

/* The value, and the gradients by the sites that it is made from; losses first, which write rather than add. */
static vs_status add_objectives(vs_err *err, vs_grad *g, const vs_grad_request *rq) {
    const vs_plan *p = g->pass->plan;
    g->value = 0;
    for (size_t i = 0; i < rq->n_of; i++) VS_TRY(check_objective(err, g, rq, i));
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < rq->n_of; i++) {
            const vs_objective *of = &rq->of[i];
            int slot = vs__plan_slot(p, of->site);
            const vs_slot *s = &p->slot[slot];
            const float *x = g->pass->mem + s->offset;
            float *d = g->slot[slot].grad;
            if ((of->targets != NULL) != (pass == 0)) continue;
            if (of->targets) VS_TRY(add_loss(err, g, of, s, x, d));
            for (size_t k = 0; of->terms && k < of->n_terms; k++) VS_TRY(add_term(err, g, of, s, x, d, &of->terms[k]));
            for (size_t k = 0; of->seed && k < s->size; k++) g->value += (double)of->factor * (double)of->seed[k] * (double)x[k];
            if (of->seed) vs_axpy(of->factor, of->seed, d, s->size);
        }
    if (!isfinite(g->value)) return vs_fail(err, VS_E_NUMERIC, "the value that is to be differentiated is %g", g->value);
    return VS_OK;
}

/* ---- the way back ---- */

typedef struct sum {
    const float *more;
    float *to;
} sum;
static void sum_span(void *arg, size_t i, size_t end, int worker) {
    sum *s = arg;
    (void)worker;
    vs_add_into(s->to + i, s->more + i, s->to + i, end - i);
}

static vs_status step(vs_err *err, vs_grad *g, const vs_back *b, const vs_node *n, float *extra) {
    const vs_plan *p = g->pass->plan;
    float *dx[3] = {NULL, NULL, NULL};
    bool more[3] = {false, false, false};
    for (int k = 0; k < 3; k++) {
        if (n->in[k] == VS_NONE || !needed(&g->slot[n->in[k]])) continue;
        state *in = &g->slot[n->in[k]];
        more[k] = in->written;
        in->written = true;
        dx[k] = more[k] ? extra : in->grad;
        if (more[k]) extra += (p->slot[n->in[k]].size + 15) / 16 * 16;
    }
    if (!dx[0] && !dx[1] && !dx[2] && !sums_weights(b->weights, n)) return VS_OK; /* its output is where the walk ends */
    VS_TRY(vs__backward[n->op](err, b, n, g->slot[n->out].grad, dx));
    for (int k = 0; k < 3; k++) {
        sum s = {dx[k], more[k] ? g->slot[n->in[k]].grad : NULL};
        if (more[k]) vs_parallel_for(p->slot[n->in[k]].size, 16384, sum_span, &s);
    }
    return VS_OK;
}

vs_status vs_grad_run(vs_err *err, vs_grad *g, const vs_grad_request *rq) {
    vs_request pass;
    float *temp, *extra;
    if (!rq->n_of) return vs_fail(err, VS_E_USAGE, "a gradient needs something to differentiate");
    if (rq->pass.kv || rq->pass.variants) return vs_fail(err, VS_E_UNSUPPORTED, "a gradient through a cache or a sweep");
    VS_TRY(run_pass(err, g, rq, &pass));
    VS_TRY(mark_needs(err, g, rq));
    VS_TRY(layout(err, g, &temp, &extra));
    VS_TRY(add_objectives(err, g, rq));
    const vs_plan *p = g->pass->plan;
    vs_back b = {.x = {.m = g->m, .rq = &pass, .plan = p, .pass = g->pass, .cache = g->m->plans}, .weights = rq->weights, .temp = temp};
    for (size_t i = p->n_nodes; i-- > 0;) {
        const state *out = &g->slot[p->node[i].out];
        if (!between(out)) continue;
        if (vs_interrupted()) return vs_fail(err, VS_E_STOPPED, "stopped on the way back, in layer %d", p->node[i].site.layer);
        VS_TRY(step(err, g, &b, &p->node[i], extra));
    }
    return VS_OK;
}

const vs_pass *vs_grad_gradients(const vs_grad *g) { return &g->by; }

vs_status vs_grad_site(vs_err *err, const vs_grad *g, vs_site s, size_t seq, vs_tensor *out) {
    char name[96];
    int slot = g->by.at ? vs__plan_slot(g->by.plan, s) : VS_NONE;
    if (slot != VS_NONE && g->by.at[slot]) return vs_pass_site(err, &g->by, s, seq, out);
    return vs_fail(err, VS_E_STATE, "the gradient by %s was not asked for", name_of(g, s, name));
}
