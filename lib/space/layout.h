/* layout.h - many vectors in a plane, for pictures. */
#ifndef VS_SPACE_LAYOUT_H
#define VS_SPACE_LAYOUT_H

#include "../base/parallel.h"

/* PCA projects rows as they are.  t-SNE and UMAP look at directions: rows over their norms, neighbours by cosine. */
typedef enum vs_layout_kind { VS_LAYOUT_PCA, VS_LAYOUT_TSNE, VS_LAYOUT_UMAP } vs_layout_kind;

typedef struct vs_layout_options {
    vs_layout_kind kind;
    double perplexity; /* t-SNE; 0: 30, less for few points */
    size_t neighbours; /* UMAP, a point counted as its own; 0: 15, less for few points */
    double min_dist;   /* UMAP */
    uint64_t seed;     /* UMAP */
    const vs_progress *progress;
} vs_layout_options;

typedef struct vs_layout_facts {
    double share[2];   /* PCA: of the variance along each axis */
    double perplexity; /* t-SNE: as used */
    double kl;         /* and what is left of the divergence */
    bool exact;        /* t-SNE of at most 500 points: each pair by itself */
    size_t neighbours; /* UMAP: as used */
    double kept;       /* of each point's `near` nearest by cosine the part that are its nearest in the plane too (1,000
                          points asked) */
    size_t near;       /* 10, or a quarter of the others where that is less */
} vs_layout_facts;

/* vs_layout() - a place in the plane for each row.  t-SNE and UMAP begin at the PCA of the directions.
 *   x [n,d], n >= 3   y [n,2] out   facts out
 * The same bits for any number of threads.  VS_OK | VS_E_RANGE (fewer than three rows; a perplexity or neighbours out
 * of range) | VS_E_NUMERIC (NaN or an infinity) | VS_E_NOMEM | VS_E_STOPPED.  O(n^2 d) for the neighbours. */
vs_status vs_layout(vs_err *err, const float *x, size_t n, size_t d, const vs_layout_options *opt, float *y,
                    vs_layout_facts *facts) VS_MUST_CHECK;

#endif
