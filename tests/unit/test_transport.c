/* The transport problem: figures of another solver, every assignment of small ones, and the sign of a minimum - no cycle of
 * what could still be moved is cheaper than nothing. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/parallel.h"
#include "numeric/transport.h"

static uint64_t seed;
static uint32_t draw(uint32_t n) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(seed >> 33) % n;
}

/* Figures of ot.emd2 (POT 0.9.7) on the same amounts and costs. */
static void as_pot(void **state) {
    (void)state;
    enum { M = 4, N = 5 };
    static const double supply[M] = {0.1, 0.4, 0.3, 0.2}, demand[N] = {0.25, 0.05, 0.3, 0.15, 0.25};
    double cost[M * N], flow[M * N], total;
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) cost[i * N + j] = (i * 7 + j * 5 + i * j * 3) % 11 + 0.25 * j;
    assert_int_equal(vs_transport(NULL, supply, M, demand, N, cost, flow, &total), VS_OK);
    assert_true(fabs(total - 2.2249999999999996) < 1e-12);
}

/* Rows and columns of the flow are what was asked for, and no cycle among what could be moved has a negative cost (Floyd and
 * Warshall over the residual network). */
static void check(const double *supply, size_t m, const double *demand, size_t n, const double *cost, const double *flow, double total) {
    enum { MOST = 64 };
    size_t all = m + n;
    assert_true(all <= MOST);
    double sum = 0;
    for (size_t i = 0; i < m; i++) {
        double row = 0;
        for (size_t j = 0; j < n; j++) {
            assert_true(flow[i * n + j] >= 0);
            row += flow[i * n + j];
            sum += flow[i * n + j] * cost[i * n + j];
        }
        assert_true(row == supply[i]);
    }
    for (size_t j = 0; j < n; j++) {
        double column = 0;
        for (size_t i = 0; i < m; i++) column += flow[i * n + j];
        assert_true(column == demand[j]);
    }
    assert_true(fabs(sum - total) <= 1e-12 * (1 + sum));
    double *far = calloc(all * all, sizeof *far);
    assert_non_null(far);
    for (size_t a = 0; a < all; a++)
        for (size_t b = 0; b < all; b++) {
            far[a * all + b] = a == b ? 0 : (double)INFINITY;
            if (a < m && b >= m) far[a * all + b] = cost[a * n + b - m];
            if (a >= m && b < m && flow[b * n + a - m] > 0) far[a * all + b] = -cost[b * n + a - m];
        }
    for (size_t k = 0; k < all; k++)
        for (size_t a = 0; a < all; a++)
            for (size_t b = 0; b < all; b++) far[a * all + b] = fmin(far[a * all + b], far[a * all + k] + far[k * all + b]);
    for (size_t a = 0; a < all; a++) assert_true(far[a * all + a] > -1e-9);
    free(far);
}

static void is_a_minimum(void **state) {
    (void)state;
    seed = 3;
    for (int k = 0; k < 300; k++) {
        size_t m = 1 + draw(12), n = 1 + draw(12), units = 0;
        double supply[12] = {0}, demand[12] = {0}, cost[144], flow[144], total;
        for (size_t i = 0; i < m; i++) units += (size_t)(supply[i] = draw(9));
        for (size_t u = 0; u < units; u++) demand[draw((uint32_t)n)]++;
        for (size_t i = 0; i < m * n; i++) cost[i] = k % 2 ? draw(6) : draw(100000) / 7919.0; /* ties, or none */
        assert_int_equal(vs_transport(NULL, supply, m, demand, n, cost, flow, &total), VS_OK);
        check(supply, m, demand, n, cost, flow, total);
    }
}

/* The cheapest of all ways to give n things to n places. */
static double cheapest(const double *cost, size_t n, size_t at, unsigned taken) {
    if (at == n) return 0;
    double best = (double)INFINITY;
    for (size_t j = 0; j < n; j++)
        if (!(taken >> j & 1)) best = fmin(best, cost[at * n + j] + cheapest(cost, n, at + 1, taken | 1u << j));
    return best;
}

static void assigns(void **state) {
    (void)state;
    seed = 11;
    for (int k = 0; k < 40; k++) {
        size_t n = 1 + draw(7);
        double one[7] = {1, 1, 1, 1, 1, 1, 1}, cost[49], flow[49], total;
        for (size_t i = 0; i < n * n; i++) cost[i] = draw(1000) / 100.0;
        assert_int_equal(vs_transport(NULL, one, n, one, n, cost, flow, &total), VS_OK);
        assert_true(fabs(total - cheapest(cost, n, 0, 0)) < 1e-9);
    }
}

static void refuses(void **state) {
    (void)state;
    double one[2] = {1, 1}, two[2] = {1, 2}, cost[4] = {0, 1, 1, 0}, flow[4], total = 1, bad[2] = {2, -1}, nan[2] = {(double)NAN, 2};
    assert_int_equal(vs_transport(NULL, one, 2, two, 2, cost, flow, &total), VS_E_RANGE);
    assert_int_equal(vs_transport(NULL, one, 1, bad, 2, cost, flow, &total), VS_E_RANGE);
    assert_int_equal(vs_transport(NULL, one, 2, nan, 2, cost, flow, &total), VS_E_NUMERIC);
    cost[1] = -1;
    assert_int_equal(vs_transport(NULL, one, 2, one, 2, cost, flow, &total), VS_E_RANGE);
    assert_int_equal(vs_transport(NULL, NULL, 0, NULL, 0, cost, flow, &total), VS_OK);
    assert_true(total == 0);
    for (size_t at = 1; at <= 3; at++) {
        cost[1] = 1;
        vs_alloc_fail_at(at);
        vs_status s = vs_transport(NULL, one, 2, one, 2, cost, flow, &total);
        vs_alloc_fail_at(0);
        assert_int_equal(s, VS_E_NOMEM);
    }
    vs_interrupt();
    assert_int_equal(vs_transport(NULL, one, 2, one, 2, cost, flow, &total), VS_E_STOPPED);
    vs_interrupt_clear();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_pot), cmocka_unit_test(is_a_minimum), cmocka_unit_test(assigns),
                                       cmocka_unit_test(refuses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
