/* ops.c - the operations of a plan, forwards.  Each writes its own slot and allocates nothing. */
#include "exec.h"

#include <stdatomic.h>
#include <string.h>

/* Elements below which sharing work out costs more than it saves. */
enum { GRAIN = 16384 };

static const vs_slot *slot_of(const vs_exec *x, int slot) { return &x->plan->slot[slot]; }
static size_t row_width(const vs_slot *s) { return s->heads * s->width; }

/* How many rows of `width` elements are worth a thread. */
static size_t rows_a_grain(size_t width) { return width < GRAIN ? GRAIN / width : 1; }

static void start_from(const vs_exec *x, const vs_node *n) {
    const float *in = vs__slot(x, n->in[0]);
    float *out = vs__slot(x, n->out);
    if (in != out) memcpy(out, in, slot_of(x, n->out)->size * sizeof *out);
}

/* ---- embeddings ---- */

vs_status vs__forward_embed(vs_err *err, const vs_exec *x, const vs_node *n) {
    const vs_rows *r = vs__set_of(x, n->out);
    size_t d = slot_of(x, n->out)->width;
    float *y = vs__slot(x, n->out);
    for (size_t i = 0; i < r->n_seqs; i++) {
        const int32_t *ids = vs__input(x, r->stack)->ids + vs__input_at(x, r, i);
        for (size_t t = 0; t < vs__rows(r, i); t++, y += d) {
            VS_TRY(vs_tensor_row_f32(err, &n->w->t, (size_t)ids[t], y));
            if (n->f != 1.0f) vs_scale_by(y, n->f, d);
        }
    }
    return VS_OK;
}

vs_status vs__forward_pos(vs_err *err, const vs_exec *x, const vs_node *n) {
    const vs_rows *r = vs__set_of(x, n->out);
    size_t d = slot_of(x, n->out)->width;
    float *y = vs__slot(x, n->out);
    for (size_t i = 0; i < r->n_seqs; i++)
        for (size_t t = 0; t < vs__rows(r, i); t++, y += d)
            VS_TRY(vs_tensor_row_f32(err, &n->w->t, vs__position_row(x, n, r, i, t), y));
    return VS_OK;
}

vs_status vs__forward_sinus(vs_err *err, const vs_exec *x, const vs_node *n) {
    const vs_rows *r = vs__set_of(x, n->out);
    size_t d = slot_of(x, n->out)->width;
    (void)err;
    for (size_t i = 0; i < r->n_seqs; i++)
        memcpy(vs__slot(x, n->out) + r->starts[i] * d, vs__sinus_at(x, vs__first(x, r, i)), vs__rows(r, i) * d * sizeof(float));
    return VS_OK;
}

vs_status vs__forward_type(vs_err *err, const vs_exec *x, const vs_node *n) {
    const vs_rows *r = vs__set_of(x, n->out);
    size_t d = slot_of(x, n->out)->width;
    const uint8_t *types = vs__types(x, n, r->stack);
    float *y = vs__slot(x, n->out);
    for (size_t i = 0; i < r->n_seqs; i++)
        for (size_t t = 0; t < vs__rows(r, i); t++, y += d)
            VS_TRY(vs_tensor_row_f32(err, &n->w->t, types ? types[vs__input_at(x, r, i) + t] : 0, y));
    return VS_OK;
}

/* ---- element by element ---- */

typedef struct span_args {
    const vs_exec *x;
    const vs_node *n;
    const float *a, *b;
    float *y;
    size_t width;
} span_args;

static span_args args_of(const vs_exec *x, const vs_node *n) {
    return (span_args){.x = x, .n = n, .a = vs__slot(x, n->in[0]), .b = n->in[1] == VS_NONE ? NULL : vs__slot(x, n->in[1]),
                       .y = vs__slot(x, n->out), .width = slot_of(x, n->out)->width};
}

static void add_span(void *arg, size_t i, size_t end, int worker) {
    span_args *s = arg;
    (void)worker;
    vs_add_into(s->a + i, s->b + i, s->y + i, end - i);
}
vs_status vs__forward_add(vs_err *err, const vs_exec *x, const vs_node *n) {
    (void)err;
    span_args s = args_of(x, n);
    vs_parallel_for(slot_of(x, n->out)->size, GRAIN, add_span, &s);
    return VS_OK;
}

static void mul_span(void *arg, size_t i, size_t end, int worker) {
    span_args *s = arg;
    (void)worker;
    vs_mul_into(s->a + i, s->b + i, s->y + i, end - i);
}
vs_status vs__forward_mul(vs_err *err, const vs_exec *x, const vs_node *n) {
    (void)err;
    span_args s = args_of(x, n);
    vs_parallel_for(slot_of(x, n->out)->size, GRAIN, mul_span, &s);
    return VS_OK;
}

static void act_span(void *arg, size_t i, size_t end, int worker) {
    span_args *s = arg;
    (void)worker;
    vs_activate(s->n->act, s->a + i, s->y + i, end - i);
}
vs_status vs__forward_act(vs_err *err, const vs_exec *x, const vs_node *n) {
    (void)err;
    span_args s = args_of(x, n);
    vs_parallel_for(slot_of(x, n->out)->size, GRAIN / 16, act_span, &s);
    return VS_OK;
}

static void scale_span(void *arg, size_t i, size_t end, int worker) {
    span_args *s = arg;
    (void)worker;
    if (s->a != s->y) memcpy(s->y + i, s->a + i, (end - i) * sizeof *s->y);
    vs_scale_by(s->y + i, s->n->f, end - i);
}
vs_status vs__forward_scale(vs_err *err, const vs_exec *x, const vs_node *n) {
    (void)err;
    span_args s = args_of(x, n);
    vs_parallel_for(slot_of(x, n->out)->size, GRAIN, scale_span, &s);
    return VS_OK;
}

static void cap_span(void *arg, size_t i, size_t end, int worker) {
    span_args *s = arg;
    (void)worker;
    if (s->a != s->y) memcpy(s->y + i, s->a + i, (end - i) * sizeof *s->y);
    vs_soft_cap(s->y + i, s->n->f, end - i);
}
vs_status vs__forward_cap(vs_err *err, const vs_exec *x, const vs_node *n) {
    (void)err;
    span_args s = args_of(x, n);
    vs_parallel_for(slot_of(x, n->out)->size, GRAIN / 16, cap_span, &s);
    return VS_OK;
}

/* ---- rows ---- */

static void norm_span(void *arg, size_t i, size_t end, int worker) {
    span_args *s = arg;
    const float *b = s->n->b ? s->n->b->vec : NULL;
    (void)worker;
    for (; i < end; i++) {
        if (s->n->rms)
            vs_rms_norm(s->a + i * s->width, s->n->w->vec, 0, s->n->f, s->y + i * s->width, s->width);
        else
            vs_layer_norm(s->a + i * s->width, s->n->w->vec, b, s->n->f, s->y + i * s->width, s->width);
    }
}
vs_status vs__forward_norm(vs_err *err, const vs_exec *x, const vs_node *n) {
    (void)err;
    span_args s = args_of(x, n);
    const vs_slot *out = slot_of(x, n->out);
    vs_parallel_for(out->rows * out->heads, rows_a_grain(out->width), norm_span, &s);
    return VS_OK;
}

vs_status vs__forward_linear(vs_err *err, const vs_exec *x, const vs_node *n) {
    const vs_slot *in = slot_of(x, n->in[0]), *out = slot_of(x, n->out);
    return vs_matmul(err, vs__slot(x, n->in[0]), in->rows, row_width(in), row_width(in), &n->w->t, n->b ? n->b->vec : NULL,
                     vs__slot(x, n->out), row_width(out), row_width(out));
}

typedef struct rope_args {
    const vs_exec *x;
    const vs_node *n;
    float *y;        /* the first row of a text */
    const float *cs; /* the angles of its position */
} rope_args;
static void rope_span(void *arg, size_t i, size_t end, int worker) {
    rope_args *a = arg;
    const vs_slot *s = slot_of(a->x, a->n->out);
    size_t n = a->n->n;
    (void)worker;
    for (; i < end; i++) vs_rope(a->y + i * row_width(s), s->heads, s->width, n, a->cs + i * n, a->cs + i * n + n / 2);
}
vs_status vs__forward_rope(vs_err *err, const vs_exec *x, const vs_node *n) {
    const vs_slot *s = slot_of(x, n->out);
    const vs_rows *r = vs__set_of(x, n->out);
    (void)err;
    start_from(x, n);
    for (size_t i = 0; i < r->n_seqs; i++) {
        bool last = s->kind == VS_ROWS_LAST;
        size_t T = vs__rows(r, i);
        rope_args a = {x, n, vs__slot(x, n->out) + (last ? i : r->starts[i]) * row_width(s),
                       vs__rope_at(x, n, vs__positions(x, r, i), vs__first(x, r, i) + (last ? T - 1 : 0))};
        vs_parallel_for(last ? 1 : T, rows_a_grain(row_width(s)), rope_span, &a);
    }
    return VS_OK;
}

/* ---- rows taken ---- */

static vs_status pick_rows(const vs_exec *x, const vs_node *n) {
    const vs_rows *r = vs__set_of(x, n->out);
    size_t w = row_width(slot_of(x, n->out));
    const float *a = vs__slot(x, n->in[0]);
    float *y = vs__slot(x, n->out);
    for (size_t i = 0; i < r->n_seqs; i++)
        memcpy(y + i * w, a + (n->op == VS_OP_FIRST ? r->starts[i] : r->starts[i + 1] - 1) * w, w * sizeof *y);
    return VS_OK;
}

/* The rows of a site in the pass without edits. */
static vs_status base_rows(vs_err *err, const vs_exec *x, const vs_node *n, const float **out) {
    vs_tensor t;
    VS_TRY(vs_pass_site(err, x->rq->variants->base, n->from, 0, &t));
    *out = t.data;
    return VS_OK;
}

vs_status vs__forward_join(vs_err *err, const vs_exec *x, const vs_node *n) {
    const vs_slot *s = slot_of(x, n->out);
    const vs_rows *r = vs__set_of(x, n->out);
    size_t w = row_width(s), T = x->rq->variants->of[r->stack].T, before = 0;
    float *y = vs__slot(x, n->out);
    const float *base;
    VS_TRY(base_rows(err, x, n, &base));
    if (n->in[0] != VS_NONE) {
        const vs_slot *had = slot_of(x, n->in[0]);
        before = vs__set_of(x, n->in[0])->n_seqs;
        memcpy(y, vs__slot(x, n->in[0]), had->size * sizeof *y);
        y += had->size;
    }
    for (size_t i = before; i < r->n_seqs; i++) {
        size_t rows = s->kind == VS_ROWS_LAST ? 1 : vs__rows(r, i);
        memcpy(y, base + (T - rows) * w, rows * w * sizeof *y);
        y += rows * w;
    }
    return VS_OK;
}

vs_status vs__forward_prefix(vs_err *err, const vs_exec *x, const vs_node *n) {
    const vs_rows *whole = vs__set_of(x, n->out), *r = vs__set_of(x, n->in[0]);
    size_t w = row_width(slot_of(x, n->out));
    const float *own = vs__slot(x, n->in[0]), *base;
    float *y = vs__slot(x, n->out);
    VS_TRY(base_rows(err, x, n, &base));
    for (size_t i = 0; i < r->n_seqs; i++) {
        float *to = y + whole->starts[i] * w;
        memcpy(to, base, r->first[i] * w * sizeof *y);
        memcpy(to + r->first[i] * w, own + r->starts[i] * w, vs__rows(r, i) * w * sizeof *y);
    }
    return VS_OK;
}

vs_status vs__forward_last(vs_err *err, const vs_exec *x, const vs_node *n) {
    (void)err;
    return pick_rows(x, n);
}
vs_status vs__forward_first(vs_err *err, const vs_exec *x, const vs_node *n) {
    (void)err;
    return pick_rows(x, n);
}

/* ---- attention ----
 * A block of queries of one head at a time.  Streamed or opened, a score is scale * (q . k), a row's softmax runs over
 * the visible keys alone, and the mix adds them in their order: the same bits either way. */

typedef struct attend_args {
    const vs_exec *x;
    const vs_node *n;
    const float *in;  /* queries, scores or pattern */
    float *y, *scores; /* scores: where they are wanted beside the pattern */
    size_t H, KV, dh;
    const vs_rows *asks, *asked; /* the sets of the queries and of the keys */
    const size_t *edges;
    vs_slot_rows kind; /* of the queries */
    atomic_bool bad;   /* a row that has no softmax: every key masked, or not a number */
} attend_args;

/* Consecutive queries of a text, for one head. */
typedef struct queries {
    size_t seq, head, T, S;
    size_t count, t0, pos; /* the first: its row in the text, its position */
    size_t row;            /* and in its slot */
    size_t lo, hi;         /* the keys that any of them sees */
} queries;

static size_t items(const attend_args *a) { return a->H * (a->kind == VS_ROWS_LAST ? a->asks->n_seqs : a->asks->n_blocks); }

static queries item(const attend_args *a, size_t i) {
    const vs_rows *r = a->asks;
    bool last = a->kind == VS_ROWS_LAST;
    queries q = {.seq = last ? i / a->H : r->block[i / a->H].seq, .head = i % a->H};
    size_t lo, hi;
    q.T = vs__rows(r, q.seq);
    q.S = a->n->site.cross ? vs__rows(a->asked, vs__asks(r, q.seq)) : vs__positions(a->x, r, q.seq);
    q.t0 = last ? q.T - 1 : r->block[i / a->H].t0;
    q.count = q.T - q.t0 < VS_QUERIES ? q.T - q.t0 : VS_QUERIES;
    q.pos = vs__first(a->x, r, q.seq) + q.t0;
    q.row = last ? q.seq : r->starts[q.seq] + q.t0;
    vs__visible(a->n, q.pos, q.S, &q.lo, &hi);
    vs__visible(a->n, q.pos + q.count - 1, q.S, &lo, &q.hi);
    return q;
}

/* Where a block's rows are: of queries or mixes; of scores or pattern. */
static size_t row_at(const attend_args *a, const queries *q) { return (q->row * a->H + q->head) * a->dh; }
static size_t edges_at(const attend_args *a, const queries *q) {
    return a->H * a->edges[q->seq] + (q->head * q->T + q->t0) * q->S;
}

/* Row 0 of a text's keys or values for the KV head that serves the queries' head. */
static const float *source(const attend_args *a, const queries *q, int slot, bool values) {
    size_t width = a->KV * a->dh;
    bool cached = a->x->rq->kv && a->asks->stack == a->x->m->info.n_stacks - 1;
    size_t text = a->n->site.cross ? vs__asks(a->asks, q->seq) : q->seq;
    const float *base = cached ? vs__kv_rows_of(a->x->rq->kv, a->n->site, values)
                               : vs__slot(a->x, slot) + a->asked->starts[text] * width;
    return base + q->head / (a->H / a->KV) * a->dh;
}

/* Add to the scores of a query at `pos` what its distance to each key says (Raffel et al. 2020). */
static void add_distance(const attend_args *a, const queries *q, size_t pos, size_t lo, size_t hi, float *s) {
    const vs_stack_state *st = &a->x->m->stack[a->asks->stack];
    const float *bias = a->n->w->vec + q->head;
    for (size_t k = lo; k < hi; k++) {
        s[k - lo] += bias[vs__bucket(st, pos, k) * a->H];
    }
}

/* Scores [count, hi - lo] of a block against keys [lo, hi); row stride ld. */
static void score(const attend_args *a, const queries *q, size_t lo, size_t hi, float *s, size_t ld) {
    size_t step = a->KV * a->dh;
    vs_tensor keys = {.data = source(a, q, a->n->in[1], false) + lo * step, .dtype = VS_F32, .ndim = 2, .shape = {hi - lo, a->dh},
                      .stride = {step * sizeof(float), sizeof(float)}};
    vs_matmul_span(vs__slot(a->x, a->n->in[0]) + row_at(a, q), q->count, a->dh, a->H * a->dh, &keys, NULL, 0, hi - lo, s, ld);
    for (size_t t = 0; t < q->count; t++, s += ld) {
        vs_scale_by(s, a->n->f, hi - lo);
        if (a->n->w) add_distance(a, q, q->pos + t, lo, hi, s);
        if (a->n->cap > 0) vs_soft_cap(s, a->n->cap, hi - lo);
    }
}

/* Softmax of each row over what it may see, zeros elsewhere; s[t] are the scores of keys [lo, hi). */
static void weigh(attend_args *a, const queries *q, size_t lo, size_t hi, float *s, size_t ld) {
    for (size_t t = 0; t < q->count; t++, s += ld) {
        size_t from, to;
        vs__visible(a->n, q->pos + t, q->S, &from, &to);
        memset(s, 0, (from - lo) * sizeof *s);
        memset(s + (to - lo), 0, (hi - to) * sizeof *s);
        if (!vs_softmax(s + (from - lo), to - from)) atomic_store(&a->bad, true);
    }
}

static void mix(const attend_args *a, const queries *q, int values, const float *p, size_t ldp, size_t lo, size_t hi) {
    size_t step = a->KV * a->dh;
    vs_mix_block(p, q->count, ldp, source(a, q, values, true) + lo * step, hi - lo, step, a->dh, a->y + row_at(a, q), a->H * a->dh);
}

static void attend_span(void *arg, size_t i, size_t end, int worker) {
    attend_args *a = arg;
    float *s = vs__scratch(a->x, worker);
    for (; i < end; i++) {
        queries q = item(a, i);
        size_t ld = q.hi - q.lo;
        score(a, &q, q.lo, q.hi, s, ld);
        weigh(a, &q, q.lo, q.hi, s, ld);
        mix(a, &q, a->n->in[2], s, ld, q.lo, q.hi);
    }
}

static void scores_span(void *arg, size_t i, size_t end, int worker) {
    attend_args *a = arg;
    (void)worker;
    for (; i < end; i++) {
        queries q = item(a, i);
        score(a, &q, 0, q.S, a->y + edges_at(a, &q), q.S);
    }
}

static void softmax_span(void *arg, size_t i, size_t end, int worker) {
    attend_args *a = arg;
    (void)worker;
    for (; i < end; i++) {
        queries q = item(a, i);
        size_t at = edges_at(a, &q);
        if (a->in != a->y) memcpy(a->y + at, a->in + at, q.count * q.S * sizeof *a->y);
        weigh(a, &q, 0, q.S, a->y + at, q.S);
    }
}

static void open_span(void *arg, size_t i, size_t end, int worker) {
    attend_args *a = arg;
    (void)worker;
    for (; i < end; i++) {
        queries q = item(a, i);
        size_t at = edges_at(a, &q);
        float *p = a->y + at;
        score(a, &q, q.lo, q.hi, p + q.lo, q.S);
        if (a->scores) memcpy(a->scores + at, p, q.count * q.S * sizeof *p);
        weigh(a, &q, q.lo, q.hi, p + q.lo, q.S);
        for (size_t t = 0; t < q.count; t++, p += q.S) {
            memset(p, 0, q.lo * sizeof *p);
            memset(p + q.hi, 0, (q.S - q.hi) * sizeof *p);
        }
    }
}

static void mix_span(void *arg, size_t i, size_t end, int worker) {
    attend_args *a = arg;
    (void)worker;
    for (; i < end; i++) {
        queries q = item(a, i);
        if (a->n->whole) q.lo = 0, q.hi = q.S;
        mix(a, &q, a->n->in[1], a->in + edges_at(a, &q) + q.lo, q.S, q.lo, q.hi);
    }
}

/* A node of attention: heads and blocks shared out, in pieces worth a thread. */
static vs_status attend(vs_err *err, const vs_exec *x, const vs_node *n, vs_span_fn *fn, float *y, float *scores) {
    const vs_rows *asks = vs__set_of(x, n->out), *asked = &x->plan->of[n->keys];
    const vs_stack_info *si = &x->m->info.stack[asks->stack];
    attend_args a = {.x = x, .n = n, .in = vs__slot(x, n->in[0]), .y = y, .scores = scores, .H = si->H, .KV = si->KV,
                     .dh = si->dh, .asks = asks, .asked = asked, .edges = asks->edges[n->site.cross],
                     .kind = slot_of(x, n->in[0])->kind};
    size_t each = a.kind == VS_ROWS_LAST ? 1 : VS_QUERIES < asks->longest ? VS_QUERIES : asks->longest;
    size_t work = each * (asked->longest + x->prior[asked->stack]) * a.dh;
    vs_parallel_for(items(&a), work < GRAIN ? GRAIN / work + 1 : 1, fn, &a);
    if (!atomic_load(&a.bad)) return VS_OK;
    return vs_fail(err, VS_E_NUMERIC, "attention in layer %d: a position has every key masked, or scores that are no numbers",
                   n->site.layer);
}
vs_status vs__forward_attend(vs_err *err, const vs_exec *x, const vs_node *n) {
    return attend(err, x, n, attend_span, vs__slot(x, n->out), NULL);
}
vs_status vs__forward_scores(vs_err *err, const vs_exec *x, const vs_node *n) {
    return attend(err, x, n, scores_span, vs__slot(x, n->out), NULL);
}
vs_status vs__forward_softmax(vs_err *err, const vs_exec *x, const vs_node *n) {
    return attend(err, x, n, softmax_span, vs__slot(x, n->out), NULL);
}
vs_status vs__forward_mix(vs_err *err, const vs_exec *x, const vs_node *n) {
    return attend(err, x, n, mix_span, vs__slot(x, n->out), NULL);
}
vs_status vs__attend_open(vs_err *err, const vs_exec *x, const vs_node *n, float *s, float *p) {
    return attend(err, x, n, open_span, p, s);
}

/* ---- single heads through the output map ---- */

/* Output coordinate i of every head: row i of W_O, cut into heads. */
static void heads_span(void *arg, size_t i, size_t end, int worker) {
    enum { AT_ONCE = 64 };
    span_args *s = arg;
    const vs_exec *x = s->x;
    const vs_slot *z = slot_of(x, s->n->in[0]);
    size_t H = z->heads, dh = z->width;
    float *row = vs__scratch(x, worker), got[AT_ONCE];
    for (; i < end; i++) {
        vs_tensor_widen_row(&s->n->w->t, i, row);
        for (size_t r = 0, n; r < z->rows; r += n) {
            n = z->rows - r < AT_ONCE ? z->rows - r : AT_ONCE;
            for (size_t h = 0; h < H; h++) {
                vs_dot_rows(row + h * dh, s->a + (r * H + h) * dh, n, H * dh, dh, got);
                for (size_t k = 0; k < n; k++) s->y[((r + k) * H + h) * s->width + i] = got[k];
            }
        }
    }
}
vs_status vs__forward_heads(vs_err *err, const vs_exec *x, const vs_node *n) {
    span_args s = args_of(x, n);
    const vs_slot *z = slot_of(x, n->in[0]);
    vs_tensor part = n->w->t;
    if (part.ndim != 2 || vs_dtype_of(part.dtype)->block > 1) { /* a head's columns may begin within a block */
        vs_parallel_for(s.width, 16, heads_span, &s);
        return VS_OK;
    }
    part.shape[1] = z->width;
    for (size_t h = 0; h < z->heads; h++) {
        part.data = (const char *)n->w->t.data + h * z->width * part.stride[1];
        VS_TRY(vs_matmul(err, s.a + h * z->width, z->rows, z->width, row_width(z), &part, NULL, s.y + h * s.width, s.width,
                         z->heads * s.width));
    }
    return VS_OK;
}

vs_status vs__forward_same(vs_err *err, const vs_exec *x, const vs_node *n) {
    (void)err;
    start_from(x, n);
    return VS_OK;
}

bool vs__heads_left(const vs_slot *heads, const float *is, const float *was) {
    size_t n = row_width(heads), same = 0;
    while (same < n && is[same] == was[same]) same++;
    return same == n;
}

/* What the heads of a row add where an edit left all of them as they were is y, to the last bit; else it is their sum and
 * the bias.  (y plus the difference would leave y's rounding where little is left: a norm may come next that makes it big.) */
vs_status vs__forward_delta(vs_err *err, const vs_exec *x, const vs_node *n) {
    const vs_slot *heads = slot_of(x, n->in[1]);
    const float *is = vs__slot(x, n->in[1]), *was = vs__slot(x, n->in[2]), *bias = n->b ? n->b->vec : NULL;
    size_t d = heads->width, each = row_width(heads);
    float *y = vs__slot(x, n->out);
    (void)err;
    start_from(x, n);
    for (size_t r = 0; r < heads->rows; r++, is += each, was += each, y += d) {
        if (vs__heads_left(heads, is, was)) continue;
        for (size_t i = 0; i < d; i++) y[i] = bias ? bias[i] : 0;
        for (size_t i = 0; i < each; i++) y[i % d] += is[i];
    }
    return VS_OK;
}

vs_op_fn *const vs__forward[VS_OP_COUNT] = {
#define OP(name, fn, in_place, root, reads, words) [VS_OP_##name] = vs__forward_##fn,
#include "ops.def"
#undef OP
};
