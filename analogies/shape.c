/* shape.c - see shape.h. */
#include "shape.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 64 };

void vs_picked_free(vs_picked *p) {
    vs_free(p->x);
    vs_free(p->unit);
    vs_free(p->row);
    vs_free(p->label);
    vs_arena_free(&p->arena);
    *p = (vs_picked){0};
}

/* Vectors being gathered: room for `cap`, those that were left out, whether a row is there. */
typedef struct basket {
    vs_picked *p;
    size_t cap, left_out;
    bool *have; /* [rows of the space] */
} basket;

static bool finite_all(const float *v, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!isfinite(v[i])) return false;
    return true;
}

/* Take a vector, whose numbers stand at its place already. */
static vs_status take(vs_err *err, basket *b, const char *label, size_t row) {
    vs_picked *p = b->p;
    if (row != SIZE_MAX) b->have[row] = true;
    if (!finite_all(p->x + p->n * p->d, p->d)) {
        b->left_out++;
        return VS_OK;
    }
    vs_buf t = {0};
    if (label)
        vs_buf_puts(&t, label);
    else
        vs_put_key(&t, p->space, row);
    p->label[p->n] = vs_arena_strndup(&p->arena, t.s ? t.s : "", t.len);
    p->row[p->n] = row;
    bool failed = t.failed || !p->label[p->n];
    vs_buf_free(&t);
    if (failed) return vs_fail(err, VS_E_NOMEM, "no memory for %zu words", p->n);
    p->n++;
    return VS_OK;
}

static vs_status take_row(vs_err *err, basket *b, size_t row) {
    if (b->have[row] || b->p->n == b->cap) return VS_OK;
    VS_TRY(vs_space_row(err, b->p->space, row, b->p->x + b->p->n * b->p->d));
    return take(err, b, NULL, row);
}

static vs_status room_for(vs_err *err, basket *b, size_t cap) {
    vs_picked *p = b->p;
    size_t nd, rows = vs_space_rows(p->space);
    p->d = vs_space_dim(p->space);
    b->cap = cap;
    p->x = vs_mul(cap, p->d, &nd) ? vs_alloc(nd, sizeof *p->x) : NULL;
    p->unit = p->x ? vs_alloc(nd, sizeof *p->unit) : NULL;
    p->label = vs_zalloc(cap, sizeof *p->label);
    p->row = vs_alloc(cap, sizeof *p->row);
    b->have = vs_zalloc(rows, sizeof *b->have);
    return p->x && p->unit && p->label && p->row && b->have
               ? VS_OK
               : vs_fail(err, VS_E_NOMEM, "no memory for %zu vectors", cap);
}

static vs_status take_near(vs_err *err, vs_session *s, const char *expr, size_t n, basket *b) {
    vs_value v = {0};
    VS_TRY(vs_session_eval(err, s, expr, strlen(expr), &v));
    size_t found = 0, *idx = vs_alloc(n, sizeof *idx);
    float *score = vs_alloc(n, sizeof *score);
    vs_status st = idx && score ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for %zu neighbours", n);
    if (st == VS_OK && v.dim != b->p->d)
        st = vs_fail(err, VS_E_SHAPE, "%s has %zu numbers, %s has %zu", expr, v.dim, vs_space_name(b->p->space),
                     b->p->d);
    if (st == VS_OK) st = vs_space_near(err, b->p->space, v.vec, n, NULL, 0, idx, score, &found);
    for (size_t i = 0; st == VS_OK && i < found; i++) st = take_row(err, b, idx[i]);
    vs_free(idx);
    vs_free(score);
    vs_value_free(&v);
    return st;
}

static vs_status gather(vs_err *err, vs_session *s, const vs_args *a, size_t top, const vs_word_value *w,
                        size_t n_words, basket *b) {
    vs_picked *p = b->p;
    size_t near = vs_has(a, "near") ? (size_t)vs_int(a, "n") : 0;
    if (near > vs_space_rows(p->space)) near = vs_space_rows(p->space);
    if (top > vs_space_rows(p->space)) top = vs_space_rows(p->space);
    VS_TRY(room_for(err, b, n_words + near + top));
    for (size_t i = 0; i < n_words; i++) {
        if (w[i].v.dim != p->d)
            return vs_fail(err, VS_E_SHAPE, "%s has %zu numbers, %s has %zu", w[i].text, w[i].v.dim,
                           vs_space_name(p->space), p->d);
        memcpy(p->x + p->n * p->d, w[i].v.vec, p->d * sizeof *p->x);
        VS_TRY(take(err, b, w[i].text, w[i].v.space == p->space ? w[i].row : SIZE_MAX));
    }
    if (near) VS_TRY(take_near(err, s, vs_text(a, "near"), near, b));
    for (size_t r = 0; r < top; r++) VS_TRY(take_row(err, b, r));
    for (size_t i = 0; i < p->n; i++) {
        double square = 0;
        for (size_t j = 0; j < p->d; j++) square += (double)p->x[i * p->d + j] * (double)p->x[i * p->d + j];
        for (size_t j = 0; j < p->d; j++)
            p->unit[i * p->d + j] = square > 0 ? (float)((double)p->x[i * p->d + j] / sqrt(square)) : 0;
    }
    return VS_OK;
}

vs_status vs_pick(vs_err *err, vs_session *s, const vs_args *a, size_t all, vs_picked *out, vs_out *o) {
    *out = (vs_picked){.space = vs_session_space(s)};
    size_t n = vs_arg_count(a), top = vs_has(a, "top") ? (size_t)vs_int(a, "top") : n || vs_has(a, "near") ? 0 : all;
    const char *text[WORDS_MAX], *in = vs_text(a, "in");
    if ((vs_has(a, "top") && vs_int(a, "top") < 1) || (vs_has(a, "near") && vs_int(a, "n") < 1) || n > WORDS_MAX)
        return vs_fail(err, VS_E_USAGE, "--top and -n want a number from 1; at most %d words", WORDS_MAX);
    if (in && !(out->space = vs_session_space_named(s, in))) return vs_fail(err, VS_E_UNKNOWN, "%s is not open", in);
    for (size_t i = 0; i < n; i++) text[i] = vs_arg(a, i);
    vs_word_value w[WORDS_MAX] = {{0}};
    vs_space *where = NULL;
    vs_status st = n ? vs_words_eval(err, s, text, n, w, &where, o) : VS_OK;
    if (where && !in) out->space = where;
    out->apart = n && !top && !vs_has(a, "near");
    for (size_t i = 0; i < n && st == VS_OK; i++) out->apart = out->apart && !w[i].v.n_rows;
    basket b = {.p = out};
    if (st == VS_OK) st = gather(err, s, a, top, w, n, &b);
    vs_words_free(w, n);
    vs_free(b.have);
    if (st == VS_OK && b.left_out)
        vs_out_note(o, "  left out: %zu rows that hold a number that is not finite", b.left_out);
    return st;
}

/* ---- clusters ---- */

void vs_clusters_free(vs_clusters *c) {
    vs_free(c->which);
    vs_free(c->size);
    vs_free(c->tight);
    vs_free(c->words);
    vs_arena_free(&c->arena);
    *c = (vs_clusters){0};
}

typedef struct standing {
    double cosine;
    size_t i;
} standing;

static int by_cosine(const void *a, const void *b) {
    const standing *x = a, *y = b;
    return x->cosine != y->cosine ? (x->cosine > y->cosine ? -1 : 1) : x->i < y->i ? -1 : x->i > y->i;
}

typedef struct group {
    size_t size, was;
} group;

static int by_size(const void *a, const void *b) {
    const group *x = a, *y = b;
    return x->size != y->size ? (x->size > y->size ? -1 : 1) : x->was < y->was ? -1 : x->was > y->was;
}

/* Clusters renamed so that the largest is the first. */
static vs_status largest_first(vs_err *err, const vs_picked *p, vs_clusters *c, float *centre) {
    group *g = vs_zalloc(c->k, sizeof *g);
    uint32_t *now = vs_alloc(c->k, sizeof *now);
    float *moved = vs_alloc(c->k * p->d, sizeof *moved);
    vs_status st = g && now && moved ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for %zu clusters", c->k);
    if (st == VS_OK) {
        for (size_t i = 0; i < c->k; i++) g[i].was = i;
        for (size_t i = 0; i < p->n; i++) g[c->which[i]].size++;
        qsort(g, c->k, sizeof *g, by_size);
        for (size_t i = 0; i < c->k; i++) {
            now[g[i].was] = (uint32_t)i;
            c->size[i] = g[i].size;
            memcpy(moved + i * p->d, centre + g[i].was * p->d, p->d * sizeof *moved);
        }
        for (size_t i = 0; i < p->n; i++) c->which[i] = now[c->which[i]];
        memcpy(centre, moved, c->k * p->d * sizeof *moved);
    }
    vs_free(g);
    vs_free(now);
    vs_free(moved);
    return st;
}

static vs_status name_them(vs_err *err, const vs_picked *p, const float *centre, size_t central, vs_clusters *c) {
    standing *at = vs_alloc(p->n, sizeof *at);
    if (!at) return vs_fail(err, VS_E_NOMEM, "no memory for %zu words", p->n);
    vs_status st = VS_OK;
    const char *between = " "; /* of words; of texts and expressions, which have blanks, a dot */
    for (size_t i = 0; i < p->n; i++)
        if (strpbrk(p->label[i], " \t")) between = " · ";
    for (size_t k = 0; st == VS_OK && k < c->k; k++) {
        size_t n = 0;
        double sum = 0;
        vs_buf b = {0};
        for (size_t i = 0; i < p->n; i++) {
            if (c->which[i] != k) continue;
            at[n] = (standing){(double)vs_cosine(p->unit + i * p->d, centre + k * p->d, p->d), i};
            sum += at[n++].cosine;
        }
        qsort(at, n, sizeof *at, by_cosine);
        for (size_t i = 0; i < n && i < central; i++) vs_buf_printf(&b, "%s%s", i ? between : "", p->label[at[i].i]);
        c->tight[k] = n ? sum / (double)n : 0;
        c->words[k] = vs_arena_strndup(&c->arena, b.s ? b.s : "", b.len);
        if (b.failed || !c->words[k]) st = vs_fail(err, VS_E_NOMEM, "no memory for the words of %zu clusters", c->k);
        vs_buf_free(&b);
    }
    vs_free(at);
    return st;
}

vs_status vs_cluster(vs_err *err, const vs_picked *p, int64_t k, size_t central, uint64_t seed, vs_clusters *out) {
    *out = (vs_clusters){0};
    if (k < 1 || (uint64_t)k > p->n)
        return vs_fail(err, VS_E_USAGE, "-k wants a number of clusters from 1 to the %zu vectors, not %lld", p->n,
                       (long long)k);
    *out = (vs_clusters){.k = (size_t)k};
    out->which = vs_alloc(p->n, sizeof *out->which);
    out->size = vs_zalloc(out->k, sizeof *out->size);
    out->tight = vs_alloc(out->k, sizeof *out->tight);
    out->words = vs_zalloc(out->k, sizeof *out->words);
    size_t kd;
    float *centre = vs_mul(out->k, p->d, &kd) ? vs_alloc(kd, sizeof *centre) : NULL;
    vs_status st = out->which && out->size && out->tight && out->words && centre
                       ? vs_kmeans(err, p->unit, p->n, p->d, out->k, seed, centre, out->which, NULL)
                       : vs_fail(err, VS_E_NOMEM, "no memory for %zu clusters", out->k);
    if (st == VS_OK) st = largest_first(err, p, out, centre);
    if (st == VS_OK) st = name_them(err, p, centre, central, out);
    vs_free(centre);
    if (st != VS_OK) vs_clusters_free(out);
    return st;
}
