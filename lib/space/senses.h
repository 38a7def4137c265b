/* senses.h - the senses of a word: what the vectors of its contexts gather into.
 *
 * Streams have a few coordinates far larger than all others and much that all contexts share, so each coordinate is taken
 * less its mean and over its standard deviation among the rows, then each row over its norm; k-means finds the senses
 * there, and of several k the one with the largest mean silhouette is kept. */
#ifndef VS_SPACE_SENSES_H
#define VS_SPACE_SENSES_H

#include "../base/status.h"

enum { VS_SENSES_MOST = 64 };

/* Senses, the largest first (of equals the one met first).  vs_senses_free() leaves it zeroed. */
typedef struct vs_senses {
    size_t n, d, k;
    uint32_t *which;  /* [n] the sense of each row */
    size_t *size;     /* [k] */
    float *away;      /* [k,d] the mean of a sense's rows, as they are, less the mean of all: what sets it apart */
    double *central;  /* [n] cosine of a row, made comparable, with the mean of its sense */
    double *tight;    /* [k] mean silhouette of a sense's rows */
    size_t from, to;  /* the k that were tried */
    double tried[VS_SENSES_MOST + 1]; /* [k] mean silhouette of each */
    double chance;    /* the mean silhouette where every coordinate is shuffled among the rows: what no senses give */
} vs_senses;

/* vs_senses_find() - x [n,d] f32, borrowed; 2 <= from <= to <= VS_SENSES_MOST, to < n.
 * Silhouettes are those of 1000 rows at most, drawn at random.  The same seed gives the same senses, for any number of threads.
 * VS_OK | VS_E_RANGE (a k, or too few rows; rows that are all the same) | VS_E_NUMERIC (NaN or an infinity) | VS_E_NOMEM |
 * VS_E_STOPPED.  Vectors: O(n d to) a round; silhouettes: O(1000^2 d) for each k. */
vs_status vs_senses_find(vs_err *err, const float *x, size_t n, size_t d, size_t from, size_t to, uint64_t seed,
                         vs_senses *out) VS_MUST_CHECK;
void vs_senses_free(vs_senses *s);

#endif
