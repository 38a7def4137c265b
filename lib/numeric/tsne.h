/* tsne.h - t-SNE: points in a plane, near where they are near in the space they come from. */
#ifndef VS_NUMERIC_TSNE_H
#define VS_NUMERIC_TSNE_H

#include "../base/parallel.h"
#include "graph.h"

typedef struct vs_tsne_options {
    double perplexity; /* how many neighbours each point has, about; below near->k */
    double theta;      /* how far a cell is taken for its centre: width / distance; 0: exact, each pair by itself */
    int iterations;    /* 250 of them exaggerated twelvefold */
} vs_tsne_options;

/* vs_tsne() - move y until near points are near (van der Maaten & Hinton 2008; Barnes-Hut: van der Maaten 2014).
 *   near: neighbours, 3 perplexity of each (all n - 1 with theta 0: the t-SNE of 2008)
 *   y [n,2] in: where to begin, out: the layout   kl (may be NULL) out: the divergence that is left, in nats
 * Momentum, gains and exaggeration as in the papers; the rate of learning is n / 48, 50 at least (Belkina et al. 2019).
 * The same bits for any number of threads.  VS_OK | VS_E_RANGE | VS_E_NUMERIC (a distance or y not finite) | VS_E_NOMEM |
 * VS_E_STOPPED (y is where it had come to).  O((n log n + n k) iterations); O(n^2 iterations) with theta 0. */
vs_status vs_tsne(vs_err *err, const vs_knn *near, const vs_tsne_options *opt, const vs_progress *p, float *y,
                  double *kl) VS_MUST_CHECK;

#endif
