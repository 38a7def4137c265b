/* shape.h - what commands about many vectors at once share: which they are, and their clusters. */
#ifndef VS_ANALOGIES_SHAPE_H
#define VS_ANALOGIES_SHAPE_H

#include "words.h"

/* Vectors with what to call them. */
typedef struct vs_picked {
    vs_space *space; /* where they are from */
    bool apart;      /* none of them is: streams of a pass, only as wide as its rows */
    size_t n, d;
    float *x;           /* [n,d] as they are */
    float *unit;        /* [n,d] over their norms; zero stays zero */
    const char **label; /* [n] of the arena */
    size_t *row;        /* [n] of the space; SIZE_MAX: an expression */
    vs_arena arena;
} vs_picked;

/* The options by which vectors are picked: words are a command's arguments, --near EXPR with -n, --top N, --in SPACE. */
#define VS_PICK_OPTS                                                                                                   \
    {"near", 0, VS_OPT_TEXT, "EXPR", "with the -n vectors nearest to it", NULL, VS_COMPLETE_WORD},                     \
        {"n", 'n', VS_OPT_INT, "N", "how many for --near", "50", VS_COMPLETE_NONE},                                    \
        {"top", 0, VS_OPT_INT, "N", "with the first N rows of the space", NULL, VS_COMPLETE_NONE}, {                   \
        "in", 0, VS_OPT_TEXT, "SPACE", "the space to take rows of", NULL, VS_COMPLETE_SPACE                            \
    }

/* vs_pick() - words first, then neighbours, then the first rows (all: where none of them is asked for, so many), each
 * row once; rows that hold NaN or an infinity are left out, and said.  Free with vs_picked_free() in any case.
 * VS_OK | VS_E_USAGE (-n, --top) | VS_E_UNKNOWN (--in) | VS_E_SHAPE (other widths) | VS_E_NOMEM | errors of vs_session_eval(). */
vs_status vs_pick(vs_err *err, vs_session *s, const vs_args *a, size_t all, vs_picked *out, vs_out *o) VS_MUST_CHECK;
void vs_picked_free(vs_picked *p);

/* Clusters of them, the largest first. */
typedef struct vs_clusters {
    size_t k;
    uint32_t *which;    /* [n] */
    size_t *size;       /* [k] */
    double *tight;      /* [k] mean cosine of its vectors with their mean */
    const char **words; /* [k] those nearest to the mean, of the arena */
    vs_arena arena;
} vs_clusters;

/* vs_cluster() - k-means of the unit vectors, with `central` words of each.  VS_OK | VS_E_USAGE (k) | errors of
 * vs_kmeans(). */
vs_status vs_cluster(vs_err *err, const vs_picked *p, int64_t k, size_t central, uint64_t seed,
                     vs_clusters *out) VS_MUST_CHECK;
void vs_clusters_free(vs_clusters *c);

#endif
