/* session_near.c - neighbours of values: of many at once, by a measure, among the rows that a filter leaves. */
#include <string.h>

#include "session_impl.h"
#include "text/match.h"

/* ---- filters ---- */

static size_t words_of(size_t rows) { return (rows + 63) / 64; }
static void set_bit(uint64_t *bits, size_t r) { bits[r / 64] |= UINT64_C(1) << (r % 64); }
static void clear_bit(uint64_t *bits, size_t r) { bits[r / 64] &= ~(UINT64_C(1) << (r % 64)); }

static vs_status keep_matches(vs_err *err, const vs_space *sp, const char *pattern, uint64_t *bits) {
    vs_regex *re;
    VS_TRY(vs_regex_new(err, pattern, strlen(pattern), &re));
    vs_status st = VS_OK;
    for (size_t r = 0; st == VS_OK && r < vs_space_rows(sp); r++) {
        size_t n;
        bool found = false;
        const char *key = vs_space_key(sp, r, &n);
        st = vs_regex_find(err, re, key, n, &found);
        if (!found) clear_bit(bits, r);
    }
    vs_regex_free(re);
    return st;
}

typedef struct chosen {
    uint64_t *bits;
    size_t rows;
} chosen;

static vs_status choose(void *arg, size_t n, const char *const *names, const vs_sql_value *v) {
    (void)n, (void)names;
    chosen *c = arg;
    if (v->type == VS_SQL_INT && v->i >= 0 && (uint64_t)v->i < c->rows) set_bit(c->bits, (size_t)v->i);
    return VS_OK;
}

/* The rows of vectors_of(space) for which a condition of SQL holds. */
static vs_status keep_where(vs_err *err, vs_session *s, const vs_space *sp, const char *where, uint64_t *bits) {
    vs_store *store;
    if (!where[strspn(where, " \t\n")]) return vs_fail(err, VS_E_SYNTAX, "where: a condition of SQL is wanted, such as key like 'q%%'");
    VS_TRY(vs_session_store(err, s, &store));
    chosen c = {.bits = vs_zalloc(words_of(vs_space_rows(sp)), sizeof *c.bits), .rows = vs_space_rows(sp)};
    vs_buf query = {0};
    vs_buf_puts(&query, "SELECT row FROM vectors_of('");
    for (const char *p = vs_space_name(sp); *p; p++) {
        if (*p == '\'') vs_buf_putc(&query, '\'');
        vs_buf_putc(&query, *p);
    }
    vs_buf_printf(&query, "') WHERE (%s\n)", where); /* a comment at its end stays its own */
    vs_status st = c.bits && !query.failed ? vs_store_sql(err, store, query.s, true, choose, &c, NULL)
                                           : vs_fail(err, VS_E_NOMEM, "no memory to choose rows");
    if (st != VS_OK) vs_fail_in(err, "where");
    for (size_t i = 0; st == VS_OK && i < words_of(c.rows); i++) bits[i] &= c.bits[i];
    vs_buf_free(&query);
    vs_free(c.bits);
    return st;
}

vs_status vs_session_filter(vs_err *err, vs_session *s, const vs_space *sp, const vs_filter *f, uint64_t **out) {
    *out = NULL;
    if (!f || (!f->match && !f->where && !f->first && !f->last)) return VS_OK;
    size_t rows = vs_space_rows(sp), first = f->first ? f->first - 1 : 0, last = f->last && f->last < rows ? f->last : rows;
    uint64_t *bits = vs_zalloc(words_of(rows), sizeof *bits);
    if (!bits) return vs_fail(err, VS_E_NOMEM, "no memory to choose among %zu rows", rows);
    for (size_t r = first; r < last; r++) set_bit(bits, r);
    vs_status st = f->match ? keep_matches(err, sp, f->match, bits) : VS_OK;
    if (st == VS_OK && f->where) st = keep_where(err, s, sp, f->where, bits);
    if (st == VS_OK)
        *out = bits;
    else
        vs_free(bits);
    return st;
}

/* ---- neighbours ---- */

/* What is looked for: the value, or what the final norm makes of a vector of the stream. */
static vs_status query_of(vs_err *err, const vs_value *v, vs_model *norm, vs_measure measure, float *q) {
    bool zero = true;
    for (size_t i = 0; i < v->dim && zero; i++) zero = v->vec[i] == 0;
    if (zero && measure == VS_MEASURE_COSINE)
        return vs_fail(err, VS_E_NUMERIC, "a zero vector has no direction, so it has no neighbours");
    if (norm) return vs_model_final_norm(err, norm, v->vec, 1, q);
    memcpy(q, v->vec, v->dim * sizeof *q);
    return VS_OK;
}

/* Values v[n] that all answer in one space, norm[i] as vs__answers_in() says. */
static vs_status near_in(vs_err *err, vs_session *s, vs_space *sp, const vs_value *v, size_t n, vs_model *const *norm,
                         const vs_near_how *how, vs_hit *hits, size_t *found) {
    size_t d = vs_space_dim(sp), slots, numbers;
    bool fits = vs_mul(n, how->k, &slots) && vs_mul(n, d, &numbers);
    vs_ask *ask = vs_alloc(n, sizeof *ask);
    float *q = fits ? vs_alloc(numbers, sizeof *q) : NULL, *score = fits ? vs_alloc(slots, sizeof *score) : NULL;
    size_t *idx = fits ? vs_alloc(slots, sizeof *idx) : NULL;
    uint64_t *allow = NULL;
    vs_status st = ask && q && score && idx ? vs_session_filter(err, s, sp, how->filter, &allow)
                                            : vs_fail(err, VS_E_NOMEM, "no memory for %zu neighbours", how->k);
    for (size_t i = 0; st == VS_OK && i < n; i++) {
        bool own = !how->keep_operands && v[i].space == sp;
        st = query_of(err, &v[i], norm[i], how->measure, q + i * d);
        ask[i] = (vs_ask){.q = q + i * d, .skip = own ? v[i].rows : NULL, .n_skip = own ? v[i].n_rows : 0,
                          .idx = idx + i * how->k, .score = score + i * how->k};
    }
    if (st == VS_OK) st = vs_space_near_many(err, sp, ask, n, how->k, how->measure, allow);
    for (size_t i = 0; st == VS_OK && i < n; i++) {
        found[i] = ask[i].found;
        for (size_t j = 0; j < found[i]; j++) {
            vs_hit *h = &hits[i * how->k + j];
            *h = (vs_hit){.row = ask[i].idx[j], .score = ask[i].score[j]};
            h->key = vs_space_key(sp, h->row, &h->key_len);
        }
    }
    vs_free(ask);
    vs_free(q);
    vs_free(score);
    vs_free(idx);
    vs_free(allow);
    return st;
}

vs_status vs_session_near_many(vs_err *err, vs_session *s, const vs_value *v, size_t n, const vs_near_how *how, vs_hit *hits,
                               size_t *found, vs_space **where) {
    vs_model **norm = vs_zalloc(n, sizeof *norm);
    vs_status st = norm ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for %zu questions", n);
    for (size_t i = 0; i < n; i++) found[i] = 0;
    for (size_t i = 0; st == VS_OK && i < n; i++) st = vs__answers_in(err, s, &v[i], how->in, &where[i], &norm[i]);
    for (size_t i = 0, end; st == VS_OK && i < n; i = end) { /* neighbours in a row that ask the same space ask together */
        for (end = i + 1; end < n && where[end] == where[i];) end++;
        st = near_in(err, s, where[i], v + i, end - i, norm + i, how, hits + i * how->k, found + i);
    }
    vs_free(norm);
    return st;
}

size_t vs_hit_size(void) { return sizeof(vs_hit); }

vs_status vs_session_near(vs_err *err, vs_session *s, const vs_value *v, const char *in, size_t k, bool keep_operands,
                          vs_hit *hits, size_t *found, vs_space **where) {
    vs_near_how how = {.k = k, .in = in, .keep_operands = keep_operands};
    return vs_session_near_many(err, s, v, 1, &how, hits, found, where);
}
