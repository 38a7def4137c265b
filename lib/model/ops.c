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
    size_t d = slot_of(x, n->out)->width;
    float *y = vs__slot(x, n->out);
    for (size_t t = 0; t < x->plan->rows; t++, y += d) {
        VS_TRY(vs_tensor_row_f32(err, &n->w->t, (size_t)x->rq->in.ids[t], y));
        if (n->f != 1.0f) vs_scale_by(y, n->f, d);
    }
    return VS_OK;
}

vs_status vs__forward_pos(vs_err *err, const vs_exec *x, const vs_node *n) {
    size_t d = slot_of(x, n->out)->width;
    for (size_t i = 0; i < x->plan->n_seqs; i++) {
        float *y = vs__slot(x, n->out) + x->plan->starts[i] * d;
        for (size_t t = 0; t < vs__seq_rows(x, i); t++)
            VS_TRY(vs_tensor_row_f32(err, &n->w->t, x->prior + t + n->n, y + t * d));
    }
    return VS_OK;
}

vs_status vs__forward_type(vs_err *err, const vs_exec *x, const vs_node *n) {
    size_t d = slot_of(x, n->out)->width;
    const uint8_t *types = x->rq->in.types;
    float *y = vs__slot(x, n->out);
    for (size_t t = 0; t < x->plan->rows; t++)
        VS_TRY(vs_tensor_row_f32(err, &n->w->t, types ? types[t] : 0, y + t * d));
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

static void cap_span(void *arg, size_t i, size_t end, int worker) {
    span_args *s = arg;
    float cap = s->n->f, *y = s->y;
    (void)worker;
    if (s->a != y) memcpy(y + i, s->a + i, (end - i) * sizeof *y);
    vs_scale_by(y + i, 1 / cap, end - i);
    vs_activate(VS_ACT_TANH, y + i, y + i, end - i);
    vs_scale_by(y + i, cap, end - i);
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

vs_status vs__forward_rope(vs_err *err, const vs_exec *x, const vs_node *n) {
    const vs_slot *s = slot_of(x, n->out);
    (void)err;
    start_from(x, n);
    for (size_t i = 0; i < x->plan->n_seqs; i++) {
        float *y = vs__slot(x, n->out) + x->plan->starts[i] * row_width(s);
        const float *cs = vs__rope_at(x, n, x->prior);
        for (size_t t = 0; t < vs__seq_rows(x, i); t++, cs += n->n)
            vs_rope(y + t * row_width(s), s->heads, s->width, n->n, cs, cs + n->n / 2);
    }
    return VS_OK;
}

static vs_status pick_rows(const vs_exec *x, const vs_node *n) {
    size_t w = row_width(slot_of(x, n->out));
    const float *a = vs__slot(x, n->in[0]);
    float *y = vs__slot(x, n->out);
    for (size_t i = 0; i < x->plan->n_seqs; i++)
        memcpy(y + i * w, a + (n->op == VS_OP_FIRST ? x->plan->starts[i] : x->plan->starts[i + 1] - 1) * w, w * sizeof *y);
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
 * Streamed or opened, a score is scale * (q . k), a row's softmax runs over the visible keys alone, and the mix adds them
 * in their order: the same bits either way. */

typedef struct attend_args {
    const vs_exec *x;
    const vs_node *n;
    const float *q;       /* or the pattern */
    float *y;
    size_t H, KV, dh;
    atomic_bool bad;      /* a row that has no softmax: every key masked, or not a number */
} attend_args;

/* Row 0 of a text's keys (in[1]) or values (in[2], or MIX's in[1]) for the KV head that serves head h. */
static const float *source(const attend_args *a, int slot, bool values, size_t seq, size_t h) {
    size_t group = h / (a->H / a->KV), width = a->KV * a->dh;
    const float *base = a->x->rq->kv ? vs__kv_rows_of(a->x->rq->kv, a->n->site.layer, values)
                                     : vs__slot(a->x, slot) + a->x->plan->starts[seq] * width;
    return base + group * a->dh;
}

/* Scores of query row q against keys [lo, hi). */
static void score_row(const attend_args *a, const float *q, const float *k, size_t lo, size_t hi, float *s) {
    size_t ld = a->KV * a->dh;
    vs_dot_rows(q, k + lo * ld, hi - lo, ld, a->dh, s);
    vs_scale_by(s, a->n->f, hi - lo);
}

static void attend_span(void *arg, size_t i, size_t end, int worker) {
    attend_args *a = arg;
    const vs_exec *x = a->x;
    size_t ld = a->KV * a->dh, width = a->H * a->dh;
    float *s = vs__scratch(x, worker);
    for (; i < end; i++) {
        vs_block block = x->plan->block[i / a->H];
        size_t h = i % a->H, T = vs__seq_rows(x, block.seq), S = T + x->prior;
        const float *k = source(a, a->n->in[1], false, block.seq, h), *v = source(a, a->n->in[2], true, block.seq, h);
        for (size_t t = block.t0; t < T && t < block.t0 + VS_QUERIES; t++) {
            size_t lo, hi, at = (x->plan->starts[block.seq] + t) * width + h * a->dh;
            vs__visible(a->n, x->prior + t, S, &lo, &hi);
            score_row(a, a->q + at, k, lo, hi, s);
            if (!vs_softmax(s, hi - lo)) atomic_store(&a->bad, true);
            vs_mix_rows(s, v + lo * ld, hi - lo, ld, a->dh, a->y + at);
        }
    }
}

static attend_args attention_of(const vs_exec *x, const vs_node *n) {
    const vs_stack_info *si = &x->m->info.stack[n->site.stack];
    return (attend_args){.x = x, .n = n, .q = vs__slot(x, n->in[0]), .y = vs__slot(x, n->out), .H = si->H, .KV = si->KV,
                         .dh = si->dh};
}

/* Heads and blocks shared out, in pieces worth a thread. */
static vs_status share(vs_err *err, attend_args *a, vs_span_fn *fn) {
    const vs_plan *p = a->x->plan;
    size_t each = VS_QUERIES < p->longest ? VS_QUERIES : p->longest, work = each * (p->longest + a->x->prior) * a->dh;
    vs_parallel_for(p->n_blocks * a->H, work < GRAIN ? GRAIN / work + 1 : 1, fn, a);
    if (!atomic_load(&a->bad)) return VS_OK;
    return vs_fail(err, VS_E_NUMERIC, "attention in layer %d: a position has every key masked, or scores that are no numbers",
                   a->n->site.layer);
}

vs_status vs__forward_attend(vs_err *err, const vs_exec *x, const vs_node *n) {
    attend_args a = attention_of(x, n);
    return share(err, &a, attend_span);
}

static void scores_span(void *arg, size_t i, size_t end, int worker) {
    attend_args *a = arg;
    const vs_exec *x = a->x;
    (void)worker;
    for (; i < end; i++) {
        vs_block block = x->plan->block[i / a->H];
        size_t h = i % a->H, T = vs__seq_rows(x, block.seq), S = T + x->prior;
        const float *k = source(a, a->n->in[1], false, block.seq, h);
        float *y = a->y + a->H * x->plan->edges[block.seq] + h * T * S;
        for (size_t t = block.t0; t < T && t < block.t0 + VS_QUERIES; t++)
            score_row(a, a->q + ((x->plan->starts[block.seq] + t) * a->H + h) * a->dh, k, 0, S, y + t * S);
    }
}
vs_status vs__forward_scores(vs_err *err, const vs_exec *x, const vs_node *n) {
    attend_args a = attention_of(x, n);
    return share(err, &a, scores_span);
}

static void softmax_span(void *arg, size_t i, size_t end, int worker) {
    attend_args *a = arg;
    const vs_exec *x = a->x;
    (void)worker;
    for (; i < end; i++) {
        vs_block block = x->plan->block[i / a->H];
        size_t T = vs__seq_rows(x, block.seq), S = T + x->prior;
        size_t at = a->H * x->plan->edges[block.seq] + i % a->H * T * S;
        for (size_t t = block.t0; t < T && t < block.t0 + VS_QUERIES; t++) {
            size_t lo, hi;
            float *y = a->y + at + t * S;
            vs__visible(a->n, x->prior + t, S, &lo, &hi);
            memset(y, 0, lo * sizeof *y);
            memset(y + hi, 0, (S - hi) * sizeof *y);
            if (a->q != a->y) memcpy(y + lo, a->q + at + t * S + lo, (hi - lo) * sizeof *y);
            if (!vs_softmax(y + lo, hi - lo)) atomic_store(&a->bad, true);
        }
    }
}
vs_status vs__forward_softmax(vs_err *err, const vs_exec *x, const vs_node *n) {
    attend_args a = attention_of(x, n);
    return share(err, &a, softmax_span);
}

static void mix_span(void *arg, size_t i, size_t end, int worker) {
    attend_args *a = arg;
    const vs_exec *x = a->x;
    size_t ld = a->KV * a->dh;
    (void)worker;
    for (; i < end; i++) {
        vs_block block = x->plan->block[i / a->H];
        size_t h = i % a->H, T = vs__seq_rows(x, block.seq), S = T + x->prior;
        const float *v = source(a, a->n->in[1], true, block.seq, h);
        const float *p = a->q + a->H * x->plan->edges[block.seq] + h * T * S;
        for (size_t t = block.t0; t < T && t < block.t0 + VS_QUERIES; t++) {
            const float *row = p + t * S;
            size_t lo, hi;
            vs__visible(a->n, x->prior + t, S, &lo, &hi);
            for (size_t s = 0; a->n->whole && s < lo; s++)
                if (row[s] != 0) lo = s;
            for (size_t s = S; a->n->whole && s > hi; s--)
                if (row[s - 1] != 0) hi = s;
            vs_mix_rows(row + lo, v + lo * ld, hi - lo, ld, a->dh,
                        a->y + ((x->plan->starts[block.seq] + t) * a->H + h) * a->dh);
        }
    }
}
vs_status vs__forward_mix(vs_err *err, const vs_exec *x, const vs_node *n) {
    attend_args a = attention_of(x, n);
    return share(err, &a, mix_span);
}

/* ---- single heads through the output map ---- */

/* Output coordinate i of every head: row i of W_O, cut into heads. */
static void heads_span(void *arg, size_t i, size_t end, int worker) {
    span_args *s = arg;
    const vs_exec *x = s->x;
    const vs_slot *z = slot_of(x, s->n->in[0]);
    const vs_tensor *w = &s->n->w->t;
    float *row = vs__scratch(x, worker);
    for (; i < end; i++) {
        vs_widen(w->dtype, vs_tensor_row(w, i), row, row_width(z));
        for (size_t r = 0; r < z->rows * z->heads; r++)
            s->y[r * s->width + i] = vs_dot(s->a + r * z->width, row + r % z->heads * z->width, z->width);
    }
}
vs_status vs__forward_heads(vs_err *err, const vs_exec *x, const vs_node *n) {
    (void)err;
    span_args s = args_of(x, n);
    vs_parallel_for(s.width, 16, heads_span, &s);
    return VS_OK;
}

/* y + sum over heads of (edited - own); a head left as it was adds nothing, to the last bit. */
vs_status vs__forward_delta(vs_err *err, const vs_exec *x, const vs_node *n) {
    const vs_slot *heads = slot_of(x, n->in[1]);
    const float *is = vs__slot(x, n->in[1]), *was = vs__slot(x, n->in[2]);
    float *y = vs__slot(x, n->out);
    (void)err;
    start_from(x, n);
    for (size_t r = 0; r < heads->rows; r++)
        for (size_t i = 0; i < row_width(heads); i++, is++, was++)
            if (*is != *was) y[r * heads->width + i % heads->width] += *is - *was;
    return VS_OK;
}

vs_op_fn *const vs__forward[VS_OP_COUNT] = {
#define OP(name, fn, in_place, root, words) [VS_OP_##name] = vs__forward_##fn,
#include "ops.def"
#undef OP
};
