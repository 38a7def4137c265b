/* linalg.h - linear algebra in double precision, by GSL. */
#ifndef VS_NUMERIC_LINALG_H
#define VS_NUMERIC_LINALG_H

#include "../base/status.h"

/* vs_eigen_symmetric() - a = V diag(w) V^T for a symmetric matrix, the largest value first.
 *   a [n,n]: the lower triangle is read; overwritten   w [n] out   v [n,n] out: row i is the unit vector of w[i], its
 *   coordinate of largest magnitude positive (the first of equals), so that its sign is settled
 * VS_OK | VS_E_NUMERIC (a holds NaN or an infinity) | VS_E_NOMEM.  O(n^3).  Golub & Van Loan, Matrix Computations, 8.3. */
vs_status vs_eigen_symmetric(vs_err *err, double *a, size_t n, double *w, double *v) VS_MUST_CHECK;

#endif
