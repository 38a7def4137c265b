/* umap.h - a layout after UMAP: neighbours pull, points drawn at random push. */
#ifndef VS_NUMERIC_UMAP_H
#define VS_NUMERIC_UMAP_H

#include "../base/parallel.h"
#include "graph.h"

typedef struct vs_umap_options {
    double min_dist; /* how near points may come in the plane, 0.1 */
    double spread;   /* its unit of length, 1 */
    int epochs;      /* 500 for 10,000 points and fewer, 200 for more */
    uint64_t seed;
} vs_umap_options;

/* vs_umap_curve() - a and b of 1 / (1 + a x^2b), the nearest by least squares to 1 for x < min_dist and
 * exp(-(x - min_dist) / spread) beyond, at 300 x in [0, 3 spread].  VS_OK | VS_E_RANGE | VS_E_NUMERIC | VS_E_NOMEM. */
vs_status vs_umap_curve(vs_err *err, double spread, double min_dist, double *a, double *b) VS_MUST_CHECK;

/* vs_umap_memberships() - how strongly a point holds to its neighbours: 1 up to the distance rho of its nearest other, beyond it
 * exp(-(dist - rho) / sigma), sigma such that they sum to log2(k + 1); sigma is at least a thousandth of the mean distance.
 *   dist [k] ascending   mean: of all points' distances   p [k] out */
void vs_umap_memberships(const float *dist, size_t k, double mean, float *p);

/* vs_umap() - move y until the fuzzy graph of near neighbours is drawn (McInnes, Healy & Melville 2018, sections 3 and
 * 4): rho is the distance of the nearest other, sigma makes the weights sum to log2(k + 1), an edge is a + b - a b, and
 * stochastic gradient descent samples it in proportion, with five points drawn at random beside each.
 *   y [n,2] in: where to begin (within about 10 of the origin), out: the layout
 * One thread, as the steps build upon each other: the same bits for any number.  VS_OK | VS_E_RANGE | VS_E_NUMERIC |
 * VS_E_NOMEM | VS_E_STOPPED (y is where it had come to).  O(n log(k) epochs). */
vs_status vs_umap(vs_err *err, const vs_knn *near, const vs_umap_options *opt, const vs_progress *p,
                  float *y) VS_MUST_CHECK;

#endif
