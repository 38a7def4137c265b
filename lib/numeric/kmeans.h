/* kmeans.h - k-means, random numbers by GSL. */
#ifndef VS_NUMERIC_KMEANS_H
#define VS_NUMERIC_KMEANS_H

#include "../base/status.h"

/* vs_kmeans() - k centres of the rows of x, each row with its nearest, such that the sum of squared distances is small.
 *   x [n,d]: rows, borrowed   1 <= k <= n   seed: the same one gives the same answer, for any number of threads
 *   centre [k,d] out: means of their rows   which [n] out: the centre of each row, of equals the lower
 *   inertia (may be NULL) out: the sum of squared distances
 * Seeded by k-means++, the best of 2 + ln k draws a centre (Arthur & Vassilvitskii 2007), then Lloyd's rounds (1982)
 * until no row changes its centre, 300 at most.  A centre that loses its rows takes the row that is farthest from its
 * own; where fewer than k rows differ, some centres are equal and all but the lowest of them have no rows.
 * VS_OK | VS_E_RANGE (k or d is 0, k > n, n beyond 32 bits) | VS_E_NUMERIC (NaN or an infinity) | VS_E_NOMEM |
 * VS_E_STOPPED.  O(n d k) a round, on all threads. */
vs_status vs_kmeans(vs_err *err, const float *x, size_t n, size_t d, size_t k, uint64_t seed, float *centre,
                    uint32_t *which, double *inertia) VS_MUST_CHECK;

#endif
