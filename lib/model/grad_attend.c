/* grad_attend.c - attention backwards: mix, softmax, scores (Vaswani et al. 2017).
 *
 * A text's pattern of a head is a matrix [T, S], and every gradient a product with it or with its gradient.  Work is
 * shared out by texts, heads and blocks of SIDE queries or keys; a key's gradient is summed over the heads that read it
 * and over its queries, in order, by one thread.  Streamed attention is opened for as long as its node takes. */
#include <string.h>

#include "grad_impl.h"

enum { SIDE = 64 };

typedef struct args {
    const vs_back *b;
    const vs_node *n;
    size_t H, KV, dh;
    const vs_rows *asks, *asked; /* the rows of the queries' stack and of the keys' */
    const size_t *edges;
    bool last;          /* queries are the texts' last rows */
    bool all;           /* weights may lie outside the mask */
    const float *p;     /* pattern, or the scores' gradient: [H, T, S] of each text */
    const float *s;     /* capped scores */
    float *dp;          /* edges out */
    const float *rows;  /* [T, H, dh]: gradient of the mix, or queries */
    const float *other; /* [S, KV, dh]: values or keys */
    float *out;
    float factor;
} args;

static args args_of(const vs_back *b, const vs_node *n) {
    const vs_rows *asks = vs__set_of(&b->x, n->out);
    const vs_stack_info *si = &b->x.m->info.stack[asks->stack];
    return (args){.b = b, .n = n, .H = si->H, .KV = si->KV, .dh = si->dh, .factor = 1, .all = n->whole, .asks = asks,
                  .asked = &b->x.plan->of[n->keys], .edges = asks->edges[n->site.cross]};
}

/* A block of up to SIDE rows [at, end) of a text (queries, or keys) for one head; T queries, S keys. */
typedef struct block {
    size_t seq, head, T, S, at, end;
} block;

static size_t blocks_of(size_t rows) { return (rows + SIDE - 1) / SIDE; }

static block unit(const args *a, const vs_rows *of, size_t heads, size_t i) {
    block u = {0};
    size_t before = 0, rows;
    for (;; u.seq++) {
        rows = vs__rows(of, u.seq);
        if (i < before + blocks_of(rows) * heads) break;
        before += blocks_of(rows) * heads;
    }
    u.T = vs__rows(a->asks, u.seq), u.S = vs__rows(a->asked, u.seq);
    u.head = (i - before) % heads;
    u.at = (i - before) / heads * SIDE;
    u.end = rows - u.at < SIDE ? rows : u.at + SIDE;
    return u;
}

/* A block of queries, as far as they are there, and the keys [*lo, *hi) that any of them sees. */
static bool queries(const args *a, size_t i, block *u, size_t *lo, size_t *hi) {
    size_t none;
    *u = unit(a, a->asks, a->H, i);
    if (a->last && u->at + 1 < u->T) u->at = u->end < u->T ? u->end : u->T - 1;
    *lo = 0, *hi = u->S;
    if (u->at >= u->end) return false;
    if (a->all) return true;
    vs__visible(a->n, u->at, u->S, lo, &none);
    vs__visible(a->n, u->end - 1, u->S, &none, hi);
    return true;
}
static void seen(const args *a, const block *u, size_t t, size_t *from, size_t *to) {
    *from = 0, *to = u->S;
    if (!a->all) vs__visible(a->n, t, u->S, from, to);
}

static size_t edges_at(const args *a, const block *u, size_t head, size_t t) {
    return a->H * a->edges[u->seq] + (head * u->T + t) * u->S;
}
static size_t query_at(const args *a, const block *u, size_t head, size_t t) {
    return ((a->last ? u->seq : a->asks->starts[u->seq] + t) * a->H + head) * a->dh;
}
static size_t key_at(const args *a, const block *u, size_t head, size_t s) {
    return ((a->asked->starts[u->seq] + s) * a->KV + head) * a->dh;
}

/* dp[t, s] = <dz[t], v[s]> where t sees s (or all), else 0. */
static void edges_span(void *arg, size_t i, size_t end, int worker) {
    args *a = arg;
    size_t step = a->KV * a->dh * sizeof(float), lo, hi, from, to;
    (void)worker;
    for (block u; i < end; i++) {
        if (!queries(a, i, &u, &lo, &hi)) continue;
        float *dp = a->dp + edges_at(a, &u, u.head, u.at);
        vs_tensor v = {.data = a->other + key_at(a, &u, u.head / (a->H / a->KV), lo), .dtype = VS_F32, .ndim = 2,
                       .shape = {hi - lo, a->dh}, .stride = {step, sizeof(float)}};
        vs_matmul_span(a->rows + query_at(a, &u, u.head, u.at), u.end - u.at, a->dh, a->H * a->dh, &v, NULL, 0, hi - lo,
                       dp + lo, u.S);
        for (size_t t = u.at; t < u.end; t++, dp += u.S) {
            seen(a, &u, t, &from, &to);
            memset(dp, 0, from * sizeof *dp);
            memset(dp + to, 0, (u.S - to) * sizeof *dp);
        }
    }
}

/* out[s] = factor * sum over the heads that read key head and over t of p[t, s] rows[t]. */
static void keys_span(void *arg, size_t i, size_t end, int worker) {
    args *a = arg;
    size_t group = a->H / a->KV;
    (void)worker;
    for (; i < end; i++) {
        block u = unit(a, a->asked, a->KV, i);
        size_t first = a->last ? u.T - 1 : a->n->causal && !a->all ? u.at : 0; /* a causal query sees no later key */
        float *out = a->out + key_at(a, &u, u.head, u.at);
        for (size_t h = u.head * group; h < (u.head + 1) * group; h++)
            vs_outer_span(a->p + edges_at(a, &u, h, first) + u.at, u.end - u.at, 1, u.S, a->rows + query_at(a, &u, h, first),
                          a->H * a->dh, u.T - first, a->dh, out, a->KV * a->dh, h > u.head * group);
        for (size_t s = u.at; s < u.end; s++) vs_scale_by(out + (s - u.at) * a->KV * a->dh, a->factor, a->dh);
    }
}

/* out[t] = factor * sum over s of p[t, s] other[s]. */
static void queries_span(void *arg, size_t i, size_t end, int worker) {
    args *a = arg;
    size_t lo, hi;
    (void)worker;
    for (block u; i < end; i++) {
        if (!queries(a, i, &u, &lo, &hi)) continue;
        float *out = a->out + query_at(a, &u, u.head, u.at);
        vs_outer_span(a->p + edges_at(a, &u, u.head, u.at) + lo, u.end - u.at, u.S, 1,
                      a->other + key_at(a, &u, u.head / (a->H / a->KV), lo), a->KV * a->dh, hi - lo, a->dh, out, a->H * a->dh, false);
        for (size_t t = u.at; t < u.end; t++) vs_scale_by(out + (t - u.at) * a->H * a->dh, a->factor, a->dh);
    }
}

/* In place over dp: the softmax's way back, row by row over what is seen. */
static void softmax_span(void *arg, size_t i, size_t end, int worker) {
    args *a = arg;
    size_t lo, hi, from, to;
    (void)worker;
    for (block u; i < end; i++) {
        if (!queries(a, i, &u, &lo, &hi)) continue;
        for (size_t t = u.at; t < u.end; t++) {
            size_t at = edges_at(a, &u, u.head, t);
            seen(a, &u, t, &from, &to);
            memset(a->dp + at, 0, from * sizeof *a->dp);
            vs_softmax_back(a->p + at + from, a->dp + at + from, a->dp + at + from, to - from);
            memset(a->dp + at + to, 0, (u.S - to) * sizeof *a->dp);
        }
    }
}

/* In place over dp: the soft cap's way back, s = cap tanh(x / cap). */
static void cap_span(void *arg, size_t i, size_t end, int worker) {
    args *a = arg;
    size_t lo, hi, from, to;
    (void)worker;
    for (block u; i < end; i++) {
        if (!queries(a, i, &u, &lo, &hi)) continue;
        for (size_t t = u.at; t < u.end; t++) {
            size_t at = edges_at(a, &u, u.head, t);
            seen(a, &u, t, &from, &to);
            for (size_t k = from; k < to; k++) {
                float y = a->s[at + k] / a->n->cap;
                a->dp[at + k] *= 1 - y * y;
            }
        }
    }
}

/* The bias by distance: each head's column of the table, text by text, query by query. */
static void distance_span(void *arg, size_t head, size_t end, int worker) {
    args *a = arg;
    const vs_stack_state *st = &a->b->x.m->stack[a->asks->stack];
    size_t from, to;
    (void)worker;
    for (; head < end; head++)
        for (block u = {0}; u.seq < a->asks->n_seqs; u.seq++) {
            u.T = vs__rows(a->asks, u.seq), u.S = vs__rows(a->asked, u.seq);
            for (size_t t = a->last ? u.T - 1 : 0; t < u.T; t++) {
                const float *ds = a->p + edges_at(a, &u, head, t);
                seen(a, &u, t, &from, &to);
                for (size_t k = from; k < to; k++) a->out[vs__bucket(st, t, k) * a->H + head] += ds[k];
            }
        }
}

static void share(args *a, const vs_rows *of, size_t heads, vs_span_fn *fn) {
    size_t n = 0, side = of->longest < SIDE ? of->longest : SIDE;
    size_t work = side * (a->asks->longest > a->asked->longest ? a->asks->longest : a->asked->longest) * a->dh;
    for (size_t i = 0; i < of->n_seqs; i++) n += blocks_of(vs__rows(of, i)) * heads;
    vs_parallel_for(n, work < 16384 ? 16384 / work + 1 : 1, fn, a);
}

/* From dz [T, H, dh] and the pattern p: the edges' gradient dp, and the values'; NULL: not wanted.  whole: beyond the mask
 * too, where a weight put in place of the 0 would change the mix as any other. */
static void mix_back(args a, bool whole, const float *p, const float *v, const float *dz, float *dp, float *dv) {
    a.p = p, a.rows = dz, a.other = v, a.dp = dp, a.out = dv;
    if (dv) share(&a, a.asked, a.KV, keys_span);
    a.all |= whole;
    if (dp) share(&a, a.asks, a.H, edges_span);
}

/* From the scores' gradient ds: the queries', the keys', and that of the bias by distance. */
static void scores_back(args a, const float *ds, const float *q, const float *k, float *dq, float *dk) {
    float *table = vs__weight_sum(a.b->weights, a.n->w, NULL);
    a.p = ds, a.out = table;
    if (table) vs_parallel_for(a.H, 1, distance_span, &a);
    a.factor = a.n->f;
    a.other = k, a.out = dq;
    if (dq) share(&a, a.asks, a.H, queries_span);
    a.rows = q, a.out = dk;
    if (dk) share(&a, a.asked, a.KV, keys_span);
}

vs_status vs__backward_mix(vs_err *err, const vs_back *b, const vs_node *n, const float *dy, float *const dx[3]) {
    (void)err;
    mix_back(args_of(b, n), true, vs__slot(&b->x, n->in[0]), vs__slot(&b->x, n->in[1]), dy, dx[0], dx[1]);
    return VS_OK;
}

vs_status vs__backward_softmax(vs_err *err, const vs_back *b, const vs_node *n, const float *dy, float *const dx[3]) {
    (void)err;
    args a = args_of(b, n);
    memcpy(dx[0], dy, b->x.plan->slot[n->out].size * sizeof *dy);
    a.p = vs__slot(&b->x, n->out), a.dp = dx[0];
    share(&a, a.asks, a.H, softmax_span);
    return VS_OK;
}

size_t vs__back_edges(const vs_plan *p, const vs_node *n) {
    const vs_rows *asks = &p->of[p->slot[n->out].set];
    return p->slot[n->in[0]].heads * asks->edges[n->site.cross][asks->n_seqs];
}

vs_status vs__backward_scores(vs_err *err, const vs_back *b, const vs_node *n, const float *dy, float *const dx[3]) {
    (void)err;
    args a = args_of(b, n);
    a.all = true; /* a gradient may have been asked for beyond the mask */
    if (n->cap > 0) {
        memcpy(b->temp, dy, vs__back_edges(b->x.plan, n) * sizeof *dy);
        a.s = vs__slot(&b->x, n->out), a.dp = b->temp;
        share(&a, a.asks, a.H, cap_span);
    }
    scores_back(a, n->cap > 0 ? b->temp : dy, vs__slot(&b->x, n->in[0]), vs__slot(&b->x, n->in[1]), dx[0], dx[1]);
    return VS_OK;
}

vs_status vs__backward_attend(vs_err *err, const vs_back *b, const vs_node *n, const float *dy, float *const dx[3]) {
    args a = args_of(b, n);
    size_t edges = vs__back_edges(b->x.plan, n);
    float *p = b->temp, *dp = p + edges, *s = n->cap > 0 ? dp + edges : NULL;
    const float *q = vs__slot(&b->x, n->in[0]), *k = vs__slot(&b->x, n->in[1]), *v = vs__slot(&b->x, n->in[2]);
    a.last = b->x.plan->slot[n->in[0]].kind == VS_ROWS_LAST;
    bool scores = dx[0] || dx[1] || vs__weight_wanted(b->weights, n->w);
    VS_TRY(vs__attend_open(err, &b->x, n, s, p));
    mix_back(a, false, p, v, dy, scores ? dp : NULL, dx[2]);
    if (!scores) return VS_OK;
    a.p = p, a.dp = dp, a.s = s;
    share(&a, a.asks, a.H, softmax_span);
    if (s) share(&a, a.asks, a.H, cap_span);
    scores_back(a, dp, q, k, dx[0], dx[1]);
    return VS_OK;
}
