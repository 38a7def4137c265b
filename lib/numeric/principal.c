/* principal.c - see principal.h. */
#include "principal.h"

#include <math.h>
#include <string.h>

#include <gsl/gsl_errno.h>
#include <gsl/gsl_rng.h>

#include "../base/alloc.h"
#include "../base/parallel.h"
#include "../tensor/kernels.h"
#include "linalg.h"

enum { SMALL = 64, BESIDE = 14, ROUNDS = 300 };

typedef struct principal {
    size_t n, d, p; /* p: directions under way */
    float *x;       /* [n,d] less the mean */
    float *v;       /* [p,d] orthonormal */
    float *z;       /* [n,p] x v^T */
    float *zt;      /* [p,n] */
    float *w;       /* [p,d] z^T x */
    double *small;  /* [p,p] v x^T x v^T */
    double *value;  /* [p] */
    double *turn;   /* [p,p] */
    double whole;
} principal;

static void principal_free(principal *q) {
    vs_free(q->x);
    vs_free(q->v);
    vs_free(q->z);
    vs_free(q->zt);
    vs_free(q->w);
    vs_free(q->small);
    vs_free(q->value);
    vs_free(q->turn);
}

static bool principal_new(principal *q) {
    size_t nd, np, pd;
    if (!vs_mul(q->n, q->d, &nd) || !vs_mul(q->n, q->p, &np) || !vs_mul(q->p, q->d, &pd)) return false;
    q->x = vs_alloc_wide(nd, sizeof *q->x);
    q->v = vs_alloc(pd, sizeof *q->v);
    q->z = vs_alloc(np, sizeof *q->z);
    q->zt = vs_alloc(np, sizeof *q->zt);
    q->w = vs_alloc(pd, sizeof *q->w);
    q->small = vs_alloc(q->p * q->p, sizeof *q->small);
    q->value = vs_zalloc(q->p, sizeof *q->value);
    q->turn = vs_alloc(q->p * q->p, sizeof *q->turn);
    return q->x && q->v && q->z && q->zt && q->w && q->small && q->value && q->turn;
}

/* Rows less their mean, over a power of two that brings the largest number near 1. */
static vs_status centre(vs_err *err, principal *q, const float *x, float *mean) {
    double most = 0;
    for (size_t j = 0; j < q->d; j++) {
        double sum = 0;
        for (size_t i = 0; i < q->n; i++) sum += (double)x[i * q->d + j];
        mean[j] = (float)(sum / (double)q->n);
        if (!isfinite(sum))
            return vs_fail(err, VS_E_NUMERIC, "principal components: a number of the rows is not finite");
    }
    for (size_t i = 0; i < q->n * q->d; i++) most = fmax(most, fabs((double)x[i] - (double)mean[i % q->d]));
    int e = 0;
    frexp(most, &e);
    double unit = ldexp(1, -e);
    for (size_t i = 0; i < q->n * q->d; i++) {
        double v = ((double)x[i] - (double)mean[i % q->d]) * unit;
        q->x[i] = (float)v;
        q->whole += v * v;
    }
    return VS_OK;
}

/* w = (x v^T)^T x: one round.  Also the small matrix of v, x v^T's products with itself. */
static vs_status round_of(vs_err *err, principal *q) {
    size_t n = q->n, d = q->d, p = q->p;
    vs_tensor v, x, z;
    VS_TRY(vs_tensor_over(err, q->v, VS_F32, 2, (size_t[]){p, d}, &v, NULL));
    VS_TRY(vs_tensor_over(err, q->x, VS_F32, 2, (size_t[]){n, d}, &x, NULL));
    VS_TRY(vs_tensor_over(err, q->zt, VS_F32, 2, (size_t[]){p, n}, &z, NULL));
    VS_TRY(vs_matmul(err, q->x, n, d, d, &v, NULL, q->z, p, p));
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < p; k++) q->zt[k * n + i] = q->z[i * p + k];
    VS_TRY(vs_matmul(err, q->zt, p, n, n, &z, NULL, q->w, p, p)); /* w lends its room: p <= d */
    for (size_t i = 0; i < p * p; i++) q->small[i] = (double)q->w[i];
    VS_TRY(vs_matmul_t(err, q->zt, p, n, n, &x, NULL, q->w, d, d));
    return VS_OK;
}

/* The components as v knows them; *rest: the first k values no longer move. */
static vs_status settle(vs_err *err, principal *q, size_t k, bool *rest) {
    double was[SMALL];
    for (size_t i = 0; i < k; i++) was[i] = q->value[i];
    VS_TRY(vs_eigen_symmetric(err, q->small, q->p, q->value, q->turn));
    *rest = true;
    for (size_t i = 0; i < k; i++) *rest &= fabs(q->value[i] - was[i]) <= 1e-7 * q->value[0];
    return VS_OK;
}

static void turned(const principal *q, size_t k, float *v) {
    for (size_t i = 0; i < k; i++) {
        size_t top = 0;
        double norm = 0;
        for (size_t j = 0; j < q->d; j++) {
            double sum = 0;
            for (size_t m = 0; m < q->p; m++) sum += q->turn[i * q->p + m] * (double)q->v[m * q->d + j];
            v[i * q->d + j] = (float)sum;
            norm += sum * sum;
            if (fabsf(v[i * q->d + j]) > fabsf(v[i * q->d + top])) top = j;
        }
        float by = (float)(norm > 0 ? 1 / sqrt(norm) : 0);
        vs_scale_by(v + i * q->d, v[i * q->d + top] < 0 ? -by : by, q->d);
    }
}

static vs_status iterate(vs_err *err, principal *q, size_t k) {
    bool rest = false;
    for (int round = 0; !rest && round < ROUNDS; round++) {
        if (vs_interrupted()) return vs_fail(err, VS_E_STOPPED, "interrupted");
        VS_TRY(round_of(err, q));
        VS_TRY(settle(err, q, k, &rest));
        if (rest || q->p == q->d) break; /* all directions there are: nothing to be found outside */
        memcpy(q->v, q->w, q->p * q->d * sizeof *q->v);
        (void)vs_orthonormal(q->v, q->p, q->d);
    }
    return VS_OK;
}

vs_status vs_principal(vs_err *err, const float *x, size_t n, size_t d, size_t k, float *mean, float *v,
                       double *share) {
    size_t least = n < d ? n : d;
    if (!k || k > least || k > SMALL - BESIDE)
        return vs_fail(err, VS_E_RANGE, "%zu principal components of %zu rows of %zu numbers", k, n, d);
    principal q = {.n = n, .d = d, .p = least <= SMALL ? least : k + BESIDE};
    gsl_set_error_handler_off();
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_taus2);
    vs_status s = VS_OK;
    if (!rng || !principal_new(&q)) s = vs_fail(err, VS_E_NOMEM, "no memory for the components of %zu rows", n);
    if (s == VS_OK) s = centre(err, &q, x, mean);
    if (s == VS_OK) {
        for (size_t i = 0; i < q.p * d; i++) q.v[i] = (float)(gsl_rng_uniform(rng) - 0.5);
        (void)vs_orthonormal(q.v, q.p, d);
        s = iterate(err, &q, k);
    }
    if (s == VS_OK) turned(&q, k, v);
    for (size_t i = 0; s == VS_OK && i < k; i++) share[i] = q.whole > 0 ? fmax(0, q.value[i]) / q.whole : 0;
    if (rng) gsl_rng_free(rng);
    principal_free(&q);
    return s;
}
