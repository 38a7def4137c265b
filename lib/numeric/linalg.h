/* linalg.h - linear algebra in double precision, by GSL. */
#ifndef VS_NUMERIC_LINALG_H
#define VS_NUMERIC_LINALG_H

#include "../base/status.h"

/* vs_eigen_symmetric() - a = V diag(w) V^T for a symmetric matrix, the largest value first.
 *   a [n,n]: the lower triangle is read; overwritten   w [n] out   v [n,n] out: row i is the unit vector of w[i], its
 *   coordinate of largest magnitude positive (the first of equals), so that its sign is settled
 * VS_OK | VS_E_NUMERIC (a holds NaN or an infinity) | VS_E_NOMEM.  O(n^3).  Golub & Van Loan, Matrix Computations, 8.3. */
vs_status vs_eigen_symmetric(vs_err *err, double *a, size_t n, double *w, double *v) VS_MUST_CHECK;

/* vs_eigenvalues_symmetric() - its eigenvalues alone, the largest first: a tenth of the time.  As above. */
vs_status vs_eigenvalues_symmetric(vs_err *err, double *a, size_t n, double *w) VS_MUST_CHECK;

/* vs_svd() - a = U diag(s) V^T, thin, the largest value first.
 *   a [m,n]   k = min(m,n)   u [m,k] out: column i the left vector of s[i]   s [k] out   v [n,k] out: column i the right one.
 *   Columns of the narrower side's factor are orthonormal always; those of the other one only where s[i] > 0.  The sign of a
 *   pair is settled: of column i of v the coordinate of largest magnitude is positive (the first of equals).
 * VS_OK | VS_E_NUMERIC (a holds NaN or an infinity) | VS_E_NOMEM.  O(m n k).  Golub & Reinsch 1970. */
vs_status vs_svd(vs_err *err, const double *a, size_t m, size_t n, double *u, double *s, double *v) VS_MUST_CHECK;

/* vs_least_squares() - the w that makes ||x w - y||^2 + ridge ||w||^2 least (Frobenius), by QR.
 *   x [n,p]   y [n,q]   ridge >= 0; 0: plain least squares, which wants n >= p   w [p,q] out
 * VS_OK | VS_E_RANGE (n < p without a ridge) | VS_E_NUMERIC (NaN or an infinity; or the columns of x depend on each other and
 * there is no ridge: which) | VS_E_NOMEM.  O((n + p) p (p + q)).  Golub & Van Loan, Matrix Computations, 5.3. */
vs_status vs_least_squares(vs_err *err, const double *x, const double *y, size_t n, size_t p, size_t q, double ridge,
                           double *w) VS_MUST_CHECK;

/* vs_procrustes() - the rotation (with reflections) that takes the rows of x nearest to those of y: w = U V^T of
 * x^T y = U diag(s) V^T (Schönemann 1966).  p <= q: of all w with w w^T = 1 the one with least ||x w - y||^2; p > q: of all
 * with w^T w = 1 the one with the greatest sum of dot products of the rows of x w with those of y.
 *   x [n,p]   y [n,q]   w [p,q] out
 *   scale out (may be NULL): the number c with least ||c x w - y||^2, sum(s) / ||x w||^2
 * VS_OK | VS_E_NUMERIC (NaN or an infinity; fewer independent pairs than min(p,q)) | VS_E_NOMEM.  O(n p q + p q min(p,q)). */
vs_status vs_procrustes(vs_err *err, const double *x, const double *y, size_t n, size_t p, size_t q, double *w,
                        double *scale) VS_MUST_CHECK;

/* vs_orthonormal() - the rows of v [n,d], overwritten, as orthonormal ones of the same span, in their order; one that lies among
 * those before it becomes zero.  False where there is such a row.  O(n^2 d).  Gram-Schmidt, twice. */
bool vs_orthonormal(float *v, size_t n, size_t d);

#endif
