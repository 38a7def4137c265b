/* transport.c - see transport.h.
 *
 * Nodes 0..m-1 are where something is, m..m+n-1 where something is wanted.  Anything may go from i to j; what flows
 * already may go back.  height[] is how far each node is from what is left, so that cost + height[from] - height[to] is
 * never negative, and 0 along what flows. */
#include "transport.h"

#include <math.h>
#include <string.h>

#include "../base/alloc.h"
#include "../base/parallel.h"

typedef struct network {
    size_t m, n;
    const double *cost; /* [m,n] */
    double *flow;       /* [m,n] */
    double *left;       /* [m+n] not yet sent, not yet received */
    double *height;     /* [m+n] */
    double *far;        /* [m+n] of the search under way */
    size_t *from;       /* [m+n] the node before on the shortest path; itself where the path begins */
    bool *settled;      /* [m+n] */
} network;

static vs_status check(vs_err *err, const double *v, size_t n, const char *what, double *sum) {
    *sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(v[i])) return vs_fail(err, VS_E_NUMERIC, "transport: %s %zu is not finite", what, i);
        if (v[i] < 0) return vs_fail(err, VS_E_RANGE, "transport: %s %zu is negative", what, i);
        *sum += v[i];
    }
    return VS_OK;
}

static size_t nearest_unsettled(const network *w) {
    size_t best = SIZE_MAX;
    for (size_t v = 0; v < w->m + w->n; v++)
        if (!w->settled[v] && isfinite(w->far[v]) && (best == SIZE_MAX || w->far[v] < w->far[best])) best = v;
    return best;
}

static void reach(network *w, size_t from, size_t to, double cost) {
    double far = w->far[from] + fmax(0, cost + w->height[from] - w->height[to]); /* below 0 by rounding alone */
    if (w->settled[to] || far >= w->far[to]) return;
    w->far[to] = far;
    w->from[to] = from;
}

/* The shortest paths from everything that is left, over reduced costs. */
static void search(network *w) {
    size_t all = w->m + w->n;
    for (size_t v = 0; v < all; v++) {
        w->from[v] = v;
        w->settled[v] = false;
        w->far[v] = v < w->m && w->left[v] > 0 ? -w->height[v] : (double)INFINITY;
    }
    for (size_t v; (v = nearest_unsettled(w)) != SIZE_MAX;) {
        w->settled[v] = true;
        if (v < w->m)
            for (size_t j = 0; j < w->n; j++) reach(w, v, w->m + j, w->cost[v * w->n + j]);
        else
            for (size_t i = 0; i < w->m; i++)
                if (w->flow[i * w->n + v - w->m] > 0) reach(w, v, i, -w->cost[i * w->n + v - w->m]);
    }
    for (size_t v = 0; v < all; v++)
        if (isfinite(w->far[v])) w->height[v] += w->far[v];
}

/* Send as much as goes along the cheapest path to a place that wants something. */
static void send(network *w) {
    size_t to = SIZE_MAX;
    for (size_t v = w->m; v < w->m + w->n; v++)
        if (w->left[v] > 0 && (to == SIZE_MAX || w->height[v] < w->height[to])) to = v;
    double most = w->left[to];
    size_t v = to;
    for (; w->from[v] != v; v = w->from[v])
        if (v < w->m) most = fmin(most, w->flow[v * w->n + w->from[v] - w->m]);
    most = fmin(most, w->left[v]);
    w->left[v] -= most;
    w->left[to] -= most;
    for (v = to; w->from[v] != v; v = w->from[v])
        if (v < w->m)
            w->flow[v * w->n + w->from[v] - w->m] -= most;
        else
            w->flow[w->from[v] * w->n + v - w->m] += most;
}

static bool any(const double *v, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (v[i] > 0) return true;
    return false;
}

static vs_status solve(vs_err *err, network *w) {
    while (any(w->left, w->m) && any(w->left + w->m, w->n)) {
        if (vs_interrupted()) return vs_fail(err, VS_E_STOPPED, "transport: interrupted");
        search(w);
        send(w);
    }
    return VS_OK;
}

vs_status vs_transport(vs_err *err, const double *supply, size_t m, const double *demand, size_t n, const double *cost,
                       double *flow, double *total) {
    double sent, wanted, unused;
    size_t cells, all;
    if (!vs_mul(m, n, &cells) || !vs_add(m, n, &all))
        return vs_fail(err, VS_E_RANGE, "transport: %zu by %zu places", m, n);
    VS_TRY(check(err, supply, m, "supply", &sent));
    VS_TRY(check(err, demand, n, "demand", &wanted));
    VS_TRY(check(err, cost, cells, "cost", &unused));
    if (fabs(sent - wanted) > 1e-9 * fmax(sent, wanted))
        return vs_fail(err, VS_E_RANGE, "transport: %g is there and %g is wanted; equal sums are", sent, wanted);
    memset(flow, 0, cells * sizeof *flow);
    network w = {.m = m, .n = n, .cost = cost, .flow = flow};
    w.left = vs_zalloc(all, 3 * sizeof *w.left);
    w.from = vs_alloc(all, sizeof *w.from);
    w.settled = vs_alloc(all, sizeof *w.settled);
    vs_status s = w.left && w.from && w.settled
                      ? VS_OK
                      : vs_fail(err, VS_E_NOMEM, "transport: no memory for %zu by %zu places", m, n);
    if (s == VS_OK) {
        w.height = w.left + all;
        w.far = w.left + 2 * all;
        if (m) memcpy(w.left, supply, m * sizeof *supply);
        if (n) memcpy(w.left + m, demand, n * sizeof *demand);
        s = solve(err, &w);
    }
    vs_free(w.left);
    vs_free(w.from);
    vs_free(w.settled);
    if (s == VS_OK && total) {
        *total = 0;
        for (size_t i = 0; i < cells; i++) *total += cost[i] * flow[i];
    }
    return s;
}
