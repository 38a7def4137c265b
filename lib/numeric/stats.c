/* stats.c - see stats.h. */
#include "stats.h"

#include <math.h>

#include <gsl/gsl_errno.h>
#include <gsl/gsl_statistics_double.h>

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
