/* linalg.c - see linalg.h. */
#include "linalg.h"

#include <float.h>
#include <math.h>

#include <gsl/gsl_blas.h>
#include <gsl/gsl_eigen.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_sort_vector.h>

#include "../tensor/kernels.h"

static vs_status all_finite(vs_err *err, const double *a, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!isfinite(a[i])) return vs_fail(err, VS_E_NUMERIC, "a matrix to be decomposed holds a value that is not finite");
    return VS_OK;
}

vs_status vs_eigen_symmetric(vs_err *err, double *a, size_t n, double *w, double *v) {
    VS_TRY(all_finite(err, a, n * n));
    if (n == 0) return VS_OK;
    gsl_set_error_handler_off();
    gsl_eigen_symmv_workspace *work = gsl_eigen_symmv_alloc(n);
    gsl_matrix *columns = gsl_matrix_alloc(n, n);
    gsl_matrix_view m = gsl_matrix_view_array(a, n, n);
    gsl_vector_view values = gsl_vector_view_array(w, n);
    int status = work && columns ? gsl_eigen_symmv(&m.matrix, &values.vector, columns, work) : GSL_ENOMEM;
    if (status == GSL_SUCCESS) status = gsl_eigen_symmv_sort(&values.vector, columns, GSL_EIGEN_SORT_VAL_DESC);
    for (size_t i = 0; i < n && status == GSL_SUCCESS; i++) {
        size_t top = 0;
        for (size_t j = 0; j < n; j++) {
            v[i * n + j] = gsl_matrix_get(columns, j, i);
            if (fabs(v[i * n + j]) > fabs(v[i * n + top])) top = j;
        }
        if (v[i * n + top] < 0)
            for (size_t j = 0; j < n; j++) v[i * n + j] = -v[i * n + j];
    }
    if (columns) gsl_matrix_free(columns);
    if (work) gsl_eigen_symmv_free(work);
    if (status == GSL_ENOMEM) return vs_fail(err, VS_E_NOMEM, "no memory for the eigenvectors of a matrix of %zu rows", n);
    return status == GSL_SUCCESS ? VS_OK : vs_fail(err, VS_E_NUMERIC, "eigenvectors: %s", gsl_strerror(status));
}

/* What GSL answered, in the house's codes. */
static vs_status said(vs_err *err, int status, const char *what, size_t m, size_t n) {
    if (status == GSL_SUCCESS) return VS_OK;
    if (status == GSL_ENOMEM) return vs_fail(err, VS_E_NOMEM, "no memory for the %s of a matrix of %zu x %zu", what, m, n);
    return vs_fail(err, VS_E_NUMERIC, "%s of a matrix of %zu x %zu: %s", what, m, n, gsl_strerror(status));
}

vs_status vs_eigenvalues_symmetric(vs_err *err, double *a, size_t n, double *w) {
    VS_TRY(all_finite(err, a, n * n));
    if (n == 0) return VS_OK;
    gsl_set_error_handler_off();
    gsl_eigen_symm_workspace *work = gsl_eigen_symm_alloc(n);
    gsl_matrix_view m = gsl_matrix_view_array(a, n, n);
    gsl_vector_view values = gsl_vector_view_array(w, n);
    int status = work ? gsl_eigen_symm(&m.matrix, &values.vector, work) : GSL_ENOMEM;
    if (work) gsl_eigen_symm_free(work);
    if (status == GSL_SUCCESS) gsl_sort_vector(&values.vector);
    if (status == GSL_SUCCESS) gsl_vector_reverse(&values.vector);
    return said(err, status, "eigenvalues", n, n);
}

/* ---- singular values ---- */

/* The sign of each pair of columns settled by the largest coordinate of v's. */
static void settle_signs(double *u, size_t m, double *v, size_t n, size_t k) {
    for (size_t i = 0; i < k; i++) {
        size_t top = 0;
        for (size_t r = 1; r < n; r++)
            if (fabs(v[r * k + i]) > fabs(v[top * k + i])) top = r;
        if (v[top * k + i] >= 0) continue;
        for (size_t r = 0; r < n; r++) v[r * k + i] = -v[r * k + i];
        for (size_t r = 0; r < m; r++) u[r * k + i] = -u[r * k + i];
    }
}

vs_status vs_svd(vs_err *err, const double *a, size_t m, size_t n, double *u, double *s, double *v) {
    VS_TRY(all_finite(err, a, m * n));
    if (m == 0 || n == 0) return VS_OK;
    gsl_set_error_handler_off();
    bool wide = m < n; /* GSL wants no fewer rows than columns: the transpose then, its factors the other way round */
    size_t k = wide ? m : n;
    gsl_matrix_view left = gsl_matrix_view_array(wide ? v : u, wide ? n : m, k);
    gsl_matrix_view right = gsl_matrix_view_array(wide ? u : v, k, k);
    gsl_vector_view values = gsl_vector_view_array(s, k);
    gsl_matrix_const_view whole = gsl_matrix_const_view_array(a, m, n);
    gsl_vector *work = gsl_vector_alloc(k);
    int status = work ? GSL_SUCCESS : GSL_ENOMEM;
    if (status == GSL_SUCCESS)
        status = wide ? gsl_matrix_transpose_memcpy(&left.matrix, &whole.matrix) : gsl_matrix_memcpy(&left.matrix, &whole.matrix);
    if (status == GSL_SUCCESS) status = gsl_linalg_SV_decomp(&left.matrix, &right.matrix, &values.vector, work);
    if (work) gsl_vector_free(work);
    if (status == GSL_SUCCESS) settle_signs(u, m, v, n, k);
    return said(err, status, "singular values", m, n);
}

/* ---- least squares ---- */

/* Whether column i of R [p,p] is one of those before it, but for rounding: its pivot is nothing beside the largest. */
static bool dependent(const gsl_matrix *r, size_t p, size_t *which) {
    double most = 0;
    for (size_t i = 0; i < p; i++) most = fmax(most, fabs(gsl_matrix_get(r, i, i)));
    for (size_t i = 0; i < p; i++)
        if (!(fabs(gsl_matrix_get(r, i, i)) > most * DBL_EPSILON * (double)r->size1)) {
            *which = i;
            return true;
        }
    return false;
}

vs_status vs_least_squares(vs_err *err, const double *x, const double *y, size_t n, size_t p, size_t q, double ridge, double *w) {
    VS_TRY(all_finite(err, x, n * p));
    VS_TRY(all_finite(err, y, n * q));
    if (p == 0 || q == 0) return VS_OK;
    if (!(ridge > 0) && n < p) return vs_fail(err, VS_E_RANGE, "least squares for %zu unknowns want as many rows, not %zu, or a ridge", p, n);
    gsl_set_error_handler_off();
    size_t m = n + (ridge > 0 ? p : 0), which = 0; /* a ridge is p more rows: sqrt(ridge) x the unit matrix, asked to give 0 */
    gsl_matrix *a = gsl_matrix_calloc(m, p), *b = gsl_matrix_calloc(m, q), *t = gsl_matrix_alloc(p, p), *work = gsl_matrix_alloc(p, q);
    int status = a && b && t && work ? GSL_SUCCESS : GSL_ENOMEM;
    bool no = false;
    if (status == GSL_SUCCESS) {
        for (size_t i = 0; i < n * p; i++) a->data[i] = x[i];
        for (size_t i = 0; i < n * q; i++) b->data[i] = y[i];
        for (size_t i = 0; ridge > 0 && i < p; i++) gsl_matrix_set(a, n + i, i, sqrt(ridge));
        status = gsl_linalg_QR_decomp_r(a, t);
    }
    if (status == GSL_SUCCESS && !(no = dependent(a, p, &which))) {
        gsl_matrix_view r = gsl_matrix_submatrix(a, 0, 0, p, p), top = gsl_matrix_submatrix(b, 0, 0, p, q);
        gsl_matrix_view out = gsl_matrix_view_array(w, p, q);
        status = gsl_linalg_QR_QTmat_r(a, t, b, work);
        if (status == GSL_SUCCESS) status = gsl_blas_dtrsm(CblasLeft, CblasUpper, CblasNoTrans, CblasNonUnit, 1, &r.matrix, &top.matrix);
        if (status == GSL_SUCCESS) status = gsl_matrix_memcpy(&out.matrix, &top.matrix);
    }
    gsl_matrix *all[] = {a, b, t, work};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i]) gsl_matrix_free(all[i]);
    if (no) return vs_fail(err, VS_E_NUMERIC, "least squares: column %zu depends on those before it; a ridge would settle it", which);
    return said(err, status, "least squares", n, p);
}

/* ---- Procrustes ---- */

/* ||x w||^2 over the rows of x. */
static int mapped_square(const gsl_matrix *x, const gsl_matrix *w, double *square) {
    gsl_matrix *mapped = gsl_matrix_alloc(x->size1, w->size2);
    if (!mapped) return GSL_ENOMEM;
    int status = gsl_blas_dgemm(CblasNoTrans, CblasNoTrans, 1, x, w, 0, mapped);
    *square = 0;
    for (size_t i = 0; i < x->size1 * w->size2; i++) *square += mapped->data[i] * mapped->data[i];
    gsl_matrix_free(mapped);
    return status;
}

vs_status vs_procrustes(vs_err *err, const double *x, const double *y, size_t n, size_t p, size_t q, double *w, double *scale) {
    VS_TRY(all_finite(err, x, n * p));
    VS_TRY(all_finite(err, y, n * q));
    if (p == 0 || q == 0) return VS_OK;
    size_t k = p < q ? p : q;
    if (n == 0) return vs_fail(err, VS_E_NUMERIC, "a rotation wants at least %zu pairs, not 0", k);
    gsl_set_error_handler_off();
    gsl_matrix *product = gsl_matrix_alloc(p, q), *u = gsl_matrix_alloc(p, k), *v = gsl_matrix_alloc(q, k);
    gsl_vector *s = gsl_vector_alloc(k);
    gsl_matrix_const_view mx = gsl_matrix_const_view_array(x, n, p), my = gsl_matrix_const_view_array(y, n, q);
    gsl_matrix_view mw = gsl_matrix_view_array(w, p, q);
    int status = product && u && v && s ? GSL_SUCCESS : GSL_ENOMEM;
    if (status == GSL_SUCCESS) status = gsl_blas_dgemm(CblasTrans, CblasNoTrans, 1, &mx.matrix, &my.matrix, 0, product);
    vs_status st = said(err, status, "product", p, q);
    if (st == VS_OK) st = vs_svd(err, product->data, p, q, u->data, s->data, v->data);
    double sum = 0, square = 0;
    for (size_t i = 0; st == VS_OK && i < k; i++) {
        double value = gsl_vector_get(s, i);
        sum += value;
        if (!(value > gsl_vector_get(s, 0) * DBL_EPSILON * (double)(p + q)))
            st = vs_fail(err, VS_E_NUMERIC, "a rotation of %zu numbers into %zu wants %zu independent pairs; these are %zu", p, q, k, i);
    }
    if (st == VS_OK) {
        status = gsl_blas_dgemm(CblasNoTrans, CblasTrans, 1, u, v, 0, &mw.matrix);
        if (status == GSL_SUCCESS && scale) status = mapped_square(&mx.matrix, &mw.matrix, &square);
        st = said(err, status, "rotation", p, q);
    }
    if (st == VS_OK && scale) *scale = square > 0 ? sum / square : 0;
    if (product) gsl_matrix_free(product);
    if (u) gsl_matrix_free(u);
    if (v) gsl_matrix_free(v);
    if (s) gsl_vector_free(s);
    return st;
}

bool vs_orthonormal(float *v, size_t n, size_t d) {
    bool whole = true;
    for (size_t i = 0; i < n; i++) {
        float *row = v + i * d;
        double before = sqrt((double)vs_sum_squares(row, d));
        for (int again = 0; again < 2; again++)
            for (size_t k = 0; k < i; k++) vs_axpy(-vs_dot(row, v + k * d, d), v + k * d, row, d);
        double norm = sqrt((double)vs_sum_squares(row, d));
        bool own = norm > 1e-6 * before;
        whole = whole && own;
        vs_scale_by(row, own ? (float)(1 / norm) : 0, d);
    }
    return whole;
}
