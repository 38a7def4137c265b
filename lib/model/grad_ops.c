/* grad_ops.c - the operations of a plan, backwards; attention is in grad_attend.c.  Each has its forward in ops.c. */
#include <string.h>

#include "grad_impl.h"

/* Elements below which sharing work out costs more than it saves, and columns that a thread takes of a sum over rows. */
enum { GRAIN = 16384, COLUMNS = 64 };

static const vs_slot *slot_of(const vs_back *b, int slot) { return &b->x.plan->slot[slot]; }
static const vs_rows *set_of(const vs_back *b, int slot) { return vs__set_of(&b->x, slot); }
static size_t row_width(const vs_slot *s) { return s->heads * s->width; }
static size_t rows_a_grain(size_t width) { return width < GRAIN ? GRAIN / width : 1; }
static void copy(float *to, const float *from, size_t n) {
    if (to) memcpy(to, from, n * sizeof *to);
}

/* ---- sums over rows, shared out by columns ---- */

typedef struct sums {
    const float *x, *dy, *stats;
    size_t rows, ld;
    float *dg, *db;
} sums;

static void bias_span(void *arg, size_t i, size_t end, int worker) {
    sums *s = arg;
    (void)worker;
    vs_add_rows(s->dy + i, s->rows, s->ld, end - i, s->db + i);
}
static void gain_span(void *arg, size_t i, size_t end, int worker) {
    sums *s = arg;
    (void)worker;
    vs_norm_gain_back(s->x + i, s->dy + i, s->stats, s->rows, s->ld, end - i, s->dg + i, s->db ? s->db + i : NULL);
}

/* ---- embeddings ---- */

typedef size_t row_fn(const vs_back *b, const vs_node *n, size_t r);

/* Row row_of(r) of the table's gradient += by dy[r], in the order of the rows. */
static vs_status scatter(const vs_back *b, const vs_node *n, const float *dy, float by, row_fn *row_of, int64_t fixed) {
    float *dw = vs__weight_sum(b->weights, n->w, NULL);
    const vs_slot *s = slot_of(b, n->out);
    for (size_t r = 0; dw && r < s->rows; r++) {
        size_t row = row_of(b, n, r);
        if ((int64_t)row != fixed) vs_axpy(by, dy + r * s->width, dw + row * s->width, s->width);
    }
    return VS_OK;
}
static size_t id_of(const vs_back *b, const vs_node *n, size_t r) {
    return (size_t)vs__input(&b->x, set_of(b, n->out)->stack)->ids[r];
}
static size_t type_of(const vs_back *b, const vs_node *n, size_t r) {
    const uint8_t *types = vs__types(&b->x, n, set_of(b, n->out)->stack);
    return types ? types[r] : 0;
}
static size_t position_of(const vs_back *b, const vs_node *n, size_t r) {
    const vs_rows *rows = set_of(b, n->out);
    size_t i = 0;
    while (r >= rows->starts[i + 1]) i++;
    return vs__position_row(&b->x, n, rows, i, r - rows->starts[i]);
}
vs_status vs__backward_embed(vs_err *err, const vs_back *b, const vs_node *n, const float *dy, float *const dx[3]) {
    (void)err, (void)dx;
    return scatter(b, n, dy, n->f, id_of, vs__padding(b->x.m));
}
vs_status vs__backward_pos(vs_err *err, const vs_back *b, const vs_node *n, const float *dy, float *const dx[3]) {
    (void)err, (void)dx;
    return scatter(b, n, dy, 1, position_of, b->x.m->stack[0].pos_after_pad ? (int64_t)n->n - 1 : -1);
}
vs_status vs__backward_sinus(vs_err *err, const vs_back *b, const vs_node *n, const float *dy, float *const dx[3]) {
    (void)err, (void)b, (void)n, (void)dy, (void)dx; /* made from nothing */
    return VS_OK;
}
vs_status vs__backward_type(vs_err *err, const vs_back *b, const vs_node *n, const float *dy, float *const dx[3]) {
    (void)err, (void)dx;
    return scatter(b, n, dy, 1, type_of, -1);
}

/* ---- element by element ---- */

typedef struct span_args {
    const vs_back *b;
    const vs_node *n;
    const float *a, *c, *dy; /* a: the first input, or what the node needs; c: the second */
    float *dx, *other;
} span_args;

vs_status vs__backward_add(vs_err *err, const vs_back *b, const vs_node *n, const float *dy, float *const dx[3]) {
    (void)err;
    copy(dx[0], dy, slot_of(b, n->out)->size);
    copy(dx[1], dy, slot_of(b, n->out)->size);
    return VS_OK;
}

static void mul_span(void *arg, size_t i, size_t end, int worker) {
    span_args *s = arg;
    (void)worker;
    if (s->dx) vs_mul_into(s->dy + i, s->c + i, s->dx + i, end - i);
    if (s->other) vs_mul_into(s->dy + i, s->a + i, s->other + i, end - i);
}
vs_status vs__backward_mul(vs_err *err, const vs_back *b, const vs_node *n, const float *dy, float *const dx[3]) {
    (void)err;
    span_args s = {.a = vs__slot(&b->x, n->in[0]), .c = vs__slot(&b->x, n->in[1]), .dy = dy, .dx = dx[0], .other = dx[1]};
    vs_parallel_for(slot_of(b, n->out)->size, GRAIN, mul_span, &s);
    return VS_OK;
}

static void act_span(void *arg, size_t i, size_t end, int worker) {
    span_args *s = arg;
    (void)worker;
    vs_activate_back(s->n->act, s->a + i, s->dy + i, s->dx + i, end - i);
}
vs_status vs__backward_act(vs_err *err, const vs_back *b, const vs_node *n, const float *dy, float *const dx[3]) {
    (void)err;
    span_args s = {.n = n, .a = vs__slot(&b->x, n->in[0]), .dy = dy, .dx = dx[0]};
    vs_parallel_for(slot_of(b, n->out)->size, GRAIN / 16, act_span, &s);
    return VS_OK;
}

vs_status vs__backward_scale(vs_err *err, const vs_back *b, const vs_node *n, const float *dy, float *const dx[3]) {
    (void)err;
    copy(dx[0], dy, slot_of(b, n->out)->size);
    vs_scale_by(dx[0], n->f, slot_of(b, n->out)->size);
    return VS_OK;
}

/* y = cap tanh(x / cap): dx = dy (1 - (y / cap)^2). */
static void cap_span(void *arg, size_t i, size_t end, int worker) {
    span_args *s = arg;
    float *dx = s->dx + i;
    size_t n = end - i;
    (void)worker;
    vs_mul_into(s->a + i, s->a + i, dx, n);
    vs_mul_into(dx, s->dy + i, dx, n);
    vs_scale_by(dx, -1 / (s->n->f * s->n->f), n);
    vs_add_into(dx, s->dy + i, dx, n);
}
vs_status vs__backward_cap(vs_err *err, const vs_back *b, const vs_node *n, const float *dy, float *const dx[3]) {
    (void)err;
    span_args s = {.n = n, .a = vs__slot(&b->x, n->out), .dy = dy, .dx = dx[0]};
    vs_parallel_for(slot_of(b, n->out)->size, GRAIN, cap_span, &s);
    return VS_OK;
}

/* ---- rows ---- */

static void norm_span(void *arg, size_t i, size_t end, int worker) {
    span_args *s = arg;
    size_t w = slot_of(s->b, s->n->out)->width;
    float *stats = s->b->temp;
    (void)worker;
    for (; i < end; i++)
        (s->n->rms ? vs_rms_norm_back : vs_layer_norm_back)(s->a + i * w, s->n->w->vec, s->n->f, s->dy + i * w, s->dx + i * w,
                                                            stats + 2 * i, w);
}
vs_status vs__backward_norm(vs_err *err, const vs_back *b, const vs_node *n, const float *dy, float *const dx[3]) {
    (void)err;
    const vs_slot *out = slot_of(b, n->out);
    size_t rows = out->rows * out->heads;
    /* where nobody wants dx it is still made, behind the statistics, because they come with it */
    span_args s = {.b = b, .n = n, .a = vs__slot(&b->x, n->in[0]), .dy = dy, .dx = dx[0] ? dx[0] : b->temp + 2 * rows};
    vs_parallel_for(rows, rows_a_grain(out->width), norm_span, &s);
    sums g = {s.a, dy, b->temp, rows, out->width, vs__weight_sum(b->weights, n->w, NULL), vs__weight_sum(b->weights, n->b, NULL)};
    if (g.dg) vs_parallel_for(out->width, COLUMNS, gain_span, &g);
    else if (g.db) vs_parallel_for(out->width, COLUMNS, bias_span, &g);
    return VS_OK;
}

/* y = x W^T + b: dx = dy W, dW += dy^T x, db += sum of dy. */
vs_status vs__backward_linear(vs_err *err, const vs_back *b, const vs_node *n, const float *dy, float *const dx[3]) {
    const vs_slot *in = slot_of(b, n->in[0]), *out = slot_of(b, n->out);
    size_t rows = in->rows, from = row_width(in), to = row_width(out), shape[2] = {rows, from};
    bool empty = false;
    float *dw = vs__weight_sum(b->weights, n->w, &empty), *db = vs__weight_sum(b->weights, n->b, NULL);
    if (dx[0]) VS_TRY(vs_outer(err, dy, rows, to, 1, &n->w->t, to, from, dx[0], from, false));
    if (dw) {
        vs_tensor x;
        VS_TRY(vs_tensor_over(err, vs__slot(&b->x, n->in[0]), VS_F32, 2, shape, &x, NULL));
        VS_TRY(vs_outer(err, dy, to, 1, to, &x, rows, from, dw, from, !empty));
    }
    sums s = {.dy = dy, .rows = rows, .ld = to, .db = db};
    if (db) vs_parallel_for(to, COLUMNS, bias_span, &s);
    return VS_OK;
}

vs_status vs__backward_rope(vs_err *err, const vs_back *b, const vs_node *n, const float *dy, float *const dx[3]) {
    (void)err;
    const vs_slot *s = slot_of(b, n->out);
    const vs_rows *r = set_of(b, n->out);
    size_t width = row_width(s);
    copy(dx[0], dy, s->size);
    for (size_t i = 0; i < r->n_seqs; i++) {
        bool last = s->kind == VS_ROWS_LAST;
        size_t T = vs__rows(r, i), row = last ? i : r->starts[i];
        const float *cs = vs__rope_at(&b->x, n, T, last ? T - 1 : 0);
        for (size_t t = 0; t < (last ? 1 : T); t++)
            vs_rope_back(dx[0] + (row + t) * width, s->heads, s->width, n->n, cs + t * n->n, cs + t * n->n + n->n / 2);
    }
    return VS_OK;
}

static vs_status put_rows(const vs_back *b, const vs_node *n, const float *dy, float *dx) {
    const vs_slot *in = slot_of(b, n->in[0]);
    const vs_rows *r = set_of(b, n->in[0]);
    const size_t w = row_width(in), *starts = r->starts;
    memset(dx, 0, in->size * sizeof *dx);
    for (size_t i = 0; i < r->n_seqs; i++)
        copy(dx + (n->op == VS_OP_FIRST ? starts[i] : starts[i + 1] - 1) * w, dy + i * w, w);
    return VS_OK;
}
vs_status vs__backward_last(vs_err *err, const vs_back *b, const vs_node *n, const float *dy, float *const dx[3]) {
    (void)err;
    return put_rows(b, n, dy, dx[0]);
}
vs_status vs__backward_first(vs_err *err, const vs_back *b, const vs_node *n, const float *dy, float *const dx[3]) {
    (void)err;
    return put_rows(b, n, dy, dx[0]);
}

/* ---- single heads through the output map ---- */

/* dz of a head = dy times its columns of W_O; those columns' gradient += dy^T z. */
vs_status vs__backward_heads(vs_err *err, const vs_back *b, const vs_node *n, const float *dy, float *const dx[3]) {
    const vs_slot *z = slot_of(b, n->in[0]), *out = slot_of(b, n->out);
    float *dw = vs__weight_sum(b->weights, n->w, NULL);
    const float *in = vs__slot(&b->x, n->in[0]);
    size_t d = out->width, dh = z->width, wide = row_width(z), step = row_width(out);
    for (size_t h = 0; h < z->heads; h++) {
        if (dx[0]) {
            float *w = b->temp; /* [d, dh]: the head's part of W_O */
            for (size_t i = 0; i < d; i++) {
                float *row = b->temp + d * dh;
                VS_TRY(vs_tensor_row_f32(err, &n->w->t, i, row));
                memcpy(w + i * dh, row + h * dh, dh * sizeof *w);
            }
            vs_outer_span(dy + h * d, out->rows, step, 1, w, dh, d, dh, dx[0] + h * dh, wide, false);
        }
        if (dw) vs_outer_span(dy + h * d, d, 1, step, in + h * dh, wide, out->rows, dh, dw + h * dh, wide, true);
    }
    return VS_OK;
}

/* A row that an edit changed is the sum of its heads and the bias; any other is y + sum over heads of (edited - own), which
 * is y. */
vs_status vs__backward_delta(vs_err *err, const vs_back *b, const vs_node *n, const float *dy, float *const dx[3]) {
    (void)err;
    const vs_slot *heads = slot_of(b, n->in[1]);
    size_t d = heads->width, each = row_width(heads);
    float *db = vs__weight_sum(b->weights, n->b, NULL);
    for (size_t r = 0; r < heads->rows; r++, dy += d) {
        bool left = vs__heads_left(heads, vs__slot(&b->x, n->in[1]) + r * each, vs__slot(&b->x, n->in[2]) + r * each);
        const float factor[3] = {left, 1, left ? -1 : 0};
        for (int k = 0; k < 3; k++)
            for (size_t h = 0; dx[k] && h < (k ? heads->heads : 1); h++) {
                float *to = dx[k] + (k ? r * each + h * d : r * d);
                copy(to, dy, d);
                if (factor[k] != 1) vs_scale_by(to, factor[k], d);
            }
        if (db && !left) vs_axpy(1, dy, db, d);
    }
    return VS_OK;
}

vs_status vs__backward_same(vs_err *err, const vs_back *b, const vs_node *n, const float *dy, float *const dx[3]) {
    (void)err;
    copy(dx[0], dy, slot_of(b, n->out)->size);
    return VS_OK;
}

/* A pass with a cache, or of a sweep's variants, has no way back (grad.c refuses both). */
static vs_status no_way_back(vs_err *err, const vs_node *n) {
    return vs_fail(err, VS_E_UNSUPPORTED, "%s: a gradient through a cache or a sweep", vs__op_name(n->op));
}
vs_status vs__backward_store(vs_err *err, const vs_back *b, const vs_node *n, const float *dy, float *const dx[3]) {
    (void)b, (void)dy, (void)dx;
    return no_way_back(err, n);
}
vs_status vs__backward_join(vs_err *err, const vs_back *b, const vs_node *n, const float *dy, float *const dx[3]) {
    (void)b, (void)dy, (void)dx;
    return no_way_back(err, n);
}
vs_status vs__backward_prefix(vs_err *err, const vs_back *b, const vs_node *n, const float *dy, float *const dx[3]) {
    (void)b, (void)dy, (void)dx;
    return no_way_back(err, n);
}

size_t vs__back_temp(const vs_plan *p, const vs_node *n) {
    const vs_slot *out = &p->slot[n->out];
    size_t rows = out->rows * out->heads;
    switch (n->op) {
    case VS_OP_NORM: return rows * (2 + out->width);
    case VS_OP_HEADS: return out->width * p->slot[n->in[0]].width + row_width(&p->slot[n->in[0]]);
    case VS_OP_ATTEND: return (n->cap > 0 ? 3 : 2) * vs__back_edges(p, n);
    case VS_OP_SCORES: return n->cap > 0 ? vs__back_edges(p, n) : 0;
    default: return 0;
    }
}

vs_back_fn *const vs__backward[VS_OP_COUNT] = {
#define OP(name, fn, in_place, root, reads, words) [VS_OP_##name] = vs__backward_##fn,
#include "ops.def"
#undef OP
};
