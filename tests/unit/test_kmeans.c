/* k-means against clusters that are known, the conditions of its fixed point, and figures of scikit-learn. */
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
#include "numeric/kmeans.h"
#include "space/space.h"

static uint64_t state_of = 1;
static double random_unit(void) { /* in (-1, 1) */
    state_of = state_of * 6364136223846793005ULL + 1442695040888963407ULL;
    return (double)(int32_t)(state_of >> 32) * 0x1p-31;
}

enum { N = 3000, D = 5, K = 6 };
static float x[N * D], centre[K * D], again[K * D];
static uint32_t which[N], which_again[N];

/* Rows around the corners of a simplex far from the origin; row i belongs to corner i mod K. */
static void corners(void) {
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < D; j++) x[i * D + j] = (float)(1000 + 10 * (i % K == j) + 1.5 * random_unit());
}

static double square_to(const float *a, const float *b, size_t d) {
    double sum = 0;
    for (size_t j = 0; j < d; j++) sum += ((double)a[j] - (double)b[j]) * ((double)a[j] - (double)b[j]);
    return sum;
}

static void known_clusters(void **state) {
    (void)state;
    double inertia;
    corners();
    assert_int_equal(vs_kmeans(NULL, x, N, D, K, 7, centre, which, &inertia), VS_OK);
    for (size_t i = K; i < N; i++) assert_int_equal(which[i], which[i % K]);
    for (size_t a = 0; a < K; a++)
        for (size_t b = 0; b < a; b++) assert_int_not_equal(which[a], which[b]);
}

/* 50 clusters far apart: seeds drawn one at a time miss some of them, from which rounds do not recover; the best of several
 * draws misses hardly any. */
static void far_apart(void **state) {
    (void)state;
    enum { C = 50, EACH = 40 };
    static float rows[C * EACH * 2], c[C * 2];
    static uint32_t of[C * EACH];
    size_t found = 0;
    for (size_t i = 0; i < C * EACH; i++) {
        rows[2 * i] = (float)(10.0 * (double)(i % C % 10) + random_unit());
        rows[2 * i + 1] = (float)(10.0 * (double)(i % C / 10) + random_unit());
    }
    for (uint64_t seed = 0; seed < 20; seed++) {
        double inertia;
        assert_int_equal(vs_kmeans(NULL, rows, C * EACH, 2, C, seed, c, of, &inertia), VS_OK);
        found += inertia < C * EACH; /* each row is within sqrt(2) of its cluster's middle, two thirds squared in the mean */
    }
    assert_true(found >= 18);
}

/* Of any answer: each row is with its nearest centre, each centre is the mean of its rows, the inertia is their sum. */
static void is_settled(const float *rows, size_t n, size_t d, size_t k, const float *c, const uint32_t *of,
                       double inertia) {
    double sum = 0, *mean = calloc(k * d, sizeof *mean);
    size_t *count = calloc(k, sizeof *count);
    assert_non_null(mean);
    assert_non_null(count);
    for (size_t i = 0; i < n; i++) {
        double own = square_to(rows + i * d, c + of[i] * d, d);
        for (size_t j = 0; j < k; j++) assert_true(own <= square_to(rows + i * d, c + j * d, d) + 1e-3);
        for (size_t j = 0; j < d; j++) mean[of[i] * d + j] += (double)rows[i * d + j];
        count[of[i]]++;
        sum += own;
    }
    for (size_t j = 0; j < k * d; j++)
        assert_true(!count[j / d] || fabs(mean[j] / (double)count[j / d] - (double)c[j]) < 1e-3);
    assert_true(fabs(sum - inertia) < 1e-4 * sum + 1e-9);
    free(mean);
    free(count);
}

static void settled(void **state) {
    (void)state;
    double inertia;
    for (size_t i = 0; i < N * D; i++) x[i] = (float)(100 + random_unit());
    assert_int_equal(vs_kmeans(NULL, x, N, D, K, 1, centre, which, &inertia), VS_OK);
    is_settled(x, N, D, K, centre, which, inertia);
}

static void same_for_any_threads(void **state) {
    (void)state;
    double inertia, other;
    for (size_t i = 0; i < N * D; i++) x[i] = (float)random_unit();
    vs_threads_set(1);
    assert_int_equal(vs_kmeans(NULL, x, N, D, K, 3, centre, which, &inertia), VS_OK);
    for (int threads = 2; threads <= 5; threads++) {
        vs_threads_set(threads);
        assert_int_equal(vs_kmeans(NULL, x, N, D, K, 3, again, which_again, &other), VS_OK);
        assert_memory_equal(centre, again, sizeof centre);
        assert_memory_equal(which, which_again, sizeof which);
        assert_true(inertia == other);
    }
    vs_threads_set(0);
}

/* The built-in words' first 2,000 rows, 20 centres: scikit-learn 1.9.1, KMeans(20, n_init=1, tol=0), ends at 21895.1 to
 * 22106.8 over the seeds 0..9, 22031.8 in the mean. */
static void as_scikit_learn(void **state) {
    (void)state;
    enum { ROWS = 2000, C = 20 };
    vs_space *s;
    assert_int_equal(vs_space_default(NULL, &s), VS_OK);
    size_t d = vs_space_dim(s);
    float *rows = malloc(ROWS * d * sizeof *rows), *c = malloc(C * d * sizeof *c);
    uint32_t *of = malloc(ROWS * sizeof *of);
    assert_true(rows && c && of);
    for (size_t i = 0; i < ROWS; i++) assert_int_equal(vs_space_row(NULL, s, i, rows + i * d), VS_OK);
    double inertia, mean = 0;
    for (uint64_t seed = 0; seed < 10; seed++) {
        assert_int_equal(vs_kmeans(NULL, rows, ROWS, d, C, seed, c, of, &inertia), VS_OK);
        is_settled(rows, ROWS, d, C, c, of, inertia);
        assert_true(inertia > 21800 && inertia < 22300);
        mean += inertia / 10;
    }
    assert_true(fabs(mean / 22031.8 - 1) < 0.005);
    free(rows);
    free(c);
    free(of);
    vs_space_free(s);
}

static void few_rows_differ(void **state) {
    (void)state;
    float rows[] = {1, 1, 1, 1, 2, 2, 1, 1, 2, 2, 1, 1}, c[6 * 2];
    uint32_t of[6];
    double inertia;
    assert_int_equal(vs_kmeans(NULL, rows, 6, 2, 4, 5, c, of, &inertia), VS_OK);
    assert_true(inertia < 1e-12);
    assert_int_equal(of[0], of[1]);
    assert_int_equal(of[2], of[4]);
    assert_int_not_equal(of[0], of[2]);
    assert_int_equal(vs_kmeans(NULL, rows, 6, 2, 6, 5, c, of, &inertia), VS_OK);
    assert_true(inertia < 1e-12);
    assert_int_equal(vs_kmeans(NULL, rows, 6, 2, 1, 5, c, of, &inertia), VS_OK);
    assert_true(fabs((double)c[0] - 8.0 / 6) < 1e-6 && fabs(inertia - 2 * (4 * 1.0 / 9 + 2 * 4.0 / 9)) < 1e-5);
}

static void refused(void **state) {
    (void)state;
    vs_err err = {0};
    corners();
    assert_int_equal(vs_kmeans(&err, x, N, D, 0, 1, centre, which, NULL), VS_E_RANGE);
    assert_int_equal(vs_kmeans(&err, x, 3, D, 4, 1, centre, which, NULL), VS_E_RANGE);
    x[17] = NAN;
    assert_int_equal(vs_kmeans(&err, x, N, D, K, 1, centre, which, NULL), VS_E_NUMERIC);
    x[17] = 1e30F;
    assert_int_equal(vs_kmeans(&err, x, N, D, K, 1, centre, which, NULL), VS_E_NUMERIC);
    corners();
    vs_interrupt();
    assert_int_equal(vs_kmeans(&err, x, N, D, K, 1, centre, which, NULL), VS_E_STOPPED);
    vs_interrupt_clear();
    for (size_t n = 1;; n++) {
        vs_alloc_fail_at(n);
        vs_status status = vs_kmeans(&err, x, N, D, K, 1, centre, which, NULL);
        vs_alloc_fail_at(0);
        if (status == VS_OK) break;
        assert_int_equal(status, VS_E_NOMEM);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_clusters),  cmocka_unit_test(far_apart), cmocka_unit_test(settled),         cmocka_unit_test(same_for_any_threads),
        cmocka_unit_test(as_scikit_learn), cmocka_unit_test(few_rows_differ), cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests_name("k-means", tests, NULL, NULL);
}
