/* reverse.c - see reverse.h.  Hands each call to the instruction set in use, and large products to all threads. */
#include "reverse.h"

#include "../base/parallel.h"
#include "kernels_table.h"

/* Columns of C that a thread takes at least, and multiply-adds below which a team costs more than it saves. */
enum { GRAIN = 64 };
static const double worth_a_team = 50e3;

typedef struct product {
    const float *a;
    size_t m, rs, ks, k, n, ldc;
    const vs_tensor *b;
    float *c;
    bool more;
} product;

/* Rows [r0, r1) and columns [c0, c1) of C; B in runs of rows at one stride. */
static void part(const product *p, size_t r0, size_t r1, size_t c0, size_t c1) {
    const vs_tensor *b = p->b;
    size_t run = b->shape[b->ndim - 2], k = 0;
    do { /* once even where there is nothing to sum */
        vs__weights w = {vs_tensor_row(b, k), b->stride[b->ndim - 2], b->dtype};
        vs__kernels_in_use()->outer(p->a + r0 * p->rs + k * p->ks, r1 - r0, p->rs, p->ks, w, run < p->k - k ? run : p->k - k, c0,
                                    c1 - c0, p->c + r0 * p->ldc + c0, p->ldc, p->more || k);
        k += run;
    } while (k < p->k);
}

static void columns(void *arg, size_t from, size_t to, int worker) {
    const product *p = arg;
    (void)worker;
    part(p, 0, p->m, from, to);
}

static void rows(void *arg, size_t from, size_t to, int worker) {
    const product *p = arg;
    (void)worker;
    part(p, from, to, 0, p->n);
}

vs_status vs_outer(vs_err *err, const float *a, size_t m, size_t rs, size_t ks, const vs_tensor *b, size_t k, size_t n,
                   float *c, size_t ldc, bool more) {
    char text[96];
    if (b->ndim < 2 || vs_tensor_rows(b) != k || vs_tensor_cols(b) != n || !vs_tensor_in_rows(b))
        return vs_fail(err, VS_E_SHAPE, "product of [%zu, %zu] with %s: want [%zu, %zu]", m, k,
                       vs_shape_text(b->shape, b->ndim, text, sizeof text), k, n);
    product p = {a, m, rs, ks, k, n, ldc, b, c, more};
    bool alone = (double)m * (double)n * (double)k < worth_a_team;
    if (m > n) /* a tall C: each thread its own rows of A, and a panel of B again */
        vs_parallel_for(m, alone ? m : 2 * GRAIN, rows, &p);
    else
        vs_parallel_for(n, alone ? n : GRAIN, columns, &p);
    return VS_OK;
}

void vs_outer_span(const float *a, size_t m, size_t rs, size_t ks, const float *b, size_t ldb, size_t k, size_t n, float *c,
                   size_t ldc, bool more) {
    vs__weights w = {(const unsigned char *)b, ldb * sizeof *b, VS_F32};
    vs__kernels_in_use()->outer(a, m, rs, ks, w, k, 0, n, c, ldc, more);
}

void vs_add_rows(const float *x, size_t n_rows, size_t ldx, size_t n, float *y) {
    vs__kernels_in_use()->add_rows(x, n_rows, ldx, n, y);
}
void vs_layer_norm_back(const float *x, const float *g, float eps, const float *dy, float *dx, float stats[2], size_t n) {
    vs__kernels_in_use()->layer_norm_back(x, g, eps, dy, dx, stats, n);
}
void vs_rms_norm_back(const float *x, const float *g, float eps, const float *dy, float *dx, float stats[2], size_t n) {
    vs__kernels_in_use()->rms_norm_back(x, g, eps, dy, dx, stats, n);
}
void vs_norm_gain_back(const float *x, const float *dy, const float *stats, size_t n_rows, size_t ld, size_t n, float *dg,
                       float *db) {
    vs__kernels_in_use()->norm_gain_back(x, dy, stats, n_rows, ld, n, dg, db);
}
void vs_softmax_back(const float *p, const float *dp, float *ds, size_t n) {
    float mean = vs_dot(p, dp, n); /* taken off twice: what the first leaves is small beside dp, and so is its rounding */
    for (size_t i = 0; i < n; i++) ds[i] = dp[i] - mean;
    vs__kernels_in_use()->softmax_back(p, ds, ds, n);
}
void vs_activate_back(vs_act act, const float *x, const float *dy, float *dx, size_t n) {
    vs__kernels_in_use()->activate_back(act, x, dy, dx, n);
}
void vs_rope_back(float *x, size_t H, size_t dh, size_t n, const float *cos, const float *sin) {
    vs__kernels_in_use()->rope_back(x, H, dh, n, cos, sin);
}

void vs_pull_pairs(const vs_pull *pair, size_t pairs, float *x, float *y, size_t n, float rate) {
    vs__kernels_in_use()->pull_pairs(pair, pairs, x, y, n, rate);
}
