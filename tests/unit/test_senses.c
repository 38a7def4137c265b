/* Silhouettes and agreement beside scikit-learn's figures; senses of made vectors whose groups are known. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/parallel.h"
#include "numeric/clusters.h"
#include "space/senses.h"

static vs_err err;
#define OK(call)                                                                                                       \
    do {                                                                                                               \
        if ((call) != VS_OK) fail_msg("%s: %s", #call, err.msg);                                                       \
    } while (0)

static void close_to(double got, double want) {
    if (!(fabs(got - want) < 1e-6)) fail_msg("%.9f, want %.9f", got, want);
}

/* sklearn 1.7, of the same numbers:
 *   x[i][j] = ((7 i + 13 j) % 11) / 4 + (2 (i % 3) where j = 0), i < 40, j < 3; w = i % 3 but w[5] = 0
 *   silhouette_samples(x, w)[[0, 5, 17, 39]], silhouette_score(x, w); with w = [0] * 39 + [1]: the score
 *   a = i % 3, b = (i % 3 where i % 5, else (i // 5) % 4), i < 30: adjusted_rand_score(a, b); purity counted by hand */
static void beside_sklearn(void **state) {
    (void)state;
    enum { N = 40, D = 3 };
    float x[N * D];
    uint32_t w[N], a[30], b[30];
    double each[N], mean, purity, rand;
    for (size_t i = 0; i < N; i++) {
        w[i] = i == 5 ? 0 : (uint32_t)i % 3;
        for (size_t j = 0; j < D; j++) x[i * D + j] = (float)((i * 7 + j * 13) % 11) / 4 + (j ? 0 : 2 * (float)(i % 3));
    }
    OK(vs_silhouette(&err, x, N, D, w, 3, each, &mean));
    close_to(mean, 0.183369244755903);
    close_to(each[0], 0.4255740864459204);
    close_to(each[5], -0.6254637192742324);
    close_to(each[17], 0.36062970899193697);
    close_to(each[39], 0.10384945450074445);
    double again[N];
    vs_threads_set(1);
    OK(vs_silhouette(&err, x, N, D, w, 5, again, NULL)); /* clusters without rows change nothing */
    assert_memory_equal(each, again, sizeof each);
    vs_threads_set(0);
    for (size_t i = 0; i < N; i++) w[i] = i == N - 1;
    OK(vs_silhouette(&err, x, N, D, w, 2, each, &mean));
    close_to(mean, -0.09293983144013748);
    assert_true(each[N - 1] == 0);
    for (size_t i = 0; i < N; i++) w[i] = 1;
    assert_int_equal(vs_silhouette(&err, x, N, D, w, 2, each, &mean), VS_E_RANGE);
    w[3] = 2;
    assert_int_equal(vs_silhouette(&err, x, N, D, w, 2, each, &mean), VS_E_RANGE);

    for (uint32_t i = 0; i < 30; i++) a[i] = i % 3, b[i] = i % 5 ? i % 3 : i / 5 % 4;
    OK(vs_agreement(&err, a, 3, b, 4, 30, &purity, &rand));
    close_to(rand, 0.6662893793623844);
    close_to(purity, 26.0 / 30);
    OK(vs_agreement(&err, a, 3, a, 3, 30, &purity, &rand));
    assert_true(purity == 1 && rand == 1);
    memset(b, 0, sizeof b);
    OK(vs_agreement(&err, b, 1, b, 1, 30, &purity, &rand));
    assert_true(purity == 1 && rand == 1);
    OK(vs_agreement(&err, b, 1, a, 3, 30, &purity, &rand)); /* one cluster says nothing */
    close_to(purity, 1.0 / 3);
    close_to(rand, 0);
    b[4] = 9;
    assert_int_equal(vs_agreement(&err, a, 3, b, 4, 30, &purity, &rand), VS_E_RANGE);
    assert_int_equal(vs_agreement(&err, a, 3, b, 4, 0, &purity, &rand), VS_E_RANGE);
}

/* Rows of `groups` groups, the i-th in group i % groups (of the sizes 3:2:1 …), 20 coordinates; number 7 is huge, the same but
 * for noise in all of them, number 8 is a constant. */
enum { D = 20 };
static double noise(uint32_t *r) {
    double sum = 0;
    for (int i = 0; i < 12; i++) sum += (double)((*r = *r * 1664525 + 1013904223) >> 8) / (1 << 24);
    return sum - 6;
}
static float *made(size_t n, size_t groups, double apart, uint32_t *truth) {
    float *x = malloc(n * D * sizeof *x);
    uint32_t r = 1;
    double centre[8][D];
    assert_non_null(x);
    for (size_t g = 0; g < groups; g++)
        for (size_t j = 0; j < D; j++) centre[g][j] = apart * noise(&r);
    for (size_t i = 0; i < n; i++) {
        size_t g = i % 6 < 3 ? 0 : i % 6 < 5 ? 1 : 2;
        truth[i] = (uint32_t)(g < groups ? g : 0);
        for (size_t j = 0; j < D; j++) {
            double scale = j == 7 ? 3000 : 1;
            x[i * D + j] = (float)(scale * (centre[truth[i]][j] * (j != 7) + noise(&r) + 10 * (j == 7)));
        }
        x[i * D + 8] = 123.456f;
    }
    return x;
}

static void groups_that_are_known(void **state) {
    (void)state;
    enum { N = 300 };
    for (size_t groups = 2; groups <= 3; groups++) {
        uint32_t truth[N];
        double purity, rand;
        vs_senses s, again;
        float *x = made(N, groups, 1.0, truth);
        OK(vs_senses_find(&err, x, N, D, 2, 5, 1, &s));
        assert_int_equal(s.k, groups);
        OK(vs_agreement(&err, s.which, s.k, truth, groups, N, &purity, &rand));
        if (!(rand > 0.95 && purity > 0.98)) fail_msg("%zu groups: purity %.3f, Rand %.3f", groups, purity, rand);
        assert_true(s.tried[s.k] > 0.1 && s.chance < 0.06 && s.chance > 0);
        for (size_t c = 0; c < s.k; c++) { /* the largest first; what sets a sense apart is its mean less that of all */
            assert_true(c == 0 || s.size[c] <= s.size[c - 1]);
            assert_true(s.tight[c] > 0.05);
            for (size_t j = 0; j < D; j++) {
                double mine = 0, all = 0;
                for (size_t i = 0; i < N; i++) {
                    all += (double)x[i * D + j] / N;
                    if (s.which[i] == c) mine += (double)x[i * D + j] / (double)s.size[c];
                }
                if (!(fabs(mine - all - (double)s.away[c * D + j]) < 1e-3 * (1 + fabs(all) / 1000))) fail_msg("sense %zu, coordinate %zu", c, j);
            }
        }
        vs_threads_set(1);
        OK(vs_senses_find(&err, x, N, D, 2, 5, 1, &again));
        vs_threads_set(0);
        assert_memory_equal(s.which, again.which, sizeof truth);
        assert_memory_equal(s.away, again.away, s.k * D * sizeof *s.away);
        assert_true(s.chance == again.chance && !memcmp(s.tried, again.tried, sizeof s.tried));
        vs_senses_free(&s);
        vs_senses_free(&again);
        free(x);
    }
}

/* More rows than silhouettes are taken of. */
static void many_rows(void **state) {
    (void)state;
    enum { N = 2500 };
    uint32_t *truth = malloc(N * sizeof *truth);
    float *x = made(N, 3, 1.0, truth);
    vs_senses s;
    double purity, rand;
    OK(vs_senses_find(&err, x, N, D, 2, 4, 1, &s));
    assert_int_equal(s.k, 3);
    OK(vs_agreement(&err, s.which, s.k, truth, 3, N, &purity, &rand));
    assert_true(rand > 0.95);
    vs_senses_free(&s);
    free(truth);
    free(x);
}

static void what_has_no_senses(void **state) {
    (void)state;
    uint32_t truth[60];
    vs_senses s;
    float *x = made(60, 1, 1.0, truth);
    OK(vs_senses_find(&err, x, 60, D, 2, 5, 1, &s)); /* one group: no better than chance */
    assert_true(s.tried[s.k] < s.chance + 0.03);
    vs_senses_free(&s);
    assert_int_equal(vs_senses_find(&err, x, 60, D, 1, 5, 1, &s), VS_E_RANGE);
    assert_int_equal(vs_senses_find(&err, x, 60, D, 3, 2, 1, &s), VS_E_RANGE);
    assert_int_equal(vs_senses_find(&err, x, 60, D, 2, 65, 1, &s), VS_E_RANGE);
    assert_int_equal(vs_senses_find(&err, x, 5, D, 2, 5, 1, &s), VS_E_RANGE);
    x[13] = NAN;
    assert_int_equal(vs_senses_find(&err, x, 60, D, 2, 5, 1, &s), VS_E_NUMERIC);
    for (size_t i = 0; i < 60 * D; i++) x[i] = x[i % D];
    x[13] = 1;
    for (size_t i = 0; i < 60; i++) memcpy(x + i * D, x, D * sizeof *x);
    assert_int_equal(vs_senses_find(&err, x, 60, D, 2, 5, 1, &s), VS_E_RANGE);
    assert_non_null(strstr(err.msg, "all the same"));
    for (size_t i = 0; i < 60; i++) x[i * D] = i < 20 ? 1.0f : 2.0f; /* two vectors that differ */
    OK(vs_senses_find(&err, x, 60, D, 2, 5, 1, &s));
    assert_int_equal(s.k, 2);
    assert_true(s.size[0] == 40 && s.size[1] == 20 && s.tried[2] > 0.999);
    vs_senses_free(&s);
    free(x);
}

static void out_of_memory(void **state) {
    (void)state;
    uint32_t truth[30];
    float *x = made(30, 2, 1.0, truth);
    vs_status st = VS_E_NOMEM;
    for (size_t n = 1; st != VS_OK; n++) {
        vs_senses s;
        assert_true(n < 500);
        vs_alloc_fail_at(n);
        st = vs_senses_find(&err, x, 30, D, 2, 3, 1, &s);
        vs_alloc_fail_at(0);
        if (st == VS_OK) vs_senses_free(&s);
        else assert_int_equal(st, VS_E_NOMEM);
    }
    free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(beside_sklearn), cmocka_unit_test(groups_that_are_known), cmocka_unit_test(many_rows),
                                       cmocka_unit_test(what_has_no_senses), cmocka_unit_test(out_of_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
