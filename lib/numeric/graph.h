/* graph.h - neighbours of points as a graph: what t-SNE and UMAP begin with. */
#ifndef VS_NUMERIC_GRAPH_H
#define VS_NUMERIC_GRAPH_H

#include "../base/status.h"

/* The k nearest others of each of n points, the nearest first; borrowed arrays. */
typedef struct vs_knn {
    size_t n, k;
    const uint32_t *idx; /* [n,k] */
    const float *dist;   /* [n,k] Euclidean, >= 0 */
} vs_knn;

/* A symmetric graph in rows: the edges of point i are first[i] .. first[i + 1], their ends ascending. */
typedef struct vs_graph {
    size_t n;
    size_t *first; /* [n + 1] */
    uint32_t *to;  /* [first[n]] */
    float *weight; /* [first[n]] */
} vs_graph;
void vs_graph_free(vs_graph *g);

/* vs_graph_symmetric() - what points say of their neighbours as edges that both ends agree on.
 *   p [n,k]: the weight that point i gives its neighbour j
 *   both: the weight of an edge from a, what i gives j, and b, what j gives i (0 where it is no neighbour of it); symmetric
 *   out: the caller's, vs_graph_free()
 * VS_OK | VS_E_RANGE (a neighbour that is no point) | VS_E_NOMEM.  O(n k log k). */
typedef float vs_both_fn(float a, float b);
vs_status vs_graph_symmetric(vs_err *err, const vs_knn *near, const float *p, vs_both_fn *both,
                             vs_graph *out) VS_MUST_CHECK;

#endif
