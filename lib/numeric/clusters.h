/* clusters.h - how good a division into clusters is: by itself, and beside another. */
#ifndef VS_NUMERIC_CLUSTERS_H
#define VS_NUMERIC_CLUSTERS_H

#include "../base/status.h"

/* vs_silhouette() - how much nearer each row is to its own cluster than to the next (Rousseeuw 1987): (b - a) / max(a, b), a the
 * mean distance (Euclidean) to the others of its cluster, b the least mean distance to those of another; 0 where it is alone.
 *   x [n,d]: rows, borrowed   which [n] < k   each [n] out   mean (may be NULL) out: of each
 * VS_OK | VS_E_RANGE (fewer than two clusters have rows) | VS_E_NOMEM | VS_E_STOPPED.  O(n^2 d) on all threads; the same bits for
 * any number of them. */
vs_status vs_silhouette(vs_err *err, const float *x, size_t n, size_t d, const uint32_t *which, size_t k, double *each,
                        double *mean) VS_MUST_CHECK;

/* vs_agreement() - how far two divisions of n things agree.
 *   a [n] < ka, b [n] < kb   purity out: the share of things whose b is the commonest of their a
 *   rand out: the adjusted Rand index (Hubert & Arabie 1985): 1 the same division, 0 what chance gives
 * VS_OK | VS_E_RANGE (n is 0, or a number too high) | VS_E_NOMEM.  O(n + ka kb). */
vs_status vs_agreement(vs_err *err, const uint32_t *a, size_t ka, const uint32_t *b, size_t kb, size_t n, double *purity,
                       double *rand) VS_MUST_CHECK;

#endif
