/* logistic.h - logistic regression in double precision; its linear systems are solved by GSL. */
#ifndef VS_NUMERIC_LOGISTIC_H
#define VS_NUMERIC_LOGISTIC_H

#include "../base/status.h"

/* vs_logistic() - the w and b that minimise  sum over i of log(1 + exp(-s_i (w.x_i + b)))  +  lambda/2 |w|^2,  s_i = +1 where
 * y_i is 1 and -1 where it is 0.  The intercept b is not penalised; lambda is 1/C of scikit-learn and liblinear.  The minimum is
 * one and is found to rounding: the probability that x is of class 1 is 1 / (1 + exp(-(w.x + b))).
 *   x [n,d]   y [n]: 0 or 1   lambda > 0   w [d] out   b out
 * VS_OK | VS_E_RANGE (lambda, or a class without a row) | VS_E_NUMERIC (x holds NaN or an infinity; no convergence) | VS_E_NOMEM.
 * Newton's method with its step halved where it goes too far (iteratively reweighted least squares; Hastie, Tibshirani and
 * Friedman, The Elements of Statistical Learning, 4.4): O(n d^2 + d^3) a step where n > d, else over the rows' products with
 * each other (Rasmussen and Williams, Gaussian Processes for Machine Learning, algorithm 3.1) O(n^2 d) once and O(n^3) a step;
 * some five to ten steps. */
vs_status vs_logistic(vs_err *err, const float *x, const uint8_t *y, size_t n, size_t d, double lambda, double *w,
                      double *b) VS_MUST_CHECK;

#endif
