/* graph.c - see graph.h. */
#include "graph.h"

#include <stdlib.h>
#include <string.h>

#include "../base/alloc.h"

void vs_graph_free(vs_graph *g) {
    vs_free(g->first);
    vs_free(g->to);
    vs_free(g->weight);
    *g = (vs_graph){0};
}

/* What one end says of an edge. */
typedef struct said {
    uint32_t to;
    bool back; /* the other end says it */
    float weight;
} said;

static int by_end(const void *a, const void *b) {
    const said *x = a, *y = b;
    return x->to != y->to ? (x->to < y->to ? -1 : 1) : (int)x->back - (int)y->back;
}

/* Every statement twice, at both of its ends; first [n + 1] is where each point's begin. */
static void gather(const vs_knn *near, const float *p, size_t *first, said *all) {
    size_t n = near->n, k = near->k;
    memset(first, 0, (n + 1) * sizeof *first);
    for (size_t e = 0; e < n * k; e++) {
        first[e / k]++;
        first[near->idx[e]]++;
    }
    for (size_t i = 0, sum = 0; i <= n; i++) {
        size_t own = i < n ? first[i] : 0;
        first[i] = sum;
        sum += own;
    }
    for (size_t e = 0; e < n * k; e++) {
        uint32_t i = (uint32_t)(e / k), j = near->idx[e];
        all[first[i]++] = (said){j, false, p[e]};
        all[first[j]++] = (said){i, true, p[e]};
    }
    memmove(first + 1, first, n * sizeof *first); /* each was counted up to the next's beginning */
    first[0] = 0;
}

/* The statements on the same edge become one, where they lie. */
static void agree(const said *all, vs_both_fn *both, vs_graph *g) {
    size_t at = 0;
    for (size_t i = 0; i < g->n; i++) {
        size_t begin = g->first[i], end = g->first[i + 1];
        g->first[i] = at;
        for (size_t e = begin; e < end;) {
            float own = 0, other = 0;
            uint32_t to = all[e].to;
            for (; e < end && all[e].to == to; e++) *(all[e].back ? &other : &own) = all[e].weight;
            g->to[at] = to;
            g->weight[at++] = both(own, other);
        }
    }
    g->first[g->n] = at;
}

vs_status vs_graph_symmetric(vs_err *err, const vs_knn *near, const float *p, vs_both_fn *both, vs_graph *out) {
    size_t edges, twice;
    *out = (vs_graph){.n = near->n};
    if (!vs_mul(near->n, near->k, &edges) || !vs_mul(edges, 2, &twice))
        return vs_fail(err, VS_E_NOMEM, "no memory for the neighbours of %zu points", near->n);
    for (size_t e = 0; e < edges; e++)
        if (near->idx[e] >= near->n)
            return vs_fail(err, VS_E_RANGE, "neighbour %u of %zu points", near->idx[e], near->n);
    said *all = vs_alloc(twice, sizeof *all);
    out->first = vs_alloc(near->n + 1, sizeof *out->first);
    out->to = vs_alloc(twice, sizeof *out->to);
    out->weight = vs_alloc(twice, sizeof *out->weight);
    if (!all || !out->first || !out->to || !out->weight) {
        vs_free(all);
        vs_graph_free(out);
        return vs_fail(err, VS_E_NOMEM, "no memory for the neighbours of %zu points", near->n);
    }
    gather(near, p, out->first, all);
    for (size_t i = 0; i < near->n; i++)
        qsort(all + out->first[i], out->first[i + 1] - out->first[i], sizeof *all, by_end);
    agree(all, both, out);
    vs_free(all);
    return VS_OK;
}
