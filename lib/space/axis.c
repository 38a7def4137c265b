/* axis.c - see axis.h. */
#include "axis.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/alloc.h"
#include "../base/parallel.h"
#include "../numeric/linalg.h"
#include "../numeric/logistic.h"
#include "../numeric/rng.h"
#include "../numeric/stats.h"

static const char *const names[] = {
#define METHOD(name, word) word,
    VS_AXIS_METHODS(METHOD)
#undef METHOD
};

const char *vs_axis_method_name(vs_axis_method m) { return names[m]; }

vs_status vs_axis_method_find(vs_err *err, const char *name, vs_axis_method *out) {
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], name)) {
            *out = (vs_axis_method)i;
            return VS_OK;
        }
    return vs_fail(err, VS_E_UNKNOWN, "no way to find an axis is called %s; there are mean, pca, logistic", name);
}

typedef struct fit {
    const float *x;
    const uint8_t *side;
    size_t n, d;
    vs_axis_method method;
    double lambda;
    bool paired;
    size_t folds;
    size_t *part;           /* [n] what it is held out with */
    size_t *pair;           /* [n] the other of a pair */
    double *mean[2];        /* [d] of the vectors that are in */
    double *unit;           /* [d] the direction */
    double cut;             /* along unit: where the sides part */
    float *in;              /* [n,d] those that are in, for the probe; rows about their middle, for PCA */
    uint8_t *in_side;       /* [n] */
    double *gram;           /* [n,n] */
    double *value, *vector; /* [n], [n,n] */
    double *along;          /* [n] */
} fit;

static void fit_free(fit *f) {
    vs_free(f->part);
    vs_free(f->pair);
    vs_free(f->mean[0]);
    vs_free(f->in);
    vs_free(f->in_side);
    vs_free(f->gram);
    vs_free(f->along);
}

static vs_status fit_new(vs_err *err, const vs_axis_options *o, fit *f) {
    size_t cells, square, n = f->n, of[2] = {0, 0};
    for (size_t i = 0; i < n; i++) of[f->side[i] != 0]++;
    if (!of[0] || !of[1])
        return vs_fail(err, VS_E_RANGE, "an axis wants vectors on both sides; there are %zu and %zu", of[1], of[0]);
    for (size_t i = 0; i < n * f->d; i++)
        if (!isfinite(f->x[i]))
            return vs_fail(err, VS_E_NUMERIC, "an axis: vector %zu holds a number that is not finite", i / f->d);
    f->paired = of[0] == of[1];
    size_t groups = of[0] > of[1] ? of[0] : of[1];
    f->folds = of[0] < 2 || of[1] < 2 ? 0 : o->folds < groups ? o->folds : groups;
    bool fits = vs_mul(n, f->d, &cells) && vs_mul(n, n, &square) && square <= SIZE_MAX / 4;
    f->part = vs_alloc(n, sizeof *f->part);
    f->pair = vs_alloc(n, sizeof *f->pair);
    f->mean[0] = vs_alloc(f->d, 3 * sizeof *f->mean[0]);
    f->in = fits ? vs_alloc(cells, sizeof *f->in) : NULL;
    f->in_side = vs_alloc(n, 1);
    f->gram = fits ? vs_alloc(2 * square + n, sizeof *f->gram) : NULL;
    f->along = vs_alloc(n, sizeof *f->along);
    if (!f->part || !f->pair || !f->mean[0] || !f->in || !f->in_side || !f->gram || !f->along)
        return vs_fail(err, VS_E_NOMEM, "no memory for an axis of %zu vectors", n);
    f->mean[1] = f->mean[0] + f->d;
    f->unit = f->mean[0] + 2 * f->d;
    f->vector = f->gram + square;
    f->value = f->gram + 2 * square;
    size_t at[2] = {0, 0};
    for (size_t i = 0; i < n; i++) {
        size_t group = at[f->side[i] != 0]++;
        f->part[i] = f->folds ? group % f->folds : 0;
        f->pair[i] = group;
    }
    for (size_t i = 0; i < n && f->paired; i++) /* from the number of its pair to the other of it */
        for (size_t k = i + 1; k < n; k++)
            if (f->pair[k] == f->pair[i] && !f->side[k] != !f->side[i]) {
                f->pair[i] = k;
                f->pair[k] = i;
                break;
            }
    return VS_OK;
}

static double dot(const double *a, const float *b, size_t d) {
    double sum = 0;
    for (size_t j = 0; j < d; j++) sum += a[j] * (double)b[j];
    return sum;
}

/* The means of both sides but for part `out`. */
static void means(fit *f, size_t out) {
    size_t of[2] = {0, 0};
    memset(f->mean[0], 0, 2 * f->d * sizeof *f->mean[0]);
    for (size_t i = 0; i < f->n; i++) {
        size_t s = f->side[i] != 0;
        if (f->part[i] == out) continue;
        for (size_t j = 0; j < f->d; j++) f->mean[s][j] += (double)f->x[i * f->d + j];
        of[s]++;
    }
    for (size_t s = 0; s < 2; s++)
        for (size_t j = 0; j < f->d; j++) f->mean[s][j] /= (double)of[s];
}

/* Rows of f->in: vectors but those of part `out`, less the middle of their pair or of the means; returns how many. */
static size_t about_middle(fit *f, size_t out) {
    size_t m = 0, d = f->d;
    for (size_t i = 0; i < f->n; i++) {
        if (f->part[i] == out) continue;
        const float *x = f->x + i * d, *other = f->x + f->pair[i] * d;
        for (size_t j = 0; j < d; j++)
            f->in[m * d + j] =
                (float)((double)x[j] -
                        (f->paired ? (double)x[j] + (double)other[j] : f->mean[0][j] + f->mean[1][j]) / 2);
        m++;
    }
    return m;
}

/* The first principal component of the rows of f->in, by way of their products with each other. */
static vs_status component(vs_err *err, fit *f, size_t m) {
    size_t d = f->d;
    for (size_t i = 0; i < m; i++)
        for (size_t k = 0; k <= i; k++) {
            double sum = 0;
            for (size_t j = 0; j < d; j++) sum += (double)f->in[i * d + j] * (double)f->in[k * d + j];
            f->gram[i * m + k] = f->gram[k * m + i] = sum;
        }
    VS_TRY(vs_eigen_symmetric(err, f->gram, m, f->value, f->vector));
    memset(f->unit, 0, d * sizeof *f->unit);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < d; j++) f->unit[j] += f->vector[i] * (double)f->in[i * d + j];
    return VS_OK;
}

static vs_status probe(vs_err *err, fit *f, size_t out, double *b) {
    size_t m = 0, d = f->d;
    double square = 0;
    for (size_t i = 0; i < f->n; i++) {
        if (f->part[i] == out) continue;
        memcpy(f->in + m * d, f->x + i * d, d * sizeof *f->in);
        for (size_t j = 0; j < d; j++) square += (double)f->x[i * d + j] * (double)f->x[i * d + j];
        f->in_side[m++] = f->side[i] != 0;
    }
    if (!(square > 0)) return vs_fail(err, VS_E_NUMERIC, "an axis: the two sides do not differ");
    return vs_logistic(err, f->in, f->in_side, m, d, f->lambda * square / (double)m, f->unit, b);
}

/* unit and cut from all but part `out`. */
static vs_status direct(vs_err *err, fit *f, size_t out) {
    double b = 0, norm = 0, gap = 0, middle = 0;
    means(f, out);
    if (f->method == VS_AXIS_MEAN)
        for (size_t j = 0; j < f->d; j++) f->unit[j] = f->mean[1][j] - f->mean[0][j];
    else if (f->method == VS_AXIS_PCA)
        VS_TRY(component(err, f, about_middle(f, out)));
    else
        VS_TRY(probe(err, f, out, &b));
    for (size_t j = 0; j < f->d; j++) {
        norm += f->unit[j] * f->unit[j];
        gap += f->unit[j] * (f->mean[1][j] - f->mean[0][j]);
        middle += f->unit[j] * (f->mean[1][j] + f->mean[0][j]) / 2;
    }
    norm = sqrt(norm);
    if (!(norm > 0) || !isfinite(norm) || gap == 0)
        return vs_fail(err, VS_E_NUMERIC, "an axis: the two sides do not differ");
    double sign = gap < 0 ? -1 : 1;
    for (size_t j = 0; j < f->d; j++) f->unit[j] *= sign / norm;
    f->cut = f->method == VS_AXIS_LOGISTIC ? -b / norm * sign : middle / norm * sign;
    return VS_OK;
}

static vs_status hold_out(vs_err *err, fit *f, int8_t *held, vs_axis_result *out) {
    for (size_t part = 0; part < f->folds; part++) {
        if (vs_interrupted()) return vs_fail(err, VS_E_STOPPED, "an axis: interrupted");
        VS_TRY(direct(err, f, part));
        for (size_t i = 0; i < f->n; i++) {
            if (f->part[i] != part) continue;
            bool right = (dot(f->unit, f->x + i * f->d, f->d) > f->cut) == (f->side[i] != 0);
            out->right += right;
            out->tried++;
            if (held) held[i] = right;
        }
    }
    return VS_OK;
}

/* How many fall on their side along a direction of which along[i] is the coordinate of x_i, each part cut by the
 * others. */
static size_t right_along(const fit *f) {
    size_t right = 0;
    for (size_t part = 0; part < f->folds; part++) {
        double sum[2] = {0, 0};
        size_t of[2] = {0, 0};
        for (size_t i = 0; i < f->n; i++)
            if (f->part[i] != part) {
                sum[f->side[i] != 0] += f->along[i];
                of[f->side[i] != 0]++;
            }
        double zero = sum[0] / (double)of[0], one = sum[1] / (double)of[1];
        for (size_t i = 0; i < f->n; i++)
            if (f->part[i] == part) right += ((f->along[i] - (zero + one) / 2) * (one - zero) > 0) == (f->side[i] != 0);
    }
    return right;
}

static int by_size(const void *a, const void *b) {
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return x < y ? -1 : x > y;
}

/* Two gaussian numbers from two even ones (Box and Muller 1958). */
static void gaussians(vs_rng *rng, double *a, double *b) {
    double r = sqrt(-2 * log(1 - vs_rng_uniform(rng))), turn = 2 * acos(-1.0) * vs_rng_uniform(rng);
    *a = r * cos(turn);
    *b = r * sin(turn);
}

static vs_status control(vs_err *err, fit *f, const vs_axis_options *o, vs_axis_result *out) {
    vs_rng *rng;
    size_t *right = vs_alloc(o->randoms, sizeof *right);
    if (!right) return vs_fail(err, VS_E_NOMEM, "no memory for %zu random directions", o->randoms);
    vs_status st = vs_rng_new(err, o->seed, &rng);
    double sum = 0, as_good = 0, spare;
    for (size_t k = 0; k < o->randoms && st == VS_OK; k++) {
        if (vs_interrupted()) st = vs_fail(err, VS_E_STOPPED, "an axis: interrupted");
        for (size_t j = 0; j < f->d; j += 2) gaussians(rng, &f->unit[j], j + 1 < f->d ? &f->unit[j + 1] : &spare);
        for (size_t i = 0; i < f->n; i++) f->along[i] = dot(f->unit, f->x + i * f->d, f->d);
        right[k] = right_along(f);
        sum += (double)right[k];
        as_good += right[k] >= out->right;
    }
    if (st == VS_OK) {
        double n = (double)o->randoms;
        qsort(right, o->randoms, sizeof *right, by_size);
        out->random_mean = sum / n / (double)out->tried;
        out->random_95 = (double)right[(size_t)ceil(0.95 * n) - 1] / (double)out->tried;
        out->random_as_good = as_good / n;
        vs_rng_free(rng);
    }
    vs_free(right);
    return st;
}

vs_status vs_axis_fit(vs_err *err, const float *x, const uint8_t *side, size_t n, size_t d, const vs_axis_options *o,
                      float *axis, int8_t *held, vs_axis_result *out) {
    fit f = {.x = x, .side = side, .n = n, .d = d, .method = o->method, .lambda = o->lambda};
    *out = (vs_axis_result){
        .low = 0, .high = 1, .random_mean = (double)NAN, .random_95 = (double)NAN, .random_as_good = (double)NAN};
    for (size_t i = 0; i < n && held; i++) held[i] = -1;
    vs_status st = fit_new(err, o, &f);
    if (st == VS_OK) st = hold_out(err, &f, held, out);
    vs_wilson(out->right, out->tried, &out->low, &out->high);
    if (st == VS_OK && f.folds && o->randoms) st = control(err, &f, o, out);
    if (st == VS_OK) st = direct(err, &f, SIZE_MAX);
    if (st == VS_OK) {
        double gap = 0;
        for (size_t j = 0; j < d; j++) {
            gap += f.unit[j] * (f.mean[1][j] - f.mean[0][j]);
            out->origin += f.unit[j] * (f.mean[1][j] + f.mean[0][j]) / 2;
        }
        for (size_t j = 0; j < d; j++) axis[j] = (float)(f.unit[j] * gap);
    }
    fit_free(&f);
    return st;
}

double vs_axis_place(const float *axis, double origin, const float *x, size_t d) {
    double along = 0, square = 0;
    for (size_t j = 0; j < d; j++) {
        along += (double)axis[j] * (double)x[j];
        square += (double)axis[j] * (double)axis[j];
    }
    return square > 0 ? 2 * (along / sqrt(square) - origin) / sqrt(square) : 0;
}
