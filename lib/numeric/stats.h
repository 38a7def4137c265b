/* stats.h - statistics in double precision, by GSL. */
#ifndef VS_NUMERIC_STATS_H
#define VS_NUMERIC_STATS_H

#include "../base/status.h"

/* vs_pearson() - the correlation of x[n] and y[n]; NaN where n < 2 or one of them does not vary. */
double vs_pearson(const double *x, const double *y, size_t n);

/* vs_spearman() - the correlation of their ranks, equals sharing the mean of theirs.
 *   work [2 n]: overwritten
 * NaN as vs_pearson(). */
double vs_spearman(const double *x, const double *y, size_t n, double *work);

/* vs_wilson() - the 95 % interval of a share of which `hits` of n were seen (Wilson 1927); 0 and 1 for n = 0. */
void vs_wilson(size_t hits, size_t n, double *low, double *high);

/* A statistic of the items whose numbers are item [n]; NaN where they have none. */
typedef double vs_statistic(void *arg, const size_t *item, size_t n);

/* vs_bootstrap() - the 95 % interval of a statistic of n items: between the 2.5 % and the 97.5 % quantile of its values over
 * `draws` samples of n of the items, drawn with repetition (Efron & Tibshirani 1993, chapter 13).  A sample without a value is
 * left out; NaN, NaN where all are, or n is 0.
 *   seed: of GSL's MT19937; the same seed, the same interval
 * VS_OK | VS_E_NOMEM | VS_E_STOPPED.  draws calls of f, in this thread.
 * vs_spearman_interval() - that of vs_spearman(x, y, n), pairs drawn, 1000 times. */
vs_status vs_bootstrap(vs_err *err, vs_statistic *f, void *arg, size_t n, size_t draws, uint64_t seed, double *low,
                       double *high) VS_MUST_CHECK;
vs_status vs_spearman_interval(vs_err *err, const double *x, const double *y, size_t n, uint64_t seed, double *low,
                               double *high) VS_MUST_CHECK;

#endif
