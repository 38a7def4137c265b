/* pca.c - principal components of a space: eigenvectors of the covariance of its rows. */
#include <math.h>
#include <string.h>

#include "../base/alloc.h"
#include "../numeric/linalg.h"
#include "../tensor/kernels.h"
#include "space_impl.h"

struct vs__components {
    double *vector; /* [d,d], the widest first */
    double *share;  /* [d] of the whole variance */
};

void vs__components_free(vs__components *c) {
    if (!c) return;
    vs_free(c->vector);
    vs_free(c->share);
    vs_free(c);
}

/* Sums over rows under way.  Rows are taken a block at a time, less a guess at the mean so that squares stay small. */
typedef struct sums {
    const vs_space *s;
    float *row;    /* [d] */
    float *block;  /* [d, BLOCK]: rows turned on their side */
    float *square; /* [d,d] of a block */
    float *guess;  /* [d] */
    double *sum;   /* [d] */
    double *outer; /* [d,d] */
    size_t n;      /* rows taken */
} sums;

enum { BLOCK = 1024 };

static void sums_free(sums *q) {
    vs_free(q->row);
    vs_free(q->block);
    vs_free(q->square);
    vs_free(q->guess);
    vs_free(q->sum);
    vs_free(q->outer);
}

static bool sums_new(sums *q) {
    size_t d = q->s->d, dd;
    if (!vs_mul(d, d, &dd)) return false;
    q->row = vs_alloc(d, sizeof *q->row);
    q->block = vs_alloc(d, BLOCK * sizeof *q->block);
    q->square = vs_alloc(dd, sizeof *q->square);
    q->guess = vs_zalloc(d, sizeof *q->guess);
    q->sum = vs_zalloc(d, sizeof *q->sum);
    q->outer = vs_zalloc(dd, sizeof *q->outer);
    return q->row && q->block && q->square && q->guess && q->sum && q->outer;
}

static bool finite_row(const float *row, size_t d) {
    for (size_t j = 0; j < d; j++)
        if (!isfinite(row[j])) return false;
    return true;
}

/* Rows [r0, r1), those that are finite, turned into q->block; unused columns are zero. */
static void turn(sums *q, size_t r0, size_t r1) {
    size_t d = q->s->d, at = 0;
    memset(q->block, 0, d * BLOCK * sizeof *q->block);
    for (size_t r = r0; r < r1; r++) {
        vs_widen(q->s->rows.dtype, vs_tensor_row(&q->s->rows, r), q->row, d);
        if (!finite_row(q->row, d)) continue;
        for (size_t j = 0; j < d; j++) q->block[j * BLOCK + at] = q->row[j] - q->guess[j];
        at++;
    }
    q->n += at;
}

static vs_status add_block(vs_err *err, sums *q) {
    size_t d = q->s->d;
    vs_tensor w;
    VS_TRY(vs_tensor_over(err, q->block, VS_F32, 2, (size_t[]){d, BLOCK}, &w, NULL));
    VS_TRY(vs_matmul(err, q->block, d, BLOCK, BLOCK, &w, NULL, q->square, d, d));
    for (size_t i = 0; i < d * d; i++) q->outer[i] += (double)q->square[i];
    for (size_t j = 0; j < d; j++) q->sum[j] += (double)vs_sum(q->block + j * BLOCK, BLOCK);
    return VS_OK;
}

static vs_status sum_up(vs_err *err, sums *q) {
    size_t n = q->s->n, d = q->s->d;
    turn(q, 0, n < BLOCK ? n : BLOCK); /* the mean of the first block is the guess */
    for (size_t j = 0; j < d && q->n; j++) q->guess[j] = vs_sum(q->block + j * BLOCK, BLOCK) / (float)q->n;
    q->n = 0;
    for (size_t r = 0; r < n; r += BLOCK) {
        if (vs_interrupted()) return vs_fail(err, VS_E_STOPPED, "interrupted");
        turn(q, r, r + BLOCK < n ? r + BLOCK : n);
        VS_TRY(add_block(err, q));
    }
    if (q->n < 2) return vs_fail(err, VS_E_NUMERIC, "%s: %zu rows have no principal components", q->s->name, q->n);
    return VS_OK;
}

static vs_status decompose(vs_err *err, sums *q, vs__components *c) {
    size_t d = q->s->d;
    double n = (double)q->n, whole = 0;
    for (size_t i = 0; i < d; i++)
        for (size_t j = 0; j < d; j++) q->outer[i * d + j] = (q->outer[i * d + j] - q->sum[i] * q->sum[j] / n) / (n - 1);
    VS_TRY(vs_eigen_symmetric(err, q->outer, d, c->share, c->vector));
    for (size_t i = 0; i < d; i++) {
        if (c->share[i] < 0) c->share[i] = 0; /* by rounding */
        whole += c->share[i];
    }
    for (size_t i = 0; i < d && whole > 0; i++) c->share[i] /= whole;
    return VS_OK;
}

static vs_status components(vs_err *err, vs_space *s, const vs__components **out) {
    *out = atomic_load(&s->components);
    if (*out) return VS_OK;
    size_t d = s->d, dd;
    sums q = {.s = s};
    vs__components *c = vs_zalloc(1, sizeof *c), *none = NULL;
    if (c && vs_mul(d, d, &dd)) {
        c->vector = vs_alloc(dd, sizeof *c->vector);
        c->share = vs_alloc(d, sizeof *c->share);
    }
    vs_status status = VS_OK;
    if (!c || !c->vector || !c->share || !sums_new(&q))
        status = vs_fail(err, VS_E_NOMEM, "%s: no memory for the components of %zu dimensions", s->name, d);
    if (status == VS_OK) status = sum_up(err, &q);
    if (status == VS_OK) status = decompose(err, &q, c);
    sums_free(&q);
    *out = c;
    if (status != VS_OK || !atomic_compare_exchange_strong(&s->components, &none, c)) {
        vs__components_free(c);
        *out = none; /* another thread was first */
    }
    return status;
}

vs_status vs_space_pc(vs_err *err, vs_space *s, size_t i, float *out, double *share) {
    if (i >= s->d)
        return vs_fail(err, VS_E_RANGE, "%s has %zu principal components, not %zu", s->name, s->d, i + 1);
    const vs__components *c;
    VS_TRY(components(err, s, &c));
    for (size_t j = 0; j < s->d; j++) out[j] = (float)c->vector[i * s->d + j];
    if (share) *share = c->share[i];
    return VS_OK;
}
