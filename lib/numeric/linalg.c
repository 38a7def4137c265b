/* linalg.c - see linalg.h. */
#include "linalg.h"

#include <math.h>

#include <gsl/gsl_eigen.h>
#include <gsl/gsl_errno.h>

vs_status vs_eigen_symmetric(vs_err *err, double *a, size_t n, double *w, double *v) {
    for (size_t i = 0; i < n * n; i++)
        if (!isfinite(a[i])) return vs_fail(err, VS_E_NUMERIC, "a matrix to be decomposed holds a value that is not finite");
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
