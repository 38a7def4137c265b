/* logistic.c - see logistic.h.
 *
 * What is solved for is either w itself (m = d numbers) or, where there are fewer rows than columns, the a [n] of
 * w = X^T a / lambda; the intercept is one number more.  Both ways f = X w + b is linear in them. */
#include "logistic.h"

#include <math.h>
#include <string.h>

#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>

#include "../base/alloc.h"

typedef struct fit {
    const float *x;
    const uint8_t *y;
    size_t n, d, m;
    bool dual;
    double lambda;
    double *at, *next;  /* [m+1] the solution so far and the one that Newton proposes; the intercept last */
    double *f, *f_next; /* [n] X w + b of each */
    double *pull;       /* [n] y - p */
    double *weight;     /* [n] p (1 - p) */
    double *rhs, *one;  /* [m+1] */
    double *kernel;     /* [n,n] X X^T / lambda; dual only */
    double *matrix;     /* [m+1,m+1], [n,n] where dual */
} fit;

static bool fit_new(fit *q) {
    size_t m = q->m + 1, n = q->n, square, all;
    if (!vs_mul(m, m, &square) || !vs_mul(square, 2, &all) || !vs_add(all, 4 * m + 4 * n, &all)) return false;
    double *p = vs_zalloc(all, sizeof *p);
    q->at = p;
    if (!p) return false;
    q->next = p + m;
    q->rhs = p + 2 * m;
    q->one = p + 3 * m;
    q->f = p + 4 * m;
    q->f_next = q->f + n;
    q->pull = q->f + 2 * n;
    q->weight = q->f + 3 * n;
    q->kernel = q->f + 4 * n;
    q->matrix = q->kernel + square;
    return true;
}

/* log(1 + exp(v)) */
static double softplus(double v) { return v > 0 ? v + log1p(exp(-v)) : log1p(exp(v)); }

static void values(const fit *q, const double *at, double *f) {
    for (size_t i = 0; i < q->n; i++) {
        double sum = at[q->m];
        if (q->dual)
            for (size_t j = 0; j < q->n; j++) sum += q->kernel[i * q->n + j] * at[j];
        else
            for (size_t j = 0; j < q->d; j++) sum += (double)q->x[i * q->d + j] * at[j];
        f[i] = sum;
    }
}

static double objective(const fit *q, const double *at, const double *f) {
    double sum = 0, penalty = 0;
    for (size_t i = 0; i < q->n; i++) sum += softplus(q->y[i] ? -f[i] : f[i]);
    if (q->dual)
        for (size_t i = 0; i < q->n; i++) penalty += at[i] * (f[i] - at[q->m]);
    else
        for (size_t j = 0; j < q->d; j++) penalty += q->lambda * at[j] * at[j];
    return sum + penalty / 2;
}

static vs_status cholesky(vs_err *err, const fit *q, size_t n) {
    gsl_matrix_view m = gsl_matrix_view_array(q->matrix, n, n);
    return gsl_linalg_cholesky_decomp1(&m.matrix) == GSL_SUCCESS
               ? VS_OK
               : vs_fail(err, VS_E_NUMERIC, "logistic regression: the classes are too far apart for lambda %g",
                         q->lambda);
}

static void solve(const fit *q, size_t n, double *v) {
    gsl_matrix_const_view m = gsl_matrix_const_view_array(q->matrix, n, n);
    gsl_vector_view b = gsl_vector_view_array(v, n);
    gsl_linalg_cholesky_svx(&m.matrix, &b.vector);
}

/* next = at + H^-1 (X^T (y - p) - lambda w), H = X^T S X + lambda, with the intercept as a last column of ones. */
static vs_status step_primal(vs_err *err, fit *q) {
    size_t d = q->d, m = d + 1;
    memset(q->matrix, 0, m * m * sizeof *q->matrix);
    for (size_t j = 0; j < d; j++) {
        q->matrix[j * m + j] = q->lambda;
        q->rhs[j] = -q->lambda * q->at[j];
    }
    q->rhs[d] = 0;
    for (size_t i = 0; i < q->n; i++) {
        const float *x = q->x + i * d;
        double s = q->weight[i];
        for (size_t j = 0; j < d; j++) {
            double sx = s * (double)x[j];
            for (size_t k = 0; k <= j; k++) q->matrix[j * m + k] += sx * (double)x[k];
            q->matrix[d * m + j] += sx;
            q->rhs[j] += (double)x[j] * q->pull[i];
        }
        q->matrix[d * m + d] += s;
        q->rhs[d] += q->pull[i];
    }
    VS_TRY(cholesky(err, q, m));
    solve(q, m, q->rhs);
    for (size_t j = 0; j < m; j++) q->next[j] = q->at[j] + q->rhs[j];
    return VS_OK;
}

/* v = (1 + S K)^-1 v by way of B = 1 + S^1/2 K S^1/2: v - S^1/2 B^-1 S^1/2 K v. */
static void apply_inverse(const fit *q, double *v, double *work) {
    size_t n = q->n;
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t j = 0; j < n; j++) sum += q->kernel[i * n + j] * v[j];
        work[i] = sqrt(q->weight[i]) * sum;
    }
    solve(q, n, work);
    for (size_t i = 0; i < n; i++) v[i] -= sqrt(q->weight[i]) * work[i];
}

/* At the minimum a = y - p.  A Newton step makes that linear: (1 + S K) a = y - p + S f - S b, and b is what lets a sum
 * to zero. */
static vs_status step_dual(vs_err *err, fit *q) {
    size_t n = q->n;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++)
            q->matrix[i * n + j] = sqrt(q->weight[i]) * q->kernel[i * n + j] * sqrt(q->weight[j]) + (i == j);
    VS_TRY(cholesky(err, q, n));
    double *work = q->next; /* free until the end */
    for (size_t i = 0; i < n; i++) {
        q->rhs[i] = q->pull[i] + q->weight[i] * q->f[i];
        q->one[i] = q->weight[i];
    }
    apply_inverse(q, q->rhs, work);
    apply_inverse(q, q->one, work);
    double all = 0, ones = 0;
    for (size_t i = 0; i < n; i++) {
        all += q->rhs[i];
        ones += q->one[i];
    }
    if (!(ones > 0))
        return vs_fail(err, VS_E_NUMERIC, "logistic regression: the classes are too far apart for lambda %g",
                       q->lambda);
    double b = all / ones;
    for (size_t i = 0; i < n; i++) q->next[i] = q->rhs[i] - b * q->one[i];
    q->next[n] = b;
    return VS_OK;
}

/* Go from q->at towards q->next as far as that is downhill.  *moved: how far f would have moved by the whole step,
 * beside the largest of them. */
static bool advance(fit *q, double *moved) {
    values(q, q->next, q->f_next);
    double most = 0, largest = 1;
    for (size_t i = 0; i < q->n; i++) {
        most = fmax(most, fabs(q->f_next[i] - q->f[i]));
        largest = fmax(largest, fabs(q->f_next[i]));
    }
    *moved = most / largest;
    double here = objective(q, q->at, q->f);
    for (int halved = 0; halved < 40; halved++) {
        if (objective(q, q->next, q->f_next) <= here * (1 + 1e-14)) {
            memcpy(q->at, q->next, (q->m + 1) * sizeof *q->at);
            memcpy(q->f, q->f_next, q->n * sizeof *q->f);
            return true;
        }
        for (size_t j = 0; j <= q->m; j++) q->next[j] = (q->at[j] + q->next[j]) / 2;
        for (size_t i = 0; i < q->n; i++) q->f_next[i] = (q->f[i] + q->f_next[i]) / 2;
    }
    return false;
}

static vs_status minimise(vs_err *err, fit *q) {
    enum { STEPS = 200 };
    const double enough = 1e-9; /* the next step would be its square */
    for (int k = 0; k < STEPS; k++) {
        for (size_t i = 0; i < q->n; i++) {
            double p = q->f[i] > 0 ? 1 / (1 + exp(-q->f[i])) : exp(q->f[i]) / (1 + exp(q->f[i]));
            q->pull[i] = (q->y[i] ? 1 : 0) - p;
            q->weight[i] = p * (1 - p);
        }
        double moved;
        VS_TRY(q->dual ? step_dual(err, q) : step_primal(err, q));
        bool went = advance(q, &moved);
        if (moved <= enough) return VS_OK;
        if (!went || !isfinite(moved)) break;
    }
    return vs_fail(err, VS_E_NUMERIC, "logistic regression: no convergence with lambda %g", q->lambda);
}

static vs_status check(vs_err *err, const fit *q) {
    size_t ones = 0;
    if (!(q->lambda > 0) || !isfinite(q->lambda))
        return vs_fail(err, VS_E_RANGE, "logistic regression: lambda is %g; a number above 0 is wanted", q->lambda);
    for (size_t i = 0; i < q->n; i++) ones += q->y[i] != 0;
    if (!ones || ones == q->n)
        return vs_fail(err, VS_E_RANGE, "logistic regression wants rows of both classes; there are %zu and %zu", ones,
                       q->n - ones);
    for (size_t i = 0; i < q->n * q->d; i++)
        if (!isfinite(q->x[i]))
            return vs_fail(err, VS_E_NUMERIC, "logistic regression: row %zu holds a number that is not finite",
                           i / q->d);
    return VS_OK;
}

vs_status vs_logistic(vs_err *err, const float *x, const uint8_t *y, size_t n, size_t d, double lambda, double *w,
                      double *b) {
    fit q = {.x = x, .y = y, .n = n, .d = d, .lambda = lambda, .dual = n <= d};
    q.m = q.dual ? n : d;
    VS_TRY(check(err, &q));
    if (!fit_new(&q))
        return vs_fail(err, VS_E_NOMEM, "no memory for a logistic regression over %zu rows of %zu numbers", n, d);
    gsl_set_error_handler_off();
    for (size_t i = 0; q.dual && i < n; i++)
        for (size_t k = 0; k <= i; k++) {
            double sum = 0;
            for (size_t j = 0; j < d; j++) sum += (double)x[i * d + j] * (double)x[k * d + j];
            q.kernel[i * n + k] = q.kernel[k * n + i] = sum / lambda;
        }
    vs_status s = minimise(err, &q);
    if (s == VS_OK) {
        *b = q.at[q.m];
        for (size_t j = 0; j < d; j++) w[j] = q.dual ? 0 : q.at[j];
        for (size_t i = 0; q.dual && i < n; i++)
            for (size_t j = 0; j < d; j++) w[j] += q.at[i] * (double)x[i * d + j] / lambda;
    }
    vs_free(q.at);
    return s;
}
