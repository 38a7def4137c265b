/* Eigenvectors, singular values, least squares, rotations, correlations, intervals, and the principal components of a space,
 * against values worked out by hand, by their definition or by numpy. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/parallel.h"
#include "numeric/linalg.h"
#include "numeric/stats.h"
#include "space/space.h"

static uint64_t seed = 1;
static double random_unit(void) { /* in (-1, 1) */
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (double)(int32_t)(seed >> 32) * 0x1p-31;
}

static void eigen_by_hand(void **state) {
    (void)state;
    double a[] = {2, 1, 1, 2}, w[2], v[4];
    assert_int_equal(vs_eigen_symmetric(NULL, a, 2, w, v), VS_OK);
    const double h = 0.70710678118654752;
    assert_true(fabs(w[0] - 3) < 1e-12 && fabs(w[1] - 1) < 1e-12);
    assert_true(fabs(v[0] - h) < 1e-12 && fabs(v[1] - h) < 1e-12);
    assert_true(fabs(fabs(v[2]) - h) < 1e-12 && fabs(v[2] + v[3]) < 1e-12);
    double nan[] = {1, (double)NAN, (double)NAN, 1};
    assert_int_equal(vs_eigen_symmetric(NULL, nan, 2, w, v), VS_E_NUMERIC);
}

static void eigen_by_definition(void **state) {
    (void)state;
    enum { N = 40 };
    static double a[N * N], copy[N * N], w[N], v[N * N];
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j <= i; j++) a[i * N + j] = a[j * N + i] = random_unit();
    memcpy(copy, a, sizeof a);
    assert_int_equal(vs_eigen_symmetric(NULL, a, N, w, v), VS_OK);
    for (size_t k = 0; k < N; k++) {
        double largest = 0;
        if (k) assert_true(w[k - 1] >= w[k]);
        for (size_t i = 0; i < N; i++) {
            double sum = 0;
            for (size_t j = 0; j < N; j++) sum += copy[i * N + j] * v[k * N + j];
            assert_true(fabs(sum - w[k] * v[k * N + i]) < 1e-10);
            if (fabs(v[k * N + i]) > fabs(largest)) largest = v[k * N + i];
        }
        assert_true(largest > 0);
        for (size_t l = 0; l < N; l++) {
            double dot = 0;
            for (size_t i = 0; i < N; i++) dot += v[k * N + i] * v[l * N + i];
            assert_true(fabs(dot - (k == l)) < 1e-10);
        }
    }
}

static void random_matrices(double *x, double *y) { /* [12,3], [12,4] */
    seed = 7;
    for (size_t i = 0; i < 12 * 3; i++) x[i] = random_unit();
    for (size_t i = 0; i < 12 * 4; i++) y[i] = random_unit();
    seed = 1;
}

static void assert_near(const double *a, const double *b, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (fabs(a[i] - b[i]) > 1e-12) fail_msg("number %zu is %.17g, not %.17g", i, a[i], b[i]);
}

/* Tall and wide, against the definition. */
static void singular_values(void **state) {
    (void)state;
    enum { M = 9, N = 5 };
    double a[M * N], u[M * N], s[N], v[M * N];
    for (size_t i = 0; i < M * N; i++) a[i] = random_unit();
    for (int wide = 0; wide < 2; wide++) {
        size_t m = wide ? N : M, n = wide ? M : N, k = N;
        assert_int_equal(vs_svd(NULL, a, m, n, u, s, v), VS_OK);
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < n; j++) {
                double sum = 0;
                for (size_t l = 0; l < k; l++) sum += u[i * k + l] * s[l] * v[j * k + l];
                assert_true(fabs(sum - a[i * n + j]) < 1e-12);
            }
        for (size_t l = 0; l < k; l++) {
            double largest = 0;
            if (l) assert_true(s[l - 1] >= s[l] && s[l] > 0);
            for (size_t j = 0; j < n; j++)
                if (fabs(v[j * k + l]) > fabs(largest)) largest = v[j * k + l];
            assert_true(largest > 0);
            for (size_t h = 0; h < k; h++) {
                double in_u = 0, in_v = 0;
                for (size_t i = 0; i < m; i++) in_u += u[i * k + l] * u[i * k + h];
                for (size_t j = 0; j < n; j++) in_v += v[j * k + l] * v[j * k + h];
                assert_true(fabs(in_u - (l == h)) < 1e-12 && fabs(in_v - (l == h)) < 1e-12);
            }
        }
    }
    a[3] = (double)INFINITY;
    assert_int_equal(vs_svd(NULL, a, M, N, u, s, v), VS_E_NUMERIC);
}

/* Figures of numpy 2.4.6: linalg.lstsq, and linalg.solve(X'X + 0.5 I, X'Y). */
static void least_squares(void **state) {
    (void)state;
    static const double plain[] = {0.3761705649079985,   0.10819751778386988,  0.06408413291508884,  0.20369845603878037,
                                   -0.3232770425763682,  -0.45708034232730704, -0.7842975209567798,  -0.44617463543764135,
                                   -0.40631546993896545, -0.2931995030505642,  -0.9812490549603681,  -0.7086164064569461};
    static const double ridge[] = {0.29926911110799587,  0.06998867769427496,  -0.011805549209618137, 0.13053508391616195,
                                   -0.20868493781034236, -0.33568782745794873, -0.5218417011948839,   -0.27619385199635615,
                                   -0.25209344706608183, -0.16448249603043963, -0.6545588723817719,   -0.4782430425155636};
    double x[36], y[48], w[12];
    vs_err err = {0};
    random_matrices(x, y);
    assert_int_equal(vs_least_squares(&err, x, y, 12, 3, 4, 0, w), VS_OK);
    assert_near(w, plain, 12);
    assert_int_equal(vs_least_squares(&err, x, y, 12, 3, 4, 0.5, w), VS_OK);
    assert_near(w, ridge, 12);
    assert_int_equal(vs_least_squares(&err, x, y, 2, 3, 4, 0, w), VS_E_RANGE);
    assert_int_equal(vs_least_squares(&err, x, y, 2, 3, 4, 0.1, w), VS_OK);
    for (size_t i = 0; i < 12; i++) x[i * 3 + 2] = x[i * 3] - 2 * x[i * 3 + 1];
    assert_int_equal(vs_least_squares(&err, x, y, 12, 3, 4, 0, w), VS_E_NUMERIC);
    assert_non_null(strstr(err.msg, "column 2"));
    assert_int_equal(vs_least_squares(&err, x, y, 12, 3, 4, 0.5, w), VS_OK);
    y[0] = (double)NAN;
    assert_int_equal(vs_least_squares(&err, x, y, 12, 3, 4, 0, w), VS_E_NUMERIC);
}

/* Figures of numpy 2.4.6 (u, s, vt = linalg.svd(X'Y); u vt, sum(s) / ||X u vt||^2) and, for the square one, scipy 1.17.1:
 * linalg.orthogonal_procrustes, whose scale is sum(s). */
static void procrustes(void **state) {
    (void)state;
    static const double wider[] = {0.8740478630954862,  0.03491276897601154, -0.43320754190875527, 0.21714662607099156,
                                   -0.20189254042651655, -0.8696175968807492, -0.446245718235657,   0.062204471477702965,
                                   -0.1629280554252983,  0.31909041374425234, -0.6425301249040233,  -0.6773409741058579};
    static const double square[] = {0.9393276431292501,  -0.019263735931021694, -0.3424799079234113, -0.1636500970036763, -0.9026375105018799,
                                    -0.3980755837597382, -0.3014667885587661,   0.429970270033812,   -0.8510248775935492};
    double x[36], y[48], y3[36], w[12], c, length = 0;
    vs_err err = {0};
    random_matrices(x, y);
    assert_int_equal(vs_procrustes(&err, x, y, 12, 3, 4, w, &c), VS_OK);
    assert_near(w, wider, 12);
    assert_true(fabs(c - 0.3897521902151191) < 1e-12);
    assert_int_equal(vs_procrustes(&err, y, x, 12, 4, 3, w, &c), VS_OK);
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 3; j++) assert_near(&w[i * 3 + j], &wider[j * 4 + i], 1);
    assert_true(fabs(c - 0.2536151384045576) < 1e-12);
    for (size_t i = 0; i < 12; i++) memcpy(&y3[i * 3], &y[i * 4], 3 * sizeof *y);
    for (size_t i = 0; i < 36; i++) length += x[i] * x[i];
    assert_int_equal(vs_procrustes(&err, x, y3, 12, 3, 3, w, &c), VS_OK);
    assert_near(w, square, 9);
    assert_true(fabs(c * length - 3.5978480233977095) < 1e-12);
    assert_int_equal(vs_procrustes(&err, x, y, 2, 3, 4, w, NULL), VS_E_NUMERIC);
    assert_non_null(strstr(err.msg, "wants 3 independent pairs; these are 2"));
    assert_int_equal(vs_procrustes(&err, x, y, 0, 3, 4, w, NULL), VS_E_NUMERIC);
    x[5] = (double)INFINITY;
    assert_int_equal(vs_procrustes(&err, x, y, 12, 3, 4, w, NULL), VS_E_NUMERIC);
}

/* Of 5 rows the third lies in the first two, so it becomes zero; the others are of length 1 and at right angles, and each lies in
 * what the rows up to it span: what is left of the original without its parts along them is nothing. */
static void orthonormal_rows(void **state) {
    (void)state;
    enum { N = 5, D = 40 };
    float was[N * D], v[N * D];
    for (size_t i = 0; i < N * D; i++) was[i] = (float)random_unit();
    for (size_t j = 0; j < D; j++) was[2 * D + j] = was[j] - 2 * was[D + j];
    memcpy(v, was, sizeof v);
    assert_false(vs_orthonormal(v, N, D));
    for (size_t i = 0; i < N; i++) {
        double left = 0;
        for (size_t k = 0; k <= i; k++) {
            double dot = 0;
            for (size_t j = 0; j < D; j++) dot += (double)v[i * D + j] * (double)v[k * D + j];
            assert_true(fabs(dot - (i == k && i != 2)) < 1e-6);
        }
        for (size_t j = 0; j < D; j++) {
            double rest = (double)was[i * D + j];
            for (size_t k = 0; k <= i; k++) {
                double along = 0;
                for (size_t c = 0; c < D; c++) along += (double)was[i * D + c] * (double)v[k * D + c];
                rest -= along * (double)v[k * D + j];
            }
            left += rest * rest;
        }
        assert_true(left < 1e-9);
    }
    assert_false(vs_orthonormal(v, N, D));
    memcpy(v + 2 * D, was + 2 * D, D * sizeof *v);
    assert_true(vs_orthonormal(v, 2, D) && vs_orthonormal(v + 3 * D, 2, D));
}

static void correlations(void **state) {
    (void)state;
    double x[] = {1, 2, 3, 4, 5}, y[] = {2, 4, 6, 8, 10}, z[] = {1, 8, 27, 64, 125}, down[] = {5, 4, 3, 2, 1};
    double work[10], flat[] = {1, 1, 1, 1, 1}, tied[] = {1, 2, 2, 3, 4};
    assert_true(fabs(vs_pearson(x, y, 5) - 1) < 1e-12);
    assert_true(fabs(vs_pearson(x, z, 5) - 0.94311752) < 1e-7);
    assert_true(fabs(vs_spearman(x, z, 5, work) - 1) < 1e-12);
    assert_true(fabs(vs_spearman(x, down, 5, work) + 1) < 1e-12);
    /* ranks 1 2.5 2.5 4 5 against 1 2 3 4 5: 9.5 / sqrt(10 * 9.5) */
    assert_true(fabs(vs_spearman(x, tied, 5, work) - 9.5 / sqrt(95)) < 1e-12);
    assert_true(isnan(vs_pearson(x, flat, 5)) && isnan(vs_spearman(flat, x, 5, work)));
    assert_true(isnan(vs_pearson(x, y, 1)) && isnan(vs_pearson(x, y, 0)));
}

static void intervals(void **state) {
    (void)state;
    double low, high;
    vs_wilson(50, 100, &low, &high);
    assert_true(fabs(low - 0.40383) < 1e-5 && fabs(high - 0.59617) < 1e-5);
    vs_wilson(0, 10, &low, &high);
    assert_true(low == 0 && fabs(high - 0.27753) < 1e-5);
    vs_wilson(10, 10, &low, &high);
    assert_true(fabs(low - 0.72247) < 1e-5 && fabs(high - 1) < 1e-12);
    vs_wilson(0, 0, &low, &high);
    assert_true(low == 0 && high == 1);
}

static const char *no_key(void *self, size_t row, size_t *len) {
    (void)self;
    (void)row;
    *len = 0;
    return "";
}

static vs_space *over(const float *data, size_t n, size_t d) {
    vs_space_desc desc = {.name = "test", .place = "test", .keys = {.key = no_key}};
    vs_space *s;
    assert_int_equal(vs_tensor_over(NULL, data, VS_F32, 2, (size_t[]){n, d}, &desc.rows, NULL), VS_OK);
    assert_int_equal(vs_space_new(NULL, &desc, &s), VS_OK);
    return s;
}

/* Rows far from the origin, spread along known directions: 3 along (1,2,2)/3, 1 along (2,1,-2)/3, 0.1 along the third. */
static void components_of_a_space(void **state) {
    (void)state;
    enum { N = 5000, D = 3 };
    static const double axis[D][D] = {{1, 2, 2}, {2, 1, -2}, {2, -2, 1}}, spread[D] = {3, 1, 0.1};
    static float x[N * D];
    for (size_t r = 0; r < N; r++) {
        double by[D];
        for (size_t k = 0; k < D; k++) by[k] = spread[k] * random_unit();
        for (size_t j = 0; j < D; j++) {
            double sum = 100;
            for (size_t k = 0; k < D; k++) sum += by[k] * axis[k][j] / 3;
            x[r * D + j] = (float)sum;
        }
    }
    x[17 * D] = NAN; /* left out */
    x[18 * D + 2] = INFINITY;
    vs_space *s = over(x, N, D);
    vs_err err = {0};
    double share, all = 0;
    for (size_t k = 0; k < D; k++) {
        float pc[D], again[D];
        double dot = 0;
        assert_int_equal(vs_space_pc(&err, s, k, pc, &share), VS_OK);
        for (size_t j = 0; j < D; j++) dot += (double)pc[j] * axis[k][j] / 3;
        assert_true(fabs(fabs(dot) - 1) < 1e-3);
        all += share;
        if (k == 0) assert_true(fabs(share - 9 / 10.01) < 0.01);
        assert_int_equal(vs_space_pc(&err, s, k, again, NULL), VS_OK);
        assert_memory_equal(pc, again, sizeof pc);
    }
    assert_true(fabs(all - 1) < 1e-9);
    float pc[D];
    assert_int_equal(vs_space_pc(&err, s, D, pc, &share), VS_E_RANGE);
    vs_space_free(s);
}

static void components_refused(void **state) {
    (void)state;
    float x[] = {1, 2, NAN, 1, 3, 4, 0, 1}, pc[2];
    vs_err err = {0};
    vs_space *s = over(x, 1, 2);
    assert_int_equal(vs_space_pc(&err, s, 0, pc, NULL), VS_E_NUMERIC);
    vs_space_free(s);
    s = over(x, 4, 2);
    vs_interrupt();
    assert_int_equal(vs_space_pc(&err, s, 0, pc, NULL), VS_E_STOPPED);
    vs_interrupt_clear();
    for (size_t n = 1;; n++) {
        vs_alloc_fail_at(n);
        vs_status status = vs_space_pc(&err, s, 0, pc, NULL);
        vs_alloc_fail_at(0);
        if (status == VS_OK) break;
        assert_int_equal(status, VS_E_NOMEM);
    }
    vs_space_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eigen_by_hand), cmocka_unit_test(eigen_by_definition),   cmocka_unit_test(correlations),
        cmocka_unit_test(intervals),     cmocka_unit_test(components_of_a_space), cmocka_unit_test(components_refused),
        cmocka_unit_test(singular_values), cmocka_unit_test(least_squares),         cmocka_unit_test(procrustes),
        cmocka_unit_test(orthonormal_rows),
    };
    return cmocka_run_group_tests_name("linear algebra", tests, NULL, NULL);
}
