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

#endif
