/* subspaces.c - see subspaces.h.
 *
 * A part writes W z: the columns of W, each coordinate times the gain of the norm behind it where there is one.  A part
 * reads V (g * x): the rows of V, times the gain of the norm before it.  Of each the R directions in which these
 * vectors are longest stand for it, so that all subspaces are of one dimension and compare. */
#include "subspaces.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { R_MOST = 32 };

/* Which vectors a part is: columns (what it writes) or rows (what it reads) [from, from + n) of a role. */
typedef struct part {
    vs_role role, gain;
    bool writes;
    int layer;
    size_t from, n;
    char name[24];
} part;

static bool has(const vs_model *m, vs_role role, int layer) {
    return vs_model_weight(m, role, vs_model_info_of(m)->n_stacks - 1, layer) != NULL;
}

static vs_status gain_of(vs_err *err, const vs_model *m, const part *p, bool gains, size_t d, float *gain) {
    for (size_t j = 0; j < d; j++) gain[j] = 1;
    return gains && has(m, p->gain, p->layer) ? vs_model_row(err, m, p->gain, p->layer, 0, gain) : VS_OK;
}

vs_status vs_part_columns(vs_err *err, const vs_model *m, vs_role role, int layer, size_t most, float **x, size_t *n) {
    const vs_model_info *in = vs_model_info_of(m);
    const vs_tensor *t = vs_model_weight(m, role, in->n_stacks - 1, layer);
    size_t d = in->stack[in->n_stacks - 1].d, all = vs_tensor_cols(t), take = all < most ? all : most, nd;
    float *row = vs_alloc(all, sizeof *row);
    *n = take;
    *x = vs_mul(take, d, &nd) ? vs_alloc(nd, sizeof **x) : NULL;
    vs_status st = row && *x ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for %zu vectors of %zu numbers", take, d);
    for (size_t j = 0; st == VS_OK && j < d; j++) {
        st = vs_model_row(err, m, role, layer, j, row);
        for (size_t i = 0; st == VS_OK && i < take; i++)
            (*x)[i * d + j] = row[i * (all / take) + i * (all % take) / take];
    }
    vs_free(row);
    return st;
}

/* g [d,d] += the sum of v v^T over the part's vectors. */
static vs_status add_products(vs_err *err, const vs_model *m, const part *p, bool gains, size_t d, float *g) {
    const vs_tensor *t = vs_model_weight(m, p->role, vs_model_info_of(m)->n_stacks - 1, p->layer);
    size_t cols = vs_tensor_cols(t), nd, dd;
    float *row = vs_alloc(cols, sizeof *row), *gain = vs_alloc(d, sizeof *gain);
    float *x = vs_mul(p->n, d, &nd) ? vs_alloc(nd, sizeof *x) : NULL,
          *y = vs_mul(d, d, &dd) ? vs_alloc(dd, sizeof *y) : NULL;
    vs_tensor w;
    vs_status st = row && gain && x && y ? gain_of(err, m, p, gains, d, gain)
                                         : vs_fail(err, VS_E_NOMEM, "no memory for %s", p->name);
    if (st == VS_OK) st = vs_tensor_over(err, x, VS_F32, 2, (size_t[]){d, p->n}, &w, NULL);
    for (size_t r = 0; st == VS_OK && r < (p->writes ? d : p->n); r++) { /* x [d, n]: a row a coordinate */
        st = vs_model_row(err, m, p->role, p->layer, p->writes ? r : p->from + r, row);
        for (size_t i = 0; st == VS_OK && p->writes && i < p->n; i++) x[r * p->n + i] = row[p->from + i] * gain[r];
        for (size_t j = 0; st == VS_OK && !p->writes && j < d; j++) x[j * p->n + r] = row[j] * gain[j];
    }
    if (st == VS_OK) st = vs_matmul(err, x, d, p->n, p->n, &w, NULL, y, d, d);
    if (st == VS_OK) vs_add_into(g, y, g, dd);
    vs_free(row);
    vs_free(gain);
    vs_free(x);
    vs_free(y);
    return st;
}

/* The leading directions v [r,d] of a part; an MLP that is gated reads by two maps. */
static vs_status basis(vs_err *err, const vs_model *m, const part *p, bool gains, size_t d, size_t r, float *v) {
    float *g = vs_zalloc(d, d * sizeof *g);
    part gate = *p;
    gate.role = VS_ROLE_W_GATE;
    vs_status st = g ? add_products(err, m, p, gains, d, g) : vs_fail(err, VS_E_NOMEM, "no memory for %s", p->name);
    if (st == VS_OK && p->role == VS_ROLE_W_UP && has(m, VS_ROLE_W_GATE, p->layer))
        st = add_products(err, m, &gate, gains, d, g);
    if (st == VS_OK) st = vs_leading(err, g, d, r, v, NULL);
    vs_free(g);
    return st;
}

/* A whole attention or MLP. */
static part whole(const vs_model *m, bool attention, bool writes, size_t layer) {
    const vs_model_info *in = vs_model_info_of(m);
    const vs_stack_info *k = &in->stack[in->n_stacks - 1];
    part p = {.role = attention ? (writes ? VS_ROLE_WO : VS_ROLE_WV) : (writes ? VS_ROLE_W_DOWN : VS_ROLE_W_UP),
              .gain = attention ? (writes ? VS_ROLE_ATTN_BRANCH : VS_ROLE_ATTN_NORM)
                                : (writes ? VS_ROLE_MLP_BRANCH : VS_ROLE_MLP_NORM),
              .writes = writes,
              .layer = (int)layer,
              .n = attention ? (writes ? k->H : k->KV) * k->dh : k->f};
    snprintf(p.name, sizeof p.name, "%zu.%s", layer, attention ? "attn" : "mlp");
    return p;
}

/* One of its heads. */
static part one_head(const vs_model *m, bool writes, size_t layer, size_t head) {
    const vs_model_info *in = vs_model_info_of(m);
    part p = whole(m, true, writes, layer);
    p.n = in->stack[in->n_stacks - 1].dh;
    p.from = head * p.n;
    snprintf(p.name, sizeof p.name, "%zu.h%zu", layer, head);
    return p;
}

/* Some parts and their directions. */
typedef struct parts {
    bool gains;
    part *p;  /* [n] */
    float *v; /* [n, r, d] */
    const char **name;
    size_t n, r, d;
} parts;

static void parts_free(parts *q) {
    vs_free(q->p);
    vs_free(q->v);
    vs_free(q->name);
}

static vs_status parts_new(vs_err *err, size_t n, size_t d, size_t r, bool gains, parts *q) {
    size_t rd, all;
    *q = (parts){.gains = gains, .r = r, .d = d};
    q->p = vs_alloc(n, sizeof *q->p);
    q->name = vs_alloc(n, sizeof *q->name);
    q->v = vs_mul(r, d, &rd) && vs_mul(rd, n, &all) ? vs_alloc(all, sizeof *q->v) : NULL;
    return q->p && q->v && q->name ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for %zu subspaces", n);
}

static vs_status add_part(vs_err *err, const vs_model *m, part p, parts *q) {
    q->p[q->n] = p;
    q->name[q->n] = q->p[q->n].name;
    VS_TRY(basis(err, m, &p, q->gains, q->d, q->r, q->v + q->n * q->r * q->d));
    q->n++;
    return VS_OK;
}

/* Whether what a part writes reaches a part that reads: one behind it. */
static bool reaches(const part *w, const part *r) {
    bool mlp = w->role == VS_ROLE_W_DOWN, reader_mlp = r->role == VS_ROLE_W_UP;
    return r->layer > w->layer || (r->layer == w->layer && !mlp && reader_mlp);
}

static vs_status matrix(vs_err *err, const char *name, const parts *a, const parts *b, bool ordered, vs_out *o) {
    float *v = vs_alloc(a->n, b->n * sizeof *v);
    if (!v) return vs_fail(err, VS_E_NOMEM, "no memory for %zu by %zu overlaps", a->n, b->n);
    double top = 0, sum = 0;
    size_t count = 0;
    vs_status st = VS_OK;
    for (size_t i = 0; i < a->n; i++)
        for (size_t j = 0; st == VS_OK && j < b->n; j++) {
            double mean = (double)NAN;
            if (!ordered || reaches(&a->p[i], &b->p[j]))
                st = vs_overlap(err, a->v + i * a->r * a->d, b->v + j * b->r * b->d, a->r, a->d, &mean, NULL);
            v[i * b->n + j] = (float)mean;
            if (isnan(mean) || (a == b && i == j)) continue;
            top = fmax(top, mean);
            sum += mean;
            count++;
        }
    if (st == VS_OK) {
        vs_out_matrix(o, name, v, a->n, b->n, a->name, b->name, 0, top);
        vs_out_note(o, "  mean %.3f; of two subspaces of %zu of %zu dimensions drawn at random %.3f",
                    count ? sum / (double)count : 0, a->r, a->d, (double)a->r / (double)a->d);
    }
    vs_free(v);
    return st;
}

static size_t dimension(const vs_stack_info *k, size_t most) {
    size_t r = k->d / 8 < R_MOST ? k->d / 8 : R_MOST;
    if (r > most) r = most;
    return r ? r : 1;
}

vs_status vs_show_subspaces(vs_err *err, const vs_model *m, bool gains, vs_out *o) {
    const vs_model_info *in = vs_model_info_of(m);
    const vs_stack_info *k = &in->stack[in->n_stacks - 1];
    parts w = {0}, r = {0};
    size_t dims = dimension(k, k->KV * k->dh);
    vs_status st = parts_new(err, 2 * k->L, k->d, dims, gains, &w);
    if (st == VS_OK) st = parts_new(err, 2 * k->L, k->d, dims, gains, &r);
    for (size_t l = 0; st == VS_OK && l < k->L; l++) {
        vs_tick(vs_out_progress(o), "subspaces", l, k->L);
        for (int attention = 1; st == VS_OK && attention >= 0; attention--) {
            if (l + 1 < k->L || attention)
                st = add_part(err, m, whole(m, attention, true, l), &w); /* the last one reaches none */
            if (st == VS_OK && (l || !attention)) st = add_part(err, m, whole(m, attention, false, l), &r);
        }
    }
    vs_tick(vs_out_progress(o), "subspaces", k->L, k->L);
    if (st == VS_OK) {
        vs_out_text(o, VS_COL_JSON_ONLY, "model", in->name);
        vs_out_int(o, VS_COL_JSON_ONLY, "dimensions", (int64_t)dims);
        vs_out_real(o, VS_COL_JSON_ONLY, "random", (double)dims / (double)k->d, 4);
        vs_out_heading(o, "What a part (row) writes most, against what one behind it (column) reads most: mean cos² of "
                          "principal angles");
        st = matrix(err, "overlap", &w, &r, true, o);
    }
    parts_free(&w);
    parts_free(&r);
    return st;
}

vs_status vs_show_heads(vs_err *err, const vs_model *m, int64_t layer, bool gains, vs_out *o) {
    const vs_model_info *in = vs_model_info_of(m);
    const vs_stack_info *k = &in->stack[in->n_stacks - 1];
    if (layer < 0 || (uint64_t)layer >= k->L)
        return vs_fail(err, VS_E_RANGE, "layer %lld: %s has %zu, 0..%zu", (long long)layer, in->name, k->L, k->L - 1);
    size_t l = (size_t)layer, dims = dimension(k, k->dh);
    parts w = {0}, r = {0};
    vs_status st = parts_new(err, k->H + 1, k->d, dims, gains, &w);
    if (st == VS_OK) st = parts_new(err, k->KV + 2, k->d, dims, gains, &r);
    for (size_t h = 0; st == VS_OK && h < k->H; h++) st = add_part(err, m, one_head(m, true, l, h), &w);
    if (st == VS_OK) st = add_part(err, m, whole(m, false, true, l), &w);
    if (st == VS_OK) st = add_part(err, m, whole(m, false, false, l), &r);
    for (size_t h = 0; st == VS_OK && l + 1 < k->L && h < k->KV; h++)
        st = add_part(err, m, one_head(m, false, l + 1, h), &r);
    if (st == VS_OK && l + 1 < k->L) st = add_part(err, m, whole(m, false, false, l + 1), &r);
    if (st == VS_OK) {
        vs_out_text(o, VS_COL_JSON_ONLY, "model", in->name);
        vs_out_int(o, VS_COL_JSON_ONLY, "dimensions", (int64_t)dims);
        vs_out_heading(
            o, "What heads and MLP of layer %zu write most, against each other: mean cos² of principal angles", l);
        st = matrix(err, "writes", &w, &w, false, o);
    }
    if (st == VS_OK) vs_out_heading(o, "… and against what the parts behind them (columns) read most");
    if (st == VS_OK) st = matrix(err, "reads", &w, &r, true, o);
    parts_free(&w);
    parts_free(&r);
    return st;
}
