/* Intervals: against closed forms, and the same for the same seed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/parallel.h"
#include "numeric/stats.h"

static void is_near(double a, double b, double within) {
    if (!(fabs(a - b) <= within)) fail_msg("%.6f, not %.6f", a, b);
}

static double mean_of(void *arg, const size_t *item, size_t n) {
    const double *x = arg;
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[item[i]];
    return sum / (double)n;
}

static double none(void *arg, const size_t *item, size_t n) {
    (void)arg, (void)item, (void)n;
    return (double)NAN;
}

/* scipy.stats: binomtest(8, 10).proportion_ci(method="wilson"); the ends of the range. */
static void wilson(void **state) {
    (void)state;
    double low, high;
    vs_wilson(8, 10, &low, &high);
    is_near(low, 0.490162, 1e-6);
    is_near(high, 0.943318, 1e-6);
    vs_wilson(0, 5, &low, &high);
    is_near(low, 0, 0);
    is_near(high, 0.434482, 1e-6);
    vs_wilson(0, 0, &low, &high);
    assert_true(low == 0 && high == 1);
}

/* The mean of n numbers spreads by their standard deviation over the root of n. */
static void bootstrap(void **state) {
    (void)state;
    enum { N = 400, DRAWS = 4000 };
    static double x[N];
    double mean = 0, square = 0, low, high, again[2];
    for (size_t i = 0; i < N; i++) mean += (x[i] = sin((double)i * 1.7) + 0.3 * cos((double)i)) / N;
    for (size_t i = 0; i < N; i++) square += (x[i] - mean) * (x[i] - mean);
    double half = 1.96 * sqrt(square / N / N);
    vs_err err = {0};
    assert_int_equal(vs_bootstrap(&err, mean_of, x, N, DRAWS, 7, &low, &high), VS_OK);
    is_near(low, mean - half, 0.1 * half);
    is_near(high, mean + half, 0.1 * half);
    assert_int_equal(vs_bootstrap(&err, mean_of, x, N, DRAWS, 7, &again[0], &again[1]), VS_OK);
    assert_true(again[0] == low && again[1] == high);
    assert_int_equal(vs_bootstrap(&err, mean_of, x, N, DRAWS, 8, &again[0], &again[1]), VS_OK);
    assert_true(again[0] != low);
    assert_int_equal(vs_bootstrap(&err, mean_of, x, 1, 10, 7, &low, &high), VS_OK);
    assert_true(low == x[0] && high == x[0]);
    assert_int_equal(vs_bootstrap(&err, mean_of, x, 0, 10, 7, &low, &high), VS_OK);
    assert_true(isnan(low) && isnan(high));
    assert_int_equal(vs_bootstrap(&err, none, x, N, 10, 7, &low, &high), VS_OK);
    assert_true(isnan(low) && isnan(high));
    vs_interrupt();
    assert_int_equal(vs_bootstrap(&err, mean_of, x, N, DRAWS, 7, &low, &high), VS_E_STOPPED);
    vs_interrupt_clear();
    for (size_t n = 1;; n++) {
        vs_alloc_fail_at(n);
        vs_status s = vs_bootstrap(&err, mean_of, x, N, 5, 7, &low, &high);
        vs_alloc_fail_at(0);
        if (s == VS_OK) break;
        assert_int_equal(s, VS_E_NOMEM);
    }
}

/* Fisher's transform of a rank correlation r of n pairs spreads by about sqrt((1 + r^2/2) / (n - 3)) (Bonett & Wright 2000). */
static void of_ranks(void **state) {
    (void)state;
    enum { N = 500 };
    static double x[N], y[N], work[2 * N];
    uint64_t seed = 3;
    for (size_t i = 0; i < N; i++) {
        double u[4];
        for (int k = 0; k < 4; k++) {
            seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
            u[k] = (double)(seed >> 11) * 0x1p-53;
        }
        x[i] = u[0] + u[1];
        y[i] = u[1] + u[2] + u[3];
    }
    double r = vs_spearman(x, y, N, work), half = 1.96 * sqrt((1 + r * r / 2) / (N - 3)), low, high;
    vs_err err = {0};
    assert_true(r > 0.3 && r < 0.5);
    assert_int_equal(vs_spearman_interval(&err, x, y, N, 1, &low, &high), VS_OK);
    is_near(low, tanh(atanh(r) - half), 0.015);
    is_near(high, tanh(atanh(r) + half), 0.015);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(wilson), cmocka_unit_test(bootstrap), cmocka_unit_test(of_ranks)};
    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
