/* among.h - how vectors stand to each other: which one is odd, which are closer, which lie between. */
#ifndef VS_SPACE_AMONG_H
#define VS_SPACE_AMONG_H

#include "space.h"

/* vs_odd() - the one of some vectors that goes least with the others: each over its norm, it is the one whose cosine with
 * their mean is least (of equals the last).  As gensim's doesnt_match and rank_by_centrality.
 *   x [n,d]   n >= 1   cosine [n] out: of each with the mean   odd out: which
 * VS_OK | VS_E_NUMERIC (a vector, or the mean, that is zero or not finite) | VS_E_NOMEM.  O(n d). */
vs_status vs_odd(vs_err *err, const float *x, size_t n, size_t d, float *cosine, size_t *odd) VS_MUST_CHECK;

/* Rows and their cosines with something, the best first. */
typedef struct vs_ranked {
    size_t *row;
    float *score;
    size_t n;
} vs_ranked;
void vs_ranked_free(vs_ranked *r); /* leaves it zeroed */

/* vs_space_closer() - every row whose cosine with q is greater than that of `than`, the best first; one more than how many is
 * the rank of `than` among the neighbours of q.  As gensim's closer_than and rank.
 *   q, than [d]   than_row: where `than` is a row of the space, else SIZE_MAX   skip [n_skip]: rows left out, not than_row
 *   out: the caller's, vs_ranked_free()   cosine (may be NULL) out: of q and `than`
 * Errors and scores as vs_space_near(), which is asked for about as many neighbours as there will be: O(n d), and O(m log m) for
 * an answer of m rows. */
vs_status vs_space_closer(vs_err *err, vs_space *s, const float *q, const float *than, size_t than_row, const size_t *skip,
                          size_t n_skip, vs_ranked *out, float *cosine) VS_MUST_CHECK;

/* A row on the way from a to b. */
typedef struct vs_between_row {
    size_t row;
    float a, b;   /* its cosine with each */
    double at;    /* where it stands on the way, seen from above the plane of a and b: 0 at a, 1 at b, by angle */
    bool between; /* it is closer to each of them than they are to each other */
} vs_between_row;

/* vs_space_between() - the rows that lie between a and b: closer to a and closer to b than those are to each other, both
 * their cosines greater than that of a and b.  The best first: by the lesser of the two cosines, then by row.  Where there are
 * fewer than k, those nearest to the middle of the way (unit(a) + unit(b)) follow.
 *   a, b [d]; a_row, b_row: their rows, or SIZE_MAX   skip [n_skip]: of neither   out [k], found: how many
 *   all out: how many rows lie between, shown or not   cosine out: of a and b
 * VS_OK | VS_E_NUMERIC (one of them is zero or not finite, or they point the same way or apart) | VS_E_NOMEM.  As
 * vs_space_closer(), twice. */
vs_status vs_space_between(vs_err *err, vs_space *s, const float *a, size_t a_row, const float *b, size_t b_row,
                           const size_t *skip, size_t n_skip, size_t k, vs_between_row *out, size_t *found, size_t *all,
                           float *cosine) VS_MUST_CHECK;

#endif
