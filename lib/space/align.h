/* align.h - a linear map from one space to another, learnt on the keys that both have.
 *
 * Which keys are the same: a word is its key; in a table of pieces that mark a blank (▁queen, Ġqueen) it is a piece that begins
 * with one, without it; in WordPiece's a piece that does not begin with ## or [.  Compared exactly, case and all.  The most
 * frequent are taken: those of the lowest rows of the space of words, of `a` where both are or neither is.
 *
 * How a map is learnt, as Artetxe et al. 2016 found best: the rows of either side less their mean over the pairs that are
 * learnt from, each at length 1; then the rotation of vs_procrustes(), or vs_least_squares(); times the number that gives
 * what is mapped the mean length of the other side's rows less their mean.
 * What is mapped: y = x W − weight · mean W.  A place (weight 1, as queen or queen − king + man) is centred, a difference
 * (weight 0) is not, so map(a) − map(b) = map(a − b).  y is a direction from the middle of the other space: the middle is not
 * added, since answers are better without (docs/spaces.md). */
#ifndef VS_SPACE_ALIGN_H
#define VS_SPACE_ALIGN_H

#include "space.h"

#define VS_ALIGN_METHODS(X) X(PROCRUSTES, "procrustes") X(LSTSQ, "lstsq")
#define VS_ALIGN_METHOD(id, name) VS_ALIGN_##id,
typedef enum vs_align_method { VS_ALIGN_METHODS(VS_ALIGN_METHOD) } vs_align_method;
#undef VS_ALIGN_METHOD
vs_status vs_align_method_find(vs_err *err, const char *name, vs_align_method *out) VS_MUST_CHECK; /* VS_OK | VS_E_USAGE */

typedef struct vs_align_options {
    vs_align_method method;
    size_t words;    /* pairs at most */
    double held_out; /* the share of them that is not learnt from, in (0,1) */
    uint64_t seed;   /* which ones those are */
} vs_align_options;

enum { VS_ALIGN_CUTS = 3 };
extern const size_t vs_align_cut[VS_ALIGN_CUTS]; /* 1 5 10 */
typedef struct vs_align_result {
    size_t shared;              /* keys that both have */
    size_t pairs, held;         /* taken of them; not learnt from */
    size_t hits[VS_ALIGN_CUTS]; /* of the held pairs: the right row is among the nearest 1, 5, 10 of the pairs' rows, by cosine */
    double low[VS_ALIGN_CUTS], high[VS_ALIGN_CUTS]; /* the 95 % interval of that share (Wilson) */
} vs_align_result;

/* vs_align() - learn a map from a to b.
 *   name: of the map   out: a space [p + 1, q], place "map": row j is what coordinate j of a gives, the last one −mean W
 * VS_OK | VS_E_RANGE (fewer than 10 shared keys; least squares: fewer pairs than a has numbers; held_out) | VS_E_NUMERIC (pairs
 * that do not settle it) | VS_E_NOMEM | VS_E_STOPPED.  O(n p q + held n q), n the pairs. */
vs_status vs_align(vs_err *err, const vs_space *a, const vs_space *b, const vs_align_options *o, const char *name,
                   const vs_progress *progress, vs_align_result *r, vs_space **out) VS_MUST_CHECK;

/* vs_align_map() - y = x W + weight · last row.
 *   map: as vs_align() made it   x [rows − 1]   y [dim] out.  VS_OK | VS_E_NOMEM.  O(p q), sums in double, in order. */
vs_status vs_align_map(vs_err *err, const vs_space *map, const float *x, double weight, float *y) VS_MUST_CHECK;

#endif
