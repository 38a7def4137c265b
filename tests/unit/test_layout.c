/* Graphs of neighbours, principal components, t-SNE and UMAP: against their definitions, and figures of scikit-learn
 * and umap-learn. */
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
#include "numeric/graph.h"
#include "numeric/linalg.h"
#include "numeric/principal.h"
#include "numeric/tsne.h"
#include "numeric/umap.h"
#include "space/layout.h"
#include "space/space.h"

static uint64_t state_of = 1;
static double random_unit(void) { /* in (-1, 1) */
    state_of = state_of * 6364136223846793005ULL + 1442695040888963407ULL;
    return (double)(int32_t)(state_of >> 32) * 0x1p-31;
}

/* ---- the graph ---- */

static float larger(float a, float b) { return a > b ? a : b; }
static float added(float a, float b) { return a + 10 * b + 10 * a + b; }

static void graph_by_hand(void **state) {
    (void)state;
    /* 0 names 1 and 2, 1 names 0 and 2, 2 names 3 and 0, 3 names 2 and 1 */
    const uint32_t idx[] = {1, 2, 0, 2, 3, 0, 2, 1};
    const float dist[8] = {0}, p[] = {1, 2, 3, 4, 5, 6, 7, 8};
    vs_knn near = {4, 2, idx, dist};
    vs_graph g;
    assert_int_equal(vs_graph_symmetric(NULL, &near, p, larger, &g), VS_OK);
    const size_t first[] = {0, 2, 5, 8, 10};
    const uint32_t to[] = {1, 2, 0, 2, 3, 0, 1, 3, 1, 2};
    const float weight[] = {3, 6, 3, 4, 8, 6, 4, 7, 8, 7};
    assert_memory_equal(g.first, first, sizeof first);
    assert_memory_equal(g.to, to, sizeof to);
    assert_memory_equal(g.weight, weight, sizeof weight);
    vs_graph_free(&g);
    assert_int_equal(vs_graph_symmetric(NULL, &near, p, added, &g), VS_OK);
    assert_true(g.weight[0] == 44 && g.weight[1] == 88 && g.weight[4] == 88);
    vs_graph_free(&g);
    near.n = 3;
    assert_int_equal(vs_graph_symmetric(NULL, &near, p, larger, &g), VS_E_RANGE);
}

/* ---- principal components ---- */

/* Against the eigenvectors of the covariance (or, where rows are fewer, of the products of rows). */
static void principal_by_eigen(size_t n, size_t d) {
    enum { K = 3 };
    float *x = malloc(n * d * sizeof *x), *mean = malloc(d * sizeof *mean), *v = malloc(K * d * sizeof *v);
    double *c = calloc(d * d, sizeof *c), *w = malloc(d * sizeof *w), *e = malloc(d * d * sizeof *e), share[K],
           whole = 0;
    assert_true(x && mean && v && c && w && e);
    for (size_t i = 0; i < n; i++) { /* long along the diagonal, less along the first axis, round otherwise */
        double a = 3 * random_unit(), b = 5 * random_unit();
        for (size_t j = 0; j < d; j++)
            x[i * d + j] = (float)(7 + a / sqrt((double)d) * 3 + (j == 0 ? b : 0) +
                                   0.4 * random_unit() * (double)(j + 1) / (double)d);
    }
    assert_int_equal(vs_principal(NULL, x, n, d, K, mean, v, share), VS_OK);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < d; j++)
            for (size_t k = 0; k <= j; k++)
                c[j * d + k] += ((double)x[i * d + j] - (double)mean[j]) * ((double)x[i * d + k] - (double)mean[k]);
    assert_int_equal(vs_eigen_symmetric(NULL, c, d, w, e), VS_OK);
    for (size_t j = 0; j < d; j++) whole += w[j];
    for (size_t k = 0; k < K; k++) {
        double dot = 0;
        for (size_t j = 0; j < d; j++) dot += (double)v[k * d + j] * e[k * d + j];
        assert_true(fabs(share[k] - w[k] / whole) < 1e-5);
        assert_true(k == 2 || dot > 0.9999); /* of the round rest the first direction is hardly its own */
    }
    free(x);
    free(mean);
    free(v);
    free(c);
    free(w);
    free(e);
}

static void principal(void **state) {
    (void)state;
    principal_by_eigen(500, 20);
    principal_by_eigen(30, 100);
    principal_by_eigen(300, 120);
    float same[] = {1, 2, 1, 2, 1, 2}, mean[2], v[4];
    double share[2];
    assert_int_equal(vs_principal(NULL, same, 3, 2, 2, mean, v, share), VS_OK);
    assert_true(share[0] == 0 && share[1] == 0);
    assert_int_equal(vs_principal(NULL, same, 3, 2, 3, mean, v, share), VS_E_RANGE);
    same[3] = INFINITY;
    assert_int_equal(vs_principal(NULL, same, 3, 2, 2, mean, v, share), VS_E_NUMERIC);
}

/* ---- t-SNE ---- */

enum { D = 50, MOST = 800 };
static float x[MOST * D], y[MOST * 2], again[MOST * 2];

static void words(size_t n) {
    vs_space *s;
    assert_int_equal(vs_space_default(NULL, &s), VS_OK);
    for (size_t i = 0; i < n; i++) assert_int_equal(vs_space_row(NULL, s, i, x + i * D), VS_OK);
    vs_space_free(s);
}

static double square_distance(const double *a, const double *b, size_t d) {
    double sum = 0;
    for (size_t j = 0; j < d; j++) sum += (a[j] - b[j]) * (a[j] - b[j]);
    return sum;
}

/* KL(P | Q) of a layout by the definition of van der Maaten & Hinton 2008, over all pairs; *slope: the length of its
 * gradient. */
static double divergence_by_definition(size_t n, double perplexity, double *slope) {
    double *unit = malloc(n * D * sizeof *unit), *p = calloc(n * n, sizeof *p), z = 0, kl = 0;
    assert_true(unit && p);
    for (size_t i = 0; i < n; i++) {
        double norm = 0;
        for (size_t j = 0; j < D; j++) norm += (double)x[i * D + j] * (double)x[i * D + j];
        for (size_t j = 0; j < D; j++) unit[i * D + j] = (double)x[i * D + j] / sqrt(norm);
    }
    for (size_t i = 0; i < n; i++) {
        double low = 1e-3, high = 1e4; /* of 1 / 2 sigma^2: entropy falls with it */
        double *row = p + i * n;
        for (int round = 0; round < 60; round++) {
            double beta = sqrt(low * high), sum = 0, entropy = 0;
            for (size_t j = 0; j < n; j++)
                sum += row[j] = i == j ? 0 : exp(-beta * square_distance(unit + i * D, unit + j * D, D));
            for (size_t j = 0; j < n; j++) {
                row[j] /= sum;
                if (row[j] > 0) entropy -= row[j] * log(row[j]);
            }
            *(entropy > log(perplexity) ? &low : &high) = beta;
        }
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double dx = (double)y[2 * i] - (double)y[2 * j], dy = (double)y[2 * i + 1] - (double)y[2 * j + 1];
            if (i != j) z += 1 / (1 + dx * dx + dy * dy);
        }
    *slope = 0;
    for (size_t i = 0; i < n; i++) {
        double g[2] = {0, 0};
        for (size_t j = 0; j < n; j++) {
            double dx = (double)y[2 * i] - (double)y[2 * j], dy = (double)y[2 * i + 1] - (double)y[2 * j + 1];
            double near = 1 / (1 + dx * dx + dy * dy), both = (p[i * n + j] + p[j * n + i]) / (2 * (double)n);
            if (i == j) continue;
            kl += both > 0 ? both * log(both * z / near) : 0;
            g[0] += 4 * (both - near / z) * near * dx;
            g[1] += 4 * (both - near / z) * near * dy;
        }
        *slope += g[0] * g[0] + g[1] * g[1];
    }
    *slope = sqrt(*slope);
    free(unit);
    free(p);
    return kl;
}

/* The first 300 and 400 built-in words: scikit-learn 1.9.1, TSNE(method="exact", init="pca") over unit rows, comes to
 * 0.776 and 0.837, with random beginnings to 0.829 and 0.833 of 400. */
static void exact_tsne(void **state) {
    (void)state;
    static const size_t of[] = {300, 400};
    static const double sklearn[] = {0.776, 0.837};
    vs_layout_options opt = {.kind = VS_LAYOUT_TSNE};
    for (size_t i = 0; i < 2; i++) {
        vs_layout_facts f;
        double slope, kl;
        words(of[i]);
        assert_int_equal(vs_layout(NULL, x, of[i], D, &opt, y, &f), VS_OK);
        kl = divergence_by_definition(of[i], 30, &slope);
        assert_true(f.exact && f.perplexity == 30);
        assert_true(fabs(kl - f.kl) < 1e-3);
        assert_true(slope < 1e-3); /* it has come to rest: at the beginning 0.1 and more */
        assert_true(kl < 1.08 * sklearn[i]);
    }
}

/* Cells for pairs: the divergence that is left is that of pairs, nearly. */
static void barnes_hut(void **state) {
    (void)state;
    enum { N = 400 };
    static uint32_t idx[N * (N - 1)];
    static float dist[N * (N - 1)];
    words(N);
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0, at = 0; j < N; j++)
            if (i != j) {
                double sum = 0;
                for (size_t m = 0; m < D; m++) sum += pow((double)x[i * D + m] - (double)x[j * D + m], 2);
                idx[i * (N - 1) + at] = (uint32_t)j;
                dist[i * (N - 1) + at++] = (float)sqrt(sum);
            }
    vs_knn near = {N, N - 1, idx, dist};
    vs_tsne_options opt = {.perplexity = 20, .theta = 0, .iterations = 1};
    double kl[2], theta[2] = {0, 0.5};
    for (size_t i = 0; i < 2; i++) { /* one step from the same beginning: the forces themselves */
        state_of = 5;
        for (size_t k = 0; k < 2 * N; k++) (i ? again : y)[k] = (float)(10 * random_unit());
        opt.theta = theta[i];
        assert_int_equal(vs_tsne(NULL, &near, &opt, NULL, i ? again : y, &kl[i]), VS_OK);
    }
    double apart = 0, moved = 0;
    state_of = 5;
    for (size_t k = 0; k < 2 * N; k++) {
        apart += pow((double)y[k] - (double)again[k], 2);
        moved += pow((double)y[k] - 10 * random_unit(), 2);
    }
    assert_true(apart > 0 && sqrt(apart / moved) < 0.01);
    assert_true(fabs(kl[0] - kl[1]) < 0.005 * kl[0]);
    y[5] = NAN;
    assert_int_equal(vs_tsne(NULL, &near, &opt, NULL, y, kl), VS_E_NUMERIC);
    opt.perplexity = N;
    assert_int_equal(vs_tsne(NULL, &near, &opt, NULL, again, kl), VS_E_RANGE);
}

/* ---- UMAP ---- */

/* umap-learn 0.5.12's find_ab_params(): (1, 0.1) 1.57694346 0.89506088, (1, 0.5) 0.58303002 1.33416699. */
static void curve(void **state) {
    (void)state;
    double a, b;
    assert_int_equal(vs_umap_curve(NULL, 1, 0.1, &a, &b), VS_OK);
    assert_true(fabs(a - 1.57694346) < 1e-5 && fabs(b - 0.89506088) < 1e-5);
    assert_int_equal(vs_umap_curve(NULL, 1, 0.5, &a, &b), VS_OK);
    assert_true(fabs(a - 0.58303002) < 1e-5 && fabs(b - 1.33416699) < 1e-5);
    assert_int_equal(vs_umap_curve(NULL, 0, 0.1, &a, &b), VS_E_RANGE);
    assert_int_equal(vs_umap_curve(NULL, 1, -1, &a, &b), VS_E_RANGE);
}

static void memberships(void **state) {
    (void)state;
    enum { K = 14 };
    float dist[K], p[K];
    double sum = 0, sigma = 0;
    for (size_t j = 0; j < K; j++) dist[j] = (float)(0.5 + 0.1 * sqrt((double)j));
    vs_umap_memberships(dist, K, 1, p);
    assert_true(p[0] == 1);
    for (size_t j = 0; j < K; j++) {
        sum += (double)p[j];
        double own = j ? -((double)dist[j] - (double)dist[0]) / log((double)p[j]) : 0;
        if (j == 1) sigma = own;
        assert_true(j < 2 || fabs(own / sigma - 1) < 1e-3); /* one sigma for all */
    }
    assert_true(fabs(sum - log2(K + 1)) < 1e-4);
    for (size_t j = 0; j < K; j++) dist[j] = j < 3 ? 0 : 2; /* twins of the point, then all others equally far: rho is 2 */
    vs_umap_memberships(dist, K, 1, p);
    for (size_t j = 0; j < K; j++) assert_true(p[j] == 1);
}

/* ---- layouts ---- */

/* Rows around four directions; row i belongs to i mod 4. */
static void four(size_t n) {
    memset(x, 0, sizeof x);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < D; j++) x[i * D + j] = (float)((j % 4 == i % 4) + 0.3 * random_unit());
}

/* Of each point's nearest in the plane the part that is of its own kind. */
static double pure(size_t n) {
    size_t own = 0;
    for (size_t i = 0; i < n; i++) {
        size_t near = i ? 0 : 1;
        double least = INFINITY;
        for (size_t j = 0; j < n; j++) {
            double to = hypot((double)y[2 * i] - (double)y[2 * j], (double)y[2 * i + 1] - (double)y[2 * j + 1]);
            if (j != i && to < least) {
                least = to;
                near = j;
            }
        }
        own += near % 4 == i % 4;
    }
    return (double)own / (double)n;
}

/* The first 800 words; kept is the part of ten neighbours that stays.  scikit-learn's t-SNE keeps 0.45 to 0.48 of such
 * words, umap-learn 0.5.12's UMAP 0.36 of 2,000, chance 10 of 799. */
static void layouts(void **state) {
    (void)state;
    static const double least[] = {0.05, 0.42, 0.33};
    for (vs_layout_kind kind = VS_LAYOUT_PCA; kind <= VS_LAYOUT_UMAP; kind++) {
        vs_layout_options opt = {.kind = kind, .min_dist = 0.1, .seed = 3};
        vs_layout_facts f, g;
        four(600);
        assert_int_equal(vs_layout(NULL, x, 600, D, &opt, y, &f), VS_OK);
        assert_true(pure(600) > (kind == VS_LAYOUT_PCA ? 0.8 : 0.99));
        words(MOST);
        vs_threads_set(1);
        assert_int_equal(vs_layout(NULL, x, MOST, D, &opt, y, &f), VS_OK);
        vs_threads_set(3);
        assert_int_equal(vs_layout(NULL, x, MOST, D, &opt, again, &g), VS_OK);
        vs_threads_set(0);
        assert_memory_equal(y, again, sizeof y);
        assert_true(f.kept > least[kind] && f.kept == g.kept && f.near == 10);
    }
}

static void few_and_equal(void **state) {
    (void)state;
    for (vs_layout_kind kind = VS_LAYOUT_PCA; kind <= VS_LAYOUT_UMAP; kind++) {
        vs_layout_options opt = {.kind = kind, .min_dist = 0.1, .seed = 3};
        vs_layout_facts f;
        vs_err err = {0};
        memset(x, 0, sizeof x); /* zero rows, then equal ones, then rows of one number */
        assert_int_equal(vs_layout(&err, x, 40, D, &opt, y, &f), VS_OK);
        for (size_t i = 0; i < 80; i++) assert_true(isfinite(y[i]));
        for (size_t i = 0; i < 40 * D; i++) x[i] = (float)(i % D);
        assert_int_equal(vs_layout(&err, x, 40, D, &opt, y, &f), VS_OK);
        for (size_t i = 0; i < 80; i++) assert_true(isfinite(y[i]));
        for (size_t n = 3; n < 9; n++) assert_int_equal(vs_layout(&err, x, n, 1, &opt, y, &f), VS_OK);
        words(5);
        assert_int_equal(vs_layout(&err, x, 5, D, &opt, y, &f), VS_OK);
        assert_int_equal(vs_layout(&err, x, 2, D, &opt, y, &f), VS_E_RANGE);
        x[7] = NAN;
        assert_int_equal(vs_layout(&err, x, 5, D, &opt, y, &f), VS_E_NUMERIC);
        words(40);
        vs_interrupt();
        assert_int_equal(vs_layout(&err, x, 40, D, &opt, y, &f), VS_E_STOPPED);
        vs_interrupt_clear();
        for (size_t n = 1;; n++) {
            vs_alloc_fail_at(n);
            vs_status status = vs_layout(&err, x, 10, D, &opt, y, &f);
            vs_alloc_fail_at(0);
            if (status == VS_OK) break;
            assert_int_equal(status, VS_E_NOMEM);
        }
    }
    vs_layout_options opt = {.kind = VS_LAYOUT_TSNE, .perplexity = 30};
    vs_layout_facts f;
    assert_int_equal(vs_layout(NULL, x, 40, D, &opt, y, &f), VS_E_RANGE);
    opt = (vs_layout_options){.kind = VS_LAYOUT_UMAP, .neighbours = 41, .min_dist = 0.1};
    assert_int_equal(vs_layout(NULL, x, 40, D, &opt, y, &f), VS_E_RANGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graph_by_hand), cmocka_unit_test(principal), cmocka_unit_test(exact_tsne),
        cmocka_unit_test(barnes_hut),    cmocka_unit_test(curve), cmocka_unit_test(memberships),     cmocka_unit_test(layouts),
        cmocka_unit_test(few_and_equal),
    };
    return cmocka_run_group_tests_name("layouts", tests, NULL, NULL);
}
