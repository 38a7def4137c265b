/* stats.c - see stats.h. */
#include "stats.h"

#include <math.h>

#include <gsl/gsl_errno.h>
#include <gsl/gsl_rng.h>
#include <gsl/gsl_sort_double.h>
#include <gsl/gsl_statistics_double.h>

#include "../base/alloc.h"
#include "../base/parallel.h"

static bool varies(const double *x, size_t n) {
    for (size_t i = 1; i < n; i++)
        if (x[i] != x[0]) return true;
    return false;
}

double vs_pearson(const double *x, const double *y, size_t n) {
    return varies(x, n) && varies(y, n) ? gsl_stats_correlation(x, 1, y, 1, n) : (double)NAN;
}

double vs_spearman(const double *x, const double *y, size_t n, double *work) {
    gsl_set_error_handler_off();
    return varies(x, n) && varies(y, n) ? gsl_stats_spearman(x, 1, y, 1, n, work) : (double)NAN;
}

void vs_wilson(size_t hits, size_t n, double *low, double *high) {
    const double z = 1.959963984540054; /* of the normal distribution, 97.5 % */
    *low = 0;
    *high = 1;
    if (!n) return;
    double m = (double)n, p = (double)hits / m, below = 1 + z * z / m, middle = p + z * z / (2 * m);
    double half = z * sqrt(p * (1 - p) / m + z * z / (4 * m * m));
    *low = fmax(0, (middle - half) / below);
    *high = fmin(1, (middle + half) / below);
}

vs_status vs_bootstrap(vs_err *err, vs_statistic *f, void *arg, size_t n, size_t draws, uint64_t seed, double *low, double *high) {
    *low = *high = (double)NAN;
    if (!n) return VS_OK;
    gsl_set_error_handler_off();
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    size_t *item = vs_alloc(n, sizeof *item), values = 0;
    double *value = vs_alloc(draws, sizeof *value);
    vs_status st = random && item && value ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for samples of %zu", n);
    if (st == VS_OK) gsl_rng_set(random, seed);
    for (size_t k = 0; st == VS_OK && k < draws; k++) {
        if (vs_interrupted()) st = vs_fail(err, VS_E_STOPPED, "the interval was interrupted");
        for (size_t i = 0; i < n; i++) item[i] = gsl_rng_uniform_int(random, n);
        double x = f(arg, item, n);
        if (!isnan(x)) value[values++] = x;
    }
    if (st == VS_OK && values) {
        gsl_sort(value, 1, values);
        *low = gsl_stats_quantile_from_sorted_data(value, 1, values, 0.025);
        *high = gsl_stats_quantile_from_sorted_data(value, 1, values, 0.975);
    }
    if (random) gsl_rng_free(random);
    vs_free(item);
    vs_free(value);
    return st;
}

typedef struct ranked {
    const double *x, *y;
    double *drawn; /* [4 n]: the pairs of a sample, and what vs_spearman() works in */
} ranked;

static double spearman_of(void *arg, const size_t *item, size_t n) {
    const ranked *q = arg;
    for (size_t i = 0; i < n; i++) {
        q->drawn[i] = q->x[item[i]];
        q->drawn[n + i] = q->y[item[i]];
    }
    return vs_spearman(q->drawn, q->drawn + n, n, q->drawn + 2 * n);
}

vs_status vs_spearman_interval(vs_err *err, const double *x, const double *y, size_t n, uint64_t seed, double *low, double *high) {
    enum { DRAWS = 1000 };
    ranked q = {x, y, vs_alloc(n, 4 * sizeof *q.drawn)};
    if (!q.drawn) return vs_fail(err, VS_E_NOMEM, "no memory for samples of %zu", n);
    vs_status st = vs_bootstrap(err, spearman_of, &q, n, DRAWS, seed, low, high);
    vs_free(q.drawn);
    return st;
}
