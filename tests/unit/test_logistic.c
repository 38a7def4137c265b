/* Logistic regression against scikit-learn's figures, against the condition of its minimum, both ways of solving it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "numeric/logistic.h"

static uint64_t seed;
static double random_unit(void) { /* in [-1, 1) */
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (double)(int32_t)(seed >> 32) * 0x1p-31;
}

/* How far from zero the gradient is: of w, lambda w - sum (y - p) x; of b, sum (y - p). */
static double gradient(const float *x, const uint8_t *y, size_t n, size_t d, double lambda, const double *w, double b) {
    double most = 0, sum_b = 0, *g = calloc(d, sizeof *g);
    assert_non_null(g);
    for (size_t j = 0; j < d; j++) g[j] = lambda * w[j];
    for (size_t i = 0; i < n; i++) {
        double f = b;
        for (size_t j = 0; j < d; j++) f += w[j] * (double)x[i * d + j];
        double pull = (y[i] ? 1 : 0) - 1 / (1 + exp(-f));
        sum_b += pull;
        for (size_t j = 0; j < d; j++) g[j] -= pull * (double)x[i * d + j];
    }
    for (size_t j = 0; j < d; j++) most = fmax(most, fabs(g[j]));
    free(g);
    return fmax(most, fabs(sum_b));
}

/* Figures of scikit-learn 1.7, LogisticRegression(C=1/lambda, tol=1e-14, solver="newton-cholesky"), on the same x and y. */
static void as_scikit_learn(void **state) {
    (void)state;
    enum { N = 12, D = 3 };
    float x[N * D];
    uint8_t y[N];
    for (int i = 0; i < N; i++) {
        y[i] = (i * i + i) % 5 < 2;
        for (int j = 0; j < D; j++) x[i * D + j] = (float)((i * 7 + j * 5) % 11 - 5) / 4 + (y[i] && j == 1 ? 0.5F : 0);
    }
    static const struct {
        double lambda, w[D], b;
    } known[] = {{0.1, {0.301393958554, 1.82631559126, -0.129336551706}, 0.114823774587},
                 {2.0, {-0.0739585061302, 0.665513699313, -0.210558221405}, 0.205097376374}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        double w[D], b;
        assert_int_equal(vs_logistic(NULL, x, y, N, D, known[k].lambda, w, &b), VS_OK);
        assert_true(fabs(b - known[k].b) < 1e-9);
        for (size_t j = 0; j < D; j++) assert_true(fabs(w[j] - known[k].w[j]) < 1e-9);
    }
}

static void as_scikit_learn_wide(void **state) {
    (void)state;
    enum { N = 5, D = 8 };
    float x[N * D];
    uint8_t y[N];
    for (int i = 0; i < N; i++) {
        y[i] = i % 2;
        for (int j = 0; j < D; j++) x[i * D + j] = (float)((i * 3 + j * j + i * j) % 7 - 3) / 2;
    }
    static const double known[D] = {-0.242357053871, 1.54754959533,   0.0828180066156,  -0.0767210406395,
                                    0,               0.0767210406395, -0.0828180066156, -0.242357053871};
    double w[D], b;
    assert_int_equal(vs_logistic(NULL, x, y, N, D, 0.5, w, &b), VS_OK);
    assert_true(fabs(b + 0.853673833065) < 1e-9);
    for (size_t j = 0; j < D; j++) assert_true(fabs(w[j] - known[j]) < 1e-9);
}

static void meets_the_condition(void **state) {
    (void)state;
    static const size_t shape[][2] = {{40, 5}, {200, 12}, {6, 6}, {8, 60}, {30, 300}, {2, 1}};
    static const double lambda[] = {1e-4, 0.05, 1, 30};
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++)
        for (size_t l = 0; l < sizeof lambda / sizeof *lambda; l++) {
            size_t n = shape[k][0], d = shape[k][1];
            float *x = calloc(n * d, sizeof *x);
            uint8_t *y = calloc(n, 1);
            double *w = calloc(d, sizeof *w), b;
            assert_true(x && y && w);
            seed = k + 1;
            for (size_t i = 0; i < n; i++) {
                y[i] = i % 3 == 0;
                for (size_t j = 0; j < d; j++) x[i * d + j] = (float)(5 * random_unit() + (y[i] ? 2 : 0));
            }
            vs_err err = {0};
            assert_int_equal(vs_logistic(&err, x, y, n, d, lambda[l], w, &b), VS_OK);
            assert_true(gradient(x, y, n, d, lambda[l], w, b) < 1e-7);
            free(x);
            free(y);
            free(w);
        }
}

/* 20 rows of 15 numbers are fitted over columns; with 25 columns of zeroes more, over rows: the same w. */
static void both_ways_agree(void **state) {
    (void)state;
    enum { N = 20, D = 15, WIDE = 40 };
    float narrow[N * D], wide[N * WIDE] = {0};
    uint8_t y[N];
    double w1[D], w2[WIDE], b1, b2;
    seed = 7;
    for (size_t i = 0; i < N; i++) {
        y[i] = random_unit() > 0;
        for (size_t j = 0; j < D; j++) narrow[i * D + j] = wide[i * WIDE + j] = (float)random_unit();
    }
    assert_int_equal(vs_logistic(NULL, narrow, y, N, D, 0.3, w1, &b1), VS_OK);
    assert_int_equal(vs_logistic(NULL, wide, y, N, WIDE, 0.3, w2, &b2), VS_OK);
    assert_true(fabs(b1 - b2) < 1e-10);
    for (size_t j = 0; j < WIDE; j++) assert_true(fabs(w2[j] - (j < D ? w1[j] : 0)) < 1e-10);
}

static void refuses(void **state) {
    (void)state;
    float x[4] = {1, 2, 3, 4};
    uint8_t one_class[2] = {1, 1}, y[2] = {0, 1};
    double w[2], b;
    assert_int_equal(vs_logistic(NULL, x, one_class, 2, 2, 1, w, &b), VS_E_RANGE);
    assert_int_equal(vs_logistic(NULL, x, y, 2, 2, 0, w, &b), VS_E_RANGE);
    assert_int_equal(vs_logistic(NULL, x, y, 2, 2, (double)NAN, w, &b), VS_E_RANGE);
    x[3] = NAN;
    assert_int_equal(vs_logistic(NULL, x, y, 2, 2, 1, w, &b), VS_E_NUMERIC);
}

static void no_memory(void **state) {
    (void)state;
    float x[4] = {1, 2, 3, 5};
    uint8_t y[2] = {0, 1};
    double w[2], b;
    vs_alloc_fail_at(1);
    vs_status s = vs_logistic(NULL, x, y, 2, 2, 1, w, &b);
    vs_alloc_fail_at(0);
    assert_int_equal(s, VS_E_NOMEM);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_scikit_learn), cmocka_unit_test(as_scikit_learn_wide), cmocka_unit_test(meets_the_condition),
                                       cmocka_unit_test(both_ways_agree), cmocka_unit_test(refuses), cmocka_unit_test(no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
