/* geometry.c - see geometry.h. */
#include "geometry.h"

#include <math.h>
#include <string.h>

#include <gsl/gsl_errno.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>

#include "../base/alloc.h"
#include "../base/parallel.h"
#include "../tensor/kernels.h"
#include "linalg.h"

static vs_status no_memory(vs_err *err, size_t n, size_t d) {
    return vs_fail(err, VS_E_NOMEM, "no memory for the geometry of %zu vectors of %zu numbers", n, d);
}

static vs_status all_finite(vs_err *err, const float *x, size_t n, size_t d) {
    for (size_t i = 0; i < n * d; i++)
        if (!isfinite(x[i]))
            return vs_fail(err, VS_E_NUMERIC, "vector %zu holds a number that is not finite", i / d + 1);
    return VS_OK;
}

/* y [a,b] = x [a,in] w [b,in]^T. */
static vs_status products(vs_err *err, const float *x, size_t a, const float *w, size_t b, size_t in, float *y) {
    vs_tensor t;
    VS_TRY(vs_tensor_over(err, w, VS_F32, 2, (size_t[]){b, in}, &t, NULL));
    return vs_matmul(err, x, a, in, in, &t, NULL, y, b, b);
}

/* Rows less their mean, or (side) their columns as rows: [d,n]. */
static float *centred(const float *x, size_t n, size_t d, bool side) {
    size_t nd;
    float *c = vs_mul(n, d, &nd) ? vs_alloc(nd, sizeof *c) : NULL;
    for (size_t j = 0; c && j < d; j++) {
        double mean = 0;
        for (size_t i = 0; i < n; i++) mean += (double)x[i * d + j] / (double)n;
        for (size_t i = 0; i < n; i++) c[side ? j * n + i : i * d + j] = (float)((double)x[i * d + j] - mean);
    }
    return c;
}

vs_status vs_centred_gram(vs_err *err, const float *x, size_t n, size_t d, float *g) {
    VS_TRY(all_finite(err, x, n, d));
    if (vs_interrupted()) return vs_fail(err, VS_E_STOPPED, "interrupted");
    float *c = centred(x, n, d, false);
    vs_status s = c ? products(err, c, n, c, n, d, g) : no_memory(err, n, d);
    vs_free(c);
    return s;
}

double vs_cka(const float *k, const float *l, size_t n) {
    double kl = 0, kk = 0, ll = 0;
    for (size_t i = 0; i < n * n; i++) {
        kl += (double)k[i] * (double)l[i];
        kk += (double)k[i] * (double)k[i];
        ll += (double)l[i] * (double)l[i];
    }
    return kk > 0 && ll > 0 ? kl / sqrt(kk) / sqrt(ll) : (double)NAN;
}

/* ---- a cloud ---- */

static void lengths(const float *x, size_t n, size_t d, vs_geometry *g, double *unit_sum) {
    double sum = 0, squares = 0, whole = 0;
    size_t directed = 0;
    g->norm_min = (double)INFINITY;
    for (size_t i = 0; i < n; i++) {
        double square = 0;
        for (size_t j = 0; j < d; j++) square += (double)x[i * d + j] * (double)x[i * d + j];
        double norm = sqrt(square);
        sum += norm;
        squares += square;
        g->norm_min = fmin(g->norm_min, norm);
        g->norm_max = fmax(g->norm_max, norm);
        if (norm <= 0) continue;
        directed++;
        for (size_t j = 0; j < d; j++) unit_sum[j] += (double)x[i * d + j] / norm;
    }
    g->norm_mean = sum / (double)n;
    g->norm_sd = sqrt(fmax(0, (squares - sum * sum / (double)n) / (double)(n - 1)));
    for (size_t j = 0; j < d; j++) whole += unit_sum[j] * unit_sum[j];
    double m = (double)directed; /* |sum of units|^2 is every pair twice, and each with itself */
    g->cosine = directed > 1 ? (whole - m) / (m * (m - 1)) : (double)NAN;
}

static void coordinates(const float *x, size_t n, size_t d, vs_geometry *g, double *mean) {
    double all = 0, most = -1, sum = 0, squares = 0;
    for (size_t j = 0; j < d; j++) {
        double square = 0;
        mean[j] = 0;
        for (size_t i = 0; i < n; i++) {
            mean[j] += (double)x[i * d + j] / (double)n;
            square += (double)x[i * d + j] * (double)x[i * d + j];
        }
        all += square;
        if (square > most) {
            most = square;
            g->top = j;
        }
        sum += mean[j] / (double)d;
    }
    g->top_share = all > 0 ? most / all : 0;
    for (size_t j = 0; j < d; j++) squares += (mean[j] - sum) * (mean[j] - sum) / (double)d;
    for (size_t j = 0; j < d; j++) g->outliers += fabs(mean[j] - sum) > 3 * sqrt(squares);
}

/* Eigenvalues of the covariance, of whichever products are fewer: those of rows or those of columns. */
static vs_status variances(vs_err *err, const float *x, size_t n, size_t d, vs_geometry *g, double *value) {
    size_t m = n < d ? n : d, mm;
    float *c = centred(x, n, d, d < n), *p = vs_mul(m, m, &mm) ? vs_alloc(mm, sizeof *p) : NULL;
    double *wide = p ? vs_alloc(mm, sizeof *wide) : NULL, whole = 0, squares = 0, sum = 0;
    vs_status s = c && p && wide ? products(err, c, m, c, m, m == n ? d : n, p) : no_memory(err, n, d);
    for (size_t i = 0; s == VS_OK && i < mm; i++) wide[i] = (double)p[i];
    if (s == VS_OK) s = vs_eigenvalues_symmetric(err, wide, m, value);
    vs_free(c);
    vs_free(p);
    vs_free(wide);
    if (s != VS_OK) return s;
    for (size_t i = 0; i < m; i++) {
        value[i] = fmax(0, value[i]); /* below 0 by rounding */
        whole += value[i];
    }
    for (size_t i = 0; i < m; i++) {
        value[i] = whole > 0 ? value[i] / whole : 0;
        squares += value[i] * value[i];
    }
    g->effective = squares > 0 ? 1 / squares : 0;
    g->first = value[0];
    for (size_t i = 0; i < m && whole > 0 && !g->most; i++) {
        sum += value[i];
        if (!g->half && sum >= 0.5) g->half = i + 1;
        if (sum >= 0.9) g->most = i + 1;
    }
    return VS_OK;
}

vs_status vs_geometry_of(vs_err *err, const float *x, size_t n, size_t d, double *spectrum, vs_geometry *out) {
    *out = (vs_geometry){.n = n, .d = d};
    if (n < 2 || !d) return vs_fail(err, VS_E_RANGE, "the geometry of %zu vectors: want two at least", n);
    VS_TRY(all_finite(err, x, n, d));
    if (vs_interrupted()) return vs_fail(err, VS_E_STOPPED, "interrupted");
    double *work = vs_zalloc(d, sizeof *work), *value = vs_alloc(n < d ? n : d, sizeof *value);
    vs_status s = work && value ? VS_OK : no_memory(err, n, d);
    if (s == VS_OK) {
        lengths(x, n, d, out, work);
        coordinates(x, n, d, out, work);
        s = variances(err, x, n, d, out, value);
    }
    if (s == VS_OK && spectrum) memcpy(spectrum, value, (n < d ? n : d) * sizeof *value);
    vs_free(work);
    vs_free(value);
    return s;
}

/* ---- subspaces ---- */

/* The rows of v that became zero are drawn again: any direction does where the matrix has no more. */
static void fill(float *v, size_t r, size_t d, gsl_rng *rng) {
    for (int round = 0; round < 8; round++) {
        for (size_t i = 0; i < r; i++) {
            if (vs_sum_squares(v + i * d, d) > 0) continue;
            for (size_t j = 0; j < d; j++) v[i * d + j] = (float)gsl_ran_gaussian(rng, 1);
        }
        if (vs_orthonormal(v, r, d)) return;
    }
}

/* The first r directions of those that w [p,d] spans, by the eigenvectors of w g w^T: into v [r,d]. */
static vs_status sift(vs_err *err, const float *g, const float *w, size_t p, size_t d, size_t r, float *v,
                      double *held) {
    float *gw = vs_alloc(p, d * sizeof *gw), *small = vs_alloc(p, p * sizeof *small);
    double *wide = vs_alloc(2 * p + 1, p * sizeof *wide), *turn = wide ? wide + p * p : NULL,
           *value = wide ? turn + p * p : NULL;
    vs_status s = gw && small && wide ? products(err, w, p, g, d, d, gw) : no_memory(err, p, d);
    if (s == VS_OK) s = products(err, w, p, gw, p, d, small);
    for (size_t i = 0; s == VS_OK && i < p * p; i++) wide[i] = (double)small[i];
    if (s == VS_OK) s = vs_eigen_symmetric(err, wide, p, value, turn);
    *held = 0;
    for (size_t i = 0; s == VS_OK && i < r; i++) {
        *held += value[i];
        for (size_t j = 0; j < d; j++) {
            double sum = 0;
            for (size_t k = 0; k < p; k++) sum += turn[i * p + k] * (double)w[k * d + j];
            v[i * d + j] = (float)sum;
        }
    }
    if (s == VS_OK) (void)vs_orthonormal(v, r, d); /* to the last bits */
    vs_free(gw);
    vs_free(small);
    vs_free(wide);
    return s;
}

vs_status vs_leading(vs_err *err, const float *g, size_t d, size_t r, float *v, double *part) {
    enum { SMALL = 128, ROUNDS = 300 };
    if (!r || r > d) return vs_fail(err, VS_E_RANGE, "%zu directions of %zu dimensions", r, d);
    VS_TRY(all_finite(err, g, d, d));
    gsl_set_error_handler_off();
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_taus2);
    size_t p = d <= SMALL || 2 * r + 8 > d ? d : 2 * r + 8; /* more than are asked for: these come to rest sooner */
    float *w = vs_alloc(p, d * sizeof *w), *next = vs_alloc(p, d * sizeof *next);
    vs_status s = rng && w && next ? VS_OK : no_memory(err, p, d);
    double trace = 0, held = 0, was = -1;
    for (size_t i = 0; i < d; i++) trace += (double)g[i * d + i];
    if (s == VS_OK) memset(w, 0, p * d * sizeof *w);
    if (s == VS_OK) fill(w, p, d, rng);
    for (int round = 0; s == VS_OK && p < d && round < ROUNDS && fabs(held - was) > 3e-5 * trace; round++) {
        s = vs_interrupted() ? vs_fail(err, VS_E_STOPPED, "interrupted") : products(err, w, p, g, d, d, next);
        was = held;
        held = 0;
        for (size_t i = 0; s == VS_OK && i < p; i++) held += (double)vs_dot(w + i * d, next + i * d, d);
        if (s != VS_OK) break;
        memcpy(w, next, p * d * sizeof *w);
        if (!vs_orthonormal(w, p, d)) fill(w, p, d, rng);
    }
    if (s == VS_OK && vs_interrupted()) s = vs_fail(err, VS_E_STOPPED, "interrupted");
    if (s == VS_OK) s = sift(err, g, w, p, d, r, v, &held);
    if (s == VS_OK && part) *part = trace > 0 ? fmin(1, held / trace) : 0;
    if (rng) gsl_rng_free(rng);
    vs_free(w);
    vs_free(next);
    return s;
}

vs_status vs_overlap(vs_err *err, const float *u, const float *v, size_t r, size_t d, double *mean, double *cosine) {
    float *p = vs_alloc(r * r, sizeof *p);
    double *wide = cosine ? vs_alloc(3 * r * r, sizeof *wide) : NULL, sum = 0;
    vs_status s = p && (wide || !cosine) ? products(err, u, r, v, r, d, p) : no_memory(err, r, d);
    for (size_t i = 0; s == VS_OK && i < r * r; i++) {
        sum += (double)p[i] * (double)p[i];
        if (cosine) wide[i] = (double)p[i];
    }
    *mean = sum / (double)r;
    if (s == VS_OK && cosine) s = vs_svd(err, wide, r, r, wide + r * r, cosine, wide + 2 * r * r);
    vs_free(p);
    vs_free(wide);
    return s;
}

/* ---- directions that are nearly orthogonal ---- */

enum { BINS = 1000 };

/* Row i with those before it, of products p [i]: counted; whether it is clear of all that are taken. */
static bool count_pairs(const float *p, size_t i, double limit, const bool *taken, size_t count[BINS + 1],
                        double *sum) {
    bool clear = true;
    for (size_t j = 0; j < i; j++) {
        double c = fabs((double)p[j]);
        *sum += c;
        count[c >= 1 ? BINS : (size_t)(c * BINS)]++;
        clear &= !taken[j] || c <= limit;
    }
    return clear;
}

vs_status vs_packing_of(vs_err *err, const float *x, size_t n, size_t d, double limit, vs_packing *out) {
    enum { BLOCK = 64 };
    *out = (vs_packing){0};
    VS_TRY(all_finite(err, x, n, d));
    size_t nd, m = 0, count[BINS + 1] = {0};
    float *unit = vs_mul(n, d, &nd) ? vs_alloc(nd, sizeof *unit) : NULL, *p = vs_alloc(n, BLOCK * sizeof *p);
    bool *taken = vs_zalloc(n, sizeof *taken);
    vs_status s = unit && p && taken ? VS_OK : no_memory(err, n, d);
    for (size_t i = 0; s == VS_OK && i < n; i++) {
        double square = 0;
        for (size_t j = 0; j < d; j++) square += (double)x[i * d + j] * (double)x[i * d + j];
        for (size_t j = 0; square > 0 && j < d; j++) unit[m * d + j] = (float)((double)x[i * d + j] / sqrt(square));
        m += square > 0;
    }
    if (s == VS_OK && m < 2)
        s = vs_fail(err, VS_E_RANGE, "the angles of %zu vectors that are not zero: want two at least", m);
    double sum = 0;
    for (size_t i = 0, rows; s == VS_OK && i < m; i += rows) {
        rows = m - i < BLOCK ? m - i : BLOCK;
        s = vs_interrupted() ? vs_fail(err, VS_E_STOPPED, "interrupted")
                             : products(err, unit + i * d, rows, unit, m, d, p);
        for (size_t k = 0; s == VS_OK && k < rows; k++) {
            taken[i + k] = count_pairs(p + k * m, i + k, limit, taken, count, &sum);
            out->fit += taken[i + k];
        }
    }
    double pairs = (double)m * ((double)m - 1) / 2, below = 0;
    for (size_t b = 0; s == VS_OK && b <= BINS && below < 0.99 * pairs; b++) {
        below += (double)count[b];
        out->high = fmin(1, (double)(b + 1) / BINS);
    }
    out->n = m;
    out->mean = s == VS_OK ? sum / pairs : 0;
    out->bound = m > d ? sqrt((double)(m - d) / ((double)d * (double)(m - 1))) : 0;
    vs_free(unit);
    vs_free(p);
    vs_free(taken);
    return s;
}

vs_status vs_random_directions(vs_err *err, size_t n, size_t d, uint64_t seed, float *x) {
    gsl_set_error_handler_off();
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_taus2);
    if (!rng) return no_memory(err, n, d);
    gsl_rng_set(rng, (unsigned long)(seed ^ seed >> 32));
    for (size_t i = 0; i < n * d; i++) x[i] = (float)gsl_ran_gaussian_ziggurat(rng, 1);
    gsl_rng_free(rng);
    return VS_OK;
}
