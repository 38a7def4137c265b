/* rows.c - the sets of rows of a plan: what the stacks read, and the variants of a sweep. */
#include "exec.h"

#include <string.h>

vs_status vs__plan_rows(vs_err *err, vs_plan *p, size_t n_seqs, int stack, size_t prior, vs_rows **out) {
    if (p->n_of == p->cap_of) {
        size_t want = p->cap_of ? p->cap_of * 2 : 2;
        vs_rows *grown = want <= UINT16_MAX ? vs_grow(p->of, p->n_of, want, sizeof *grown) : NULL;
        if (!grown) return vs_fail(err, VS_E_NOMEM, "plan of %zu sets of rows", want);
        p->of = grown;
        p->cap_of = want;
    }
    vs_rows *r = &p->of[p->n_of++];
    *r = (vs_rows){.stack = stack, .n_seqs = n_seqs, .prior = prior};
    r->starts = vs_zalloc(n_seqs + 1, sizeof *r->starts);
    *out = r;
    return r->starts ? VS_OK : vs_fail(err, VS_E_NOMEM, "plan of %zu texts", n_seqs);
}

/* How many edges a head has in each text. */
static vs_status count_edges(vs_err *err, vs_rows *asks, const vs_rows *asked, bool cross) {
    size_t *edges = asks->edges[cross] = vs_zalloc(asks->n_seqs + 1, sizeof *edges), cells;
    if (!edges) return vs_fail(err, VS_E_NOMEM, "plan of %zu texts", asks->n_seqs);
    for (size_t i = 0; i < asks->n_seqs; i++) {
        size_t T = vs__rows(asks, i), S = vs__rows(asked, cross ? vs__asks(asks, i) : i);
        if (!cross) S += asks->prior + (asks->first ? asks->first[i] : 0);
        if (!vs_mul(T, S, &cells) || !vs_add(edges[i], cells, &edges[i + 1]))
            return vs_fail(err, VS_E_RANGE, "a text of %zu rows is too long", T);
    }
    return VS_OK;
}

/* The blocks in which queries are shared out: first, last, second, last but one, …, because under a causal mask late
 * queries cost more. */
static vs_status share_out(vs_err *err, vs_rows *r) {
    size_t n = 0, at = 0;
    for (size_t i = 0; i < r->n_seqs; i++) n += (vs__rows(r, i) + VS_QUERIES - 1) / VS_QUERIES;
    r->block = vs_alloc(n, sizeof *r->block);
    if (!r->block) return vs_fail(err, VS_E_NOMEM, "plan of %zu rows", r->rows);
    r->n_blocks = n;
    for (size_t i = 0; i < r->n_seqs; i++)
        for (size_t t = 0; t < vs__rows(r, i); t += VS_QUERIES, at++)
            r->block[at % 2 ? n - 1 - at / 2 : at / 2] = (vs_block){i, t};
    return VS_OK;
}

vs_status vs__plan_rows_done(vs_err *err, vs_plan *p, vs_rows *r) {
    r->rows = r->starts[r->n_seqs];
    for (size_t i = 0; i < r->n_seqs; i++)
        if (vs__rows(r, i) > r->longest) r->longest = vs__rows(r, i);
    VS_TRY(share_out(err, r));
    VS_TRY(count_edges(err, r, r, false));
    return r->stack ? count_edges(err, r, &p->of[r->asked], true) : VS_OK;
}

/* n texts of T rows, to be asked and not to ask. */
static vs_status whole_texts(vs_err *err, vs_plan *p, int stack, size_t n, size_t T, uint16_t *set) {
    vs_rows *r;
    VS_TRY(vs__plan_rows(err, p, n, stack, 0, &r));
    *set = (uint16_t)(p->n_of - 1);
    for (size_t i = 0; i < n; i++) r->starts[i + 1] = r->starts[i] + T;
    r->rows = r->starts[n];
    r->longest = T;
    return VS_OK;
}

vs_status vs__plan_memories(vs_err *err, vs_plan *p, const vs_variants *v, uint16_t *set) {
    return whole_texts(err, p, 0, v->of[0].n + 1, v->of[0].T, set);
}

/* Which memory a variant asks: its own, or the last, which is that of the pass without edits. */
static size_t memory_of(const vs_joins *made, size_t variant) {
    size_t i = 0;
    while (i < made->n && made->variant[i] != variant) i++;
    return i;
}

vs_status vs__plan_variants(vs_err *err, vs_plan *p, const vs_variants *v, int stack, size_t n, uint16_t memory, uint16_t *set,
                            uint16_t *whole) {
    const vs_joins *j = &v->of[stack];
    vs_rows *r;
    bool prefix = false;
    VS_TRY(vs__plan_rows(err, p, n, stack, 0, &r));
    *set = (uint16_t)(p->n_of - 1);
    r->first = vs_alloc(n, sizeof *r->first);
    r->variant = vs_alloc(n, sizeof *r->variant);
    r->asks = stack ? vs_alloc(n, sizeof *r->asks) : NULL;
    if (!r->first || !r->variant || (stack && !r->asks)) return vs_fail(err, VS_E_NOMEM, "plan of %zu variants", n);
    r->asked = memory;
    for (size_t i = 0; i < n; i++) {
        r->first[i] = j->first[i];
        r->variant[i] = j->variant[i];
        if (stack) r->asks[i] = memory_of(&v->of[0], j->variant[i]);
        r->starts[i + 1] = r->starts[i] + j->T - j->first[i];
        prefix |= j->first[i] != 0;
    }
    VS_TRY(vs__plan_rows_done(err, p, r));
    *whole = 0;
    return prefix ? whole_texts(err, p, stack, n, j->T, whole) : VS_OK;
}

void vs__plan_rows_free(vs_plan *p) {
    for (size_t i = 0; i < p->n_of; i++) {
        vs_free(p->of[i].starts);
        vs_free(p->of[i].first);
        vs_free(p->of[i].variant);
        vs_free(p->of[i].asks);
        vs_free(p->of[i].block);
        for (int k = 0; k < 2; k++) vs_free(p->of[i].edges[k]);
    }
    vs_free(p->of);
}
