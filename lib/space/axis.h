/* axis.h - a direction between two sets of vectors: one number for how far something goes that way. */
#ifndef VS_SPACE_AXIS_H
#define VS_SPACE_AXIS_H

#include "../base/status.h"

/* How a direction is found.
 *   MEAN      the mean of one side less that of the other
 *   PCA       the direction along which pairs differ most: the first principal component of both halves of each pair about
 *             the pair's middle (Bolukbasi et al. 2016); without pairs, of all about the middle of the two means
 *   LOGISTIC  the weights of a logistic regression between the sides (a linear probe) */
#define VS_AXIS_METHODS(METHOD) METHOD(MEAN, "mean") METHOD(PCA, "pca") METHOD(LOGISTIC, "logistic")
typedef enum vs_axis_method {
#define METHOD(name, word) VS_AXIS_##name,
    VS_AXIS_METHODS(METHOD)
#undef METHOD
} vs_axis_method;
const char *vs_axis_method_name(vs_axis_method m);
vs_status vs_axis_method_find(vs_err *err, const char *name, vs_axis_method *out) VS_MUST_CHECK; /* VS_OK | VS_E_UNKNOWN */

typedef struct vs_axis_options {
    vs_axis_method method;
    double lambda;  /* LOGISTIC: the penalty, for vectors over the root of their mean square norm; > 0 */
    size_t folds;   /* parts that are held out one after another, from 2; at most as many as the larger side has vectors */
    size_t randoms; /* random directions for the control */
    uint64_t seed;
} vs_axis_options;

typedef struct vs_axis_result {
    double origin;              /* middle(x) along the direction: see vs_axis_place() */
    size_t tried, right;        /* vectors that were held out, and how many fell on their side */
    double low, high;           /* the 95 % interval of the share that is right (Wilson) */
    double random_mean;         /* the same share by random directions: their mean, … */
    double random_95;           /* … what 95 % of them do not exceed, … */
    double random_as_good;      /* … the share of them that do as well as this one.  NaN all where nothing was tried */
} vs_axis_result;

/* vs_axis_fit() - the direction from side 0 to side 1.
 *   x [n,d]   side [n]: 0 or 1, both there   axis [d] out: it points to side 1 and is as long as the step from one mean to the
 *   other is, seen along it; so x + axis moves x by as much as the sides are apart, and MEAN is the difference of the means
 *   held [n] (may be NULL) out: 1 and 0 where a vector was held out and fell on its side or not, -1 where it was not tried
 * The i-th of both sides are held out together; where both have as many, they are a pair (PCA takes them so).  Held out: the
 * direction is found from the others and cut in the middle between their two means, LOGISTIC where the probability is 1/2.
 * Needs two of each side, else nothing is tried.  A random direction (gaussian, as many numbers) is cut likewise, and pointed
 * by the others' means too: it may well separate a handful of words, and the control says how often.
 * VS_OK | VS_E_RANGE (a side without a vector) | VS_E_NUMERIC (not finite; the sides do not differ) | VS_E_NOMEM | VS_E_STOPPED.
 * O(folds n d) for MEAN, O(folds (n^2 d + n^3)) else, O(randoms n (d + folds)) for the control. */
vs_status vs_axis_fit(vs_err *err, const float *x, const uint8_t *side, size_t n, size_t d, const vs_axis_options *o,
                      float *axis, int8_t *held, vs_axis_result *out) VS_MUST_CHECK;

/* vs_axis_place() - where x [d] stands on an axis: -1 at the mean of side 0, 0 in the middle, 1 at the mean of side 1. */
double vs_axis_place(const float *axis, double origin, const float *x, size_t d);

#endif
