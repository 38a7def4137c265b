/* geometry.h - the shape of a cloud of vectors: how long they are, along how many directions they lie, how alike they
 * point; how alike two clouds are. */
#ifndef VS_NUMERIC_GEOMETRY_H
#define VS_NUMERIC_GEOMETRY_H

#include "../base/status.h"

/* Figures of n rows of d numbers.  Variances are of rows less their mean, over n - 1. */
typedef struct vs_geometry {
    size_t n, d;
    double norm_mean, norm_sd, norm_min, norm_max;
    double cosine;     /* anisotropy: the mean cosine of all pairs of rows that are not zero (Ethayarajh 2019, without
                          drawing); 0: they point everywhere */
    double effective;  /* dimensions as many as would give these variances if they were equal: the participation ratio,
                          (sum of eigenvalues)^2 / sum of their squares */
    size_t half, most; /* principal components that hold 50 % and 90 % of the variance */
    double first;      /* part of it that the first holds */
    size_t outliers;   /* coordinates whose mean is more than 3 standard deviations of all coordinates' means from the
                          mean of these (Kovaleva et al. 2021) */
    size_t top;        /* the coordinate with the largest sum of squares, and its part of all squares */
    double top_share;
} vs_geometry;

/* vs_geometry_of() - those figures.
 *   x [n,d], n >= 2   spectrum [min(n,d)] out: eigenvalues' parts of the variance, the largest first; may be NULL
 * VS_OK | VS_E_RANGE (fewer than two rows) | VS_E_NUMERIC (NaN or an infinity) | VS_E_NOMEM | VS_E_STOPPED.
 * O(n d min(n,d) + min(n,d)^3); the same bits for any number of threads but for the eigenvalues, which the BLAS behind
 * GSL rounds as it likes. */
vs_status vs_geometry_of(vs_err *err, const float *x, size_t n, size_t d, double *spectrum,
                         vs_geometry *out) VS_MUST_CHECK;

/* vs_centred_gram() - g [n,n] out: the products of rows less their mean.  Errors as above.  O(n^2 d).
 * vs_cka() - linear centred kernel alignment of two sets of features of the same n things (Kornblith et al. 2019):
 * <k, l> / (|k| |l|) of their centred products [n,n]; 1: alike but for a rotation and a scale; NaN where one does not
 * vary. */
vs_status vs_centred_gram(vs_err *err, const float *x, size_t n, size_t d, float *g) VS_MUST_CHECK;
double vs_cka(const float *k, const float *l, size_t n);

/* vs_leading() - the r directions in which a set of vectors is longest: leading eigenvectors of their g [d,d], the sum
 * of x x^T over them, by iteration of a subspace.
 *   v [r,d] out, orthonormal   1 <= r <= d   part (may be NULL) out: that of all squared lengths which lies in them
 * VS_OK | VS_E_RANGE | VS_E_NUMERIC | VS_E_NOMEM | VS_E_STOPPED.  O(d^2 r) a round, some tens.
 * vs_overlap() - two subspaces by orthonormal rows u, v [r,d]: the mean squared cosine of their principal angles
 * (|u v^T|^2 / r: 1 the same, r / d of two drawn at random), and into cosine [r] (may be NULL) those cosines, the largest
 * first (Björck & Golub 1973).  VS_OK | VS_E_NUMERIC | VS_E_NOMEM.  O(r^2 (d + r)). */
vs_status vs_leading(vs_err *err, const float *g, size_t d, size_t r, float *v, double *part) VS_MUST_CHECK;
vs_status vs_overlap(vs_err *err, const float *u, const float *v, size_t r, size_t d, double *mean,
                     double *cosine) VS_MUST_CHECK;

/* How near to orthogonal many directions are. */
typedef struct vs_packing {
    size_t n;     /* of rows that are not zero */
    double mean;  /* |cosine| of a pair */
    double high;  /* |cosine| below which 99 % of pairs are (to 1/1000) */
    size_t fit;   /* rows, taken as they come, whose |cosine| with each one taken before is at most the limit */
    double bound; /* the largest |cosine| of n directions in d dimensions is at least this (Welch 1974) */
} vs_packing;

/* vs_packing_of() - of rows x [n,d].  VS_OK | VS_E_RANGE (fewer than two) | VS_E_NUMERIC | VS_E_NOMEM | VS_E_STOPPED.
 * O(n^2 d).
 * vs_random_directions() - x [n,d] out: normally distributed numbers, for a row beside.  VS_OK | VS_E_NOMEM. */
vs_status vs_packing_of(vs_err *err, const float *x, size_t n, size_t d, double limit, vs_packing *out) VS_MUST_CHECK;
vs_status vs_random_directions(vs_err *err, size_t n, size_t d, uint64_t seed, float *x) VS_MUST_CHECK;

#endif
