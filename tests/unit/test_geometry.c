/* The geometry of clouds of vectors, alignments and overlaps, by their definitions and where they are known. */
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
#include "numeric/geometry.h"
#include "numeric/linalg.h"
#include "space/space.h"

enum { N = 300, D = 24 };
static float x[N * D], y[N * D];

/* Rows with a mean, unequal spreads and, at coordinate 5, an outlier. */
static void cloud(uint64_t seed) {
    assert_int_equal(vs_random_directions(NULL, N, D, seed, x), VS_OK);
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < D; j++) x[i * D + j] = x[i * D + j] * (float)(1 + j % 4) + (j == 5 ? 40.0F : 0.5F);
}

static double norm(const float *row) {
    double sum = 0;
    for (size_t j = 0; j < D; j++) sum += (double)row[j] * (double)row[j];
    return sqrt(sum);
}

static double dot(const float *a, const float *b) {
    double sum = 0;
    for (size_t j = 0; j < D; j++) sum += (double)a[j] * (double)b[j];
    return sum;
}

static void by_definition(void **state) {
    (void)state;
    static double c[D * D], spectrum[D];
    vs_geometry g;
    cloud(1);
    assert_int_equal(vs_geometry_of(NULL, x, N, D, spectrum, &g), VS_OK);
    double cosines = 0, pairs = 0, mean[D] = {0}, trace = 0, squares = 0, sum = 0;
    for (size_t i = 0; i < N; i++) {
        sum += norm(x + i * D) / N;
        for (size_t j = 0; j < i; j++, pairs++) cosines += dot(x + i * D, x + j * D) / norm(x + i * D) / norm(x + j * D);
        for (size_t j = 0; j < D; j++) mean[j] += (double)x[i * D + j] / N;
    }
    assert_true(fabs(g.cosine - cosines / pairs) < 1e-6);
    assert_true(fabs(g.norm_mean - sum) < 1e-6 * sum);
    for (size_t a = 0; a < D; a++)
        for (size_t b = 0; b < D; b++) {
            c[a * D + b] = 0;
            for (size_t i = 0; i < N; i++) c[a * D + b] += ((double)x[i * D + a] - mean[a]) * ((double)x[i * D + b] - mean[b]) / (N - 1);
            squares += c[a * D + b] * c[a * D + b];
            if (a == b) trace += c[a * D + b];
        }
    assert_true(fabs(g.effective - trace * trace / squares) < 1e-3); /* of the matrix itself, without eigenvalues */
    double w[D], v[D * D], held = 0;
    assert_int_equal(vs_eigen_symmetric(NULL, c, D, w, v), VS_OK);
    for (size_t k = 0; k < D; k++) {
        assert_true(fabs(spectrum[k] - w[k] / trace) < 1e-5);
        if (k + 1 == g.half) assert_true(held < 0.5 && held + w[k] / trace >= 0.5);
        if (k + 1 == g.most) assert_true(held < 0.9 && held + w[k] / trace >= 0.9);
        held += w[k] / trace;
    }
    assert_true(g.half && g.most > g.half && g.first == spectrum[0]);
    assert_true(g.top == 5 && g.top_share > 0.8 && g.outliers == 1);
}

static void fewer_rows_than_numbers(void **state) {
    (void)state;
    vs_geometry g;
    double spectrum[10];
    cloud(2);
    assert_int_equal(vs_geometry_of(NULL, x, 10, D, spectrum, &g), VS_OK);
    assert_true(spectrum[9] < 1e-6); /* ten rows less their mean lie in nine dimensions */
    assert_true(g.effective <= 9 && g.most <= 9);
    for (size_t j = 0; j < D; j++) x[j] = x[D + j] = (float)j; /* equal rows, one of them twice as long */
    for (size_t j = 0; j < D; j++) x[D + j] *= 2;
    assert_int_equal(vs_geometry_of(NULL, x, 2, D, spectrum, &g), VS_OK);
    assert_true(fabs(g.cosine - 1) < 1e-9 && fabs(g.effective - 1) < 1e-6 && fabs(g.norm_max / g.norm_min - 2) < 1e-9);
    memset(x, 0, sizeof x);
    assert_int_equal(vs_geometry_of(NULL, x, 5, D, spectrum, &g), VS_OK);
    assert_true(isnan(g.cosine) && g.effective == 0 && g.norm_mean == 0 && g.most == 0);
    assert_int_equal(vs_geometry_of(NULL, x, 1, D, spectrum, &g), VS_E_RANGE);
    x[3] = INFINITY;
    assert_int_equal(vs_geometry_of(NULL, x, 5, D, spectrum, &g), VS_E_NUMERIC);
}

/* 1 for a rotation with a scale and a shift; for others the formula over columns, |Y^T X|^2 / (|X^T X| |Y^T Y|). */
static void alignment(void **state) {
    (void)state;
    static float k[N * N], l[N * N];
    static double c[3][D * D];
    double norms[3] = {0, 0, 0}, mx[D] = {0}, my[D] = {0};
    cloud(3);
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < D; j += 2) { /* turned by 1 in each pair of coordinates */
            y[i * D + j] = (float)(7 + 3 * (cos(1) * (double)x[i * D + j] - sin(1) * (double)x[i * D + j + 1]));
            y[i * D + j + 1] = (float)(3 * (sin(1) * (double)x[i * D + j] + cos(1) * (double)x[i * D + j + 1]));
        }
    assert_int_equal(vs_centred_gram(NULL, x, N, D, k), VS_OK);
    assert_int_equal(vs_centred_gram(NULL, y, N, D, l), VS_OK);
    assert_true(fabs(vs_cka(k, l, N) - 1) < 1e-5);
    for (size_t i = 0; i < N * D; i++) y[i] = (float)((double)x[i] * sin((double)(i % D)) + (double)x[i / 2]);
    assert_int_equal(vs_centred_gram(NULL, y, N, D, l), VS_OK);
    for (size_t i = 0; i < N * D; i++) {
        mx[i % D] += (double)x[i] / N;
        my[i % D] += (double)y[i] / N;
    }
    for (size_t i = 0; i < N; i++)
        for (size_t a = 0; a < D; a++)
            for (size_t b = 0; b < D; b++) {
                double xa = (double)x[i * D + a] - mx[a], xb = (double)x[i * D + b] - mx[b];
                double ya = (double)y[i * D + a] - my[a], yb = (double)y[i * D + b] - my[b];
                c[0][a * D + b] += xa * yb;
                c[1][a * D + b] += xa * xb;
                c[2][a * D + b] += ya * yb;
            }
    for (size_t m = 0; m < 3; m++)
        for (size_t i = 0; i < D * D; i++) norms[m] += c[m][i] * c[m][i];
    double want = norms[0] / sqrt(norms[1] * norms[2]);
    assert_true(want < 0.95 && fabs(vs_cka(k, l, N) - want) < 1e-4);
    memset(l, 0, sizeof l);
    assert_true(isnan(vs_cka(k, l, N)));
}

static void subspaces(void **state) {
    (void)state;
    enum { R = 3 };
    static float g[D * D], u[R * D], v[R * D];
    double part, mean, cosine[R];
    /* 9, 4, 1 along three orthogonal directions, 0.01 along all axes */
    static double axis[R][D];
    for (size_t k = 0; k < R; k++)
        for (size_t j = 0; j < D; j++) axis[k][j] = cos(acos(-1) / D * ((double)j + 0.5) * (double)(k + 1)) * sqrt(2.0 / D);
    static const double weight[] = {9, 4, 1};
    for (size_t a = 0; a < D; a++)
        for (size_t b = 0; b < D; b++) {
            double sum = a == b ? 0.01 : 0;
            for (size_t k = 0; k < R; k++) sum += weight[k] * axis[k][a] * axis[k][b];
            g[a * D + b] = (float)sum;
        }
    assert_int_equal(vs_leading(NULL, g, D, R, v, &part), VS_OK);
    assert_true(fabs(part - (14 + 0.03) / (14 + 0.01 * D)) < 1e-4);
    for (size_t k = 0; k < R; k++)
        for (size_t j = 0; j < D; j++) u[k * D + j] = (float)axis[k][j];
    assert_int_equal(vs_overlap(NULL, u, v, R, D, &mean, cosine), VS_OK);
    assert_true(fabs(mean - 1) < 1e-4 && fabs(cosine[0] - 1) < 1e-4 && fabs(cosine[2] - 1) < 1e-4);
    /* planes of coordinates 0 1 2 and of 0, 1 turned by 60 degrees to 3, and 4: cosines 1, 0.5, 0 */
    memset(u, 0, sizeof u);
    memset(v, 0, sizeof v);
    u[0] = u[D + 1] = u[2 * D + 2] = 1;
    v[0] = v[2 * D + 4] = 1;
    v[D + 1] = 0.5F;
    v[D + 3] = (float)sqrt(0.75);
    assert_int_equal(vs_overlap(NULL, u, v, R, D, &mean, cosine), VS_OK);
    assert_true(fabs(mean - 1.25 / 3) < 1e-6 && fabs(cosine[0] - 1) < 1e-6 && fabs(cosine[1] - 0.5) < 1e-6 && cosine[2] < 1e-6);
    memset(g, 0, sizeof g); /* a matrix that has no direction at all: any will do */
    assert_int_equal(vs_leading(NULL, g, D, R, v, &part), VS_OK);
    assert_true(part == 0);
    assert_int_equal(vs_overlap(NULL, v, v, R, D, &mean, NULL), VS_OK);
    assert_true(fabs(mean - 1) < 1e-5);
    assert_int_equal(vs_leading(NULL, g, D, D + 1, v, &part), VS_E_RANGE);
}

static void packing(void **state) {
    (void)state;
    vs_packing p;
    double sum = 0;
    size_t fit = 0, taken[N];
    assert_int_equal(vs_random_directions(NULL, N, D, 4, x), VS_OK);
    assert_int_equal(vs_packing_of(NULL, x, N, D, 0.3, &p), VS_OK);
    for (size_t i = 0; i < N; i++) {
        bool clear = true;
        for (size_t j = 0; j < i; j++) sum += fabs(dot(x + i * D, x + j * D)) / norm(x + i * D) / norm(x + j * D);
        for (size_t k = 0; k < fit; k++) {
            const float *a = x + i * D, *b = x + taken[k] * D;
            clear &= fabs(dot(a, b)) / norm(a) / norm(b) <= 0.3;
        }
        if (clear) taken[fit++] = i;
    }
    assert_true(p.n == N && p.fit == fit && fabs(p.mean - sum / (N * (N - 1) / 2.0)) < 1e-6);
    /* of random directions: sqrt(2 / pi d), and 2.58 standard deviations of 1 / sqrt(d) */
    assert_true(fabs(p.mean - sqrt(2 / (acos(-1) * D))) < 0.01 && fabs(p.high - 2.55 / sqrt(D)) < 0.05);
    assert_true(fabs(p.bound - sqrt((N - D) / ((double)D * (N - 1)))) < 1e-12);
    memset(x, 0, sizeof x);
    for (size_t i = 0; i < D; i++) x[2 * i * D + i] = 2; /* axes, and zeros between them */
    assert_int_equal(vs_packing_of(NULL, x, N, D, 0, &p), VS_OK);
    assert_true(p.n == D && p.fit == D && p.mean == 0 && p.bound == 0);
    assert_int_equal(vs_packing_of(NULL, x, 1, D, 0, &p), VS_E_RANGE);
}

static void no_memory(void **state) {
    (void)state;
    static float g[D * D], v[4 * D], k[30 * 30];
    vs_err err = {0};
    vs_geometry geo;
    vs_packing p;
    double mean, cosine[4];
    cloud(5);
    for (size_t i = 0; i < D; i++) g[i * D + i] = (float)i;
    for (int what = 0; what < 5; what++)
        for (size_t n = 1;; n++) {
            vs_alloc_fail_at(n);
            vs_status s = what == 0   ? vs_geometry_of(&err, x, 30, D, NULL, &geo)
                          : what == 1 ? vs_centred_gram(&err, x, 30, D, k)
                          : what == 2 ? vs_leading(&err, g, D, 4, v, NULL)
                          : what == 3 ? vs_overlap(&err, v, v, 4, D, &mean, cosine)
                                      : vs_packing_of(&err, x, 30, D, 0.1, &p);
            vs_alloc_fail_at(0);
            if (s == VS_OK) break;
            assert_int_equal(s, VS_E_NOMEM);
        }
    vs_interrupt();
    assert_int_equal(vs_geometry_of(&err, x, N, D, NULL, &geo), VS_E_STOPPED);
    assert_int_equal(vs_packing_of(&err, x, N, D, 0.1, &p), VS_E_STOPPED);
    assert_int_equal(vs_leading(&err, g, D, 4, v, NULL), VS_E_STOPPED);
    vs_interrupt_clear();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_definition), cmocka_unit_test(fewer_rows_than_numbers), cmocka_unit_test(alignment),
        cmocka_unit_test(subspaces),     cmocka_unit_test(packing),                 cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests_name("geometry", tests, NULL, NULL);
}
